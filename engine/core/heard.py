"""Which words of an item were heard, from its loudness, its transcript and how much of its audio was played.

The API gives no word times (https://github.com/openai/openai-realtime-api-beta/issues/25), the transcript runs ahead
of the audio, and the audio may hold seconds of silence. Here words are spread evenly over the *voiced* part of the
audio: a word counts as heard when its share of the voiced time had been played to its end. `method` says how a text
was derived, so that nobody takes an estimate for proof.
"""

import msgspec

from engine.core.audio import FRAME_SAMPLES

VOICED_PART = 8
"""A 20 ms frame is voiced from an eighth of the item's loudest frame on."""
VOICED_MIN = 2
LETTERS_PER_FRAME = 0.3
"""15 letters a second, a usual rate of English speech: only for audio whose end has not been generated."""


class Heard(msgspec.Struct, frozen=True):
    """`text` is a prefix of the transcript, spacing kept."""

    text: str
    method: str


def heard_text(envelope: bytes, transcript: str, heard_samples: int, generated_samples: int, complete: bool) -> Heard:
    """The words of `transcript` whose end had been played after `heard_samples` of `generated_samples`.

    `envelope` holds the loudness of each 20 ms. `complete`: audio and transcript are whole; otherwise the text may be
    ahead of the audio, and the rest is taken to follow at a usual rate.
    """
    if heard_samples <= 0 or not transcript:
        return Heard("", "none")
    if complete and heard_samples >= generated_samples:
        return Heard(transcript, "whole")
    floor = max(VOICED_MIN, max(envelope, default=0) // VOICED_PART)
    voiced = [level >= floor for level in envelope]
    played = sum(voiced[: heard_samples // FRAME_SAMPLES])
    total = float(sum(voiced))
    letters = len(transcript.split()) + sum(map(len, transcript.split()))
    if not complete:
        total = max(total, letters / LETTERS_PER_FRAME)
    share = min(1.0, played / total) if total else heard_samples / max(1, generated_samples)
    return Heard(_first_words(transcript, share * letters), "voiced" if complete else "rate")


def _first_words(transcript: str, letters: float) -> str:
    """The longest run of whole words that `letters` letters (one more for each word's gap) pay for."""
    end, at = 0, 0
    for word in transcript.split():
        at = transcript.index(word, at) + len(word)
        letters -= len(word) + 1
        if letters < -0.5:
            break
        end = at
    return transcript[:end]
