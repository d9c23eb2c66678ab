"""`replay import`: what it refuses, in words that say what to do, and of which nothing is left behind."""

import gzip
import sqlite3
from pathlib import Path

import pytest

from engine.log import writer
from tests.build import CALL_SID
from tests.recordings_rig import A_LINE, CALL, HEAD, Line, refused, run, write

NO_CALL = "which is no call: milliseconds from its beginning are wanted"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The call, as the recorder writes it."""
    return write(tmp_path / "call.jsonl", [HEAD, *CALL])


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("lines", "why"),
        [
            (["{}"], f", line 1: there is no at_ms. {A_LINE}"),
            ([HEAD, '{"at_ms":1,'], f", line 2 is not JSON: Input data was truncated. {A_LINE}"),
            ([HEAD, "[1]"], ", line 2: Expected `object`, got `array`"),
            ([HEAD, {**CALL[0], "at_ms": "12"}], ", line 2: Expected `float | null`, got `str` - at `$.at_ms`"),
            (
                [HEAD, {**CALL[0], "leg": "twilio"}],
                ", line 2: leg is 'twilio', and must be caller (frames of Twilio) or model (of the model)",
            ),
            (
                [HEAD, {"at_ms": 1}],
                ", line 2: leg is missing, and must be caller (frames of Twilio) or model (of the model)",
            ),
            (
                [HEAD, {**CALL[0], "way": "rx\x1b"}],
                ", line 2: way is 'rx\\x1b', and must be in (received by the bridge) or out (sent)",
            ),
            (
                [HEAD, {**CALL[0], "frame": 7}],
                ", line 2: frame must be the frame's text, or the JSON object that it is",
            ),
            (
                [HEAD, {"at_ms": 1, "leg": "model", "way": "in"}],
                ", line 2: frame must be the frame's text, or the JSON object that it is",
            ),
            ([HEAD, {"at_ms": 1, "lost": 0}], ", line 2: Expected `int` >= 1 - at `$.lost`"),
            ([HEAD, {"at_ms": 1, "lost": 10**9}], ", line 2: Expected `int` <= 86400000 - at `$.lost`"),
            (
                [HEAD, '{"at_ms":1,"leg":"model","way":"in","frame":"\\ud83e"}'],
                f", line 2 is not JSON: Input data was truncated. {A_LINE}",
            ),
            (
                [HEAD, *CALL, HEAD],
                ", line 14: a second recording begins here. One file for each call: split it before this line",
            ),
            (
                [{**HEAD, "playhead_recording": 2}, *CALL],
                ", line 1: made by a newer recorder: version 2, this reads up to 1. Upgrade playhead",
            ),
            ([{**HEAD, "started_at": "noon"}, *CALL], ", line 1: started_at is not an ISO time: 'noon'"),
            (
                [{**HEAD, "started_at": "2026-11-20T14:03:11"}, *CALL],
                ", line 1: started_at has no time zone: '2026-11-20T14:03:11'",
            ),
            (
                [HEAD, *CALL, {**CALL[4], "at_ms": 200}],
                ", line 14: at_ms goes back from 1200.12 to 200. Two recordings in one file, or a clock that was set?"
                " One file for each call, times from a monotonic clock",
            ),
            (
                [HEAD, {**CALL[0], "at_ms": -1}, *CALL[1:]],
                f": at_ms goes from -1 to 1200.12, {NO_CALL}",
            ),
            (
                [*CALL, {**CALL[4], "at_ms": 9e7}],
                f": at_ms goes from 0 to 9e+07, {NO_CALL}",
            ),
            (
                [{**CALL[1], "at_ms": 1.7951e18}],
                f": at_ms goes from 1.7951e+18 to 1.7951e+18, {NO_CALL}",
            ),
            ([HEAD], f" holds no frames: nothing was recorded. {A_LINE}"),
        ],
    )
    def test_a_file_is_refused_in_words(self, tmp_path: Path, lines: list[Line | str], why: str) -> None:
        file = write(tmp_path / "call.jsonl", lines)
        assert refused(tmp_path, file) == f"replay: {file}{why}\n"

    def test_a_file_that_is_none(self, tmp_path: Path) -> None:
        empty, packed = tmp_path / "empty.jsonl", tmp_path / "call.gz"
        empty.touch()
        packed.write_bytes(gzip.compress(b"{}")[:10])
        assert refused(tmp_path, empty) == f"replay: {empty} holds no frames: nothing was recorded. {A_LINE}\n"
        assert refused(tmp_path, tmp_path / "none") == f"replay: {tmp_path / 'none'}: No such file or directory\n"
        assert refused(tmp_path, tmp_path) == (
            f"replay: {tmp_path} is a folder: name the files in it, {tmp_path}/*.jsonl\n"
        )
        assert refused(tmp_path, packed) == (
            f"replay: {packed} cannot be unpacked: Compressed file ended before the end-of-stream marker was reached\n"
        )

    def test_a_packed_file_that_is_damaged_is_not_cut(self, tmp_path: Path, file: Path) -> None:
        packed = tmp_path / "call.gz"
        packed.write_bytes(gzip.compress(file.read_bytes())[:-8] + b"\0" * 8)
        assert "cannot be unpacked: CRC check failed" in refused(tmp_path, packed)

    def test_a_log_is_not_overwritten(self, tmp_path: Path, file: Path) -> None:
        mine = tmp_path / "mine.db"
        mine.write_text("a log")
        done = run(tmp_path, file, "-o", mine)
        assert (done.exit_code, mine.read_text()) == (2, "a log")
        assert done.stderr == (
            f"replay: {mine} exists already, and a log is never overwritten: remove it, or name another file\n"
        )

    def test_a_folder_that_is_not_there(self, tmp_path: Path, file: Path) -> None:
        output = tmp_path / "none" / "a.db"
        assert refused(tmp_path, file, "-o", output) == f"replay: {output}: No such file or directory\n"

    @pytest.mark.parametrize("option", ["-o", "--call-sid"])
    def test_one_name_for_two_files(self, tmp_path: Path, file: Path, option: str) -> None:
        assert "-o and --call-sid are for one FILE at a time." in refused(tmp_path, file, file, option, "x")

    def test_a_folder_of_calls_that_cannot_be_written(self, tmp_path: Path, file: Path) -> None:
        (tmp_path / "calls").touch()
        assert refused(tmp_path, file).startswith(f"replay: the log cannot be written: {tmp_path / 'calls'}: ")

    def test_a_full_disk_leaves_nothing(self, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(writer, "_insert", refuse)
        path = tmp_path / "calls" / "live" / f"{CALL_SID}.db"
        expected = f"replay: the log cannot be written: {path}: database or disk is full\n"
        assert refused(tmp_path, file) == expected
