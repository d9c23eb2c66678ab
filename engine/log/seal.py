"""Sealing: a finished call's log becomes one plain file, complete and checked, under its day.

    1  the WAL is copied into the file, and the file leaves WAL mode
    2  a compact copy is made beside it (`CA….db.new`), in large pages: the live file's are small, which is cheap to
       append to and a fifth larger
    3  the copy is checked (quick_check); it gets the seal row, with the hash over the content, and triggers that refuse
       any further row; it is synced
    4  the copy takes the place of the file, in one rename
    5  rename to its day, and both folders synced; the lock goes

Killed between any two of these, the log is whole, in one place, unsealed up to step 4 and sealed from there. Sealing it
again does what is left to do.

It takes a quarter of a second for a ten-minute call: run it in a worker thread, after the last append.
"""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import msgspec

from engine.log.content import content_sha256
from engine.log.create import LogFile, connect
from engine.log.errors import LogError, LogHeldError, told
from engine.log.folder import day_of, make_folder, sync_file, sync_folder, take_lock
from engine.log.reader import SEAL_COLUMNS, CallRow, SealRow, check_pages, read_head
from engine.log.schema import SEALED, SEALED_PAGE_BYTES
from engine.log.writer import CallLog

BUSY_SECONDS_MAX = 5
"""A reader may hold the WAL for as long as it iterates. Longer, and the log stays in live/ for the next start."""

BUSY_RETRY_SECONDS = 0.02


class Sealed(msgspec.Struct, frozen=True):
    """A sealed log: where it is now, and what it says about itself."""

    path: Path
    call: CallRow
    seal: SealRow


def seal(log: CallLog | Path) -> Sealed | None:
    """Seal the log of a call that is over, or a log that was left in live/. Whatever happens, it is let go.

    None for a call that never had a file. Raises LogError: the log then stays in live/ for the next start to seal.
    """
    if isinstance(log, Path):
        return _seal_file(_take(log))
    try:
        log.flush()
    except LogError:
        log.close()
        raise
    file = log.take()
    return None if file is None else _seal_file(file)


def _take(path: Path) -> LogFile:
    with told(path):
        lock = take_lock(path)
        if lock is None:
            raise LogHeldError(f"{path} is being written by a running bridge")
        try:
            if not path.exists():
                raise LogError(f"{path}: no such log")
            return LogFile(path, lock, connect(path, BUSY_SECONDS_MAX))
        except BaseException:
            lock.release()
            raise


def _seal_file(file: LogFile) -> Sealed:
    try:
        with told(file.path):
            file.connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS_MAX * 1000}")
            call, sealed = read_head(file.path, file.connection)
            if sealed is None:
                _leave_wal(file)
                sealed = _replace_by_sealed_copy(file)
            file.connection.close()
            path = _move(file.path, day_of(call.started_at))
    finally:
        file.close()
    return Sealed(path, call, sealed)


def _leave_wal(file: LogFile) -> None:
    """SQLite waits for readers when it copies the WAL, but not when it leaves WAL mode: that is asked again."""
    held = LogError(f"{file.path} is held open by another program (a sqlite3 shell, Datasette?): it stays unsealed")
    give_up_at = monotonic() + BUSY_SECONDS_MAX
    while True:
        try:
            busy, _, _ = file.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            (mode,) = file.connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > give_up_at:
                raise held from error
        else:
            if busy or mode != "delete":
                raise held
            return
        sleep(BUSY_RETRY_SECONDS)


def _replace_by_sealed_copy(file: LogFile) -> SealRow:
    copy = file.path.with_name(file.path.name + ".new")
    copy.unlink(missing_ok=True)
    try:
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        file.connection.execute(f"PRAGMA page_size={SEALED_PAGE_BYTES}")
        file.connection.execute("VACUUM INTO ?", [str(copy)])
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            # Nobody else sees the copy, and it is synced as a whole before anyone does.
            connection.execute("PRAGMA synchronous=OFF")
            check_pages(file.path, connection)
            sealed = _write_seal(connection)
        sync_file(copy)
        file.connection.close()
        copy.replace(file.path)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return sealed


def _write_seal(connection: sqlite3.Connection) -> SealRow:
    ended, reason = _ended(connection)
    (entries,) = connection.execute("SELECT count(*) FROM entry").fetchone()
    sealed_at = datetime.now(UTC).isoformat()
    sha256 = content_sha256(connection, sealed_at, ended, reason, entries)
    row = SealRow(sealed_at, ended, reason, entries, sha256)
    names = ", ".join(SEAL_COLUMNS)
    marks = ", ".join("?" * len(SEAL_COLUMNS))
    connection.execute(f"INSERT INTO seal (id, {names}) VALUES (1, {marks})", msgspec.structs.astuple(row))
    for trigger in SEALED:
        connection.execute(trigger)
    return row


class _EndCall(msgspec.Struct):
    ended: str
    reason: str


def _ended(connection: sqlite3.Connection) -> tuple[str, str]:
    """How the call ended, from its own last word."""
    found = connection.execute(
        "SELECT body FROM entry WHERE kind = 'command' AND type = 'end_call' ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    if found is None:
        return "crashed", "the log has no end"
    try:
        end = msgspec.json.decode(found[0], type=_EndCall)
    except msgspec.MsgspecError as error:
        return "crashed", f"the log's end cannot be read: {error}"
    return end.ended, end.reason


def _move(path: Path, day: str) -> Path:
    folder = path.parent.parent / day
    make_folder(folder)
    moved = folder / path.name
    # The name was free under that day when it was claimed, and the lock has kept it ours: this is a copy made by hand.
    if moved.exists():
        raise LogError(f"{path} cannot be sealed: {moved} exists already. Move one of them away")
    path.rename(moved)
    sync_folder(folder)
    sync_folder(path.parent)
    return moved
