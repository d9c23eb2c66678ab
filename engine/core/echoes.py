"""Echoes, and what they prove of where the ear is.

`playout` puts the ear where it most likely is. Here is what bounds it, by what holds however the line behaves:

- Audio is played in order at one speed, or waits. So the *line*, the date minus the position, never becomes less.
- An echo leaves when its mark is reached, or earlier, if a clear flushes it: the line of what comes after is no less
  than its date minus its position. The greatest of these bounds the line from below, and with it the ear from above.
- All marks that a clear flushes leave at one moment, that of the clear. Whatever comes later than an echo therefore
  shows that this echo was played; and an echo that comes before the line can have reached its mark was flushed.
- Where nothing tells when the clear took effect it is taken to have done so by now.

A mark that has not come back bounds nothing here: echoes can be lost. How certain a date is, `stream_clock` tells.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from engine.core.audio import FRAME_SAMPLES

TOLERANCE = FRAME_SAMPLES // 2
"""How much earlier than possible an echo may seem to come before it counts as flushed."""
GRAIN = FRAME_SAMPLES
"""Twilio is taken to play, and to send marks back, by whole frames: its dates are worth no more than that."""


class Dated(msgspec.Struct, frozen=True):
    """Something that happened between two dates."""

    earliest: int
    latest: int

    @property
    def middle(self) -> int:
        return (self.earliest + self.latest) // 2

    def also(self, other: "Dated") -> "Dated":
        """Both are known of one thing. If they contradict each other it has changed, and the newer holds."""
        earliest, latest = max(self.earliest, other.earliest), min(self.latest, other.latest)
        return Dated(earliest, latest) if earliest <= latest else other


class Echo(msgspec.Struct, frozen=True):
    """A mark at `position` came back, and left Twilio between two dates."""

    position: int
    date: Dated
    sure: Dated
    """The same, wide enough to be certain."""
    lag: int = 0
    """For a probe: how much later than it the audio behind it may have arrived. It was sent into silence."""

    @property
    def line(self) -> Dated:
        """The date at which position 0 would have been played."""
        return Dated(self.date.earliest - self.position, self.date.latest + self.lag - self.position)

    @property
    def line_min(self) -> int:
        """The same, at the earliest, of all that comes after it."""
        return self.sure.earliest - self.position

    def is_early(self, line: Dated, doubt: int = 0) -> bool:
        """Whether it came before its mark can have been played."""
        return self.date.latest + TOLERANCE + doubt < self.position + line.earliest


class Bounds(NamedTuple):
    """The ear is at `low` at the least, at `high` at the most."""

    low: int
    high: int


def bounds_at(latest: int, line_min: int, proven: int, sent: int) -> Bounds:
    """Where the ear is at a moment that is no later than `latest`."""
    return Bounds(proven, max(proven, min(sent, latest - line_min + GRAIN)))


def bounds_of_clear(
    echoes: Sequence[Echo], earliest: int, latest: int, line_min: int, proven: int, sent: int
) -> Bounds:
    """Where the ear was when a clear took effect, which was no earlier than `earliest` and no later than `latest`.
    `echoes` have come since it was sent."""
    for echo in echoes:
        if echo.sure.latest + GRAIN < echo.position + line_min:
            latest = min(latest, echo.sure.latest)
        earliest, line_min = max(earliest, echo.sure.earliest), max(line_min, echo.line_min)
    low = max([proven, *(echo.position for echo in echoes if echo.sure.latest < earliest)])
    return bounds_at(latest, line_min, low, sent)
