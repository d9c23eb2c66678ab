"""What was said, taken apart for full-text search: the index and whoever searches without one must take it apart alike.

A term is a word without capitals, accents and compatibility forms: "Café" and "cafe" are one. Scripts that write no
spaces between words have no words to look for, and in Korean particles hang on them; there every character is a term,
and a word is found as a phrase of characters. So whoever asks for `折扣` finds it in the middle of a sentence.

What a character is depends on how it was written: 할 may be three of Unicode's, ½ stands for 1/2. So a text is made
plain first, a letter with all that belongs to it at a time, and only then split; each character of the plain text knows
where it came from.

SQLite's own tokenizers do not do this. The index is given terms with spaces between them, and a tokenizer that does
nothing but split there (`TOKENIZER`).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from unicodedata import category, normalize

from engine.core.heard.plain import UNSPACED

TOKENIZER = "ascii"
"""Takes every character beyond ASCII for a letter, and of ASCII letters and digits."""
_HANGUL = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xAC00, 0xD7FF))
_SINGLE = (*UNSPACED, *_HANGUL)
_ACCENTS = range(0x300, 0x370)
"""Marks that Latin, Greek and Cyrillic letters may be written without. Others make another letter."""
_CLUSTER_MAX = 32
"""Characters that are taken for one letter; no language has so many: https://unicode.org/reports/tr15, 12.1."""
_PART = re.compile(r'"([^"]*)"?(\*?)|([^\s"]+)')
"""Of a query: a "phrase in quotes", perhaps with a `*` after it, or a word."""


class Term(NamedTuple):
    """A term, and where in the text it stands."""

    text: str
    begin: int
    end: int


class Phrase(NamedTuple):
    """Terms that follow each other. `is_prefix`: of the last, the beginning is enough."""

    terms: tuple[str, ...]
    is_prefix: bool = False


def terms(text: str) -> list[Term]:
    """The terms of a text, in their order. Never raises."""
    plain, spans = _plain(text)
    found: list[tuple[int, int]] = []
    begin = None
    is_single = False
    for at, char in enumerate(plain):
        if _is(char, "M"):
            continue  # belongs to the letter before it
        is_letter = _is(char, "LN")
        goes_on = is_letter and not is_single and not _is_single(char)
        if begin is not None and not goes_on:
            found.append((begin, at))
            begin = None
        if is_letter and begin is None:
            begin, is_single = at, _is_single(char)
    if begin is not None:
        found.append((begin, len(plain)))
    return [Term(plain[begin:end], spans[begin][0], spans[end - 1][1]) for begin, end in found]


def phrases(query: str) -> list[Phrase]:
    """What a person who typed `query` looks for, all of it: each word, and each "phrase in quotes". A `*` right behind
    one makes it a beginning. Empty where there is no letter and no digit in it."""
    found = []
    for quoted, star, word in _PART.findall(query):
        part = quoted + star + word
        if held := terms(part):
            found.append(Phrase(tuple(term.text for term in held), part.startswith("*", held[-1].end)))
    return found


def places(text: str, wanted: list[Phrase]) -> list[tuple[int, int]] | None:
    """Where in a text each phrase first stands, or None if one of them does not."""
    held = terms(text)
    found = []
    for phrase in wanted:
        at = _first(held, phrase)
        if at is None:
            return None
        found.append((held[at].begin, held[at + len(phrase.terms) - 1].end))
    return found


def indexed(text: str) -> str:
    """A text as the index holds it."""
    return " ".join(term.text for term in terms(text))


def _first(held: list[Term], phrase: Phrase) -> int | None:
    *exact, last = phrase.terms
    for at in range(len(held) - len(exact)):
        end = held[at + len(exact)].text
        if (end.startswith(last) if phrase.is_prefix else end == last) and all(
            held[at + n].text == term for n, term in enumerate(exact)
        ):
            return at
    return None


def _plain(text: str) -> tuple[str, list[tuple[int, int]]]:
    """A text in its plainest form, and for each character of that, from where to where it stands in the text."""
    if text.isascii():
        return text.casefold(), [(at, at + 1) for at in range(len(text))]
    made: list[str] = []
    spans: list[tuple[int, int]] = []
    for begin, end in _clusters(text):
        plain = _plain_letter(text[begin:end])
        made.append(plain)
        spans += [(begin, end)] * len(plain)
    return "".join(made), spans


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Letters, each with what belongs to it."""
    begin = 0
    for at in range(1, len(text)):
        if at - begin == _CLUSTER_MAX or not _belongs(text[at], text[begin:at]):
            yield begin, at
            begin = at
    yield begin, len(text)


@lru_cache(1 << 14)
def _belongs(char: str, before: str) -> bool:
    """To the letter before it: marks, and whatever melts with it, as ﾞ in ｶﾞ and the letters of 할 do."""
    if char.isascii():
        return False
    return _is(char, "M") or normalize("NFKC", before + char) != normalize("NFKC", before) + normalize("NFKC", char)


@lru_cache(1 << 14)
def _plain_letter(cluster: str) -> str:
    """A letter in its plainest form. One that stands for several words (½, ⑴) is none of the word before it; signs,
    also those that show letters (™), are not taken apart."""
    if not _is(cluster[0], "LNM"):
        return cluster[0]
    letters = "".join(char for char in normalize("NFKD", cluster) if ord(char) not in _ACCENTS)
    plain = normalize("NFKC", letters.casefold())
    return plain if all(_is(char, "LNM") for char in plain) else f" {plain} "


def _is(char: str, kinds: str) -> bool:
    """Whether a character is a letter (L), a digit (N), a mark (M)."""
    return category(char)[0] in kinds


def _is_single(char: str) -> bool:
    code = ord(char)
    return code >= _SINGLE_MIN and any(first <= code <= last for first, last in _SINGLE)


_SINGLE_MIN = min(first for first, _ in _SINGLE)
