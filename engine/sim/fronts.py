"""The simulators on real WebSockets: for the demo, for tests of sockets, for the bench and the soak.

A front drives one machine over one WebSocket. It hands over what arrives, lets the machine act when it wants to, sends
what it says, and writes down every frame with its time. A machine's own times do not depend on when it is let act, so a
busy computer makes its frames late but never moves what was played. An added delay (`LinkPlan`) makes a network of
loopback; frames are written down where they enter or leave the socket, outside the delay.

`dial_edge` and `serve_model` are for TCP and real time. `run_edge` and `answer_model` do the same over any stream: over
streams in memory and under a clock that jumps, a whole call takes milliseconds.
"""

from collections.abc import Awaitable, Callable, Sequence
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
    wrap_client_stream,
    wrap_server_stream,
)
from twilio.request_validator import RequestValidator

from engine.sim.edge import TwilioEdge
from engine.sim.link import Link, LinkPlan
from engine.sim.machine import Machine

NS = 1_000_000_000
HANDSHAKE_SECONDS = 10.0
"""For the bridge's part of a WebSocket handshake."""
CLOSE_SECONDS = 5.0
"""For its answer to a close."""
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
            with trio.move_on_after(CLOSE_SECONDS):
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
    make_model: Callable[[], Machine],
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

    async def answer(stream: trio.abc.Stream) -> None:
        await answer_model(stream, make_model, serving.sessions, key=key, delays=delays)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, answer, port, host=host))
        serving.url = f"ws://{host}:{listeners[0].socket.getsockname()[1]}/v1/realtime"
        task_status.started(serving)


async def answer_model(
    stream: trio.abc.Stream,
    make_model: Callable[[], Machine],
    sessions: list[Front],
    *,
    key: str | None = None,
    delays: tuple[LinkPlan, LinkPlan] | None = None,
) -> None:
    """One connection of a bridge to a model, to its end: a new front in `sessions`, or a refusal. Closes `stream`."""
    async with stream, trio.open_nursery() as nursery:
        socket: WebSocketConnection | None = None
        with trio.move_on_after(HANDSHAKE_SECONDS):
            request = await wrap_server_stream(nursery, stream)
            refusal = _refusal(request, key)
            if refusal is not None:
                await request.reject(refusal[0], body=refusal[1])
            else:
                socket = await request.accept()
        if socket is not None:
            front = Front(make_model(), socket, delays)
            sessions.append(front)
            await front.run()
        nursery.cancel_scope.cancel()


def _refusal(request: WebSocketRequest, key: str | None) -> tuple[int, bytes] | None:
    """Why a model takes no session: a status and what it says."""
    headers = {name.lower(): value for name, value in request.headers}
    if key is not None and headers.get(b"authorization") != f"Bearer {key}".encode():
        return 401, b'{"error":{"code":"invalid_api_key","message":"Incorrect API key provided."}}'
    if "model" not in parse_qs(urlsplit(request.path).query):
        return 400, b'{"error":{"code":"missing_model","message":"No model was asked for."}}'
    return None


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
    parts = urlsplit(url)
    assert parts.scheme == "ws"
    assert parts.hostname is not None
    headers = [] if auth_token is None else [signature(auth_token, signed_url or url)]
    stream = await trio.open_tcp_stream(parts.hostname, parts.port or 80)
    return await run_edge(stream, edge, parts.netloc, parts.path, headers, delays=delays, on_open=task_status.started)


def signature(auth_token: str, url: str) -> tuple[bytes, bytes]:
    """The header with which Twilio signs a WebSocket's handshake."""
    return b"X-Twilio-Signature", RequestValidator(auth_token).compute_signature(url, {}).encode()


async def run_edge(
    stream: trio.abc.Stream,
    edge: Machine,
    host: str,
    path: str,
    headers: Sequence[tuple[bytes, bytes]] = (),
    *,
    delays: tuple[LinkPlan, LinkPlan] | None = None,
    on_open: Callable[[Front], None] = lambda _: None,
) -> Front:
    """The same over a stream that is open. Closes it. Raises trio_websocket.ConnectionRejected if the bridge refuses,
    trio.TooSlowError if it does not answer. `on_open` is told of the front once the WebSocket is open."""
    # Not with the library's own dialling: that leaves the connection open when it is refused.
    failures: list[Exception] = []
    try:
        async with stream, trio.open_nursery() as nursery:
            with trio.fail_after(HANDSHAKE_SECONDS):
                socket = await wrap_client_stream(nursery, stream, host, path, extra_headers=list(headers))  # type: ignore[arg-type]
            front = Front(edge, socket, delays)
            on_open(front)
            await front.run()
            nursery.cancel_scope.cancel()
    except* (HandshakeError, trio.TooSlowError) as group:
        failures += group.exceptions
    if failures:
        raise failures[0]
    return front
