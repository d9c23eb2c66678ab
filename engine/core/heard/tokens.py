"""A transcript as the units whose times are looked for, each with the ways in which it may be said.

The unit is the whitespace-separated token. Where most letters are of a script that writes no spaces between words (Han,
kana, Thai ...) it is the character. Always: the tokens' texts stand in the transcript in their order, without overlap,
and between them is whitespace alone.

What is not said has no readings: punctuation by itself, emoji, XML tags, [laughs], the address of a Markdown link.
Markdown's own signs (**, _, `, #) are taken off; what stands between them, or in round brackets, is said. Of one token
no more than 200 characters are read: the rest is part of the token, but is not looked for. Any text goes through: what
cannot be read is not said.
"""

import re
import unicodedata

import msgspec

from engine.core.heard.languages import BY_WORD, Guess, Language, count, decide
from engine.core.heard.numbers_de import MONTHS
from engine.core.heard.phrases import READINGS_MAX, words
from engine.core.heard.plain import CLOSING, STRONG, WEAK, Piece, Unit, bare, pieces_of
from engine.core.heard.speech import SPEECH, Asked
from engine.core.heard.spoken import spoken

LETTERS_MAX = 400
"""Of one reading. More would take half a minute to say."""


class Token(msgspec.Struct, frozen=True):
    """One unit of the transcript.

    `punctuation`: 2 if it ends a sentence, 1 a clause, else 0. `readings`: the ways in which it may be said, the
    likeliest first, each a tuple of spoken words in lower case; () if it is not said. In a spoken word "*" is any
    letter. A word of one letter is read by its name in English alone: elsewhere names are written out.
    """

    text: str
    punctuation: int
    readings: tuple[tuple[str, ...], ...]


class Tokens(msgspec.Struct, frozen=True):
    """All units of a transcript, in their order."""

    tokens: list[Token]
    language: Language
    unit: Unit


def tokens(transcript: str) -> Tokens:
    """Take a transcript apart. For any text: it never raises."""
    found, unit = pieces_of(transcript)
    guess = _guess(found)
    return Tokens([_token(found, at, guess) for at in range(len(found))], guess.language, unit)


# Language


def _guess(found: list[Piece]) -> Guess:
    """Of the whole text; and of each sentence with a number in it, which may be in another language."""
    lows = [piece.bare.lower() for piece in found]
    whole = count(lows)
    guess = decide(whole)
    start = 0
    for at, piece in enumerate(found):
        if at + 1 < len(found) and not re.search(r"[.?!]\W*$", piece.text):
            continue
        if any(not low.isalpha() and re.search(r"[0-9%$€£¥]", low) for low in lows[start : at + 1]):
            near = count(lows[start : at + 1])
            if max(near.values()) < 1:
                near = dict.fromkeys(near, 0.0)
            # Wildcards are the worst reading: a stray foreign word in an English text is no reason for them.
            near["other"] *= guess.language == "other"
            here = decide({language: vote + 6 * near[language] for language, vote in whole.items()})
            for inside in found[start : at + 1]:
                inside.guess = here
        start = at + 1
    return guess


# Context

SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹", **{sign: sign for sign in "$€£¥₹"}}
"""Currencies that may stand beside their number as a token."""


def _sign_of(found: list[Piece], at: int) -> str:
    """The currency that the number at `at` takes from a token beside it: after it, or before it if that one's number
    is not the one before."""
    if not _is_amount(found, at):
        return ""
    if at + 1 < len(found) and found[at].text[-1].isalnum() and (sign := SIGNS.get(found[at + 1].bare.lower())):
        return sign
    its_own = _is_amount(found, at - 2) and found[at - 2].text[-1].isalnum()
    if at and not found[at - 1].text.endswith((",", ".", ";")) and not its_own:
        return SIGNS.get(found[at - 1].bare.lower(), "")
    return ""


def _is_amount(found: list[Piece], at: int) -> bool:
    return at >= 0 and re.fullmatch(r"[0-9][0-9.,]*(?:[kKmM]|bn)?", found[at].bare) is not None


def _is_taken(found: list[Piece], at: int) -> bool:
    """Whether this is a currency, or the hour's "Uhr", that the number beside it has said: 10:30 Uhr."""
    low = found[at].bare.lower()
    if low == "uhr":
        return at > 0 and _is_hour(found[at - 1])
    if low not in SIGNS:
        return False
    return (at > 0 and bool(_sign_of(found, at - 1))) or (at + 1 < len(found) and bool(_sign_of(found, at + 1)))


def _is_hour(piece: Piece) -> bool:
    return re.fullmatch(r"[0-9]{1,2}[:.][0-5][0-9]", piece.bare) is not None


# Readings

VOWELS = frozenset("aeiouy")


def _token(found: list[Piece], at: int, whole: Guess) -> Token:
    piece = found[at]
    punctuation = _punctuation(found, at, whole)
    if not piece.bare or _is_taken(found, at):
        return Token(piece.text, punctuation, ())
    before = found[at - 1].bare if at else ""
    after_number = before[-1:].isdigit() or before[:1] in SIGNS
    if _is_plain(piece.bare) and not piece.dotted and not after_number:
        return Token(piece.text, punctuation, ((piece.bare,),))
    return Token(piece.text, punctuation, _readings(found, at, piece.guess or whole))


def _is_plain(text: str) -> bool:
    """A word that is what it looks like, as most are."""
    return text.isascii() and text.isalpha() and text.islower() and not VOWELS.isdisjoint(text)


def _readings(found: list[Piece], at: int, guess: Guess) -> tuple[tuple[str, ...], ...]:
    text, dotted = found[at].bare, found[at].dotted
    before = found[at - 1].bare.lower() if at else ""
    after = found[at + 1].bare.lower() if at + 1 < len(found) else ""
    text = f"{text}{_sign_of(found, at)}"
    if after == "uhr" and _is_hour(found[at]):
        text = f"{text}uhr"
    # Words need one language; what is written in signs is read in all that it may be.
    languages = guess.numbers[:1] if text.isalpha() else guess.numbers
    each = [_words(text, Asked("", language, before, after, dotted)) for language in languages]
    share = READINGS_MAX // (len(each) + 1) if len(each) > 1 else READINGS_MAX
    ways = each[0][: READINGS_MAX - share * (len(each) - 1)]
    for more in each[1:]:
        ways += [way for way in more[:share] if way not in ways]
    return tuple(ways)


def _words(text: str, asked: Asked) -> list[tuple[str, ...]]:
    """The readings of a token in one language, without doubles. Where markup was taken out of it there is a space."""
    first, *rest = text.split()
    ways = spoken(msgspec.structs.replace(asked, text=first))
    for chunk in rest:
        more = spoken(asked.part(bare(chunk))) if bare(chunk) else []
        ways = [f"{way} {more[0]}" for way in ways] if more else ways
    unique = dict.fromkeys(tuple(_letters(way[:LETTERS_MAX]).split()) for way in ways)
    return [way for way in unique if way]


def _letters(way: str) -> str:
    """Spoken words hold letters, with their marks, and wildcards."""
    if way.isascii() and way.replace(" ", "").isalpha():
        return way
    return "".join(letter for letter in way.lower() if letter in " *" or unicodedata.category(letter)[0] in "LM")


# Punctuation

TITLES = frozenset(
    words("mr mrs ms dr prof st vs eg ie e.g i.e nr str hr fr sr sra srta ud uds z.b d.h bzw ca núm tel u.s")
)
"""Abbreviations after which a sentence rarely ends."""


def _punctuation(found: list[Piece], at: int, whole: Guess) -> int:
    text = found[at].text
    if text[-1].isalnum():
        return 0
    ends = text.rstrip(CLOSING)[-1:]
    if not ends or ends not in STRONG + WEAK:
        return 0
    if ends in WEAK:
        return 1
    if ends != "." or at + 1 == len(found) or text.endswith(".."):
        return 2
    return _full_stop(found[at].bare.lower(), found[at + 1].bare, whole)


def _full_stop(low: str, following: str, whole: Guess) -> int:
    """What a full stop is worth within a text: it may belong to an abbreviation, or in German to an ordinal."""
    if low in TITLES or (len(low) == 1 and low.isalpha()):
        return 0
    is_name = following[:1].isupper()
    if re.fullmatch(r"(?:[a-z]\.)+[a-z]", low):
        return 1 if is_name else 0
    if whole.language == "de" and low.isdigit() and len(low) <= 2:
        return 0 if not is_name or following.lower() in MONTHS else 1
    known = any(low in speech.ABBREVIATIONS for speech in SPEECH.values())
    if not known or not following or (is_name and low in BY_WORD):
        return 2
    return 1 if is_name else 0
