"""How far off is what the model keeps? Thousands of simulated calls, each judged by what was really played."""

from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing import Pool

from engine.sim.oracle import Cut, Kind, Verdict, judge
from engine.sim.scenarios import random_scenario
from engine.sim.world import run

BROKEN_SHOWN_MAX = 20
KINDS: dict[str, Kind] = {
    "nothing stalled, nothing run dry": "calm",
    "the same, silence not sent": "silence omitted",
    "stalls, underruns, lost echoes": "rough",
}


def measure(seeds: Sequence[int], jobs: int, say: Callable[[str], None]) -> bool:
    """Print the distribution; True if a law was broken."""
    with Pool(jobs) as pool:
        verdicts = pool.map(_verdict, seeds, chunksize=25)
    say(f"{len(seeds):,} simulated calls: |what the model keeps of a truncated item - what was played of it|, in ms")
    say_distribution([cut for each in verdicts for cut in each.cuts], say)
    races = sum(each.races for each in verdicts)
    broken = [(seed, why) for seed, each in zip(seeds, verdicts, strict=True) for why in each.broken]
    say(f"laws broken: {len(broken)}; cancels that crossed the end of their response (harmless): {races}")
    for seed, why in broken[:BROKEN_SHOWN_MAX]:
        say(f"  seed {seed}: {why}")
    met = Counter(condition for seed in seeds for condition in random_scenario(seed).conditions)
    say("calls that met: " + ", ".join(f"{name} {count:,}" for name, count in sorted(met.items())))
    return bool(broken)


def say_distribution(cuts: list[Cut], say: Callable[[str], None]) -> None:
    """A table of how far off the cuts are."""
    say(f"{'':<34}{'cuts':>7}{'p50':>8}{'p90':>8}{'p99':>8}{'max':>8}{'<= 20 ms':>10}")
    for name, kind in KINDS.items():
        errors = sorted(abs(cut.error_ms) for cut in cuts if cut.kind == kind)
        if errors:
            within = sum(error <= 20 for error in errors) / len(errors)
            marks = "".join(f"{_quantile(errors, share):>8.1f}" for share in (0.5, 0.9, 0.99, 1.0))
            say(f"{name:<34}{len(errors):>7,}{marks}{within:>10.1%}")


def _verdict(seed: int) -> Verdict:
    return judge(run(random_scenario(seed), seed))


def _quantile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]
