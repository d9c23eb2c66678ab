"""Peers behind a bad network, over memory streams and in virtual time: one call at a bridge, or many at a server."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from random import Random
from typing import TypeVar, TypeVarTuple

import msgspec
import trio
import trio.testing

from engine.aligning import Align
from engine.bridge import Bridge, WireLimits
from engine.core import Call, CallSettings
from engine.core.settings import Away
from engine.dial import Dialled, Upgrade
from engine.server import Server
from engine.sim.toxics import Toxic, ToxicStream
from tests.bridge_peers import Caller, MemoryLog, Model
from tests.bridge_rig import Rig, align_at_once
from tests.server_rig import SIGNED, ask, config

Toxics = tuple[Sequence[Toxic], Sequence[Toxic]]
"""Of one leg: on what the bridge sends, and on what it receives."""
NONE: Toxics = ((), ())
MemoryStream = trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]
Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


def masked(first: int, payload: bytes = b"") -> bytes:
    """A frame as a client sends it, with a mask that changes nothing. `first` has its FIN bit and its opcode."""
    return head(first, len(payload), 0x80) + bytes(4) + payload


def head(first: int, payload_bytes: int, mask: int = 0) -> bytes:
    """The head of a frame of that size; without a mask, as a server sends it."""
    if payload_bytes < 126:
        return bytes([first, mask | payload_bytes])
    if payload_bytes < 1 << 16:
        return bytes([first, mask | 126]) + payload_bytes.to_bytes(2)
    return bytes([first, mask | 127]) + payload_bytes.to_bytes(8)


def behind(stream: trio.abc.Stream, toxics: Toxics, nursery: trio.Nursery) -> trio.abc.Stream:
    """`stream` with these toxics on it, if there are any."""
    if toxics == NONE:
        return stream
    toxic = ToxicStream(stream, *toxics, Random(1))
    nursery.start_soon(toxic.run)
    return toxic


class Dials:
    """Dials `model` over memory streams. The toxics are those of the first connection; the next ones are good."""

    def __init__(self, model: Model, toxics: Toxics, nursery: trio.Nursery) -> None:
        self.count = 0
        self._model, self._toxics, self._nursery = model, toxics, nursery

    async def __call__(self, name: str) -> Dialled:
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self._model.serve, theirs)
        toxics, self._toxics = self._toxics, NONE
        self.count += 1
        return Dialled(behind(ours, toxics, self._nursery), Upgrade("model", f"/v1/realtime?model={name}", []))


@asynccontextmanager
async def on_the_wire(
    caller: Toxics = NONE,
    model: Toxics = NONE,
    *,
    model_peer: Model | None = None,
    settings: CallSettings | None = None,
    limits: WireLimits | None = None,
    dials: type[Dials] = Dials,
) -> AsyncIterator[Rig]:
    """A bridge with a peer at each end, and these toxics between. The caller is not told when the model is away."""
    settings = settings or CallSettings()
    call = Call(msgspec.structs.replace(settings, away=Away(words="")))
    log, peer = MemoryLog(), model_peer or Model()
    with trio.fail_after(3600):
        async with trio.open_nursery() as nursery:
            bridge = Bridge(call, log, dials(peer, model, nursery), limits or WireLimits(), align_at_once)
            rig = Rig(call, bridge, Caller(), peer, log)
            rig.stream = behind(rig.stream, caller, nursery)  # type: ignore[assignment]  # any stream will do here
            nursery.start_soon(rig.run)
            await rig.caller.connect(nursery, rig.far_stream)
            yield rig
            await rig.over.wait()
            nursery.cancel_scope.cancel()


async def inline(function: Callable[[*Arguments], Result], /, *arguments: *Arguments) -> Result:
    """In the place of a worker thread, for which virtual time does not wait."""
    await trio.lowlevel.checkpoint()
    return function(*arguments)


class Line:
    """What belongs to one connection to a server: the models that were dialled for it, and the toxics of the next."""

    def __init__(self, toxics: Toxics = NONE) -> None:
        self.models: list[Model] = []
        self.toxics = toxics
        self.dialled = trio.Event()


LINE: ContextVar[Line] = ContextVar("LINE")
"""That of the connection to which a task belongs."""


class Site:
    """A server, its callers and its models."""

    def __init__(self, server: Server, nursery: trio.Nursery, calls_dir: Path) -> None:
        self.server, self.nursery, self.calls_dir = server, nursery, calls_dir

    def connect(self, toxics: Toxics = NONE, line: Line | None = None) -> MemoryStream:
        """A connection to the server: its far end."""
        ours, theirs = trio.testing.memory_stream_pair()
        LINE.set(line or Line())  # the task inherits it, and all that it starts
        self.nursery.start_soon(self.server.serve_stream, behind(ours, toxics, self.nursery))
        return theirs

    async def caller(self, line: Line | None = None) -> Caller:
        """A rightly signed upgrade."""
        caller = Caller()
        await self.upgrade(caller, line=line)
        return caller

    async def upgrade(self, caller: Caller, toxics: Toxics = NONE, line: Line | None = None) -> None:
        """Let a caller of the test's own in."""
        await caller.connect(self.nursery, self.connect(toxics, line), SIGNED)

    async def dial(self, name: str) -> Dialled:
        line, model = LINE.get(), Model()
        ours, theirs = trio.testing.memory_stream_pair()
        line.models.append(model)
        line.dialled.set()
        self.nursery.start_soon(model.serve, theirs)
        toxics, line.toxics = line.toxics, NONE
        return Dialled(behind(ours, toxics, self.nursery), Upgrade("model", f"/v1/realtime?model={name}", []))

    async def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """One request; when its answer is here, its connection is gone."""
        answer = await ask(self.connect(), method, path, headers)
        await trio.testing.wait_all_tasks_blocked()
        return answer

    async def refused(self) -> dict[str, int]:
        """What has been refused by now. To ask at /healthz could push out one more."""
        await trio.testing.wait_all_tasks_blocked()
        return dict(self.server._refusals.counts)

    async def health(self) -> dict[str, object]:
        await trio.testing.wait_all_tasks_blocked()
        _, text = await self.ask("GET", "/healthz")
        return msgspec.json.decode(text, type=dict[str, object])


@asynccontextmanager
async def site(calls_dir: Path, align: Align = align_at_once, **changes: object) -> AsyncIterator[Site]:
    """A server in virtual time, until the block ends."""
    with trio.fail_after(3600):
        async with trio.open_nursery() as nursery:
            sites: list[Site] = []

            async def dial(name: str) -> Dialled:
                return await sites[0].dial(name)

            server = Server(config(calls_dir, **changes), align, inline, dial)
            sites.append(Site(server, nursery, calls_dir))
            over = trio.Event()

            async def run() -> None:
                await server.run()
                over.set()

            nursery.start_soon(run)
            yield sites[0]
            server.stop()
            server.stop()
            await over.wait()
            nursery.cancel_scope.cancel()
