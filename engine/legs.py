"""One WebSocket of a call, on trio-websocket, with the way of a frame kept short.

A call at rest is fifty frames a second, and most of what a frame costs is switching tasks. So there are no switches but
the one that the kernel's wake-up needs:

- In: trio-websocket's reader task parses messages and queues them for another task. Here (`engine/websocket.py`) the
  reader task itself hands each whole message to the call, which steps at once.
- Out: a frame is encoded and pushed to the outbox (`engine/outbox.py`) within the step that commanded it.

Against a queue, a consumer and a writer task this saves about a third of the CPU of a call.

**A peer that is gone without a word.** A machine that loses power, a cable, a NAT table that forgets: the socket stays
open, and nothing ever comes. Twilio sends fifty frames a second, so there the core counts the time since the last. The
model may be silent for as long as nobody speaks, so it is asked: a leg with `silent_seconds_max` pings when it has
heard nothing for a third of that, and gives its peer up when nothing at all came for the whole, not even a pong. A peer
that was given up is not waited for in any way: it is sent no close, and what it has not taken is let go.

All this costs private names: of trio-websocket, `_reader_task`, `_open_handshake`, and those of `engine/websocket.py`.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Literal, Protocol

import h11
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from engine.dial import Upgrade
from engine.outbox import Outbox
from engine.websocket import Socket

HANDSHAKE_SECONDS = 5.0
"""For the peer's part of the WebSocket handshake, once the stream is open."""
CLOSE_SECONDS = 2.0
"""For the peer's answer to our close. A peer that takes longer is cut off."""
CLOSING_FRAMES_MAX = 200
"""From a peer that we have asked to close: twice what Twilio sends in CLOSE_SECONDS. Whoever sends more is cut off."""
PINGS_UNANSWERED_MAX = 3
"""Before a silent peer is given up: one may be lost to a line that stalls, and not two more."""
EMPTY_PER_SECOND_MAX = 10
"""Frames that carry nothing: a proxy that keeps its connections alive sends one in ten seconds."""
EMPTY_AT_ONCE_MAX = 100
"""The same, after a line that was stuck."""
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


class Leg:
    """One WebSocket over `stream`. `run` it in the call's nursery; `send` and `close` never block."""

    def __init__(
        self,
        name: LegName,
        listener: Listener,
        stream: Outbox,
        frame_bytes_max: int,
        request: Upgrade | None = None,
        silent_seconds_max: float | None = None,
    ) -> None:
        """`request`: shake hands as a client that asks for this. None: as a server. `silent_seconds_max`: give the peer
        up when nothing came for so long. None: never ask whether it is there."""
        self.name = name
        self.is_open = False
        self._listener = listener
        self._outbox = stream
        self._frame_bytes_max = frame_bytes_max
        self._silent_seconds_max = silent_seconds_max
        self._begun = bytearray()
        """What has come of a message that is not whole. One buffer: a part of one byte must not cost fifty."""
        self._is_deaf = False
        self._is_mute = False
        self._is_late = False
        self._is_misunderstood = False
        self._is_closing = False
        self._frames_closing = 0
        self._empty_until = 0.0
        self._given_up: str | None = None
        self._gone = trio.Event()
        self._close_asked = trio.Event()
        self._close_with = (1000, "")
        self._protocol = WSConnection(ConnectionType.CLIENT if request else ConnectionType.SERVER)
        self._socket = Socket(
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
        if self._given_up is not None:
            return None, self._given_up
        if self._outbox.is_full:
            return None, "the peer did not take what it was sent"
        if self._is_closing and self._protocol.state is not ConnectionState.CLOSED:
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
        if self._is_closing:
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
        self._push(data)

    def close(self, code: int, reason: str) -> None:
        """Ask for the leg to be closed, after what was sent. `run` returns when that is done."""
        self._close_with = (code, reason)
        self._is_closing = True
        self._close_asked.set()

    async def run(self) -> None:
        """Shake hands, then read until either side closes. Raises what the listener raises, in a group."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._outbox.pump)
            nursery.start_soon(self._read)
            nursery.start_soon(self._shake_hands)
            nursery.start_soon(self._wait_for_close)
            nursery.start_soon(self._wait_to_close)
            if self._silent_seconds_max is not None:
                nursery.start_soon(self._ask_whether_it_is_there, self._silent_seconds_max)
            async with self._outbox:
                await self._gone.wait()
            nursery.cancel_scope.cancel()

    # What the socket tells (engine.websocket.Taker)

    def take(self, event: TextMessage | BytesMessage) -> None:
        """One message, or a part of one. A message that is too large is told once, and the leg turns deaf."""
        if not self.is_open:
            self._open()  # the reader task can be ahead of the task that waits for the handshake
        if self._is_deaf:
            return
        data = event.data
        frame_bytes = len(self._begun)
        frame_bytes += len(data) if not isinstance(data, str) or data.isascii() else len(data.encode())
        if frame_bytes > self._frame_bytes_max:
            self._is_deaf = True
            self._begun.clear()
            self._listener.frame_too_large(self.name, frame_bytes, self._frame_bytes_max)
        elif not event.message_finished:
            self._begun += data.encode() if isinstance(data, str) else data
            if not data:
                self.came_without_words()
        elif self._is_closing and self._goes_on():
            self._give_up(f"the peer sent over {CLOSING_FRAMES_MAX} frames after our close")
        elif isinstance(data, str):
            if self._begun:
                data, self._begun = self._begun.decode() + data, bytearray()
            self._listener.frame_received(self.name, data)
        else:
            whole, self._begun = bytes(self._begun) + data, bytearray()
            self._listener.binary_received(self.name, whole)

    def came_without_words(self) -> None:
        """A ping, a pong, a part of nothing. The rate is kept as the time at which all so far would have been due."""
        now = trio.current_time()
        self._empty_until = max(self._empty_until, now) + 1 / EMPTY_PER_SECOND_MAX
        if self._empty_until > now + EMPTY_AT_ONCE_MAX / EMPTY_PER_SECOND_MAX:
            self._give_up(f"the peer sent over {EMPTY_PER_SECOND_MAX} pings or empty frames a second, for seconds")

    def _goes_on(self) -> bool:
        self._frames_closing += 1
        return self._frames_closing > CLOSING_FRAMES_MAX

    def _give_up(self, why: str) -> None:
        """This peer is not worth waiting for."""
        self._given_up = self._given_up or why
        self._is_deaf = True
        self._outbox.let_go()
        self._gone.set()

    def _push(self, data: bytes) -> None:
        self._outbox.push(data)
        if self._outbox.is_full and not self._is_mute:
            self._is_mute = True
            self._listener.outbox_filled(self.name)

    def _open(self) -> None:
        if not self.is_open:
            self.is_open = True
            self._listener.leg_opened(self.name)

    # The tasks

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

    async def _ask_whether_it_is_there(self, silent_seconds_max: float) -> None:
        await self._socket._open_handshake.wait()
        every_seconds = silent_seconds_max / PINGS_UNANSWERED_MAX
        asked_at = trio.current_time()
        while True:
            heard_at = self._outbox.heard_at
            gone_at = heard_at + silent_seconds_max
            await trio.sleep_until(min(max(heard_at, asked_at) + every_seconds, gone_at))
            if self._outbox.heard_at != heard_at:
                continue
            if trio.current_time() >= gone_at:
                break
            asked_at = trio.current_time()
            with suppress(LocalProtocolError):  # closing, which has a time of its own
                self._push(self._protocol.send(Ping()))
        limit = f"{self.name}_silent_seconds_max"
        self._give_up(f"{limit}: nothing came for {silent_seconds_max:g} s, not even an answer to a ping")

    async def _wait_for_close(self) -> None:
        # No message ever reaches the library's queue, so this returns when the socket closes, whoever closed it.
        with suppress(ConnectionClosed):
            await self._socket.get_message()
        if not self._is_closing:
            self._gone.set()

    async def _wait_to_close(self) -> None:
        await self._close_asked.wait()
        code, reason = self._close_with
        with trio.move_on_after(CLOSE_SECONDS):
            await self._socket.aclose(code, reason)
        self._gone.set()
