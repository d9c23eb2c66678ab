"""The line to Twilio, as the caller's frames and the echoes of marks show it.

Twilio sends a frame every 20 ms and stamps it with its own clock. *Jitter* compares two lengths, each measured on one
clock: how long after the frame before it a frame came, by ours, and should have come, by its stamp. A *stall* is a
frame that came much too late; what follows it comes in a burst. Frames that Twilio leaves out, as it may in silence,
are neither: their stamps skip, too.
"""

from engine.core import Entry
from engine.core.audio import loudness, ms_of, samples_of
from engine.core.stream_clock import NS_PER_SAMPLE, StreamClock
from replay.metrics.budgets import STALL_MS_MIN, VOICE_LOUDNESS
from replay.metrics.measured import LineMeasures, RoundTrip, Stall
from replay.walk import Moment


class Line:
    """Tell it each of the caller's frames, and the round trips."""

    def __init__(self) -> None:
        self.voiced: list[tuple[int, int]] = []
        """Frames in which the caller is audible: begin and end in stream samples."""
        self._frames = 0
        self._jitter: dict[int, int] = {}
        self._left_out = self._left_out_samples = 0
        self._stalls: list[Stall] = []
        self._round_trips: list[RoundTrip] = []
        self._seen: list[int] = []
        self._seq = self._at_ns = self._end = 0

    def frame(self, entry: Entry, stream: StreamClock) -> None:
        """A caller's frame. `stream`: the clock after it; a frame that did not move it was none."""
        if stream.frames == self._frames:
            return
        advance = stream.newest - self._end
        samples = advance if entry.audio is None else len(entry.audio)
        if self._frames:
            late = (entry.at_ns - self._at_ns) // NS_PER_SAMPLE - advance
            jitter_ms = ms_of(abs(late))
            self._jitter[jitter_ms] = self._jitter.get(jitter_ms, 0) + 1
            if late >= samples_of(STALL_MS_MIN):
                self._stalls.append(Stall(self._seq, ms_of(self._end), ms_of(late)))
            if advance > samples:
                self._left_out += 1
                self._left_out_samples += advance - samples
        self._frames, self._seq, self._at_ns, self._end = stream.frames, entry.seq, entry.at_ns, stream.newest
        if loudness(entry.audio or b"") >= VOICE_LOUDNESS:
            self.voiced.append((self._end - samples, self._end))

    def heard_back(self, moment: Moment, round_trips: list[int]) -> None:
        """The last round trips that the core measured: it makes a new list for each."""
        if round_trips and round_trips is not self._seen:
            self._seen = round_trips
            self._round_trips.append(RoundTrip(moment.seq, moment.stream_ms, ms_of(round_trips[-1])))

    def measures(self) -> LineMeasures:
        """What it comes to."""
        return LineMeasures(
            frames=self._frames,
            jitter_ms=dict(sorted(self._jitter.items())),
            left_out=self._left_out,
            left_out_ms=ms_of(self._left_out_samples),
            stalls=self._stalls,
            round_trips=self._round_trips,
        )
