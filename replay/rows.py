"""A log as the replay wants it: what stands at its head, and its entries as tuples.

Entries are tuples here and not `Entry`, since most are looked at once and only compared.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import astuple

from engine.core import CallSettings, Entry
from engine.core.entries import APPEND_BODY
from engine.log.reader import Row

REDACTED = ", redacted"
"""Ends `engine_version` in a log from which sound, words and numbers were taken."""


class Head(msgspec.Struct, frozen=True):
    """What a log says of its call before the first entry. `started_at` is wall clock, UTC, ISO 8601."""

    call_sid: str
    stream_sid: str
    account_sid: str
    started_at: str
    format: int
    rules: int
    engine_version: str

    @property
    def is_redacted(self) -> bool:
        """Whether its sound is gone, so that no words can be looked for in it."""
        return self.engine_version.endswith(REDACTED)


class Log(msgspec.Struct, frozen=True):
    """One log. `rows` begins a new pass over the entries; a pass raises `LogError` where they cannot be read."""

    path: Path
    head: Head
    settings: CallSettings
    rows: Callable[[], Iterator[Row]]
    sealed_entries: int | None = None
    """How many entries its seal says it has."""
    check: Callable[[], None] = lambda: None
    """Compares the whole file with its seal; raises `LogDamagedError` with what was found."""


def log_in_memory(path: Path, head: Head, settings: CallSettings, entries: Sequence[Entry]) -> Log:
    """A log that is not on the disk, or not like this. `path`: what it was made of."""

    def rows() -> Iterator[Row]:
        yield from map(astuple, entries)

    return Log(path, head, settings, rows)


def entry_of(row: Row) -> Entry:
    """The entry that a row stores."""
    seq, at_ns, kind, leg, type_, body, audio, cause, audio_from, audio_to = row
    whole = APPEND_BODY if body is None else body
    return Entry(seq, at_ns, kind, leg, type_, whole, audio, cause, audio_from, audio_to)
