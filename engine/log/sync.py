"""What a power cut may take of a call: at most its last LOG_SYNC_SECONDS.

A killed process loses nothing that it had handed to the kernel; a machine that loses its power loses all that was not
synced. SQLite syncs a WAL at each commit (`synchronous=FULL`) or only when it copies it into the file (`NORMAL`). The
first is a wait for the disk in each step, in the thread in which all calls live; the second may lose a whole call.

So a worker does it. Twice in LOG_SYNC_SECONDS a *round* syncs the -wal file of every live log, through a descriptor of
its own, and, where logs are new, the folder that has their names. What is appended while a round begins is on disk when
the next one ends: that is LOG_SYNC_SECONDS at most, as long as a round takes less than half of it. LOG_SYNC_SECONDS=0
asks for FULL instead, and for the wait.

**Why that is as good as SQLite's own sync.** SQLite relies on an order only where it copies the WAL into the file, and
there it syncs by itself. A commit needs none: each frame of a WAL has a checksum over all before it. Whatever part of
the unsynced end is there, the log ends with the last commit before the first frame that is missing or torn.
tests/power.py cuts the power at every operation, and tears and reorders what was not synced.

**Why not another descriptor of the log itself.** SQLite locks that file with POSIX locks, which a process loses as soon
as it closes any descriptor of it. The -wal file has no locks.

**A sync that fails** says that something which was written is not on the disk; which part, it does not say. The kernel
may count those pages as clean from then on, so that the next sync succeeds and proves nothing (LWN, "PostgreSQL's fsync
surprise"). So a log whose sync failed once counts as unsafe until it is sealed. Sealing writes everything anew from
what the kernel still has in memory, reads it back and syncs it; a log with which that cannot be done stays in live/.
Rewriting it earlier would take another file in the middle of the call, on a disk that has just shown that it fails. The
call goes on, `degraded` says why, and no new call is taken meanwhile. For the same reason the descriptor is kept open:
an error that the kernel meets by itself between two rounds is told only to descriptors that were open then.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Lock

from engine.log.blank import empty_log, write_image
from engine.log.errors import reason
from engine.log.folder import BLANK, LIVE, make_folder, sync_folder

BLANKS_READY = 4
"""Files made and synced ahead, for calls that begin before the next round. One that finds none waits for the disk."""

SYNCS_AT_ONCE = 4
"""A file system writes one commit for all who ask together: 50 logs took 11 ms so, and one after the other 230."""


class Tail:
    """The -wal file of a live log: what of the log may not be on the disk yet."""

    def __init__(self, log: Path) -> None:
        self.is_named = False
        """Whether the folder was synced since the log got its name."""
        self.failure: str | None = None
        """Why it counts as unsafe."""
        self._log = log
        self._lock = Lock()
        self._descriptor: int | None = os.open(f"{log}-wal", os.O_RDONLY | os.O_CLOEXEC)

    def sync(self) -> None:
        """Wait until it is on the disk. Not once it is closed."""
        with self._lock:
            if self._descriptor is not None:
                try:
                    os.fdatasync(self._descriptor)
                except OSError as error:
                    self.fail(error)

    def fail(self, error: OSError) -> None:
        """Remember that a sync has failed."""
        why = reason(error)
        self.failure = f"{self._log} is not safe from a power cut until its call is over: sync failed: {why}"

    def close(self) -> None:
        """Let go. Waits for a sync that is under way."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


class Syncer:
    """Syncs the live logs of one bridge. `sync` is for a worker thread, everything else for that of the calls."""

    def __init__(self, calls_dir: Path, seconds: float, log_format: int, at_once: int = SYNCS_AT_ONCE) -> None:
        self.is_every_step = seconds == 0
        self._at_once = at_once
        self._live = calls_dir / LIVE
        self._folder = calls_dir / BLANK
        self._format = log_format
        self._lock = Lock()
        self._tails: set[Tail] = set()
        self._blanks: list[Path] = []
        self._numbers = count()

    def add(self, tail: Tail) -> None:
        """Sync this one from the next round on."""
        with self._lock:
            self._tails.add(tail)

    def remove(self, tail: Tail) -> None:
        """No longer."""
        with self._lock:
            self._tails.discard(tail)

    def make_log(self, log: Path, log_format: int) -> None:
        """Make an empty log, of a blank that was made ahead or of one made now. Raises OSError."""
        while log_format == self._format:
            with self._lock:
                if not self._blanks:
                    break
                blank = self._blanks.pop()
            with suppress(FileNotFoundError):  # another bridge has started, and swept it away
                blank.rename(log)
                return
        self._make_blank(log_format).rename(log)

    def sync(self) -> None:
        """One round. Raises nothing: what goes wrong is known to the log that it concerns."""
        with self._lock:
            tails = list(self._tails)
        new = [tail for tail in tails if not tail.is_named]
        if len(tails) > 1 and self._at_once > 1:
            with ThreadPoolExecutor(self._at_once) as pool:
                list(pool.map(Tail.sync, tails))
        else:
            for tail in tails:
                tail.sync()
        if new:
            try:
                sync_folder(self._live)
            except OSError as error:
                for tail in new:
                    tail.fail(error)
            for tail in new:
                tail.is_named = True
        with suppress(OSError):  # a disk that is full: the calls will say so
            self._make_blanks()

    def close(self) -> None:
        """Remove what was made ahead. Raises nothing."""
        with self._lock, suppress(OSError):
            while self._blanks:
                self._blanks.pop().unlink(missing_ok=True)
            self._folder.rmdir()

    def _make_blanks(self) -> None:
        while len(self._blanks) < BLANKS_READY:
            blank = self._make_blank(self._format)
            with self._lock:
                self._blanks.append(blank)

    def _make_blank(self, log_format: int) -> Path:
        if not self._folder.exists():
            make_folder(self._folder)
        blank = self._folder / f"{os.getpid()}-{next(self._numbers)}.tmp"
        write_image(blank, empty_log(log_format), is_synced=True)
        return blank
