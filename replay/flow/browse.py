"""The ladder to move about in: what each key does, and what is then to be seen.

Nothing here knows of a terminal: `press` gives the next state, `view` the lines of a screen of a given size, and both
are plain functions. `browse_screen` brings in keys and puts lines out.

On the screen are the ladder, a pane below it if one is asked for (the frame, the difference of two, the keys), and at
the bottom a line that says where one is, or takes what is typed.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from engine.core import Entry
from engine.core import events as ev
from replay.columns import clip, fit, width, wrap
from replay.compare.diff import differences
from replay.flow.ladder import Rung
from replay.flow.ladder_lines import heading, lanes_of, rung_line
from replay.paint import Line, line, visible
from replay.places import Place, PlaceError, parse

KEYS = (
    ("Up Down PgUp PgDn Home End", "move; k j G are Up, Down and End"),
    ("Enter, t", "show the frame, or do not"),
    ("Left Right", "scroll what is shown of it"),
    ("n N", "go to the next problem, the one before; after a search: match"),
    ("/", "search in labels, details and frames, upper case or lower"),
    ("Esc", "be done with searching and comparing"),
    ("g", "go to a place: 83.4s, 1:23.4, seq:812, turn:3, mark:NAME, start, end"),
    ("Space", "mark a frame; on a second one, show what differs"),
    ("?", "show these keys, or do not"),
    ("q", "quit"),
)


class Book(msgspec.Struct, frozen=True):
    """A call to look at. `problems`: the rung of each, and what it is; `seq_of` raises PlaceError."""

    rungs: list[Rung]
    entries: dict[int, Entry]
    problems: list[tuple[int, str]]
    seq_of: Callable[[Place], int]


class State(msgspec.Struct, frozen=True):
    """Where one is. `top`: the first rung on the screen; `skipped`: lines of the pane that are scrolled away;
    `prompt`: what is being asked for, with what is `typed` so far; `query`: what is being searched for."""

    cursor: int = 0
    top: int = 0
    pane: Literal["", "frame", "difference", "keys"] = ""
    skipped: int = 0
    marked: int | None = None
    prompt: Literal["", "/", "g"] = ""
    typed: str = ""
    query: str = ""
    message: str = ""
    is_over: bool = False


class Row(NamedTuple):
    """One line of the screen."""

    line: Line
    is_cursor: bool = False


def press(book: Book, state: State, key: str, rows: int, columns: int) -> State:
    """The state after a key, on a screen of that size. Keys are characters, or names: `up`, `enter`, `escape`."""
    before = replace(state, message="")
    state = _typed(book, before, key) if state.prompt else _pressed(book, before, key, rows)
    top = max(min(state.top, state.cursor), state.cursor - _ladder_rows(state, rows) + 1)
    return replace(state, top=top, skipped=min(state.skipped, _hidden(book, state, rows, columns)))


def view(book: Book, state: State, rows: int, columns: int) -> list[Row]:
    """What is on the screen: so many rows, none wider than `columns`."""
    lanes = lanes_of(columns)
    shown = [Row(heading(lanes))]
    for index in range(state.top, min(state.top + _ladder_rows(state, rows), len(book.rungs))):
        rung = book.rungs[index]
        gap = rung.stream_ms - book.rungs[index - 1].stream_ms if index else 0
        made = rung_line(rung, gap, lanes)
        if index == state.marked:
            made = Line([("*", "warn"), (made.label[0][0][1:], "dim")], made.text)
        shown.append(Row(made, index == state.cursor))
    shown += [Row(line())] * (1 + _ladder_rows(state, rows) - len(shown))
    if state.pane:
        shown += map(Row, _pane(book, state, rows, columns))
    return [*shown, Row(line((fit(_status(book, state), columns - 1), "bold")))]


def _ladder_rows(state: State, rows: int) -> int:
    """Rows for rungs: all but the heading, the last line and the pane, which takes half."""
    return max(rows - 2 - _pane_rows(state, rows), 1)


def _pane_rows(state: State, rows: int) -> int:
    return (rows - 2) // 2 if state.pane else 0


def _pressed(book: Book, state: State, key: str, rows: int) -> State:
    page = max(_ladder_rows(state, rows) - 1, 1)
    last = len(book.rungs) - 1
    moves = {"up": -1, "k": -1, "down": 1, "j": 1, "pageup": -page, "pagedown": page}
    moves |= {"home": -last, "end": last, "G": last}
    if key in moves:
        return _to(state, max(0, min(state.cursor + moves[key], last)))
    match key:
        case "enter" | "t":
            return _show(state, "frame")
        case "?":
            return _show(state, "keys")
        case "left" | "right":
            step = _pane_rows(state, rows) // 2
            return replace(state, skipped=max(0, state.skipped + (step if key == "right" else -step)))
        case "n" | "N":
            to = _to_match if state.query else _to_problem
            return to(book, state, key == "n")
        case "/" | "g":
            return replace(state, prompt=key, typed="")
        case " ":
            return _mark(state)
        case "escape":
            return replace(state, pane="", marked=None, query="")
        case "q":
            return replace(state, is_over=True)
    return state


def _to(state: State, cursor: int) -> State:
    return replace(state, cursor=cursor, skipped=0)


def _show(state: State, pane: Literal["frame", "difference", "keys"]) -> State:
    return replace(state, pane="" if state.pane == pane else pane, skipped=0)


def _mark(state: State) -> State:
    if state.marked is None:
        return replace(state, marked=state.cursor)
    if state.marked == state.cursor or state.pane == "difference":
        return replace(state, marked=None, pane="" if state.pane == "difference" else state.pane)
    return _show(state, "difference")


def _to_problem(book: Book, state: State, forwards: bool) -> State:
    beyond = [
        (index, what) for index, what in book.problems if (index > state.cursor if forwards else index < state.cursor)
    ]
    if not beyond:
        where = "after" if forwards else "before"
        return replace(state, message=f"no problem {where} this" if book.problems else "no problem was found")
    index, what = beyond[0 if forwards else -1]
    return replace(_to(state, index), message=visible(what))


def _typed(book: Book, state: State, key: str) -> State:
    """A key while something is asked for."""
    if key == "escape":
        return replace(state, prompt="")
    if key == "backspace":
        return replace(state, typed=state.typed[:-1])
    if key == "enter":
        done = replace(state, prompt="")
        if state.prompt == "g":
            return _go(book, done)
        query = state.typed or state.query
        return _to_match(book, replace(done, query=query), True) if query else done
    return replace(state, typed=state.typed + key) if len(key) == 1 and key.isprintable() else state


def _to_match(book: Book, state: State, forwards: bool) -> State:
    """The next rung that says what is searched for, or the one before; from the last one on to the first."""
    count = len(book.rungs)
    for away in range(1, count + 1):
        index = (state.cursor + (away if forwards else -away)) % count
        rung = book.rungs[index]
        text = f"{rung.label} {rung.detail} {book.entries[rung.seq].body}"
        if state.query.casefold() in text.casefold():
            return _to(state, index)
    return replace(state, message=f"nothing here says {state.query!r}")


def _go(book: Book, state: State) -> State:
    try:
        place = parse(state.typed)
        step = book.seq_of(place)
    except (ValueError, PlaceError) as error:
        return replace(state, message=visible(str(error)))
    return _to(state, rung_at(book.rungs, place.value if place.kind == "seq" else step))


def rung_at(rungs: list[Rung], seq: int) -> int:
    """The rung that an entry is in, or that stands before it."""
    return max(bisect_right(rungs, seq, key=lambda rung: rung.seq) - 1, 0)


def _pane(book: Book, state: State, rows: int, columns: int) -> list[Line]:
    title, told = _told(book, state, columns)
    room = _pane_rows(state, rows) - 1
    shown = told[state.skipped : state.skipped + room]
    left = len(told) - state.skipped - len(shown)
    bar = clip(f"── {title} {f'({left} more: Right) ' if left else ''}", columns - 1)
    bar += "─" * (columns - 1 - width(bar))
    return [line((bar, "dim")), *(line(part) for part in shown), *([line()] * (room - len(shown)))]


def _hidden(book: Book, state: State, rows: int, columns: int) -> int:
    """Lines of the pane for which there is no room."""
    return max(len(_told(book, state, columns)[1]) - _pane_rows(state, rows) + 1, 0) if state.pane else 0


def _told(book: Book, state: State, columns: int) -> tuple[str, list[str]]:
    """What the pane says: its title, and all its lines."""
    rung = book.rungs[state.cursor]
    entry = book.entries[rung.seq]
    if state.pane == "keys":
        title, lines = "keys", [f"{keys:<29} {does}" for keys, does in KEYS]
    elif state.pane == "difference" and state.marked is not None:
        other = book.entries[book.rungs[state.marked].seq]
        title, lines = f"* entry {other.seq} against entry {entry.seq}", list(_difference(other, entry))
    else:
        of = f", the first of {rung.count}" if rung.count > 1 else ""
        title, lines = f"entry {entry.seq}, {entry.kind} {entry.leg} {visible(entry.type)}{of}", _pretty(entry)
    return title, [part for text in lines for part in wrap(text, columns - 1)]


def _difference(marked: Entry, other: Entry) -> Iterator[str]:
    """What two frames say differently; not that they are two entries, at two times."""
    found = differences(marked, replace(marked, body=other.body))
    for each in found:
        yield visible(f"{each.path}: {each.recorded} | {each.replayed}")
    if not found:
        yield "they say the same"


def _pretty(entry: Entry) -> list[str]:
    """A frame as JSON in lines, where it is JSON."""
    try:
        text = msgspec.json.format(entry.body, indent=2)
    except ev.UNREADABLE:
        return [visible(entry.body)]
    return [" " * (len(each) - len(each.lstrip())) + visible(each) for each in text.splitlines()]


def _status(book: Book, state: State) -> str:
    if state.prompt:
        return f"{'search' if state.prompt == '/' else 'go to'}: {state.typed}"
    if state.message:
        return state.message
    rung = book.rungs[state.cursor]
    found = f"{len(book.problems)} problems" if len(book.problems) != 1 else "1 problem"
    found = f"/{state.query}: n N, Esc" if state.query else found
    return f"entry {rung.seq}, {state.cursor + 1} of {len(book.rungs)}, {found}   ? keys  q quit"
