"""A bridge with a peer at each end, over memory streams."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio
import trio.testing

from engine.aligning import Align
from engine.bridge import Bridge, WireLimits
from engine.core import Call, CallSettings
from engine.core.heard import Alignment, Work
from engine.dial import Dialled
from tests.bridge_peers import CONNECTED, Caller, MemoryLog, Model, start

BEGINNING = [
    "input engine leg.opened",
    "input caller connected",
    "input caller start",
    "command engine dial_model",
    "input engine leg.opened",
    "input model session.created",
    "command model session.update",
    "input model session.updated",
]
"""The story of a call up to a model that is ready."""


class Rig:
    """A bridge with a peer at each end."""

    def __init__(self, call: Call, bridge: Bridge, caller: Caller, model: Model, log: MemoryLog) -> None:
        self.call, self.bridge, self.caller, self.model, self.log = call, bridge, caller, model, log
        self.over = trio.Event()
        self.stream, self.far_stream = trio.testing.memory_stream_pair()

    async def run(self) -> None:
        await self.bridge.run(self.stream)
        self.over.set()

    def stall(self) -> None:
        """From now on the caller's socket takes nothing."""

        async def wait() -> None:
            await trio.sleep_forever()

        self.stream.send_stream.send_all_hook = wait

    async def begin(self) -> None:
        """Up to a model that is ready."""
        await self.caller.send(CONNECTED, start())
        await self.model.received(1)
        await trio.testing.wait_all_tasks_blocked()

    async def end(self) -> list[str]:
        """The story, once the call is over; its last entry is always the call's end."""
        await self.over.wait()
        return self.log.story()


async def align_at_once(work: Work) -> Alignment:
    """As good as a process, where time stands still."""
    await trio.lowlevel.checkpoint()
    return work.done()


@asynccontextmanager
async def bridged(
    settings: CallSettings | None = None,
    limits: WireLimits | None = None,
    model: Model | None = None,
    dial: Callable[[str], Awaitable[Dialled]] | None = None,
    align: Align | None = None,
) -> AsyncIterator[Rig]:
    model, caller, log, call = model or Model(), Caller(), MemoryLog(), Call(settings or CallSettings())
    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            bridge = Bridge(call, log, dial or model.dial(nursery), limits or WireLimits(), align or align_at_once)
            rig = Rig(call, bridge, caller, model, log)
            nursery.start_soon(rig.run)
            await caller.connect(nursery, rig.far_stream)
            yield rig
            await rig.over.wait()
            nursery.cancel_scope.cancel()
