"""A step and the core's state after it, for eyes.

First where it is, what came in and what that led to; then what it changed and where the ear is; then the whole state,
part by part. What is zero, no, empty or unknown is left out, and of a long list only a part is shown: `--json` has all.
Samples say in brackets what they are in time: a date on the stream's clock (m:ss.mmm), or a length (ms, with a tenth
where it is not whole). All else is called what the core calls it, so that one can go on in its code.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from engine.core.audio import SAMPLES_PER_MS, ms_of
from engine.core.report import Turn
from replay.columns import clip
from replay.flow.entry_lines import entry_lines
from replay.paint import Line, Span, Style, line, visible
from replay.state.at_ear import AtEar
from replay.state.state_at import StateAt
from replay.state.states import CLOCKS, Change, JsonObject, Key
from replay.text import TEXT_MAX, clock, said_spans

Path = tuple[Key, ...]

SHOWN_MAX = 4
"""Entries of a list or a table that are shown: the newest, or of what waits its turn the next."""
INLINE_MAX = 3
"""Fields of an object that stands in the row of the one that holds it."""
_TABLES = frozenset({"asked", "found", "marks", "open", "owed", "probes", "rates", "responses"})
_WAITING = frozenset({"marks", "probes"})
_DATES = frozenset(
    {"at", "newest", "shown", "earliest", "latest", "effective_max", "line_max", "line_min", "stream_begin"}
)
_LENGTHS = frozenset(
    {
        *("appended", "before_max", "before_min", "begin", "begun", "dense", "end", "input_begin", "jitter", "lag"),
        *("marked", "position", "proven", "round_trip", "sent", "shift", "slack_max", "slack_min", "sparse"),
        *("tail_high", "tail_low", "tail_reach"),
    }
)
"""Fields that are counted in samples, beside those whose names say so; and what tables and lists hold."""
_DATES_IN = frozenset({"probes"})
_LENGTHS_IN = frozenset({"marks", "round_trips"})
_SAID_OF_ITEM = frozenset({"item_id", "kind", "role", "transcript", "alignment", "parts"})
"""Fields of an item that are said in other words."""


def state_lines(found: StateAt) -> Iterator[Line]:
    """All of it."""
    entry = found.seen[0].entry
    yield line(
        (f"entry {entry.seq}", "bold"),
        f"   {clock(found.seen[0].stream_ms)} stream time, {clock(entry.at_ns // 1_000_000)} from the call's opening",
    )
    yield from entry_lines(found.seen)
    yield from _changes(found.changes)
    yield from _ear(found.at_ear)
    yield from _conversation(found)
    for part, data in found.state.items():
        if part not in ("conversation", "settings"):
            yield from _part(part.replace("_", "-").capitalize(), data)
    yield from _part("Responses", found.state["conversation"]["responses"])
    yield from _part("Settings", found.state["settings"])


def _heading(title: str, note: str = "") -> Iterator[Line]:
    yield line()
    yield line((title, "bold"), (f"   {note}" if note else "", "dim"))


def _changes(found: list[Change]) -> Iterator[Line]:
    yield from _heading("Changed in this step", "" if found else "nothing")
    clocks = [change for change in found if change.path[:2] in CLOCKS]
    yield from (_change_line(change, "plain") for change in found if change not in clocks)
    yield from (_change_line(change, "dim") for change in clocks)


def _change_line(change: Change, style: Style) -> Line:
    path, before, after = change.path, change.before, change.after
    if before is msgspec.UNSET:
        told = f"new: {_value(path, after)}"
    elif after is msgspec.UNSET:
        told = f"gone: {_value(path, before)}"
    else:
        told = f"{_value(path, before)} → {_value(path, after)}"
    return line((told, style), label=[(f"  {_dotted(path):<44}  ", style)])


def _ear(at_ear: list[AtEar]) -> Iterator[Line]:
    yield from _heading("At the ear", "" if at_ear else "nothing that was sent is unheard")
    for each in at_ear:
        told = f"heard {each.how_much} by now, {each.sent_ms} were sent"
        cleared = "; cleared: no more will be heard" if each.is_cleared else ""
        yield line(f"{told}{cleared}", label=f"  {visible(each.item_id)}  ")
        if each.generated_text:
            yield line(*said_spans("assistant", each.generated_text, each.heard_text), label="    ")


def _conversation(found: StateAt) -> Iterator[Line]:
    conversation = found.state["conversation"]
    known = "as far as it is proven; in brackets what is not" if found.at_ear else "in brackets what was not heard"
    yield from _heading("Conversation", known if conversation["order"] else "nothing yet")
    turns = {turn.item_id: turn for turn in found.turns}
    for pointer in conversation["order"]:
        item = conversation["items"][pointer.removeprefix("-> ")]
        yield _item_line(item, turns.get(item["item_id"]))
        yield line((f"{visible(item['item_id'])}: {_fields_of(item, conversation['session'])}", "dim"), label=" " * 23)


def _fields_of(item: JsonObject, session: int) -> str:
    """All that is not empty. Nearly all items are of the session that there is."""
    told = [
        _named((name,), value, item)
        for name, value in item.items()
        if name not in _SAID_OF_ITEM and not _is_empty(value) and (name, value) != ("session", session)
    ]
    alignment = item["alignment"]
    if alignment is not None:
        how = f"{alignment['method']}, confidence {alignment['confidence']}"
        told.append(f"alignment {{{how}, {alignment['finished']} of {len(alignment['words'])} words}}")
    return ", ".join(told) or "nothing more is known of it"


def _item_line(item: JsonObject, turn: Turn | None) -> Line:
    started_at = item["started_at"]
    began = "" if started_at is None else clock(ms_of(started_at))
    if turn is None:
        label: list[Span] = [(f"{began:>10}  ", "dim"), (f"{visible(item['role'] or ''):<9}  ", "plain")]
        return Line(label, [(f"({visible(item['kind'])}, nothing said)", "dim")])
    style: Style = "caller" if turn.speaker == "caller" else "assistant"
    label = [(f"{began:>10}  ", "dim"), (f"{turn.speaker:<9}  ", style)]
    return Line(label, said_spans(turn.speaker, turn.generated_text, turn.heard_text))


def _part(title: str, data: JsonObject) -> Iterator[Line]:
    rows = list(_rows((), data))
    if rows:
        yield from _heading(title)
    for path, told in rows:
        yield line(told, label=[(f"  {_dotted(path):<30}  " if path else "  ", "dim")])


def _rows(path: Path, data: Any) -> Iterator[tuple[Path, str]]:
    """What an object holds: itself in a row, and one for each object in it that needs a row of its own."""
    entries, left_out = _shown(path, data)
    deep = [key for key, value in entries if _is_deep(value)]
    told = [_named((*path, key), value, data) for key, value in entries if key not in deep]
    if told or left_out:
        yield path, ", ".join([*told, *left_out])
    for key, value in entries:
        if key in deep:
            yield from _rows((*path, key), value)


def _shown(path: Path, data: Any) -> tuple[list[tuple[Key, Any]], list[str]]:
    """The entries of an object or a list that are shown, and how many are not."""
    entries = [(key, value) for key, value in _entries(data) if not _is_empty(value)]
    is_table = isinstance(data, list) or (bool(path) and path[-1] in _TABLES)
    if not is_table or len(entries) <= SHOWN_MAX:
        return entries, []
    left_out = [f"and {len(entries) - SHOWN_MAX} more"]
    return entries[:SHOWN_MAX] if path[-1] in _WAITING else entries[-SHOWN_MAX:], left_out


def _entries(data: Any) -> list[tuple[Key, Any]]:
    return list(data.items() if isinstance(data, dict) else enumerate(data))


def _is_empty(value: Any) -> bool:
    """Whether there is nothing to say of it."""
    if isinstance(value, dict | list):
        return all(_is_empty(each) for _, each in _entries(value))
    return not value


def _is_deep(value: Any) -> bool:
    """Whether it does not go into the row of what holds it."""
    if isinstance(value, dict):
        return len(value) > INLINE_MAX or any(_is_deep(each) for each in value.values())
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def _named(path: Path, value: Any, holder: Any) -> str:
    """An entry in a row: in a list without its index, and of what is so only that it is."""
    if isinstance(holder, list):
        return _value(path, value)
    return visible(str(path[-1])) if value is True else f"{visible(str(path[-1]))} {_value(path, value)}"


def _value(path: Path, value: Any) -> str:
    """A value, with what a number of samples is in time."""
    match value:
        case dict():
            entries, _ = _shown(path, value)
            return "{" + ", ".join(_named((*path, key), each, value) for key, each in entries) + "}"
        case list():
            entries, left_out = _shown(path, value)
            return "[" + ", ".join([*(_value((*path, key), each) for key, each in entries), *left_out]) + "]"
        case str():
            shown = clip(visible(value), TEXT_MAX)
            return f'"{shown}"' if " " in shown.removeprefix("-> ") or not shown else shown
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
    return f"{value}{_in_time(path, value)}"


def _in_time(path: Path, number: float) -> str:
    name = str(path[-1])
    holder = str(path[-2]) if len(path) > 1 else ""
    if "_ns" in name:
        return f" ({number / 1e9:.3f} s)"
    if name in _DATES or name.endswith("_at") or holder in _DATES_IN:
        return f" ({clock(ms_of(round(number)))})"
    is_length = name in _LENGTHS or "_samples" in name or holder in _LENGTHS_IN
    return f" ({round(number / SAMPLES_PER_MS, 1):g} ms)" if is_length else ""


def _dotted(path: Path) -> str:
    return visible(".".join(map(str, path)))
