# ruff: noqa: RUF001 - look-alikes are the point here
"""A transcript taken apart into pieces, each with what is left of it to be said: no markup, no quotes, plain signs."""

import re
import unicodedata
from typing import Literal

import msgspec

from engine.core.heard.languages import Guess

Unit = Literal["word", "character"]
TEXT_MAX = 200
"""Of one token: to say more would take over ten seconds. The rest is part of the token, but is not looked for."""


class Piece(msgspec.Struct):
    """A token on its way. `bare`: what is left of it to be said; `dotted`: a full stop follows that."""

    text: str
    bare: str
    dotted: bool
    guess: Guess | None = None


UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0x3005, 0x3007)),
    *((0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F)),
    *((0xF900, 0xFAFF), (0xFF66, 0xFF9D), (0x20000, 0x323AF)),
)
"""Thai and Lao, Myanmar, Khmer, Tai Le and New Tai Lue, Tai Tham, kana, Han, Myanmar's extensions."""
MARKUP = (
    r"</?[A-Za-z][^<>]{0,200}>"
    r"|\[(?=[^\[\]]{0,200}\]\()|(?<=\])\([^()\s]{0,500}\)"
    r"|\[[a-z]+(?: [a-z]+){0,2}\]"
)
"""A tag; the opening of a link's text, and its address; a stage direction."""


def pieces_of(transcript: str) -> tuple[list[Piece], Unit]:
    """The tokens of a transcript, and what they are."""
    unit: Unit = "character" if _is_unspaced(transcript) else "word"
    said = transcript
    if "<" in said or "[" in said:
        said = re.sub(MARKUP, lambda match: " " * len(match[0]), said)
    found = []
    for match in re.finditer(r"\S+", transcript):
        for start, end in [match.span()] if unit == "word" else _characters(transcript, *match.span()):
            text = normal(said[start : min(end, start + TEXT_MAX)])
            at_start = transcript[max(0, start - 8) : start].rstrip(" \t")[-1:] in ("", "\n")
            dotted = text.rstrip(CLOSING).endswith(".")
            found.append(Piece(transcript[start:end], bare(text, at_start=at_start), dotted))
    return found, unit


def _unspaced(letter: str) -> bool:
    code = ord(letter)
    return code >= 0x0E00 and any(first <= code <= last for first, last in UNSPACED)


def _is_unspaced(transcript: str) -> bool:
    if transcript.isascii():
        return False
    letters = [letter for letter in transcript if letter.isalpha()]
    return 2 * len([letter for letter in letters if _unspaced(letter)]) > len(letters)


def _characters(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The spans of single characters, each with the marks and the punctuation that follow it. What comes first takes
    these in front too. Letters and digits of other scripts stay together, with the signs inside them: 25.50, GPT-4."""
    spans: list[tuple[int, int]] = []
    begin, before, has_letter = start, "", False
    for at in range(start, end):
        letter = text[at]
        kind = "" if not letter.isalnum() else "character" if _unspaced(letter) else "run"
        if (
            before == "run"
            and letter in ".,:-'@/_"
            and at + 1 < end
            and text[at + 1].isascii()
            and text[at + 1].isalnum()
        ):
            kind = "run"
        if has_letter and (kind == "character" or (kind == "run" and before != "run")):
            spans.append((begin, at))
            begin, has_letter = at, False
        before, has_letter = kind, has_letter or bool(kind)
    return [*spans, (begin, end)]


TYPED = str.maketrans({**dict.fromkeys("‘’ʼ´`′", "'"), **dict.fromkeys("‐‑‒–—―−﹣", "-"), "⁄": "/", "″": '"', "×": "x"})


UNSAID = frozenset(("So", "Cc", "Cf", "Cs", "Co", "Cn"))
"""Categories of characters that are no part of what is said: emoji and other pictures, controls, and what this Python
has not heard of yet, for the next one may."""


def normal(text: str) -> str:
    """Plain quotes, dashes and digits, composed letters; without what is invisible. 2½ is 2&1/2."""
    if text.isascii():
        return text
    parts: list[str] = []
    for letter in text.translate(TYPED):
        if letter.isdecimal():
            parts.append(str(unicodedata.decimal(letter)))
        elif unicodedata.category(letter) == "No" and parts and parts[-1].isdigit():
            parts.append(("&" if letter in "¼½¾⅓⅔⅛⅜⅝⅞" else "") + letter)
        elif letter in "°℃℉№" or unicodedata.category(letter) not in UNSAID:
            parts.append(letter)
    return unicodedata.normalize("NFKC", "".join(parts)).translate(TYPED)


CLOSING = "\"'”’»›)]}*_`~」』】）>"
AROUND = CLOSING + " ([{<|«‹›„“‚¿¡.,;:!?-/\\=^…、。，！？；：「『【〈〉《》（।؟،؛"
"""Punctuation that is not said at the ends of a token."""
ALONE = "&+=@%$€£¥₹"
STRONG, WEAK = ".?!…。！？।؟‽", ",;:-–—،؛、，；：・"
"""What ends a sentence, and what ends a clause."""


SIGNS_BEFORE = ("-", ".", "#", "@")


def bare(text: str, *, at_start: bool = False) -> str:
    """A token without the punctuation around it. At the start of a line # and * are Markdown,
    elsewhere a telephone's keys."""
    if text.isalpha():
        return text
    text = text.strip()
    if text in ALONE:
        return text
    ended = text.rstrip(AROUND.replace("*", ""))
    if ended in ("#", "*"):
        return "" if at_start else ended
    ended = text.rstrip(AROUND)
    inner = ended.lstrip(AROUND + "#@&")
    front = ended[: len(ended) - len(inner)].lstrip("\"'([")
    if inner[:1].isdigit() and (front in SIGNS_BEFORE or (front == "*" and not text.endswith("*"))):
        return front + inner
    if front == "@" or (front == "-" and inner[:1] in ALONE):
        return front + inner
    return inner
