"""How many frames a caller leg may send: some before `start`, and a rate that Twilio stays well below.

The rate is kept as a time: when all frames so far would have come, had each taken its share of a second. That may run
ahead of the clock, because a line that was stuck delivers at once what it held back; by how much is the bound.
"""

from engine.core.settings import RULES_REDIALLING, CallSettings

MS = 1_000_000
AHEAD_NS_MAX = 15_000 * MS
"""Frames of that long may come at once, beyond the rate: no line that is stuck for longer comes back."""


class CallerBounds:
    """Counts the frames of one call."""

    def __init__(self, settings: CallSettings) -> None:
        limits = settings.limits
        self._before_start = 0
        self._before_start_max = limits.frames_before_start_max
        self._per_second_max = limits.frames_per_second_max
        self._frame_ns = 1_000 * MS // limits.frames_per_second_max if settings.rules >= RULES_REDIALLING else 0
        self._paid_ns = 0

    def is_flood(self, at_ns: int) -> bool:
        """Count a frame; whether more have come than may."""
        self._paid_ns = max(self._paid_ns, at_ns) + self._frame_ns
        return self._paid_ns > at_ns + AHEAD_NS_MAX

    @property
    def flood(self) -> str:
        """What the limit is that a flood is over."""
        return f"frames_per_second_max: more than {self._per_second_max} frames a second, for seconds"

    def before_start(self) -> str | None:
        """Count a frame that came before `start`; why there may be no more of them, if so."""
        self._before_start += 1
        if self._before_start <= self._before_start_max:
            return None
        return f"frames_before_start_max: {self._before_start} frames and no start"
