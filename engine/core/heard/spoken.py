"""How one token may be said, in one language: its shape is recognised, and a number module gives the words.

Shapes are tried from the most particular to the least. What none of them knows is taken apart at its signs, and the
pieces are said one after another. Text comes here normalised (plain.py): no quotes around it, ASCII digits and dashes.
"""

import re
import unicodedata
from collections.abc import Callable

from engine.core.heard.amounts import (
    SCALES,
    clock,
    counted,
    date,
    decade,
    dotted_date,
    feet,
    filed_date,
    measured,
    money,
    ordinal,
    plain,
    quantity,
    short_date,
)
from engine.core.heard.codes import PIECES_MAX, VOWELS, address, code, spelt, toll_free
from engine.core.heard.phrases import each
from engine.core.heard.speech import Asked


def spoken(asked: Asked) -> list[str]:
    """The ways of saying it, likeliest first; none if it is not said."""
    text = asked.text
    if asked.language == "other":
        return wildcards(text)
    if text.isalpha():
        return word(asked)
    if text in asked.say.KEYS:
        return asked.say.KEYS[text].split("|")
    if text[0] == "-" and len(text) > 1:
        return each(asked.say.KEYS["-"].split("|"), spoken(asked.part(text[1:])))
    for shape, handler in SHAPES:
        match = re.fullmatch(shape, text, re.IGNORECASE)
        ways = handler(match, asked) if match else []
        if ways:
            return ways
    return pieces(asked)


def wildcards(text: str) -> list[str]:
    """A language whose numbers are not known: four letters for a digit, five for a percent or currency sign."""
    said = []
    for letter in text.lower():
        kind = unicodedata.category(letter)
        if letter.isdigit():
            said.append(" **** ")
        elif letter == "%" or kind == "Sc":
            said.append(" ***** ")
        else:
            said.append(letter if kind[0] in "LM" else "" if letter == "'" else " ")
    return ["".join(said)]


# Words


def word(asked: Asked) -> list[str]:
    """Letters alone: a word, an abbreviation, a unit, or capitals, which are spelt (ID) or said (ZIP)."""
    text, low, say = asked.text, asked.text.lower(), asked.say
    itself = [] if VOWELS.isdisjoint(low) else [low]
    full = say.ABBREVIATIONS.get(low, "") if len(text) > 1 or asked.dotted or text.islower() else ""
    if full and (
        asked.dotted or not itself or (text[0].isupper() and text[1:].islower() and full in (*say.DAYS, *say.MONTHS))
    ):
        return [*full.split("|"), *itself]
    if re.fullmatch(NUMBER, asked.before) and low in say.UNITS and low not in NOT_ALONE:
        return [*say.UNITS[low].split("|"), *itself]
    if low in SCALES and asked.before[:1] in CURRENCY_SIGNS:
        return [f"{low} {say.SYMBOLS[asked.before[0]]}"]
    if asked.language == "de" and asked.dotted and low.endswith("str"):
        return [f"{low[:-3]}straße"]
    if 3 <= len(text) <= 5 and text[-1] == "s" and text[:-1].isupper():
        return [say.plural_letters(low[:-1]), *itself]
    if text in say.CAPITALS:
        return [say.spell(low), say.CAPITALS[text], *itself]
    if len(text) == 1 and not itself and asked.language != "en":
        return [say.spell(low)]
    if not text.isascii() or len(text) == 1:
        return [low]
    if not itself:
        return [say.spell(low), low] if text.isupper() else [low, say.spell(low)]
    if text.isupper() and len(text) <= 4:
        sayable = len(text) == 4 or (len(text) == 3 and text[0] not in "AEIOU" and text[1] in "AEIOU")
        return [low, say.spell(low)] if sayable else [say.spell(low), low]
    return [low]


CURRENCY_SIGNS = ("$", "€", "£", "¥", "₹")
NOT_ALONE = ("in", "te", "er")
"""Units that are another word where they do not touch their number."""


def contraction(match: re.Match[str], asked: Asked) -> list[str]:
    """I'll: the apostrophe is no sound. TV's: capitals are spelt."""
    joined = match[0].replace("'", "").lower()
    owner = match[0][:-2]
    if match[0].endswith("'s") and len(owner) > 1 and owner.isupper():
        return [asked.say.plural_letters(owner.lower()), joined]
    return [joined]


# Several in one


def span(match: re.Match[str], asked: Asked) -> list[str]:
    """10-12, 9am-5pm, $5-$10: from one to the other. Longer plain numbers are rather a telephone's."""
    start, end = match.groups()
    first, second = (
        counted(text, asked) if text.isdigit() and len(text) < 4 else spoken(asked.part(text)) for text in (start, end)
    )
    joined = each(first[:2], [asked.say.SYMBOLS["to"]], second[:2])
    if start.isdigit() and end.isdigit() and (max(len(start), len(end)) > 2 or "0" in (start[0], end[0])):
        return code(asked)[:5] + (joined[:3] if len(start) == len(end) else [])
    if start[0] in CURRENCY_SIGNS:
        amounts = each(spoken(asked.part(start[1:]))[:1], [asked.say.SYMBOLS["to"]])
        ends = spoken(asked.part(start[0] + end.lstrip(start[0])))
        return each(amounts, ends[:2]) + joined[:3] + each(first[:1], second[:1])
    return joined + each(first[:1], second[:2])


def onward(match: re.Match[str], asked: Asked) -> list[str]:
    """The middle of "9 a.m.-5 p.m."."""
    rest = spoken(asked.part(match[2]))
    return each(spoken(asked.part(match[1]))[:1], [asked.say.SYMBOLS["to"], ""], rest[:3])


def ratio(match: re.Match[str], asked: Asked) -> list[str]:
    """10:1 is to, 4.8/5 is of. Whole numbers with a slash are rather a telephone's, unless they are marks."""
    first, sign, second = match.groups()
    if sign == "/" and first.isdigit() and second not in ("5", "10", "100"):
        return []
    between = [*asked.say.KEYS["of" if sign == "/" else "ratio"].split("|"), ""]
    return each(quantity(first, asked)[:1], between, quantity(second, asked)[:1])


def numbered(match: re.Match[str], asked: Asked) -> list[str]:
    """#4: the sign may be silent."""
    rest = spoken(asked.part(match[1]))
    return each([asked.say.SYMBOLS["#"]], rest[:5]) + rest[:3]


def by(match: re.Match[str], asked: Asked) -> list[str]:
    """10x15."""
    return each(
        counted(match[1], asked)[:1], [asked.say.KEYS["by"], asked.say.spell("x"), ""], counted(match[2], asked)[:1]
    )


def days(match: re.Match[str], asked: Asked) -> list[str]:
    """Mon-Fri."""
    say = asked.say
    ends = []
    for day in match.groups():
        names = say.ABBREVIATIONS.get(day.lower(), day.lower()).split("|")
        ends += [name for name in names if name in say.DAYS]
    if len(ends) != 2:
        return []
    first, second = ends
    return [f"{first} {between} {second}" for between in (say.SYMBOLS["to"], say.KEYS["through"])] + [
        f"{first} {second}"
    ]


def pieces(asked: Asked) -> list[str]:
    """What no shape knows: a code if digits and short names are mixed, else its words, with the signs between them if
    these are said at all."""
    text = asked.text
    if re.search(r"[0-9]", text) and re.fullmatch(CODE, text) and not re.search(r"[0-9]0s$", text):
        return code(asked)
    ways = [""]
    found = re.findall(PIECE, text)[:PIECES_MAX]
    for at, piece in enumerate(found):
        if piece == text and (len(piece) > 1 or piece.isalnum()):
            return code(asked)
        if piece == "/" and at and found[at - 1][-1].isdigit() and at + 1 < len(found) and found[at + 1].isalpha():
            said = asked.say.KEYS["per"].split("|")
        elif piece.isalpha() and at and found[at - 1] == "/":
            said = spoken(Asked(piece, asked.language, dotted=True))
        elif (piece == "*" and not at) or (piece == "#" and at):
            said = asked.say.KEYS[piece].split("|")
        elif len(piece) > 1 or piece.isalnum():
            said = spoken(asked.part(piece))
        else:
            said = [asked.say.SYMBOLS[piece]] if piece in SAID_SIGNS and piece in asked.say.SYMBOLS else []
        ways = each(ways, said[:3] or [""])
    return [way for way in ways if way]


NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?|[0-9]+(?:[.,][0-9]+)?)"
SCALE = r"(?P<scale>k|mm|m|mn|mln|bn|b|t|mio|mrd)?"
VALUE = rf"([$€£¥₹]?{NUMBER}(?::[0-9][0-9])?(?:am|pm|a\.m\.?|p\.m\.?|%|°|[$€£¥₹]|[a-z]{{2}})?)"
TWO = r"(?P<first>[0-9]{1,2})(?P<sign>[-/.])(?P<second>[0-9]{1,2})"
ENDINGS = (
    "com|org|net|edu|gov|info|biz|io|ai|app|dev|co|me|tv|eu|uk|us|ca|au|de|at|ch|es|mx|ar|cl|fr|it|nl|pdf|html|txt"
)
CODE = r"[-./+()]*(?:(?:[0-9]+(?![0-9])|[A-Za-z]{1,3}(?![A-Za-z])|[A-Z]{4,5}(?![A-Za-z]))[-./+()]*)+"
PIECE = (
    r"[$€£¥₹]?[0-9]+(?:[.,:/][0-9]+)*(?:[%$€£¥₹]|°[CcFf]?|(?:st|nd|rd|th|s|am|pm)\b)?"
    r"|[^\W\d_]+(?:'[^\W\d_]+)*|[^\w\s]|_"
)
SAID_SIGNS = "&+=@%$€£¥₹°#"
Handler = Callable[[re.Match[str], Asked], list[str]]
SHAPES: tuple[tuple[str, Handler], ...] = (
    (r"[^\W\d_]+(?:'[^\W\d_]+)+", contraction),
    (r"(?:[^\W\d_][-.])+[^\W\d_]{1,2}|[^\W\d_]/[^\W\d_]", spelt),
    (TWO.replace("-/.", "."), dotted_date),
    (NUMBER, plain),
    (rf"(?:us|ca|au|mx|c|a)?(?P<sign>[$€£¥₹])(?P<text>{NUMBER}|\.[0-9]+){SCALE}", money),
    (rf"(?P<text>{NUMBER}){SCALE}(?P<sign>[$€£¥₹])", money),
    (r"([0-9]{1,2})[:.]([0-9]{2})(uhr)", clock),
    (r"([0-9]{1,2}):([0-9]{2})(?::[0-9]{2})?(am|pm|a\.m|p\.m|h)?", clock),
    (r"([0-9]{1,4})(:)([0-9]{1,4})", ratio),
    (r"([0-9]{4})-([0-9]{2})-([0-9]{2})", filed_date),
    (rf"{TWO}(?:(?P=sign)(?P<year>[0-9]{{4}}|[0-9]{{2}}))", date),
    (TWO.replace("-/.", "/"), short_date),
    (rf"({NUMBER})(/)({NUMBER})", ratio),
    (r"([0-9]{1,9})\.?([a-z]{1,4})", ordinal),
    (r"([0-9]0|[0-9]{3}0)'?s", decade),
    (r"([0-9])'([0-9]{1,2})\"?", feet),
    (rf"(?P<text>{NUMBER})-?(?P<unit>%|°[cf]?|¢|[a-z][a-z/.]*[0-9]?)", measured),
    (rf"{VALUE}-{VALUE}", span),
    (r"([ap]\.m)\.-(\S+)", onward),
    (r"#(.+)", numbered),
    (r"([0-9]{1,5})x([0-9]{1,5})", by),
    (r"([^\W\d_]{2,10})\.?-([^\W\d_]{2,10})", days),
    (rf"(?:https?://|mailto:)\S+|\S+@\S+\.\S+|www\.\S+|[\w-]+(?:\.[\w-]+)*\.(?:{ENDINGS})(?:/\S*)?", address),
    (r"((?:\+?1-)?8[0-9]{2})-([a-z]{4,9})", toll_free),
)
"""Tried in this order. A handler that gives nothing passes the token on."""
