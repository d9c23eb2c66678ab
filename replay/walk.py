"""A log step by step, with the core beside it: what every view of a call is made from.

The core is told what was recorded, the answers to its searches for words too, and what it commands is not compared:
that is `runner`'s business. What a view shows is what the log holds; the core adds what no entry says, as what time it
was at Twilio, or how far the caller had heard.

**One time for all views**: stream time, that of Twilio's clock. An entry has no such date, only our own clock's; the
core tells what the stream's clock showed then, as near as it knew. It stands at 0 until the caller's first frame.

A call that another bridge made is not stepped but overheard: `engine.core.overheard` is told its commands, too.
"""

from collections.abc import Iterable, Iterator
from itertools import takewhile

import msgspec

from engine.core import RULES, RULES_OVERHEARD, AnyCall, Call, Entry, Overheard
from engine.core.audio import ms_of
from engine.log.errors import LogError
from engine.log.reader import Row
from replay.rows import Log, entry_of


class Moment(msgspec.Struct, frozen=True):
    """One step: the entries that it wrote, its input first. `at`: stream samples, never less than the one before."""

    entries: list[Entry]
    at: int

    @property
    def seq(self) -> int:
        """Of its first entry."""
        return self.entries[0].seq

    @property
    def stream_ms(self) -> int:
        """When it was, on the stream's clock."""
        return ms_of(self.at)


def check_rules(log: Log) -> None:
    """Raises LogError for rules that this version does not know."""
    rules = log.settings.rules
    if rules > RULES:
        known = f"this version decides under rules up to {RULES}: upgrade playhead"
        raise LogError(f"{log.path}: recorded under rules {rules}; {known}")


class Walk:
    """One pass over a log. Iterate it; `call` is the core after the moment that came last. Raises LogError where the
    entries cannot be read, and for rules that this version does not know."""

    def __init__(self, log: Log) -> None:
        check_rules(log)
        rules = log.settings.rules
        self.log = log
        self.call: AnyCall = Overheard(log.settings) if rules == RULES_OVERHEARD else Call(log.settings)
        self._at = 0

    def __iter__(self) -> Iterator[Moment]:
        return self.take(self.log.rows())

    def take(self, rows: Iterable[Row]) -> Iterator[Moment]:
        """More of the log, up to between two steps: for one that still grows."""
        entries: list[Entry] = []
        for row in rows:
            entry = entry_of(row)
            if entry.kind == "input" and entries:
                yield self._moment(entries)
                entries = []
            entries.append(entry)
        if entries:
            yield self._moment(entries)

    def _moment(self, entries: list[Entry]) -> Moment:
        first = entries[0]
        if isinstance(self.call, Overheard):
            for entry in entries:
                self.call.hear(entry)
        elif first.kind == "input":
            self.call.step(first.seq, first.at_ns, first.leg, first.body, first.audio)
        self._at = max(self._at, self.call.hearing.stream.peek(first.at_ns))
        return Moment(entries, self._at)


def stream_ms_of(log: Log, seq: int) -> int:
    """When the step of an entry was, on the stream's clock; of the log no more is read. 0 if there is no such step."""
    stream_ms = 0
    for moment in Walk(log).take(takewhile(lambda row: row[0] <= seq, log.rows())):
        stream_ms = moment.stream_ms
    return stream_ms
