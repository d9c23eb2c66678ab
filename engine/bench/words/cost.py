"""The CPU that heard words take: of every frame that arrives, and once when it is asked which were heard."""

from collections.abc import Sequence
from statistics import median
from time import process_time

import msgspec

from engine.bench.words.corpus import TrueWord, Utterance
from engine.core.audio import FRAME_SAMPLES, SAMPLES_PER_MS, samples_of
from engine.core.heard import Features, Work

REPEATS = 3
STARTS = 5
"""Stretches of speech that are timed, beginning at different utterances."""


class Cost(msgspec.Struct, frozen=True):
    """Medians, in milliseconds of CPU."""

    frame_ms: float
    """For each 20 ms frame."""
    complete_ms: dict[int, float]
    """To align so many seconds of audio, audio and text whole."""
    open_ms: dict[int, float]
    """The same while generation is in progress, the text a few words ahead."""


def measure_cost(utterances: Sequence[Utterance], lengths_s: Sequence[int]) -> Cost:
    """Over stretches of consecutive utterances of one language, joined."""
    frame: list[float] = []
    complete: dict[int, list[float]] = {length_s: [] for length_s in lengths_s}
    opened: dict[int, list[float]] = {length_s: [] for length_s in lengths_s}
    for start in range(0, len(utterances), max(1, len(utterances) // STARTS)):
        turned = [*utterances[start:], *utterances[:start]]
        for length_s in lengths_s:
            joined = join(turned, length_s * 1000)
            if joined is None:
                continue
            features, taken_ms = _taken(joined.pcmu)
            frame.append(taken_ms / (len(joined.pcmu) // FRAME_SAMPLES))
            within = tuple(word.w for word in joined.words if word.end_ms <= length_s * 1000)
            complete[length_s].append(_aligned_ms(Work(" ".join(within), features)))
            opened[length_s].append(_aligned_ms(Work(joined.text, features, complete=False)))
    return Cost(
        median(frame) if frame else 0.0,
        {length_s: median(times) for length_s, times in complete.items() if times},
        {length_s: median(times) for length_s, times in opened.items() if times},
    )


def join(utterances: Sequence[Utterance], length_ms: int) -> Utterance | None:
    """One after the other, the audio cut to a length, the text going on to the end of the last. None: too short."""
    pcmu, words = b"", list[TrueWord]()
    for each in utterances:
        shift = len(pcmu) / SAMPLES_PER_MS
        words += [TrueWord(word.w, word.start_ms + shift, word.end_ms + shift) for word in each.words]
        pcmu += each.pcmu
        if len(pcmu) >= samples_of(length_ms):
            text = " ".join(word.w for word in words)
            return Utterance("joined", each.lang, "", text, tuple(words), pcmu=pcmu[: samples_of(length_ms)])
    return None


def _taken(pcmu: bytes) -> tuple[Features, float]:
    """Features of audio that came frame by frame, and what that took."""
    features = Features()
    begin = process_time()
    for at in range(0, len(pcmu), FRAME_SAMPLES):
        features.take(pcmu[at : at + FRAME_SAMPLES])
    return features, (process_time() - begin) * 1000


def _aligned_ms(work: Work) -> float:
    """The median of a few times: the first of them finds no memory of the same work in the caches."""
    times = []
    for _ in range(REPEATS):
        begin = process_time()
        work.done()
        times.append((process_time() - begin) * 1000)
    return median(times)
