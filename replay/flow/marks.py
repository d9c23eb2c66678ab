"""What became of each mark: played, or flushed by a clear, or one of these, or never seen again.

No frame says it. Before a clear an echo means played; after one it means nothing by itself, for Twilio gives back at
once what it flushed. The core finds out where the ear was when the clear took effect (`engine.core.playout`), between
two bounds: a mark up to the first was played, one beyond the second was flushed, and of those between nobody knows.
That is told when the interruption has settled, and later proof may correct it: so ask at the end of the log, and of a
call that still runs be content with what is known by then.

Another bridge may call all its marks the same. The core that overhears it gives each a key of its own; here, too, an
echo belongs to the oldest mark of its name that has not come back.
"""

from typing import Literal

import msgspec

from engine.core import AnyCall, Entry, Overheard, wire_caller, wire_sent
from engine.core.commands import PlaceMark
from engine.core.events import MarkEchoed
from engine.core.machines import Playing
from engine.core.playout import Playout
from replay.walk import Moment

Fate = Literal["sent", "played", "cleared", "flushed", "either", "sentinel", "again", "unknown"]
"""`sent`: and not come back (yet). `cleared`: overtaken by a clear that has not settled. `either`: played or flushed.
`sentinel`: sent after a clear, so that its echo dates it. Of echoes only: `again`, it had come back before; `unknown`,
nobody sent it."""


class Mark(msgspec.Struct, eq=False):
    """One mark that was sent, or an echo that belongs to none. `key`: what the core calls it."""

    name: str
    fate: Fate
    key: str = ""


class _Cleared(msgspec.Struct, eq=False):
    """A playout that was cleared, with the marks that were in it then and their positions."""

    playout: Playout
    marks: list[tuple[Mark, int]]
    state: Playing = Playing.FLUSHING


class Marks:
    """The marks of one call. Tell it every moment, with the core after it. `of`: by the entry that sent a mark, and by
    the one that brought it back; a frame that names no mark is not in it."""

    def __init__(self) -> None:
        self.of: dict[int, Mark] = {}
        self._by_key: dict[str, Mark] = {}
        self._awaited: dict[str, list[Mark]] = {}
        self._unsettled: list[_Cleared] = []
        self._newest: Playout | None = None
        self._overheard = 0
        """Marks of another bridge, of which the core has told the key."""

    def note(self, moment: Moment, call: AnyCall) -> None:
        """Take a moment in."""
        for entry in moment.entries:
            if entry.type == "mark" and entry.leg == "caller":
                self._note(entry, call)
        flushing = call.hearing.flushing
        if flushing and flushing[-1] is not self._newest:
            self._newest = flushing[-1]
            self._clear(self._newest)
        for cleared in [*self._unsettled]:
            if cleared.playout.state is not cleared.state:
                self._settle(cleared, call)

    def _note(self, entry: Entry, call: AnyCall) -> None:
        what = wire_sent.decode(entry) if entry.kind == "command" else wire_caller.decode(entry.body, None)[1]
        if not isinstance(what, PlaceMark | MarkEchoed):
            return
        name = what.name
        awaited = self._awaited.get(name)
        if isinstance(what, PlaceMark):
            key = self._key(name, call)
            is_sentinel = any(each.flush is not None and each.flush.sentinel == key for each in call.hearing.flushing)
            mark = self._by_key[key] = Mark(name, "sentinel" if is_sentinel else "sent", key)
            self._awaited.setdefault(name, []).append(mark)
        elif awaited:
            mark = awaited.pop(0)
            if mark.fate == "sent":
                mark.fate = "played"
        else:
            mark = Mark(name, "unknown" if awaited is None else "again")
        self.of[entry.seq] = mark

    def _key(self, name: str, call: AnyCall) -> str:
        if isinstance(call, Overheard):
            self._overheard += 1
            return call.overhearing.marks[self._overheard - 1].key
        return name

    def _clear(self, playout: Playout) -> None:
        inside = [(self._by_key[key], position) for key, position in playout.marks.items() if key in self._by_key]
        for mark, _ in inside:
            mark.fate = "cleared"
        self._unsettled.append(_Cleared(playout, inside))

    def _settle(self, cleared: _Cleared, call: AnyCall) -> None:
        cleared.state = cleared.playout.state
        low, flushed_from = _bounds(cleared.playout, call)
        for mark, position in cleared.marks:
            mark.fate = "played" if position <= low else "flushed" if position >= flushed_from else "either"
        if cleared.state is Playing.SETTLED:
            self._unsettled.remove(cleared)


def _bounds(playout: Playout, call: AnyCall) -> tuple[int, int]:
    """Up to which position the marks of a playout that was cleared were played for certain, and from which on they were
    flushed: beyond what the ear can have reached, or from an echo on that came before its mark can have been played."""
    flush, flushed = playout.flush, playout.flushed_echoes
    assert flush is not None, "it was cleared"
    if isinstance(call, Overheard):
        cleared = next(each for each in call.overhearing.clears if each.playout is playout)
        assert cleared.judgement is not None, "it has settled"
        judgement, flushed = cleared.judgement, flushed if cleared.basis == "echoes" else 0
    else:
        stream = call.hearing.stream
        judgement = playout.judge(stream.peek(call.at_ns), stream.latest(call.at_ns))
    return judgement.low, flush.echoes[-flushed].position if flushed else judgement.high + 1
