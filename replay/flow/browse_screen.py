"""`browse` on a terminal: keys in, lines out. All that knows of curses; what is on the screen is decided elsewhere.

The library is Python's own, so that it works over ssh on any machine that the bridge runs on.
"""

import curses
import os
from contextlib import suppress
from typing import Protocol

from replay.columns import clip, width
from replay.flow.browse import Book, Row, State, press, view
from replay.paint import Style

ESCAPE_MS = 25
"""How long a key may still become another that begins with an escape: curses waits a second if nobody says."""
_NAMES = {
    curses.KEY_UP: "up",
    curses.KEY_DOWN: "down",
    curses.KEY_LEFT: "left",
    curses.KEY_RIGHT: "right",
    curses.KEY_PPAGE: "pageup",
    curses.KEY_NPAGE: "pagedown",
    curses.KEY_HOME: "home",
    curses.KEY_END: "end",
    curses.KEY_ENTER: "enter",
    curses.KEY_BACKSPACE: "backspace",
}
_CHARACTERS = {"\n": "enter", "\r": "enter", "\x7f": "backspace", "\b": "backspace", "\x1b": "escape"}
_COLOURS: tuple[tuple[Style, int], ...] = (
    ("caller", curses.COLOR_CYAN),
    ("assistant", curses.COLOR_GREEN),
    ("bad", curses.COLOR_RED),
    ("warn", curses.COLOR_YELLOW),
)


class Screen(Protocol):
    """What is needed of a curses window."""

    def getmaxyx(self) -> tuple[int, int]: ...
    def erase(self) -> None: ...
    def addstr(self, y: int, x: int, text: str, attributes: int, /) -> None: ...
    def refresh(self) -> None: ...
    def get_wch(self) -> str | int: ...


def browse(book: Book) -> None:
    """Let a person move about in the ladder, until they have enough. Raises curses.error where there is no terminal
    for it."""
    curses.set_escdelay(ESCAPE_MS)
    curses.wrapper(_with_colours, book)


def run(screen: Screen, book: Book, looks: dict[Style, int]) -> None:
    """Show, take a key, and so on. A terminal that has gone away gives no keys: that is the end, too."""
    state = State()
    with suppress(curses.error):
        while not state.is_over:
            rows, columns = screen.getmaxyx()
            _draw(screen, view(book, state, rows, columns), looks)
            state = press(book, state, _key(screen.get_wch()), rows, columns)


def _with_colours(screen: Screen, book: Book) -> None:
    looks: dict[Style, int] = {"dim": curses.A_DIM, "bold": curses.A_BOLD}
    if curses.has_colors() and not os.environ.get("NO_COLOR"):
        curses.use_default_colors()
        for number, (style, colour) in enumerate(_COLOURS, 1):
            curses.init_pair(number, colour, -1)
            looks[style] = curses.color_pair(number)
    with suppress(curses.error):  # not every terminal can hide its cursor
        curses.curs_set(0)
    run(screen, book, looks)


def _draw(screen: Screen, shown: list[Row], looks: dict[Style, int]) -> None:
    rows, columns = screen.getmaxyx()
    screen.erase()
    for y, row in enumerate(shown[:rows]):
        x = 0
        for text, style in (*row.line.label, *row.line.text):
            # Not into the last corner: curses would have to go on behind it.
            part = clip(text, columns - x - (y == rows - 1))
            screen.addstr(y, x, part, looks.get(style, 0) | (curses.A_REVERSE if row.is_cursor else 0))
            x += width(part)
    screen.refresh()


def _key(pressed: str | int) -> str:
    """The name of a key; of one that means nothing, and of a change of size, a name that means nothing."""
    if isinstance(pressed, int):
        return _NAMES.get(pressed, "other")
    return _CHARACTERS.get(pressed, pressed)
