"""A log as it grows, read by somebody else's eyes: read-only, and let go of after every look.

The inputs go into a second `Call`, which thereby knows all that the first one knows. Nothing else is needed to watch a
call: what the bridge's own call holds in memory is a function of the log, and so is what is seen here.

A look holds nothing open when it is over, because a log that anyone holds open cannot be sealed. For the same reason
live looks must end before the call does: what comes after is read from the sealed file.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from engine.core import Call, CallSettings, Entry
from engine.core.machines import Calling
from engine.log.errors import told
from engine.log.reader import Row
from replay.rows import entry_of

_QUERY = f"SELECT {', '.join(Entry.__struct_fields__)} FROM entry WHERE seq > ? ORDER BY seq"


class Follower:
    """`call` has taken every input that was seen so far."""

    def __init__(self, settings: CallSettings) -> None:
        self.call = Call(settings)
        self._last_seq = 0

    @property
    def is_live(self) -> bool:
        """Whether the call has not begun to end."""
        return self.call.state in (Calling.AWAITING_START, Calling.LIVE)

    def look(self, log: Path) -> Iterator[Entry]:
        """The entries that are new since the last look, each after `call` has taken it; none while there is no file.

        Raises LogError for a file that cannot be read.
        """
        for entry in self._new(log):
            self._last_seq = entry.seq
            if entry.kind == "input":
                self.call.step(entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio)
            yield entry

    def _new(self, log: Path) -> list[Entry]:
        if not log.exists():
            return []
        with told(log), closing(sqlite3.connect(f"{log.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            rows: list[Row] = connection.execute(_QUERY, (self._last_seq,)).fetchall()
        return [entry_of(row) for row in rows]
