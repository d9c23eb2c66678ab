"""The state machines of `tests/test_core_any_order.py` on seed after seed, for a time: what `tests.fuzz` starts as
`any_order`. Hypothesis looks for no coverage, but it knows what a step is, and shrinks what fails to the steps that
are needed: they are written into the folder of what failed, with the seed."""

import sys
import traceback
from itertools import count
from pathlib import Path
from time import monotonic

import hypothesis
from hypothesis.stateful import run_state_machine_as_test

from tests.test_core_any_order import AnyOrder, NoOrderAtAll

MACHINES = (AnyOrder, NoOrderAtAll)
EXAMPLES = 50
"""Of each machine on a seed: a second or two."""
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    stateful_step_count=60,
    deadline=None,
    database=None,
    derandomize=False,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def main() -> None:
    seconds, first, kept = float(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    until, runs = monotonic() + seconds, 0
    for seed in count(first):
        for machine in MACHINES:
            try:
                run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=SETTINGS)
            except Exception as error:
                steps = "".join(traceback.format_exception(error))  # hypothesis puts the steps into its notes
                (kept / f"crash-seed-{seed}").write_text(steps, encoding="utf-8")
                print(f"{steps}\nseed {seed} fails", file=sys.stderr)
                sys.exit(1)
            runs += EXAMPLES
        print(f"stat::number_of_executed_units: {runs}", file=sys.stderr, flush=True)
        if monotonic() > until:
            return


if __name__ == "__main__":
    main()
