"""What is measured against what really happened: the simulated Twilio knows what it played and when, and what the
caller said is in the frames."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from engine.core import events as ev
from engine.core import wire_caller
from engine.sim.scenario import Scenario
from engine.sim.scenarios import random_scenario
from engine.sim.truth import heard_runs, underruns
from engine.sim.world import Outcome, run
from replay.metrics.measures import measure
from tests.replay_calls import log_of

WINDOW_MS = 20
"""The model's turn detection looks at so much at a time: where a turn ends is told to a window, never late."""
SEEDS = 180


def voice_ends_ms(outcome: Outcome) -> list[float]:
    """Where in the stream the caller was last audible, of each frame in which he was."""
    ends = []
    for entry in outcome.entries:
        if entry.kind == "input" and entry.audio and (audible := entry.audio.rstrip(b"\xff")) and entry.leg == "caller":
            event = wire_caller.decode(entry.body, entry.audio)[1]
            assert isinstance(event, ev.CallerAudio)
            ends.append(event.timestamp_ms + len(audible) / 8)
    return ends


def errors_ms(outcome: Outcome) -> Iterator[tuple[str, float]]:
    """What was measured less what is true, of each kind of number that has a truth."""
    measured = measure(log_of(outcome.entries, outcome.scenario.settings))
    runs = heard_runs(outcome.edge.played, outcome.items)
    starts_ms = {run.item_id: run.at_samples / 8 for run in reversed(runs)}
    spoke_ms = voice_ends_ms(outcome)
    for turn in measured.turns:
        if turn.start_ms is not None and turn.item_id in starts_ms:
            yield "start", turn.start_ms - starts_ms[turn.item_id]
        if turn.latency_ms is not None and turn.answers is not None:
            told_ms = measured.turns[turn.answers - 1].end_ms or 0
            last_ms = max(ms for ms in spoke_ms if ms < told_ms + 2 * WINDOW_MS)
            yield "latency", turn.latency_ms - (starts_ms[turn.item_id] - last_ms)
    assert len(measured.barge_ins) == len(outcome.edge.clears)
    for cut, clear in zip(measured.barge_ins, outcome.edge.clears, strict=True):
        ends = [each.at_samples + each.end - each.begin for each in runs if each.at_samples < clear.at_samples]
        if cut.stopped_at_ms is not None and ends:
            yield "stop", cut.stopped_at_ms - min(max(ends), clear.at_samples) / 8


def is_even(scenario: Scenario) -> bool:
    return scenario.is_calm and not scenario.edge.silence_kept_ms and scenario.caller_in.jitter_ms == 0


def is_jittery(scenario: Scenario) -> bool:
    return scenario.is_calm and not scenario.edge.silence_kept_ms and scenario.caller_in.jitter_ms > 0


@pytest.mark.parametrize(("kind", "within_ms", "seeds"), [(is_even, 1, SEEDS // 2), (is_jittery, 12, SEEDS // 4 + 2)])
def test_starts_stops_and_latencies_are_those_of_the_line(
    kind: Callable[[Scenario], bool], within_ms: int, seeds: int
) -> None:
    """Jitter is up to 200 ms here; what it costs is a tenth of that. Of the many calls with jitter these are half, and
    the widest errors of all are in them."""
    wrong: dict[str, list[float]] = defaultdict(list)
    for seed in range(seeds):
        scenario = random_scenario(seed)
        if kind(scenario) and not underruns(outcome := run(scenario, seed)):
            for what, error_ms in errors_ms(outcome):
                wrong[what].append(error_ms)
    assert all(len(wrong[what]) >= 15 for what in ("start", "stop", "latency")), wrong
    assert max(map(abs, wrong["start"])) <= within_ms
    assert max(map(abs, wrong["stop"])) <= within_ms
    assert -WINDOW_MS - within_ms <= min(wrong["latency"])
    assert max(wrong["latency"]) <= within_ms


def pauses_ms(outcome: Outcome) -> list[tuple[str, float, float]]:
    """Where the caller waited in the middle of an item: item, when it went on, for how long."""
    runs = heard_runs(outcome.edge.played, outcome.items)
    return [
        (after.item_id, after.at_samples / 8, waited / 8)
        for before, after in pairwise(runs)
        if (waited := after.at_samples - before.at_samples - before.end + before.begin) > 0
        if after.item_id == before.item_id
    ]


def test_an_underrun_that_a_caller_notices_is_found() -> None:
    """Where it was, as long as it was; and nothing else is taken for one."""
    found, errors, missed, imagined = 0, [], 0, 0
    for seed in range(SEEDS):
        scenario = random_scenario(seed)
        if "underrun" not in scenario.conditions:
            continue
        outcome = run(scenario, seed)
        told = measure(log_of(outcome.entries)).underruns
        for item_id, went_on_ms, waited_ms in pauses_ms(outcome):
            here = [each for each in told if abs(each.at_ms + each.ms - went_on_ms) < 120 and each.item_id == item_id]
            told = [each for each in told if each not in here]
            found += bool(here)
            errors += [abs(each.ms - waited_ms) for each in here]
            missed += waited_ms >= 100 and not here
        imagined += len(told)
    assert found >= 20
    assert max(errors) <= 60
    assert missed <= 1
    assert imagined == 0
