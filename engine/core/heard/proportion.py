"""Where nothing better can be had: words spread over the voiced time in proportion to their letters.

Right to the word in three cuts of five, where the search is in nine of ten. It needs no model of speech, so it serves
scripts that cannot be read as letters, audio in which no letter fits, and text without spaces.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from engine.core.audio import FRAME_MS

PAUSE_FRAMES = 5
"""A silence of this length is a pause and takes no words; a shorter one is part of a sound."""
QUIET = 8
"""Loudness (see `features`) up to which a frame is silent."""


def spread(
    weights: Sequence[int], loudness: Sequence[float], voiced_all: int | None
) -> tuple[list[tuple[int, int]], int]:
    """Start and end, in ms, of words that take as much of the voiced time as they weigh; and how many end in the audio.

    `loudness`: of every 20 ms. `voiced_all`: how many voiced frames all words will take, where the audio may hold but
    the first of them; None: the words fill the audio. A word that the audio does not reach begins and ends with it.
    """
    stretches = _stretches(loudness)
    spoken = [0, *accumulate(end - begin for begin, end in stretches)]
    total = sum(weights) or 1
    voiced = spoken[-1] if voiced_all is None else voiced_all
    places = [voiced * weight / total for weight in accumulate(weights, initial=0)]
    ends = [_end(place, stretches, spoken) for place in places]
    starts = [_start(place, stretches, spoken) for place in places]
    # A word without weight has no time of its own: it stands where the one before it ended.
    spans = [
        (min(start, end), end) if weight else (last, last)
        for start, end, last, weight in zip(starts, ends[1:], ends, weights, strict=False)
    ]
    return spans, bisect_right(places, spoken[-1]) - 1


def _stretches(loudness: Sequence[float]) -> list[tuple[int, int]]:
    """The voiced stretches, in frames: at least one, as long as anything in the audio is speech."""
    made: list[tuple[int, int]] = []
    for at, level in enumerate(loudness):
        if level <= QUIET:
            continue
        if made and at - made[-1][1] < PAUSE_FRAMES:
            made[-1] = made[-1][0], at + 1
        else:
            made.append((at, at + 1))
    return made


def _start(place: float, stretches: list[tuple[int, int]], spoken: list[int]) -> int:
    """Where a word begins before which `place` voiced frames are spoken: behind a pause rather than before it."""
    at = min(bisect_right(spoken, place), len(stretches)) - 1
    return _ms(place, at, stretches, spoken)


def _end(place: float, stretches: list[tuple[int, int]], spoken: list[int]) -> int:
    """Where a word ends after which `place` voiced frames are spoken: before a pause rather than behind it."""
    at = min(max(bisect_left(spoken, place), 1), len(stretches)) - 1
    return _ms(place, at, stretches, spoken)


def _ms(place: float, at: int, stretches: list[tuple[int, int]], spoken: list[int]) -> int:
    begin, end = stretches[at]
    return round(min(begin + place - spoken[at], end) * FRAME_MS)
