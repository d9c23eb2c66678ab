"""Twilio's clock with hindsight: when something left Twilio, as near as the whole log tells.

`engine.core.stream_clock` tells how a thing is dated by the caller's frames that it arrived between. The core must say
so at once and knows only the frames before. Here all frames are known, so two things are better. The next frame too is
a witness: what came before it left before it did, however late both were. And how quick the line was is taken from
frames on both sides.

Dates are nanoseconds of the stream, not samples. That is not for show: a probe or a clear reaches Twilio in the middle
of a sample, while playback begins and ends between two, and who rounds too early is off by one. On a line with a
constant delay the dates are exact.
"""

from bisect import bisect_left
from typing import NamedTuple

from engine.core.audio import FRAME_SAMPLES
from engine.core.stream_clock import FLOW_FRAMES, NS_PER_SAMPLE

FRAME_NS = FRAME_SAMPLES * NS_PER_SAMPLE
NEAR_FRAMES = 100
"""On either side, to see how quick the line was: two seconds, as in the core."""


class Span(NamedTuple):
    """Something happened between two dates, in nanoseconds of the stream."""

    earliest: int
    latest: int

    @property
    def middle(self) -> int:
        return (self.earliest + self.latest) // 2

    def also(self, other: "Span") -> "Span":
        """Both are known of one thing; if they contradict each other, this one stands."""
        earliest, latest = max(self.earliest, other.earliest), min(self.latest, other.latest)
        return Span(earliest, latest) if earliest <= latest else self


class EarClock:
    """Tell it every frame of the caller, in order; then ask. `slacks`: by what each frame's arrival, on our clock, lies
    behind its end, on Twilio's: the same unknown number for all, plus the time on the way."""

    def __init__(self) -> None:
        self.opened_ns = 0
        """When the stream began, on our clock: all that is known where there are no frames."""
        self._seqs: list[int] = []
        self._ends_ns: list[int] = []
        self._slacks_ns: list[int] = []

    def frame(self, seq: int, end: int, at_ns: int) -> None:
        """A frame of the caller, up to sample `end` of the stream, arrived as entry `seq`."""
        self._seqs.append(seq)
        self._ends_ns.append(end * NS_PER_SAMPLE)
        self._slacks_ns.append(at_ns - end * NS_PER_SAMPLE)

    def date(self, seq: int, at_ns: int) -> Span:
        """When that which arrived as entry `seq` left Twilio."""
        index = bisect_left(self._seqs, seq)
        quickest, slowest = self._slacks(index)
        after = self._ends_ns[index - 1] if index else 0
        latest = max(after, at_ns - quickest)
        if self._is_thin(index, latest - (slowest - quickest)):
            # What travels alone can be quicker than a frame in a dense flow, which may have to wait for the one before.
            latest += (slowest - quickest) // 2
        return Span(max(after, at_ns - slowest), min([latest, *self._ends_ns[index : index + 1]]))

    def jitter_ns(self, seq: int) -> int:
        """How much longer than the quickest the slowest frame near an entry was on its way."""
        quickest, slowest = self._slacks(bisect_left(self._seqs, seq))
        return slowest - quickest

    def quickest_ns(self, seq: int) -> int:
        """By what our clock is ahead of Twilio's near an entry, the journey of the quickest frame included."""
        return self._slacks(bisect_left(self._seqs, seq))[0]

    def _slacks(self, index: int) -> tuple[int, int]:
        near = self._slacks_ns[max(0, index - NEAR_FRAMES) : index + NEAR_FRAMES] or [self.opened_ns]
        return min(near), max(near)

    def _is_thin(self, index: int, at_ns: int) -> bool:
        """Whether frames were left out before frame `index` or, if there is none, before a date. Twilio may send none
        in silence."""
        ends = [*self._ends_ns[max(0, index - FLOW_FRAMES) : index + 1], at_ns][: FLOW_FRAMES + 1]
        return ends[-1] - ends[0] >= len(ends) * FRAME_NS
