"""What must hold of every run, whatever went wrong in it.

The far ends know what was really played, kept and sent, and are believed. What the engine says of itself is asked of
its logs alone, since those are what stays.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.core import Call
from engine.log.errors import LogDamagedError, LogError
from engine.log.folder import LIVE, sealed_logs
from engine.log.index import calls as indexed_calls
from engine.log.reader import LoggedCall, read_call
from engine.soak.delay import clear_delays_ms
from engine.soak.ear import ended_by_caller, misheard, misremembered, stepped
from engine.soak.faults import REFUSED
from engine.soak.simulation import Ran, SimulatedCall
from engine.soak.wire import differences, received
from replay.runner import GAP, replay
from replay.sources import log_of

ENDS = "every call ends as its fault allows"
SEALED = "every log is sealed and whole"
INDEXED = "the index has every call"
LEFT = "nothing is left behind"
LOGGED = "what left is in the log"
REPLAYED = "a replay of the log is the call"
ORDERED = "heard <= sent <= generated"
HEARD = "what was played is within the bounds that the log gives"
KEPT = "a model keeps of an item what was heard of it"
NO_BUG = "no bug shows"
CRASHES = ("call.failed", "connection.failed", "align.failed", "index.failed")
"""What the bridge says only if something in it is wrong."""


class Broken(msgspec.Struct, frozen=True):
    """A law that did not hold, of a call or (None) of the run."""

    law: str
    call: int | None
    what: str


class Verdict(msgspec.Struct):
    """What came of a run."""

    logs: int = 0
    entries: int = 0
    entries_lost: int = 0
    corrupt_files: int = 0
    leaks: int = 0
    broken: list[Broken] = []
    clear_delays_ms: list[float] = []
    """Of the healthy calls: from the model's news of speech to the clear at Twilio."""


class _Gap(msgspec.Struct):
    first: int
    last: int


def judge(ran: Ran, said: list[str], descriptors_left: int) -> Verdict:
    """Hold a run against all laws. `said`: the lines that the bridge wrote to stderr."""
    verdict = Verdict()
    for law, what in _of_the_run(ran, said, descriptors_left):
        verdict.broken.append(Broken(law, None, what))
        verdict.leaks += law == LEFT
    logs = defaultdict(list)
    # By name, and a call's first log before its second: the names differ in length.
    for path in sorted(sealed_logs(ran.calls_dir), key=lambda path: (len(path.name), path.name)):
        logs[path.name.partition(".")[0]].append(path)
    for call in ran.calls:
        own = logs.pop(call.plan.call_sid, [])
        verdict.broken += [Broken(law, call.plan.number, what) for law, what in _of_a_call(ran, call, own, verdict)]
        if call.plan.is_healthy:
            for front in call.caller.fronts:
                verdict.clear_delays_ms += clear_delays_ms(front, call.sessions)
    for paths in logs.values():
        verdict.broken += [Broken(SEALED, None, f"a log of a call that nobody made: {path.name}") for path in paths]
    return verdict


def _of_the_run(ran: Ran, said: list[str], descriptors_left: int) -> Iterator[tuple[str, str]]:
    if not ran.is_over:
        up = [call.plan.number for call in ran.calls if not call.caller.is_over]
        yield ENDS, f"after {ran.seconds:.0f} s of virtual time calls are still up; with a caller that waits: {up}"
    for line in said:
        if any(f" {crash} " in line for crash in CRASHES):
            yield NO_BUG, line
    for path in sorted((ran.calls_dir / LIVE).glob("*")):
        yield SEALED, f"left in {LIVE}/: {path.name}"
    expected = {LIVE, "index.db", *(path.parent.name for path in sealed_logs(ran.calls_dir))}
    for path in sorted(ran.calls_dir.glob("*")):
        if path.name not in expected:
            yield LEFT, f"a file: {path.name}"
    for task in ran.tasks_left:
        yield LEFT, f"a task: {task}"
    if descriptors_left:
        yield LEFT, f"{descriptors_left} open files"
    sealed = sealed_logs(ran.calls_dir)
    indexed = {row.path for row in indexed_calls(ran.calls_dir)} if sealed else set()
    for path in sealed:
        if str(path.relative_to(ran.calls_dir)) not in indexed:
            yield INDEXED, f"{path.name} is missing"


def _of_a_call(ran: Ran, call: SimulatedCall, logs: list[Path], verdict: Verdict) -> Iterator[tuple[str, str]]:
    ends = call.plan.ends
    if not logs:
        if not _may_be_unknown(ran, call):
            yield ENDS, "it has no log"
        return
    if len(logs) > (2 if call.plan.tries_again else 1):
        yield SEALED, f"it has {len(logs)} logs"
    if ran.plan.stops_twice:
        ends |= {"shutdown"}
    for log, may_end in zip(logs, (ends, REFUSED), strict=False):
        verdict.logs += 1
        try:
            with read_call(log) as logged:
                logged.verify()
                ended = logged.seal.ended if logged.seal else "unsealed"
                if ended not in may_end:
                    why = logged.seal and logged.seal.reason
                    yield ENDS, f"{log.name} ended as {ended} ({why}), and not as {' or '.join(sorted(may_end))}"
                yield from _of_a_log(logged, call, verdict, is_first=log is logs[0])
        except LogDamagedError as error:
            verdict.corrupt_files += 1
            yield SEALED, str(error)
        except LogError as error:
            yield SEALED, str(error)
        except Exception as error:
            yield NO_BUG, f"{log.name} cannot be replayed: {type(error).__name__}: {error}"


def _may_be_unknown(ran: Ran, call: SimulatedCall) -> bool:
    """Whether nothing need be known of a call: it was not to be let in, or nothing of it came through."""
    caller, plan = call.caller, call.plan
    if "" in plan.ends or (not any(received(front) for front in caller.fronts) and plan.is_far):
        return True
    return caller.turned_away is not None and (plan.is_far or ran.plan.is_closed_at(plan.begins_ms))


def _of_a_log(
    logged: LoggedCall, call: SimulatedCall, verdict: Verdict, *, is_first: bool
) -> Iterator[tuple[str, str]]:
    entries = list(logged.entries())
    verdict.entries += len(entries)
    for entry in entries:
        if entry.type == GAP:
            gap = msgspec.json.decode(entry.body, type=_Gap)
            verdict.entries_lost += gap.last - gap.first + 1
        elif entry.kind == "fault":
            yield NO_BUG, f"entry {entry.seq}: {entry.body}"
    fronts = call.caller.fronts[:1] if is_first else call.caller.fronts[1:]
    for leg, ends in (("caller", fronts), ("model", call.sessions if is_first else [])):
        for what in differences(entries, leg, ends):
            yield LOGGED, what
    log = log_of(logged.path, logged)
    result = replay(log)
    if result.verdict != "same" or result.cut:
        yield REPLAYED, f"{result.verdict}: {result.reason}{'; it is cut' if result.cut else ''}"
    core = Call(log.settings)
    for what in stepped(core, entries):
        yield ORDERED, what
    if is_first:
        for what in misheard(core, entries, call):
            yield HEARD, what
        for what in misremembered(call) if call.plan.is_healthy and ended_by_caller(entries) else ():
            yield KEPT, what
