"""One WebSocket of a call, on trio-websocket, with the way of a frame kept short.

A call at rest is fifty frames a second, and most of what a frame costs is switching tasks. So there are no switches but
the one that the kernel's wake-up needs:

- In: trio-websocket's reader task parses messages and queues them for another task. Here the reader task itself hands
  each whole message to the call, which steps at once.
- Out: a frame is encoded and pushed to the outbox (`engine/outbox.py`) within the step that commanded it.

Against a queue, a consumer and a writer task this saves about a third of the CPU of a call. Handshakes, pings and
closing stay the library's, but for what a peer could break with them: `_Socket` and `Leg._read` say what.

All this costs private names. Of trio-websocket: `_reader_task`, `_open_handshake`, `_accept`, `_reject_status` with its
`_reject_headers` and `_reject_body`, and the handlers that `_Socket` overrides; of wsproto: `_h11_connection`.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Literal, Protocol

import h11
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, Ping, Request, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from engine.dial import Upgrade
from engine.outbox import Outbox

HANDSHAKE_SECONDS = 5.0
"""For the peer's part of the WebSocket handshake, once the stream is open."""
CLOSE_SECONDS = 2.0
"""For the peer's answer to our close. A peer that takes longer is cut off."""
GIVEN_UP = "given up: the call ended first"
"""Why a leg did not open, when nobody waits for it any more."""
RECEIVE_BYTES = {"caller": 4096, "model": 65536}
"""Read at a time. Twilio sends 400 bytes every 20 ms; the model sends seconds of audio at once."""

LegName = Literal["caller", "model"]


class Listener(Protocol):
    """Whom a leg tells, in its reader task, what happens to it. Nothing here may block."""

    def leg_opened(self, leg: LegName) -> None: ...
    def frame_received(self, leg: LegName, frame: str) -> None: ...
    def binary_received(self, leg: LegName, frame: bytes) -> None: ...
    def frame_too_large(self, leg: LegName, frame_bytes: int, frame_bytes_max: int) -> None: ...
    def outbox_filled(self, leg: LegName) -> None: ...


class _Socket(WebSocketConnection):
    """trio-websocket's connection, but each part of a message goes to the leg at once."""

    leg: "Leg"

    async def _handle_message_event(self, event: BytesMessage | TextMessage) -> None:
        try:
            self.leg.take(event)
        except KeyError as error:
            # The library's reader takes any KeyError for an event type it does not know, and goes on.
            raise RuntimeError(f"KeyError: {error}") from error

    async def _handle_ping_event(self, event: Ping) -> None:
        # Between our close and the peer's answer wsproto refuses to send a pong, and nobody waits for one.
        if self._wsproto.state is ConnectionState.OPEN:
            await super()._handle_ping_event(event)

    async def _handle_request_event(self, event: Request) -> None:
        # Accepted here, not in another task: whatever is read next is frames. Those that came together with the head
        # are still where the head was parsed; wsproto hands them on as a client, as a server it forgets them.
        await self._accept(event, None, [])
        behind, _ = self._wsproto.handshake._h11_connection.trailing_data
        self._wsproto.receive_data(behind)


class Leg:
    """One WebSocket over `stream`. `run` it in the call's nursery; `send` and `close` never block."""

    def __init__(
        self,
        name: LegName,
        listener: Listener,
        stream: Outbox,
        frame_bytes_max: int,
        request: Upgrade | None = None,
    ) -> None:
        """`request`: shake hands as a client that asks for this. None: as a server."""
        self.name = name
        self.is_open = False
        self._listener = listener
        self._outbox = stream
        self._frame_bytes_max = frame_bytes_max
        self._parts: list[str | bytes | bytearray] = []
        self._parts_bytes = 0
        self._is_deaf = False
        self._is_mute = False
        self._is_late = False
        self._is_misunderstood = False
        self._gone = trio.Event()
        self._close_asked = trio.Event()
        self._close_with = (1000, "")
        self._protocol = WSConnection(ConnectionType.CLIENT if request else ConnectionType.SERVER)
        self._socket = _Socket(
            stream,
            self._protocol,
            host=request and request.host,
            path=request and request.resource,
            client_extra_headers=list(request.headers) if request else None,
            receive_buffer_size=RECEIVE_BYTES[name],
        )
        self._socket.leg = self

    @property
    def closed(self) -> tuple[int | None, str]:
        """The close code and reason, once `run` has returned. No code: the connection ended without a close."""
        reason = self._socket.closed
        if self._outbox.is_full:
            return None, "the peer did not take what it was sent"
        if self._close_asked.is_set() and self._protocol.state is not ConnectionState.CLOSED:
            return None, "the close was not answered"
        if reason is None or reason.code == CloseReason.ABNORMAL_CLOSURE:
            return None, "the connection broke off"
        return int(reason.code), reason.reason or ""

    @property
    def refusal(self) -> ConnectionRejected | None:
        """The HTTP answer that came instead of a handshake, if one did; its body as far as that came."""
        status = self._socket._reject_status
        return ConnectionRejected(status, self._socket._reject_headers, self._socket._reject_body) if status else None

    @property
    def why_not_open(self) -> str:
        """Why the handshake came to nothing, once `run` has returned."""
        if self._close_asked.is_set():
            return GIVEN_UP
        if self._is_late:
            return f"no WebSocket handshake within {HANDSHAKE_SECONDS:g} s"
        if self._is_misunderstood:
            return "the answer was not a WebSocket handshake"
        return "the connection broke off before the WebSocket handshake was done"

    def send(self, frames: Iterable[str]) -> None:
        """Send frames, in order. Too late (the leg is closing) is no error; too many (the outbox is full) is told."""
        try:
            data = b"".join([self._protocol.send(TextMessage(data=frame)) for frame in frames])
        except LocalProtocolError:
            return
        self._outbox.push(data)
        if self._outbox.is_full and not self._is_mute:
            self._is_mute = True
            self._listener.outbox_filled(self.name)

    def close(self, code: int, reason: str) -> None:
        """Ask for the leg to be closed, after what was sent. `run` returns when that is done."""
        self._close_with = (code, reason)
        self._close_asked.set()

    async def run(self) -> None:
        """Shake hands, then read until either side closes. Raises what the listener raises, in a group."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._outbox.pump)
            nursery.start_soon(self._read)
            nursery.start_soon(self._shake_hands)
            nursery.start_soon(self._wait_for_close)
            nursery.start_soon(self._wait_to_close)
            async with self._outbox:
                await self._gone.wait()
            nursery.cancel_scope.cancel()

    def take(self, event: TextMessage | BytesMessage) -> None:
        """One message, or a part of one. A message that is too large is told once, and the leg turns deaf."""
        if not self.is_open:
            self._open()  # the reader task can be ahead of the task that waits for the handshake
        if self._is_deaf:
            return
        data = event.data
        self._parts_bytes += len(data) if not isinstance(data, str) or data.isascii() else len(data.encode())
        if self._parts_bytes > self._frame_bytes_max:
            self._is_deaf = True
            self._parts.clear()
            self._listener.frame_too_large(self.name, self._parts_bytes, self._frame_bytes_max)
            return
        if not event.message_finished:
            if data:  # an empty part counts for nothing, so nothing would bound how many are kept
                self._parts.append(data)
            return
        self._parts_bytes = 0
        if isinstance(data, str):
            if self._parts:
                data = "".join(part for part in self._parts if isinstance(part, str)) + data
                self._parts.clear()
            self._listener.frame_received(self.name, data)
        else:
            whole = b"".join(part for part in self._parts if not isinstance(part, str)) + data
            self._parts.clear()
            self._listener.binary_received(self.name, whole)

    def _open(self) -> None:
        if not self.is_open:
            self.is_open = True
            self._listener.leg_opened(self.name)

    async def _read(self) -> None:
        try:
            await self._socket._reader_task()
        except (ConnectionRejected, ConnectionClosed):
            pass
        except (LocalProtocolError, h11.LocalProtocolError):
            # The library answers what it cannot read with a refusal, which a client has no way to send.
            self._is_misunderstood = True
        except UnicodeError:
            if self.is_open:
                raise
            self._is_misunderstood = True  # a header value that is not ASCII: wsproto decodes it all the same
        self._gone.set()

    async def _shake_hands(self) -> None:
        with trio.move_on_after(HANDSHAKE_SECONDS):
            await self._socket._open_handshake.wait()
            self._open()
            return
        self._is_late = True
        self._gone.set()

    async def _wait_for_close(self) -> None:
        # No message ever reaches the library's queue, so this returns when the socket closes, whoever closed it.
        with suppress(ConnectionClosed):
            await self._socket.get_message()
        if not self._close_asked.is_set():
            self._gone.set()

    async def _wait_to_close(self) -> None:
        await self._close_asked.wait()
        code, reason = self._close_with
        with trio.move_on_after(CLOSE_SECONDS):
            await self._socket.aclose(code, reason)
        self._gone.set()
