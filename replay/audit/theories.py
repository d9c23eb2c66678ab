"""How a bridge can come to the number at which it truncated an item.

Every theory counts something that was there to be counted (`Clocks`) and so predicts a number. The one that predicts
the very number that was sent, within what its counting is good for, explains it; of several the nearest, and the others
are told. What is counted in audio is exact to the rounding of a millisecond. What is counted in time is as good as two
readings of a clock that ticks every 20 ms and whose ticks come late by the line's jitter.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile

import msgspec

from engine.core.audio import FRAME_MS, SAMPLES_PER_MS, ms_of
from engine.core.overhearing import Cleared, Placed
from replay.audit.witness import Act

ROUNDING_MS = 2
CLOCK_MS = 2 * FRAME_MS
LAST_MARK_EXTRA_MS = (0, 50)
"""What bridges add to the last mark: nothing, or half a typical distance (openai-agents-js)."""
ZERO_MS = FRAME_MS
"""At most this is as good as nothing."""


class Theory(msgspec.Struct, frozen=True):
    """`because` goes on after "3600 ms is". `off`: how far it is from the number, in parts of what it is good for."""

    cause: str
    because: str
    off: float


def theories(act: Act, asked_ms: int, echoes: Sequence[Placed], clears: Sequence[Cleared]) -> list[Theory]:
    """All that explain why an item was truncated at `asked_ms`, the best first."""
    found = [
        Theory(cause, because, abs(asked_ms - predicted_ms) / within_ms)
        for cause, because, predicted_ms, within_ms in _predictions(act, asked_ms, echoes, clears)
    ]
    return sorted((each for each in found if each.off <= 1), key=lambda each: each.off)


_Prediction = tuple[str, str, float, int]
"""Cause, words, the number, and what it is good for."""


def _predictions(act: Act, asked_ms: int, echoes: Sequence[Placed], clears: Sequence[Cleared]) -> Iterator[_Prediction]:
    clocks = act.clocks
    if asked_ms <= ZERO_MS:
        yield "zero", "as good as nothing", asked_ms, 1
    yield "sent", "what had been sent of it", clocks.sent_ms, ROUNDING_MS
    if clocks.received_ms != clocks.sent_ms:
        yield "sent", "what had come of it", clocks.received_ms, ROUNDING_MS
    yield from _by_marks(act, echoes[: clocks.echoes], clears)
    yield from _by_time(act, asked_ms)


def _by_marks(act: Act, echoes: Sequence[Placed], clears: Sequence[Cleared]) -> Iterator[_Prediction]:
    """Marks that had come back, those that a clear had flushed among them or not."""
    cut = {id(clear.playout): clear.judgement.position for clear in clears if clear.judgement is not None}
    flushed = [mark.position > cut.get(id(mark.playout), mark.position) for mark in echoes]
    own = [mark.item is not None and mark.item.item_id == act.item_id for mark in echoes]
    ends = [(mark.samples, is_flushed) for mark, is_own, is_flushed in zip(echoes, own, flushed, strict=True) if is_own]
    last_ms = max((samples for samples, is_flushed in ends if not is_flushed), default=0) / SAMPLES_PER_MS
    if not last_ms:
        yield "last_mark", "as much as the marks tell that had come back: none is in it", 0, ROUNDING_MS
    for extra_ms in LAST_MARK_EXTRA_MS if last_ms else ():
        more = f" and {extra_ms} ms" if extra_ms else ""
        yield "last_mark", f"the last mark in it that had come back{more}", last_ms + extra_ms, ROUNDING_MS
    far_ms = max((samples for samples, is_flushed in ends if is_flushed), default=0) / SAMPLES_PER_MS
    if far_ms:
        yield "flushed_marks", "the last mark in it that had come back, flushed by a clear", far_ms, ROUNDING_MS
    for begin in sorted(act.clocks.echoes_from):
        for whose, counts in (("its", own), ("all", [True] * len(own))):
            since = [index for index in range(begin, len(echoes)) if counts[index]]
            count = sum(flushed[index] for index in since)
            if not count:
                continue
            said = f"the audio behind {whose} marks that had come back, {count} of {len(since)} flushed by a clear"
            for total_ms in {
                ms_of(sum(echoes[index].before for index in since)),
                sum(echoes[index].before // SAMPLES_PER_MS for index in since),
            }:
                yield "flushed_marks", said, total_ms, ROUNDING_MS


def _by_time(act: Act, asked_ms: int) -> Iterator[_Prediction]:
    """Time since a first delta. Either clock may have been read, so whatever is between them is as good."""
    clocks = act.clocks
    good_for_ms = CLOCK_MS + clocks.jitter_ms
    for item_id in takewhile(lambda each: each != act.item_id, clocks.since_first_delta):
        nearest_ms = _nearest(asked_ms, *clocks.since_first_delta[item_id])
        yield "earlier_clock", f"the time since the first delta of {item_id}", nearest_ms, good_for_ms
    since_ms = clocks.since_first_delta.get(act.item_id, (0, 0))
    yield "arrival", "the time since its first delta", _nearest(asked_ms, *since_ms), good_for_ms
    if min(since_ms) > clocks.received_ms:
        yield "arrival", "the time since its first delta, up to what had come", clocks.received_ms, ROUNDING_MS


def _nearest(asked_ms: int, one_ms: int, other_ms: int) -> int:
    """What comes nearest of all that is between the two."""
    least_ms, most_ms = sorted((one_ms, other_ms))
    return min(max(asked_ms, least_ms), most_ms)
