"""A new log file.

The empty log is made once per process, in memory and with sqlite-utils; a call's file starts as a copy of its bytes.
A call begins while others are speaking, and running the schema again for each would hold them up for milliseconds.
"""

import os
import sqlite3
from functools import cache
from pathlib import Path

import msgspec
from sqlite_utils import Database

from engine.core.entries import FORMAT
from engine.log.errors import LogError
from engine.log.folder import FILES_OF_A_LOG, Lock, check_call_sid, claim_name, day_of
from engine.log.reader import CALL_COLUMNS, CallRow
from engine.log.schema import APPLICATION_ID, FRAMES, PAGE_BYTES, TABLES, append_only

WAL_PAGES = 2000
"""Pages in the WAL that make SQLite copy it into the file, within the commit that got there. Measured at 50 steps/s:
2 MB of WAL and a stall of 4 ms every 20 s. 15,000 pages stall for 25 ms at a time; fewer than 2000, longer in sum."""


class LogFile:
    """The one read-write connection to a log in live/, and the lock that keeps it the only one."""

    def __init__(self, path: Path, lock: Lock, connection: sqlite3.Connection) -> None:
        self.path = path
        self.lock = lock
        self.connection = connection

    def close(self) -> None:
        """Leave the file in live/, for the next start to seal."""
        self.connection.close()
        self.lock.release()


def connect(path: Path, timeout_s: float) -> sqlite3.Connection:
    """A read-write connection to an existing log. Raises sqlite3.Error.

    Made here, closed perhaps in the thread that seals: never used by two threads at once.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        timeout=timeout_s,
        check_same_thread=False,
    )
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
    return connection


def create(calls_dir: Path, call: CallRow) -> LogFile:
    """The log of a new call. Leaves nothing behind when it fails. Raises LogError, OSError or sqlite3.Error."""
    check_call_sid(call.call_sid)
    path, lock = claim_name(calls_dir, call.call_sid, day_of(call.started_at))
    try:
        return LogFile(path, lock, _write_first(path, call))
    except BaseException:
        for suffix in FILES_OF_A_LOG:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        lock.release()
        raise


def _write_first(path: Path, call: CallRow) -> sqlite3.Connection:
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(_empty_log())
    # A writer never waits: what cannot be written now is kept, and tried again.
    connection = connect(path, timeout_s=0)
    try:
        # A file that a power cut spoils before its first row has no call to lose, so it need not wait for the disk.
        connection.execute("PRAGMA synchronous=OFF")
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise LogError(f"{path.parent} is on a file system without shared memory, which SQLite's WAL needs")
        connection.execute("PRAGMA synchronous=NORMAL")
        names = ", ".join(CALL_COLUMNS)
        marks = ", ".join("?" * len(CALL_COLUMNS))
        connection.execute(f"INSERT INTO call (id, {names}) VALUES (1, {marks})", msgspec.structs.astuple(call))
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _empty_log() -> bytes:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
    database = Database(connection, execute_plugins=False)
    for table in TABLES:
        database.execute(table)
    for name in database.table_names():
        for trigger in append_only(name):
            database.execute(trigger)
    database.create_view("frames", FRAMES)
    database.execute(f"PRAGMA application_id={APPLICATION_ID}")
    database.execute(f"PRAGMA user_version={FORMAT}")
    image = connection.serialize()
    connection.close()
    return image
