"""A new log file: an empty one (see `blank`), renamed to its call or written anew, and the call's own row in it.

With a `Syncer`, no power cut can leave a file that cannot be read, nor one that is not found once its first second was
synced. Without one, a power cut takes what the kernel had not written by itself: simulations and imports have no call
to lose.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.log.blank import empty_log, write_image
from engine.log.folder import FILES_OF_A_LOG, Lock, check_call_sid, claim_name, day_of, sync_folder
from engine.log.keys import LogKey
from engine.log.reader import CALL_COLUMNS, CallRow
from engine.log.sync import Syncer, Tail

if TYPE_CHECKING:
    from engine.log.cipher import CallCipher

WAL_PAGES = 1_000_000
"""Pages in the WAL (1 GB: two hours of a call) that make SQLite copy it into the file, within the commit that got
there. That stalls all calls and waits for the disk, at 2000 pages for 4 ms on an idle machine and a fast disk, every
20 s of each call. So it is left to the end of the call, where a thread does it; but not for ever, as disks end."""


class LogFile:
    """The one read-write connection to a log in live/, and the lock that keeps it the only one. `cipher`: of a new log
    that is encrypted; sealing needs none."""

    def __init__(
        self, path: Path, lock: Lock, connection: sqlite3.Connection, cipher: "CallCipher | None" = None
    ) -> None:
        self.path = path
        self.lock = lock
        self.connection = connection
        self.cipher = cipher
        self.is_spent = False
        """Whether sealing was tried with this connection. It may have been closed then."""
        self._tail: Tail | None = None
        self._syncer: Syncer | None = None

    def sync_with(self, syncer: Syncer) -> None:
        """Have a new log synced from now on. Raises OSError."""
        if syncer.is_every_step:
            sync_folder(self.path.parent)  # what is in the file, SQLite syncs itself
            return
        self._syncer, self._tail = syncer, Tail(self.path)
        syncer.add(self._tail)

    def reconnect(self) -> None:
        """Connect anew, to seal what could not be sealed before. Raises sqlite3.Error."""
        self.connection.close()
        self.connection = connect(self.path, timeout_s=0)

    @property
    def unsafe(self) -> str | None:
        """Why a power cut may take more than it should, if so."""
        return None if self._tail is None else self._tail.failure

    def close(self) -> None:
        """Leave the file in live/, for the next start to seal."""
        if self._syncer is not None and self._tail is not None:
            self._syncer.remove(self._tail)
            self._tail.close()
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
    try:
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
    except BaseException:
        connection.close()
        raise
    return connection


def create(calls_dir: Path, call: CallRow, key: LogKey | None, syncer: Syncer | None) -> LogFile:
    """The log of a new call, encrypted if there is a `key`. Leaves nothing behind when it fails, if it can.
    Raises LogError, OSError or sqlite3.Error."""
    check_call_sid(call.call_sid)
    cipher = None
    if key is not None:
        # Not above: most need no cryptography.
        from engine.log.cipher import protect

        call, cipher = protect(call, key)
    path, lock = claim_name(calls_dir, call.call_sid, day_of(call.started_at))
    try:
        if syncer is None:
            write_image(path, empty_log(call.format), is_synced=False)
        else:
            syncer.make_log(path, call.format)
        file = LogFile(path, lock, _write_first(path, call, syncer is not None and syncer.is_every_step), cipher)
        try:
            if syncer is not None:
                file.sync_with(syncer)
        except BaseException:
            file.connection.close()
            raise
    except BaseException:
        for suffix in FILES_OF_A_LOG:
            with suppress(OSError):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        lock.release()
        raise
    return file


def _write_first(path: Path, call: CallRow, is_every_step: bool) -> sqlite3.Connection:
    # A writer never waits: what cannot be written now is kept, and tried again.
    connection = connect(path, timeout_s=0)
    try:
        # SQLite would sync the header of the WAL here; nothing else needs to be on the disk after it.
        connection.execute(f"PRAGMA synchronous={'FULL' if is_every_step else 'OFF'}")
        names = ", ".join(CALL_COLUMNS)
        marks = ", ".join("?" * len(CALL_COLUMNS))
        connection.execute(f"INSERT INTO call (id, {names}) VALUES (1, {marks})", msgspec.structs.astuple(call))
        if not is_every_step:
            connection.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection
