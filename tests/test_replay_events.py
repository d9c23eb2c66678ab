"""`replay events`: what it prints of a call, and of which part."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from engine.core import Entry
from replay import cli, paint
from replay.flow.entry_lines import entry_lines
from replay.flow.seen import Look
from tests.build import CALL_SID
from tests.replay_calls import bakery, log_of, write_sealed, write_story

ROOT = Path(__file__).resolve().parents[1]
BAKERY = bakery()


def _confidence() -> float:
    """How sure the aligner is of the bakery's words: its business."""
    body: dict[str, Any] = json.loads(next(each.body for each in BAKERY if each.type == "item.aligned"))
    return float(body["alignment"]["confidence"])


FOLDED = f"""\
          1  0:00.000  engine → bridge  leg.opened                         caller
          2  0:00.000  caller → bridge  connected
          3  0:00.000  caller → bridge  start                              {CALL_SID}, audio/x-mulaw 8000 Hz
          4  0:00.000  bridge → engine  dial_model                         gpt-realtime-2.1
          5  0:00.000  engine → bridge  leg.opened                         model
          6  0:00.000   model → bridge  session.created
          7  0:00.000  bridge → model   session.update                     {BAKERY[6].body[:99]}…
          8  0:00.000   model → bridge  session.updated                    audio/pcmu in, audio/pcmu out, interrupts
      9-205  0:00.020  caller → model   media x 70                         1.40 s
         19  0:00.100   model → bridge  response.created                   resp_1
         20  0:00.100   model → bridge  response.output_item.added         item_1 of resp_1
         21  0:00.100   model → bridge  conversation.item.added            assistant's message, item_1
         22  0:00.100   model → bridge  response.output_audio_transcript.done "Cash or credit? We have a discount.", item_1
         23  0:00.100   model → bridge  response.output_audio.delta        0 to 1000 ms of item_1
      24-50  0:00.100  bridge → caller  media x 13                         0 to 1000 ms of item_1, 14 marks probe-1 to mark-14
         51  0:00.100   model → bridge  response.output_item.done          item_1
         52  0:00.100   model → bridge  response.done                      completed, resp_1
     53-103  0:00.100  caller → bridge  mark x 11                          probe-1 to mark-11: played
        116  0:00.620   model → bridge  input_audio_buffer.speech_started  from 300 ms of input, item_u1
        117  0:00.620  bridge → caller  clear
        118  0:00.620  bridge → caller  mark                               sentinel-15: sent after the clear
    119-121  0:00.620  caller → bridge  mark x 3                           mark-12 to mark-14: flushed
        122  0:00.620  caller → bridge  mark                               sentinel-15: clear took effect
        123  0:00.620  bridge → model   conversation.item.truncate         at 520 ms, item_1
        124  0:00.620  bridge → engine  align_item                         35 characters in 1000 ms, item_1
        125  0:00.620  engine → bridge  item.aligned                       7 of 7 words, by letters, confidence {_confidence()}, item_1
        130  0:00.660   model → bridge  conversation.item.truncated        at 520 ms, item_1
        131  0:00.660   model → bridge  conversation.item.added            user's message, item_u1, after item_1
        206  0:01.400   model → bridge  input_audio_buffer.speech_stopped  at 1380 ms of input, item_u1
        207  0:01.400   model → bridge  conversation.item.input_audio_transcription.completed "Cash.", item_u1
        208  0:01.400  caller → bridge  stop
        209  0:01.400  bridge → engine  close_leg                          model, 1000
        210  0:01.400  bridge → engine  close_leg                          caller, 1000, stop
        211  0:01.400  engine → bridge  leg.closed                         model, 1000
        212  0:01.400  engine → bridge  leg.closed                         caller, 1000
        213  0:01.400  bridge → engine  end_call                           stop: Twilio said stop
"""  # noqa: E501


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bakery, sealed."""
    return write_sealed(tmp_path_factory.mktemp("calls"), BAKERY)


def run(*args: object) -> Result:
    return CliRunner().invoke(cli.cli, ["events", *map(str, args)])


def numbers(done: Result) -> list[str]:
    """The entries of a listing."""
    assert (done.exit_code, done.stderr) == (0, "")
    return [line.split()[0] for line in done.stdout.splitlines()]


class TestAllOfThem:
    def test_a_call_reads_like_a_story(self, call: Path) -> None:
        done = run(call)
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == FOLDED

    def test_so_does_a_golden_log(self, tmp_path: Path) -> None:
        assert run(write_story(tmp_path / "story.jsonl", BAKERY)).stdout == FOLDED

    def test_with_media_every_entry_has_its_line(self, call: Path) -> None:
        done = run(call, "--media")
        assert numbers(done) == [str(entry.seq) for entry in BAKERY]
        assert [line[13:] for line in done.stdout.splitlines()[115:123]] == [
            "0:00.620   model → bridge  input_audio_buffer.speech_started  from 300 ms of input, item_u1",
            "0:00.620  bridge → caller  clear",
            "0:00.620  bridge → caller  mark                               sentinel-15: sent after the clear",
            "0:00.620  caller → bridge  mark                               mark-12: flushed",
            "0:00.620  caller → bridge  mark                               mark-13: flushed",
            "0:00.620  caller → bridge  mark                               mark-14: flushed",
            "0:00.620  caller → bridge  mark                               sentinel-15: clear took effect",
            "0:00.620  bridge → model   conversation.item.truncate         at 520 ms, item_1",
        ]

    def test_in_colour_on_a_terminal(self, call: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(paint, "is_terminal", lambda stream: True)
        assert "clear" in run(call, "--type", "clear").stdout

    def test_what_should_not_have_been_is_marked(self) -> None:
        bad = [replace(e, body="garbage", type="malformed") if e.seq == 131 else e for e in BAKERY]
        [line] = [made for made in entry_lines(Look(log_of(bad))) if made.label[0][0].split()[0] == "131"]
        assert line.text[0] == (f"{'malformed':<34} ", "bad")


class TestSomeOfThem:
    @pytest.mark.parametrize(
        ("args", "found"),
        [
            (["--type", "clear"], ["117"]),
            (["--type", "response.*", "--type", "stop"], ["19", "20", "22", "23", "51", "52", "208"]),
            (["--leg", "engine", "--kind", "input"], ["1", "5", "125", "211", "212"]),
            (["--leg", "caller", "--kind", "command"], ["24-50", "117", "118"]),
            (["--leg", "model", "--kind", "command"], ["7", "10-205", "123"]),
            (["--kind", "input", "--leg", "caller", "--from", "1.36s"], ["200-204", "208"]),
            (["--grep", "DISCOUNT"], ["22", "125"]),
            (["--from", "seq:116", "--to", "seq:123"], ["116", "117", "118", "119-121", "122", "123", "124"]),
            (["--to", "0"], ["1", "2", "3", "4", "5", "6", "7", "8"]),
            (["--from", "mark:sentinel-15", "--to", "0:00.640"], ["122", "123", "124", "125", "126-127"]),
            (["--from", "turn:2", "--kind", "input", "--leg", "model"], ["116", "130", "131", "206", "207"]),
        ],
    )
    def test_all_that_is_asked_for_must_hold(self, args: list[str], found: list[str], call: Path) -> None:
        assert numbers(run(call, *args)) == found

    def test_nothing_is_like_that(self, call: Path) -> None:
        done = run(call, "--type", "speech_started")
        assert (done.exit_code, done.stdout) == (0, "")
        nearest = "input_audio_buffer.speech_started, response.created, start"
        assert done.stderr == f"replay: none of the 213 entries is like that. Types nearest to that: {nearest}\n"
        assert run(call, "--grep", "nothing").stderr == "replay: none of the 213 entries is like that\n"


class TestForPrograms:
    def test_an_entry_a_line_with_every_key(self, call: Path) -> None:
        done = run(call, "--json")
        made = [json.loads(line) for line in done.stdout.splitlines()]
        assert [each["seq"] for each in made] == [entry.seq for entry in BAKERY]
        assert list(made[0]) == [
            *("seq", "at_ms", "stream_ms", "kind", "leg", "type", "body", "audio_bytes", "cause", "audio_from"),
            *("audio_to", "mark"),
        ]
        frame: dict[str, Any] = {"kind": "command", "leg": "caller", "at_ms": 100, "stream_ms": 100, "cause": 23}
        body = json.loads(BAKERY[24].body)
        assert made[24] == {
            **frame,
            "seq": 25,
            "type": "media",
            "body": body,
            "audio_bytes": 320,
            "audio_from": 0,
            "audio_to": 320,
            "mark": None,
        }
        assert made[118]["mark"] == "flushed"
        assert made[123]["audio_bytes"] is None

    def test_what_is_not_json_stays_text(self, tmp_path: Path) -> None:
        bad = [replace(e, body="garb\x1bage", type="malformed") if e.seq == 131 else e for e in BAKERY]
        [line] = run(write_sealed(tmp_path, bad), "--json", "--type", "malformed").stdout.splitlines()
        assert json.loads(line)["body"] == "garb\x1bage"


class TestWhatCannotBe:
    @pytest.mark.parametrize(
        ("args", "why"),
        [
            (["--from", "turn:7"], "replay: there is no turn 7: the call has 2 turns\n"),
            (["--from", "turn:2", "--to", "0.1s"], "0:00.100 is before turn:2: there is nothing between them\n"),
            (["--to", "nowhere"], "'nowhere' is no place in a call."),
            (["--follow", "--to", "end"], "--follow ends with the call"),
        ],
    )
    def test_it_says_what_is_wrong(self, args: list[str], why: str, call: Path) -> None:
        done = run(call, *args)
        assert (done.exit_code, done.stdout) == (2, "")
        assert why in done.stderr

    def test_no_such_call(self, tmp_path: Path) -> None:
        done = run("last", "--calls-dir", tmp_path)
        assert (done.exit_code, done.stderr) == (2, f"replay: there are no calls in {tmp_path}\n")


def test_a_reader_that_has_read_enough_is_no_failure(tmp_path: Path) -> None:
    """`| head -1` of a long listing: more than a pipe holds."""
    path = write_sealed(tmp_path, [*BAKERY, *(_late(seq) for seq in range(214, 5000))])
    script = "from replay.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", script, "events", str(path), "--media"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert isinstance(process.stdout, io.BufferedReader)
        assert process.stdout.readline() == FOLDED.encode().splitlines(keepends=True)[0]
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0


def _late(seq: int) -> Entry:
    """Frames that come when the call is over."""
    return Entry(seq, 1_400_000_000, "input", "caller", "connected", '{"event":"connected"}')
