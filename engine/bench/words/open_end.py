"""Heard words while generation is in progress: the audio is known a little further than was played, the text as far as
it has come. Asked at a few moments of every utterance, the same ones in every run."""

from random import Random

from engine.bench.words.corpus import Utterance
from engine.bench.words.scores import Score, score_counts, true_count
from engine.core.audio import FRAME_MS, FRAME_SAMPLES
from engine.core.heard import Features, Work, heard

LOOKAHEAD_MS = 1000
MOMENTS = 4
LAGS_MS: dict[str, int | None] = {"all text": None, "text 0.5 s behind": 500, "text 1 s behind": 1000}


def moments(utterance: Utterance) -> list[int]:
    """Of this utterance, by chance, the same for ever."""
    chance = Random(utterance.id)
    return sorted(chance.randint(1, max(1, int(utterance.words[-1].end_ms))) for _ in range(MOMENTS))


def known_text(utterance: Utterance, at_ms: int, lag_ms: int | None) -> str:
    """The transcript so far: to the last word that starts `lag_ms` before the known audio's end. None: all of it."""
    if lag_ms is None:
        return utterance.text
    until_ms = at_ms + LOOKAHEAD_MS - lag_ms
    count = sum(word.start_ms < until_ms for word in utterance.words)
    return prefix(utterance.text, count)


def prefix(text: str, count: int) -> str:
    """The first `count` words, spacing kept."""
    words = text.split()[:count]
    end = 0
    for word in words:
        end = text.index(word, end) + len(word)
    return text[:end]


def score_open(utterance: Utterance, lag_ms: int | None, frames_per_letter: float | None) -> Score:
    """The answers at this utterance's moments."""
    features = Features()
    features.take(utterance.pcmu)
    answers = []
    for at_ms in moments(utterance):
        known = min(len(utterance.pcmu) // FRAME_SAMPLES, (at_ms + LOOKAHEAD_MS) // FRAME_MS)
        text = known_text(utterance, at_ms, lag_ms)
        work = Work(text, features.snapshot(known), complete=False, frames_per_letter=frames_per_letter)
        answers.append((heard(work.done(), at_ms).words, true_count(utterance.words, at_ms)))
    return score_counts(answers)
