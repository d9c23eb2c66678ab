"""kill -9 of a whole `bridge serve`, in the middle of calls, at twenty random moments.

Each bridge has three calls up, all of them speaking both ways; one hangs up early, so that a seal may be under way too.
The simulators write down every frame that reached them. What they have, the logs must have: nothing leaves before it is
logged.
"""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from random import Random

import pytest
import trio

from engine.core import Entry, rebuild
from engine.log.reader import read_call
from engine.log.recover import recover
from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan, TwilioEdge
from engine.sim.fronts import Front, Serving, dial_edge, serve_model
from engine.sim.model import ModelPlan, RealtimeModel
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import ruler
from replay.runner import replay
from replay.sources import open_log

KILLS = 20
AT_ONCE = 5
"""Bridges at a time: their starting is what takes the time."""
CALLS = 3
AGENT = 'greeting = "Say hello."\n'


def make_model() -> RealtimeModel:
    reply = Reply(items=(ReplyItem("Hello, this is the bakery.", ruler(9, 4000)),), latency_ms=5, text_lead_ms=1)
    return RealtimeModel(ModelPlan(replies=(reply,) * 5))


def make_edge(number: int) -> TwilioEdge:
    """A caller who speaks all the time, in a voice of their own; the first hangs up after 400 ms."""
    cues = [Cue(0, audio=ruler(number, 3000))]
    if number == 0:
        cues.append(Cue(400, hang_up=True))
    return TwilioEdge(EdgePlan(call_sid=f"CA{number:032d}", cues=tuple(cues)))


class Killed:
    """One bridge: run, killed, and what the simulators had received by then."""

    def __init__(self, folder: Path) -> None:
        self.calls_dir = folder / "calls"
        self.agent = folder / "agent.toml"
        self.edges: list[Front] = []
        self.sessions: list[Front] = []

    async def run(self, kill_after_seconds: float) -> None:
        self.agent.write_text(AGENT)
        async with trio.open_nursery() as nursery:
            serving: Serving = await nursery.start(partial(serve_model, make_model))
            self.sessions = serving.sessions
            process = await self._start(serving.url)
            assert process.stdout is not None
            async with process.stdout:
                line = (await process.stdout.receive_some()).decode()
                port = line.split("http://127.0.0.1:")[1].split(";")[0]
                for number in range(CALLS):
                    dial = partial(dial_edge, f"ws://127.0.0.1:{port}/media", make_edge(number))
                    self.edges.append(await nursery.start(dial))
                await trio.sleep(kill_after_seconds)
                process.send_signal(signal.SIGKILL)
                await process.wait()
            nursery.cancel_scope.cancel()

    async def _start(self, model_url: str) -> trio.Process:
        settings = {
            "OPENAI_REALTIME_URL": model_url,
            "CALLS_DIR": str(self.calls_dir),
            "AGENT": str(self.agent),
            "HOST": "127.0.0.1",
            "PORT": "0",
        }
        return await trio.lowlevel.open_process(
            [sys.executable, "-m", "engine", "serve", "--insecure"],
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )


def received(front: Front) -> list[str | bytes]:
    return [kept.frame for kept in front.frames if kept.way == "in"]


def sent(entries: list[Entry], leg: str) -> list[str]:
    """The frames that a log says were sent on a leg."""
    by_seq = {entry.seq: entry for entry in entries}
    frames = []
    for entry in entries:
        if entry.kind == "command" and entry.leg == leg:
            source = by_seq[entry.cause].audio if entry.cause is not None else None
            is_audio = entry.type in ("media", "input_audio_buffer.append")
            audio = source[entry.audio_from : entry.audio_to] if is_audio and source is not None else None
            frames.append(rebuild(entry.body, audio))
    return frames


def recovered(calls_dir: Path) -> dict[str, list[Entry]]:
    """What every log holds, once it is sealed, checked and replayed."""
    problems = [one.problem for one in recover(calls_dir) if one.problem is not None]
    # Killed between making a file and its first row, a bridge has sent nothing of that call, and the file says nothing.
    assert [problem for problem in problems if "before it wrote the first row" not in problem] == []
    if not problems:
        assert list((calls_dir / "live").iterdir()) == []
    logs = {}
    for path in calls_dir.glob("20*/*.db"):
        with read_call(path) as call:
            call.verify()
            logs[call.call.call_sid] = list(call.entries())
        with open_log(path) as log:
            result = replay(log)
        assert (result.verdict, result.divergence) == ("same", None), (path, result.reason)
    return logs


@pytest.fixture
def killed(tmp_path: Path) -> list[Killed]:
    bridges = []
    for number in range(KILLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        bridges.append(Killed(folder))
    return bridges


async def test_a_killed_bridge_loses_no_frame_that_had_left_it(killed: list[Killed]) -> None:
    random = Random(2)
    at_once = trio.CapacityLimiter(AT_ONCE)

    async def kill(bridge: Killed, after_seconds: float) -> None:
        async with at_once:
            await bridge.run(after_seconds)

    async with trio.open_nursery() as nursery:
        for bridge in killed:
            nursery.start_soon(kill, bridge, random.uniform(0, 0.8))

    played = appended = 0
    for bridge in killed:
        logs = recovered(bridge.calls_dir)
        for front in bridge.edges:
            assert isinstance(front.machine, TwilioEdge)
            frames, log = received(front), logs.get(front.machine.plan.call_sid, [])
            assert frames == sent(log, "caller")[: len(frames)]
            played += len(frames)
        for front in bridge.sessions:
            # Every caller has a voice of its own, so what a session received names its call.
            frames = received(front)
            assert any(frames == sent(log, "model")[: len(frames)] for log in logs.values())
            appended += len(frames)
    # The test is worth something only if the calls were up and talking.
    assert played > KILLS * CALLS
    assert appended > KILLS * CALLS * 5
