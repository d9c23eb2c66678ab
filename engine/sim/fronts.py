"""The simulators on real WebSockets, in real time: for the demo, for tests of sockets, and for the bench.

A front drives one machine over one WebSocket. It hands over what arrives, lets the machine act when it wants to, sends
what it says, and writes down every frame with its time. A machine's own times do not depend on when it is let act, so a
busy computer makes its frames late but never moves what was played. An added delay (`LinkPlan`) makes a network of
loopback; frames are written down where they enter or leave the socket, outside the delay.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from math import inf
from random import Random
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import msgspec
import trio
from trio_websocket import (
    ConnectionClosed,
    HandshakeError,
    WebSocketConnection,
    WebSocketRequest,
    serve_websocket,
    wrap_client_stream,
)
from twilio.request_validator import RequestValidator

from engine.sim.edge import TwilioEdge
from engine.sim.link import Link, LinkPlan
from engine.sim.machine import Machine
from engine.sim.model import RealtimeModel

NS = 1_000_000_000
_Take = Callable[[str | bytes | None], Awaitable[None]]
"""Takes a frame, or None for the close of the WebSocket."""


class FrontFrame(msgspec.Struct, frozen=True):
    """A frame that entered (`in`) or left (`out`) the simulator, in nanoseconds since its WebSocket opened."""

    at_ns: int
    way: Literal["in", "out"]
    frame: str | bytes


class Front:
    """One machine on one WebSocket. `frames` is all that passed."""

    def __init__(self, machine: Machine, socket: WebSocketConnection, delays: tuple[LinkPlan, LinkPlan] | None) -> None:
        """`delays`: of what arrives, of what is sent."""
        self.machine = machine
        self.frames: list[FrontFrame] = []
        self.opened_at = trio.current_time()
        self._socket = socket
        self._links = [Link(plan, Random(number)) for number, plan in enumerate(delays)] if delays else None
        self._wake = trio.Event()
        self._closed = trio.Event()

    async def run(self) -> None:
        """From the open WebSocket until either side closes it."""
        self.machine.open(0)
        async with trio.open_nursery() as nursery:
            receive: _Take = self._receive
            send: _Take = self._send
            if self._links is not None:
                receive = _delayed(nursery, self.opened_at, self._links[0], receive)
                send = _delayed(nursery, self.opened_at, self._links[1], send)
            nursery.start_soon(self._read, receive)
            nursery.start_soon(self._act, send)
            await self._closed.wait()
            nursery.cancel_scope.cancel()

    def _now_ns(self) -> int:
        return round((trio.current_time() - self.opened_at) * NS)

    async def _read(self, take: _Take) -> None:
        try:
            while True:
                frame = await self._socket.get_message()
                self.frames.append(FrontFrame(self._now_ns(), "in", frame))
                await take(frame)
        except ConnectionClosed:
            await take(None)

    async def _receive(self, frame: str | bytes | None) -> None:
        if frame is None:
            self.machine.close(self._now_ns())
        else:
            self.machine.receive(self._now_ns(), frame)
        self._wake.set()

    async def _act(self, send: _Take) -> None:
        """Let the machine act whenever it wants to, until it is done."""
        while True:
            for frame in self.machine.advance(self._now_ns()):
                await send(frame)
            if self.machine.closing is not None:
                await send(None)
                return
            next_ns = self.machine.next_at_ns()
            deadline = inf if next_ns is None else self.opened_at + next_ns / NS
            with trio.move_on_at(deadline):
                await self._wake.wait()
            if self._wake.is_set():
                self._wake = trio.Event()

    async def _send(self, frame: str | bytes | None) -> None:
        if frame is None:
            closing = self.machine.closing
            assert closing is not None
            await self._socket.aclose(closing.code, closing.reason)
            self._closed.set()
            return
        try:
            await self._socket.send_message(frame)
        except ConnectionClosed:
            return
        self.frames.append(FrontFrame(self._now_ns(), "out", frame))


def _delayed(nursery: trio.Nursery, opened_at: float, link: Link, act: _Take) -> _Take:
    """`act`, as late as `link` says."""
    to_link, from_link = trio.open_memory_channel[tuple[float, str | bytes | None]](inf)

    async def carry() -> None:
        async for due_at, frame in from_link:
            await trio.sleep_until(due_at)
            await act(frame)

    async def enter(frame: str | bytes | None) -> None:
        now_ns = round((trio.current_time() - opened_at) * NS)
        to_link.send_nowait((opened_at + link.arrival_ns(now_ns) / NS, frame))

    nursery.start_soon(carry)
    return enter


class Serving(msgspec.Struct):
    """A simulated model that listens. `sessions` grows by one for each WebSocket."""

    url: str
    """As the bridge wants it: without a query."""
    sessions: list[Front]


async def serve_model(
    make_model: Callable[[], RealtimeModel],
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    key: str | None = None,
    delays: tuple[LinkPlan, LinkPlan] | None = None,
    task_status: trio.TaskStatus[Serving] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a new model to each WebSocket, on any path, until cancelled. Start it with `nursery.start`.

    Refuses with 401 if `key` is expected and another comes, with 400 if no model is asked for.
    """
    serving = Serving("", [])

    async def answer(request: WebSocketRequest) -> None:
        headers = {name.lower(): value for name, value in request.headers}
        if key is not None and headers.get(b"authorization") != f"Bearer {key}".encode():
            await request.reject(
                401, body=b'{"error":{"code":"invalid_api_key","message":"Incorrect API key provided."}}'
            )
            return
        if "model" not in parse_qs(urlsplit(request.path).query):
            await request.reject(400, body=b'{"error":{"code":"missing_model","message":"No model was asked for."}}')
            return
        front = Front(make_model(), await request.accept(), delays)
        serving.sessions.append(front)
        await front.run()

    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve_websocket, answer, host, port, ssl_context=None))
        serving.url = f"ws://{host}:{server.port}/v1/realtime"
        task_status.started(serving)


async def dial_edge(
    url: str,
    edge: TwilioEdge,
    *,
    auth_token: str | None = None,
    signed_url: str | None = None,
    delays: tuple[LinkPlan, LinkPlan] | None = None,
    task_status: trio.TaskStatus[Front] = trio.TASK_STATUS_IGNORED,
) -> Front:
    """Call the bridge as Twilio does: dial `url` (ws), signed over `signed_url` (the public one; default: `url`), and
    run the call to its end. Raises trio_websocket.ConnectionRejected if the bridge does not take it, OSError if nobody
    answers. `nursery.start` returns the front once the WebSocket is open."""
    headers = []
    if auth_token is not None:
        signature = RequestValidator(auth_token).compute_signature(signed_url or url, {})
        headers.append((b"X-Twilio-Signature", signature.encode()))
    parts = urlsplit(url)
    assert parts.scheme == "ws"
    assert parts.hostname is not None
    # Dialled by hand: the library leaves the connection open when it is refused, and tells so from a task of its own.
    refusals: list[Exception] = []
    try:
        stream = await trio.open_tcp_stream(parts.hostname, parts.port or 80)
        async with stream, trio.open_nursery() as nursery:
            socket = await wrap_client_stream(nursery, stream, parts.netloc, parts.path, extra_headers=headers)
            front = Front(edge, socket, delays)
            task_status.started(front)
            await front.run()
            nursery.cancel_scope.cancel()
    except* HandshakeError as group:
        refusals += group.exceptions
    if refusals:
        raise refusals[0]
    return front
