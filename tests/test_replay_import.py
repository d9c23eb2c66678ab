"""`replay import`: the frames that another bridge wrote down become a log, byte for byte, or an error with its line."""

import gzip
import json
import os
import sqlite3
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from engine.core import CallSettings, Entry, rebuild
from engine.core.entries import APPEND_BODY
from engine.log import writer
from engine.log.reader import CallRow, LoggedCall, read_call
from replay.cli import cli
from replay.importing import import_recording
from tests import build
from tests.build import ACCOUNT_SID, CALL_SID, STREAM_SID

END = {"at_ms": 1_300, "closed": True}
STARTED_AT = "2026-11-20T14:03:11.250000+00:00"
HEAD = {"playhead_recording": 1, "started_at": STARTED_AT}
DAY = "2026-11-20"
NEXT = f"replay: next: replay audit {CALL_SID}\n"
A_LINE = 'A line is {"at_ms": 12.4, "leg": "caller|model", "way": "in|out", "frame": "…"}'
NO_FRAME = "frame must be the frame's text, or the JSON object that it is"
NO_CALL = "which is no call: milliseconds from its beginning are wanted"
Line = dict[str, Any]


def line(at_ms: float, place: str, frame: object) -> Line:
    leg, way = place.split()
    return {"at_ms": at_ms, "leg": leg, "way": way, "frame": frame}


APPEND = build.frame(type="input_audio_buffer.append", audio=build.base64_of(20))
DELTA = build.frame(type="response.output_audio.delta", response_id="r", item_id="i", delta=build.base64_of(40))
PLAY = json.dumps({"event": "media", "streamSid": STREAM_SID, "media": {"payload": build.base64_of(40)}})
MARK = build.frame(event="mark", streamSid=STREAM_SID, mark={"name": "part"})
CALL = [
    line(0, "caller in", build.connected()),
    line(0.5, "caller in", build.started()),
    line(100, "model out", '{"type": "session.update"}'),
    line(120.25, "model in", '{"type":"session.created","session":{}}'),
    line(140, "caller in", build.media(0)),
    line(140, "model out", APPEND),
    line(150, "model in", DELTA),
    line(151, "caller out", PLAY),
    line(151, "caller out", MARK),
    line(200, "caller in", MARK),
    line(201, "caller out", build.frame(event="clear", streamSid=STREAM_SID)),
    line(1200.125, "caller in", build.stopped()),
]
"""A whole call, though a short one."""


def write(path: Path, lines: Sequence[Line | str], end: str = "\n") -> Path:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
    path.write_text("\n".join(texts) + end, encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The call, as the recorder writes it."""
    return write(tmp_path / "call.jsonl", [HEAD, *CALL])


def run(tmp_path: Path, *args: object) -> Result:
    return CliRunner().invoke(cli, ["import", *map(str, args)], env={"CALLS_DIR": str(tmp_path / "calls")})


def log_of(done: Result) -> LoggedCall:
    """The log that a command says it made."""
    assert done.exit_code == 0, done.output
    return read_call(Path(done.stdout.split("  ")[0]))


def entries(logged: LoggedCall) -> list[Entry]:
    with logged:
        return list(logged.entries())


def frames(logged: LoggedCall) -> list[str]:
    return [rebuild(each.body, each.audio) for each in entries(logged) if each.leg != "engine"]


def refused(tmp_path: Path, *args: object) -> str:
    """Why nothing was made."""
    done = run(tmp_path, *args)
    assert (done.exit_code, done.stdout) == (2, "")
    assert not list(tmp_path.rglob("*.db"))
    assert not list(tmp_path.rglob("*.lock"))
    return done.stderr


class TestALog:
    def test_a_recording_becomes_a_sealed_log_under_its_day(self, tmp_path: Path, file: Path) -> None:
        done = run(tmp_path, file)
        path = tmp_path / "calls" / DAY / f"{CALL_SID}.db"
        assert (done.exit_code, done.stdout, done.stderr) == (0, f"{path}  17 entries, 0:01.200\n", NEXT)
        opened, closed = '{"type":"leg.opened","leg":"%s"}', '{"type":"leg.closed","leg":"%s","code":null,"reason":""}'
        media = build.media(0).replace(build.base64_of(20, build.SILENCE), "")
        play = PLAY.replace(build.base64_of(40), "")
        delta = DELTA.replace(build.base64_of(40), "")
        with read_call(path) as logged:
            assert logged.call == CallRow(
                call_sid=CALL_SID,
                stream_sid=STREAM_SID,
                account_sid=ACCOUNT_SID,
                started_at=STARTED_AT,
                rules=0,
                engine_version="imported by 0.1.0",
                config=logged.call.config,
            )
            assert json.loads(logged.call.config)["rules"] == 0
            assert logged.seal is not None
            assert (logged.seal.ended, logged.seal.reason) == ("stop", "Twilio said stop")
            logged.verify()
        ms = 1_000_000
        assert entries(read_call(path)) == [
            Entry(1, 0, "input", "engine", "leg.opened", opened % "caller"),
            Entry(2, 0, "input", "caller", "connected", build.connected()),
            Entry(3, 500_000, "input", "caller", "start", build.started()),
            Entry(4, 100 * ms, "input", "engine", "leg.opened", opened % "model"),
            Entry(5, 100 * ms, "command", "model", "session.update", '{"type": "session.update"}'),
            Entry(6, 120_250_000, "input", "model", "session.created", '{"type":"session.created","session":{}}'),
            Entry(7, 140 * ms, "input", "caller", "media", media, build.audio(20, build.SILENCE)),
            Entry(8, 140 * ms, "command", "model", "input_audio_buffer.append", APPEND_BODY, build.audio(20)),
            Entry(9, 150 * ms, "input", "model", "response.output_audio.delta", delta, build.audio(40)),
            Entry(10, 150 * ms, "input", "engine", "leg.closed", closed % "model"),
            Entry(11, 151 * ms, "command", "caller", "media", play, build.audio(40)),
            Entry(12, 151 * ms, "command", "caller", "mark", MARK),
            Entry(13, 200 * ms, "input", "caller", "mark", MARK),
            Entry(14, 201 * ms, "command", "caller", "clear", CALL[10]["frame"]),
            Entry(15, 1_200_125_000, "input", "caller", "stop", build.stopped()),
            Entry(16, 1_200_125_000, "input", "engine", "leg.closed", closed % "caller"),
            Entry(
                17,
                1_200_125_000,
                "command",
                "engine",
                "end_call",
                '{"type":"end_call","ended":"stop","reason":"Twilio said stop"}',
            ),
        ]

    def test_it_is_in_the_list_of_calls(self, tmp_path: Path, file: Path) -> None:
        run(tmp_path, file)
        done = CliRunner().invoke(cli, ["ls", "--json", "--calls-dir", str(tmp_path / "calls")])
        assert [(each["call_sid"], each["ended"]) for each in json.loads(done.stdout)] == [(CALL_SID, "stop")]

    def test_an_index_that_cannot_be_written_is_no_reason_to_fail(self, tmp_path: Path, file: Path) -> None:
        (tmp_path / "calls" / "index.db").mkdir(parents=True)
        done = run(tmp_path, file)
        assert done.exit_code == 0
        assert done.stderr.startswith(f"replay: {file}: the log is whole, but not in the index (`replay index` mends")
        assert done.stderr.endswith(NEXT)
        assert len(frames(log_of(done))) == len(CALL)

    @given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]))), at=st.sampled_from(["in", "out"]))
    def test_whatever_a_frame_is_it_comes_back(self, tmp_path_factory: Any, texts: list[str], at: str) -> None:
        tmp_path = tmp_path_factory.mktemp("any")
        lines = [CALL[1], *(line(1, f"{leg} {at}", text) for text in texts for leg in ("caller", "model"))]
        made = import_recording(write(tmp_path / "call.jsonl", [HEAD, *lines]), tmp_path / "calls", None, None)
        assert frames(read_call(made.path)) == [each["frame"] for each in lines]

    def test_a_frame_that_is_an_object_stays_as_the_line_has_it(self, tmp_path: Path) -> None:
        object_line = '{"at_ms":1,"leg":"model","way":"in", "frame" : {"type" : "error",\t"é":[1.0] } }'
        file = write(tmp_path / "call.jsonl", [HEAD, CALL[1], object_line])
        assert frames(log_of(run(tmp_path, file)))[1] == '{"type" : "error",\t"é":[1.0] }'

    def test_what_is_no_frame_of_a_leg_is_malformed(self, tmp_path: Path) -> None:
        deep = '{"type":"error","x":' + "[" * 70 + "]" * 70 + "}"
        lines = [CALL[1], line(1, "caller in", "hello"), line(2, "model in", "[]"), line(3, "model in", deep)]
        made = entries(log_of(run(tmp_path, write(tmp_path / "call.jsonl", [HEAD, *lines]))))
        assert [each.type for each in made if each.leg != "engine"] == ["start", *["malformed"] * 3]

    def test_only_what_the_bridge_receives_says_whose_call_it_is(self, tmp_path: Path) -> None:
        sent = [line(1, "caller out", build.started("CA1", "MZ1")), line(2, "caller out", build.stopped())]
        with log_of(run(tmp_path, write(tmp_path / "call.jsonl", [HEAD, CALL[1], *sent, END]))) as logged:
            assert logged.call.call_sid == CALL_SID
            assert logged.seal is not None
            assert (logged.seal.ended, logged.seal.reason) == ("dropped", "the recording was closed without stop")

    def test_a_log_of_any_name(self, tmp_path: Path, file: Path) -> None:
        done = run(tmp_path, file, "-o", tmp_path / "any.db")
        assert done.stdout == f"{tmp_path / 'any.db'}  17 entries, 0:01.200\n"
        assert done.stderr == f"replay: next: replay audit {tmp_path / 'any.db'}\n"
        assert sorted(os.listdir(tmp_path)) == ["any.db", "call.jsonl"]
        assert frames(read_call(tmp_path / "any.db")) == [each["frame"] for each in CALL]

    def test_json(self, tmp_path: Path) -> None:
        file = write(tmp_path / "call.jsonl", [HEAD, *CALL, '{"at_ms":12'], end="")
        done = run(tmp_path, file, "--json")
        cut = "cut off in its middle: the process that wrote it was killed"
        assert json.loads(done.stdout) == [
            {
                "path": str(tmp_path / "calls" / DAY / f"{CALL_SID}.db"),
                "call_sid": CALL_SID,
                "entries": 17,
                "duration_ms": 1200,
                "is_new": True,
                "skipped": [{"line": 14, "why": cut}],
                "notes": [],
            }
        ]
        assert done.stderr == f"replay: {file}, line 14 is left out: {cut}\n"

    def test_many_files_of_which_one_is_wrong(self, tmp_path: Path, file: Path) -> None:
        wrong = write(tmp_path / "wrong.jsonl", ["nothing"])
        done = run(tmp_path, wrong, file)
        assert (done.exit_code, done.stdout.count("\n")) == (2, 1)
        assert done.stderr == (
            f"replay: {wrong}, line 1 is not JSON: JSON is malformed: invalid character (byte 4). {A_LINE}\n{NEXT}"
        )
        assert json.loads(run(tmp_path, wrong, "--json").stdout) == []


class TestTheSameAgain:
    def test_makes_no_second_log(self, tmp_path: Path, file: Path) -> None:
        first, second = run(tmp_path, file), run(tmp_path, file)
        assert second.stdout == first.stdout.replace("\n", ", there already: the same frames\n")
        assert (second.exit_code, second.stderr) == (0, NEXT)
        assert json.loads(run(tmp_path, file, "--json").stdout)[0]["is_new"] is False
        assert len(list((tmp_path / "calls" / DAY).iterdir())) == 1

    def test_more_of_it_makes_one(self, tmp_path: Path, file: Path) -> None:
        """A recording that was imported while the call went on; or the call's second stream."""
        run(tmp_path, write(tmp_path / "part.jsonl", [HEAD, *CALL[:5]]))
        done = run(tmp_path, file)
        assert done.stdout.startswith(str(tmp_path / "calls" / DAY / f"{CALL_SID}.2.db"))
        assert len(frames(log_of(done))) == len(CALL)

    def test_a_log_that_cannot_be_read_is_not_the_same(self, tmp_path: Path, file: Path) -> None:
        (tmp_path / "calls" / DAY).mkdir(parents=True)
        (tmp_path / "calls" / DAY / f"{CALL_SID}.db").write_text("hello")
        (tmp_path / "calls" / DAY / "CA1.db").write_text("hello")
        assert f"{CALL_SID}.2.db" in run(tmp_path, file).stdout


class TestWhatIsMended:
    def test_gzip(self, tmp_path: Path, file: Path) -> None:
        packed = tmp_path / "call.jsonl.gz"
        packed.write_bytes(gzip.compress(file.read_bytes()))
        assert len(frames(log_of(run(tmp_path, packed)))) == len(CALL)

    def test_lines_that_threads_put_in_each_others_way_are_sorted(self, tmp_path: Path) -> None:
        mixed = [*CALL[:3], CALL[5], CALL[4], CALL[3], *CALL[6:]]
        done = run(tmp_path, write(tmp_path / "call.jsonl", [HEAD, *mixed]))
        assert done.stderr == (
            f"replay: {tmp_path / 'call.jsonl'}: 1 of 12 lines stood out of the order of their at_ms, by less than a"
            f" second: sorted\n{NEXT}"
        )
        in_order = [*CALL[:4], CALL[5], CALL[4], *CALL[6:]]
        assert frames(log_of(done)) == [each["frame"] for each in in_order]

    def test_half_a_line_at_the_end_is_left_out_and_the_call_has_no_end(self, tmp_path: Path) -> None:
        file = write(tmp_path / "call.jsonl", [HEAD, *CALL[:5], '{"at_ms":142.1,"leg":"mod'], end="")
        done = run(tmp_path, file)
        assert done.stderr == (
            f"replay: {file}: neither `stop` nor a close at its end: the process was killed, or the call goes on\n"
            f"replay: {file}, line 7 is left out: cut off in its middle: the process that wrote it was killed\n{NEXT}"
        )
        with log_of(done) as logged:
            assert logged.seal is not None
            assert (logged.seal.ended, len(frames(logged))) == ("crashed", 5)
        made = [each.type for each in entries(log_of(done)) if each.leg == "engine"]
        assert made == ["leg.opened", "leg.opened"]

    def test_a_last_line_without_a_newline_is_a_line(self, tmp_path: Path) -> None:
        done = run(tmp_path, write(tmp_path / "call.jsonl", [HEAD, "", *CALL], end=""))
        assert (done.stderr, len(frames(log_of(done)))) == (NEXT, len(CALL))

    def test_without_a_head_times_since_1970_say_when_it_began(self, tmp_path: Path) -> None:
        lines = [{**each, "at_ms": each["at_ms"] + 1_795_183_391_250, "host": "web-1"} for each in CALL]
        done = run(tmp_path, write(tmp_path / "call.jsonl", lines))
        with log_of(done) as logged:
            assert logged.call.started_at == STARTED_AT
        assert [each.at_ns for each in entries(log_of(done))][-1] == 1_200_125_000
        assert done.stderr == NEXT

    def test_times_since_1970_below_a_head(self, tmp_path: Path) -> None:
        head = {**HEAD, "started_at": "2026-11-20T16:03:11.25+02:00"}
        lines = [{**each, "at_ms": each["at_ms"] + 1_795_183_391_250} for each in CALL]
        with log_of(run(tmp_path, write(tmp_path / "call.jsonl", [head, *lines]))) as logged:
            assert logged.call.started_at == STARTED_AT
            assert max(each.at_ns for each in logged.entries()) == 1_200_125_000

    def test_without_a_head_the_date_of_the_file_must_do(self, tmp_path: Path) -> None:
        lines = [{**each, "at_ms": each["at_ms"] + 5_000} for each in CALL]
        file = write(tmp_path / "call.jsonl", lines)
        os.utime(file, (1_795_183_391, 1_795_183_391))
        done = run(tmp_path, file)
        assert done.stderr == (
            f"replay: {file}: nothing says when the call began: taken from the file's date, 2026-11-20 14:03:09 UTC\n"
            + NEXT
        )
        made = entries(log_of(done))
        assert (made[0].at_ns, made[-1].at_ns) == (0, 1_200_125_000)

    def test_binary_frames(self, tmp_path: Path) -> None:
        binary = {"at_ms": 1, "leg": "model", "way": "in", "binary": b64encode(b"\xff").decode()}
        file = write(tmp_path / "call.jsonl", [HEAD, CALL[1], binary, {**binary, "way": "out"}, END])
        done = run(tmp_path, file)
        assert done.stderr == (
            f"replay: {file}, line 4 is left out: a binary frame that was sent: neither Twilio nor the model takes"
            f" one\n{NEXT}"
        )
        told = [each.body for each in entries(log_of(done)) if each.type == "frame.binary"]
        assert told == ['{"type":"frame.binary","leg":"model","audio":"/w=="}']

    def test_frames_that_the_recorder_lost_leave_a_gap(self, tmp_path: Path) -> None:
        lost = {"at_ms": 1, "lost": 40, "why": "the disk\x1b[2J was full"}
        file = write(tmp_path / "call.jsonl", [HEAD, CALL[1], lost, line(2, "caller in", build.stopped())])
        done = run(tmp_path, file)
        shown = "40 frames are missing from line 3 on: the disk\\x1b[2J was full"
        assert done.stderr == f"replay: {file}: {shown}\n{NEXT}"
        gap = '{"type":"log.gap","first":3,"last":42,"reason":"not recorded: the disk\\u001b[2J was full"}'
        made = entries(log_of(done))
        assert [each.seq for each in made] == [1, 2, 3, 43, 44, 45]
        assert made[2] == Entry(3, 1_000_000, "fault", "engine", "log.gap", gap)


class TestWhoseCallItIs:
    def test_a_recording_without_start_must_be_told(self, tmp_path: Path) -> None:
        file = write(tmp_path / "call.jsonl", [HEAD, *CALL[2:]])
        assert refused(tmp_path, file) == (
            f"replay: {file} has no `start` frame of Twilio's, so nothing says which call it is. Record from the first"
            " frame on, or name the call with --call-sid\n"
        )
        with log_of(run(tmp_path, file, "--call-sid", "CA1")) as logged:
            assert (logged.path.name, logged.call.stream_sid, logged.call.account_sid) == ("CA1.db", "", "")

    def test_and_only_then(self, tmp_path: Path, file: Path) -> None:
        expected = f"replay: {file} is the call {CALL_SID}, as its `start` frame says, and not CA1\n"
        assert refused(tmp_path, file, "--call-sid", "CA1") == expected
        assert run(tmp_path, file, "--call-sid", CALL_SID).exit_code == 0

    def test_a_sid_that_could_be_no_name_of_a_file(self, tmp_path: Path) -> None:
        file = write(tmp_path / "call.jsonl", [HEAD, line(0, "caller in", build.started("../x", STREAM_SID))])
        assert refused(tmp_path, file) == "replay: not a call SID, and it would become a file name: '../x'\n"

    def test_two_calls_in_one_file(self, tmp_path: Path) -> None:
        second = line(5, "caller in", build.started("CA2", "MZ2"))
        assert refused(tmp_path, write(tmp_path / "call.jsonl", [HEAD, CALL[1], CALL[1], second])) == (
            f"replay: {tmp_path / 'call.jsonl'}, line 4: a second stream starts here (MZ2 of CA2). The model's frames"
            " do not say whose they are, so record each call in a file of its own: one Recorder for each WebSocket of"
            " Twilio's\n"
        )


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
        packed.write_bytes(gzip.compress(b"{}")[:-4])
        assert refused(tmp_path, empty) == f"replay: {empty} holds no frames: nothing was recorded. {A_LINE}\n"
        assert refused(tmp_path, tmp_path / "none") == f"replay: {tmp_path / 'none'}: No such file or directory\n"
        assert refused(tmp_path, tmp_path) == (
            f"replay: {tmp_path} is a folder: name the files in it, {tmp_path}/*.jsonl\n"
        )
        assert refused(tmp_path, packed) == (
            f"replay: {packed} cannot be unpacked: Compressed file ended before the end-of-stream marker was reached\n"
        )

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


def test_an_imported_call_is_of_no_rules_of_ours() -> None:
    """Rules 0 are not to be confused with a default."""
    assert CallSettings().rules != 0
