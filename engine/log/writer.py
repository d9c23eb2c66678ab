"""`CallLog`: the append path of a live call. Never raises into the call, never waits.

**One append is one transaction**, and one statement: a single INSERT of all its rows commits by itself, a tenth cheaper
than BEGIN, the rows and COMMIT.

**The log begins before the call has a name.** Frames come before `start` tells the call's SID, and the SID is the name
of the file. Until `open`, appends wait in memory; a call that never gets that far leaves no file.

**A disk that is full or gone does not end the call.** An append that fails waits in the same backlog, with everything
after it, and is tried again once a second of the call's own time. `degraded` says why. Whole appends wait and are
written, each in a transaction of its own, so the log on disk always ends between two steps.
"""

import sqlite3
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.entries import APPEND_BODY, Entry
from engine.log.backlog import GAP_TYPE, Backlog
from engine.log.create import LogFile, create
from engine.log.errors import LogError, reason
from engine.log.folder import check_call_sid, day_of
from engine.log.keys import LogKey
from engine.log.reader import CallRow
from engine.log.sync import Syncer

if TYPE_CHECKING:
    from engine.log.cipher import CallCipher

RETRY_EVERY_NS = 1_000_000_000
"""A full disk is not asked again for each frame: a failing commit may cost as much as a good one."""
DRAIN_APPENDS_MAX = 50
"""Waiting appends written along with a new one: about a millisecond, so that catching up does not hold up the call."""
STATEMENT_ENTRIES_MAX = 16
"""Entries in one INSERT. A step seldom makes more, and each number of rows is a statement for SQLite to keep ready."""

_APPEND = "input_audio_buffer.append"
_COLUMNS = len(Entry.__struct_fields__)
_REFUSED = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
    ValueError,
    OverflowError,
)
"""Errors about the entries, not the disk: they would come again at every try."""


class CallLog:
    """The log of one call, from its first frame; encrypted with `key`, safe from power cuts with `syncer`, if there are
    any. Not to be used by two threads at once."""

    def __init__(self, calls_dir: Path, key: LogKey | None = None, syncer: Syncer | None = None) -> None:
        self.late_entries = 0
        """Entries that a disk refused and took later."""
        self._calls_dir = calls_dir
        self._key = key
        self._syncer = syncer
        self._call: CallRow | None = None
        self._file: LogFile | None = None
        self._backlog = Backlog()
        self._retry_at_ns = 0
        self._degraded: str | None = None

    @property
    def path(self) -> Path | None:
        """Where the log is, once there is a file."""
        return None if self._file is None else self._file.path

    @property
    def file(self) -> LogFile | None:
        """Once there is one, until it is let go: to be sealed."""
        return self._file

    @property
    def degraded(self) -> str | None:
        """Why entries wait, or lie unsafely, that should be on disk; None when all is well."""
        return self._degraded or (self._file.unsafe if self._file is not None else None)

    @property
    def dropped_entries(self) -> int:
        """Entries that are lost for good."""
        return self._backlog.dropped_entries

    def open(self, call: CallRow) -> None:
        """Name the call: make its file and write what waits. A disk that refuses shows in `degraded`, and is tried
        again. Raises LogError only for a call that can have no file: a SID or a start time that is not one."""
        assert self._call is None, "a log is opened once"
        check_call_sid(call.call_sid)
        day_of(call.started_at)
        self._call = call
        self._drain(0)

    def append(self, entries: Sequence[Entry]) -> None:
        """Write one step: its input and its commands, in one transaction. Never raises for what a disk can do."""
        if not entries:
            return
        now_ns = entries[-1].at_ns
        if self._backlog and self._call is not None and now_ns >= self._retry_at_ns:
            self._drain(now_ns)
        if self._file is not None and not self._backlog and self._write(self._file, entries, now_ns):
            return
        self._backlog.keep(entries, self._degraded or "the call has no name yet")

    def flush(self) -> None:
        """Write everything that waits, however long it takes. Raises LogError when that fails."""
        while self._call is not None and self._backlog:
            if not self._drain(0):
                waiting = self._backlog.waiting_entries()
                raise LogError(f"{waiting} entries of {self._call.call_sid} cannot be written: {self._degraded}")

    def give_up(self) -> None:
        """What waits is lost: name it in a gap, if there is room for as much, and let go. The next start will seal."""
        self._backlog.give_up(f"not written until the bridge stopped: {self._degraded}")
        if self._call is not None and self._backlog:
            self._drain(0)
        self.close()

    def take(self) -> LogFile | None:
        """Hand the file over; None if there is none. Nothing can be appended after this."""
        file, self._file, self._call = self._file, None, None
        return file

    def close(self) -> None:
        """Let go. If it is not sealed, the next start will."""
        file = self.take()
        if file is not None:
            file.close()

    def _drain(self, now_ns: int) -> bool:
        """Write what waits, oldest first, as much as may be done at once. False if the disk refused."""
        if self._file is None:
            self._file = self._create(now_ns)
        if self._file is None:
            return False
        for _ in range(DRAIN_APPENDS_MAX):
            if not self._backlog:
                break
            entries = self._backlog.oldest()
            if not self._write(self._file, entries, now_ns):
                return False
            if self._degraded is not None and entries[0].type != GAP_TYPE:
                self.late_entries += len(entries)
            self._backlog.done()
        if not self._backlog:
            self._degraded = None
        return True

    def _create(self, now_ns: int) -> LogFile | None:
        assert self._call is not None, "a log is opened before it is written"
        try:
            return create(self._calls_dir, self._call, self._key, self._syncer)
        except (OSError, sqlite3.Error, LogError) as error:
            self._fail(f"{self._calls_dir}: {reason(error)}", now_ns)
            return None

    def _write(self, file: LogFile, entries: Sequence[Entry], now_ns: int) -> bool:
        """False if the disk refused: nothing of this append is written then, and it must wait."""
        try:
            _insert(file.connection, entries, file.cipher)
        except _REFUSED as error:
            self._backlog.lose(entries, f"not to be written: {error}")
        except sqlite3.Error as error:
            self._fail(f"{file.path}: {error}", now_ns)
            return False
        return True

    def _fail(self, why: str, now_ns: int) -> None:
        self._degraded = why
        self._retry_at_ns = now_ns + RETRY_EVERY_NS


def _insert(connection: sqlite3.Connection, entries: Sequence[Entry], cipher: "CallCipher | None") -> None:
    if len(entries) <= STATEMENT_ENTRIES_MAX:
        connection.execute(_statement(len(entries)), _values(entries, cipher))
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_statement(1), [_values([entry], cipher) for entry in entries])
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has rolled back by itself, whatever had been inserted.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@cache
def _statement(entries: int) -> str:
    row = f"({', '.join('?' * _COLUMNS)})"
    return f"INSERT INTO entry VALUES {', '.join([row] * entries)}"


def _values(entries: Sequence[Entry], cipher: "CallCipher | None") -> list[object]:
    values: list[object] = []
    for entry in entries:
        body: str | bytes | None = entry.body
        audio = entry.audio
        if body == APPEND_BODY and entry.type == _APPEND:
            body = None
        if cipher is not None:
            body, audio = cipher.hide(entry, is_body_null=body is None)
        values += (
            entry.seq,
            entry.at_ns,
            entry.kind,
            entry.leg,
            entry.type,
            body,
            audio,
            entry.cause,
            entry.audio_from,
            entry.audio_to,
        )
    return values
