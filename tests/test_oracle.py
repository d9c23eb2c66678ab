"""Calls by the hundred, each another network and another conversation, judged by what was really played.

`engine/sim/scenarios.py` tells what is drawn. A failing seed is run again with
`python -m engine.bench oracle --seeds N:N+1`, or here with -k.
"""

from collections import Counter

import pytest

from engine.sim.oracle import Cut, judge
from engine.sim.scenarios import CONDITIONS, random_scenario
from engine.sim.stated import stated_at_end
from engine.sim.world import run

SEEDS = 320
BATCHES = 8


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_model_keeps_what_was_played(batch: int) -> None:
    """No call breaks a law, what was played lies within the bounds stated at the end, and where nothing stalls a
    truncate is right to 20 ms, but for one in a hundred."""
    cuts: list[Cut] = []
    for seed in range(batch, SEEDS, BATCHES):
        outcome = run(random_scenario(seed), seed)
        verdict = judge(outcome)
        assert [str(each) for each in stated_at_end(outcome) if each.breach_ms] == [], f"seed {seed}"
        assert not verdict.broken, f"seed {seed}: {'; '.join(verdict.broken)}"
        cuts += verdict.cuts
    calm = [abs(cut.error_ms) for cut in cuts if cut.kind == "calm"]
    assert len(calm) >= 16
    assert sum(error_ms > 20 for error_ms in calm) <= 1 + len(calm) // 100


def test_the_calls_cover_every_condition() -> None:
    """An oracle that never meets a stall proves nothing about stalls."""
    met = Counter(condition for seed in range(SEEDS) for condition in random_scenario(seed).conditions)
    assert all(met[condition] >= 10 for condition in CONDITIONS), met


def test_the_oracle_notices_a_core_that_takes_echoes_for_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count flushed marks as played, as public bridges do, and many calls fail."""
    monkeypatch.setattr("engine.core.playout.Playout._first_flushed", lambda self, flush: None)
    broken = sum(bool(judge(run(random_scenario(seed), seed)).broken) for seed in range(20))
    assert broken >= 8
