"""One step of a call: what came in, what that led to, and the core's state before it and after.

The state is what the core holds: of what is playing, how much is proven heard. Where the ear is beyond that is asked
besides (`at_ear`).
"""

import msgspec

from engine.core.report import Turn, report
from replay.data import turn_data
from replay.flow.entry_lines import entry_data
from replay.flow.seen import Look, Seen
from replay.places import Place, timeline
from replay.rows import Log
from replay.state.at_ear import AtEar, at_ear_now
from replay.state.states import Change, JsonObject, States, changes


class StateAt(msgspec.Struct, frozen=True):
    """A step. `seen`: its entries, the input first. The rest is as it left it; `turns` with what was
    proven or judged heard by then, and its words."""

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
