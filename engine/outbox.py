"""The byte stream under a WebSocket, with a sender that never waits.

A step may not await, and a peer that reads slowly may not hold up the other leg. So what a step sends goes straight to
the kernel when nothing is waiting, which is nearly always; what the kernel does not take waits here, bounded, and
`pump` sends it. Once the bound is reached nothing is sent any more: with a gap the stream would say what nobody said.

trio-websocket's own sends (handshake, pongs, close) go the same way, so all bytes leave in the order they were pushed.

What waits is what was pushed, and no more: `pump` sends it in small pieces, since joined as a whole it would be there
twice, and a third time inside TLS, which encrypts all that it is given before it sends any of it.
"""

import os
from collections import deque
from contextlib import suppress

import trio

RECEIVE_BYTES = 65536
"""Read at a time when the reader does not say."""
FLUSH_SECONDS = 1.0
"""What waits gets this long to leave when the stream is closed: enough for a close frame behind a round trip or two."""
PIECE_BYTES = 65536
"""Sent at a time of what waits."""


class Outbox(trio.abc.Stream):
    """`stream`, with up to `bytes_max` waiting to be sent; `received` is what was already read from it."""

    def __init__(self, stream: trio.abc.Stream, bytes_max: int, received: bytes = b"") -> None:
        self.is_full = False
        self.heard_at = trio.current_time()
        """When anything was last received."""
        self._stream = stream
        # Only a plain socket can be written to without waiting. TLS and the streams of tests go through `pump`.
        self._socket = stream.socket if isinstance(stream, trio.SocketStream) else None
        self._bytes_max = bytes_max
        self._received = received
        self._waiting: deque[bytes | memoryview] = deque()
        self._waiting_bytes = 0  # counted until the stream has taken them
        self._is_let_go = False
        self._filled = trio.Event()
        self._drained = trio.Event()

    def push(self, data: bytes) -> None:
        """Send `data` now or as soon as possible. Should it not fit, `is_full` turns true and the stream stays mute."""
        if self.is_full:
            return
        if self._socket is not None and not self._waiting_bytes:
            data = data[self._write(self._socket.fileno(), data) :]
            if not data:
                return
        self._waiting_bytes += len(data)
        if self._waiting_bytes > self._bytes_max:
            self.is_full = True
            return
        self._waiting.append(data)
        self._filled.set()

    @staticmethod
    def _write(fileno: int, data: bytes) -> int:
        try:
            return os.write(fileno, data)
        except BlockingIOError:
            return 0
        except OSError:
            # The connection is gone. The reader of this stream finds that out by itself and ends the leg.
            return len(data)

    async def pump(self) -> None:
        """Send what waits, for ever. A broken stream is closed, so that its reader wakes up."""
        while True:
            await self._filled.wait()
            self._filled = trio.Event()
            while self._waiting:
                data = self._next_piece()
                try:
                    await self._stream.send_all(data)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self._waiting.clear()
                    self._waiting_bytes = 0
                    self._drained.set()
                    await trio.aclose_forcefully(self._stream)
                    return
                self._waiting_bytes -= len(data)
            self._drained.set()
            self._drained = trio.Event()

    def _next_piece(self) -> bytes:
        """The next bytes of what waits, which stay counted until they are sent."""
        pieces, size = [], 0
        while self._waiting and size < PIECE_BYTES:
            piece = self._waiting.popleft()
            if len(piece) > PIECE_BYTES:
                rest = memoryview(piece)
                piece = rest[:PIECE_BYTES]
                self._waiting.appendleft(rest[PIECE_BYTES:])
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._received:
            data, self._received = self._received, b""
        elif self._socket is not None:
            data = await self._read(self._socket, max_bytes or RECEIVE_BYTES)
        else:
            data = bytes(await self._stream.receive_some(max_bytes))
        self.heard_at = trio.current_time()
        return data

    @staticmethod
    async def _read(socket: trio.socket.SocketType, max_bytes: int) -> bytes:
        """trio's own stream tries to read first, and waits when that fails. Here it nearly always would: what came
        before has just been read whole."""
        while True:
            if socket.fileno() == -1:
                raise trio.ClosedResourceError("this end is closed")
            await trio.lowlevel.wait_readable(socket)
            try:
                return os.read(socket.fileno(), max_bytes)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """For trio-websocket. Raises BrokenResourceError when the outbox is full."""
        self.push(bytes(data))
        if self.is_full:
            raise trio.BrokenResourceError("the outbox is full")
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    def let_go(self) -> None:
        """Have `aclose` wait for nothing: the peer has had its time."""
        self._is_let_go = True

    async def aclose(self) -> None:
        """Close, after what waits has had its time to leave."""
        try:
            with trio.move_on_after(FLUSH_SECONDS):
                if self._waiting_bytes and not self.is_full and not self._is_let_go:
                    await self._drained.wait()
        finally:
            with suppress(trio.BrokenResourceError):
                await self._stream.aclose()
