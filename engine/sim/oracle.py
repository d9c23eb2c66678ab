"""The law that a call is judged by: what the model keeps of each item is what was played of it.

The edge knows what was played, the model knows what it keeps; what the engine says about itself is not asked. Used by
the tests (some hundred calls, each must pass) and by the bench (thousands, with the distribution).
"""

from typing import Literal

import msgspec

from engine.core.audio import ms_of
from engine.sim.truth import ItemTruth, item_truths, underruns
from engine.sim.world import Outcome

CALM_MS_MAX = 60
ROUGH_SLACK_MS = 20
"""In a stall or an underrun: the spacing of the marks, and this."""
UNHEARD_MS = 20
"""A caller frame: an item of which no more than this was played may be deleted, and one of which no more than this is
missing may be left whole."""
RACES = frozenset({"response_cancel_not_active"})
"""A cancel that crosses the end of its response on the way. Nobody can know better; the vendor calls it harmless."""


class Cut(msgspec.Struct, frozen=True):
    """One truncate that stood at the end, and by how much it was off: positive when the model keeps too much."""

    item_id: str
    error_ms: float
    is_calm: bool


class Verdict(msgspec.Struct, frozen=True):
    """What one call came to."""

    cuts: list[Cut]
    races: int
    broken: list[str]
    """Laws that were broken, in words."""


def judge(outcome: Outcome) -> Verdict:
    """Hold a call against the law."""
    is_calm = outcome.scenario.is_calm and not underruns(outcome)
    most_ms = CALM_MS_MAX if is_calm else outcome.scenario.settings.mark_every_ms + ROUGH_SLACK_MS
    cuts: list[Cut] = []
    broken = [] if outcome.ended else ["the call did not end"]
    broken += [f"fault: {entry.body}" for entry in outcome.entries if entry.kind == "fault"]
    broken += [f"the edge refused: {why}" for why in outcome.edge.refused]
    items = item_truths(outcome)
    for item in items:
        match _fate(item):
            case "truncated":
                error_ms = (item.kept_samples - item.heard_samples) / 8
                cuts.append(Cut(item.item_id, error_ms, is_calm))
                if abs(error_ms) > most_ms:
                    broken.append(f"{item.item_id}: kept {error_ms:+.0f} ms more than was heard, limit {most_ms}")
            case "deleted" if ms_of(item.heard_samples) > UNHEARD_MS:
                broken.append(f"{item.item_id}: deleted, but {ms_of(item.heard_samples)} ms were heard")
            case "whole" if item is not items[-1] and item.generated_samples - item.heard_samples > most_ms * 8:
                broken.append(f"{item.item_id}: whole, but only {ms_of(item.heard_samples)} ms were heard")
    codes = [error["code"] for error in outcome.model.errors]
    broken += [f"the model answered with an error: {code}" for code in codes if code not in RACES]
    return Verdict(cuts, sum(code in RACES for code in codes), broken)


def _fate(item: ItemTruth) -> Literal["deleted", "truncated", "whole"]:
    if not item.in_conversation:
        return "deleted"
    return "truncated" if item.kept_samples < item.generated_samples else "whole"
