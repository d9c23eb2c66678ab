"""Sealing, and what the next start does with what a killed bridge left."""

import base64
import fcntl
import hashlib
import json
import os
import sqlite3
import sys
import threading
from pathlib import Path
from types import FrameType

import msgspec
import pytest

from engine.core.entries import Entry
from engine.log import folder
from engine.log import seal as seal_module
from engine.log.errors import LogDamagedError, LogError, LogFormatError, LogHeldError, LogNewerError
from engine.log.folder import DAMAGED, check_calls_dir, take_lock
from engine.log.reader import read_call
from engine.log.recover import Recovered, recover
from engine.log.schema import APPLICATION_ID
from engine.log.seal import Sealed, seal
from engine.log.writer import CallLog
from tests.log_builders import CALL, CALL_SID, DAY, end, entries_of, flat, in_child, step

STEPS = [step(0), step(1), end(2)]


def left_behind(calls_dir: Path, steps: list[list[Entry]] | None = None) -> Path:
    """A log in live/ that nobody holds."""
    log = CallLog(calls_dir)
    log.open(CALL)
    for one in STEPS if steps is None else steps:
        log.append(one)
    assert log.path is not None
    path = log.path
    log.close()
    return path


def files(calls_dir: Path) -> list[str]:
    return sorted(str(path.relative_to(calls_dir)) for path in calls_dir.rglob("*") if path.is_file())


def test_a_sealed_log_is_one_plain_file_under_its_utc_day(tmp_path: Path) -> None:
    log = CallLog(tmp_path)
    log.open(CALL)
    for one in STEPS:
        log.append(one)
    sealed = seal(log)
    assert sealed is not None
    assert files(tmp_path) == [f"{DAY}/{CALL_SID}.db"]
    assert sealed.path == tmp_path / DAY / f"{CALL_SID}.db"
    assert sealed.path.stat().st_mode & 0o777 == 0o600
    with read_call(sealed.path) as logged:
        assert (logged.call, logged.seal) == (CALL, sealed.seal)
        assert list(logged.entries()) == flat(STEPS)
        logged.verify()
    assert (sealed.seal.ended, sealed.seal.reason, sealed.seal.entries) == ("stop", "Twilio stopped", 6)


def test_the_hash_can_be_made_again_with_the_standard_library(tmp_path: Path) -> None:
    """As docs/LOG_FORMAT.md says."""
    path = left_behind(tmp_path, [*STEPS, [msgspec.structs.replace(step(9)[0], type='ü"\\\n\x01\x7f\u2028')]])
    sealed = seal(path)
    assert sealed is not None
    connection = sqlite3.connect(sealed.path)
    digest = hashlib.sha256()
    for query in (
        "SELECT call_sid, stream_sid, account_sid, started_at, rules, engine_version, config, format FROM call",
        "SELECT * FROM entry ORDER BY seq",
        "SELECT sealed_at, ended, reason, entries FROM seal",
    ):
        for row in connection.execute(query):
            plain = [base64.b64encode(one).decode() if isinstance(one, bytes) else one for one in row]
            digest.update(json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
    connection.close()
    assert digest.hexdigest() == sealed.seal.sha256


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO entry VALUES (99, 0, 'input', 'caller', 'x', '{}', NULL, NULL, NULL, NULL)",
        "INSERT OR REPLACE INTO entry VALUES (0, 0, 'input', 'caller', 'x', '{}', NULL, NULL, NULL, NULL)",
        "INSERT OR REPLACE INTO seal VALUES (1, '', '', '', 0, '')",
        "INSERT OR REPLACE INTO call VALUES (1, '', '', '', '', 1, 1, '', '{}')",
        "UPDATE entry SET body = ''",
        "DELETE FROM seal",
    ],
)
def test_a_sealed_log_takes_no_change(tmp_path: Path, change: str) -> None:
    sealed = seal(left_behind(tmp_path))
    assert sealed is not None
    connection = sqlite3.connect(sealed.path)
    with pytest.raises(sqlite3.IntegrityError, match=r"sealed|append-only"):
        connection.execute(change)
    connection.close()


def test_a_log_is_sealed_from_another_thread(tmp_path: Path) -> None:
    log = CallLog(tmp_path)
    log.open(CALL)
    log.append(end(0))
    made: list[Sealed | None] = []
    worker = threading.Thread(target=lambda: made.append(seal(log)))
    worker.start()
    worker.join()
    assert [one.path for one in made if one] == [tmp_path / DAY / f"{CALL_SID}.db"]


def test_an_end_that_cannot_be_read_counts_as_crashed(tmp_path: Path) -> None:
    odd = [msgspec.structs.replace(end(0)[1], body="{}", cause=None)]
    sealed = seal(left_behind(tmp_path, [odd]))
    assert sealed is not None
    assert sealed.seal.ended == "crashed"
    assert "cannot be read" in sealed.seal.reason


def test_killed_at_any_line_of_sealing_the_next_start_finishes_it(tmp_path: Path) -> None:
    """The child dies at its Nth line in the module, for every N, until it lives to the end."""
    source = seal_module.__file__
    places: set[tuple[str, ...]] = set()
    for nth in range(1, 500):
        calls_dir = tmp_path / str(nth)
        path = left_behind(calls_dir)

        def die_at(nth: int = nth, path: Path = path) -> None:
            lines = 0

            def trace(frame: FrameType, event: str, _: object) -> object:
                nonlocal lines
                if frame.f_code.co_filename != source:
                    return None
                if event == "line":
                    lines += 1
                    if lines == nth:
                        os._exit(7)
                return trace

            sys.settrace(trace)  # type: ignore[arg-type]  # a tracer that returns itself has no type to spell
            seal(path)
            os._exit(0)

        _, status = os.waitpid(in_child(die_at), 0)
        places.add(tuple(files(calls_dir)))
        recover(calls_dir)
        assert files(calls_dir) == [f"{DAY}/{CALL_SID}.db"], f"killed at line {nth}"
        with read_call(calls_dir / DAY / f"{CALL_SID}.db") as logged:
            logged.verify()
            assert logged.seal is not None
            assert logged.seal.ended == "stop"
            assert list(logged.entries()) == flat(STEPS)
        if os.waitstatus_to_exitcode(status) == 0:
            break
    else:
        pytest.fail("never got to the end")
    # Not one place only: before and after each of the renames.
    assert len(places) >= 4


def test_a_live_log_is_left_to_the_bridge_that_holds_it(tmp_path: Path) -> None:
    held = CallLog(tmp_path)
    held.open(CALL)
    held.append(step(0))
    dead = left_behind(tmp_path)
    assert held.path is not None
    with pytest.raises(LogHeldError, match="running bridge"):
        seal(held.path)
    (found,) = recover(tmp_path)
    assert found.path == tmp_path / DAY / dead.name
    # Its owner goes on, and seals it when the call is over.
    held.append(end(1))
    sealed = seal(held)
    assert sealed is not None
    assert (sealed.seal.ended, sealed.seal.entries) == ("stop", 4)
    assert recover(tmp_path) == []


def test_a_lock_that_was_removed_while_one_reached_for_it_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two bridges start at once: the first seals and removes the lock when the second has its file open."""
    log = tmp_path / "CA1.db"
    first = take_lock(log)
    assert first is not None
    assert take_lock(log) is None
    held = [first]

    def late_flock(descriptor: int, how: int) -> None:
        while held:
            held.pop().release()
        fcntl.flock(descriptor, how)

    monkeypatch.setattr(folder, "flock", late_flock)
    second = take_lock(log)
    assert second is not None
    assert take_lock(log) is None
    second.release()
    assert files(tmp_path) == []


def test_a_crashed_log_is_sealed_as_crashed_and_a_finished_one_as_it_ended(tmp_path: Path) -> None:
    left_behind(tmp_path, [step(0)])
    left_behind(tmp_path, [step(0), end(1, "hangup")])
    (tmp_path / "live" / "CA9.lock").touch()  # of a bridge that was killed just before it removed it
    found = recover(tmp_path)
    assert [one.sealed.seal.ended for one in found if one.sealed] == ["hangup", "crashed"]
    assert files(tmp_path) == [f"{DAY}/{CALL_SID}.2.db", f"{DAY}/{CALL_SID}.db"]
    assert recover(tmp_path) == []


def test_a_damaged_log_is_moved_aside_and_the_next_one_of_that_name_too(tmp_path: Path) -> None:
    for _ in range(2):
        path = left_behind(tmp_path)
        path.write_bytes(b"not a database, by far" * 100)
        (found,) = recover(tmp_path)
        assert found.sealed is None
        assert found.problem is not None
        assert "is not a Playhead log" in found.problem
    assert files(tmp_path) == [f"damaged/{CALL_SID}-2.db", f"damaged/{CALL_SID}.db"]


def test_a_newer_log_waits_for_the_newer_program(tmp_path: Path) -> None:
    path = left_behind(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=7")
    connection.close()
    message = f"{path} has log format 7, this version reads up to 2: upgrade playhead"
    assert recover(tmp_path) == [Recovered(path, None, message)]
    with pytest.raises(LogNewerError) as caught:
        read_call(path)
    assert str(caught.value) == message
    assert path.exists()


def test_a_log_that_another_program_holds_open_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal_module, "BUSY_SECONDS_MAX", 0)
    path = left_behind(tmp_path)
    shell = sqlite3.connect(path, isolation_level=None)
    shell.execute("BEGIN")
    shell.execute("SELECT * FROM entry").fetchone()
    (found,) = recover(tmp_path)
    assert found.path == path
    assert found.problem is not None
    assert "held open by another program" in found.problem
    shell.close()
    (found,) = recover(tmp_path)
    assert found.problem is None


def test_a_look_at_a_live_log_does_not_keep_it_from_being_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has the log open, between two reads, just when the call ends; a moment later they have not."""
    path = left_behind(tmp_path)
    looking = sqlite3.connect(path, isolation_level=None)
    looking.execute("SELECT * FROM entry").fetchall()
    monkeypatch.setattr(seal_module, "sleep", lambda seconds: looking.close())
    sealed = seal(path)
    assert sealed is not None
    assert files(tmp_path) == [f"{DAY}/{sealed.path.name}"]


def test_a_copy_under_the_day_is_not_overwritten(tmp_path: Path) -> None:
    sealed = seal(left_behind(tmp_path))
    assert sealed is not None
    copy = tmp_path / "live" / sealed.path.name
    copy.write_bytes(sealed.path.read_bytes())
    (found,) = recover(tmp_path)
    assert (found.path, found.sealed) == (copy, None)
    assert found.problem is not None
    assert "exists already" in found.problem


def test_a_folder_that_cannot_take_the_damaged_stops_no_start(tmp_path: Path) -> None:
    path = left_behind(tmp_path)
    path.write_bytes(b"x" * 2000)
    (tmp_path / DAMAGED).write_text("in the way")
    (found,) = recover(tmp_path)
    assert found.path == path
    assert found.problem is not None
    assert "cannot be moved to damaged/" in found.problem


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0" + b"\0" * 2000])
def test_what_is_no_log_is_called_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "CA1.db"
    path.write_bytes(content)
    with pytest.raises(LogFormatError, match=r"CA1\.db is not a Playhead log"):
        read_call(path)


def test_another_programs_database_is_no_log(tmp_path: Path) -> None:
    path = tmp_path / "other #1?.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE call (id)")
    connection.close()
    with pytest.raises(LogFormatError, match="is not a Playhead log"):
        read_call(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.close()
    with pytest.raises(LogFormatError, match="log format 0, which does not exist"):
        read_call(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=1")
    connection.close()
    with pytest.raises(LogDamagedError, match="no such column"):
        read_call(path)


def test_a_missing_log_and_a_folder_are_called_so(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no such log"):
        read_call(tmp_path / "CA1.db")
    with pytest.raises(LogError, match="is not a file"):
        read_call(tmp_path)


def test_a_calls_dir_that_can_be_written_is_left_empty(tmp_path: Path) -> None:
    check_calls_dir(tmp_path / "calls")
    assert [path.name for path in (tmp_path / "calls").rglob("*")] == ["live"]


def test_a_calls_dir_that_cannot_be_written_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("a file, not a folder")
    with pytest.raises(LogError) as caught:
        check_calls_dir(tmp_path / "calls")
    assert str(caught.value) == f"CALLS_DIR {tmp_path / 'calls'} is a file. Set CALLS_DIR to a folder"
    # A folder that is there and takes no files. /proc refuses root, too.
    with pytest.raises(LogError, match=r"cannot be written: .*set CALLS_DIR to another folder"):
        check_calls_dir(Path("/proc/self"))


def test_sealed_entries_are_those_that_were_live(tmp_path: Path) -> None:
    path = left_behind(tmp_path)
    live = entries_of(path)
    sealed = seal(path)
    assert sealed is not None
    assert entries_of(sealed.path) == live == flat(STEPS)
