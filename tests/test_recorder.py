"""A recorder in somebody else's bridge: every frame in a file, and a call that never notices."""

import gc
import json
import logging
import os
import stat
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Barrier, Thread
from time import monotonic
from typing import Any

import pytest

from engine import recorder
from engine.recorder import Recorder
from tests.test_tidy import ROOT, loaded_by

CALL_SID = "CA" + "5" * 32
START = json.dumps({"event": "start", "start": {"callSid": CALL_SID}})
LONG_ENOUGH = 60.0
"""To wait for what takes milliseconds."""


class Clock:
    """What the recorder takes for the time."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine is no failure."""
    monkeypatch.setattr(Recorder.close, "__defaults__", (LONG_ENOUGH,))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(recorder, "monotonic", clock)
    return clock


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def frames(path: Path) -> list[object]:
    """Of a recording of nothing but frames."""
    head, *rest = lines(path)
    assert head["playhead_recording"] == 1
    if rest and "closed" in rest[-1]:
        rest.pop()
    return [line["frame"] for line in rest]


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what the writer does meanwhile."""
    last_s = monotonic() + LONG_ENOUGH
    while not is_so():
        assert monotonic() < last_s


def run(script: str, *args: object) -> subprocess.CompletedProcess[str]:
    """A process of its own."""
    command = [sys.executable, "-c", script, *map(str, args)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


class TestWhatIsWritten:
    def test_a_call(self, clock: Clock, tmp_path: Path) -> None:
        with Recorder(folder=tmp_path / "recordings") as call:
            clock.now_s += 0.0125
            call.caller_in(START)
            call.model_out('{"type": "session.update"}')
            clock.now_s += 1
            call.model_in('{"type":"session.created"}')
            call.caller_out('{"event":"clear"}')
        path = tmp_path / "recordings" / f"{CALL_SID}.jsonl"
        head, *rest = path.read_text(encoding="utf-8").splitlines()
        assert head.startswith('{"playhead_recording":1,"started_at":"20')
        assert head.endswith('+00:00"}')
        start = START.replace('"', '\\"')
        assert rest == [
            f'{{"at_ms":12.500,"leg":"caller","way":"in","frame":"{start}"}}',
            '{"at_ms":12.500,"leg":"model","way":"out","frame":"{\\"type\\": \\"session.update\\"}"}',
            '{"at_ms":1012.500,"leg":"model","way":"in","frame":"{\\"type\\":\\"session.created\\"}"}',
            '{"at_ms":1012.500,"leg":"caller","way":"out","frame":"{\\"event\\":\\"clear\\"}"}',
            '{"at_ms":1012.500,"closed":true}',
        ]
        assert call.path == path

    def test_only_its_owner_can_read_it(self, tmp_path: Path) -> None:
        with Recorder(tmp_path / "private" / "call.jsonl"):
            pass
        path = tmp_path / "private" / "call.jsonl"
        assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]

    def test_text_keeps_every_character(self, tmp_path: Path) -> None:
        sent = ['{"a" :\t"grüße \u2028 🥐\\u00e9"}', "not JSON", "", "a\nb", "half a pair: \ud83e"]
        with Recorder(tmp_path / "call.jsonl") as call:
            for text in sent:
                call.model_in(text)
        assert frames(tmp_path / "call.jsonl") == [*sent[:-1], "half a pair: ?"]

    def test_bytes_are_text_where_they_can_be(self, tmp_path: Path) -> None:
        with Recorder(tmp_path / "call.jsonl") as call:
            call.model_in('{"type":"é"}'.encode())
            call.model_in(b"\xff\x00")
            buffer = bytearray(b'"again"')
            call.model_in(buffer)
            call.model_in(memoryview(buffer)[1:-1])
            buffer[:] = b"no more"
        _, text, binary, *again, _ = lines(tmp_path / "call.jsonl")
        assert [line["frame"] for line in again] == ['"again"', "again"]
        assert text["frame"] == '{"type":"é"}'
        assert binary == {
            "at_ms": binary["at_ms"],
            "leg": "model",
            "way": "in",
            "binary": b64encode(b"\xff\0").decode(),
        }

    def test_a_dict_is_an_object_as_it_was_when_it_was_handed_over(self, tmp_path: Path) -> None:
        frame: dict[str, Any] = {"event": "mark", "mark": {"name": "é"}}
        with Recorder(tmp_path / "call.jsonl") as call:
            call.caller_out(frame)
            frame["mark"]["name"] = "changed later"
        assert frames(tmp_path / "call.jsonl") == [{"event": "mark", "mark": {"name": "é"}}]

    def test_a_recording_that_hears_no_start_is_named_by_its_time(self, clock: Clock, tmp_path: Path) -> None:
        call = Recorder(folder=tmp_path)
        call.caller_in('{"event":"connected"}')
        call.caller_in('{"event":"start","start":{"callSid":"../../etc/passwd"}}')
        call.model_in(START)
        clock.now_s += recorder.NAME_SECONDS_MAX
        assert call.close()
        assert call.path is not None
        head, *rest, _ = lines(call.path)
        began = head["started_at"].replace("-", "").replace(":", "").replace("+0000", "Z")
        assert (call.path.name, len(rest)) == (f"{began}.jsonl", 3)

    def test_it_is_named_while_the_call_goes_on(self, clock: Clock, tmp_path: Path) -> None:
        """Nothing else would show that somebody waits for two seconds."""
        call = Recorder(folder=tmp_path)
        call.caller_in('{"event":"connected"}')
        clock.now_s += recorder.NAME_SECONDS_MAX
        until(lambda: call.path is not None)
        call.close()

    def test_a_second_stream_of_a_call_gets_a_file_of_its_own(self, tmp_path: Path) -> None:
        for number in range(3):
            with Recorder(folder=tmp_path) as call:
                call.caller_in(START)
                call.caller_in(str(number))
        names = [f"{CALL_SID}.jsonl", f"{CALL_SID}.2.jsonl", f"{CALL_SID}.3.jsonl"]
        assert [frames(tmp_path / name)[1] for name in names] == ["0", "1", "2"]

    def test_threads_write_whole_lines_in_the_order_of_time(self, tmp_path: Path) -> None:
        call, together = Recorder(tmp_path / "call.jsonl"), Barrier(4)

        def talk(name: int) -> None:
            together.wait()
            for number in range(1_000):
                call.model_in(f"{name} {number}")

        threads = [Thread(target=talk, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert call.close()
        _, *written, _ = lines(tmp_path / "call.jsonl")
        times = [line["at_ms"] for line in written]
        assert times == sorted(times)
        for name in range(4):
            own = [line["frame"] for line in written if line["frame"].startswith(f"{name} ")]
            assert own == [f"{name} {number}" for number in range(1_000)]


class TestTheCallGoesOn:
    def test_what_is_no_frame_is_counted_in_its_place(self, clock: Clock, tmp_path: Path) -> None:
        """An imported log has its gap there, and the order of frames is what an audit rests on."""
        call: Any = Recorder(tmp_path / "call.jsonl")
        with call._recording._writer.lock:  # the writer takes all of it at once
            call.caller_in("1")
            clock.now_s += 1
            call.model_out(object())
            clock.now_s += 1
            call.model_in(7)
            call.caller_in("2")
            call.model_out({"a": object()})
        assert call.close() is False
        _, *written, closed = (tmp_path / "call.jsonl").read_text().splitlines()
        why = '"why":"neither text nor JSON (%s): %s"'
        assert written == [
            '{"at_ms":0.000,"leg":"caller","way":"in","frame":"1"}',
            '{"at_ms":1000.000,"lost":2,%s}' % (why % ("object", "'object' object is not iterable")),
            '{"at_ms":2000.000,"leg":"caller","way":"in","frame":"2"}',
            '{"at_ms":2000.000,"lost":1,%s}' % (why % ("dict", "Object of type object is not JSON serializable")),
        ]
        assert closed == '{"at_ms":2000.000,"closed":true}'
        assert recorder._writer.waiting_bytes == 0

    def test_what_cannot_even_say_what_is_wrong_with_it(self, tmp_path: Path) -> None:
        class Mute(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no words")

        class Torn:
            def keys(self) -> None:
                raise Mute

        call: Any = Recorder(tmp_path / "call.jsonl")
        call.model_in(Torn())
        assert call.close() is False
        _, lost, _ = lines(tmp_path / "call.jsonl")
        assert lost == {"at_ms": lost["at_ms"], "lost": 1, "why": "neither text nor JSON (Torn): Mute"}

    def test_what_is_no_frame_is_counted(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        call: Any = Recorder(tmp_path / "call.jsonl")
        for nonsense in (None, 7, object(), {"a": object()}, {"a": float("nan")}):
            call.caller_in(nonsense)
        call.caller_in("text")
        assert call.close() is False
        counted = [line for line in lines(tmp_path / "call.jsonl") if "lost" in line]
        assert sum(line["lost"] for line in counted) == 5
        assert counted[0]["why"] == "neither text nor JSON (NoneType): 'NoneType' object is not iterable"
        assert [line["frame"] for line in lines(tmp_path / "call.jsonl") if "frame" in line] == ["text"]
        (said,) = caplog.messages
        assert said.startswith(f"{tmp_path / 'call.jsonl'}: the recording lacks frames: neither text nor JSON")

    def test_a_disk_that_comes_back_gets_everything(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(recorder, "RETRY_SECONDS", 0.0)
        folder = tmp_path / "folder"
        folder.write_text("in the way")
        call = Recorder(folder / "call.jsonl")
        call.caller_in("one")
        until(lambda: bool(caplog.messages))
        call.caller_in("two")
        folder.unlink()
        assert call.close()
        assert frames(folder / "call.jsonl") == ["one", "two"]
        (said,) = caplog.messages
        assert said == (
            f"{folder / 'call.jsonl'}: the recording cannot be written: [Errno 17] File exists: '{folder}'."
            " The call goes on"
        )

    def test_a_disk_that_takes_only_a_part_gets_the_rest_later(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recorder, "RETRY_SECONDS", 0.0)
        monkeypatch.setattr(recorder, "TRIES_AFTER_CLOSE", 1_000)
        call, write, tries = Recorder(tmp_path / "call.jsonl"), os.write, count(1)

        def grudging(descriptor: int, data: bytes) -> int:
            if descriptor != call._recording._descriptor:
                return write(descriptor, data)
            if next(tries) % 3 == 0:
                raise OSError(28, "No space left on device")
            return write(descriptor, data[:7])

        monkeypatch.setattr(os, "write", grudging)
        call.caller_in("one")
        call.caller_in("two")
        assert call.close()
        assert frames(tmp_path / "call.jsonl") == ["one", "two"]

    def test_what_finds_no_room_to_wait_is_counted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(recorder, "RETRY_SECONDS", 0.0)
        monkeypatch.setattr(recorder, "WAITING_BYTES_MAX", 1 << 20)
        folder = tmp_path / "folder"
        folder.write_text("in the way")
        call = Recorder(folder / "call.jsonl")
        for number in range(6):
            call.caller_in(str(number) * (300 << 10))
        until(lambda: bool(caplog.messages))
        folder.unlink()
        assert call.close() is False
        _, *kept, lost, _ = lines(folder / "call.jsonl")
        assert [line["frame"][0] for line in kept] == ["0", "1", "2"]
        assert lost == {"at_ms": lost["at_ms"], "lost": 3, "why": "the disk took none of the 1 MiB that waited for it"}
        with Recorder(folder / "next.jsonl") as other:
            other.caller_in("there is room again" * (40 << 10))
        assert len(frames(folder / "next.jsonl")) == 1

    def test_a_disk_that_stays_away_is_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(recorder, "RETRY_SECONDS", 0.0)
        (tmp_path / "file").touch()
        call = Recorder(tmp_path / "file" / "call.jsonl")
        call.caller_in("x" * 1000)
        assert call.close() is False
        assert call._recording.is_over.is_set()
        assert recorder._writer.waiting_bytes == 0
        assert len(caplog.messages) == 1

    def test_nobody_waits_for_a_sick_disk(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        call = Recorder(tmp_path / "file" / "call.jsonl")
        assert call.close(0) is False

    def test_a_hundred_names_are_enough(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(recorder, "RETRY_SECONDS", 0.0)
        monkeypatch.setattr(recorder, "SAME_NAMES_MAX", 2)
        for taken in ("call.jsonl", "call.2.jsonl"):
            (tmp_path / taken).touch()
        assert Recorder(tmp_path / "call.jsonl").close() is False
        assert f"{tmp_path / 'call.jsonl'} and 1 more are there already" in caplog.messages[0]
        assert sorted(os.listdir(tmp_path)) == ["call.2.jsonl", "call.jsonl"]

    def test_a_handler_of_logging_that_raises(self, tmp_path: Path) -> None:
        class Broken(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                raise RuntimeError("no room for news")

        broken, call = Broken(), Recorder(tmp_path / "call.jsonl")
        logging.getLogger("playhead.recorder").addHandler(broken)
        try:
            call.caller_in({"a": object()})
            call.close()
        finally:
            logging.getLogger("playhead.recorder").removeHandler(broken)
        with Recorder(tmp_path / "next.jsonl") as after:
            after.caller_in("the writer lives")
        assert frames(tmp_path / "next.jsonl") == ["the writer lives"]

    def test_a_thread_that_cannot_be_had_is_asked_for_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(self: Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(recorder, "_writer", recorder._Writer())
        with monkeypatch.context() as no_threads:
            no_threads.setattr(Thread, "start", refuse)
            first = Recorder(tmp_path / "first.jsonl")
            first.caller_in("waits")
        second = Recorder(tmp_path / "second.jsonl")
        assert first.close()
        assert second.close()
        assert frames(tmp_path / "first.jsonl") == ["waits"]

    def test_a_frame_after_the_end_is_none(self, tmp_path: Path) -> None:
        call = Recorder(tmp_path / "call.jsonl")
        assert call.close()
        call.caller_in("too late")
        assert call.close()
        assert frames(tmp_path / "call.jsonl") == []


class TestTheProcess:
    def test_it_loads_nothing_but_the_standard_library(self) -> None:
        loaded = loaded_by("engine.recorder")
        ours = {name for name in loaded if name.split(".")[0] in ("engine", "replay")}
        assert ours == {"engine", "engine.recorder"}
        assert loaded & {"trio", "msgspec", "asyncio", "sqlite3"} == set()

    def test_a_recorder_that_is_forgotten_is_closed(self, tmp_path: Path) -> None:
        call = Recorder(tmp_path / "call.jsonl")
        call.caller_in("all of it")
        is_over = call._recording.is_over
        del call
        gc.collect()
        assert is_over.wait(LONG_ENOUGH)
        assert frames(tmp_path / "call.jsonl") == ["all of it"]

    def test_a_process_that_exits_leaves_nothing_behind(self, tmp_path: Path) -> None:
        script = "import sys; from engine.recorder import Recorder; r = Recorder(sys.argv[1]); r.caller_in('the last')"
        done = run(script, tmp_path / "call.jsonl")
        assert (done.returncode, done.stderr) == (0, "")
        assert frames(tmp_path / "call.jsonl") == ["the last"]

    def test_a_process_that_is_killed_loses_only_what_waited(self, tmp_path: Path) -> None:
        script = """
import os, signal, sys
from pathlib import Path
from engine.recorder import Recorder
path, call = Path(sys.argv[1]), Recorder(sys.argv[1])
call.caller_in("written")
while not path.exists() or b"written" not in path.read_bytes():
    pass
call.caller_in("waiting")
os.kill(os.getpid(), signal.SIGKILL)
"""
        assert run(script, tmp_path / "call.jsonl").returncode == -9
        assert frames(tmp_path / "call.jsonl")[0] == "written"

    def test_a_forked_child_is_silent_and_can_record_calls_of_its_own(self, tmp_path: Path) -> None:
        script = """
import os, sys
from engine.recorder import Recorder
parents = Recorder(sys.argv[1] + "/parents.jsonl")
parents.caller_in("before")
idle = Recorder(sys.argv[1] + "/idle.jsonl")
child = os.fork()
if child == 0:
    parents.caller_in("in the child")
    assert parents.close(60) is False, "that frame is nowhere"
    assert idle.close(60)
    own = Recorder(sys.argv[1] + "/childs.jsonl")
    own.caller_in("own")
    os._exit(0 if own.close(60) else 1)
assert os.waitpid(child, 0)[1] == 0
parents.caller_in("after")
assert parents.close(60)
"""
        done = run(script, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert frames(tmp_path / "parents.jsonl") == ["before", "after"]
        assert frames(tmp_path / "childs.jsonl") == ["own"]
