"""The worked examples of docs/examples, run as they stand: a simulated call through each, recorded, imported.

A recording is right when it holds what passed the bridge's sockets, to the byte, and the log holds the same.
"""

import asyncio
import importlib.util
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trio
from click.testing import CliRunner
from trio.testing import MockClock, memory_stream_pair
from trio_websocket import WebSocketConnection, WebSocketRequest, wrap_client_stream, wrap_server_stream

from engine import recorder
from engine.core.entries import rebuild
from engine.log.reader import read_call
from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan, TwilioEdge
from engine.sim.fronts import Front
from engine.sim.link import LinkPlan
from engine.sim.model import ModelPlan, RealtimeModel
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import place, ruler
from engine.sim.scenarios import speech
from replay.cli import cli
from tests.asyncio_world import Socket, VirtualLoop, fakes

EXAMPLES = Path(__file__).resolve().parents[1] / "docs" / "examples"
EDGE = EdgePlan(
    cues=(
        Cue(300, audio=speech(600)),
        Cue(0, after=place(0, 1_500), audio=speech(600)),
        Cue(0, after=place(1, 900), hang_up=True),
    )
)
MODEL = ModelPlan(replies=tuple(Reply(items=(ReplyItem("We have fresh bread.", ruler(n, 4_000)),)) for n in range(2)))
"""Somebody asks, interrupts the answer at 1.5 s, and hangs up in the second one."""
MULAW = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
NETWORK = (LinkPlan(base_ms=40), LinkPlan(base_ms=40))

Passed = dict[tuple[str, str], list[str]]
"""Frames by leg and kind of entry, each in the order in which it passed."""


@pytest.fixture(autouse=True)
def place_to_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setattr(recorder.Recorder.close, "__defaults__", (60.0,))  # a slow machine is no failure


def load(name: str) -> ModuleType:
    """An example, as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def imported() -> Passed:
    """The frames in the log that `replay import` makes of the one recording."""
    (file,) = Path("recordings").iterdir()
    assert file.name == f"{EDGE.call_sid}.jsonl"
    done = CliRunner().invoke(cli, ["import", str(file)])
    assert (done.exit_code, done.stderr) == (0, f"replay: next: replay audit {EDGE.call_sid}\n")
    passed: Passed = {}
    with read_call(Path(done.stdout.split("  ")[0])) as logged:
        for entry in logged.entries():
            if entry.leg != "engine":
                passed.setdefault((entry.leg, entry.kind), []).append(rebuild(entry.body, entry.audio))
        assert logged.seal is not None
        assert logged.seal.ended == "stop"
    return passed


def streams() -> tuple[Any, Any]:
    """A connection without a network. trio-websocket wants sockets by its types, and by its code any stream."""
    return memory_stream_pair()


def counts(passed: Passed) -> tuple[int, int, int]:
    """How often the caller began to speak, the playout was cleared, and an item was truncated."""
    said = ('"type":"input_audio_buffer.speech_started"' in frame for frame in passed["model", "input"])
    cleared = ('"event": "clear"' in frame for frame in passed["caller", "command"])
    truncated = ('"type": "conversation.item.truncate"' in frame for frame in passed["model", "command"])
    return sum(said), sum(cleared), sum(truncated)


def test_a_fastapi_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    model: list[Socket] = []

    def connect(url: str) -> Socket:
        assert url.startswith("wss://api.openai.com/v1/realtime?model=")
        model.append(Socket(RealtimeModel(MODEL)))
        return model[0]

    fakes(monkeypatch, connect)
    example = load("fastapi_bridge")

    async def call() -> Socket:
        caller = Socket(TwilioEdge(EDGE))
        await example.media_stream(caller)
        return caller

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        monkeypatch.setattr(recorder, "monotonic", loop.time)
        caller = runner.run(call())
    passed = {
        ("caller", "input"): caller.received,
        ("caller", "command"): caller.sent,
        ("model", "input"): model[0].received,
        ("model", "command"): model[0].sent,
    }
    assert imported() == passed
    assert counts(passed) == (2, 1, 1)


async def test_a_trio_bridge(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    example = load("trio_bridge")
    monkeypatch.setattr(recorder, "monotonic", autojump_clock.current_time)
    fronts: list[Front] = []

    async with trio.open_nursery() as nursery:

        async def run_model(stream: trio.abc.Stream) -> None:
            request = await wrap_server_stream(nursery, stream)
            fronts.append(Front(RealtimeModel(MODEL), await request.accept(), NETWORK))
            await fronts[-1].run()

        @asynccontextmanager
        async def connect(url: str, extra_headers: list[tuple[str, str]]) -> AsyncIterator[WebSocketConnection]:
            here, there = streams()
            nursery.start_soon(run_model, there)
            async with await wrap_client_stream(nursery, here, "model", "/") as socket:
                yield socket

        async def run_bridge(stream: trio.abc.Stream) -> None:
            request: WebSocketRequest = await wrap_server_stream(nursery, stream)
            await example.answer(request)

        monkeypatch.setattr(example, "open_websocket_url", connect)
        here, there = streams()
        nursery.start_soon(run_bridge, there)
        socket = await wrap_client_stream(nursery, here, "bridge", "/media-stream")
        fronts.append(Front(TwilioEdge(EDGE), socket, NETWORK))
        await fronts[0].run()
    ways = {"out": "input", "in": "command"}
    passed: Passed = {}
    for leg, front in zip(("caller", "model"), fronts, strict=True):
        for each in front.frames:
            assert isinstance(each.frame, str)
            passed.setdefault((leg, ways[each.way]), []).append(each.frame)
    assert imported() == passed
    assert counts(passed) == (2, 2, 0)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_a_recorder_for_node(tmp_path: Path) -> None:
    """Fed as `ws` feeds it, which hands text over in a buffer."""
    (tmp_path / "recordings").mkdir()
    start = json.dumps({"event": "start", "start": {"callSid": EDGE.call_sid, "mediaFormat": MULAW}, "é": "🥐"})
    script = f"""
        import {{ recorder }} from "{EXAMPLES / "recorder.mjs"}";
        const record = recorder("recordings/{EDGE.call_sid}.jsonl");
        record("caller", "in", Buffer.from({json.dumps(start)}));
        record("model", "out", '{{"type": "session.update"}}');
        record("caller", "in", '{{"event":"stop"}}');
        record.close();
    """
    command = ["node", "--input-type=module", "--eval", script]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert imported() == {
        ("caller", "input"): [start, '{"event":"stop"}'],
        ("model", "command"): ['{"type": "session.update"}'],
    }
