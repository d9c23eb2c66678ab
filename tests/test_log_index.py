"""CALLS_DIR/index.db, and finding a call without it."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from engine.core.report import Report, Turn
from engine.log import index
from engine.log.errors import LogError
from engine.log.find import find
from engine.log.index import IndexRow, Rebuilt
from engine.log.reader import read_call
from engine.log.seal import seal
from engine.log.writer import CallLog
from tests.log_builders import CALL, DAY, end, step

SIDS = ["CA" + letter * 32 for letter in "abc"]


def sealed_call(calls_dir: Path, sid: str, started_at: str = "2026-11-21T01:00:00+00:00") -> Path:
    log = CallLog(calls_dir)
    log.open(msgspec.structs.replace(CALL, call_sid=sid, started_at=started_at))
    log.append(step(0))
    log.append(end(1))
    sealed = seal(log)
    assert sealed is not None
    return sealed.path


def turn(generated: str, heard: str) -> Turn:
    return Turn(
        *("assistant", "item_1", "resp_1", 100, 900, generated, heard, 1200, 800, 780, 820, True),
        method="letters",
        confidence=0.5,
        heard_words=3,
        heard_words_min=2,
        heard_words_max=4,
    )


def judged(calls_dir: Path, path: Path) -> tuple[IndexRow, Report]:
    """What a replay would say: of each call something else."""
    with read_call(path) as logged:
        call, seal_row = logged.call, logged.seal
    assert seal_row is not None
    turns = [turn(f"Cash or credit? A discount for {call.call_sid}", "Cash or credit?")] * (
        1 + SIDS.index(call.call_sid)
    )
    report = Report(call.call_sid, call.stream_sid, "stop", "", 40, turns, [], 3, [])
    return index.row_of(calls_dir, path, call, seal_row, report, faults=2, verdict="same"), report


def dump(calls_dir: Path) -> list[str]:
    """All that the index says, whatever the order it was told in."""
    connection = sqlite3.connect(calls_dir / "index.db")
    columns = "path, number, speaker, item_id, response_id, start_ms, end_ms, generated_text, heard_text, interrupted"
    columns += ", heard_words, heard_words_min, heard_words_max, method, confidence"
    rows = [str(row) for row in connection.execute(f"SELECT {columns} FROM turn ORDER BY path, number")]
    for query in ("discount", "heard_text : credit", "heard_text : discount", "generated_text : discount"):
        found = connection.execute(
            "SELECT turn.path, turn.number FROM turn_fts JOIN turn ON turn.id = turn_fts.rowid"
            " WHERE turn_fts MATCH ? ORDER BY turn.path, turn.number",
            [query],
        )
        rows.append(f"{query}: {found.fetchall()}")
    connection.close()
    return rows + [str(row) for row in index.calls(calls_dir)]


def test_an_added_call_says_what_was_found(tmp_path: Path) -> None:
    path = sealed_call(tmp_path, SIDS[1])
    row, report = judged(tmp_path, path)
    index.add(tmp_path, row, report)
    assert index.calls(tmp_path) == [row]
    assert row == IndexRow(
        path=f"{DAY}/{SIDS[1]}.db",
        call_sid=SIDS[1],
        stream_sid=CALL.stream_sid,
        started_at="2026-11-21T01:00:00+00:00",
        duration_ms=40,
        ended="stop",
        reason="Twilio stopped",
        entries=4,
        turns=2,
        interruptions=0,
        faults=2,
        malformed=3,
        verdict="same",
        format=1,
        rules=1,
        sha256=row.sha256,
    )
    assert (tmp_path / "index.db").stat().st_mode & 0o777 == 0o600


def test_heard_and_generated_are_searched_apart(tmp_path: Path) -> None:
    path = sealed_call(tmp_path, SIDS[0])
    index.add(tmp_path, *judged(tmp_path, path))
    hit = f"[('{DAY}/{SIDS[0]}.db', 1)]"
    assert dump(tmp_path)[0].endswith("'Cash or credit?', 1, 3, 2, 4, 'letters', 0.5)")
    assert dump(tmp_path)[1:5] == [
        f"discount: {hit}",
        f"heard_text : credit: {hit}",
        "heard_text : discount: []",
        f"generated_text : discount: {hit}",
    ]


def test_adding_a_call_again_replaces_it(tmp_path: Path) -> None:
    row, report = judged(tmp_path, sealed_call(tmp_path, SIDS[2]))
    index.add(tmp_path, row, report)
    corrected = msgspec.structs.replace(row, verdict="diverged", turns=1)
    index.add(tmp_path, corrected, msgspec.structs.replace(report, turns=[turn("No", "")]))
    assert index.calls(tmp_path) == [corrected]
    assert dump(tmp_path)[1] == "discount: []"


def test_a_rebuilt_index_equals_the_one_that_was_added_to(tmp_path: Path) -> None:
    paths = [
        sealed_call(tmp_path, SIDS[0], "2026-11-21T01:00:00+00:00"),
        sealed_call(tmp_path, SIDS[1], "2026-11-19T01:00:00+00:00"),
        sealed_call(tmp_path, SIDS[2], "2026-11-20T01:00:00+00:00"),
    ]
    for path in paths:
        index.add(tmp_path, *judged(tmp_path, path))
    added = dump(tmp_path)
    assert [row.call_sid for row in index.calls(tmp_path)] == [SIDS[0], SIDS[2], SIDS[1]]
    assert index.rebuild(tmp_path, lambda path: judged(tmp_path, path)) == Rebuilt(3, [])
    assert dump(tmp_path) == added
    (tmp_path / "index.db").write_bytes(b"broken")
    assert index.rebuild(tmp_path, lambda path: judged(tmp_path, path)) == Rebuilt(3, [])
    assert dump(tmp_path) == added


def test_a_rebuild_goes_on_past_a_log_it_cannot_read_and_sees_calls_sealed_meanwhile(tmp_path: Path) -> None:
    first = sealed_call(tmp_path, SIDS[0])
    sealed_call(tmp_path, SIDS[1]).write_bytes(b"x" * 5000)

    def make_report(path: Path) -> tuple[IndexRow, Report]:
        if path == first:
            sealed_call(tmp_path, SIDS[2])
        return judged(tmp_path, path)

    rebuilt = index.rebuild(tmp_path, make_report)
    assert rebuilt.calls == 2
    (problem,) = rebuilt.problems
    assert "is not a Playhead log" in problem
    assert {row.call_sid for row in index.calls(tmp_path)} == {SIDS[0], SIDS[2]}
    assert [path.name for path in tmp_path.glob("index.db*")] == ["index.db"]


def test_a_number_that_sqlite_has_no_room_for_leaves_out_one_call(tmp_path: Path) -> None:
    first, second = sealed_call(tmp_path, SIDS[0]), sealed_call(tmp_path, SIDS[1])

    def make_report(path: Path) -> tuple[IndexRow, Report]:
        row, report = judged(tmp_path, path)
        return (msgspec.structs.replace(row, duration_ms=10**30) if path == first else row), report

    told = f"{first}: Python int too large to convert to SQLite INTEGER"
    assert index.rebuild(tmp_path, make_report) == Rebuilt(1, [told])
    with pytest.raises(LogError, match="too large"):
        index.add(tmp_path, *make_report(first))
    assert [row.path for row in index.calls(tmp_path)] == [str(second.relative_to(tmp_path))]


def test_calls_that_end_together_make_one_index(tmp_path: Path) -> None:
    """The first calls of a folder, sealed and indexed in threads of one process."""
    paths = [sealed_call(tmp_path, sid) for sid in SIDS]
    rows = [judged(tmp_path, path) for path in paths]
    (tmp_path / "index.db").unlink(missing_ok=True)
    with ThreadPoolExecutor(len(paths)) as threads:
        list(threads.map(lambda row: index.add(tmp_path, *row), rows))
    assert len(index.calls(tmp_path)) == len(paths)
    assert [path.name for path in tmp_path.glob("index.db*.new")] == []


def test_a_broken_or_missing_index_is_told_with_the_remedy(tmp_path: Path) -> None:
    row, report = judged(tmp_path, sealed_call(tmp_path, SIDS[0]))
    with pytest.raises(LogError, match="no index yet"):
        index.calls(tmp_path)
    (tmp_path / "index.db").write_bytes(b"broken" * 100)
    with pytest.raises(LogError, match="Rebuild it from the call files"):
        index.add(tmp_path, row, report)
    (tmp_path / "index.db").unlink()
    connection = sqlite3.connect(tmp_path / "index.db")
    connection.execute("CREATE TABLE call (id)")
    connection.close()
    with pytest.raises(LogError, match="Rebuild it from the call files"):
        index.calls(tmp_path)


def test_a_locked_index_is_an_error_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BUSY_SECONDS_MAX", 0)
    row, report = judged(tmp_path, sealed_call(tmp_path, SIDS[0]))
    index.add(tmp_path, row, report)
    other = sqlite3.connect(tmp_path / "index.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LogError, match="held open by another program"):
        index.add(tmp_path, row, report)
    other.close()
    assert index.calls(tmp_path) == [row]


def test_a_report_that_cannot_be_stored_leaves_the_old_one(tmp_path: Path) -> None:
    row, report = judged(tmp_path, sealed_call(tmp_path, SIDS[0]))
    index.add(tmp_path, row, report)
    before = dump(tmp_path)
    odd = msgspec.structs.replace(report, turns=[msgspec.structs.replace(report.turns[0], start_ms="soon")])
    with pytest.raises(LogError):
        index.add(tmp_path, row, odd)
    assert dump(tmp_path) == before


def test_calls_are_found_by_sid_prefix_path_and_last(tmp_path: Path) -> None:
    older = sealed_call(tmp_path, SIDS[0], "2026-11-19T23:00:00+00:00")
    newer = sealed_call(tmp_path, SIDS[1], "2026-11-20T03:00:00+00:00")
    assert find(tmp_path, SIDS[0]) == older
    assert find(tmp_path, "CAbb") == newer
    assert find(tmp_path, str(older)) == older
    assert find(tmp_path, "last") == newer
    live = CallLog(tmp_path)
    live.open(msgspec.structs.replace(CALL, call_sid=SIDS[2], started_at="2026-11-20T04:00:00+00:00"))
    assert find(tmp_path, "last") == find(tmp_path, "CAc") == live.path
    # What cannot be read is nobody's last call; and the newest is so by its time, not its name.
    (tmp_path / "live" / "CAd.db").write_bytes(b"broken")
    latest = sealed_call(tmp_path, "CA" + "0" * 32, "2026-11-20T04:00:00.5+00:00")
    assert find(tmp_path, "last") == latest
    live.close()


def test_a_second_stream_is_told_apart(tmp_path: Path) -> None:
    first, second = sealed_call(tmp_path, SIDS[0]), sealed_call(tmp_path, SIDS[0])
    assert find(tmp_path, f"{SIDS[0]}.2") == second
    assert find(tmp_path, SIDS[0]) == first, "a whole SID is never ambiguous"
    with pytest.raises(LogError) as caught:
        find(tmp_path, SIDS[0][:-1])
    for path in (first, second):
        assert str(path.relative_to(tmp_path)) in str(caught.value)


def test_a_call_that_is_not_there_is_answered_with_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="there are no calls in"):
        find(tmp_path, "last")
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "CAx.db").touch()
    with pytest.raises(LogError, match="can be read"):
        find(tmp_path, "last")
    for sid in SIDS:
        sealed_call(tmp_path, sid)
    with pytest.raises(LogError, match=f"is it {SIDS[0]}"):
        find(tmp_path, SIDS[0][:-1] + "f")
    with pytest.raises(LogError, match="there are 4 calls there"):
        find(tmp_path, "nothing like it")
    with pytest.raises(LogError, match="could be any of"):
        find(tmp_path, "CA")
    with pytest.raises(LogError, match=r"no call in .* begins with ''"):
        find(tmp_path, "")
    with pytest.raises(LogError, match="no such log"):
        find(tmp_path, "calls/CA1.db")
    for number in range(4):
        (tmp_path / "live" / f"CAy{number}.db").touch()
    with pytest.raises(LogError, match="and 3 more"):
        find(tmp_path, "CA")
