"""Two of the three clocks of a call. (The third, `at_ns`, is ours: monotonic, and comes with every input.)

**stream**: Twilio's clock of the caller's audio. A media frame says with its timestamp which 20 ms it holds, and
Twilio sends it when they are over; so its end is "now" at Twilio when it left. Mark echoes travel in the same ordered
socket, so an echo that comes between two frames left Twilio between their ends, whatever the network did on the way.
That is how an echo is dated: not by when it arrived, but by which frames it arrived between.

**input**: the model's count of the audio that was appended to its buffer. Caller frames can be missing (Twilio may send
none in silence) or be dropped before the model is ready, so the two clocks are related by a list of segments.

Both are kept in samples; 8 are a millisecond.
"""

import msgspec

from engine.core.audio import FRAME_SAMPLES, SAMPLES_PER_MS

NS_PER_SAMPLE = 1_000_000 // SAMPLES_PER_MS
MUTE_NS = 250_000_000
"""No frame for longer than any jitter we mean to bear: then Twilio sends none, and our own clock must do."""
FLOW_FRAMES = 5
"""So many frames without a gap, and the next is taken to be on its way."""
WINDOW_FRAMES = 100
"""Two seconds: long enough to see a line's jitter, short enough to forget a stall."""
SLIP_SAMPLES = FRAME_SAMPLES
"""Two clocks are still in step when they differ by no more than a frame."""


class StreamClock(msgspec.Struct):
    """Twilio's clock, as seen from here.

    `slack` is what a frame's arrival (in our samples) lies behind its end: an unknown constant, plus its time on the
    way. How far it ranges over the last frames says how much an arrival time is worth: on a calm line nearly
    everything, on a jittery one nothing, and then the middle between two frames is the best that can be said.
    """

    newest: int = 0
    """End of the newest caller frame."""
    arrived_ns: int = 0
    shift: int = 0
    """What was added to timestamps because they had stepped back. The clock never does."""
    flow: int = FLOW_FRAMES
    """Frames since one was left out, counted up to FLOW_FRAMES. Twilio may send none in silence."""
    has_gaps: bool = False
    """Whether a frame was ever left out."""
    shown: int = 0
    frames: int = 0
    slack_min: int = 0
    slack_max: int = 0
    before_min: int = 0
    before_max: int = 0
    """Of the window before this one, so that a new window does not begin ignorant."""

    def frame(self, timestamp_ms: int, samples: int, at_ns: int) -> int:
        """A caller frame came. Returns the stream time of its first sample."""
        begin = timestamp_ms * SAMPLES_PER_MS + self.shift
        if begin + samples < self.newest:
            self.shift += self.newest - begin
            begin = self.newest
        elif begin > self.newest and self.frames:
            self.flow, self.has_gaps = 0, True
        elif self.flow < FLOW_FRAMES:
            self.flow += 1
        self.newest = begin + samples
        self.arrived_ns = at_ns
        slack = at_ns // NS_PER_SAMPLE - self.newest
        if self.frames % WINDOW_FRAMES == 0:
            first = self.frames == 0
            self.before_min, self.before_max = (slack, slack) if first else (self.slack_min, self.slack_max)
            self.slack_min = self.slack_max = slack
        elif slack < self.slack_min:
            self.slack_min = slack
        elif slack > self.slack_max:
            self.slack_max = slack
        self.frames += 1
        return begin

    def date(self, at_ns: int, sent_at: int | None = None) -> tuple[int, int]:
        """When an echo that comes now left Twilio, at the earliest and at the latest: after the newest frame, and
        before the next one would have. A frame that is late may also never have been sent. That is so where the echo's
        mark went out (`sent_at`) after the frame should have, and is likely where frames were left out before. None: a
        late frame is only late (rules 1)."""
        arrival = at_ns // NS_PER_SAMPLE
        earliest = max(self.newest, arrival - max(self.slack_max, self.before_max))
        latest = max(self.newest, arrival - min(self.slack_min, self.before_min))
        next_end = self.newest + FRAME_SAMPLES
        is_omitted = sent_at is not None and earliest > next_end and (self.has_gaps or sent_at > next_end)
        if self.flow < FLOW_FRAMES or self.is_mute(at_ns) or is_omitted:
            # An echo that travels alone can be quicker than any frame of a dense flow, where each waits for the last.
            return earliest, latest + self.jitter // 2
        latest = min(latest, next_end)
        return min(earliest, latest), latest

    def bounds(self, at_ns: int) -> tuple[int, int]:
        """The same for certain: where `date` takes a frame that is late for a frame, it may never have been sent."""
        latest = self.latest(at_ns)
        next_end = self.newest + FRAME_SAMPLES
        is_overdue = at_ns // NS_PER_SAMPLE - max(self.slack_max, self.before_max) > next_end
        return self.newest, latest if self.has_gaps or is_overdue else min(latest, next_end)

    def latest(self, at_ns: int) -> int:
        """When what comes now left Twilio at the latest. What travels alone can be quicker than any frame of a dense
        flow, where each waits for the last."""
        return max(self.newest, at_ns // NS_PER_SAMPLE - min(self.slack_min, self.before_min) + self.jitter // 2)

    @property
    def jitter(self) -> int:
        """How much longer than the quickest the slowest of the last frames was on its way."""
        return max(self.slack_max, self.before_max) - min(self.slack_min, self.before_min)

    def now(self, at_ns: int) -> int:
        """Stream time at this moment, by the quickest of the last frames; never less than was said before."""
        self.shown = self.peek(at_ns)
        return self.shown

    def peek(self, at_ns: int) -> int:
        """What `now` would say. For whoever only looks: what was said counts, and asking more often would change it."""
        quickest = at_ns // NS_PER_SAMPLE - min(self.slack_min, self.before_min)
        return max(self.shown, self.newest, quickest if self.frames else 0)

    def is_mute(self, at_ns: int) -> bool:
        """Whether the caller leg has been quiet for longer than jitter explains."""
        return at_ns - self.arrived_ns > MUTE_NS


class _Segment(msgspec.Struct, frozen=True):
    input_begin: int
    stream_begin: int


class InputClock(msgspec.Struct):
    """The model's clock of appended audio."""

    appended: int = 0
    segments: list[_Segment] = []

    def append(self, stream_begin: int, samples: int) -> None:
        """A caller frame that began at `stream_begin` was appended."""
        last = self.segments[-1] if self.segments else None
        if last is None or abs(stream_begin - self.appended - last.stream_begin + last.input_begin) > SLIP_SAMPLES:
            self.segments.append(_Segment(self.appended, stream_begin))
        self.appended += samples

    def stream_of(self, input_samples: int) -> int | None:
        """Stream time of an appended sample. None before anything was appended."""
        found = None
        for segment in reversed(self.segments):
            found = segment
            if segment.input_begin <= input_samples:
                break
        return None if found is None else max(0, found.stream_begin + input_samples - found.input_begin)
