"""Names of things: telephone numbers, bookings, flats, e-mail and web addresses. Their letters and digits are spelt, or
read in groups, and the signs between them are said or not. See spoken.py."""

import re
from collections.abc import Callable

from engine.core.heard.phrases import each
from engine.core.heard.speech import Asked, Speech

PIECES_MAX = 60
"""Of one token. More would take half a minute to say."""
VOWELS = frozenset("aeiouyáéíóúäöüàèìòùâêîôû")


def code(asked: Asked) -> list[str]:
    """Letters and digits that name something. Each way is one style for all of its digits: nobody mixes them."""
    found = re.findall(r"[0-9]+|[^\W\d_]+|[^\w\s]", asked.text)[:PIECES_MAX]
    is_long = any(len(piece) > 2 for piece in found if piece.isdigit())
    is_round = any(piece in ROUND for piece in found)
    styles = [_one_by_one, _oh, *([_hundreds, _hundreds_oh] if is_round else [_natural]), _short_last]
    if not is_long:
        styles = [_natural, _one_by_one]
    ways = [_styled(found, asked, style, signs=False) for style in styles]
    if any(sign in found for sign in "-./"):
        marked = [_styled(found, asked, style, signs=True) for style in styles[:: 2 if is_long else 1][:2]]
        # Where there are letters the signs are often said, in a telephone number hardly ever.
        at = len(styles) if all(not piece.isalpha() for piece in found) else 3
        ways[at:at] = marked
    if "+" in found:
        ways += [way.removeprefix(asked.say.SYMBOLS["+"]).strip() for way in ways[:2]]
    return ways


SMALL_WORDS = ("on", "to", "of", "in", "by", "up", "no")
"""1-on-1: of two letters, and yet not spelt."""
ROUND = ("500", "800", "900")
Style = Callable[[str, Speech, bool], str]


def _styled(found: list[str], asked: Asked, style: Style, *, signs: bool) -> str:
    said = []
    for at, piece in enumerate(found):
        if piece.isdigit():
            said.append(style(piece, asked.say, at == len(found) - 1))
        elif piece.isalpha():
            said.append(_letters(piece, asked.say))
        elif piece == "+" or (signs and piece in "-./"):
            said.append(asked.say.SYMBOLS[piece])
    return " ".join(said)


def _letters(piece: str, say: Speech) -> str:
    """Capitals, and what cannot be said, are spelt."""
    low = piece.lower()
    if piece in SMALL_WORDS:
        return piece
    spelt = len(piece) <= 2 or (piece.isupper() and len(piece) <= 4) or VOWELS.isdisjoint(low)
    return say.spell(low) if spelt else low


def _one_by_one(digits: str, say: Speech, last: bool) -> str:
    return say.digits(digits)[0]


def _oh(digits: str, say: Speech, last: bool) -> str:
    return say.digits(digits)[-1]


def _natural(digits: str, say: Speech, last: bool) -> str:
    return say.number(digits)[0]


def _hundreds(digits: str, say: Speech, last: bool) -> str:
    """1-800-555-0142: one eight hundred, five five five ..."""
    return say.cardinal(int(digits)) if digits in ROUND else say.digits(digits)[0]


def _hundreds_oh(digits: str, say: Speech, last: bool) -> str:
    return say.cardinal(int(digits)) if digits in ROUND else say.digits(digits)[-1]


def _short_last(digits: str, say: Speech, last: bool) -> str:
    """555-0142: five five five, oh one, forty two."""
    if not last or len(digits) != 4:
        return say.digits(digits)[0]
    halves = (digits[:2], digits[2:])
    return " ".join(say.digits(half)[-1] if half[0] == "0" else say.number(half)[0] for half in halves)


def address(match: re.Match[str], asked: Asked) -> list[str]:
    """An e-mail or a web address: its words, and its signs by name."""
    text = re.sub(r"^(?:https?://|mailto:)", "", match[0], flags=re.IGNORECASE)
    found = re.findall(r"[^\W\d_]+|[0-9]+|[^\w\s]|_", text)[:PIECES_MAX]
    ways = []
    for short_is_spelt in (True, False):
        said = [""]
        for piece in found:
            said = each(said, _part_of_address(piece, asked, short_is_spelt))
        ways += said[:4]
    return ways


def _part_of_address(piece: str, asked: Asked, short_is_spelt: bool) -> list[str]:
    low = piece.lower()
    if piece.isdigit():
        return asked.say.number(piece)[:2]
    if not piece.isalpha() or low == "www":
        return [asked.say.SYMBOLS.get(low, "")]
    return [asked.say.spell(low) if VOWELS.isdisjoint(low) or (short_is_spelt and len(low) <= 2) else low]


def toll_free(match: re.Match[str], asked: Asked) -> list[str]:
    """1-800-FLOWERS."""
    name = match[2].lower()
    fronts = code(asked.part(match[1]))
    return each([fronts[2], *fronts[:2]], [name, asked.say.spell(name)])


def spelt(match: re.Match[str], asked: Asked) -> list[str]:
    """S-M-I-T-H, and abbreviations such as U.S., e.g., a.m."""
    low = match[0].lower()
    known = asked.say.ABBREVIATIONS.get(low)
    return known.split("|") if known else [asked.say.spell(re.sub("[-.]", "", low))]
