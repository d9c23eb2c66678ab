"""Searches for words, in a process of their own, one after the other for all calls.

A search is milliseconds of pure Python. In a thread it would fight with the event loop for the interpreter: with 20
calls that were interrupted the loop was held up for as long as a search takes (25 ms, of searches made to take that
long) at Python's usual switch interval, and at a fiftieth of it still for 7 ms, because every read, write and commit of
the loop lets the search go first. With a process nothing of it was to be seen (`python -m engine.bench calls`).

The process is started with the server, and again if it should die. Whatever goes wrong with it, no call ends because of
words: the core is told that there are none. It gets nothing of the bridge's but its own two pipes, it is in a session
of its own, so that a Ctrl-C is the bridge's to understand, and what it imports is what the bridge would import, from
wherever that was started.
"""

import pickle
import sys
from collections.abc import Awaitable, Callable
from math import inf
from subprocess import DEVNULL, PIPE

import msgspec
import trio

from engine.aligner import SIZE_BYTES, framed
from engine.core.heard import Alignment, Features, Work

Align = Callable[[Work], Awaitable[Alignment]]

SECONDS_MAX = 2.0
"""For one search: a call that ends waits no longer for its words. Whatever takes more holds up everybody else."""
START = "import sys; sys.path[:] = {path!r}; from engine.aligner import main; main()"


class AlignError(Exception):
    """A search that could not be done. Says why."""


class _Request:
    def __init__(self, work: Work) -> None:
        self.work = work
        self.is_wanted = True
        self.is_over = trio.Event()
        self.alignment: Alignment | None = None
        self.problem = ""


class Searcher:
    """Call it with work, while it is `run`."""

    def __init__(self) -> None:
        self._to_do, self._waiting = trio.open_memory_channel[_Request](inf)
        self._process: trio.Process | None = None

    async def __call__(self, work: Work) -> Alignment:
        """Have it done. Cancelled, it is done for nobody. Raises AlignError."""
        request = _Request(work)
        self._to_do.send_nowait(request)
        try:
            await request.is_over.wait()
        finally:
            request.is_wanted = False
        if request.alignment is None:
            raise AlignError(request.problem)
        return request.alignment

    async def run(self) -> None:
        """Do searches, for ever."""
        try:
            await self._try(_Request(Work("", Features())))
            async for request in self._waiting:
                if request.is_wanted:
                    # Once more, should the process have died since it was last asked.
                    if await self._try(request):
                        await self._try(request)
                    request.is_over.set()
        finally:
            await self._end()

    async def _try(self, request: _Request) -> bool:
        """Do one search; whether it is worth another try."""
        try:
            with trio.fail_after(SECONDS_MAX):
                request.alignment = await self._answer(request.work)
        except trio.TooSlowError:
            request.problem = f"the search took more than {SECONDS_MAX:g} s"
            await self._end()
        except Exception as error:
            request.problem = f"the process that looks for words does not answer: {type(error).__name__}: {error}"
            await self._end()
            return True
        return False

    async def _answer(self, work: Work) -> Alignment:
        if self._process is None:
            command = [sys.executable, "-P", "-c", START.format(path=sys.path)]
            self._process = await trio.lowlevel.open_process(
                command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True
            )
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None
        assert answers is not None
        await questions.send_all(framed(pickle.dumps(work)))
        size = int.from_bytes(await _read(answers, SIZE_BYTES), "big")
        return msgspec.msgpack.decode(await _read(answers, size), type=Alignment)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with trio.CancelScope(shield=True):
            process.kill()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                await pipe.aclose()
            await process.wait()


async def _read(pipe: trio.abc.ReceiveStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = await pipe.receive_some(size - len(data))
        if not more:
            raise EOFError("it has ended")
        data += more
    return data
