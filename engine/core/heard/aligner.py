"""Words to times: read the text, search the audio, and say how far to trust what was found.

While the model still speaks, or after it was cut off, the end is open: the text may go on beyond the audio, and words
be spoken that are not known yet. Never is known text forced to end where known audio does. The speaker's rate, which
sets how long a letter lasts, can be measured only where both are complete; otherwise it is what this voice had before.

What cannot be searched for, or fits nowhere at all, is spread over the voiced time instead (`proportion`), and says so
in its `method`. An answer that fits badly stands: its `confidence` says so.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from engine.core.audio import FRAME_MS
from engine.core.heard.alignment import Alignment, Method, Word
from engine.core.heard.features import Features, Vectors
from engine.core.heard.found import find, words
from engine.core.heard.proportion import spread
from engine.core.heard.said import Said, length, said
from engine.core.heard.tokens import Tokens, tokens

CONFIDENCE_MIN = 0.0
"""Below this nothing speaks for the letters that were found. Hardly a right transcript is that low, in noise or cut
short; many wrong ones are not, but there the voiced time would tell no more: a low confidence is for people to doubt.
"""
UNKNOWN_MAX = 0.5
"""Share of a text's letters that cannot be told, up to which it is searched for."""
RATE_MIN, RATE_MAX, RATE_USUAL = 2.0, 6.0, 3.6
"""Frames for a letter."""
OPEN_PART = 0.9
"""Of a rate that was not measured on this very audio: too fast costs little, too slow runs out of audio for letters."""


class Work(msgspec.Struct, frozen=True, eq=False):
    """All that one alignment needs, taken down at one moment: it can be done elsewhere, and again in a replay.

    `complete`: `features` and `transcript` are both whole. `frames_per_letter`: the speaker's rate, where they are not.
    """

    transcript: str
    features: Features
    complete: bool = True
    frames_per_letter: float | None = None

    def done(self) -> Alignment:
        """Do it. Pure; about 15 ms for 10 s of audio."""
        text = tokens(self.transcript)
        spoken = [said(token, text.language) for token in text.tokens]
        audio = self.features.vectors()
        if not length(spoken) or not audio.speech:
            end_ms = len(audio.rows) * FRAME_MS
            unspoken = [Word(token.text, end_ms, end_ms) for token in text.tokens]
            unit: Method = "characters" if text.unit == "character" else "none"
            return Alignment(self.transcript, unspoken, 0, 0.0, unit)
        return self._aligned(text, spoken, audio)

    def _aligned(self, text: Tokens, spoken: list[Said], audio: Vectors) -> Alignment:
        letters = length(spoken)
        measured = round(measured_rate(audio, spoken), 2) if self.complete else None
        rate = measured or round(_limited(OPEN_PART * (self.frames_per_letter or RATE_USUAL)), 2)
        texts = [token.text for token in text.tokens]
        unknown = sum(each.unknown for each in spoken)
        confidence = 0.0
        is_readable = text.unit == "word" and unknown <= UNKNOWN_MAX * letters
        has_room = letters <= len(audio.rows) or not self.complete
        if is_readable and has_room:
            found = find(spoken if self.complete else _within(spoken, len(audio.rows)), audio, rate, self.complete)
            confidence = found.confidence if found else 0.0
            if found and confidence >= CONFIDENCE_MIN:
                made, finished = words(found, texts, spoken, self.complete)
                return Alignment(self.transcript, made, finished, confidence, "letters", measured)
        weights = [each.weight for each in spoken]
        spans, finished = spread(weights, audio.loudness, None if self.complete else round(rate * letters))
        made = [Word(name, *span) for name, span in zip(texts, spans, strict=True)]
        method: Method = "characters" if text.unit == "character" else "voiced"
        return Alignment(self.transcript, made, finished, confidence, method)


def _within(spoken: list[Said], letters: int) -> list[Said]:
    """As much of the text as so many letters hold."""
    places = [0, *accumulate(each.length for each in spoken)]
    return spoken[: bisect_right(places, letters)]


def measured_rate(audio: Vectors, spoken: Sequence[Said]) -> float:
    """Frames a letter in audio that holds all of this and nothing else. There is a letter in it."""
    return _limited(audio.speech / length(spoken))


def _limited(frames_per_letter: float) -> float:
    return min(max(RATE_MIN, frames_per_letter), RATE_MAX)


def align(pcmu: bytes, transcript: str, *, complete: bool = True, frames_per_letter: float | None = None) -> Alignment:
    """Where the words of `transcript` are in `pcmu`, mu-law at 8000 samples a second.

    With `complete` the last word ends where the audio does: say so of no item that was cut off in the making. Without,
    more audio and more words may follow, and `frames_per_letter`, the speaker's rate in frames of 20 ms, should be that
    of an earlier complete alignment of the same voice (`Alignment` has it); None is a usual rate. Never raises,
    whatever the bytes and the text; the same answer in every process.

        alignment = align(audio, "That will be $9.05.")
        heard(alignment, 1396).text  # what the caller had heard after 1396 ms of it
    """
    features = Features()
    features.take(pcmu)
    return Work(transcript, features, complete, frames_per_letter).done()
