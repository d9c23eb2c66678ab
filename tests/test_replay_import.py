"""`replay import`: the frames that another bridge wrote down become a log, byte for byte."""

import gzip
import json
import os
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from engine.core import CallSettings, Entry
from engine.core.entries import APPEND_BODY
from engine.log.reader import CallRow, read_call
from engine.recorder import Recorder
from replay.cli import cli
from replay.foreign.importing import import_recording
from tests import build
from tests.build import ACCOUNT_SID, CALL_SID, STREAM_SID
from tests.recordings_rig import (
    A_LINE,
    CALL,
    DAY,
    DELTA,
    END,
    HEAD,
    MARK,
    NEXT,
    PLAY,
    STARTED_AT,
    entries,
    frames,
    line,
    log_of,
    refused,
    run,
    write,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The call, as the recorder writes it."""
    return write(tmp_path / "call.jsonl", [HEAD, *CALL])


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

    def test_gzip_that_was_cut_by_a_kill_is_read_as_far_as_it_goes(self, tmp_path: Path, file: Path) -> None:
        """As plain text is. Zlib's own account of the bytes says how far that is."""
        data = gzip.compress(file.read_bytes(), mtime=0)
        whole, part = tmp_path / "whole.jsonl.gz", tmp_path / "part.jsonl.gz"
        whole.write_bytes(data[:-8])  # all but its checksum
        part.write_bytes(data[: len(data) * 2 // 3])
        note = "the packed file is cut off: it is read as far as it goes"
        done = run(tmp_path, whole)
        assert (done.stderr, len(frames(log_of(done)))) == (f"replay: {whole}: {note}\n{NEXT}", len(CALL))
        kept = zlib.decompressobj(31).decompress(part.read_bytes()).count(b"\n") - 1
        assert 0 < kept < len(CALL)
        done = run(tmp_path, part)
        assert done.stderr == (
            f"replay: {part}: {note}\n"
            f"replay: {part}: neither `stop` nor a close at its end: the process was killed, or the call goes on\n"
            f"replay: {part}, line {kept + 2} is left out: cut off in its middle: the process that wrote it was"
            f" killed\n{NEXT}"
        )
        assert frames(log_of(done)) == [each["frame"] for each in CALL[:kept]]

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
        shown = "40 frames are missing at line 3: the disk\\x1b[2J was full"
        assert done.stderr == f"replay: {file}: {shown}\n{NEXT}"
        gap = '{"type":"log.gap","first":3,"last":42,"reason":"not recorded: the disk\\u001b[2J was full"}'
        made = entries(log_of(done))
        assert [each.seq for each in made] == [1, 2, 3, 43, 44, 45]
        assert made[2] == Entry(3, 1_000_000, "fault", "engine", "log.gap", gap)

    def test_a_gap_stands_where_the_recorder_lost_frames(self, tmp_path: Path) -> None:
        recording: Any = Recorder(tmp_path / "call.jsonl")
        recording.caller_in(build.started())
        recording.model_out(object())
        recording.caller_in(build.stopped())
        recording.close(60)
        done = run(tmp_path, tmp_path / "call.jsonl")
        assert done.stderr == (
            f"replay: {tmp_path / 'call.jsonl'}: 1 frame is missing at line 3: neither text nor JSON (object):"
            f" 'object' object is not iterable\n{NEXT}"
        )
        made = [(each.seq, each.type) for each in entries(log_of(done))]
        assert made[1:4] == [(2, "start"), (3, "log.gap"), (4, "stop")]

    def test_a_day_without_a_disk_is_a_gap_too(self, tmp_path: Path) -> None:
        lost = {"at_ms": 86_390_000, "lost": 86_400_000, "why": "full"}
        file = write(tmp_path / "call.jsonl", [HEAD, CALL[1], lost, line(86_400_000, "caller in", build.stopped())])
        assert [each.seq for each in entries(log_of(run(tmp_path, file)))] == [
            1,
            2,
            3,
            86_400_003,
            86_400_004,
            86_400_005,
        ]


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


def test_an_imported_call_is_of_no_rules_of_ours() -> None:
    """Rules 0 are not to be confused with a default."""
    assert CallSettings().rules != 0
