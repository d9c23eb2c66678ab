"""What `replay what-if` says, for eyes and as data.

The sides are *recorded* and *what if*. First the commands that are others; of audio and marks there are so many that
they are counted. Then what became of each interruption. Then how far all this can be believed, which is the most
important part: it comes right before the verdict.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from engine.core.report import InterruptedItem, Report, Turn, report
from replay.compare.around import clip
from replay.compare.command_changes import Change, command_changes
from replay.compare.evidence import Evidence, Witness, about, evidence, fields
from replay.compare.setting_keys import Setting
from replay.compare.what_if import Commanded, Outcome
from replay.data import JsonObject
from replay.paint import Line, Style, line, visible
from replay.rows import Log
from replay.text import clock

COUNTED = ("media", "mark", "input_audio_buffer.append")
"""Types of which only the number is shown; `--json` has all."""
_WITNESSES: dict[Witness, str] = {"model": "the model", "caller": "the caller", "echoes": "echoes"}
_STYLES: dict[str, Style] = {"changed": "warn", "moved": "warn", "added": "good", "removed": "bad"}
_BY = {
    "input": "after",
    "timer": "by a timer after",
    "answer": "when the words are found, after",
    "settings": "with the settings, before",
}


class WhatIf(NamedTuple):
    """A question and its answer. `from_seq`: the entry from which on the settings are others, at `from_ms`."""

    log: Log
    settings: list[Setting]
    from_seq: int
    from_ms: int
    outcome: Outcome
    changes: list[Change]
    evidence: list[Evidence]
    reports: tuple[Report, Report]


class Fate(NamedTuple):
    """What became of an item at an interruption, on either side. None where it was not interrupted then. `beyond`: who
    is no evidence any more for what happens there."""

    at_ms: int
    item_id: str
    recorded: "Heard | None"
    what_if: "Heard | None"
    beyond: list[Witness]


class Heard(msgspec.Struct, frozen=True):
    """What was heard of an item in the end, and what the model was told of it at an interruption."""

    heard_ms: int
    heard_min_ms: int
    heard_max_ms: int
    heard_text: str
    action: str
    audio_end_ms: int | None

    def __str__(self) -> str:
        at = f" at {self.audio_end_ms} ms" if self.audio_end_ms is not None else ""
        did = "left as it is" if self.action == "none" else f"{self.action}{at}"
        return f"heard {self.heard_ms} ms ({self.heard_min_ms} to {self.heard_max_ms}); {did}"


def answered(log: Log, settings: list[Setting], from_seq: int, from_ms: int, outcome: Outcome) -> WhatIf:
    """Everything there is to say of it."""
    changes = command_changes(outcome)
    reports = report(outcome.recorded.call), report(outcome.what_if.call)
    return WhatIf(log, settings, from_seq, from_ms, outcome, changes, evidence(outcome, changes), reports)


def what_if_lines(found: WhatIf) -> Iterator[Line]:
    """The whole report."""
    head = found.log.head
    yield line((visible(head.call_sid) or "no call SID", "bold"), f"   {visible(str(found.log.path))}")
    for setting in found.settings:
        yield line(f"{setting.key}: recorded {_json(setting.recorded)}, what if {_json(setting.what_if)}", label="  ")
    yield line((f"from entry {found.from_seq} on, {clock(found.from_ms)} of the stream", "dim"), label="  ")
    if found.changes:
        yield from _commands(found)
    yield from _fates(fates(found))
    yield from _evidence(found)
    yield line()
    verdict: tuple[str, Style] = ("changed", "warn") if found.changes else ("same", "good")
    yield line(verdict, f": {reason(found)}")


def reason(found: WhatIf) -> str:
    """What it comes to, as a sentence."""
    if not found.changes:
        return "every command is the one that was recorded; to this call these settings make no difference"
    counts = Counter[str](change.way for change in found.changes)
    told = ", ".join(f"{counts[way]} {way}" for way in _STYLES if counts[way])
    return f"of {len(found.outcome.recorded.commanded)} commands, {told}"


def fates(found: WhatIf) -> list[Fate]:
    """What became of each interrupted item, in the order of the interruptions."""
    sides = [_heard(each) for each in found.reports]
    keys = sorted(sides[0] | sides[1], key=lambda key: key[0])
    return [
        Fate(
            *key,
            recorded=sides[0].get(key),
            what_if=sides[1].get(key),
            beyond=[each.witness for each in found.evidence if each.stream_ms is not None and each.stream_ms < key[0]],
        )
        for key in keys
    ]


def what_if_data(found: WhatIf) -> JsonObject:
    """The same as data."""
    recorded, what_if = found.outcome.recorded, found.outcome.what_if
    counts = Counter[str](change.way for change in found.changes)
    ended = {"recorded": found.reports[0].ended, "what_if": found.reports[1].ended}
    return {
        "verdict": "changed" if found.changes else "same",
        "reason": reason(found),
        "call_sid": found.log.head.call_sid,
        "path": str(found.log.path),
        "settings": msgspec.to_builtins(found.settings),
        "from": {"seq": found.from_seq, "stream_ms": found.from_ms},
        "counts": {
            "recorded": len(recorded.commanded),
            "what_if": len(what_if.commanded),
            **{way: counts[way] for way in _STYLES},
        },
        "changes": [_change_data(change) for change in found.changes],
        "interruptions": [
            {
                "at_ms": fate.at_ms,
                "item_id": fate.item_id,
                "recorded": msgspec.to_builtins(fate.recorded),
                "what_if": msgspec.to_builtins(fate.what_if),
                "beyond_evidence_of": fate.beyond,
            }
            for fate in fates(found)
        ],
        "evidence": [each._asdict() for each in found.evidence],
        "timers": {"recorded": recorded.woken, "what_if": what_if.woken},
        "echoes_left_out": found.outcome.lost_echoes,
        "ended": ended,
    }


def _heard(told: Report) -> dict[tuple[int, str], Heard]:
    turns = {turn.item_id: turn for turn in told.turns}
    return {
        (cut.at_ms, item.item_id): _heard_of(item, turns[item.item_id])
        for cut in told.interruptions
        for item in cut.items
        if item.item_id in turns
    }


def _heard_of(item: InterruptedItem, turn: Turn) -> Heard:
    return Heard(item.heard_ms, turn.heard_min_ms, turn.heard_max_ms, turn.heard_text, item.action, item.audio_end_ms)


def _change_data(change: Change) -> JsonObject:
    differing = [{"path": each.path, "recorded": each.recorded, "what_if": each.replayed} for each in fields(change)]
    return {
        "way": change.way,
        "recorded": _commanded_data(change.recorded),
        "what_if": _commanded_data(change.what_if, is_recorded=False),
        "fields": differing,
    }


def _commanded_data(commanded: Commanded | None, *, is_recorded: bool = True) -> JsonObject | None:
    if commanded is None:
        return None
    entry = commanded.entry
    return {
        "seq": entry.seq if is_recorded else None,
        "step": commanded.step,
        "by": commanded.by,
        "stream_ms": commanded.stream_ms,
        "leg": entry.leg,
        "type": entry.type,
        "body": msgspec.json.decode(entry.body),
        "cause": entry.cause,
        "audio_from": entry.audio_from,
        "audio_to": entry.audio_to,
    }


def _commands(found: WhatIf) -> Iterator[Line]:
    yield from _heading("Commands")
    for change in found.changes:
        if change.first.entry.type not in COUNTED:
            yield from _command(change)
    for kind in COUNTED:
        some = [change for change in found.changes if change.first.entry.type == kind]
        if some:
            first, counts = some[0].first, Counter[str](change.way for change in some)
            told = ", ".join(f"{counts[way]} {way}" for way in _STYLES if counts[way])
            is_recut = kind == "media" and not found.outcome.unequal_audio()
            cut = "; the same audio, cut at other places" if is_recut else ""
            yield line(f"{kind}: {told}, from entry {first.step} on, {clock(first.stream_ms)}{cut}", label="  ")


def _command(change: Change) -> Iterator[Line]:
    recorded, what_if = change.recorded, change.what_if
    yield line((change.way, _STYLES[change.way]), f"  {visible(about(change.first))}", label="  ")
    if recorded is not None:
        yield line(f"entry {recorded.entry.seq}, {clock(recorded.stream_ms)}", label="    recorded  ")
    if what_if is not None:
        when = f"{_BY[what_if.by]} entry {what_if.step}, {clock(what_if.stream_ms)}"
        yield line(when, label="    what if   ")
    if change.way != "changed":
        yield line((clip(change.first.entry.body), "dim"), label="    ")
    for each in fields(change):
        yield line(clip(each.said("recorded", "what if")), label="    ")


def _fates(found: list[Fate]) -> Iterator[Line]:
    if found:
        yield from _heading("Interruptions", "what was heard, and what the model was told")
    for fate in found:
        who = ", ".join(_WITNESSES[witness] for witness in fate.beyond)
        doubt = f"   beyond the evidence of {who}" if who else ""
        yield line((clock(fate.at_ms), "bold"), f"  {visible(fate.item_id)}", (doubt, "warn"), label="  at ")
        both = (("recorded", fate.recorded), ("what if ", fate.what_if))
        for side, heard in both if fate.recorded != fate.what_if else (("both    ", fate.recorded),):
            yield line("not interrupted here" if heard is None else str(heard), label=f"    {side}  ")


def _evidence(found: WhatIf) -> Iterator[Line]:
    yield from _heading("Evidence", "how far the recorded inputs tell what would have been")
    ended = [each for each in found.evidence if each.to_seq is not None]
    for each in ended:
        until = f"to entry {each.to_seq}, {clock(each.stream_ms)}"
        yield line((until, "warn"), f". {clip(each.why)}", label=f"  {_WITNESSES[each.witness]:<10}  ")
    if ended:
        yield line("What is shown beyond is what the core does if it sees what was recorded all the same.", label="  ")
    else:
        yield line("All of them: nobody outside would have seen a difference.", label="  ")
    for told in _notes(found):
        yield line((told, "dim"), label="  ")


def _notes(found: WhatIf) -> Iterator[str]:
    """What was handed over otherwise than it was recorded, and another end."""
    recorded, what_if = found.outcome.recorded, found.outcome.what_if
    if recorded.woken != what_if.woken:
        yield f"Woken by a timer: recorded {_times(recorded.woken)}, what if {_times(what_if.woken)}."
    if found.outcome.lost_echoes:
        yield f"Echoes left out, of marks that would not have been sent: {found.outcome.lost_echoes}."
    ends = [each.ended or "not at all" for each in found.reports]
    if ends[0] != ends[1]:
        yield f"Ended: recorded {ends[0]}, what if {ends[1]} ({visible(found.reports[1].reason)})."


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")


def _heading(title: str, note: str = "") -> Iterator[Line]:
    yield line()
    yield line((title, "bold"), (f"   {note}" if note else "", "dim"))


def _json(value: object) -> str:
    return clip(msgspec.json.encode(value).decode())
