"""The inputs of a log once more through the core, and its commands against those in the log.

**The same step as live.** Each logged input goes to `Call.step`; what it commands is put into entries by the same
`record` that the bridge used; those entries must be the next rows of the log, in every field.

**Searches for words** are done again. What the core commands to be looked for is looked for here, when the log has the
answer, and the answer must be the same to the byte: it is an input, but not one that came from outside. In a redacted
log there is no sound to look in: what was found is taken as it is.

**Where a log may end.** Anywhere: the process may have been killed at any entry, even between an input and its
commands. So rows that are missing at the very end are no divergence; the result says that the log is cut.

**After a divergence** the remaining inputs are still handed to the core, uncompared, so that the report covers the
whole call. It is then the call as today's core understands it.

**Three verdicts.** `same`; `diverged`, with the first entry that differs; `unknown` where an answer would be a guess:
rows that cannot be read, entries missing in the middle, rules that this version does not know. A replay that is the
same proves that the core decides as it did, not that it decided well.

A call that another bridge made was not decided here, so there is nothing to replay: it is heard, and `unknown`.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Literal

import msgspec
from msgspec.structs import replace

from engine.core import RULES_OVERHEARD, Call, Command, Entry, Overheard, Report, record, report, wire_engine
from engine.core import events as ev
from engine.core.commands import AlignItem
from engine.core.entries import APPEND_BODY
from engine.core.heard import Work
from engine.log.errors import LogError
from engine.log.reader import Row
from replay.rows import Log, entry_of
from replay.state.at_ear import AtEar, at_ear_now
from replay.walk import check_rules, stream_ms_of

Verdict = Literal["same", "diverged", "unknown"]
OF_ANOTHER = "made by another bridge, so there is nothing to replay; `replay audit` says what it got right"
GAP = "log.gap"
"""The fault that the log itself writes where a full disk made it lose entries."""
ALIGNED = "item.aligned"


class Divergence(msgspec.Struct, frozen=True):
    """The first entry at which log and core part. `at_ns` is on the clock of the call, `stream_ms` on the stream's.

    `recorded` is None where the core commands something that the log does not have, `replayed` is None where the log
    has a command that the core does not issue. `cause` is the input that was being decided. Of the answer to a search
    for words, `recorded` is the input, and `replayed` is what the search gives now.
    """

    seq: int
    at_ns: int
    recorded: Entry | None
    replayed: Entry | None
    cause: Entry | None
    stream_ms: int = 0


class Counts(msgspec.Struct):
    """How much was in the log. `malformed` counts frames that their leg does not speak."""

    entries: int = 0
    inputs: int = 0
    commands: int = 0
    faults: int = 0
    malformed: int = 0


class Result(msgspec.Struct, frozen=True):
    """What a replay comes to. `reason` is the verdict as a sentence."""

    verdict: Verdict
    reason: str
    divergence: Divergence | None
    counts: Counts
    ended: str | None
    """As recorded; "crashed" where the log ends before the call does."""
    cut: bool
    """Whether the log ends before the call does."""
    report: Report
    at_ear: list[AtEar] = []
    """Where the log ends before the call does: what was playing then, and how far the ear had come."""


class _EndCall(msgspec.Struct):
    ended: str


class _Answer(msgspec.Struct):
    item_id: str


class _Unsure(Exception):
    """The log does not hold what is needed to tell."""


class _Run:
    """One pass over one log: the core, and what has been seen so far."""

    def __init__(self, log: Log) -> None:
        self.call = Call(log.settings)
        self.is_redacted = log.head.is_redacted
        self.rows: Iterator[Row] = log.rows()
        self.counts = Counts()
        self.input: Row | None = None
        self.last_seq = 0
        self.is_cut = True
        self.ended: str | None = None
        self.searches: dict[str, Work] = {}
        """What the core wants to be looked for, by item."""

    def compare(self) -> Divergence | None:
        """Step and compare, up to the first difference or to the end of the log."""
        step_call, rows, counts = self.call.step, self.rows, self.counts
        for row in rows:
            seq, at_ns, kind, leg, type_, body, audio, _, _, _ = row
            if kind != "input" or seq != self.last_seq + 1:
                return self._unasked(row)
            self.input, self.last_seq = row, seq
            counts.inputs += 1
            if type_ == ALIGNED and (answer := self._answer(body)) not in (None, body):
                recorded = entry_of(row)
                self._hand_over(recorded, answer)
                return Divergence(seq, at_ns, recorded, replace(recorded, body=answer), recorded)
            step = step_call(seq, at_ns, leg, APPEND_BODY if body is None else body, audio)
            if step.type != type_:
                recorded = entry_of(row)
                return Divergence(seq, at_ns, recorded, replace(recorded, type=step.type), recorded)
            if step.commands and type_ != "media":  # no item is due because the caller speaks
                self._take_down(step.commands)
            for entry in record(step.commands, seq + 1, at_ns, seq) if step.commands else ():
                recorded_row = next(rows, None)
                if recorded_row is None:
                    return None
                if entry_of(recorded_row) != entry:
                    return self._other(recorded_row, entry)
                self.last_seq = entry.seq
                if entry.kind == "fault":
                    counts.faults += 1
                else:
                    counts.commands += 1
        self.is_cut, self.ended = not self.call.ended, self.call.how_ended
        return None

    def _take_down(self, commands: list[Command]) -> None:
        self.searches |= {each.item_id: each.work for each in commands if isinstance(each, AlignItem)}

    def _answer(self, body: str | None) -> str | None:
        """What the answer to a search should have been. None if nothing was asked, or it cannot be asked again."""
        if self.is_redacted:
            return None
        try:
            item_id = msgspec.json.decode(body or "", type=_Answer).item_id
        except ev.UNREADABLE:
            return None
        work = self.searches.pop(item_id, None)
        return None if work is None else wire_engine.aligned(item_id, work.done())

    def _hand_over(self, entry: Entry, answer: str | None) -> None:
        """An input to the core, comparing nothing. Of a search, the core is told what it gives now."""
        step = self.call.step(entry.seq, entry.at_ns, entry.leg, answer or entry.body, entry.audio)
        self._take_down(step.commands)

    def _unasked(self, row: Row) -> Divergence:
        """An input was due and this came: a command that the core does not issue, or a hole in the log."""
        if row[4] == GAP:
            raise _Unsure(f"entries were lost from entry {row[0]} on: {row[5]}")
        if row[0] != self.last_seq + 1:
            raise _Unsure(f"entry {self.last_seq + 1} should follow, but the next one in the log is entry {row[0]}")
        self.rows = chain([row], self.rows)
        return Divergence(row[0], row[1], entry_of(row), None, self._cause())

    def _other(self, row: Row, replayed: Entry) -> Divergence:
        """The core commands `replayed` and the log holds `row`, which may already be what follows."""
        self.rows = chain([row], self.rows)
        is_missing = row[2] == "input" or row[0] > replayed.seq
        recorded = None if is_missing else entry_of(row)
        return Divergence(replayed.seq, replayed.at_ns, recorded, replayed, self._cause())

    def _cause(self) -> Entry | None:
        return entry_of(self.input) if self.input else None

    def finish(self) -> None:
        """Hand the rest of the log to the core, comparing nothing."""
        counts = self.counts
        for row in self.rows:
            self.last_seq = row[0]
            if row[2] == "input":
                self.input = row
                counts.inputs += 1
                self._hand_over(entry_of(row), self._answer(row[5]) if row[4] == ALIGNED else None)
            elif row[2] == "fault":
                counts.faults += 1
            else:
                counts.commands += 1
                if row[4] == "end_call":
                    self.is_cut, self.ended = False, _ended(row)


def _ended(row: Row) -> str | None:
    try:
        return msgspec.json.decode(row[5] or "", type=_EndCall).ended
    except msgspec.MsgspecError:
        return None


def replay(log: Log) -> Result:
    """Run the core over a log and say whether it decides the same.

    Never raises for what is in the entries: what cannot be judged has the verdict `unknown`. Raises `LogError` for
    rules that this version does not know.
    """
    check_rules(log)
    if log.settings.rules == RULES_OVERHEARD:
        return _overhear(log)
    run = _Run(log)
    divergence, doubt = None, ""
    try:
        divergence = run.compare()
        if divergence is not None:
            cause = divergence.cause
            divergence = replace(divergence, stream_ms=stream_ms_of(log, cause.seq) if cause else 0)
            run.finish()
    except (_Unsure, LogError) as error:
        doubt = str(error)
    call_report = report(run.call)
    counts = run.counts
    counts.entries = counts.inputs + counts.commands + counts.faults
    counts.malformed = call_report.malformed
    verdict, reason = _judge(divergence, doubt, run)
    if verdict != "same" or log.sealed_entries not in (None, counts.entries):
        # Before the code is blamed: is this still the file that was sealed?
        try:
            log.check()
        except LogError as error:
            verdict, reason = "unknown", str(error)
    ended = "crashed" if run.is_cut else run.ended
    at_ear = at_ear_now(run.call) if run.is_cut else []
    return Result(verdict, reason, divergence, counts, ended, run.is_cut, call_report, at_ear)


def _overhear(log: Log) -> Result:
    """What became of a call that another bridge made."""
    call, counts, reason = Overheard(log.settings), Counts(), OF_ANOTHER
    try:
        for row in log.rows():
            counts.inputs += row[2] == "input"
            counts.commands += row[2] == "command"
            counts.faults += row[2] == "fault"
            call.hear(entry_of(row))
        counts.entries = counts.inputs + counts.commands + counts.faults
        if call.deaf:
            reason = f"made by another bridge, and what was heard is not known: {call.deaf}"
        if log.sealed_entries not in (None, counts.entries):
            log.check()
    except LogError as error:
        reason = str(error)
    call_report = report(call)
    counts.malformed = call_report.malformed
    is_cut = not call.ended
    ended = "crashed" if is_cut else call.how_ended
    return Result("unknown", reason, None, counts, ended, is_cut, call_report, at_ear_now(call) if is_cut else [])


def _judge(divergence: Divergence | None, doubt: str, run: _Run) -> tuple[Verdict, str]:
    if divergence is not None:
        parted = f"recorded and replayed part at entry {divergence.seq}"
        if divergence.recorded is None and divergence.replayed and divergence.replayed.type == "align_item":
            parted += ": it may be older than the search for words (CHANGELOG.md, Log format)"
        return "diverged", parted
    if doubt:
        return "unknown", doubt
    if run.is_cut:
        return "same", f"the log ends here, at entry {run.last_seq}: no end of call"
    return "same", "every command is the one that was recorded"
