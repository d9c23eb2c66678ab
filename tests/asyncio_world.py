"""The simulators for a bridge that is written with asyncio, in virtual time: its clock jumps to what comes next.

`VirtualLoop` is an event loop that never waits. `Socket` has a simulated machine at its far end and a network between,
and what a FastAPI WebSocket and a connection of `websockets` have in common; `fakes` puts the two where a bridge
imports them from.
"""

import asyncio
import selectors
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import pytest

from engine.sim.machine import Machine

NETWORK_SECONDS = 0.04
"""One way."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which it is always time for what is due next."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self.now_s


class _Jump(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing is left to happen, and the bridge still waits"
        self._loop.now_s += timeout
        return super().select(0)


class Socket:
    """A WebSocket from the bridge to a machine. `received` and `sent` are what passed the bridge's end of it."""

    def __init__(self, machine: Machine) -> None:
        self.received: list[str] = []
        self.sent: list[str] = []
        self._machine = machine
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[str | None] = asyncio.Queue()
        self._to_machine: deque[str] = deque()
        self._to_bridge: deque[str | None] = deque()
        self._is_closing = False
        machine.open(self._now_ns())
        self._pump()

    async def frames(self) -> AsyncIterator[str]:
        """What arrives, until the far end closes, or the bridge."""
        while (frame := await self._arrived.get()) is not None:
            self.received.append(frame)
            yield frame

    async def send(self, frame: str) -> None:
        self.sent.append(frame)
        self._to_machine.append(frame)
        self._loop.call_later(NETWORK_SECONDS, self._deliver)

    async def close(self) -> None:
        self._machine.close(self._now_ns())
        self._arrived.put_nowait(None)

    # As FastAPI calls it, and as `websockets` does.

    async def accept(self) -> None: ...

    iter_text = __aiter__ = frames
    send_text = send

    def _now_ns(self) -> int:
        return round(self._loop.time() * 1e9)

    def _deliver(self) -> None:
        self._machine.receive(self._now_ns(), self._to_machine.popleft())
        self._pump()

    def _pump(self) -> None:
        """Let the machine act, and ask it when it next wants to."""
        made: list[str | None] = [*self._machine.advance(self._now_ns())]
        if self._machine.closing is not None and not self._is_closing:
            self._is_closing = True
            made.append(None)
        for frame in made:
            self._to_bridge.append(frame)
            self._loop.call_later(NETWORK_SECONDS, self._arrive)
        next_ns = self._machine.next_at_ns()
        if next_ns is not None:
            self._loop.call_at(next_ns / 1e9, self._pump)

    def _arrive(self) -> None:
        self._arrived.put_nowait(self._to_bridge.popleft())


def fakes(monkeypatch: pytest.MonkeyPatch, connect: Callable[[str], Socket]) -> None:
    """Modules `fastapi` and `websockets`, as far as a bridge uses them: routes that stay functions, and `connect`."""

    class FastAPI:
        def post(self, path: str) -> Callable[[Any], Any]:
            return lambda function: function

        websocket = post

    @asynccontextmanager
    async def connected(url: str, additional_headers: dict[str, str]) -> AsyncIterator[Socket]:
        yield connect(url)

    fastapi, websockets = ModuleType("fastapi"), ModuleType("websockets")
    vars(fastapi).update(FastAPI=FastAPI, Request=object, Response=object, WebSocket=Socket)
    vars(websockets).update(connect=connected)
    monkeypatch.setitem(sys.modules, "fastapi", fastapi)
    monkeypatch.setitem(sys.modules, "websockets", websockets)
