"""A live call's log: what is written, when, and what happens when the disk refuses."""

import sqlite3
import stat
from pathlib import Path

import msgspec
import pytest

from engine.core.entries import Entry
from engine.log import backlog, writer
from engine.log.errors import LogError
from engine.log.reader import read_call
from engine.log.seal import seal
from engine.log.writer import CallLog
from tests.log_builders import CALL, CALL_SID, MS, end, entries_of, flat, step, trouble


class Refusing:
    """A connection whose disk can be taken away: it refuses with SQLite's own words, any statement or those that start
    with `at`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.inner = connection
        self.refuses: sqlite3.Error | None = None
        self.at = ""

    def execute(self, sql: str, values: object = ()) -> sqlite3.Cursor:
        if self.refuses is not None and sql.startswith(self.at):
            raise self.refuses
        return self.inner.execute(sql, values)  # type: ignore[arg-type]  # whatever the writer hands over

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def opened(calls_dir: Path) -> tuple[CallLog, Path]:
    log = CallLog(calls_dir)
    log.open(CALL)
    assert log.path is not None
    return log, log.path


def refusing(log: CallLog) -> Refusing:
    assert log._file is not None
    disk = Refusing(log._file.connection)
    log._file.connection = disk  # type: ignore[assignment]  # stands in for the connection
    return disk


def test_what_is_appended_is_read_back_while_the_call_is_live(tmp_path: Path) -> None:
    log, path = opened(tmp_path)
    steps = [step(0), step(1), end(2)]
    for one in steps:
        log.append(one)
    with read_call(path) as logged:
        assert logged.call == CALL
        assert logged.seal is None
        assert list(logged.entries()) == flat(steps)
    assert path == tmp_path / "live" / f"{CALL_SID}.db"
    assert (trouble(log), log.dropped_entries) == ("", 0)
    log.close()


def test_odd_text_and_empty_audio_survive(tmp_path: Path) -> None:
    log, path = opened(tmp_path)
    odd = [
        Entry(0, 0, "input", "caller", "mälformed", 'nul \0, emoji \U0001f600, "quotes"\n', b""),
        Entry(1, 0, "input", "model", "input_audio_buffer.append", ""),
        Entry(2, 0, "command", "caller", "media", "{}", None, 0, 0, 0),
    ]
    log.append(odd)
    assert entries_of(path) == odd
    log.close()


def test_frames_before_start_wait_and_come_first(tmp_path: Path) -> None:
    log = CallLog(tmp_path)
    log.append(step(0))
    log.append(step(1))
    assert (log.path, list(tmp_path.iterdir())) == (None, [])
    log.open(CALL)
    log.append(step(2))
    assert log.path is not None
    assert entries_of(log.path) == flat([step(0), step(1), step(2)])
    log.close()


def test_a_call_without_a_name_leaves_no_file(tmp_path: Path) -> None:
    log = CallLog(tmp_path)
    log.append(step(0))
    assert seal(log) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sid", ["", "../CA1", "CA/1", "CA 1", "CA.1", "C" * 65])
def test_a_call_sid_that_is_no_file_name_is_refused(tmp_path: Path, sid: str) -> None:
    with pytest.raises(LogError, match="not a call SID"):
        CallLog(tmp_path).open(msgspec.structs.replace(CALL, call_sid=sid))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("started_at", ["yesterday", "2026-11-20T10:00:00", "2026-11-20T10:00:00+01:00"])
def test_a_start_time_that_is_not_in_utc_is_refused(tmp_path: Path, started_at: str) -> None:
    with pytest.raises(LogError, match="started_at"):
        CallLog(tmp_path).open(msgspec.structs.replace(CALL, started_at=started_at))


def test_only_its_owner_can_look_into_a_log(tmp_path: Path) -> None:
    calls_dir = tmp_path / "calls"
    log, path = opened(calls_dir)
    log.append(step(0))
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in (calls_dir, *path.parent.iterdir())}
    modes["live"] = stat.S_IMODE(path.parent.stat().st_mode)
    name = f"{CALL_SID}.db"
    files = dict.fromkeys((name, f"{name}-wal", f"{name}-shm", f"{CALL_SID}.lock"), 0o600)
    assert modes == {"calls": 0o700, "live": 0o700, **files}
    log.close()


def test_a_second_stream_of_a_call_gets_its_own_log(tmp_path: Path) -> None:
    """Twilio may connect a call again, while the first log is still live or after it was sealed."""
    first, _ = opened(tmp_path)
    second, second_path = opened(tmp_path)
    first.append(step(0))
    second.append(step(1))
    assert second_path.name == f"{CALL_SID}.2.db"
    sealed = seal(first)
    assert sealed is not None
    third, third_path = opened(tmp_path)
    assert third_path.name == f"{CALL_SID}.3.db"
    assert entries_of(sealed.path) == step(0)
    assert entries_of(second_path) == step(1)
    second.close()
    third.close()


def test_a_step_is_one_transaction(tmp_path: Path) -> None:
    log, path = opened(tmp_path)
    assert log._file is not None
    statements: list[str] = []
    log._file.connection.set_trace_callback(statements.append)
    log.append(step(0))
    assert [sql.split(" VALUES")[0] for sql in statements] == ["INSERT INTO entry"]
    # A step with more commands than one statement takes: still all of it or nothing.
    statements.clear()
    many = [Entry(10 + n, 0, "command", "caller", "mark", "{}", cause=0) for n in range(40)]
    log.append(many)
    assert (statements[0], statements[-1], len(statements)) == ("BEGIN IMMEDIATE", "COMMIT", 42)
    assert not log._file.connection.in_transaction
    assert entries_of(path) == [*step(0), *many]
    log.close()


@pytest.mark.parametrize("table", ["call", "entry", "seal"])
@pytest.mark.parametrize("change", ["UPDATE {0} SET rowid = 7", "DELETE FROM {0}"])
def test_a_log_is_append_only(tmp_path: Path, table: str, change: str) -> None:
    log, path = opened(tmp_path)
    log.append(step(0))
    log.close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO seal VALUES (1, '2026', 'stop', '', 2, '')")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(change.format(table))
    connection.close()


@pytest.mark.parametrize(
    "row",
    [
        "(9, 0, 'guess', 'caller', 'x', '{}', NULL, NULL, NULL, NULL)",
        "(9, 0, 'input', 'operator', 'x', '{}', NULL, NULL, NULL, NULL)",
        "(9, 0, 'input', 'caller', 'x', NULL, NULL, NULL, NULL, NULL)",
        "(9, 0, 'command', 'caller', 'x', '{}', NULL, 9, NULL, NULL)",
        "(9, 0, 'command', 'caller', 'x', '{}', NULL, 1, 5, NULL)",
        "(9, 0, 'input', 'caller', 'x', x'00', NULL, NULL, NULL, NULL)",
    ],
)
def test_a_row_that_makes_no_sense_is_refused(tmp_path: Path, row: str) -> None:
    log, path = opened(tmp_path)
    log.close()
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(f"INSERT INTO entry VALUES {row}")
    connection.close()


def test_the_view_shows_frames_readably(tmp_path: Path) -> None:
    log, path = opened(tmp_path)
    delta = Entry(2, 25 * MS, "input", "model", "response.output_audio.delta", '{"delta":""}', b"\xff" * 2000)
    media = Entry(3, 25 * MS, "command", "caller", "media", '{"payload":""}', None, 2, 400, 2000)
    log.append(step(0))
    log.append([delta, media, Entry(4, 25 * MS, "fault", "engine", "fault", "{}", cause=2)])
    connection = sqlite3.connect(path)
    shown = connection.execute("SELECT seq, ms, leg, direction, type, audio_bytes, cause FROM frames").fetchall()
    (append,) = connection.execute("SELECT body FROM frames WHERE seq = 1").fetchone()
    connection.close()
    assert shown == [
        (0, 0.0, "caller", "in", "media", 160, None),
        (1, 0.0, "model", "out", "input_audio_buffer.append", 160, 0),
        (2, 25.0, "model", "in", "response.output_audio.delta", 2000, None),
        (3, 25.0, "caller", "out", "media", 1600, 2),
        (4, 25.0, "engine", "fault", "fault", None, 2),
    ]
    assert append == '{"type":"input_audio_buffer.append","audio":""}'
    log.close()


def test_a_full_disk_delays_entries_and_loses_none(tmp_path: Path) -> None:
    log, path = opened(tmp_path)
    log.append(step(0))
    disk = refusing(log)
    disk.refuses = sqlite3.OperationalError("database or disk is full")
    for number in range(1, 120):
        log.append(step(number))
    assert trouble(log) == f"{path}: database or disk is full"
    # Room again: the next try is due a second of the call after the last, and catches up a bounded bit at a time.
    disk.refuses = None
    for number in range(120, 160):
        log.append(step(number))
    log.append(step(160))
    assert entries_of(path) == flat([step(number) for number in range(161)])
    assert (trouble(log), log.dropped_entries) == ("", 0)
    log.close()


def test_a_full_disk_is_not_asked_for_every_frame(tmp_path: Path) -> None:
    log, _ = opened(tmp_path)
    disk = refusing(log)
    asked: list[str] = []
    disk.inner.set_trace_callback(asked.append)
    disk.refuses = sqlite3.OperationalError("disk I/O error")
    log.append(step(0))
    disk.refuses = None
    for number in range(1, 50):  # 980 ms
        log.append(step(number))
    assert asked == []
    log.append(step(50))
    assert len(asked) == 51
    log.close()


def test_what_had_to_be_dropped_is_told_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "BACKLOG_BYTES_MAX", 4_000)
    log, path = opened(tmp_path)
    log.append(step(0))
    disk = refusing(log)
    disk.refuses = sqlite3.OperationalError("database or disk is full")
    for number in range(1, 11):
        log.append(step(number))
    kept = 4  # of about 975 bytes each
    assert log.dropped_entries == 2 * (10 - kept)
    disk.refuses = None
    log.append(step(100))
    reason = f"no room to wait: {path}: database or disk is full"
    body = f'{{"type":"log.gap","first":10,"last":21,"reason":"{reason}"}}'
    gap = Entry(10, 5 * 20 * MS, "fault", "engine", "log.gap", body)
    assert entries_of(path) == [*flat([step(n) for n in range(kept + 1)]), gap, *step(100)]
    assert not trouble(log)
    log.close()


def test_an_entry_that_no_disk_would_take_does_not_block_the_others(tmp_path: Path) -> None:
    log, path = opened(tmp_path)
    log.append(step(0))
    log.append([Entry(2, 0, "input", "caller", "\ud800", "{}")])
    log.append(step(2))
    log.append(step(0))  # a number twice: nothing can be written for it, not even a gap
    log.append(step(3))
    found = entries_of(path)
    assert [entry.seq for entry in found] == [0, 1, 2, 4, 5, 6, 7]
    assert (found[2].kind, found[2].type) == ("fault", "log.gap")
    assert log.dropped_entries == 3
    log.close()


def test_a_folder_that_comes_later_gets_the_whole_call(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("in the way")
    log = CallLog(tmp_path / "calls")
    log.append(step(0))
    log.open(CALL)
    assert "calls" in trouble(log)
    (tmp_path / "calls").unlink()
    log.append(step(1))
    log.append(step(51))
    assert log.path is not None
    assert not trouble(log)
    assert entries_of(log.path) == flat([step(0), step(1), step(51)])
    log.close()


def test_flushing_to_a_full_disk_says_what_is_lost(tmp_path: Path) -> None:
    log, path = opened(tmp_path)
    log.append(step(0))
    refusing(log).refuses = sqlite3.OperationalError("database or disk is full")
    log.append(step(1))
    with pytest.raises(LogError, match=f"2 entries of {CALL_SID} cannot be written.*disk is full"):
        seal(log)
    # It is let go, and lies where the next start looks.
    assert entries_of(path) == step(0)
    assert not path.with_suffix(".lock").exists()


def test_a_failing_commit_is_rolled_back(tmp_path: Path) -> None:
    """SQLite keeps a transaction open when only COMMIT fails; the next append must not find it."""
    log, path = opened(tmp_path)
    many = [Entry(n, 0, "command", "caller", "mark", "{}") for n in range(writer.STATEMENT_ENTRIES_MAX + 1)]

    disk = refusing(log)
    disk.refuses, disk.at = sqlite3.OperationalError("disk I/O error"), "COMMIT"
    log.append(many)
    assert (entries_of(path), disk.inner.in_transaction) == ([], False)
    disk.refuses = None
    log.flush()
    assert entries_of(path) == many
    log.close()
