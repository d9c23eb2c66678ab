"""`bridge demo` as it is typed: in virtual time, over real sockets, stopped half way, and where it cannot be shown."""

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.core import CallSettings
from engine.demo import show
from engine.demo.command import demo
from engine.demo.script import demo_call
from engine.log import index
from engine.log.folder import live_logs, sealed_logs
from engine.log.reader import read_call
from engine.sim import speech
from engine.sim.bakery import NETWORK
from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan
from engine.sim.model import ModelPlan
from engine.sim.reply import Reply
from engine.sim.scenario import Scenario

DEMO = [sys.executable, "-m", "engine", "demo"]
READY = b"is ready to talk"


def start(calls_dir: Path, *args: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    env = os.environ | {"CALLS_DIR": str(calls_dir), "TERM": "xterm"}
    env.pop("NO_COLOR", None)
    return subprocess.Popen([*DEMO, *args], env=env, stdout=stdout, stderr=subprocess.PIPE)


def replayed(log: Path) -> int:
    """The exit code of a replay of this log."""
    command = [sys.executable, "-c", "from replay.cli import main; main()", str(log)]
    return subprocess.run(command, capture_output=True).returncode


def the_log(calls_dir: Path) -> Path:
    """The one log there is: sealed, whole, and nothing left beside it."""
    (log,) = sealed_logs(calls_dir)
    assert live_logs(calls_dir) == []
    assert list((calls_dir / "live").iterdir()) == []
    with read_call(log) as call:
        call.verify()
    return log


def test_the_fast_demo_from_end_to_end(tmp_path: Path) -> None:
    process = start(tmp_path, "--fast")
    stdout, stderr = process.communicate()
    text = stdout.decode()
    assert (process.returncode, stderr) == (0, b"")
    # Plain: it was piped.
    assert "\x1b" not in text
    log = the_log(tmp_path)
    assert replayed(log) == 0
    # The story, in order.
    told = (
        f"phone      call {log.stem} comes in",
        "assistant  was heard: Good morning, this is the corner bakery. What can I get for you?",
        "caller     said: Two croissants and a baguette, please.",
        "BARGE-IN   ",
        "bridge     tells the model: truncate item_reply002_2 at ",
        "caller     hangs up",
        "What was generated, and what the caller heard",
        "  generated            That will be $9.05. Cash or credit? We also have a store discount you can apply now.",
        "  heard                That will be $9.05. Cash or credit? We also have",
        "  item_reply002_2  2803 ms generated and sent, the clear took effect at 0:1",
        "$ replay last",
        f"{log.stem}   stream MZ",
        "same: every command is the one that was recorded",
        "Next",
        f"CALLS_DIR={tmp_path} ",
        f"  its log       {log}",
    )
    places = [text.find(part) for part in told]
    assert -1 not in places, told[places.index(-1)]
    assert places == sorted(places)
    # What the bridge says is near the truth, and is what the model was told and remembers.
    figures = {
        name: re.search(rf"the {name} +(.*)", text) for name in ("phone played", "bridge says", "model remembers")
    }
    played, says, remembers = (int(found[1].split()[0]) for found in figures.values() if found)
    assert abs(says - played) <= 20
    assert f"conversation.item.truncate, audio_end_ms {says}  ok" in text
    assert remembers == says
    # And the call is in the index like any other.
    (row,) = index.calls(tmp_path)
    assert (row.call_sid, row.ended, row.interruptions, row.faults) == (log.stem, "stop", 1, 0)


def test_each_demo_is_a_call_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        process = start(tmp_path, "--fast")
        process.communicate()
        assert process.returncode == 0
    assert len({log.stem for log in sealed_logs(tmp_path)}) == 2


def short_call() -> Scenario:
    """Five seconds: the greeting is interrupted, and when the answer begins the caller hangs up."""
    greeting, answer = speech.load("bakery_greeting"), speech.load("bakery_goodbye")
    interrupts = speech.load("caller_interrupts")
    plan = demo_call().edge
    return Scenario(
        name="short",
        edge=EdgePlan(
            call_sid=plan.call_sid,
            cues=(
                Cue(0, after=greeting.until(900), audio=interrupts.audio),
                Cue(0, after=answer.until(answer.words[0].end_ms - 20), hang_up=True),
            ),
        ),
        model=ModelPlan(
            replies=(Reply(items=(greeting.item,)), Reply(items=(answer.item,))), caller_words=(interrupts.text,)
        ),
        settings=CallSettings(greeting="Greet the caller."),
        caller_in=NETWORK,
        caller_out=NETWORK,
        model_in=NETWORK,
        model_out=NETWORK,
    )


def test_a_call_over_real_sockets(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The whole way: phone, server, model, each on its port; the log followed while it grows."""
    assert show.show(short_call(), tmp_path, fast=False) == 0
    log = the_log(tmp_path)
    assert replayed(log) == 0
    text, stderr = capfd.readouterr()
    # What the server has to say does not get into the picture.
    assert stderr == ""
    said = [line[11:] for line in text.splitlines() if re.match(r" \d:\d\d\.\d{3}  [a-zB]", line)]
    assert said[:4] == [
        f"phone      call {log.stem} comes in",
        "bridge     dials the model, gpt-realtime-2.1",
        "model      is ready to talk",
        "caller     begins to speak",
    ]
    assert said[4].startswith("BARGE-IN")
    assert any(line.startswith("assistant  was heard: Good morning") for line in said[5:])
    assert any(line.startswith("bridge     tells the model: truncate item_reply001_1 at ") for line in said[5:])
    assert said[-1] == "bridge     the call has ended: stop (Twilio said stop)"
    error_ms = re.search(r"the bridge says .* ([+-][0-9.]+) ms", text)
    assert error_ms is not None
    # The spacing of marks: on a busy machine no more can be promised.
    assert abs(float(error_ms[1])) < 220


def test_ctrl_c_hangs_up_and_seals(tmp_path: Path) -> None:
    process = start(tmp_path)
    assert process.stdout is not None
    while READY not in (line := process.stdout.readline()):
        assert line, process.communicate()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    log = the_log(tmp_path)
    assert (process.returncode, stderr) == (130, b"")
    assert stdout.decode().endswith(f"\nStopped: the call was hung up, and its log is whole: {log}\n")
    assert replayed(log) == 0
    with read_call(log) as call:
        assert call.seal is not None
        assert call.seal.ended == "shutdown"


def test_on_a_terminal_it_is_a_picture(tmp_path: Path) -> None:
    """Drawn anew in its place, no wider than the terminal; Ctrl-C leaves the terminal as it was."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = start(tmp_path, stdout=theirs)
    os.close(theirs)
    drawn = b""
    while b"live" not in drawn:
        drawn += os.read(ours, 65536)
    process.send_signal(signal.SIGINT)
    try:
        while more := os.read(ours, 65536):
            drawn += more
    except OSError:
        pass  # a terminal that nobody holds any more
    os.close(ours)
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (130, b"")
    the_log(tmp_path)
    assert b"\x1b[?25l" in drawn
    assert drawn.rindex(b"\x1b[?25h") > drawn.rindex(b"\x1b[?25l")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn.decode()).replace("\r", "").split("\n")
    assert max(map(len, lines[:-2])) <= 80
    assert any(line.startswith("Playhead") for line in lines)


def test_a_divergence_is_the_demos_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "REPLAY_LAST", (sys.executable, "-c", "raise SystemExit(1)"))
    result = CliRunner().invoke(demo, ["--fast", "--calls-dir", str(tmp_path)])
    assert result.exit_code == 1


def test_without_its_speech_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "FOLDER", tmp_path / "nowhere")
    result = CliRunner().invoke(demo, ["--fast", "--calls-dir", str(tmp_path / "calls")])
    assert result.exit_code == 2
    assert result.output.startswith("Error: no speech 'bakery_greeting' in ")
    assert result.output.count("\n") == 1
    assert "pip install -e ." in result.output


def test_without_a_folder_to_write_to_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(demo, ["--fast", "--calls-dir", str(tmp_path / "file" / "calls")])
    assert result.exit_code == 2
    assert result.output.startswith(f"Error: CALLS_DIR {tmp_path}/file/calls cannot be written: Not a directory.")
    assert result.output.count("\n") == 1


def test_a_reader_that_goes_away_changes_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, "--fast")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait() == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    the_log(tmp_path)


def test_the_demo_ends_with_the_answer_to_the_interruption() -> None:
    """Its script is the simulators' bakery call, but for the end; and no two calls have the same name."""
    one, other = demo_call(), demo_call()
    assert (one.edge.cues, one.model) == (other.edge.cues, other.model)
    assert [bool(cue.audio) for cue in one.edge.cues] == [True, True, False]
    assert one.edge.cues[-1].hang_up
    assert {one.edge.call_sid, one.edge.stream_sid}.isdisjoint({other.edge.call_sid, other.edge.stream_sid})
