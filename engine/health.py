"""What a server knows of itself: what it has counted, whether its disk takes logs, and so whether it takes calls.

`/healthz` tells it to a load balancer and to a person; each new call asks it first. A call that is up is never ended
because of what stands here.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sized
from math import inf
from pathlib import Path
from shutil import disk_usage

import msgspec
import trio

from engine.bridge import Bridge
from engine.config import Config
from engine.finish import Over, RunSync
from engine.log.errors import LogError, reason
from engine.log.folder import check_calls_dir
from engine.log.writer import CallLog
from engine.refusals import Refusals
from engine.say import say

LOOK_AGAIN_SECONDS = 1.0
"""Between two looks of /healthz at a disk that failed, and between two at how much room it has. Anybody may ask there,
as often as they like."""
CALL_ROOM_BYTES = 32 * 2**20
"""Free on the disk for each call that may be up, or none is taken: three minutes of both directions, at 8 MB a minute
while a call is up, and the copy that sealing makes. So a disk that fills up is told of before it harms a call."""


class Health:
    """`calls` are those that are up, each with its log, and `started` those of them that count for CALLS_MAX;
    `unsealed` are over, and their logs wait for the disk. The server adds and removes them."""

    def __init__(
        self,
        config: Config,
        calls: Mapping[Bridge, CallLog],
        started: Sized,
        unsealed: Collection[Over],
        run_sync: RunSync,
    ) -> None:
        self.refusals = Refusals()
        self.ended: Counter[str] = Counter()
        self.calls_taken = 0
        self.log_problem: str | None = None
        self.late_entries = 0
        """Of logs that were let go: entries that a disk refused and took later."""
        self.dropped_entries = 0
        """Of logs that were let go: entries that are lost."""
        self.is_stopping = False
        self._config = config
        self._calls = calls
        self._started = started
        self._unsealed = unsealed
        self._run_sync = run_sync
        self._looked_at = -inf
        self._no_room: str | None = None
        self._room_looked_at = -inf
        self._told_degraded: str | None = None
        self._sync_late: str | None = None

    async def why_full(self) -> str | None:
        """Why no call is taken now, if none is. A disk that was full is looked at again."""
        # First: what is found below must still hold when the call is taken.
        await self._look_for_room()
        await self._look_again()
        if self.is_stopping:
            return "the server is stopping"
        return self.why_crowded() or (self._degraded() and "calls cannot be logged at the moment")

    def why_crowded(self) -> str | None:
        """Why no call may start now, if so. A call that is over keeps its place while it has entries in memory only:
        so what waits for a disk is bounded, as what calls take is."""
        calls_max, waiting = self._config.calls_max, sum(over.log.degraded is not None for over in self._unsealed)
        if len(self._started) + waiting < calls_max:
            return None
        return f"calls_max: {calls_max} calls are up" + (f" or wait for the disk ({waiting})" if waiting else "")

    async def told(self) -> tuple[bool, dict[str, object]]:
        """Whether all is well, and what there is to say at /healthz."""
        await self._look_for_room()
        if trio.current_time() - self._looked_at >= LOOK_AGAIN_SECONDS:
            await self._look_again()
        degraded = self._degraded()
        status = "draining" if self.is_stopping else "degraded" if degraded else "ok"
        config = self._config
        return status == "ok", {
            "status": status,
            "calls": len(self._started),
            "calls_without_start": len(self._calls) - len(self._started),
            "calls_unsealed": len(self._unsealed),
            "calls_max": config.calls_max,
            "calls_taken": self.calls_taken,
            "calls_ended": dict(self.ended),
            "refused": dict(self.refusals.counts),
            "log": degraded or "ok",
            "log_late_entries": self._all_late(),
            "log_dropped_entries": self._all_dropped(),
            "log_sync": self._sync_late or "ok",
            "limits": msgspec.to_builtins(config.settings.limits) | msgspec.to_builtins(config.wire_limits),
        }

    def log_over(self, log: CallLog, problem: str | None) -> None:
        """Count a log that is let go, at the end of its call or later; `problem` is why it could not be kept as it
        should, if so."""
        self.log_problem = problem
        self.late_entries += log.late_entries
        self.dropped_entries += log.dropped_entries

    def look(self, sync_seconds: float) -> None:
        """Say when logs begin to be in trouble, and when all is well again. `sync_seconds` is what the last round took
        that synced them. A slow disk is said, and no reason to take no calls."""
        self._look_at_sync(sync_seconds)
        degraded = self._degraded()
        if degraded is not None and self._told_degraded is None:
            say("log.degraded", why=degraded)
        elif degraded is None and self._told_degraded is not None:
            say("log.well", late_entries=self._all_late(), dropped_entries=self._all_dropped())
        self._told_degraded = degraded

    def _look_at_sync(self, took_seconds: float) -> None:
        is_late = self._config.log_sync_seconds > 0 and took_seconds > self._config.log_sync_seconds / 2
        if is_late and self._sync_late is None:
            say("log.sync_late", seconds=f"{took_seconds:.1f}", log_sync_seconds=self._config.log_sync_seconds)
        self._sync_late = (
            f"late: syncing all logs took {took_seconds:.1f} s, more than half of"
            f" LOG_SYNC_SECONDS={self._config.log_sync_seconds:g}: a power cut may take more"
            if is_late
            else None
        )

    async def _look_for_room(self) -> None:
        """Whether the disk has room for all calls that may come."""
        if trio.current_time() - self._room_looked_at < LOOK_AGAIN_SECONDS:
            return
        self._room_looked_at = trio.current_time()
        self._no_room = await self._run_sync(no_room, self._config.calls_dir, self._config.calls_max)

    async def _look_again(self) -> None:
        """Whether a disk that failed is back."""
        problem = self.log_problem
        if problem is None:
            return
        self._looked_at = trio.current_time()
        try:
            await self._run_sync(check_calls_dir, self._config.calls_dir)
        except LogError as error:
            self.log_problem = str(error)
        else:
            if self.log_problem is problem:  # and not that of a call that has ended meanwhile
                self.log_problem = None

    def _degraded(self) -> str | None:
        """Why calls are not logged as they should be, if so."""
        of_calls = next((log.degraded for log in self._logs() if log.degraded), None)
        return of_calls or self.log_problem or self._no_room

    def _logs(self) -> Iterator[CallLog]:
        """All that are not let go."""
        yield from self._calls.values()
        yield from (over.log for over in self._unsealed)

    def _all_late(self) -> int:
        return self.late_entries + sum(log.late_entries for log in self._logs())

    def _all_dropped(self) -> int:
        return self.dropped_entries + sum(log.dropped_entries for log in self._logs())


def no_room(calls_dir: Path, calls_max: int) -> str | None:
    """Why the disk of CALLS_DIR has no room for that many calls, if so."""
    try:
        free_bytes = disk_usage(calls_dir).free
    except OSError as error:
        return f"CALLS_DIR {calls_dir} cannot be looked at: {reason(error)}"
    wanted_bytes = calls_max * CALL_ROOM_BYTES
    if free_bytes >= wanted_bytes:
        return None
    return (
        f"CALLS_DIR {calls_dir} is on a disk with {free_bytes >> 20} MiB free, and CALLS_MAX={calls_max} calls need"
        f" {wanted_bytes >> 20} MiB: make room there, or set CALLS_MAX lower"
    )
