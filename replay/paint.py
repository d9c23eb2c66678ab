"""Lines of styled words, and the two ways to show them.

A report is made once, as lines of (text, style), and shown either as plain text, where style is lost but for one
thing: what was generated and never heard stands in [brackets]; or on a terminal, where it is dim and struck through
as well (the brackets stay: a copy into a ticket has no strikes).
Plain text does not depend on the width of anything and holds no escape sequence, so that it can be compared, searched
and sent.

Ids, names and words come from strangers. Whoever makes a line puts them through `visible`, for the sake of its columns;
what is forgotten is made harmless when the line is shown.
"""

import os
from collections.abc import Iterable
from typing import Literal, NamedTuple, TextIO

Style = Literal["plain", "dim", "bold", "unheard", "caller", "assistant", "good", "bad", "warn"]
Span = tuple[str, Style]


class Line(NamedTuple):
    """One line: on a terminal, the text that does not fit goes on below itself, right of the label."""

    label: list[Span]
    text: list[Span]


_TERMINAL: dict[Style, str] = {
    "plain": "",
    "dim": "dim",
    "bold": "bold",
    "unheard": "dim strike",
    "caller": "cyan",
    "assistant": "green",
    "good": "bold green",
    "bad": "bold red",
    "warn": "yellow",
}


WIDTH_MIN = 20
"""Columns for text beside a label, however narrow the terminal is."""


_JOINERS = "\u200c\u200d"
"""Neither printable nor harmful: Persian words and many emoji are not themselves without them."""


def visible(text: str) -> str:
    """`text` on one line, with nothing in it that a terminal would obey: transcripts come from strangers."""
    return harmless(" ".join(text.split()))


def harmless(text: str) -> str:
    """`text` with nothing in it that a terminal would obey, not even the end of a line."""
    return text if text.isprintable() else "".join(char if _shows(char) else repr(char)[1:-1] for char in text)


def printable(text: str) -> str:
    """A word without what `visible` would only name: for where names of characters are in the way."""
    return "".join(filter(_shows, text))


def _shows(char: str) -> bool:
    return char.isprintable() or char in _JOINERS


def line(*text: str | Span, label: str | list[Span] = "") -> Line:
    """A line of words; those that come without a style are plain."""
    spans: list[Span] = [(part, "plain") if isinstance(part, str) else part for part in text]
    return Line([(label, "plain")] if isinstance(label, str) else label, spans)


def plain(lines: Iterable[Line]) -> str:
    """The lines as text, each ended by a newline."""
    return "".join("".join(map(_plain, [*made.label, *made.text])).rstrip() + "\n" for made in lines)


def _plain(span: Span) -> str:
    text, style = harmless(span[0]), span[1]
    return f"[{text}]" if style == "unheard" else text


def is_terminal(stream: TextIO) -> bool:
    """Whether colour is welcome: a terminal, and nobody said no (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_in_colour(lines: Iterable[Line]) -> None:
    """Print to stdout, which is a terminal."""
    # Loaded here, because a pipe does not need it.
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for made in lines:
        label = Text.assemble(*((harmless(text), _TERMINAL[style]) for text, style in made.label))
        text = Text.assemble(*((_plain((text, style)), _TERMINAL[style]) for text, style in made.text))
        for part in text.wrap(console, max(WIDTH_MIN, console.width - label.cell_len)) or [text]:
            console.print(label + part, soft_wrap=True)
            label = Text(" " * label.cell_len)
