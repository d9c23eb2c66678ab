"""Sealing: a finished call's log becomes one plain file, complete and checked, under its day.

    1  the WAL is copied into the file, the file leaves WAL mode, and the folder is synced: a WAL or a journal that came
       back after a power cut would be taken for one of the copy that has the name by then, and spoil it
    2  a compact copy is made beside it (`CA….db.new`), in large pages: the live file's are small, which is cheap to
       append to and a fifth larger
    3  the copy is checked (quick_check); it gets the seal row, with the hash over the content, and triggers that refuse
       any further row; it is synced
    4  the copy takes the place of the file, in one rename
    5  rename to its day, and both folders synced; the lock goes

Killed between any two of these, or cut off from power, the log is whole, in one place, unsealed up to step 4 and sealed
from there. Sealing it again does what is left to do.

It takes a quarter of a second for a ten-minute call: run it in a worker thread, after the last append.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from shutil import disk_usage
from time import monotonic, sleep

import msgspec

from engine.log.content import content_sha256
from engine.log.create import LogFile, connect
from engine.log.errors import LogError, LogFullError, LogHeldError, told
from engine.log.folder import FILES_OF_A_LOG, day_of, make_folder, sync_file, sync_folder, take_lock
from engine.log.reader import SEAL_COLUMNS, CallRow, SealRow, check_pages, read_head
from engine.log.schema import SEALED, SEALED_PAGE_BYTES
from engine.log.wall_clock import utc_now
from engine.log.writer import CallLog

BUSY_SECONDS_MAX = 5
"""A reader may hold the WAL for as long as it iterates. Longer, and the log stays in live/ for the next start."""

BUSY_RETRY_SECONDS = 0.02
COPY = ".new"
"""What is added to the name of a log for the copy that takes its place."""
JOURNAL = "-journal"
"""And what SQLite adds to that while it writes it."""


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
        file = _take(log)
        try:
            return _seal_file(file)
        finally:
            file.close()
    try:
        return try_to_seal(log)
    finally:
        log.close()


def try_to_seal(log: CallLog) -> Sealed | None:
    """The same, but a log that cannot be sealed is kept as it is, with its lock and with what waits in memory: try
    again, or let it go (`give_up`). Nothing is appended any more."""
    log.flush()
    if log.file is None:
        return None
    sealed = _seal_file(log.file)
    log.close()
    return sealed


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
    with told(file.path):
        if file.is_spent:
            file.reconnect()
        file.is_spent = True
        file.connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS_MAX * 1000}")
        call, sealed = read_head(file.path, file.connection)
        if sealed is None:
            _leave_wal(file)
            _check_room(file.path)
            sealed = _replace_by_sealed_copy(file)
        file.connection.close()
        path = _move(file.path, day_of(call.started_at))
    return Sealed(path, call, sealed)


def _leave_wal(file: LogFile) -> None:
    """SQLite waits for readers when it copies the WAL, but not when it leaves WAL mode: that is asked again.

    Leaving is a write of two bytes in the first sector, which needs no journal. After a power cut, one would have to be
    rolled back before anybody could read the log.
    """
    held = LogError(f"{file.path} is held open by another program (a sqlite3 shell, Datasette?): it stays unsealed")
    give_up_at = monotonic() + BUSY_SECONDS_MAX
    while True:
        try:
            busy, _, _ = file.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            (mode,) = file.connection.execute("PRAGMA journal_mode=MEMORY").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if monotonic() > give_up_at:
                raise held from error
        else:
            if busy or mode != "memory":
                raise held
            break
        sleep(BUSY_RETRY_SECONDS)
    # SQLite has removed them, but puts up with a disk on which it cannot: they would be taken for the copy's.
    for suffix in FILES_OF_A_LOG[1:]:
        file.path.with_name(file.path.name + suffix).unlink(missing_ok=True)
    sync_folder(file.path.parent)


def _check_room(path: Path) -> None:
    """A copy that finds no room would first take what there is from the logs of calls that are up, at each try."""
    free_bytes, wanted_bytes = disk_usage(path.parent).free, path.stat().st_size
    if free_bytes < wanted_bytes:
        raise LogFullError(
            f"{path}: no room for the copy of {wanted_bytes} bytes that sealing makes: {free_bytes} free"
        )


def _replace_by_sealed_copy(file: LogFile) -> SealRow:
    copy = file.path.with_name(file.path.name + COPY)
    _remove(copy)
    try:
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        file.connection.execute(f"PRAGMA page_size={SEALED_PAGE_BYTES}")
        file.connection.execute("VACUUM INTO ?", [str(copy)])
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            # Nobody else sees the copy, and it is synced as a whole before anyone does.
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA journal_mode=MEMORY")
            check_pages(file.path, connection)
            sealed = _write_seal(connection)
        sync_file(copy)
        file.connection.close()
        copy.replace(file.path)
    except BaseException:
        _remove(copy)
        raise
    return sealed


def _remove(copy: Path) -> None:
    for suffix in ("", JOURNAL):
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)


def _write_seal(connection: sqlite3.Connection) -> SealRow:
    ended, reason = _ended(connection)
    (entries,) = connection.execute("SELECT count(*) FROM entry").fetchone()
    sealed_at = utc_now()
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
        "SELECT body FROM entry WHERE kind = 'command' AND type = 'end_call' AND typeof(body) = 'text'"
        " ORDER BY seq DESC LIMIT 1"
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
