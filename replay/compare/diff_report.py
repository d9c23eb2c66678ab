"""What `replay diff` says, for eyes and as data: which two sides, where they part, and how much differs from there on.

One log has the sides *recorded* and *replayed*. Two logs have the sides *A* and *B*, both of them recorded: to call the
second one replayed would be the very mix-up that the labels are there against.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from engine.core import RULES, RULES_OVERHEARD
from engine.log.errors import LogError
from replay.compare.around import Around, around, clip, core_before, core_lines, entry_data, entry_lines
from replay.compare.diff import Difference, in_bodies, summary
from replay.compare.two_logs import Parting, Side, Tally, compare, recorded_side, replayed_side, tallies
from replay.data import JsonObject
from replay.paint import Line, line, visible
from replay.redacting.call import redact
from replay.rows import Log
from replay.runner import OF_ANOTHER, Verdict, replay
from replay.state.states import state_data
from replay.text import VERDICT_STYLE, clock

STRANGERS = 0.1
"""Two calls that have less than this in common after their first difference are not the same call."""


class Compared(NamedTuple):
    """Two sides, and what the comparison came to."""

    a: Side
    b: Side
    parting: Parting | None
    verdict: Verdict
    reason: str


def of_one(log: Log, rules: int | None) -> Compared:
    """A log and its replay, under other rules if wanted. Raises LogError where that cannot be told."""
    if log.settings.rules == RULES_OVERHEARD:
        raise LogError(f"{log.path}: {OF_ANOTHER}")
    if rules is not None:
        if not 1 <= rules <= RULES:
            raise LogError(f"there are no rules {rules} here: this version decides under rules up to {RULES}")
        log = replace(log, settings=replace(log.settings, rules=rules))
    result = replay(log)
    if result.verdict == "unknown":
        raise LogError(result.reason)
    a = recorded_side(log)
    if result.verdict == "same":
        return Compared(a, a._replace(label="replayed"), None, result.verdict, result.reason)
    b = replayed_side(log)
    return Compared(a, b, compare(a, b, times=True), result.verdict, result.reason)


def of_two(one: Log, other: Log, times: bool) -> Compared:
    """Two logs. Where one is redacted, the other is compared without its words, too. Raises LogError where they cannot
    be read."""
    if one.head.is_redacted != other.head.is_redacted:
        one, other = (log if log.head.is_redacted else redact(log).log(log) for log in (one, other))
    a, b = recorded_side(one, "A"), recorded_side(other, "B")
    parting = compare(a, b, times=times)
    return Compared(a, b, parting, "same" if parting is None else "diverged", _reason(a, b, parting))


def _reason(a: Side, b: Side, parting: Parting | None) -> str:
    """How two logs compare, as a sentence."""
    if parting is None:
        return f"both logs have the same {len(a.entries)} entries"
    seq = (a if parting.place < len(a.entries) else b).entries[parting.place].seq
    for side, other in ((a, b), (b, a)):
        if parting.place == len(side.entries):
            more = _entries(len(other.entries) - parting.place)
            return f"{side.label} ends before entry {seq}; {other.label} goes on for {more}"
    counts = _counts(tallies(a, b, parting))
    if counts.changed + counts.only_a + counts.only_b == 1:
        where = f"only in {a.label if counts.only_a else b.label}" if not counts.changed else "another"
        return f"entry {seq} is {where}; all others are the same"
    told = f"they part at entry {seq}; from there on {counts.same} entries are the same, {counts.changed} are others, "
    told += f"{counts.only_a} are only in {a.label}, {counts.only_b} only in {b.label}"
    least = min(len(side.entries) for side in (a, b)) - parting.place
    return f"{told}: hardly the same call" if counts.same < STRANGERS * least else told


def diff_lines(found: Compared, context: int | None = None) -> Iterator[Line]:
    """The whole report; `context` entries around the difference, or as many as usual."""
    a, b, parting = found.a, found.b, found.parting
    width = max(len(a.label), len(b.label))
    for side in (a, b):
        yield line(_name(side), label=[(side.label.ljust(width), "bold"), ("  ", "plain")])
    for difference in _settings(a, b):
        yield line(clip(difference.said(a.label, b.label)), label="  settings: ")
    if parting is not None:
        yield from _parting(found, parting, context)
    yield line()
    yield line((found.verdict, VERDICT_STYLE[found.verdict]), f": {visible(found.reason)}")


def diff_data(found: Compared, context: int | None = None) -> JsonObject:
    """The same as data, with the core's whole state before the difference."""
    a, b, parting = found.a, found.b, found.parting
    one, other = a.label.lower(), b.label.lower()
    made: JsonObject = {
        **unjudged_data(found.reason),
        "verdict": found.verdict,
        "sides": {name: _side_data(side) for name, side in ((one, a), (other, b))},
        "settings": [{"path": each.path, one: each.recorded, other: each.replayed} for each in _settings(a, b)],
    }
    if parting is None:
        return made
    near = around(a, b, parting, context)
    pairs = [{one: entry_data(a, pair.a), other: entry_data(b, pair.b), "same": pair.is_same} for pair in near.after]
    fields = [{"path": each.path, one: each.recorded, other: each.replayed} for each in parting.fields]
    deciding = entry_data(a, near.deciding)
    made["first"] = {one: pairs[0][one], other: pairs[0][other], "fields": fields, "deciding": deciding}
    made["state_before"] = state_data(core_before(a.log, _step(parting, near)))
    made["before"] = [entry_data(a, index) for index in near.before]
    made["after"] = pairs[1:]
    made["rest"] = [
        {
            "leg": tally.leg,
            "type": tally.type,
            "same": tally.same,
            "changed": tally.changed,
            f"only_{one}": tally.only_a,
            f"only_{other}": tally.only_b,
        }
        for tally in tallies(a, b, parting)
    ]
    return made


def unjudged_data(reason: str) -> JsonObject:
    """The same keys where nothing can be compared."""
    return {
        "verdict": "unknown",
        "reason": reason,
        "sides": {},
        "settings": [],
        "first": None,
        "state_before": None,
        "before": [],
        "after": [],
        "rest": [],
    }


def _parting(found: Compared, parting: Parting, context: int | None) -> Iterator[Line]:
    a, b, near = found.a, found.b, around(found.a, found.b, parting, context)
    pair = parting.pairs[0]
    one = None if pair.a is None else a.entries[pair.a]
    other = None if pair.b is None else b.entries[pair.b]
    first = a if one is not None else b
    yield from _heading("First difference")
    seq, at_ms = first.entries[parting.place].seq, first.stream_ms[parting.place]
    yield line((f"entry {seq}", "bold"), f", {clock(at_ms)} of the stream", label="  ")
    width = max(len(a.label), len(b.label))
    for side, entry in ((a, one), (b, other)):
        yield line(clip(summary(entry)), label=f"  {side.label.ljust(width)}  ")
    if one is not None and other is not None:
        for difference in parting.fields:
            yield line((clip(difference.said(a.label, b.label)), "bad"), label="    ")
    bodies = [entry.body for entry in (one, other) if entry is not None]
    if near.deciding is not None:
        deciding = a.entries[near.deciding]
        bodies.append(deciding.body)
        yield line(clip(summary(deciding)), label=f"  while deciding entry {deciding.seq}: ")
    yield from _heading("The core before it")
    yield from core_lines(core_before(a.log, _step(parting, near)), bodies)
    yield from _heading("Entries around it", "audio left out; unlabelled: on both sides")
    yield from entry_lines(a, b, parting, near)
    yield from _heading("From there on")
    yield from _rest(tallies(a, b, parting), a.label, b.label)


def _rest(found: list[Tally], one: str, other: str) -> Iterator[Line]:
    """How much differs, by type, as a table; types that do not differ are counted together."""
    heads = ("same", "changed", f"only {one}", f"only {other}")
    differing = [tally for tally in found if tally.changed or tally.only_a or tally.only_b]
    width = max(len(f"{tally.leg} {tally.type}") for tally in differing)
    yield line((f"  {'':<{width}}  {'  '.join(heads)}", "dim"))
    for tally in differing:
        counts = (tally.same, tally.changed, tally.only_a, tally.only_b)
        cells = "  ".join(f"{count or '':>{len(head)}}" for count, head in zip(counts, heads, strict=True))
        yield line(f"  {visible(f'{tally.leg} {tally.type}'):<{width}}  {cells}")
    same = sum(tally.same for tally in found if tally not in differing)
    if same:
        yield line((f"  all others: {same} entries, the same on both sides", "dim"))


def _heading(title: str, note: str = "") -> Iterator[Line]:
    yield line()
    yield line((title, "bold"), (f"   {note}" if note else "", "dim"))


def _step(parting: Parting, near: Around) -> int:
    """Where the step begins in which they part, as an index."""
    return parting.place if near.deciding is None else near.deciding


def _counts(found: list[Tally]) -> Tally:
    made = Tally("", "")
    for tally in found:
        made.same += tally.same
        made.changed += tally.changed
        made.only_a += tally.only_a
        made.only_b += tally.only_b
    return made


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _name(side: Side) -> str:
    head = side.log.head
    call_sid = visible(head.call_sid) or "no call SID"
    if side.label == "replayed":
        return f"by this version, under rules {side.log.settings.rules}: {_entries(len(side.entries))}"
    made_by = f"rules {head.rules}, engine {visible(head.engine_version)}"
    return f"{visible(str(side.log.path))}: {call_sid}, {_entries(len(side.entries))}; {made_by}"


def _settings(a: Side, b: Side) -> list[Difference]:
    mine, other = (msgspec.json.encode(side.log.settings).decode() for side in (a, b))
    return [] if mine == other else in_bodies(mine, other)


def _side_data(side: Side) -> JsonObject:
    head = side.log.head
    return {
        "path": str(side.log.path),
        "call_sid": head.call_sid,
        "entries": len(side.entries),
        "rules": side.log.settings.rules,
        "engine_version": head.engine_version,
    }
