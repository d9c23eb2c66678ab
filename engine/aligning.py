"""Searches for words, in a process of their own, one after the other for all calls.

A search is milliseconds of pure Python. In a thread it would fight with the event loop for the interpreter: with 20
calls that were interrupted the loop was held up for as long as a search takes (25 ms, of searches made to take that
long) at Python's usual switch interval, and at a fiftieth of it still for 7 ms, because every read, write and commit of
the loop lets the search go first. With a process nothing of it was to be seen (`python -m engine.bench calls`).

It is started with the first search, and again if it should die. Whoever kills the bridge ends it, too: it reads until
there is nobody to write. `python -m engine.aligning` is that process.
"""

import pickle
import signal
import sys
from collections.abc import Awaitable, Callable
from math import inf
from subprocess import PIPE
from typing import BinaryIO

import trio

from engine.core.heard import Alignment, Work

Align = Callable[[Work], Awaitable[Alignment]]

SECONDS_MAX = 10.0
"""For one search; a hundred times what the longest item takes. Then the process is taken to be stuck."""
SIZE_BYTES = 4


class AlignError(Exception):
    """A search that could not be done."""


class _Request:
    def __init__(self, work: Work) -> None:
        self.work = work
        self.is_over = trio.Event()
        self.alignment: Alignment | None = None


class Searcher:
    """Call it with work, while it is `run`."""

    def __init__(self) -> None:
        self._to_do, self._waiting = trio.open_memory_channel[_Request](inf)
        self._process: trio.Process | None = None

    async def __call__(self, work: Work) -> Alignment:
        """Have it done. Cancelled, it is done for nobody. Raises AlignError."""
        request = _Request(work)
        self._to_do.send_nowait(request)
        await request.is_over.wait()
        if request.alignment is None:
            raise AlignError("the process that looks for words does not answer")
        return request.alignment

    async def run(self) -> None:
        """Do searches, for ever."""
        try:
            async for request in self._waiting:
                # Once more if the process has died since the last search, or dies of this one.
                request.alignment = await self._answer(request.work) or await self._answer(request.work)
                request.is_over.set()
        finally:
            with trio.CancelScope(shield=True):
                await self._end()

    async def _answer(self, work: Work) -> Alignment | None:
        try:
            if self._process is None:
                command = [sys.executable, "-m", "engine.aligning"]
                self._process = await trio.lowlevel.open_process(command, stdin=PIPE, stdout=PIPE)
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            with trio.fail_after(SECONDS_MAX):
                await self._process.stdin.send_all(_framed(pickle.dumps(work)))
                size = int.from_bytes(await _read(self._process.stdout, SIZE_BYTES), "big")
                alignment: Alignment = pickle.loads(await _read(self._process.stdout, size))
                return alignment
        except (OSError, trio.BrokenResourceError, trio.TooSlowError, EOFError):
            await self._end()
            return None

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            await pipe.aclose()
        await process.wait()


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(SIZE_BYTES, "big") + data


async def _read(pipe: trio.abc.ReceiveStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = await pipe.receive_some(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def answer_all(questions: BinaryIO, answers: BinaryIO) -> None:
    """The other end: until there are no more questions."""
    while head := questions.read(SIZE_BYTES):
        work: Work = pickle.loads(questions.read(int.from_bytes(head, "big")))
        answers.write(_framed(pickle.dumps(work.done())))
        answers.flush()


if __name__ == "__main__":
    # Ctrl-C goes to every process of a terminal. The bridge decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer_all(sys.stdin.buffer, sys.stdout.buffer)
