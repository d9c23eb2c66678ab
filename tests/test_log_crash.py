"""A log cut anywhere is a valid log: kill -9, a WAL cut short, a disk that fills up, bytes that flip."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.log.errors import LogError
from engine.log.reader import read_call
from engine.log.recover import recover
from engine.log.seal import seal
from engine.log.writer import CallLog
from tests.log_builders import CALL, DAY, end, entries_of, flat, in_child, step, trouble


@pytest.mark.parametrize("seed", range(8))
def test_a_killed_bridge_loses_nothing_that_it_had_appended(tmp_path: Path, seed: int) -> None:
    """kill -9 at a random moment; the child acknowledges each step when `append` has returned."""
    reading, writing = os.pipe()

    def live() -> None:
        log = CallLog(tmp_path)
        log.open(CALL)
        for number in range(1_000_000):
            log.append(step(number))
            os.write(writing, b".")

    child = in_child(live)
    os.close(writing)
    acknowledged = 0
    until = random.Random(seed).randrange(1, 5_000)
    while acknowledged < until:
        acknowledged += len(os.read(reading, 1024))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 65536):
        acknowledged += len(more)
    os.close(reading)

    (found,) = recover(tmp_path)
    assert found.sealed is not None, found.problem
    entries = entries_of(found.path)
    steps = len(entries) // 2
    # All that was acknowledged, at most the one step more that was being acknowledged, and never half a step.
    assert entries == flat([step(number) for number in range(steps)])
    assert steps - acknowledged in (0, 1)
    assert found.sealed.seal.ended == "crashed"


def test_a_wal_cut_anywhere_leaves_a_prefix(tmp_path: Path) -> None:
    log = CallLog(tmp_path)
    log.open(CALL)
    for number in range(30):
        log.append(step(number))
    assert log.path is not None
    wal = log.path.with_name(log.path.name + "-wal").read_bytes()
    image = log.path.read_bytes()
    log.close()
    copy = tmp_path / "copy.db"
    lengths = set()
    for cut in range(len(wal), 6_000, -499):
        for left in tmp_path.glob("copy.db*"):
            left.unlink()
        copy.write_bytes(image)
        copy.with_name("copy.db-wal").write_bytes(wal[:cut])
        entries = entries_of(copy)
        assert entries == flat([step(number) for number in range(len(entries) // 2)])
        lengths.add(len(entries))
    assert len(lengths) > 25


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "playhead-test", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs; test_log_writer.py has the same by an injected error")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_fills_up_and_is_freed_again(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(200_000))
    log = CallLog(small_disk)
    log.open(CALL)
    number = 0
    while not trouble(log):
        log.append(step(number))
        number += 1
    assert "full" in trouble(log)
    assert log.path is not None
    written = entries_of(log.path)
    assert written == flat([step(n) for n in range(len(written) // 2)])
    # The call goes on; room comes back; nothing is missing.
    for _ in range(20):
        log.append(step(number))
        number += 1
    ballast.unlink()
    log.flush()
    assert not trouble(log)
    assert entries_of(log.path) == flat([step(n) for n in range(number)])
    log.close()


def test_a_reader_that_may_not_write_beside_a_wal_is_told_what_to_do(tmp_path: Path) -> None:
    """In a child without root's rights, where it has them: root may write anywhere."""
    log = CallLog(tmp_path)
    log.open(CALL)
    log.append(step(0))
    assert log.path is not None
    archive = Path("/tmp") / f"playhead-test-{os.getpid()}"
    archive.mkdir()
    try:
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{log.path}{suffix}", archive / f"call.db{suffix}")
        archive.chmod(0o555)
        reading, writing = os.pipe()

        def read() -> None:
            if os.geteuid() == 0:
                os.setuid(65534)
            try:
                entries_of(archive / "call.db")
            except LogError as error:
                os.write(writing, str(error).encode())

        child = in_child(read)
        os.close(writing)
        os.waitpid(child, 0)
        message = os.read(reading, 4096).decode()
        os.close(reading)
        assert "call.db-wal" in message
        assert "Copy both files to a folder that you can write to" in message
    finally:
        archive.chmod(0o755)
        shutil.rmtree(archive)
        log.close()


def test_flipped_bytes_are_a_log_error_or_are_found_by_verify(tmp_path: Path) -> None:
    """Whatever is damaged: never another exception, and never silence from `verify`."""
    log = CallLog(tmp_path)
    log.open(CALL)
    for number in range(40):
        log.append(step(number, audio=bytes([number]) * 160))
    log.append(end(40))
    sealed = seal(log)
    assert sealed is not None
    image = sealed.path.read_bytes()
    rows = entries_of(sealed.path)
    damaged = tmp_path / "damaged.db"
    draw = random.Random(1)
    refused = found = 0
    for _ in range(400):
        spoiled = bytearray(image)
        for _ in range(draw.choice((1, 8, 64))):
            spoiled[draw.randrange(len(image))] ^= 1 << draw.randrange(8)
        damaged.write_bytes(spoiled)
        try:
            with read_call(damaged) as logged:
                try:
                    same = list(logged.entries()) == rows and (logged.call, logged.seal) == (sealed.call, sealed.seal)
                finally:
                    if draw.random() < 0.5:
                        logged.verify()
        except LogError:
            refused += 1
            continue
        if not same:
            found += 1
            with pytest.raises(LogError), read_call(damaged) as logged:
                logged.verify()
    assert refused > 50
    assert found > 5


def test_a_log_of_the_first_moment_is_no_log_and_stops_nothing(tmp_path: Path) -> None:
    """Killed between making the file and its first row."""
    live = tmp_path / "live"
    live.mkdir()
    (live / "CA1.db").write_bytes(b"")
    connection = sqlite3.connect(live / "CA2.db")
    connection.close()
    found = recover(tmp_path)
    assert [(one.path, one.sealed) for one in found] == [
        (tmp_path / "damaged" / "CA1.db", None),
        (tmp_path / "damaged" / "CA2.db", None),
    ]
    assert not (tmp_path / DAY).exists()
