"""Which word was spoken when, and from that: which words had been heard by then.

An alignment gives every word of a transcript its place in the item's audio. It is made once for a transcript and a
stretch of audio; how much of the audio reached the ear is another question, asked of it any number of times.

The unit is the whitespace-separated token, in its original spelling, so that what was heard is always a prefix of what
was generated. Where a script does not write spaces between words the unit is the character, and `method` says so.
"""

from bisect import bisect_right
from typing import Literal

import msgspec

Method = Literal["letters", "voiced", "characters", "none"]
"""How the times were found. `letters`: the audio was searched for the letters. `voiced`: words spread over the voiced
time in proportion to their length, where the search cannot be trusted. `characters`: the same, character by character.
`none`: there was nothing to place, or nothing to place it in."""


class Part(msgspec.Struct, frozen=True):
    """A spoken word of a token that is read as several: "seven" of "7:30". Empty where it is not known how a language
    reads numbers. `end_ms` None: the audio ends before it."""

    text: str
    end_ms: int | None


class Word(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token and its place in the item's audio. A token that is not spoken is empty, at the end of the one before."""

    text: str
    start_ms: int
    end_ms: int
    parts: list[Part] = []
    """Only of a token that is read as several words."""


class Alignment(msgspec.Struct, frozen=True):
    """Where the words of `transcript` are in its audio.

    `finished`: how many of `words`, from the first, end within the audio that was searched. The next may have begun;
    those after it, and its end, stand at the end of that audio.

    `confidence`: how much better the audio fits these letters than any others. Of right transcripts 99 in 100 are at
    0.5 or above, of wrong ones 95 in 100 below 0.7; noise can be anywhere. 0 where nothing was searched.

    `frames_per_letter`: the speaker's rate in this audio, where it could be measured.
    """

    transcript: str
    words: list[Word]
    finished: int
    confidence: float
    method: Method
    frames_per_letter: float | None = None


class Partial(msgspec.Struct, frozen=True):
    """A token of several spoken words that was cut: `parts` of `parts_of` were heard, and they were `spoken`."""

    token: str
    spoken: str
    parts: int
    parts_of: int


class Heard(msgspec.Struct, frozen=True):
    """What had been heard: the first `words` words. `text` is a prefix of the transcript, spacing kept."""

    text: str
    words: int
    partial: Partial | None
    method: Method
    confidence: float


def heard(alignment: Alignment, at_ms: float) -> Heard:
    """The words that were over when `at_ms` milliseconds of the item had been played; none of them at 0 or before."""
    count = min(bisect_right(alignment.words, at_ms, key=lambda word: word.end_ms), alignment.finished)
    if not at_ms > 0:
        count = 0
    text = _first_words(alignment, count)
    return Heard(text, count, _partial(alignment, count, at_ms), alignment.method, alignment.confidence)


def _first_words(alignment: Alignment, count: int) -> str:
    end = 0
    for word in alignment.words[:count]:
        end = alignment.transcript.index(word.text, end) + len(word.text)
    return alignment.transcript[:end]


def _partial(alignment: Alignment, count: int, at_ms: float) -> Partial | None:
    if count >= len(alignment.words):
        return None
    word = alignment.words[count]
    spoken = [part.text for part in word.parts if part.end_ms is not None and part.end_ms <= at_ms]
    if not spoken:
        return None
    return Partial(word.text, " ".join(filter(None, spoken)), len(spoken), len(word.parts))
