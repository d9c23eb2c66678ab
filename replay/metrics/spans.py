"""Who could be heard when: stretches of stream time in which the caller or the assistant spoke.

The caller's come from the model's turn detection. The assistant's come from the ear: an item is at the ear from its
start on, without a break but where the ear ran out of it. Where that was is told by the *anchors* of the item (lengths
of it that were proven heard, with their dates): where an anchor is later, for its length, than any before it, the ear
had stood still, and it stands at the beginning of what came late. The ear never catches up: where an anchor is earlier
than those before it, it is the date that is off, and the step back to the right one is no pause.
"""

import msgspec

from engine.core.audio import samples_of
from engine.core.conversation import Item
from replay.metrics.budgets import UNDERRUN_MS_MIN
from replay.metrics.measured import Party

_PAUSE_MIN = samples_of(UNDERRUN_MS_MIN)


class Span(msgspec.Struct, frozen=True):
    """Samples [begin, end) of the stream in which somebody spoke, or (a pause) in which the ear ran out of an item."""

    begin: int
    end: int
    speaker: Party
    item_id: str


def at_the_ear(item: Item) -> tuple[list[Span], list[Span]]:
    """When an item of the assistant was heard, and the pauses in its middle for want of more."""
    spans: list[Span] = []
    pauses: list[Span] = []
    if item.started_at is None or not item.heard_samples:
        return spans, pauses
    cut_at = _cut_off_at(item)
    end = item.ear_at(item.heard_samples, is_end=True) if cut_at is None else cut_at
    begin = line = latest = item.started_at
    before = 0
    for after, after_at in item.anchors if cut_at is None else [*item.anchors, (item.heard_samples, cut_at)]:
        stood = after_at - after - line
        if before and stood >= _PAUSE_MIN and line - latest < _PAUSE_MIN:
            resumed_at = after_at - (after - before)
            spans.append(Span(begin, resumed_at - stood, "assistant", item.item_id))
            pauses.append(Span(resumed_at - stood, resumed_at, "assistant", item.item_id))
            begin = resumed_at
        before, latest = after, after_at - after
        line = max(line, latest)
    spans.append(Span(begin, max(begin, end), "assistant", item.item_id))
    return spans, pauses


def _cut_off_at(item: Item) -> int | None:
    """When a clear cut an item off between two marks. That tells as much as an anchor."""
    is_between = 0 < item.tail_samples < item.tail_reach
    return item.ended_at if is_between else None


def of_caller(item: Item, ends_at: int) -> list[Span]:
    """When the caller spoke a turn. One that is open lasts to the end."""
    if item.started_at is None:
        return []
    end = ends_at if item.ended_at is None else item.ended_at
    return [Span(item.started_at, max(item.started_at, end), "caller", item.item_id)]
