"""One direction of a connection: bytes go in, and come out when shapes say so (`engine/sim/toxics.py` has the shapes).

A chunk gets the time at which it comes out when it goes in, so no task stands between, and nothing depends on the order
in which tasks run. The number of bytes on their way is bounded, as between two sockets; then the sender waits.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from math import inf

import trio

BUFFER_BYTES_MAX = 64 * 1024
"""Between sender and receiver. A kernel's buffers would be some megabytes; this is small, so that it is felt."""

Shape = Callable[[float, bytes], Iterator[tuple[float, bytes]]]
"""From a chunk and when it goes in, in seconds, to chunks and when they come out. An empty chunk is the end."""
Failure = type[trio.BrokenResourceError] | type[trio.ClosedResourceError]


class Pipe:
    """One direction: chunks with the times at which they come out."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self.is_ended = False
        self.ends_at = inf
        self._shapes = shapes
        self._began_at = trio.current_time()
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._refusal: Failure | None = None
        self._failure: Failure | None = None
        self._changed = trio.Event()

    async def put(self, data: bytes) -> None:
        """Take all of `data`, as fast as there is room. After the end it is taken too, and lost."""
        begin = 0
        while begin < len(data):
            await self.has_room()
            if self.is_ended:
                return
            end = begin + BUFFER_BYTES_MAX - self._bytes
            self._let_in(data[begin:end])
            begin = end

    async def has_room(self) -> None:
        """Wait for it. What comes after the end needs none."""
        while self._refusal is None and self._bytes >= BUFFER_BYTES_MAX and not self.is_ended:
            await self._changed.wait()
        if self._refusal is not None:
            raise self._refusal

    async def get(self, max_bytes: int) -> bytes:
        """What comes out next; nothing, at the end."""
        while self._failure is None:
            due_at, data = self._chunks[0] if self._chunks else (inf, b"")
            if due_at > trio.current_time():
                with trio.move_on_at(due_at):
                    await self._changed.wait()
                continue
            if not data:
                return b""
            self._chunks.popleft()
            if data[max_bytes:]:
                self._chunks.appendleft((due_at, data[max_bytes:]))
            self._bytes -= len(data[:max_bytes])
            self._tell()
            return data[:max_bytes]
        raise self._failure

    def end(self) -> None:
        """Nothing more comes in. What is on its way still comes out."""
        self._let_in(b"")

    def refuse(self, failure: Failure) -> None:
        """Take no more from the sender, who is told."""
        self._refusal = self._refusal or failure
        self._tell()

    def fail(self, failure: Failure) -> None:
        """What is on its way is lost, and both sides are told."""
        self._failure = self._failure or failure
        self._chunks.clear()
        self.refuse(failure)

    def _let_in(self, data: bytes) -> None:
        chunks = [(trio.current_time() - self._began_at, data)]
        for shape in self._shapes:
            chunks = [made for at, data in chunks for made in shape(at, data)]
        for at, data in chunks:
            if self.is_ended:
                break
            self._chunks.append((self._began_at + at, data))
            self._bytes += len(data)
            if not data:
                self.is_ended, self.ends_at = True, self._began_at + at
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
