"""The end of a call, in the shell: its log is sealed and indexed, and one line says how it went.

Sealing takes milliseconds of disk, so it runs in a worker thread; the call is over, and nobody else touches its parts.
A log that cannot be sealed is left as it is: `engine/unsealed.py` tries again.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar, TypeVarTuple

from engine.bridge import Bridge
from engine.core import Call, report
from engine.log import index
from engine.log.errors import LogError
from engine.log.seal import try_to_seal
from engine.log.writer import CallLog
from engine.say import say

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class RunSync(Protocol):
    """Runs a function that waits for the disk: `trio.to_thread.run_sync`, or inline where time stands still."""

    async def __call__(self, function: Callable[[*Arguments], Result], /, *arguments: *Arguments) -> Result: ...


class Over(NamedTuple):
    """A call that is over: what it takes to seal its log and to index it."""

    call: Call
    log: CallLog
    bridge: Bridge


class Kept(NamedTuple):
    """How the log of such a call was kept: where it is, if there is one, and what is wrong with it, if so."""

    path: Path | None
    problem: str | None
    is_sealed: bool
    """Or there is nothing to seal."""


async def finish(calls_dir: Path, over: Over, run_sync: RunSync, tell: Callable[..., None] = say) -> Kept:
    """Seal, index, tell. Raises nothing but bugs."""
    kept = await run_sync(keep, calls_dir, over)
    call, bridge = over.call, over.bridge
    ended = bridge.ended
    tell(
        "call.ended",
        call=call.call_sid or "unnamed",
        ended=ended.ended if ended is not None else "crashed",
        reason=ended.reason if ended is not None else "the call was cut off before its end",
        seconds=f"{bridge.seconds:.1f}",
        faults=len(bridge.fault_seqs) or None,
        log=kept.path,
        log_problem=kept.problem,
    )
    return kept


def keep(calls_dir: Path, over: Over) -> Kept:
    """Seal and index, at the end of the call or later. A log that cannot be sealed keeps its lock and what waits."""
    log = over.log
    try:
        sealed = try_to_seal(log)
    except LogError as error:
        return Kept(log.path, str(error), is_sealed=False)
    if sealed is None:
        return Kept(None, log.degraded, is_sealed=True)
    try:
        # A search in this thread would hold up the calls of others. `replay index` finds what is missing.
        told = report(over.call, search_now=False)
        row = index.row_of(calls_dir, sealed.path, sealed.call, sealed.seal, told, len(over.bridge.fault_seqs))
        index.add(calls_dir, row, told)
    except LogError as error:
        # The index can be rebuilt from the logs at any time, so a call may go on without it.
        say("index.failed", call=over.call.call_sid, why=str(error))
    return Kept(sealed.path, None, is_sealed=True)
