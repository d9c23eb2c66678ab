"""One step of a call: what came in, what that led to, and the core's state before it and after.

**Where the ear is.** The core keeps what is known for certain, and asks where the ear is only when an interruption
makes it ask. A person who looks at a moment wants to know it for that moment. So it is asked here, of the core's own
ledgers and by their own rules, but without leaving a trace: to ask a clock for the time changes what it says later, and
to settle a playout what becomes of it.
"""

import msgspec

from engine.core import AnyCall
from engine.core.audio import ms_of
from engine.core.conversation import Item
from engine.core.playout import Playout
from engine.core.report import Turn, report
from engine.core.words import heard_at
from replay.data import turn_data
from replay.entry_lines import entry_data
from replay.places import Place, timeline
from replay.rows import Log
from replay.seen import Look, Seen
from replay.states import Change, JsonObject, States, changes


class AtEar(msgspec.Struct, frozen=True):
    """An item of which something was sent that is not proven heard: how much the caller has heard by now, with its
    bounds, and the words of that. `is_cleared`: a clear is on its way or has come, and no more of it will be heard."""

    item_id: str
    is_cleared: bool
    heard_ms: int
    heard_ms_min: int
    heard_ms_max: int
    sent_ms: int
    generated_ms: int
    heard_text: str
    generated_text: str


class StateAt(msgspec.Struct, frozen=True):
    """A step. `seen`: its entries, the input first. The rest is as it left it; `turns` with the words that had been
    heard by then, as far as that was known."""

    seen: list[Seen]
    before: JsonObject
    state: JsonObject
    at_ear: list[AtEar]
    turns: list[Turn]

    @property
    def changes(self) -> list[Change]:
        """What the step changed."""
        return changes(self.before, self.state)


def state_at(log: Log, place: Place) -> StateAt:
    """The step that `place` is in. Raises PlaceError, and LogError where the log cannot be read."""
    where = timeline(log)
    step = where.step_of(place)
    first, last = where.seqs[step], where.seq_of(Place("seq", where.seqs[step]), "to")
    before_seq = where.seqs[step - 1] if step else None
    look = Look(log)
    states = States(look.call)
    before = state = states.data()
    at_ear: list[AtEar] = []
    turns: list[Turn] = []
    taken = []
    # To the end, wherever the place is: what became of a mark is known later.
    for seen in look:
        seq = seen.entry.seq
        if seq == before_seq:
            before = states.data()
        elif seq == first:
            state, at_ear, turns = states.data(), at_ear_now(look.call), report(look.call).turns
        if first <= seq <= last:
            taken.append(seen)
    return StateAt(taken, before, state, at_ear, turns)


def at_ear_now(call: AnyCall) -> list[AtEar]:
    """What is at the ear after the step that `call` took last; nothing once the call has ended."""
    if call.how_ended is not None:
        return []
    hearing = call.hearing
    now = hearing.stream.peek(call.at_ns)
    return [each for playout in (*hearing.flushing, hearing.playout) for each in _at_ear(call, playout, now)]


def _at_ear(call: AnyCall, playout: Playout, now: int) -> list[AtEar]:
    if playout.flush is None:
        ear = playout.position(now), playout.proven, playout.next_mark()
    else:
        judged = playout.judge(now)
        ear = judged.position, judged.low, judged.high
    return [_of_item(call, item, playout, ear) for item in playout.items()]


def _of_item(call: AnyCall, item: Item, playout: Playout, ear: tuple[int, int, int]) -> AtEar:
    heard, least, most = (item.proven_samples + _passed(item, playout, position) for position in ear)
    words = heard_at(item, call.words.alignment_of(item), heard)
    return AtEar(
        item_id=item.item_id,
        is_cleared=playout.flush is not None,
        heard_ms=ms_of(heard),
        heard_ms_min=ms_of(least),
        heard_ms_max=ms_of(most),
        sent_ms=ms_of(item.sent_samples),
        generated_ms=item.generated_ms(),
        heard_text=words.text,
        generated_text=item.transcript,
    )


def _passed(item: Item, playout: Playout, position: int) -> int:
    """Samples of an item before a position of the playout, of those that are not proven heard."""
    pieces = (piece for piece in playout.pieces if piece.item is item)
    return sum(max(0, min(piece.end, position) - piece.begin) for piece in pieces)


def state_at_data(log: Log, found: StateAt) -> JsonObject:
    """A step and its state, for programs."""
    first = found.seen[0]
    return {
        "call_sid": log.head.call_sid,
        "seq": first.entry.seq,
        "stream_ms": first.stream_ms,
        "at_ms": first.entry.at_ns // 1_000_000,
        "entries": [entry_data(seen) for seen in found.seen],
        "changes": msgspec.to_builtins(found.changes),
        "at_ear": msgspec.to_builtins(found.at_ear),
        "turns": [turn_data(turn) for turn in found.turns],
        "state": found.state,
    }
