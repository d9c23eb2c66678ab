"""How an English word sounds, from its letters alone: crude, and only for what the dictionary does not have.

The sounds are those of the CMU dictionary (http://www.speech.cs.cmu.edu/cgi-bin/cmudict).
"""

import re
import unicodedata

SOUNDS = {
    "tion": "SH AH N", "sion": "ZH AH N", "eigh": "EY", "ough": "AO", "igh": "AY", "tch": "CH", "dge": "JH",
    "sch": "S K", "ce": "S", "ci": "S IH", "cy": "S IY", "ge": "JH", "gi": "JH IH", "ch": "CH", "sh": "SH",
    "th": "TH", "ph": "F", "wh": "W", "ck": "K", "qu": "K W", "ng": "NG", "kn": "N", "wr": "R", "gh": "G", "ee": "IY",
    "ea": "IY", "oo": "UW", "ou": "AW", "ow": "OW", "oa": "OW", "ai": "EY", "ay": "EY", "ei": "EY", "ey": "IY",
    "ie": "IY", "oi": "OY", "oy": "OY", "au": "AO", "aw": "AO", "ew": "UW", "ue": "UW", "er": "ER", "ir": "ER",
    "ur": "ER", "ar": "AA R", "or": "AO R", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G",
    "h": "HH", "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "OW", "p": "P", "q": "K", "r": "R",
    "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
"""Letters and their sounds."""
_LONGEST_FIRST = re.compile("|".join(sorted(SOUNDS, key=len, reverse=True)))


def spelling(word: str) -> str:
    """As the dictionary has it: lower case, no accents, letters and apostrophes alone."""
    plain = unicodedata.normalize("NFKD", word.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    return re.sub("[^a-z']", "", plain).strip("'")


def from_letters(word: str) -> str:
    """The sounds of a spelling, the longest known groups of letters first. Double letters sound once, a last e not."""
    letters = re.sub(r"([^eo'])\1", r"\1", word.replace("'", ""))
    if re.search("[aeiouy].*[^aeiouy]e$", letters):
        letters = letters.removesuffix("e")
    return " ".join(SOUNDS[found] for found in _LONGEST_FIRST.findall(letters))
