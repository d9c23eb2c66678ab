"""The disk refuses an operation: a sample of what `python -m tests.failing` tries."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest

from engine.core.entries import FORMAT, Entry
from engine.log import backlog
from engine.log.errors import LogError
from engine.log.recover import recover
from engine.log.seal import seal
from engine.log.sync import Syncer
from engine.log.writer import CallLog
from tests.failing import ERRORS, Until, all_of_them
from tests.log_builders import CALL, CALL_SID, DAY, MS, end, entries_of, flat, step, trouble

EVERY = 9
FILL = "No space left on device|disk is full|disk I/O error|File too large"


@contextmanager
def full() -> Iterator[None]:
    """No file of this process may grow: the kernel refuses, wherever in SQLite or in our own code the write is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("until", get_args(Until))
@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
def test_whatever_the_disk_refuses_the_log_is_exact_and_says_so(error: int, until: Until) -> None:
    refused = all_of_them(error, until, EVERY)
    assert "write" in refused


def left(calls_dir: Path) -> list[str]:
    return sorted(str(path.relative_to(calls_dir)) for path in calls_dir.rglob("*") if path.is_file())


def test_what_found_no_room_to_wait_is_named_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "BACKLOG_BYTES_MAX", 4_000)
    log = CallLog(tmp_path, syncer=Syncer(tmp_path, 1, FORMAT))
    log.open(CALL)
    log.append(step(0))
    with full():
        for number in range(1, 11):
            log.append(step(number))
        assert trouble(log)
    log.append(end(100))
    kept = 4
    assert (log.late_entries, log.dropped_entries) == (2 * kept, 2 * (10 - kept))
    sealed = seal(log)
    assert sealed is not None
    *whole, gap, first, last = entries_of(sealed.path)
    assert whole == flat([step(number) for number in range(kept + 1)])
    assert (gap.type, gap.seq, gap.at_ns, [first, last]) == ("log.gap", 10, 5 * 20 * MS, end(100))
    assert '"first":10,"last":21,"reason":"no room to wait: ' in gap.body


def test_a_call_that_cannot_be_sealed_waits_for_the_next_start(tmp_path: Path) -> None:
    """Neither the call, nor the start on a disk that is still full, nor a half-made copy takes anything away."""
    steps = [step(0), step(1), end(2)]
    log = CallLog(tmp_path)
    log.open(CALL)
    for one in steps:
        log.append(one)
    with full(), pytest.raises(LogError, match=FILL):
        seal(log)
    path = tmp_path / "live" / f"{CALL_SID}.db"
    assert entries_of(path) == flat(steps)
    with full():
        (found,) = recover(tmp_path)
    assert (found.path, found.sealed) == (path, None)
    assert found.problem is not None
    assert entries_of(path) == flat(steps)
    for name in (".new", ".new-journal"):
        found.path.with_name(found.path.name + name).write_bytes(b"half of a copy")
    (found,) = recover(tmp_path)
    assert found.problem is None
    assert left(tmp_path) == [f"{DAY}/{CALL_SID}.db"]
    assert entries_of(found.path) == flat(steps)


def test_a_part_of_a_log_that_is_gone_is_kept_and_reported(tmp_path: Path) -> None:
    """A copy of a sealed log, and shared memory, say nothing that is not elsewhere."""
    log = CallLog(tmp_path)
    log.open(CALL)
    log.append(end(0))
    sealed = seal(log)
    assert sealed is not None
    live = tmp_path / "live"
    for name in (f"{CALL_SID}.db.new", "CA1.db-shm", "CA2.db-wal", "CA2.db-shm", "CA3.db.new"):
        (live / name).write_bytes(b"x")
    found = recover(tmp_path)
    assert [(one.path.name, one.problem) for one in found] == [
        ("CA2.db", "CA2.db is gone, a part of it is left"),
        ("CA3.db", "CA3.db is gone, a part of it is left"),
    ]
    assert left(tmp_path) == [f"{DAY}/{CALL_SID}.db", "damaged/CA2.db-wal", "damaged/CA3.db.new"]
    assert recover(tmp_path) == []


def test_a_wal_without_its_log_is_not_taken_for_that_of_a_new_one(tmp_path: Path) -> None:
    log = CallLog(tmp_path)
    log.open(CALL)
    log.append(step(0))
    assert log.path is not None
    stray = Path(f"{log.path}-wal").read_bytes()
    assert seal(log) is not None
    os.rename(tmp_path / DAY, tmp_path / "elsewhere")
    (tmp_path / "live" / f"{CALL_SID}.db-wal").write_bytes(stray)
    again = CallLog(tmp_path)
    again.open(CALL)
    entries: list[Entry] = step(7)
    again.append(entries)
    assert again.path is not None
    assert again.path.name == f"{CALL_SID}.2.db"
    assert entries_of(again.path) == entries
    again.close()
