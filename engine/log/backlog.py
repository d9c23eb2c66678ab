"""Appends that wait for their file, in order and bounded, and an account of what had to be dropped.

What does not fit is dropped, newest first: a log without its end can still be replayed, a log with a hole cannot.
A hole is closed with a `log.gap` fault that takes the first lost number, once everything before it is written.
"""

from collections import deque
from collections.abc import Sequence

import msgspec

from engine.core.entries import Entry

BACKLOG_BYTES_MAX = 8 * 2**20
"""Held in memory for one call while its log cannot be written: about three minutes of both directions."""
ENTRY_BYTES = 300
"""What an entry costs in memory besides its body and audio."""
GAP_TYPE = "log.gap"


class _Gap(msgspec.Struct):
    first: int
    last: int
    at_ns: int
    reason: str


class Backlog:
    """A queue of appends. False when there is nothing to write, gaps included."""

    def __init__(self) -> None:
        self._appends: deque[Sequence[Entry]] = deque()
        self._bytes = 0
        self._gaps: list[_Gap] = []
        self.dropped_entries = 0

    def __bool__(self) -> bool:
        return bool(self._appends or self._gaps)

    def keep(self, entries: Sequence[Entry], reason: str) -> None:
        """Let an append wait; `reason` is what a gap will say should there be no room for it."""
        size = _bytes_of(entries)
        if self._bytes + size > BACKLOG_BYTES_MAX:
            self.lose(entries, f"no room to wait: {reason}")
            return
        self._appends.append(entries)
        self._bytes += size

    def lose(self, entries: Sequence[Entry], reason: str) -> None:
        """Count an append as lost, and leave a gap to be filled. The loss of a gap entry leaves none: it has no
        number of its own."""
        if entries[0].type == GAP_TYPE:
            return
        self.dropped_entries += len(entries)
        if self._gaps and self._gaps[-1].last + 1 == entries[0].seq:
            self._gaps[-1].last = entries[-1].seq
        else:
            self._gaps.append(_Gap(entries[0].seq, entries[-1].seq, entries[0].at_ns, reason))

    def give_up(self, reason: str) -> None:
        """Nothing waits any longer: a gap names all that did. One that was to be written already stays before it."""
        lost = [entries for entries in self._appends if entries[0].type != GAP_TYPE]
        if not lost:
            return
        self.dropped_entries += sum(map(len, lost))
        # Since the first of them nothing was written, so what is missing has no holes.
        gaps = [_Gap(lost[0][0].seq, lost[-1][-1].seq, lost[0][0].at_ns, reason), *self._gaps]
        first = min(gaps, key=lambda gap: gap.first)
        self._gaps = [_Gap(first.first, max(gap.last for gap in gaps), first.at_ns, reason)]
        self._appends = deque(entries for entries in self._appends if entries[0].type == GAP_TYPE)
        self._bytes = sum(map(_bytes_of, self._appends))

    def oldest(self) -> Sequence[Entry]:
        """What to write next. The backlog must not be empty."""
        if not self._appends:
            self._appends.append([_gap_entry(gap) for gap in self._gaps])
            self._bytes += _bytes_of(self._appends[0])
            self._gaps.clear()
        return self._appends[0]

    def done(self) -> None:
        """The oldest is settled."""
        self._bytes -= _bytes_of(self._appends.popleft())

    def waiting_entries(self) -> int:
        """Entries that are neither written nor dropped."""
        return sum(map(len, self._appends))


def _gap_entry(gap: _Gap) -> Entry:
    fields = {"type": GAP_TYPE, "first": gap.first, "last": gap.last, "reason": gap.reason}
    return Entry(gap.first, gap.at_ns, "fault", "engine", GAP_TYPE, msgspec.json.encode(fields).decode())


def _bytes_of(entries: Sequence[Entry]) -> int:
    return sum(ENTRY_BYTES + len(entry.body) + len(entry.audio or b"") for entry in entries)
