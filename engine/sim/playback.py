"""What Twilio plays to the caller, and when.

When a piece of audio arrives, the time at which it will be played is already known: after all that is buffered, at
8,000 samples a second, at once when nothing is. So playback is a plan, not a process: a list of pieces with their
start, and a list of marks with the time at which they are reached. Only `clear` changes the plan, by cutting it.

All times are stream time: since the stream's start, in samples or in nanoseconds.
"""

from collections import deque

import msgspec

from engine.core.audio import SAMPLE_RATE
from engine.sim.machine import NS_PER_MS, NS_PER_SAMPLE

BUFFER_SAMPLES_MAX = 10 * 60 * SAMPLE_RATE
"""What Twilio buffers: https://www.twilio.com/docs/api/errors/31931."""


class EchoFaults(msgspec.Struct, frozen=True):
    """How the echoes of marks go wrong. Marks are counted from 0, as received."""

    delay_ms: int = 0
    lost: frozenset[int] = frozenset()
    doubled: frozenset[int] = frozenset()
    loses_sentinels: bool = False
    """The first mark after each `clear` is never echoed."""


class Played(msgspec.Struct, frozen=True):
    """A piece of audio that the caller heard from `at_samples` on."""

    at_samples: int
    audio: bytes


class Cleared(msgspec.Struct, frozen=True):
    """A `clear` took effect: how much it threw away, and the marks that it sent back."""

    at_samples: int
    unplayed_samples: int
    flushed: tuple[str, ...]


class _PendingMark(msgspec.Struct):
    reached_ns: int
    echo_ns: int
    name: str


class Playback:
    """The edge's buffer. Calls come in the order of their times."""

    def __init__(self, faults: EchoFaults) -> None:
        self.clears: list[Cleared] = []
        self.marks_placed = 0
        self._faults = faults
        self._pieces: list[Played] = []
        self._free_samples = 0
        self._marks: deque[_PendingMark] = deque()
        self._sentinel_is_next = False

    def add(self, now_ns: int, audio: bytes) -> int | None:
        """Buffer audio; the sample at which it will begin to play, or None if the buffer is full."""
        if self.buffered_samples(now_ns) + len(audio) > BUFFER_SAMPLES_MAX:
            return None
        # A phone plays whole samples: a piece that comes in the middle of one begins with the next.
        start_samples = max(self._free_samples, -(-now_ns // NS_PER_SAMPLE))
        if audio:
            self._pieces.append(Played(start_samples, audio))
            self._free_samples = start_samples + len(audio)
        return start_samples

    def place_mark(self, now_ns: int, name: str) -> None:
        """Put a mark behind all that is buffered."""
        faults, ordinal = self._faults, self.marks_placed
        self.marks_placed += 1
        is_sentinel, self._sentinel_is_next = self._sentinel_is_next, False
        if ordinal in faults.lost or (is_sentinel and faults.loses_sentinels):
            return
        reached_ns = max(now_ns, self._free_samples * NS_PER_SAMPLE)
        for _ in range(2 if ordinal in faults.doubled else 1):
            self._marks.append(_PendingMark(reached_ns, reached_ns + faults.delay_ms * NS_PER_MS, name))

    def clear(self, now_ns: int) -> None:
        """Throw away what has not been played; every mark in it is reached now."""
        now_samples = now_ns // NS_PER_SAMPLE
        flushed = [mark for mark in self._marks if mark.reached_ns > now_ns]
        for mark in flushed:
            mark.reached_ns = now_ns
            mark.echo_ns = now_ns + self._faults.delay_ms * NS_PER_MS
        names = tuple(mark.name for mark in flushed)
        self.clears.append(Cleared(now_samples, self.buffered_samples(now_ns), names))
        self._pieces = self.played(now_ns)
        self._free_samples = min(self._free_samples, now_samples)
        self._sentinel_is_next = True

    def next_echo_ns(self) -> int | None:
        """When the next mark is to be echoed."""
        return self._marks[0].echo_ns if self._marks else None

    def take_echo(self) -> str:
        """The mark whose time has come."""
        return self._marks.popleft().name

    def played(self, now_ns: int) -> list[Played]:
        """All that has been heard, in order."""
        now_samples, heard = now_ns // NS_PER_SAMPLE, []
        for piece in self._pieces:
            if piece.at_samples >= now_samples:
                break
            heard.append(Played(piece.at_samples, piece.audio[: now_samples - piece.at_samples]))
        return heard

    def buffered_samples(self, now_ns: int) -> int:
        """What is still to be played."""
        return max(0, self._free_samples - now_ns // NS_PER_SAMPLE)
