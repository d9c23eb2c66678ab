"""The law that the core's own words are held to: what was played of an item lies within the bounds that it states.

`oracle` holds a call against what the model keeps. Here it is what the core says was heard: at the least, most likely,
and at the most, each time that it settles what a clear cut off, and at the end of the call. An item that was cut is
never played again, so what was played of it by the end is what was played of it when its clear was settled.

To see what was said in the middle of a call, its inputs are stepped through once more.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from engine.core import Call
from engine.core.barge_in import Interruption
from engine.core.conversation import Item
from engine.core.machines import Playing
from engine.sim.truth import truth_heard
from engine.sim.world import Outcome

When = Literal["proof", "estimate", "end"]
"""A clear settled by proof; by estimate, for want of echoes; the end of the call."""


class Stated(msgspec.Struct, frozen=True):
    """What the core said of one item, and what is true, in samples."""

    item_id: str
    when: When
    low: int
    likely: int
    high: int
    played: int

    @property
    def width_ms(self) -> float:
        return (self.high - self.low) / 8

    @property
    def error_ms(self) -> float:
        return abs(self.likely - self.played) / 8

    @property
    def breach_ms(self) -> float:
        """How far what was played lies outside the bounds; 0 if it does not."""
        return max(self.low - self.played, self.played - self.high, 0) / 8

    def __str__(self) -> str:
        low, likely, high, played = (samples / 8 for samples in (self.low, self.likely, self.high, self.played))
        said = f"{likely:.1f} ms, {low:.1f} to {high:.1f}"
        return f"{self.item_id} ({self.when}): heard {said}, but {played:.1f} were played"


def stated_at_end(outcome: Outcome) -> list[Stated]:
    """What the core says of each item when the call is over."""
    played = truth_heard(outcome)
    items = [item for item in outcome.call.conversation.order if item.is_speech and item.generated_samples]
    return [_stated(item, "end", played) for item in items]


def stated(outcome: Outcome) -> list[Stated]:
    """The same, and before it what the core said each time that it settled a clear."""
    played = truth_heard(outcome)
    settled = [_stated(item, when, played) for item, when in _settled(outcome)]
    return [*settled, *stated_at_end(outcome)]


def _settled(outcome: Outcome) -> Iterator[tuple[Item, When]]:
    """The items of a playout each time that it was settled, as they were then."""
    call, known = Call(outcome.scenario.settings), dict[int, tuple[object, ...]]()
    for entry in outcome.entries:
        if entry.kind != "input":
            continue
        call.step(entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio)
        for number, each in enumerate(call.barge_in.interruptions):
            is_estimate = each.playout.state is Playing.ESTIMATED
            said = _said(each)
            if each.effective_at is not None and known.get(number) != said:
                known[number] = said
                yield from ((item, "estimate" if is_estimate else "proof") for item in each.items)


def _said(each: Interruption) -> tuple[object, ...]:
    heard = ((item.heard_samples_min, item.heard_samples, item.heard_samples_max) for item in each.items)
    return (each.playout.state, *heard)


def _stated(item: Item, when: When, played: dict[str, int]) -> Stated:
    low, likely, high = item.heard_samples_min, item.heard_samples, item.heard_samples_max
    return Stated(item.item_id, when, low, likely, high, played.get(item.item_id, 0))
