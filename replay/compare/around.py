"""What stood around a place at which two sides part: the core before it, and the entries before and after.

The core's whole state is three hundred lines, and is in `--json`. On a screen stands what a decision can rest on: how
far the call has come, where the ear is, which interruptions are open, and the items that the entries speak of.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import msgspec

from engine.core import AnyCall
from engine.core.audio import ms_of
from engine.core.barge_in import MS, Interruption
from engine.core.conversation import Item
from engine.core.events import UNREADABLE
from engine.core.machines import Generating, Playing
from engine.core.model_leg import Absence
from replay.columns import shorten
from replay.compare.two_logs import Pair, Parting, Side
from replay.data import JsonObject
from replay.paint import Line, line, visible
from replay.rows import Log
from replay.state.at_ear import AtEar, at_ear_now
from replay.text import TEXT_MAX, clock
from replay.walk import Walk

BEFORE, AFTER = 6, 3
"""Entries shown around a difference, unless more are asked for."""
AUDIO_TYPES = frozenset({"media", "input_audio_buffer.append", "response.output_audio.delta", "response.audio.delta"})
"""Left out: there are a hundred of them in a second."""


class Around(NamedTuple):
    """`deciding`: where a decision differs, the input that was being decided, as an index. `before`: indexes of
    entries, the same on both sides. `after`: the difference and what follows."""

    deciding: int | None
    before: list[int]
    after: list[Pair]


def around(a: Side, b: Side, parting: Parting, context: int | None) -> Around:
    """What stands around the place; `context` entries before and after it on either side, or as many as usual."""
    place, (first, *rest) = parting.place, parting.pairs
    opposite = [side.entries[place] for side in (a, b) if place < len(side.entries)]
    deciding = None
    if any(entry.kind != "input" for entry in opposite):
        deciding = next((index for index in range(place - 1, -1, -1) if a.entries[index].kind == "input"), None)
    before = [index for index in range(place) if a.entries[index].type not in AUDIO_TYPES]
    left = [AFTER if context is None else context] * 2
    after = [first]
    for pair in rest:
        sides = [side.entries[index] for side, index in zip((a, b), pair[:2], strict=True) if index is not None]
        if sides[0].type in AUDIO_TYPES:
            continue
        reached = [number for number, index in enumerate(pair[:2]) if index is not None]
        if any(left[number] > 0 for number in reached):
            after.append(pair)
        for number in reached:
            left[number] -= 1
    return Around(deciding, before[max(0, len(before) - (BEFORE if context is None else context)) :], after)


def core_before(log: Log, index: int) -> AnyCall:
    """The core as it was before the step that begins with the entry at `index`."""
    walk, seen = Walk(log), 0
    moments = iter(walk)
    while seen < index:
        seen += len(next(moments).entries)
    return walk.call


def core_lines(call: AnyCall, bodies: list[str]) -> Iterator[Line]:
    """The core in a few lines, with the items and responses that `bodies` name."""
    told = list(_told(call, bodies))
    width = max(len(visible(label)) for label, _ in told)
    for label, text in told:
        yield line(clip(text), label=f"  {visible(label):<{width}}  ")


def entry_lines(a: Side, b: Side, parting: Parting, found: Around) -> Iterator[Line]:
    """The entries around the place: those of both sides once, with the number that they have on the first."""
    width = max(len(a.label), len(b.label))
    for index in found.before:
        yield _entry_line(a, index, " " * width)
    for pair in found.after:
        mark = ">" if pair is found.after[0] else ""
        if pair.is_same and pair.a is not None:
            yield _entry_line(a, pair.a, " " * width)
            continue
        for side, at in ((a, pair.a), (b, pair.b)):
            if at is not None:
                yield _entry_line(side, at, side.label.ljust(width), mark)


def entry_data(side: Side, index: int | None) -> JsonObject | None:
    """An entry for programs; of its audio the size. A body that is no JSON stays the text that it is."""
    if index is None:
        return None
    entry = side.entries[index]
    body: object = entry.body
    with suppress(*UNREADABLE):
        body = msgspec.json.decode(entry.body)
    return {
        "seq": entry.seq,
        "at_ms": entry.at_ns // MS,
        "stream_ms": side.stream_ms[index],
        "kind": entry.kind,
        "leg": entry.leg,
        "type": entry.type,
        "body": body,
        "audio_bytes": None if entry.audio is None else len(entry.audio),
        "cause": entry.cause,
        "audio_from": entry.audio_from,
        "audio_to": entry.audio_to,
    }


def clip(text: str) -> str:
    """A line's worth of something that may hold anything."""
    return shorten(visible(text), TEXT_MAX)


def _told(call: AnyCall, bodies: list[str]) -> Iterator[tuple[str, str]]:
    legs = f"caller leg {call.caller.value}, model leg {call.model.value}, session {call.session.state.value}"
    yield "call", f"{call.state.value}; {legs}"
    if call.absences and call.absences[-1].back_at is None:
        yield "model", _away(call.absences[-1])
    yield "playout", _playout(call)
    for interruption in call.barge_in.interruptions:
        if interruption.playout.state is Playing.FLUSHING:
            yield "flushing", _flushing(call, interruption)
    for response in call.conversation.responses.values():
        if response.state is not Generating.DONE or _is_named(response.response_id, bodies):
            yield response.response_id, response.state.value
    at_ear = {each.item_id: each for each in at_ear_now(call)}
    for item in call.conversation.order:
        if item.is_speech and _is_named(item.item_id, bodies):
            yield item.item_id, _item(item, at_ear.get(item.item_id))


def _is_named(name: str, bodies: list[str]) -> bool:
    return any(f'"{name}"' in body for body in bodies)


def _away(absence: Absence) -> str:
    dials = "1 dial" if absence.dials == 1 else f"{absence.dials} dials"
    return clip(f"away since {clock(ms_of(absence.lost_at))}, {dials}: {absence.reason}")


def _playout(call: AnyCall) -> str:
    playout = call.hearing.playout
    if not playout.sent:
        return "nothing was sent since the last clear" if call.barge_in.interruptions else "nothing was sent yet"
    ear = playout.position(call.hearing.stream.peek(call.at_ns))
    out = f", the next at {ms_of(playout.next_mark())} ms" if playout.marks else ""
    heard = f"sent {ms_of(playout.sent)} ms, heard {ms_of(playout.proven)} ms for certain, the ear at {ms_of(ear)} ms"
    return f"{playout.state.value}: {heard}; marks out: {len(playout.marks)}{out}"


def _flushing(call: AnyCall, interruption: Interruption) -> str:
    flush = interruption.playout.flush
    assert flush is not None
    items = ", ".join(item.item_id for item in interruption.items)
    due_ms = ms_of(call.hearing.stream.peek(interruption.deadline_ns))
    clear = f"clear sent at {clock(ms_of(flush.sent_at))}, echoes since: {len(flush.echoes)}"
    return f"{items}: {clear}; to be settled by {clock(due_ms)}"


def _item(item: Item, at_ear: AtEar | None) -> str:
    """Where the ear is in it, as `replay state` says it; of one that is not playing, what was judged."""
    generated_ms = item.generated_ms()
    ends = (item.heard_samples_min, item.heard_samples_max, item.sent_samples)
    least_ms, most_ms, sent_ms = (min(ms_of(samples), generated_ms) for samples in ends)
    heard = f"{item.heard_ms()} of {generated_ms} ms" + (f" ({least_ms} to {most_ms})" if least_ms < most_ms else "")
    if at_ear is not None:
        heard = f"{at_ear.how_much} by now"
    sent = f"heard {heard}, {sent_ms} were sent"
    states = [state for state, holds in (("done", item.is_done), ("cut", item.is_cut)) if holds]
    repair = item.repair
    if repair is not None and repair.action != "none":
        at = f" at {repair.audio_end_ms} ms" if repair.audio_end_ms is not None else ""
        states.append(f"{repair.action}{at} {repair.outcome}")
    return f"{sent}{'; ' if states else ''}{', '.join(states)}"


def _entry_line(side: Side, index: int, label: str, mark: str = "") -> Line:
    entry = side.entries[index]
    place = f"{mark:>1} {entry.seq:>6} {clock(side.stream_ms[index]):>10}  {entry.kind:<7} {entry.leg:<6} "
    return line(clip(f"{entry.type} {entry.body}"), label=f"  {label} {place}")
