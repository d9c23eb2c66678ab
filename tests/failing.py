"""Disks that refuse the Nth operation: once, for the rest of the call, or until the next start; for every N.

    python -m tests.failing          all of it; `make test` takes a sample (test_log_failing.py)

**What is promised.** Nothing is raised into the call, also where it is opened. What cannot be written waits, `degraded`
says why meanwhile, and it is written when the disk takes it again: if that is before the end of the call, the log is
complete. If not, sealing says so and leaves what there is in live/, an exact prefix, for the next start to seal.
"""

import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import msgspec
import pytest

from engine.core.entries import FORMAT, Entry
from engine.log import create
from engine.log.errors import LogError
from engine.log.recover import recover
from engine.log.seal import Sealed, seal
from engine.log.sync import Syncer
from engine.log.writer import STATEMENT_ENTRIES_MAX, CallLog
from tests.apsw_disk import Watcher
from tests.log_builders import CALL, DAY, MS, end, entries_of, step
from tests.watched_disk import watched

Until = Literal["once", "the end of the call", "the next start"]
ERRORS = (errno.EIO, errno.ENOSPC)
STEPS = 8
STEP_MS = 400
"""So that a disk that failed is asked again within the call."""
WAL_PAGES = 16


class Failing(Watcher):
    """Refuses operation number `nth` and, unless only once, those after it, until it is `well`."""

    def __init__(self, nth: int, error: int, once: bool) -> None:
        self.nth, self.error, self.once = nth, error, once
        self.done = 0
        self.well = False
        self.refused: list[str] = []

    def before(self, what: str, path: str) -> None:
        self.done += 1
        is_due = self.done == self.nth if self.once else self.done >= self.nth
        # A disk without room lets go of files, and syncs what it has.
        if self.well or not is_due or (self.error == errno.ENOSPC and what in ("remove", "sync", "rename", "truncate")):
            return
        self.refused.append(f"{what} {os.path.basename(path)}")
        raise OSError(self.error, os.strerror(self.error), path)


class Run(NamedTuple):
    """What came of one."""

    operations: int
    refused: list[str]
    appended: list[Entry]
    found: list[Entry]
    was_degraded: bool
    is_sealed: bool
    """At the end of the call, not at the next start."""
    late_entries: int


def run(root: Path, nth: int, error: int, until: Until) -> Run:
    """One call on a disk that refuses its `nth` operation, and the next start on one that is well."""
    disk = Failing(nth, error, until == "once")
    syncer = Syncer(root, 1, FORMAT)
    log = CallLog(root, syncer=syncer)
    appended: list[Entry] = []
    was_degraded = False
    sealed: Sealed | None = None
    with pytest.MonkeyPatch.context() as patch, watched(root, disk):
        patch.setattr(create, "WAL_PAGES", WAL_PAGES)
        for entries in _steps():
            log.append(entries)
            appended += entries
            syncer.sync()
            if entries[0].seq == 0:
                log.open(CALL)
            was_degraded |= log.degraded is not None
        disk.well |= until == "the end of the call"
        with suppress(LogError):
            sealed = seal(log)
        syncer.close()
    problems = [one.problem for one in recover(root) if one.problem is not None]
    assert [one for one in problems if "holds no call" not in one] == []
    assert list((root / "live").glob("*")) == []
    return Run(disk.done, disk.refused, appended, _found(root), was_degraded, sealed is not None, log.late_entries)


def _steps() -> Iterator[list[Entry]]:
    """A call, with one step of more commands than one statement takes."""
    seq = 0
    for number in range(STEPS):
        entries = [*step(0), *(end(0)[1:] if number == STEPS - 1 else [])]
        if number == 2:
            entries += [step(0)[1]] * STATEMENT_ENTRIES_MAX
        yield [
            msgspec.structs.replace(entry, seq=seq + at, at_ns=number * STEP_MS * MS, cause=seq if at else None)
            for at, entry in enumerate(entries)
        ]
        seq += len(entries)


def _found(root: Path) -> list[Entry]:
    """What the next start has sealed, or nothing if there was no call yet. Where a file could be neither written nor
    removed, there is an empty log, too."""
    logs = [entries for log in sorted((root / DAY).glob("*.db")) if (entries := entries_of(log))]
    assert len(logs) <= 1
    return logs[0] if logs else []


def check(ran: Run, until: Until) -> None:
    """The law."""
    assert ran.found == ran.appended[: len(ran.found)], ran.refused
    if until != "the next start":
        assert ran.found == ran.appended, ran.refused
    if ran.found != ran.appended or ran.late_entries:
        assert ran.was_degraded, ran.refused


def all_of_them(error: int, until: Until, every: int = 1) -> set[str]:
    """A run for every Nth operation, until there are no more. What was refused in them."""
    refused: set[str] = set()
    nth = operations = 1
    while nth <= operations:
        with tempfile.TemporaryDirectory() as folder:
            ran = run(Path(folder), nth, error, until)
        check(ran, until)
        refused.update(one.split()[0] for one in ran.refused)
        operations = ran.operations
        nth += every
    return refused


def main() -> int:
    """Everything, and what was tried."""
    for error in ERRORS:
        for until in get_args(Until):
            refused = all_of_them(error, until)
            print(f"{errno.errorcode[error]} {until}: refused {', '.join(sorted(refused))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
