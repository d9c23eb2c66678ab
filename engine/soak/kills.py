"""`kill -9` of a real `bridge serve`, in the middle of its calls, as often as one likes.

A bridge is started, takes calls from simulated callers and dials a simulated model, all over real sockets, and is
killed at a moment that the seed says. The next one starts on the same CALLS_DIR and recovers what was left there. Then
the logs are held against what the far ends had received by the time of the kill: all of it must be there, since nothing
leaves before it is logged.

The simulators live in this process, so what they saw survives. Several lanes run side by side, each with a folder and a
bridge of its own, because most of the time goes into starting a process.
"""

import shutil
import signal
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random

import msgspec
import trio

from engine.core import Entry
from engine.log.errors import LogError
from engine.log.folder import DAMAGED, LIVE, sealed_logs
from engine.log.reader import read_call
from engine.sim.caller import Cue
from engine.sim.calling import place_call
from engine.sim.edge import EdgePlan, TwilioEdge
from engine.sim.fronts import Front, Serving, serve_model
from engine.sim.model import ModelPlan, RealtimeModel
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import ITEMS_MAX, ruler
from engine.soak.peers import AUTH_TOKEN, PUBLIC_URL
from engine.soak.process import serving
from engine.soak.wire import differences, received
from replay.runner import replay
from replay.sources import log_of

CALLS = 20
KILL_SECONDS_MAX = 2.0
"""After all calls are up. One kill in `EARLY_KILLS` counts from when they begin to dial."""
EARLY_KILLS = 4
UP_SECONDS_MAX = 10.0
"""For all calls to be up."""
EARLY_HANG_UPS = 4
"""Calls that hang up by themselves within that time, so that a seal may be under way too."""
AGENT = 'greeting = "Say hello."\n'
FIRST_ROW = "before it wrote the first row"
"""Why a log may be damaged after all: killed between making a file and its first row, a bridge had sent nothing of that
call yet."""


class Killed(msgspec.Struct):
    """What came of so many kills."""

    kills: int = 0
    calls: int = 0
    """Up, in some bridge, when it was killed or before."""
    frames: int = 0
    """Received by a far end."""
    logs: int = 0
    entries: int = 0
    crashed: int = 0
    """Logs that were cut by a kill."""
    corrupt_files: int = 0
    peers_with_a_loss: int = 0
    broken: list[str] = []

    def add(self, other: "Killed") -> None:
        """Count another lane in."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def kill_all(
    kills: int, seed: int, jobs: int, keep: Path, progress: Callable[[int], None], calls: int = CALLS
) -> Killed:
    """Kill so many bridges with so many calls each, in `jobs` lanes; the logs of a lane that lost something stay under
    `keep`."""
    lanes = min(jobs, kills)
    each = [_Lane(keep / f"kills-{n}", seed + n, kills // lanes + (n < kills % lanes), calls) for n in range(lanes)]
    killed = Killed()
    with get_context("fork").Pool(lanes) as pool:
        for one in pool.imap_unordered(_run_lane, each):
            killed.add(one)
            progress(killed.kills)
    return killed


class _Lane(msgspec.Struct):
    folder: Path
    seed: int
    kills: int
    calls: int


def _run_lane(lane: _Lane) -> Killed:
    shutil.rmtree(lane.folder, ignore_errors=True)
    lane.folder.mkdir(parents=True)
    killed = trio.run(_Killer(lane).run)
    if not killed.broken:
        shutil.rmtree(lane.folder)
    return killed


class _Killer:
    def __init__(self, lane: _Lane) -> None:
        self.killed = Killed()
        self._lane = lane
        self._random = Random(lane.seed)
        self._calls_dir = lane.folder / "calls"
        self._edges: list[Front] = []
        self._sessions: list[Front] = []

    async def run(self) -> Killed:
        async with trio.open_nursery() as nursery:
            model: Serving = await nursery.start(partial(serve_model, _model))
            for _ in range(self._lane.kills):
                async with serving(model.url, self._calls_dir, AGENT) as (process, port):
                    # What the last one left is recovered by now.
                    self._check()
                    self.killed.kills += 1
                    self._edges, model.sessions[:] = [], []
                    await self._call_and_kill(process, port)
                    self._sessions = [*model.sessions]
            async with serving(model.url, self._calls_dir, AGENT):
                self._check()
            nursery.cancel_scope.cancel()
        return self.killed

    async def _call_and_kill(self, process: trio.Process, port: int) -> None:
        kill_after_seconds = self._random.uniform(0, KILL_SECONDS_MAX)
        all_up = trio.Event()
        async with trio.open_nursery() as calling:
            for number in range(self._lane.calls):
                calling.start_soon(self._call, port, number, all_up)
            if self._random.randrange(EARLY_KILLS):
                with trio.move_on_after(UP_SECONDS_MAX):
                    await all_up.wait()
            await trio.sleep(kill_after_seconds)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            calling.cancel_scope.cancel()

    async def _call(self, port: int, number: int, all_up: trio.Event) -> None:
        edge = TwilioEdge(_caller(self._random, self._sid(number), number))
        try:
            async with trio.open_nursery() as nursery:
                place = partial(place_call, f"http://127.0.0.1:{port}", edge, auth_token=AUTH_TOKEN)
                front: Front = await nursery.start(partial(place, public_url=PUBLIC_URL))
                self._edges.append(front)
                if len(self._edges) == self._lane.calls:
                    all_up.set()
        except* Exception:
            pass  # it was killed under the caller's hands

    def _sid(self, number: int) -> str:
        return f"CA{self._lane.seed % 16**8:08x}{self.killed.kills:08x}{number:016x}"

    # After the kill, and a new start

    def _check(self) -> None:
        """Hold the logs of the last round against what was seen in it."""
        killed = self.killed
        left = [path.name for path in sorted((self._calls_dir / LIVE).glob("*"))]
        if left:
            killed.broken.append(f"kill {killed.kills}: not recovered: {', '.join(left)}")
        logs = {}
        for path in sealed_logs(self._calls_dir):
            if f"{self._lane.seed % 16**8:08x}{killed.kills:08x}" in path.name:
                logs[path.name.partition(".")[0]] = self._read(path)
        self._compare(logs)
        damaged = len(list((self._calls_dir / DAMAGED).glob("*.db")))
        killed.corrupt_files = max(killed.corrupt_files, damaged - self._unbegun())

    def _read(self, path: Path) -> list[Entry]:
        killed = self.killed
        entries: list[Entry] = []
        try:
            with read_call(path) as logged:
                logged.verify()
                entries = list(logged.entries())
                result = replay(log_of(path, logged))
        except LogError as error:
            killed.corrupt_files += 1
            killed.broken.append(f"kill {killed.kills}: {error}")
            return []
        except Exception as error:
            killed.broken.append(f"kill {killed.kills}: {path.name} cannot be replayed: {error!r}")
            return entries
        killed.logs += 1
        killed.entries += len(entries)
        killed.crashed += result.cut
        if result.verdict != "same":
            killed.broken.append(f"kill {killed.kills}: {path.name}: {result.verdict}: {result.reason}")
        return entries

    def _compare(self, logs: dict[str, list[Entry]]) -> None:
        killed = self.killed
        for front in self._edges:
            assert isinstance(front.machine, TwilioEdge)
            killed.calls += 1
            killed.frames += len(received(front))
            self._tell(front, differences(logs.get(front.machine.plan.call_sid, []), "caller", [front]))
        for session in self._sessions:
            # Every caller has a voice of its own, so what a session received names its call.
            killed.frames += len(received(session))
            whys = [differences(entries, "model", [session]) for entries in logs.values()]
            if [] not in whys:
                self._tell(session, whys[0] if whys else ["a model received what no log has"])

    def _tell(self, front: Front, whys: Sequence[str]) -> None:
        if whys and received(front):
            self.killed.peers_with_a_loss += 1
            self.killed.broken += [f"kill {self.killed.kills}: {why}" for why in whys]

    def _unbegun(self) -> int:
        """Damaged files that are none of the log's fault: see FIRST_ROW."""
        unbegun = 0
        for path in (self._calls_dir / DAMAGED).glob("*.db"):
            try:
                read_call(path).close()
            except LogError as error:
                unbegun += FIRST_ROW in str(error)
        return unbegun


def _caller(random: Random, call_sid: str, number: int) -> EdgePlan:
    """Speaks all the time, in a voice of their own; some hang up early."""
    cues = [Cue(0, audio=ruler(number, 10_000))]
    if number < EARLY_HANG_UPS:
        cues.append(Cue(random.randint(100, int(KILL_SECONDS_MAX * 1_000)), hang_up=True))
    return EdgePlan(call_sid=call_sid, stream_sid="MZ" + call_sid[2:], cues=tuple(cues))


def _model() -> RealtimeModel:
    said = ReplyItem("Hello, this is the bakery.", ruler(ITEMS_MAX - 1, 4_000))
    return RealtimeModel(ModelPlan(replies=(Reply(items=(said,), latency_ms=5, text_lead_ms=1),) * 5))
