"""How many columns of a terminal a text takes, and how to make it take a given number.

Characters of East Asia take two, accents that sit on the letter before them none. Without this every arrow behind a
transcript in Chinese would be out of its lane.
"""

from unicodedata import category, east_asian_width

_FEW = 20
"""Characters that take less room than to say that they were left out."""


def width(text: str) -> int:
    """Columns that a text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def clip(text: str, columns: int) -> str:
    """As much of a text as fits, with an ellipsis where it was cut."""
    if width(text) <= columns:
        return text
    return f"{_first(text, columns - 1)}…" if columns > 0 else ""


def shorten(text: str, most: int) -> str:
    """As much of a text as `most` characters, and how many more there are; all of it, if they are only a few."""
    more = len(text) - most
    return text if more < _FEW else f"{text[:most]}… ({more} more characters)"


def fit(text: str, columns: int) -> str:
    """A text in exactly so many columns: clipped, or filled up with spaces."""
    clipped = clip(text, columns)
    return clipped + " " * (columns - width(clipped))


def wrap(text: str, columns: int) -> list[str]:
    """A text in lines of at most so many columns, broken wherever a line is full."""
    lines = []
    while text:
        line = _first(text, columns) or text[0]
        lines.append(line)
        text = text[len(line) :]
    return lines


def _first(text: str, columns: int) -> str:
    if text.isascii():
        return text[:columns]
    for index, char in enumerate(text):
        columns -= _width(char)
        if columns < 0:
            return text[:index]
    return text


def _width(char: str) -> int:
    if category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(char) in ("W", "F") else 1
