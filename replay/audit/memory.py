"""What the model remembers of each item, and whether that is what was heard of it.

The model keeps what it generated, until it is told otherwise and agrees. A truncate can only shorten, and one that is
refused changes nothing. Where no answer is in the log, it is taken to have agreed.
"""

from collections.abc import Iterable
from typing import NamedTuple

from engine.core.audio import FRAME_MS, ms_of
from engine.core.conversation import Item
from replay.audit.witness import Act, Case

BOUNDS_MS = FRAME_MS
"""The bounds of what was heard are themselves good to a frame."""
WORTH_MS = 60
"""No word is shorter. A position that is off by less is as good as right."""


class Remembered(NamedTuple):
    """An item, in milliseconds. `act`: what made the model keep what it keeps, or the last that was refused.
    `kept_ms`: None if it was deleted. `error_ms`: how much more that is than was heard, if it is out of bounds."""

    item: Item
    generated_ms: int
    heard_ms: int
    heard_min_ms: int
    heard_max_ms: int
    act: Act | None
    kept_ms: int | None
    error_ms: int

    @property
    def is_deleted(self) -> bool:
        return self.kept_ms is None


class Memory:
    """What was asked of the model about each item, in the whole call."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self._acts: dict[str, list[Act]] = {}
        for case in cases:
            for act in case.acts:
                self._acts.setdefault(act.item_id, []).append(act)

    def of(self, item: Item) -> Remembered:
        """What came of one item."""
        kept_ms: int | None = item.generated_ms()
        decisive: Act | None = None
        refused: Act | None = None
        for act in sorted(self._acts.get(item.item_id, []), key=lambda act: act.asked.seq):
            if act.asked.outcome == "error":
                refused = act
            elif act.audio_end_ms is None:
                kept_ms, decisive = None, act
            elif kept_ms is not None and act.audio_end_ms <= kept_ms:
                kept_ms, decisive = act.audio_end_ms, act
        heard_ms = item.heard_ms()
        least_ms = min(ms_of(item.heard_samples_min), heard_ms)
        most_ms = max(min(ms_of(item.heard_samples_max), item.generated_ms()), heard_ms)
        keeps_ms = kept_ms or 0
        is_right = least_ms - BOUNDS_MS <= keeps_ms <= most_ms + BOUNDS_MS
        error_ms = 0 if is_right or abs(keeps_ms - heard_ms) < WORTH_MS else keeps_ms - heard_ms
        return Remembered(
            item, item.generated_ms(), heard_ms, least_ms, most_ms, decisive or refused, kept_ms, error_ms
        )
