"""The end of a call, in the shell: its log is sealed and indexed, and one line says how it went.

Sealing takes milliseconds of disk, so it runs in a worker thread; the call is over, and nobody else touches its parts.
"""

from pathlib import Path

import trio

from engine.bridge import Bridge
from engine.core import Call, report
from engine.log import index
from engine.log.errors import LogError
from engine.log.seal import seal
from engine.log.writer import CallLog
from engine.say import say


async def finish(calls_dir: Path, call: Call, log: CallLog, bridge: Bridge) -> str | None:
    """Seal, index, tell. Why the log could not be kept as it should, if so. Raises nothing but bugs."""
    path, problem = await trio.to_thread.run_sync(_finish, calls_dir, call, log, len(bridge.fault_seqs))
    ended = bridge.ended
    say(
        "call.ended",
        call=call.call_sid or "unnamed",
        ended=ended.ended if ended is not None else "crashed",
        reason=ended.reason if ended is not None else "the call was cut off before its end",
        seconds=f"{bridge.seconds:.1f}",
        faults=len(bridge.fault_seqs) or None,
        log=path,
        log_problem=problem,
    )
    return problem


def _finish(calls_dir: Path, call: Call, log: CallLog, faults: int) -> tuple[Path | None, str | None]:
    try:
        sealed = seal(log)
        if sealed is None:
            return None, log.degraded
        try:
            # A search in this thread would hold up the calls of others. `replay index` finds what is missing.
            told = report(call, search_now=False)
            row = index.row_of(calls_dir, sealed.path, sealed.call, sealed.seal, told, faults)
            index.add(calls_dir, row, told)
        except LogError as error:
            # The index can be rebuilt from the logs at any time, so a call may go on without it.
            say("index.failed", call=call.call_sid, why=str(error))
        return sealed.path, None
    except LogError as error:
        return log.path, str(error)
