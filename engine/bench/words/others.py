"""What other bridges do to tell which words were heard, to compare with.

All of them know the transcript and when the audio began; the proportional one also how long it is.
"""

import re
from collections.abc import Callable

from engine.core.audio import SAMPLES_PER_MS
from engine.core.heard import Alignment, Word

SYLLABLES_PER_S = 3.83
"""LiveKit agents' transcript synchroniser. It counts with a hyphenation table; here a syllable is a run of vowels."""
CHARACTERS_PER_S = 14.5


def whole_text(pcmu: bytes, text: str) -> Alignment:
    """Everything that was generated is taken as heard at once."""
    return _placed(text, [0.0] * len(text.split()))


def proportional(pcmu: bytes, text: str) -> Alignment:
    """Characters over the whole duration."""
    ends = _characters(text)
    return _placed(text, [end / ends[-1] * len(pcmu) / SAMPLES_PER_MS for end in ends])


def characters_rate(pcmu: bytes, text: str) -> Alignment:
    """So many characters a second."""
    return _placed(text, [end / CHARACTERS_PER_S * 1000 for end in _characters(text)])


def syllables_rate(pcmu: bytes, text: str) -> Alignment:
    """So many syllables a second."""
    ends, syllables = [], 0
    for word in text.split():
        syllables += max(1, len(re.findall("[aeiouyáàäéèëíìïóòöúùü]+", word.lower())))
        ends.append(syllables / SYLLABLES_PER_S * 1000)
    return _placed(text, ends)


OTHERS: dict[str, Callable[[bytes, str], Alignment]] = {
    "whole text kept": whole_text,
    f"{SYLLABLES_PER_S} syllables/s": syllables_rate,
    f"{CHARACTERS_PER_S} characters/s": characters_rate,
    "characters over duration": proportional,
}


def _characters(text: str) -> list[int]:
    """How many characters of the text each word ends at, counting one for each gap."""
    ends, end = [], -1
    for word in text.split():
        end += 1 + len(word)
        ends.append(end)
    return ends


def _placed(text: str, ends_ms: list[float]) -> Alignment:
    tokens = text.split()
    starts_ms = [0.0, *ends_ms[:-1]]
    words = [Word(*each) for each in zip(tokens, map(round, starts_ms), map(round, ends_ms), strict=True)]
    return Alignment(text, words, len(words), 0.0, "characters")
