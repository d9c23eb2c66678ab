"""Calls that are over and whose logs could not be sealed: each is tried again until it is, and finally at the stop.

A call may end while its disk is full or gone. What waits in its backlog is in memory only, so its log is kept as it is,
locked and open, and tried once a second. The first that cannot be sealed ends a round and goes to the end of the line:
a disk that is still full is asked once, and one log that another program holds open does not keep the others.

**What that may take.** A log with entries in memory keeps its call's place among CALLS_MAX (`engine/health.py`), and
no call is taken while there is one: so there are never more than CALLS_MAX of them, each with a backlog of at most
BACKLOG_BYTES_MAX (8 MiB), and a few short ones, of calls that were connected before and whose `start` is refused. A log
that is whole on the disk and only not sealed loses nothing by being let go. It is kept while fewer than CALLS_MAX wait,
and harms no other call meanwhile.
"""

from collections import deque
from collections.abc import Callable
from pathlib import Path

import trio

from engine.finish import Kept, Over, RunSync, keep
from engine.log.writer import CallLog
from engine.say import say

AGAIN_SECONDS = 1.0
"""Between two rounds. What waits is lost if the process is killed, so not much longer than a person needs to look."""


class Unsealed:
    """`waiting` are the calls, for others to look at; `settled` is told of each that waits no longer, with what is
    wrong with its log, if so."""

    def __init__(
        self,
        calls_dir: Path,
        calls_max: int,
        waiting: deque[Over],
        run_sync: RunSync,
        settled: Callable[[CallLog, str | None], None],
    ) -> None:
        self._calls_dir = calls_dir
        self._calls_max = calls_max
        self._waiting = waiting
        self._run_sync = run_sync
        self._settled = settled
        self._is_over = False
        self._tried = trio.Event()

    async def add(self, over: Over, kept: Kept) -> None:
        """A call whose log could not be sealed just now."""
        self._waiting.append(over)
        is_whole = over.log.degraded is None
        if self._is_over or (is_whole and len(self._waiting) > self._calls_max):
            await self._let_go(over, kept.problem)

    async def run(self) -> None:
        """Try again, until cancelled. Then `end` it."""
        while True:
            await trio.sleep(AGAIN_SECONDS)
            await self._try_all()

    async def written(self) -> None:
        """Until no entry of a call that is over is in memory only."""
        while any(over.log.degraded for over in self._waiting):
            await self._tried.wait()

    async def end(self) -> None:
        """Try all for the last time, and let go of those that cannot be sealed. `run` must be over."""
        self._is_over = True
        for over in list(self._waiting):
            kept = await self._try(over)
            if not kept.is_sealed:
                await self._let_go(over, kept.problem)

    async def _try_all(self) -> None:
        for _ in range(len(self._waiting)):
            if not (await self._try(self._waiting[0])).is_sealed:
                self._waiting.rotate(-1)
                break
        self._tried.set()
        self._tried = trio.Event()

    async def _try(self, over: Over) -> Kept:
        kept = await self._run_sync(keep, self._calls_dir, over)
        if kept.is_sealed:
            self._leave(over, kept.problem)
            late = over.log.late_entries or None
            dropped = over.log.dropped_entries or None
            say("log.sealed", call=over.call.call_sid, log=kept.path, late_entries=late, dropped_entries=dropped)
        return kept

    async def _let_go(self, over: Over, problem: str | None) -> None:
        log, path = over.log, over.log.path
        await self._run_sync(log.give_up)
        self._leave(over, problem)
        missing = log.dropped_entries
        say("log.unsealed", call=over.call.call_sid, log=path, missing_entries=missing, why=problem)

    def _leave(self, over: Over, problem: str | None) -> None:
        self._waiting.remove(over)
        self._settled(over.log, problem)
