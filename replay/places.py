"""Places in a call, as people name them: a time, an entry, a turn, a mark.

    83.4  83.4s  1:23.4  83400ms   a time of the stream
    seq:812                        an entry
    turn:3                         a turn, by its number in the order of the conversation
    mark:probe-2                   where the mark came back; where it was sent, if it never did
    start  end                     of the log

A place is asked for in three ways. *At* it: the step that it is in, or for a time the last step before it. *From* and
*to* it: the first and the last step of a stretch, a turn being as long as the caller heard it (or spoke).
"""

import re
from bisect import bisect_left, bisect_right
from difflib import get_close_matches
from typing import Literal

import msgspec

from engine.core import events as ev
from engine.core import wire_caller
from engine.core.audio import ms_of
from engine.core.report import Turn, report
from engine.log.errors import LogError
from replay.paint import visible
from replay.rows import Log
from replay.text import clock
from replay.walk import Moment, Walk

Side = Literal["at", "from", "to"]

FORMS = "83.4s, 1:23.4, seq:812, turn:3, mark:NAME, start or end"
_CLOCK = re.compile(r"(?:(\d+):)?(\d+(?:\.\d+)?)s?")
_MS = re.compile(r"(\d+)ms")
_NAMES_SHOWN_MAX = 5
_COUNTED = re.compile(r"(seq|turn):(\d+)")


class PlaceError(LogError):
    """The log has no such place."""


class Place(msgspec.Struct, frozen=True):
    """What was asked for. `value`: stream ms of a time, an entry's seq, or a turn's number from 1."""

    kind: Literal["time", "seq", "turn", "mark", "start", "end"]
    value: int = 0
    name: str = ""

    def __str__(self) -> str:
        if self.kind == "time":
            return clock(self.value)
        return self.kind if self.kind in ("start", "end") else f"{self.kind}:{self.name or self.value}"


def parse(text: str) -> Place:
    """A place from its name. Raises ValueError that says what would be one."""
    if text in ("start", "end"):
        return Place("start" if text == "start" else "end")
    if text.startswith("mark:") and len(text) > len("mark:"):
        return Place("mark", name=text.removeprefix("mark:"))
    if found := _COUNTED.fullmatch(text):
        return Place("seq" if found[1] == "seq" else "turn", int(found[2]))
    if found := _MS.fullmatch(text):
        return Place("time", int(found[1]))
    found = _CLOCK.fullmatch(text)
    if found and (found[1] is None or float(found[2]) < 60):
        return Place("time", round((int(found[1] or 0) * 60 + float(found[2])) * 1000))
    raise ValueError(f"{text!r} is no place in a call. Places are {FORMS}")


class Timeline(msgspec.Struct):
    """Where everything in one log is. `seqs`, `ats`: first entry and stream samples of each step."""

    seqs: list[int] = []
    ats: list[int] = []
    last_seq: int = 0
    marks: dict[str, int] = {}
    """The step in which a mark first came back, else the one that sent it, as the index of the step."""
    echoed: set[str] = set()
    turns: list[Turn] = []
    first_named: dict[str, int] = {}
    """The step in which an item was first known, as the index of the step."""

    def seq_of(self, place: Place, side: Side = "at") -> int:
        """The entry that a place means: the first of its step; of `to`, the last. Raises PlaceError."""
        index = self.step_of(place, side)
        if side != "to":
            return self.seqs[index]
        return self.seqs[index + 1] - 1 if index + 1 < len(self.seqs) else self.last_seq

    def between(self, begin: Place, end: Place) -> tuple[int, int]:
        """The first and the last entry from one place to another. Raises PlaceError where there is nothing between."""
        first, last = self.seq_of(begin, "from"), self.seq_of(end, "to")
        if last < first:
            raise PlaceError(f"{end} is before {begin}: there is nothing between them")
        return first, last

    def stream_ms(self, seq: int) -> int:
        """When an entry was, on the stream's clock."""
        return ms_of(self.ats[bisect_right(self.seqs, seq) - 1])

    def step_of(self, place: Place, side: Side = "at") -> int:
        """The step that a place means, as an index. Raises PlaceError."""
        if not self.seqs:
            raise PlaceError("the log has no entries")
        match place.kind:
            case "start":
                return 0
            case "end":
                return len(self.seqs) - 1
            case "seq":
                if not self.seqs[0] <= place.value <= self.last_seq:
                    raise PlaceError(f"there is no entry {place.value}: the log has {self.seqs[0]} to {self.last_seq}")
                return bisect_right(self.seqs, place.value) - 1
            case "mark":
                if place.name not in self.marks:
                    raise PlaceError(f"there is no mark {place.name!r}: {_some(list(self.marks), place.name)}")
                return self.marks[place.name]
            case "turn":
                return self._of_turn(place.value, side)
        ends_ms = ms_of(self.ats[-1])
        if side != "to" and place.value > ends_ms:
            raise PlaceError(f"there is no {place} in the call: its last step is at {clock(ends_ms)}")
        return self._of_time(place.value, side)

    def _of_turn(self, number: int, side: Side) -> int:
        if not 1 <= number <= len(self.turns):
            has = {0: "no turns", 1: "one turn"}.get(len(self.turns), f"{len(self.turns)} turns")
            raise PlaceError(f"there is no turn {number}: the call has {has}")
        if side == "to":
            return self._end_of_turn(number)
        turn = self.turns[number - 1]
        return self._named(turn) if turn.start_ms is None else self._of_time(turn.start_ms, side)

    def _end_of_turn(self, number: int) -> int:
        """No earlier than where the turn began, nor than where the one before it did. What nobody heard was made before
        the ear had come through that one; and a caller who breaks in may be done before the answer before is heard."""
        turn = self.turns[number - 1]
        end = self._named(turn)
        if turn.start_ms is not None:
            end_ms = turn.start_ms if turn.end_ms is None else turn.end_ms
            end = max(end, self._of_time(end_ms, "to"), self._of_time(turn.start_ms, "from"))
        if number > 1 and (turn.start_ms is None or end < self._of_turn(number - 1, "from")):
            end = max(end, self._end_of_turn(number - 1))
        return end

    def _named(self, turn: Turn) -> int:
        return self.first_named.get(turn.item_id, 0)

    def _of_time(self, stream_ms: int, side: Side) -> int:
        if side == "from":
            return min(bisect_left(self.ats, stream_ms, key=ms_of), len(self.ats) - 1)
        return max(bisect_right(self.ats, stream_ms, key=ms_of) - 1, 0)


def timeline(log: Log) -> Timeline:
    """Walk a log once and note where things are."""
    made, walk = Timeline(), Walk(log)
    known = 0
    for index, moment in enumerate(walk):
        made.seqs.append(moment.seq)
        made.ats.append(moment.at)
        made.last_seq = moment.entries[-1].seq
        _note_marks(made, moment, index)
        items = walk.call.conversation.items
        if len(items) != known:
            known = len(items)
            for item_id in items:
                made.first_named.setdefault(item_id, index)
    made.turns = report(walk.call, search_now=False).turns
    return made


def _note_marks(made: Timeline, moment: Moment, index: int) -> None:
    for entry in moment.entries:
        if entry.leg != "caller" or entry.type != "mark":
            continue
        event = wire_caller.decode(entry.body, None)[1]
        if isinstance(event, ev.MarkEchoed) and event.name not in made.echoed:
            made.marks[event.name] = index
            if entry.kind == "input":
                made.echoed.add(event.name)


def _some(names: list[str], name: str) -> str:
    """Which marks there are, those first that are called almost like that."""
    if not names:
        return "the call has none"
    near = get_close_matches(name, names, n=3)
    if near:
        return f"there are {len(names)}. Is it {visible(' or '.join(near))}?"
    shown = visible(", ".join(names[:_NAMES_SHOWN_MAX]))
    return f"there are {len(names)}: {shown}{', …' if len(names) > _NAMES_SHOWN_MAX else ''}"
