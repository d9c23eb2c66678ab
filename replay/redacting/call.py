"""A whole call without its people, decided as it was.

Two cores run side by side: one is handed the call as it was recorded, the other what is left of it. What the first one
commands must be what is in the log; then what the second one commands takes its place. So the commands of the copy are
those that the core gives on the copy's own inputs: the copy replays, and no word that was said can be in them. The two
must always command the same, but for words and names; should they not, there is no copy.

A recorded command that this version does not give (a call that diverges, entries behind a gap, a call of another
bridge) is redacted by itself, and the copy diverges where the call does.

**Searches for words** cannot be done again, for the sound is gone. What they gave is kept, with its times: it is what
decided which words were heard. A replay takes it as it is (`Head.is_redacted`).
"""

from collections import deque
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from engine.core import RULES_OVERHEARD, Call, CallSettings, Entry, Report, record, wire_engine
from engine.core import events as ev
from engine.core.commands import AlignItem, Command
from engine.core.entries import APPEND_BODY
from engine.log.errors import LogError
from replay.redacting.redactor import Counts, Redactor
from replay.rows import Head, Log, entry_of, log_in_memory
from replay.runner import ALIGNED, Result, replay


class Redacted(NamedTuple):
    """What is left of a call."""

    head: Head
    settings: CallSettings
    entries: list[Entry]
    counts: Counts

    def log(self, of: Log) -> Log:
        """As a log in memory, at the path of the one that it was made of."""
        return log_in_memory(of.path, self.head, self.settings, self.entries)


def redact(log: Log) -> Redacted:
    """What is left of a call without its people. Raises LogError where it cannot be read, or would be decided
    otherwise."""
    redactor = Redactor()
    head, settings = redactor.head(log.head), redactor.settings(log.settings)
    recorded = list(map(entry_of, log.rows()))
    take = redactor.entry if log.settings.rules == RULES_OVERHEARD else _Both(log, settings, redactor).take
    return Redacted(head, settings, list(map(take, recorded)), redactor.counts)


def prove(log: Log, redacted: Redacted) -> tuple[Result, Result]:
    """Replay both: they must come to the same, in the same milliseconds. Raises LogError if they do not. (Of a call
    that diverges, the replay tells what would happen now, and that may rest on words.)"""
    before, after = replay(log), replay(redacted.log(log))
    is_other = before.verdict != after.verdict or _told(before.report) != _told(after.report)
    if before.verdict != "diverged" and is_other:
        raise _other(log, after.divergence.seq if after.divergence else None)
    return before, after


def _told(report: Report) -> object:
    """What a report says in numbers that no word decides."""
    turns = [
        (turn.speaker, turn.start_ms, turn.end_ms, turn.heard_ms, turn.heard_min_ms, turn.heard_max_ms)
        for turn in report.turns
    ]
    cuts = [
        (cut.at_ms, [(item.heard_ms, item.action, item.audio_end_ms, item.outcome) for item in cut.items])
        for cut in report.interruptions
    ]
    return report.ended, report.duration_ms, report.malformed, turns, cuts


def _other(log: Log, seq: int | None) -> LogError:
    where = "" if seq is None else f" from entry {seq} on"
    return LogError(
        f"{log.path} would be decided otherwise without its words{where}, which should not be, so no copy was made:"
        " please report it"
    )


class _Both:
    """The call as it was, and without its words, side by side."""

    def __init__(self, log: Log, settings: CallSettings, redactor: Redactor) -> None:
        self._log = log
        self._redactor = redactor
        self._was, self._is = Call(log.settings), Call(settings)
        self._due: deque[tuple[Entry, Entry]] = deque()
        """Commands that should follow now: as they were, and as they are."""
        self._searched: dict[str, tuple[str, str]] = {}
        """By item: the text that its words were last looked for in, and what stands for it."""

    def take(self, entry: Entry) -> Entry:
        """The next entry, without its words. Raises LogError."""
        if entry.kind == "input":
            return self._input(entry)
        if self._due:
            was, now = self._due.popleft()
            if was == entry:
                return now
        return self._redactor.entry(entry)

    def _input(self, entry: Entry) -> Entry:
        shown = self._redactor.entry(entry)
        if entry.type == ALIGNED:
            shown = replace(shown, body=self._answer(entry.body) or shown.body)
        was = self._was.step(entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio).commands
        now = self._is.step(entry.seq, entry.at_ns, entry.leg, shown.body, shown.audio).commands
        self._due = deque(zip(self._entries(was, entry), self._entries(now, entry), strict=False))
        if len(was) != len(now) or not all(self._is_alike(*pair) for pair in self._due):
            raise _other(self._log, entry.seq)
        for one, other in zip(was, now, strict=True):
            if isinstance(one, AlignItem) and isinstance(other, AlignItem):
                self._searched[one.item_id] = one.work.transcript, other.work.transcript
        return shown

    def _entries(self, commands: list[Command], cause: Entry) -> list[Entry]:
        return record(commands, cause.seq + 1, cause.at_ns, cause.seq) if commands else []

    def _answer(self, body: str) -> str | None:
        """The answer to a search that was asked for."""
        event = wire_engine.decode(body)[1]
        if isinstance(event, ev.ItemAligned):
            searched, stands_for_it = self._searched.get(event.item_id, (None, ""))
            if searched == event.alignment.transcript:
                return self._redactor.answer(body, searched, stands_for_it)
        return None

    def _is_alike(self, was: Entry, now: Entry) -> bool:
        """Whether the cores command the same, but for words and names. The names are learned."""
        if replace(was, body="") != replace(now, body=""):
            return False
        if was.body == APPEND_BODY:
            return True
        return self._is_same(msgspec.json.decode(was.body), msgspec.json.decode(now.body), "")

    def _is_same(self, was: object, now: object, key: str) -> bool:
        if isinstance(was, dict) and isinstance(now, dict):
            return was.keys() == now.keys() and all(self._is_same(was[name], now[name], name) for name in was)
        if isinstance(was, list) and isinstance(now, list):
            return len(was) == len(now) and all(map(self._is_same, was, now, [key] * len(was)))
        if isinstance(was, str) and isinstance(now, str):
            self._redactor.learn(key, was, now)
            return True
        return was == now
