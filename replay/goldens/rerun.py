"""Recorded inputs through a fresh core, some left out or written differently: a log made anew.

The core counts its names (`mark-7`, `truncate-2`), and what comes back names them. Where inputs are left out the count
is another, so the names in what follows are put right: the nth name that a step gave when it was recorded is the nth
that it gives now. An echo of a mark that is not placed any more is left out too.

Searches for words are done again, for their answers are inputs that the core's own commands ask for. In a redacted log
there is nothing left to look in: there the answers stay as they are.
"""

import re
from collections.abc import Container, Iterable
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from engine.core import Call, CallSettings, Command, Entry, record, wire_engine
from engine.core.commands import AlignItem
from engine.core.entries import APPEND_BODY
from engine.core.heard import Work
from replay.rows import Log, entry_of

ALIGNED = "item.aligned"
_NAME = re.compile(r'"([a-z]+-[0-9]+)"')


class Step(NamedTuple):
    """An input, and what was commanded on it when it was recorded; faults too."""

    input: Entry
    commands: list[Entry]


class Rerun(NamedTuple):
    """What came of it: the entries of the new log, and by the `seq` that each input had before, what it led to now."""

    entries: list[Entry]
    decided: dict[int, list[Entry]]
    names: dict[str, str]
    """The name now, by the name that was recorded."""


def steps_of(log: Log) -> list[Step]:
    """A log as steps. Raises LogError where it cannot be read."""
    steps: list[Step] = []
    for row in log.rows():
        if row[2] == "input":
            steps.append(Step(entry_of(row), []))
        elif steps:
            steps[-1].commands.append(entry_of(row))
    return steps


def rerun(
    settings: CallSettings, steps: Iterable[Step], without: Container[int] = (), *, is_redacted: bool = False
) -> Rerun:
    """Hand the inputs to a fresh core, in order, and take down what it does. `without`: the entries to leave out."""
    made = _Rerun(settings, is_redacted)
    for step in steps:
        made.take(step, is_left_out=step.input.seq in without)
    return Rerun(made.entries, made.decided, made.names)


class _Item(msgspec.Struct):
    item_id: str


class _Rerun:
    def __init__(self, settings: CallSettings, is_redacted: bool) -> None:
        self._call = Call(settings)
        self._is_redacted = is_redacted
        self._searches: dict[str, Work] = {}
        self._recorded_names: set[str] = set()
        self.entries: list[Entry] = []
        self.decided: dict[int, list[Entry]] = {}
        self.names: dict[str, str] = {}

    def take(self, step: Step, *, is_left_out: bool) -> None:
        before = step.input
        given = [name for entry in step.commands for name in _NAME.findall(entry.body) if entry.leg != "engine"]
        self._recorded_names.update(given)
        body = None if is_left_out else self._body(before)
        if body is None:
            return
        seq = len(self.entries) + 1
        entry = replace(before, seq=seq, body=body)
        done = self._call.step(seq, entry.at_ns, entry.leg, body, entry.audio)
        self._take_down(done.commands)
        made = record(done.commands, seq + 1, entry.at_ns, seq)
        self.entries += [replace(entry, type=done.type), *made]
        self.decided[before.seq] = made
        gives = [name for each in made for name in _NAME.findall(each.body) if each.leg != "engine"]
        self.names.update(zip(given, gives, strict=False))

    def _take_down(self, commands: list[Command]) -> None:
        self._searches |= {each.item_id: each.work for each in commands if isinstance(each, AlignItem)}

    def _body(self, entry: Entry) -> str | None:
        """The input as it would come now; None if it would not."""
        if entry.type == ALIGNED:
            return self._answer(entry.body)
        if entry.body == APPEND_BODY or (entry.type == "media" and entry.leg == "caller"):
            return entry.body
        if entry.type == "mark" and any(self._is_gone(name) for name in _NAME.findall(entry.body)):
            return None
        return _NAME.sub(lambda found: f'"{self.names.get(found[1], found[1])}"', entry.body)

    def _is_gone(self, name: str) -> bool:
        return name in self._recorded_names and name not in self.names

    def _answer(self, body: str) -> str | None:
        try:
            item_id = msgspec.json.decode(body, type=_Item).item_id
        except msgspec.MsgspecError:
            return body
        work = self._searches.pop(item_id, None)
        if work is None or self._is_redacted:
            return None if work is None else body
        return wire_engine.aligned(item_id, work.done())
