"""A whole bridge in virtual time: the real server, on streams in memory, under a clock that jumps.

    callers (peers) ──► toxics ──► Server.serve_stream ──► Bridge ──► toxics ──► models
                                          │
                                          └──► log files, on a real (or memory) file system

Everything that serves is what serves in production, from the HTTP request to the sealed file. Only what would wait for
the world is replaced: connections, the dial, the clock, chance. No thread may run, since a clock that jumps does not
see threads: a search for words is done where it is asked for, and so is what waits for the disk.

**Whose model.** The bridge dials without saying for which call. Tasks inherit their context from the task that starts
them, so a variable set where the call's connection is served says it.
"""

from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from random import Random
from typing import TypeVar, TypeVarTuple

import msgspec
import trio
import trio.testing

from engine.bridge import WireLimits
from engine.config import Config
from engine.core import CallSettings
from engine.core.heard import Alignment, Work
from engine.dial import DialFailed, Dialled, Upgrade
from engine.server import Server
from engine.sim.fronts import Front, answer_model
from engine.sim.machine import Machine
from engine.sim.model import RealtimeModel
from engine.sim.toxics import Toxic, ToxicStream
from engine.soak.calls import CallPlan
from engine.soak.chance import seeded, use_virtual_day
from engine.soak.disk import fill
from engine.soak.peers import AUTH_TOKEN, HOST, Caller, Intruder, read_to_end
from engine.soak.plan import RunPlan
from engine.tokens import SECONDS_MAX, Tokens

RUN_SECONDS_MAX = 240.0
"""Of virtual time, after which a call that is still up never ends."""
REST_SECONDS = 60.0
"""For what is left of the connections of calls that are over."""
FLOOD_CONNECTIONS = 300
"""More than the server takes at once (`CONNECTIONS_MAX`)."""
OUTBOX_BYTES_MAX = 128 * 1024
"""A sixteenth of what it is in production: calls are short here, and it must be possible to fill."""
API_KEY = "sk-simulated"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")
_CALL: ContextVar["SimulatedCall"] = ContextVar("CALL")


class SimulatedCall:
    """One call of a run: its caller, and the models that it met."""

    def __init__(self, plan: CallPlan) -> None:
        self.plan = plan
        self.caller = Caller(plan)
        self.models: list[RealtimeModel] = []
        self.sessions: list[Front] = []
        self.dials = 0

    def next_model(self) -> Machine:
        """What answers the next dial."""
        plan, earlier = self.plan, self.models[-1] if self.models else None
        model = RealtimeModel(plan.model if earlier or plan.first_model is None else plan.first_model, earlier)
        self.models.append(model)
        if earlier is None and (plan.model_says or plan.drops_ms is not None):
            return Intruder(model, plan.model_says, plan.drops_ms)
        return model


class Ran(msgspec.Struct):
    """What a run came to."""

    plan: RunPlan
    calls_dir: Path
    calls: list[SimulatedCall]
    seconds: float = 0.0
    """Of virtual time."""
    is_over: bool = False
    """Whether every call, and the server, came to an end."""
    tasks_left: list[str] = []
    """What still ran long after that."""


def simulate(plan: RunPlan, calls_dir: Path) -> Ran:
    """Run it. Leaves the logs in `calls_dir`, which must be empty or not there."""
    with seeded(plan.seed):
        return trio.run(
            _Simulation(plan, calls_dir).run,
            clock=trio.testing.MockClock(autojump_threshold=0),
            strict_exception_groups=True,
        )


class _Simulation:
    def __init__(self, plan: RunPlan, calls_dir: Path) -> None:
        self._plan = plan
        self._ran = Ran(plan, calls_dir, [SimulatedCall(call) for call in plan.calls])
        self._random = Random(plan.seed)
        self._nonces = 0

    async def run(self) -> Ran:
        use_virtual_day()
        ran, began = self._ran, trio.current_time()
        tokens = Tokens([AUTH_TOKEN], SECONDS_MAX, now=trio.current_time, nonce=self._nonce)
        with trio.move_on_after(RUN_SECONDS_MAX):
            async with trio.open_nursery() as serving, trio.open_nursery() as self._nursery:
                config = _config(ran.calls_dir, len(ran.calls) + 1)
                self._server = Server(config, _align_here, _here, self._dial, tokens)
                serving.start_soon(self._server.run)
                async with trio.open_nursery() as calling:
                    for call in ran.calls:
                        calling.start_soon(self._call, call)
                    calling.start_soon(fill, self._plan.full_disk_ms)
                    calling.start_soon(self._flood)
                    calling.start_soon(self._stop_early)
                await self._server.all_over()
                self._server.stop()
                ran.is_over = True
                ran.seconds = trio.current_time() - began
                await trio.sleep(REST_SECONDS)
                ran.tasks_left = sorted(task.name for task in self._nursery.child_tasks | serving.child_tasks)
                serving.cancel_scope.cancel()
        ran.seconds = ran.seconds or trio.current_time() - began
        return ran

    def _nonce(self) -> str:
        self._nonces += 1
        return f"{self._nonces:016x}"

    # The callers

    async def _call(self, call: SimulatedCall) -> None:
        plan = call.plan
        _CALL.set(call)
        await trio.sleep(plan.begins_ms / 1000)

        async def connect_leg() -> trio.abc.Stream:
            return await self._connect(plan.to_caller, plan.from_caller)

        await call.caller.call(self._connect, connect_leg)

    async def _connect(self, there: tuple[Toxic, ...] = (), back: tuple[Toxic, ...] = ()) -> trio.abc.Stream:
        near, far = self._wire(there, back)
        self._nursery.start_soon(self._server.serve_stream, near)
        return far

    def _wire(self, there: tuple[Toxic, ...], back: tuple[Toxic, ...]) -> tuple[trio.abc.Stream, trio.abc.Stream]:
        """A connection: the end that the bridge has, with the toxics on it, and the far end."""
        near, far = trio.testing.memory_stream_pair()
        if not there and not back:
            return near, far
        toxic = ToxicStream(near, there, back, Random(self._random.random()))
        self._nursery.start_soon(toxic.run)
        return toxic, far

    # The models

    async def _dial(self, model: str) -> Dialled:
        call = _CALL.get()
        call.dials += 1
        how = call.plan.dial
        if how == "hangs":
            await trio.sleep_forever()
        if how == "fails":
            raise DialFailed(None, "no connection to model:443: Connection refused")
        is_first = call.dials == 1
        near, far = self._wire(call.plan.to_model if is_first else (), call.plan.from_model if is_first else ())
        if how == "503":
            self._nursery.start_soon(_answer_busy, far)
        else:
            key = "another" if how == "401" else API_KEY
            self._nursery.start_soon(_answer, far, call, key)
        headers = [(b"Authorization", f"Bearer {API_KEY}".encode())]
        return Dialled(near, Upgrade("model", f"/v1/realtime?model={model}", headers))

    # What concerns all calls

    async def _flood(self) -> None:
        if self._plan.flood_at_ms is not None:
            await trio.sleep(self._plan.flood_at_ms / 1000)
            async with trio.open_nursery() as flood:
                for _ in range(FLOOD_CONNECTIONS):
                    flood.start_soon(read_to_end, await self._connect())

    async def _stop_early(self) -> None:
        if self._plan.stop_at_ms is not None:
            await trio.sleep(self._plan.stop_at_ms / 1000)
            self._server.stop()
            if self._plan.stops_twice:
                self._server.stop()


def _config(calls_dir: Path, calls_max: int) -> Config:
    return Config(
        settings=CallSettings(),
        model_url="wss://model/v1/realtime",
        api_key=API_KEY,
        auth_token=AUTH_TOKEN,
        public_url=f"https://{HOST}",
        host="127.0.0.1",
        port=0,
        calls_dir=calls_dir,
        calls_max=calls_max,
        drain_seconds=60.0,
        wire_limits=WireLimits(outbox_bytes_max=OUTBOX_BYTES_MAX),
    )


async def _align_here(work: Work) -> Alignment:
    await trio.lowlevel.checkpoint()
    return work.done()


async def _here(function: Callable[[*Arguments], Result], /, *arguments: *Arguments) -> Result:
    await trio.lowlevel.checkpoint()
    return function(*arguments)


async def _answer(stream: trio.abc.Stream, call: SimulatedCall, key: str) -> None:
    try:
        await answer_model(stream, call.next_model, call.sessions, key=key)
    except* (trio.BrokenResourceError, trio.ClosedResourceError):
        pass


async def _answer_busy(stream: trio.abc.Stream) -> None:
    async with stream:
        await stream.receive_some()
        await stream.send_all(BUSY)
