"""Many calls for eyes, in 80 columns: what is spread how, what was counted, and the turns that let wait longest.

All numbers are milliseconds or counts, right-aligned under their heads. A latency over budget is coloured. The last
column names the call as `replay` wants it named, so a path may go beyond the line.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from engine.log.folder import live_logs, sealed_logs
from replay.data import JsonObject
from replay.metrics.budgets import TURN_MS_MAX
from replay.metrics.measures import CallMeasures
from replay.metrics.stats import (
    METRICS,
    TURN_PARTS,
    MeasuredLog,
    Spread,
    counts_of,
    known,
    spread,
    spreads,
    worst_turns,
)
from replay.metrics.wording import told_parts
from replay.paint import Line, Span, line, visible
from replay.text import clock

WORST_SHOWN = 5
NAME_MIN = 8
"""Characters of a call's name, if so few tell it from all others."""
_LABEL, _NUMBER = 28, 9
_COUNT_LABEL = 22
_OF_CALL = (
    ("turns", 5),
    ("p50", 7),
    ("max", 7),
    ("barge-ins", 11),
    ("stop", 7),
    ("talk-over", 11),
    ("dead air", 10),
    ("underruns", 11),
)
"""Columns of a call and their widths: answers and their latency; interruptions and the longest way to silence; ms in
which both and neither spoke; how often the ear ran dry."""


class Names:
    """How `replay` finds a log again: by the beginning of its call's SID where it looks by itself (`calls_dir`, if
    that goes without saying), else by its path."""

    def __init__(self, calls_dir: Path | None) -> None:
        paths = [] if calls_dir is None else [*sealed_logs(calls_dir), *live_logs(calls_dir)]
        self._kept = {path.resolve(): path.stem for path in paths}
        self._sorted = sorted(self._kept.values())

    def of(self, log: MeasuredLog) -> str:
        """The shortest name that is only this log's."""
        name = self._kept.get(Path(log.path).resolve())
        if name is None or self._sorted.count(name) > 1:
            return visible(log.path)
        place = self._sorted.index(name)
        beside = [*self._sorted[max(0, place - 1) : place], *self._sorted[place + 1 : place + 2]]
        shared = max((_shared(name, other) for other in beside), default=0)
        return visible(name[: max(NAME_MIN, shared + 1)])


def _shared(one: str, other: str) -> int:
    """How many characters two names begin with in common."""
    return next((place for place, both in enumerate(zip(one, other, strict=False)) if both[0] != both[1]), len(one))


def pooled_lines(logs: Sequence[MeasuredLog], names: Names) -> Iterator[Line]:
    """The whole: spreads, counts, worst turns."""
    calls = [log.measures for log in logs if log.measures is not None]
    length = clock(sum(call.length_ms for call in calls))
    yield line((f"{len(calls)} call{'s' if len(calls) != 1 else ''}", "bold"), f", {length} of audio")
    yield line()
    heads = "".join(head.rjust(_NUMBER) for head in Spread.__struct_fields__)
    yield line((f"{'milliseconds':<{_LABEL}}{heads}", "dim"))
    made = spreads(calls)
    for metric in METRICS:
        yield _spread_line(metric.label, made[metric.key], TURN_MS_MAX if metric.key == "turn_latency" else None)
    yield line()
    yield from _count_lines(counts_of(calls))
    yield from _worst_lines(logs, names)


def _spread_line(label: str, found: Spread, most: int | None) -> Line:
    spans: list[Span] = [(label.ljust(_LABEL), "plain" if found.n else "dim"), (_right(found.n), "dim")]
    for value in (found.p50, found.p95, found.max):
        over = most is not None and value is not None and value > most
        spans.append((_right(value), "warn" if over else "plain" if found.n else "dim"))
    return line(*spans)


def _count_lines(counts: JsonObject) -> Iterator[Line]:
    false, ends = counts["false_interruptions"], counts["outcomes"]
    told = {
        "assistant's turns": _tally(ends["assistant"]),
        "caller's turns": _tally(ends["caller"]),
        "interruptions by": _tally(counts["interruptions"]),
        "": f"{false['false']} of {false['known']} false, {counts['missed']} missed, {counts['estimates']} by estimate",
        "told to the model": "; ".join(f"{name}: {_tally(made)}" for name, made in counts["repairs"].items()),
        "dead air because of": _tally(counts["dead_air"]),
        "line": f"stalls {counts['stalls']}; of callers dropped {counts['dropped_ms']:,} ms",
        "trouble": ", ".join(f"{name} {counts[name]}" for name in ("malformed", "faults", "errors")),
        "function calls": str(counts["tools"]),
    }
    for label, text in told.items():
        yield line(text, label=label.ljust(_COUNT_LABEL))


def _worst_lines(logs: Sequence[MeasuredLog], names: Names) -> Iterator[Line]:
    worst = worst_turns(logs)[:WORST_SHOWN]
    if worst:
        yield line()
        yield line(("Worst turns", "bold"))
    for each in worst:
        turn = each.turn
        cut = ", interrupted" if turn.interrupted else ""
        where = f"  turn {turn.number} at {clock(turn.start_ms)}{cut}"
        yield line(_latency(each.latency_ms), f"{where:<38}  replay view {names.of(each.log)}")
        yield line((told_parts(turn.parts), "dim"), label=" " * (_NUMBER + 2))


def turn_lines(logs: Sequence[MeasuredLog], names: Names) -> Iterator[Line]:
    """Every turn that answered a caller, the longest wait first. Of a model that was lost only where one was."""
    turns = worst_turns(logs)
    shown = [part for part in TURN_PARTS if part != "away" or any(part in each.turn.parts for each in turns)]
    heads = "".join(part.rjust(_NUMBER) for part in shown)
    yield line((f"{'latency':>{_NUMBER}}{heads}  {'outcome':<11} turn  call", "dim"))
    for each in turns:
        turn = each.turn
        parts = "".join(_right(turn.parts.get(part)) for part in shown)
        yield line(_latency(each.latency_ms), f"{parts}  {turn.outcome:<11} {turn.number:>4}  {names.of(each.log)}")


def call_lines(logs: Sequence[MeasuredLog], names: Names) -> Iterator[Line]:
    """Every call, the longest wait first."""
    made = [(log, log.measures) for log in logs if log.measures is not None]
    heads = "".join(head.rjust(width) for head, width in _OF_CALL)
    yield line((f"{heads}  call", "dim"))
    for log, call in sorted(made, key=lambda each: -max(_latencies(each[1]), default=-1)):
        latencies = spread(Counter(_latencies(call)))
        stops = known(each.stop_ms for each in call.barge_ins if each.by == "voice")
        values = (
            latencies.n,
            latencies.p50,
            latencies.max,
            len(call.barge_ins),
            max(stops, default=None),
            sum(each.ms for each in call.talk_overs),
            sum(each.ms for each in call.silences),
            len(call.underruns),
        )
        row = "".join(_right(value, width) for value, (_, width) in zip(values, _OF_CALL, strict=True))
        over = latencies.max is not None and latencies.max > TURN_MS_MAX
        yield line((row, "warn" if over else "plain"), f"  {names.of(log)}")


def _latencies(call: CallMeasures) -> list[int]:
    return known(turn.latency_ms for turn in call.turns)


def _latency(latency_ms: int) -> Span:
    return (_right(latency_ms), "warn" if latency_ms > TURN_MS_MAX else "plain")


def _right(value: int | None, width: int = _NUMBER) -> str:
    return ("-" if value is None else f"{value:,}").rjust(width)


def _tally(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
