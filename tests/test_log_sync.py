"""Getting logs onto the disk: whose descriptor may be closed when, syncs that fail, files made ahead."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from engine.core.entries import FORMAT
from engine.log import sync
from engine.log.blank import write_image
from engine.log.recover import recover
from engine.log.schema import ENCRYPTED_FORMAT
from engine.log.seal import seal
from engine.log.sync import BLANKS_READY, Syncer
from engine.log.writer import CallLog
from tests.log_builders import CALL, end, entries_of, flat, in_child, step, trouble

SHARED_FIRST, SHARED_BYTES = 0x40000002, 510
"""Where SQLite locks a database: https://www.sqlite.org/lockingv3.html."""
LOCKED = 7
"""How a child says so."""


def opened(calls_dir: Path, syncer: Syncer) -> tuple[CallLog, Path]:
    log = CallLog(calls_dir, syncer=syncer)
    log.open(CALL)
    assert log.path is not None
    return log, log.path


def is_locked(log: Path) -> bool:
    """Whether another process is kept from what SQLite must never do to an open log."""

    def reach() -> None:
        with log.open("r+b") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, SHARED_BYTES, SHARED_FIRST)
            except BlockingIOError:
                os._exit(LOCKED)

    _, status = os.waitpid(in_child(reach), 0)
    return os.waitstatus_to_exitcode(status) == LOCKED


def test_a_descriptor_of_the_wal_may_be_closed_and_one_of_the_log_may_not(tmp_path: Path) -> None:
    log, path = opened(tmp_path, Syncer(tmp_path, 1, FORMAT))
    log.append(step(0))
    assert is_locked(path)
    for suffix in ("-wal", ""):
        os.close(os.open(f"{path}{suffix}", os.O_RDONLY))
        assert is_locked(path) == (suffix == "-wal")
    log.close()


def test_rounds_and_the_end_of_a_log_take_turns(tmp_path: Path) -> None:
    syncer = Syncer(tmp_path, 1, FORMAT)
    log, path = opened(tmp_path, syncer)
    assert log._file is not None
    tail = log._file._tail
    assert tail is not None
    log.append(end(0))
    syncer.sync()
    assert is_locked(path)
    before = os.listdir("/proc/self/fd")
    assert seal(log) is not None
    assert len(os.listdir("/proc/self/fd")) < len(before)
    # A round that had already begun with this log finds it gone.
    tail.sync()
    tail.close()
    syncer.sync()
    assert tail.failure is None


def test_a_sync_that_failed_is_not_made_good_by_one_that_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kernel could not write it may have given up. Only the copy that sealing makes is to be trusted."""
    syncer = Syncer(tmp_path, 1, FORMAT)
    log, path = opened(tmp_path, syncer)
    log.append(step(0))
    syncer.sync()

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    syncer.sync()
    monkeypatch.undo()
    syncer.sync()
    log.append(end(1))
    said = f"{path} is not safe from a power cut until its call is over: sync failed: Input/output error"
    assert trouble(log) == said
    assert entries_of(path) == flat([step(0), end(1)])
    other, _ = opened(tmp_path, syncer)
    syncer.sync()
    assert not trouble(other)
    assert seal(log) is not None
    assert not trouble(log)
    other.close()


def test_a_folder_that_cannot_be_synced_makes_its_new_logs_unsafe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncer = Syncer(tmp_path, 1, FORMAT)
    log, _ = opened(tmp_path, syncer)

    def fail(folder: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(sync, "sync_folder", fail)
    syncer.sync()
    assert "sync failed: Input/output error" in trouble(log)
    log.close()


def test_each_step_is_synced_where_nothing_may_be_lost(tmp_path: Path) -> None:
    syncer = Syncer(tmp_path, 0, FORMAT)
    log, _ = opened(tmp_path, syncer)
    assert log._file is not None
    assert log._file.connection.execute("PRAGMA synchronous").fetchone() == (2,)
    syncer.sync()
    log.close()
    log, _ = opened(tmp_path, Syncer(tmp_path, 1, FORMAT))
    assert log._file is not None
    assert log._file.connection.execute("PRAGMA synchronous").fetchone() == (1,)
    log.close()


def test_files_are_made_ahead_and_removed_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncer = Syncer(tmp_path, 1, FORMAT)
    blank = tmp_path / "blank"
    syncer.sync()
    assert len(list(blank.iterdir())) == BLANKS_READY
    made: list[Path] = []

    def write(path: Path, image: bytes, is_synced: bool) -> None:
        made.append(path)
        write_image(path, image, is_synced)

    monkeypatch.setattr(sync, "write_image", write)
    logs = [opened(tmp_path, syncer)[0] for _ in range(BLANKS_READY)]
    assert made == []
    logs.append(opened(tmp_path, syncer)[0])
    assert len(made) == 1
    syncer.sync()
    assert len(list(blank.iterdir())) == BLANKS_READY
    # Encrypted logs begin in another way.
    syncer.make_log(tmp_path / "encrypted.db", ENCRYPTED_FORMAT)
    assert len(list(blank.iterdir())) == BLANKS_READY
    for log in logs:
        log.close()
    syncer.close()
    assert not blank.exists()


def test_another_bridge_may_sweep_them_away(tmp_path: Path) -> None:
    """It starts in the same folder, and cannot know whose they are."""
    syncer = Syncer(tmp_path, 1, FORMAT)
    syncer.sync()
    assert recover(tmp_path) == []
    assert not (tmp_path / "blank").exists()
    log, path = opened(tmp_path, syncer)
    log.append(step(0))
    assert entries_of(path) == step(0)
    log.close()


def test_a_disk_without_room_has_no_files_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", fail)
    syncer = Syncer(tmp_path, 1, FORMAT)
    syncer.sync()
    assert list((tmp_path / "blank").iterdir()) == []
    log = CallLog(tmp_path, syncer=syncer)
    log.open(CALL)
    assert trouble(log) == f"{tmp_path}: No space left on device"
    monkeypatch.undo()
    log.append(step(0))
    log.flush()
    assert log.path is not None
    assert entries_of(log.path) == step(0)
    assert (trouble(log), log.late_entries) == ("", 2)
    log.close()
