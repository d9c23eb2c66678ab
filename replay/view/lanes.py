"""What stands on the timeline below the two voices: marks, and what each interruption was taken to have left.

A place in an item becomes a time through the stretches of the ear (`replay.sound.ear`), those that were flushed too:
that is where the caller would have heard it. What was generated and never sent has no place.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from engine.core.audio import ms_of, samples_of
from engine.core.report import Interrupted, Turn
from replay.flow.marks import Mark
from replay.repairs import Told, as_recorded
from replay.sound.ear import Stretch


class Places:
    """When each sample of each item was at the ear, or would have been."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._of: dict[str, list[Stretch]] = {}
        for stretch in stretches:
            self._of.setdefault(stretch.item_id, []).append(stretch)
        for each in self._of.values():
            each.sort(key=lambda stretch: stretch.begin)

    def ms(self, item_id: str, item_ms: int) -> int | None:
        """The stream time at which the ear came so far in an item. A little beyond its end counts from there."""
        stretches, samples = self._of.get(item_id, []), samples_of(item_ms)
        index = bisect_right(stretches, samples, key=lambda stretch: stretch.begin) - 1
        return ms_of(stretches[index].at + samples - stretches[index].begin) if index >= 0 else None


def marks(of: dict[int, Mark]) -> list[list[Any]]:
    """Each mark: its name, what became of it, the entries that sent it and brought it back, 0 for none. `of` is that of
    `replay.flow.marks.Marks`: both entries of a mark name the same object."""
    found: dict[int, list[Any]] = {}
    for seq, mark in of.items():
        if mark.fate in ("again", "unknown"):
            found[id(mark)] = [mark.name, mark.fate, 0, seq]
        elif id(mark) in found:
            found[id(mark)][3] = seq
        else:
            found[id(mark)] = [mark.name, mark.fate, seq, 0]
    return list(found.values())


def interruption(cut: Interrupted, turns: dict[str, Turn], places: Places, told: Mapping[str, Told]) -> dict[str, Any]:
    """An interruption, with the times at which the ear was at what was heard at the least, at the most, and at what the
    model was told to keep, as that was recorded."""
    items = []
    for item in (as_recorded(each, told) for each in cut.items):
        turn = turns.get(item.item_id)
        spots = {"heard_at_ms": places.ms(item.item_id, item.heard_ms)}
        if turn is not None:
            spots["min_at_ms"] = places.ms(item.item_id, turn.heard_min_ms)
            spots["max_at_ms"] = places.ms(item.item_id, turn.heard_max_ms)
        if item.audio_end_ms is not None:
            spots["told_at_ms"] = places.ms(item.item_id, item.audio_end_ms)
        items.append(
            {
                "item_id": item.item_id,
                "heard_ms": item.heard_ms,
                "min_ms": turn.heard_min_ms if turn else None,
                "max_ms": turn.heard_max_ms if turn else None,
                "action": item.action,
                "audio_end_ms": item.audio_end_ms,
                "outcome": item.outcome,
                **spots,
            }
        )
    return {
        "at_ms": cut.at_ms,
        "onset_ms": cut.caller_onset_ms,
        "sent_ms": cut.clear_sent_ms,
        "effective_ms": cut.clear_effective_ms,
        "items": items,
    }
