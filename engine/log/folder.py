"""CALLS_DIR: where the logs lie, under which names, and who holds which.

    live/CA….db  live/CA….lock     a call that runs, and the lock that says so
    2026-11-20/CA….db              a sealed call, under the UTC day on which it began
    damaged/CA….db                 what could not be read at a start; never deleted
    blank/….tmp                    empty files for calls to come
    index.db                       one row per sealed call

A call that Twilio connects a second time gets a log of its own: `CA….2.db`, then `CA….3.db`.

**Locks.** A log in live/ belongs to whoever holds `flock` on the `.lock` file beside it. Not on the log itself: SQLite
locks that with POSIX locks, which a process loses as soon as it closes any descriptor of the file. The kernel lets go
of the lock when the process dies, however it dies. The holder removes the lock file before it lets go, so whoever gets
a lock must look whether the file it locked is still the one of that name.
"""

import os
import re
import sqlite3
from contextlib import closing, suppress
from datetime import datetime, timedelta
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

from engine.log.errors import LogError, LogFullError, is_full, reason

LIVE = "live"
DAMAGED = "damaged"
BLANK = "blank"
FILES_OF_A_LOG = ("", "-wal", "-shm", "-journal")
"""What SQLite adds to the name of a log for the files it keeps beside it."""
_FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STREAMS_OF_A_CALL_MAX = 100
"""A call that is connected more often than this is a loop, not a call."""


def day_of(started_at: str) -> str:
    """The day of an ISO time in UTC, as the name of a folder. Raises LogError for any other time: in one zone, their
    order as text is their order in time."""
    try:
        moment = datetime.fromisoformat(started_at)
    except ValueError:
        raise LogError(f"started_at is not an ISO time: {started_at!r}") from None
    if moment.utcoffset() != timedelta(0):
        raise LogError(f"started_at is not in UTC: {started_at!r}")
    return moment.date().isoformat()


def check_call_sid(call_sid: str) -> None:
    """Raises LogError for a call SID that cannot be the name of a file."""
    if not _FILE_NAME.fullmatch(call_sid):
        raise LogError(f"not a call SID, and it would become a file name: {call_sid[:80]!r}")


def make_folder(folder: Path) -> None:
    """Make a folder under CALLS_DIR, and CALLS_DIR itself, that only we can look into; a new one survives a power cut.
    Raises OSError."""
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    for one in new:
        sync_folder(one.parent)


def private(name: str, flags: int) -> int:
    """The opener (see `open`) of a new file that only we can read. What is made of a call holds voices and words, as
    the call's log does."""
    return os.open(name, flags, 0o600)


def check_calls_dir(calls_dir: Path) -> None:
    """Make CALLS_DIR if need be and see that a log can be written there. Raises LogError with the remedy,
    LogFullError if all that is missing is room."""
    probe = calls_dir / LIVE / f"probe-{os.getpid()}.tmp"
    try:
        make_folder(probe.parent)
        try:
            with closing(sqlite3.connect(probe, isolation_level=None)) as connection:
                (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
                connection.execute("CREATE TABLE probe (id INTEGER PRIMARY KEY) STRICT")
        finally:
            for left in probe.parent.glob(probe.name + "*"):
                left.unlink()
    except (OSError, sqlite3.Error) as error:
        if calls_dir.exists() and not calls_dir.is_dir():
            raise LogError(f"CALLS_DIR {calls_dir} is a file. Set CALLS_DIR to a folder") from error
        kind = LogFullError if is_full(error) else LogError
        raise kind(
            f"CALLS_DIR {calls_dir} cannot be written: {reason(error)}. Give the user that runs the bridge"
            f" (uid {os.geteuid()}) write access and room there, or set CALLS_DIR to another folder"
        ) from error
    if mode != "wal":
        raise LogError(
            f"CALLS_DIR {calls_dir} is on a file system without shared memory (a network drive?), which SQLite's WAL"
            " needs. Set CALLS_DIR to a folder on a local disk"
        )


class Lock:
    """Held for as long as this process writes the log of that name, or until `release`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Remove the lock file, then let go. One that cannot be removed is, by the next start."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def take_lock(log: Path) -> Lock | None:
    """The lock of a log in live/, or None when another holds it. Raises OSError."""
    path = log.with_suffix(".lock")
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if _is_named(descriptor, path):
            return Lock(path, descriptor)
        os.close(descriptor)


def is_held(log: Path) -> bool:
    """Whether a bridge is writing a log in live/. Asked with a shared lock, for as long as it takes to ask; where
    there is no lock none is made."""
    try:
        descriptor = os.open(log.with_suffix(".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        flock(descriptor, LOCK_SH | LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_named(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def claim_name(calls_dir: Path, call_sid: str, day: str) -> tuple[Path, Lock]:
    """A name in live/ that no log has, there or sealed under `day`, and its lock. Raises OSError or LogError."""
    live = calls_dir / LIVE
    make_folder(live)
    for stream in range(1, _STREAMS_OF_A_CALL_MAX + 1):
        log = live / (f"{call_sid}.db" if stream == 1 else f"{call_sid}.{stream}.db")
        lock = take_lock(log)
        if lock is None:
            continue
        # What SQLite keeps beside a log is taken for its own by any log of that name.
        taken = [log.with_name(log.name + suffix) for suffix in FILES_OF_A_LOG]
        if not any(one.exists() for one in (*taken, calls_dir / day / log.name)):
            return log, lock
        lock.release()
    raise LogError(f"{call_sid} has {_STREAMS_OF_A_CALL_MAX} logs of {day} already")


def live_logs(calls_dir: Path) -> list[Path]:
    """The logs in live/: of running calls, and of those that a killed bridge left."""
    return sorted((calls_dir / LIVE).glob("*.db"))


def sealed_logs(calls_dir: Path) -> list[Path]:
    """All sealed logs, by day and name."""
    return sorted(calls_dir.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]/*.db"))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut. Raises OSError."""
    sync_file(folder)


def sync_file(path: Path) -> None:
    """Make a file survive a power cut. Raises OSError. No connection to it may be open: see above, on POSIX locks."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
