"""The rounds in which the logs of all calls get onto the disk (see `engine.log.sync`), and what they find told.

A task of the server, with its work in a thread. While it is there it looks at how the logs fare: /healthz is asked from
outside, and a disk that was full for a minute at night should leave a line even where nobody asks.
"""

from collections.abc import Callable

import trio

from engine.finish import RunSync
from engine.log.sync import Syncer

IDLE_SECONDS = 0.5
"""Between two rounds where each step is synced by itself: there is nothing to do but to look."""


class Syncing:
    """`look` is called after each round, with the seconds that it took."""

    def __init__(self, syncer: Syncer, seconds: float, run_sync: RunSync, look: Callable[[float], None]) -> None:
        self._syncer = syncer
        self._every_seconds = seconds / 2 or IDLE_SECONDS
        self._run_sync = run_sync
        self._look = look

    async def run(self) -> None:
        """Until cancelled, which waits for a round that is under way."""
        try:
            while True:
                began = trio.current_time()
                await self._run_sync(self._syncer.sync)
                self._look(trio.current_time() - began)
                await trio.sleep_until(began + self._every_seconds)
        finally:
            self._syncer.close()
