"""A spoken word as a row of units: roughly one unit for each sound, guessed from the spelling alone.

No dictionary: the search only needs to know about how many sounds there are and what the clear ones among them are
like, and a digraph table tells that in any language written in an alphabet. Scripts other than Latin are read by the
names that Unicode gives their letters. What cannot be read is a wildcard, which fits every sound equally.

The units are letters, with `$` for sh, `C` for ch, `N` for ng, `0` for th, `@` for the vowel of "-tion".
"""

import re
import unicodedata
from functools import lru_cache

SILENCE = "_"
WILDCARD = "*"
UNITS = "abdefghijklmnoprstuvwyzCN$0@"
"""All that a word can be made of but the wildcard."""

NAMES = {
    "b": "bee", "c": "see", "d": "dee", "e": "ee", "f": "ef", "g": "jee", "h": "aych", "i": "ai", "j": "jay",
    "k": "kay", "l": "el", "m": "em", "n": "en", "o": "oh", "p": "pee", "q": "kyu", "r": "ar", "s": "es", "t": "tee",
    "u": "yu", "v": "vee", "w": "dublyu", "x": "eks", "y": "wai", "z": "zee",
}  # fmt: skip
"""How a letter is called that stands alone, in English."""


def _rules(*pairs: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), units) for pattern, units in pairs)


GENERAL = _rules(
    ("sch|sh", "$"),
    ("tch|ch", "C"),
    ("[ts]ion", "$@n"),
    ("th", "0"),
    ("ph", "f"),
    ("ck", "k"),
    ("qu", "kw"),
    ("gh", "h"),
    ("wh", "w"),
    ("ng", "N"),
    ("c(?=[eiy])", "s"),
    ("c", "k"),
    ("x", "ks"),
    ("q", "k"),
    (r"([b-df-hj-np-tv-z])\1", r"\1"),
)
RULES = {
    "en": (*_rules(("(?<=[a-z]{2}[bcdfghjklmnpqrstvwxz])e$", "")), *GENERAL),
    "es": (*_rules(("ll", "y")), *GENERAL),
    "de": (*_rules(("w", "v"), ("tz|z", "ts"), ("j", "y")), *GENERAL),
}
"""What a spelling comes to, rule after rule. In English a last e is mute, in a word of more than three letters."""

SYLLABIC = (
    *("HANGUL", "HIRAGANA", "KATAKANA", "ETHIOPIC", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL"),
    *("TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "TIBETAN"),
)
"""Scripts whose signs are called as they sound. Elsewhere a letter has a name that begins with its sound, or, like EL,
ends with it."""
IDEOGRAPH = 3 * WILDCARD
NAME_ENDS_WITH_SOUND = re.compile("e[flmnrs]")
NAME_BEGINS_WITH_SOUND = re.compile("[bcdfghjklmnpqrstvwxyz]+|[aeiou]")


@lru_cache(maxsize=4096)
def letters(word: str, language: str) -> str:
    """The units of `word`, which is lower case; empty if nothing in it is said."""
    plain = _latin(word)
    if language == "en" and len(plain) == 1:
        plain = NAMES.get(plain, plain)
    for pattern, units in RULES.get(language, GENERAL):
        plain = pattern.sub(units, plain)
    return plain


def _latin(word: str) -> str:
    """The word in a to z and wildcards."""
    if word.isascii():
        return "".join(letter for letter in word if "a" <= letter <= "z" or letter == WILDCARD)
    made = ""
    for letter in unicodedata.normalize("NFC", word):
        base = unicodedata.normalize("NFD", letter)[0].lower()
        if "a" <= base <= "z" or base == WILDCARD:
            made += base
        elif letter == "ß":
            made += "ss"
        else:
            name = unicodedata.name(letter, "")
            if name.startswith(SYLLABIC) and ("VOWEL SIGN" in name or "VIRAMA" in name):
                made = made.removesuffix("a")  # the vowel that a sign has of itself gives way to this one
            made += _sound(name) if letter.isalpha() or "VOWEL SIGN" in name else ""
    return made


def _sound(name: str) -> str:
    """What a letter of this Unicode name sounds like: CYRILLIC SMALL LETTER BE is b, DEVANAGARI LETTER KA is ka."""
    if name.startswith("CJK"):
        return IDEOGRAPH
    called = name.partition(" WITH ")[0].split()[-1:]
    if not called or not called[0].isascii() or not called[0].isalpha():
        return WILDCARD
    sound = called[0].lower()
    if name.startswith(SYLLABIC):
        return sound
    if sound == "sign":  # of Cyrillic: hard or soft, and not a sound
        return ""
    if NAME_ENDS_WITH_SOUND.fullmatch(sound):
        return sound[1:]
    begins = NAME_BEGINS_WITH_SOUND.match(sound)
    return begins[0] if begins else WILDCARD
