"""Which entries of a log somebody wants to see.

All that is asked for must hold. Places are looked up when there is a log (`within`): what is left then are entry
numbers, and an entry can be judged by itself, also one that has yet to come.
"""

from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from engine.core import Entry
from engine.core.entries import Kind, Leg
from replay.places import Place, timeline
from replay.rows import Log

LegName = Literal["caller", "model", "engine"]


class Selection(msgspec.Struct, frozen=True):
    """`types`: globs, one of which must fit. `text` is looked for in the body, upper case or lower. `last` None: to the
    end, whatever comes."""

    leg: Leg | None = None
    kind: Kind | None = None
    types: tuple[str, ...] = ()
    text: str = ""
    first: int = 0
    last: int | None = None

    def within(self, log: Log, begin: Place | None, end: Place | None) -> "Selection":
        """This, from one place of a log to another. Raises PlaceError."""
        if begin is None and end is None:
            return self
        first, last = timeline(log).between(begin or Place("start"), end or Place("end"))
        return msgspec.structs.replace(self, first=first, last=last if end is not None else None)

    def takes(self, entry: Entry) -> bool:
        """Whether an entry is one of them."""
        if entry.seq < self.first or (self.last is not None and entry.seq > self.last):
            return False
        if (self.leg or entry.leg) != entry.leg or (self.kind or entry.kind) != entry.kind:
            return False
        if self.types and not any(fnmatchcase(entry.type, glob) for glob in self.types):
            return False
        return not self.text or self.text.casefold() in entry.body.casefold()
