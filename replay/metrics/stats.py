"""Many calls, measured and pooled.

Percentiles are taken over all turns of all calls at once, never averaged over calls, by *nearest rank*: p95 is the
smallest measured value that 95 in 100 are not above. So it is a value that occurred, and below 20 values it is the
maximum; n and the maximum therefore stand beside it, always. Interrupted turns count like any others.

One log is one task and shares nothing, so they are measured side by side where that is wanted, and come in their order.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.log.errors import LogError
from replay.data import JsonObject
from replay.metrics.measured import Follows, Part
from replay.metrics.measures import CallMeasures, TurnMeasures, measure
from replay.sources import open_log

TURN_PARTS: tuple[Part, ...] = ("vad", "respond", "generate", "send", "play", "away")
STOP_PARTS: tuple[Part, ...] = ("detect", "decide", "effective")


class MeasuredLog(msgspec.Struct, frozen=True):
    """What became of one log: its measures, or `reason`, why there are none."""

    path: str
    call_sid: str | None
    started_at: str | None
    reason: str | None
    measures: CallMeasures | None


class Spread(msgspec.Struct, frozen=True):
    """How values are spread, by nearest rank."""

    n: int
    p50: int | None
    p95: int | None
    max: int | None


Values = Iterable[int] | Mapping[int, int]
"""Values, or how often each occurs."""


class Metric(NamedTuple):
    """A number of which there are many in a call. `key` is what docs/METRICS.md defines; all are milliseconds."""

    key: str
    label: str
    values: Callable[[CallMeasures], Values]


def _latency(part: Part | None = None) -> Callable[[CallMeasures], Values]:
    def values(call: CallMeasures) -> Values:
        turns = [turn for turn in call.turns if turn.latency_ms is not None]
        return known(turn.latency_ms if part is None else turn.parts.get(part) for turn in turns)

    return values


def _stop(part: Part | None = None) -> Callable[[CallMeasures], Values]:
    def values(call: CallMeasures) -> Values:
        by_voice = [each for each in call.barge_ins if each.by == "voice"]
        return known(each.stop_ms if part is None else each.parts.get(part) for each in by_voice)

    return values


def _wait(follows: Follows) -> Callable[[CallMeasures], Values]:
    return lambda call: known(turn.wait_ms for turn in call.turns if turn.follows == follows)


def known(values: Iterable[int | None]) -> list[int]:
    """Without those that are not known."""
    return [value for value in values if value is not None]


def _lengths_away(call: CallMeasures) -> Iterator[int | None]:
    """Of those times that ended."""
    return (None if away.to_ms is None else away.to_ms - away.from_ms for away in call.model_away)


METRICS = (
    Metric("turn_latency", "turn latency, perceived", _latency()),
    *(Metric(f"turn_{part}", f"  {part}", _latency(part)) for part in TURN_PARTS),
    Metric("greeting", "first greeting", lambda call: [] if call.greeting_ms is None else [call.greeting_ms]),
    Metric("after_tool", "after a function call", _wait("tool")),
    Metric("between_items", "between items", _wait("item")),
    Metric("end_of_turn", "end of turn noticed", lambda call: known(turn.end_of_turn_ms for turn in call.turns)),
    Metric(
        "silent_start", "silence at an item's head", lambda call: known(turn.silent_start_ms for turn in call.turns)
    ),
    Metric("stop", "barge-in to silence", _stop()),
    *(Metric(f"stop_{part}", f"  {part}", _stop(part)) for part in STOP_PARTS),
    Metric("talk_over", "both spoke", lambda call: [each.ms for each in call.talk_overs]),
    Metric("dead_air", "neither spoke", lambda call: [each.ms for each in call.silences]),
    Metric("model_away", "the model was away", lambda call: known(_lengths_away(call))),
    Metric("underrun", "underrun", lambda call: [each.ms for each in call.underruns]),
    Metric("doubt", "doubt of what was heard", lambda call: [each.doubt_ms for each in call.repairs]),
    Metric("round_trip", "round trip to Twilio", lambda call: [each.ms for each in call.line.round_trips]),
    Metric("jitter", "jitter of caller frames", lambda call: call.line.jitter_ms),
)


def measure_log(path: Path) -> MeasuredLog:
    """Measure one log. Never raises LogError."""
    try:
        with open_log(path) as log:
            return MeasuredLog(str(path), log.head.call_sid, log.head.started_at, None, measure(log))
    except LogError as error:
        return MeasuredLog(str(path), None, None, str(error), None)


def measure_all(paths: Sequence[Path], jobs: int) -> Iterator[MeasuredLog]:
    """Measure every log, in `jobs` processes."""
    if jobs == 1 or len(paths) < 2:
        yield from map(measure_log, paths)
        return
    # Fresh processes: a fork would copy whatever threads and locks the caller has.
    with get_context("spawn").Pool(min(jobs, len(paths))) as pool:
        yield from pool.imap(measure_log, paths)


def spread(counts: Mapping[int, int]) -> Spread:
    """The spread of values that occur so often."""
    n = sum(counts.values())
    if not n:
        return Spread(0, None, None, None)
    return Spread(n, _rank(counts, -(-n // 2)), _rank(counts, -(-n * 95 // 100)), max(counts))


def _rank(counts: Mapping[int, int], rank: int) -> int:
    """The value of that rank, from 1."""
    values = sorted(counts)
    return values[bisect_left(list(accumulate(counts[value] for value in values)), rank)]


def spreads(calls: Sequence[CallMeasures]) -> dict[str, Spread]:
    """Of each metric, over all calls at once."""
    made = {}
    for metric in METRICS:
        counts: Counter[int] = Counter()
        for call in calls:
            counts.update(metric.values(call))
        made[metric.key] = spread(counts)
    return made


class WaitedTurn(NamedTuple):
    """An assistant's turn that answered a caller's, and its log."""

    log: MeasuredLog
    turn: TurnMeasures
    latency_ms: int


def worst_turns(logs: Iterable[MeasuredLog]) -> list[WaitedTurn]:
    """Every turn with a latency, the longest first."""
    found = [
        WaitedTurn(log, turn, turn.latency_ms)
        for log in logs
        if log.measures is not None
        for turn in log.measures.turns
        if turn.latency_ms is not None
    ]
    return sorted(found, key=lambda each: -each.latency_ms)


def counts_of(calls: Sequence[CallMeasures]) -> JsonObject:
    """What is counted and not measured, over all calls."""
    turns = [turn for call in calls for turn in call.turns]
    barge_ins = [each for call in calls for each in call.barge_ins]
    judged = [each.is_false for each in barge_ins if each.is_false is not None]
    repairs = [each for call in calls for each in call.repairs]
    return {
        "outcomes": {
            "assistant": _tally(turn.outcome for turn in turns if turn.speaker == "assistant"),
            "caller": _tally(turn.outcome for turn in turns if turn.speaker == "caller"),
        },
        "interruptions": _tally(each.by for each in barge_ins),
        "false_interruptions": {"known": len(judged), "false": sum(judged)},
        "missed": sum(len(call.missed) for call in calls),
        "estimates": sum(each.is_estimate for each in barge_ins),
        "repairs": {name: _tally(each.outcome for each in repairs if each.action == name) for name in _ACTIONS},
        "dead_air": _tally(gap.cause for call in calls for gap in call.silences),
        "stalls": sum(len(call.line.stalls) for call in calls),
        "dropped_ms": sum(call.dropped_ms for call in calls),
        "tools": sum(len(call.tools) for call in calls),
        "malformed": sum(call.malformed for call in calls),
        "faults": sum(call.faults for call in calls),
        "errors": sum(call.errors for call in calls),
    }


def stats_data(logs: Sequence[MeasuredLog]) -> JsonObject:
    """What `stats --json` prints."""
    calls = [log.measures for log in logs if log.measures is not None]
    return {
        "calls": len(calls),
        "unreadable": len(logs) - len(calls),
        "length_ms": sum(call.length_ms for call in calls),
        "metrics": msgspec.to_builtins(spreads(calls)),
        "counts": counts_of(calls),
        "logs": msgspec.to_builtins(logs, str_keys=True),
    }


_ACTIONS = ("truncate", "delete")


def _tally(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())
