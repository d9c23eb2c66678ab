"""What was said, taken apart for full-text search: the index and whoever searches without one must take it apart alike.

A term is a word without capitals, accents and compatibility forms: "Café" and "cafe" are one. Scripts that write no
spaces between words have no words to look for, and in Korean particles hang on them; there every character is a term,
and a word is found as a phrase of characters. So whoever asks for `折扣` finds it in the middle of a sentence.

SQLite's own tokenizers do not do this. The index is given terms with spaces between them, and a tokenizer that does
nothing but split there (`TOKENIZER`).
"""

import unicodedata
from typing import NamedTuple

from engine.core.heard.plain import UNSPACED

TOKENIZER = "ascii"
"""Takes every character beyond ASCII for a letter, and of ASCII letters and digits."""
_HANGUL = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xAC00, 0xD7FF))
_SINGLE = (*UNSPACED, *_HANGUL)
_ACCENTS = range(0x300, 0x370)
"""Marks that Latin, Greek and Cyrillic letters may be written without. Others make another letter."""


class Term(NamedTuple):
    """A term, and where in the text it stands."""

    text: str
    begin: int
    end: int


Phrase = tuple[str, ...]
"""Terms that follow each other."""


def terms(text: str) -> list[Term]:
    """The terms of a text, in their order. Never raises."""
    found = []
    begin = None
    is_single = False
    for at, char in enumerate(text):
        kind = unicodedata.category(char)[0]
        if kind == "M":
            continue  # belongs to the letter before it
        is_letter = kind in "LN"
        goes_on = is_letter and not is_single and not _is_single(char)
        if begin is not None and not goes_on:
            found.append(_term(text, begin, at))
            begin = None
        if is_letter and begin is None:
            begin, is_single = at, _is_single(char)
    if begin is not None:
        found.append(_term(text, begin, len(text)))
    return [term for term in found if term.text]


def phrases(query: str) -> list[Phrase]:
    """What a person who typed `query` looks for, all of it: each word, and each "phrase in quotes". Empty where there
    is no letter and no digit in it."""
    parts = []
    for number, part in enumerate(query.split('"')):
        parts += [part] if number % 2 else part.split()
    return [phrase for part in parts if (phrase := tuple(term.text for term in terms(part)))]


def places(text: str, wanted: list[Phrase]) -> list[tuple[int, int]] | None:
    """Where in a text each phrase first stands, or None if one of them does not."""
    held = terms(text)
    found = []
    for phrase in wanted:
        at = _first(held, phrase)
        if at is None:
            return None
        found.append((held[at].begin, held[at + len(phrase) - 1].end))
    return found


def indexed(text: str) -> str:
    """A text as the index holds it."""
    return " ".join(term.text for term in terms(text))


def _first(held: list[Term], phrase: Phrase) -> int | None:
    starts = range(len(held) - len(phrase) + 1)
    return next((at for at in starts if all(held[at + n].text == term for n, term in enumerate(phrase))), None)


def _term(text: str, begin: int, end: int) -> Term:
    """A word in its plainest form. A few letters stand for something with a space or a bracket in it: that goes."""
    letters = unicodedata.normalize("NFKD", text[begin:end])
    bare = "".join(char for char in letters if ord(char) not in _ACCENTS and unicodedata.category(char)[0] in "LNM")
    return Term(unicodedata.normalize("NFKC", bare.casefold()), begin, end)


def _is_single(char: str) -> bool:
    code = ord(char)
    return code >= _SINGLE_MIN and any(first <= code <= last for first, last in _SINGLE)


_SINGLE_MIN = min(first for first, _ in _SINGLE)
