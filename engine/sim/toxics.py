"""A stream with faults on its way: what a bad network, a bad proxy or a bad peer does to a connection that is up.

    send_all ─► upstream toxics ─► inner stream ─► the peer
    receive_some ◄─ downstream toxics ◄─ inner stream ◄─ the peer

The names and meanings are Toxiproxy's. Each stands for something that happens to calls:

- `Latency`: distance, and jitter of a mobile or overloaded network. Order is kept: it is TCP that jitters here.
- `Bandwidth`: a thin line, or a peer that reads slowly, which looks the same from here.
- `Slicer`: packets and TLS records that end wherever they like, so that reads do not see what was written at once.
- `Stall`: nothing passes for a while, then all of it: a lost packet, a peer that collects garbage. For ever, it is a
  peer that has stopped reading.
- `Reset`: a RST, as of a crashed process or a firewall with an opinion. What was on its way is lost.
- `HalfOpen`: the peer is gone and nothing says so: a cable, a NAT table, a machine without power. In both lists it is
  that; in `downstream` alone the peer still hears us, and is mute.
- `LimitData`: closed after so many bytes, in the middle of whatever that was: a proxy's limit, a deploy.

**How.** A chunk gets the time at which it may come out when it goes in: each toxic of the list in turn makes later or
cuts what the one before it let out. So there is no task for each toxic, and no order of tasks that decides anything:
one seed gives one behaviour under a MockClock. Each direction keeps a bounded number of bytes, as sockets do, and then
makes its sender wait. Times (`at_ms`) count from the making of the stream.

`run` carries the bytes: start it in a nursery, or nothing moves. It closes the inner stream and returns once this one
is closed and what was sent has left, or could not for `LINGER_SECONDS`.
"""

import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from math import inf
from random import Random

import msgspec
import trio

from engine.sim.pipe import Pipe, Shape

LINGER_SECONDS = 5.0
"""After a close, for what was sent before it. A kernel goes on for minutes, but no test needs to."""
_BANDWIDTH_PIECES_PER_SECOND = 50
_RECEIVE_BYTES = 65536


class Latency(msgspec.Struct, frozen=True):
    """Everything is this much later, give or take `jitter_ms`."""

    ms: float
    jitter_ms: float = 0

    def shape(self, random: Random) -> Shape:
        last = 0.0

        def later(at: float, data: bytes) -> Iterator[tuple[float, bytes]]:
            nonlocal last
            delay_ms = max(0.0, self.ms + random.uniform(-self.jitter_ms, self.jitter_ms))
            last = max(last, at + delay_ms / 1000)
            yield last, data

        return later


class Bandwidth(msgspec.Struct, frozen=True):
    """So many bytes in a second, in small pieces."""

    bytes_per_second: float

    def shape(self, random: Random) -> Shape:
        free_at = 0.0
        piece_bytes = max(1, int(self.bytes_per_second / _BANDWIDTH_PIECES_PER_SECOND))

        def slower(at: float, data: bytes) -> Iterator[tuple[float, bytes]]:
            nonlocal free_at
            free_at = max(free_at, at)
            for piece in _pieces(data, lambda: piece_bytes):
                free_at += len(piece) / self.bytes_per_second
                yield free_at, piece

        return slower


class Slicer(msgspec.Struct, frozen=True):
    """Cut into pieces of 1 to `bytes_max` bytes, as chance has it, `gap_ms` apart."""

    bytes_max: int
    gap_ms: float = 0

    def shape(self, random: Random) -> Shape:
        last = -inf

        def cut(at: float, data: bytes) -> Iterator[tuple[float, bytes]]:
            nonlocal last
            for piece in _pieces(data, lambda: random.randint(1, self.bytes_max)):
                last = max(at, last + self.gap_ms / 1000)
                yield last, piece

        return cut


class Stall(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing passes for `for_ms`, from `at_ms` on or once `after_bytes` have passed; then all that has waited."""

    at_ms: float | None = None
    after_bytes: int | None = None
    for_ms: float = inf

    def __post_init__(self) -> None:
        assert (self.at_ms is None) != (self.after_bytes is None), "a stall begins at a time or after some bytes"

    def shape(self, random: Random) -> Shape:
        begins = inf if self.at_ms is None else self.at_ms / 1000
        left = inf if self.after_bytes is None else self.after_bytes

        def hold(at: float, data: bytes) -> Iterator[tuple[float, bytes]]:
            nonlocal begins, left
            if len(data) > left:
                if left:
                    yield at, data[: int(left)]
                data, left, begins = data[int(left) :], inf, at
            left -= len(data)
            ends = begins + self.for_ms / 1000
            yield (ends if begins <= at < ends else at), data

        return hold


class Reset(msgspec.Struct, frozen=True):
    """Both ways, whichever list it is in."""

    at_ms: float


class HalfOpen(msgspec.Struct, frozen=True):
    """From then on nothing comes out, no end of the stream and no reset either."""

    at_ms: float

    def shape(self, random: Random) -> Shape:
        def swallow(at: float, data: bytes) -> Iterator[tuple[float, bytes]]:
            yield (at if at < self.at_ms / 1000 else inf), data

        return swallow


class LimitData(msgspec.Struct, frozen=True):
    """So many bytes come out, then the connection is closed, both ways."""

    bytes_max: int

    def shape(self, random: Random) -> Shape:
        left = self.bytes_max

        def limit(at: float, data: bytes) -> Iterator[tuple[float, bytes]]:
            nonlocal left
            if data[:left]:
                yield at, data[:left]
            left -= min(left, len(data))
            if not left or not data:
                yield at, b""

        return limit


Toxic = Latency | Bandwidth | Slicer | Stall | Reset | HalfOpen | LimitData


def _shapes(toxics: Sequence[Toxic], random: Random) -> list[Shape]:
    """Each with chance of its own: what one toxic or direction carries must not shift another's jitter."""
    return [toxic.shape(Random(random.random())) for toxic in toxics if not isinstance(toxic, Reset)]


class ToxicStream(trio.abc.Stream):
    """`stream`, with toxics on what is sent (`upstream`) and on what is received (`downstream`). `run` it."""

    def __init__(
        self, stream: trio.abc.Stream, upstream: Sequence[Toxic], downstream: Sequence[Toxic], random: Random
    ) -> None:
        self._stream = stream
        self._up = Pipe(_shapes(upstream, random))
        self._down = Pipe(_shapes(downstream, random))
        reset_ms = min((toxic.at_ms for toxic in (*upstream, *downstream) if isinstance(toxic, Reset)), default=inf)
        self._reset_at = trio.current_time() + reset_ms / 1000
        self._scope = trio.CancelScope()

    async def run(self) -> None:
        """Carry the bytes, until the connection is over."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._reset)
                    nursery.start_soon(self._carry_down)
                    await self._carry_up()
                    nursery.cancel_scope.cancel()
        finally:
            self._up.refuse(trio.BrokenResourceError)
            self._down.end()
            await trio.aclose_forcefully(self._stream)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        await self._up.put(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()
        await self._up.has_room()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        return await self._down.get(max_bytes or _RECEIVE_BYTES)

    async def aclose(self) -> None:
        """This end is closed at once; the peer learns of it after what was sent before."""
        self._down.fail(trio.ClosedResourceError)
        self._up.refuse(trio.ClosedResourceError)
        self._up.end()
        self._scope.deadline = min(self._scope.deadline, trio.current_time() + LINGER_SECONDS)
        await trio.lowlevel.checkpoint()

    async def _carry_up(self) -> None:
        with suppress(trio.BrokenResourceError):  # reset
            while data := await self._up.get(_RECEIVE_BYTES):
                # A peer that is gone is told of in the other direction, if it is told of at all.
                with suppress(trio.BrokenResourceError):
                    await self._stream.send_all(data)

    async def _carry_down(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # this end is closed, or reset
            while not self._down.is_ended:
                await self._down.has_room()
                data = await self._receive()
                if not data:
                    self._down.end()
                    return  # the peer may still listen
                await self._down.put(data)
            await trio.sleep_until(self._down.ends_at)
            self._scope.cancel()

    async def _receive(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(_RECEIVE_BYTES))
        except trio.BrokenResourceError:
            return b""

    async def _reset(self) -> None:
        await trio.sleep_until(self._reset_at)
        self._up.fail(trio.BrokenResourceError)
        self._down.fail(trio.BrokenResourceError)
        if isinstance(self._stream, trio.SocketStream):
            # Closed with no time to linger, a socket sends a real RST.
            with suppress(OSError):
                self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._scope.cancel()


def _pieces(data: bytes, size: Callable[[], int]) -> Iterator[bytes]:
    """`data` in pieces of these sizes. Nothing is a piece too: it is the end of a stream."""
    if not data:
        yield data
    begin = 0
    while begin < len(data):
        end = begin + size()
        yield data[begin:end]
        begin = end
