"""Where a turn is cut into subtitles, and a subtitle into its lines.

A turn is cut at every long pause; what is left, as long as it does not fit one subtitle, is cut in two: at the end of a
sentence if it has one, else after a comma, else at a space, else (scripts without spaces) anywhere but before a closing
mark; among equals as near to the middle as can be, and rather not so that one side is gone before it can be read. Lines
are broken by the same rule. Widths are columns of a terminal, in which a Chinese character takes two.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple
from unicodedata import category

from rich.cells import cell_len

LINE_MAX = 42
"""Columns of a line, of which there are at most two, as most guides for subtitles have it."""
CUE_MS_MAX, CUE_MS_MIN = 6_000, 800
PAUSE_MS = 1_000
"""A silence of this length is in no subtitle: what comes after it is not shown before it is said."""
_SENTENCE_ENDS = frozenset(".?!…。?!؟।۔")  # noqa: RUF001  # of other scripts, and meant
_COMMAS = frozenset(",;:—–،؛、,;:")  # noqa: RUF001
_CLOSING = {"Pe", "Pf", "Po"}
_QUOTES = "\"'”’»)]」』)"  # noqa: RUF001


class Token(NamedTuple):
    """What is never broken, and when it was heard. `gap`: a space stands before it."""

    text: str
    gap: bool
    from_ms: int
    to_ms: int


def pieces(tokens: Sequence[Token], indent: int) -> Iterator[Sequence[Token]]:
    """A turn in pieces that each make one subtitle. `indent`: columns to be left free on the very first line."""
    begin = 0
    for index, (one, other) in enumerate(pairwise(tokens), 1):
        if other.from_ms - one.to_ms >= PAUSE_MS:
            yield from _cut(tokens[begin:index], 0 if begin else indent)
            begin = index
    yield from _cut(tokens[begin:], 0 if begin else indent)


def lines_of(tokens: Sequence[Token], indent: int) -> list[str]:
    """The one or two lines of a subtitle; none if two are not enough."""
    before = _widths(tokens)
    if indent + before[-1] <= LINE_MAX:
        return [_text(tokens)]
    fitting = [
        index
        for index in range(1, len(tokens))
        if indent + before[index] <= LINE_MAX and before[-1] - before[index] - tokens[index].gap <= LINE_MAX
    ]
    if not fitting:
        return []
    best = min(fitting, key=lambda index: (_rank(tokens, index), abs(indent + 2 * before[index] - before[-1])))
    return [_text(tokens[:best]), _text(tokens[best:])]


def _cut(tokens: Sequence[Token], indent: int) -> Iterator[Sequence[Token]]:
    begin_ms, end_ms = tokens[0].from_ms, tokens[-1].to_ms
    if len(tokens) == 1 or (end_ms - begin_ms <= CUE_MS_MAX and lines_of(tokens, indent)):
        yield tokens
        return
    before = _widths(tokens)

    def badness(index: int) -> tuple[bool, int, int]:
        shorter_ms = min(tokens[index - 1].to_ms - begin_ms, end_ms - tokens[index].from_ms)
        return shorter_ms < CUE_MS_MIN, _rank(tokens, index), abs(2 * before[index] - before[-1])

    best = min(range(1, len(tokens)), key=badness)
    yield from _cut(tokens[:best], indent)
    yield from _cut(tokens[best:], 0)


def _rank(tokens: Sequence[Token], index: int) -> int:
    """How bad it is to break before a token: 0, not at all."""
    gap, last = tokens[index].gap, tokens[index - 1].text.rstrip(_QUOTES)[-1:]
    if category(tokens[index].text[0]) in _CLOSING and not gap:
        return 4
    if gap or cell_len(last) == 2:  # inside an address, say, a point ends no sentence; a Chinese one always does
        if last in _SENTENCE_ENDS:
            return 0
        if last in _COMMAS:
            return 1
    return 2 if gap else 3


def _widths(tokens: Sequence[Token]) -> list[int]:
    """The columns before each token, without the space that stands before it, and of all."""
    sizes = (cell_len(token.text) + (token.gap and index > 0) for index, token in enumerate(tokens))
    return [0, *accumulate(sizes)]


def _text(tokens: Sequence[Token]) -> str:
    return "".join(f"{' ' if token.gap else ''}{token.text}" for token in tokens).lstrip()
