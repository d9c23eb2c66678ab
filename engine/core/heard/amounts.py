"""Quantities, money, times and dates: what is written in digits and said in words. See spoken.py."""

import re

from engine.core.heard.codes import code
from engine.core.heard.languages import Language
from engine.core.heard.phrases import each, words
from engine.core.heard.speech import Asked

SCALES = frozenset(words("hundred thousand million billion trillion mil millón millones tausend millionen"))
"""Words between a number and its unit: $20 million is twenty million dollars."""


def amount(text: str, language: Language) -> tuple[str, str, bool]:
    """Whole part, decimals, and whether thousands were marked. Three digits after a sign are thousands if the language
    writes them so: "1.234" is more than a thousand in German alone."""
    seen = [sign for sign in text if sign in ",."]
    if not seen:
        return text, "", False
    whole, _, rest = text.rpartition(seen[-1])
    thousands = "," if language == "en" else "."
    is_whole = len(rest) == 3 and whole[:1] != "0" and (seen[-1] == thousands or len(seen) > 1) and len(set(seen)) == 1
    digits = re.sub(r"[,.]", "", whole)
    return (digits + rest, "", True) if is_whole else (digits, rest, len(seen) > 1)


def quantity(text: str, asked: Asked) -> list[str]:
    """A number with its signs: 1,234 or 3.5 or 62."""
    whole, decimals, marked = amount(text, asked.language)
    if decimals:
        ways = asked.say.decimal(whole[:15], decimals[:15])
        # Who writes 1,234 in Spanish may be from where the comma marks thousands.
        is_doubtful = len(decimals) == 3 and whole[:1] not in ("", "0") and len(whole) < 4
        return ways + asked.say.grouped(int(whole + decimals)) if is_doubtful else ways
    return asked.say.grouped(int(whole)) if marked and len(whole) <= 15 else asked.say.number(whole)


def counted(text: str, asked: Asked) -> list[str]:
    """A number that counts something, and so is not read digit by digit."""
    return asked.say.grouped(int(text)) if text.isdigit() and len(text) <= 15 else quantity(text, asked)


def plain(match: re.Match[str], asked: Asked) -> list[str]:
    """A number: a quantity, or the day of a month that is named beside it."""
    text, language = match[0], asked.language
    ways = quantity(text, asked)
    if len(text) > 2 or not 0 < int(text) <= 31:
        return ways
    ordinals = asked.say.ordinal(int(text))
    after_month = any(asked.before == name or asked.before == name[:3] for name in asked.say.MONTHS[1:])
    if language == "en" and after_month:
        return ordinals + ways
    before_month = asked.after in asked.say.MONTHS
    if language == "en" and before_month:
        return [*ways[:1], *ordinals, f"{ordinals[0]} of"]
    if language == "de" and (before_month or (asked.dotted and asked.after)):
        return ordinals + ways
    if language == "es" and text == "1":
        return [*ways, "primero"]
    return ways


def money(match: re.Match[str], asked: Asked) -> list[str]:
    """$9.05, 23,50€, $1.5M; with "million" as the next word the unit is said after that."""
    sign, text, scale = match["sign"], match["text"], match["scale"]
    whole, decimals, _ = amount(text, asked.language)
    if len(whole) > 15:
        return []
    if len(decimals) == 3 and whole[:1] not in ("", "0"):
        whole, decimals = whole + decimals, ""
    unit = asked.say.SYMBOLS[sign]
    if scale:
        return each(quantity(text, asked), [asked.say.SCALE_WORDS.get(scale.lower(), scale.lower())], [unit])
    if asked.after in SCALES:
        return quantity(text, asked)
    if decimals and len(decimals) != 2:
        return each(asked.say.decimal(whole, decimals[:15]), [unit])
    return asked.say.money(sign, int(whole or 0), int(decimals) if decimals else None)


def measured(match: re.Match[str], asked: Asked) -> list[str]:
    """5kg, 20%, 10am, 3x. A single letter may also be a part of a name: 16C."""
    text, unit = match["text"], match["unit"]
    names = asked.say.UNITS.get(unit.lower().rstrip("."))
    if names is None:
        return []
    ways = each(counted(text, asked)[:3], names.split("|"))
    if len(unit) > 1 or not unit.isalpha():
        return ways
    named = code(asked)
    return named[:3] + ways if unit.isupper() else ways[:4] + named


def feet(match: re.Match[str], asked: Asked) -> list[str]:
    """5'10"."""
    foot, inch = (asked.say.cardinal(int(part)) for part in match.groups())
    return [f"{foot} {inch}", f"{foot} foot {inch}", f"{foot} feet {inch} inches", f"{foot} foot {inch} inches"]


ORDINAL_ENDINGS: dict[Language, str] = {
    "en": "st nd rd th",
    "es": "o a er ro ra do da to ta mo ma vo va no na",
    "de": "te ten ter tes tem ste sten ster er",
}


def ordinal(match: re.Match[str], asked: Asked) -> list[str]:
    """21st, 3.º, 3ter."""
    n, ending = int(match[1]), match[2].lower()
    return asked.say.ordinal(n) if ending in ORDINAL_ENDINGS[asked.language].split() else []


def decade(match: re.Match[str], asked: Asked) -> list[str]:
    """1990s, 20s; the latter may be seconds too."""
    if asked.language != "en":
        return []
    first = asked.say.number(match[1])[0]
    tens = f"{first[:-1]}ies" if first.endswith("y") else f"{first}s"
    return [tens] if len(match[1]) == 4 else [tens, f"{first} seconds"]


def clock(match: re.Match[str], asked: Asked) -> list[str]:
    """7:30, 7:30pm, 10.30Uhr."""
    hour, minute, ending = int(match[1]), int(match[2]), (match[3] or "").lower()
    if hour > 24 or minute > 59:
        return []
    ways = asked.say.clock(hour, minute)
    if not ending or ending == "uhr":
        return ways
    return each(ways[:4], asked.say.UNITS.get(ending, "").split("|"))


def date(match: re.Match[str], asked: Asked) -> list[str]:
    """12/31/2025, 31.12.2025, 3/6: month first in English, unless there is no such month."""
    first, second = int(match["first"]), int(match["second"])
    month, day = (first, second) if asked.language == "en" and first <= 12 else (second, first)
    if not (0 < month <= 12 and 0 < day <= 31):
        return []
    year = match.groupdict().get("year")
    if not year:
        return asked.say.date(None, month, day)
    return asked.say.date(int(year) if len(year) == 4 else 2000 + int(year), month, day)


def short_date(match: re.Match[str], asked: Asked) -> list[str]:
    """Two numbers and a slash: 3/6 is a date, 1/2 a fraction or a date, 24/7 simply two numbers."""
    over, under = int(match["first"]), int(match["second"])
    names = [asked.say.number(match["first"])[0], asked.say.number(match["second"])[0]]
    dates, both = (
        date(match, asked)[:3],
        [" ".join(names), *each(names[:1], asked.say.KEYS["of"].split("|")[:1], names[1:])],
    )
    slashed = f"{names[0]} {asked.say.SYMBOLS['/']} {names[1]}"
    if 0 < over < under and under in (2, 3, 4, 5, 8, 10, 16) and "0" not in (match["first"][0], match["second"][0]):
        return [*asked.say.fraction(over, under), *dates, slashed, *both]
    return [*both, *dates, slashed] if over > 12 and asked.language == "en" else [*dates, *both, slashed]


def dotted_date(match: re.Match[str], asked: Asked) -> list[str]:
    """3.6. is a date in German alone, and even there it may be a decimal."""
    return date(match, asked)[:4] + quantity(match[0], asked) if asked.language == "de" else []


def filed_date(match: re.Match[str], asked: Asked) -> list[str]:
    """2025-12-31."""
    year, month, day = (int(part) for part in match.groups())
    return asked.say.date(year, month, day) if 0 < month <= 12 and 0 < day <= 31 else []
