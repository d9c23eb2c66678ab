"""The law that a call is judged by: what the model keeps of each item is what was played of it.

The edge knows what was played, the model knows what it keeps; what the engine says about itself is not asked (but see
`stated`). Used by the tests (some hundred calls, each must pass) and by the bench (thousands, with the distribution).
"""

from typing import Literal

import msgspec

from engine.core.audio import ms_of
from engine.sim.truth import ItemTruth, item_truths, underruns
from engine.sim.world import Outcome

Kind = Literal["calm", "silence omitted", "rough"]
"""Rough: something stalls, runs dry, or echoes are lost. Silence omitted: Twilio sends no frames while the caller is
silent, so that echoes are dated by our own clock and are as uncertain as the line's jitter."""
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
    kind: Kind


class Verdict(msgspec.Struct, frozen=True):
    """What one call came to."""

    cuts: list[Cut]
    races: int
    broken: list[str]
    """Laws that were broken, in words."""


def judge(outcome: Outcome) -> Verdict:
    """Hold a call against the law."""
    kind = _kind(outcome)
    most_ms = _limit_ms(outcome, kind)
    cuts: list[Cut] = []
    broken = [] if outcome.ended else ["the call did not end"]
    broken += [f"fault: {entry.body}" for entry in outcome.entries if entry.kind == "fault"]
    broken += [f"the edge refused: {why}" for why in outcome.edge.refused]
    items = item_truths(outcome)
    for item in items:
        match _fate(item):
            case "truncated":
                error_ms = (item.kept_samples - item.heard_samples) / 8
                cuts.append(Cut(item.item_id, error_ms, kind))
                if abs(error_ms) > most_ms:
                    broken.append(f"{item.item_id}: kept {error_ms:+.0f} ms more than was heard, limit {most_ms:.0f}")
            case "deleted" if ms_of(item.heard_samples) > UNHEARD_MS:
                broken.append(f"{item.item_id}: deleted, but {ms_of(item.heard_samples)} ms were heard")
            case "whole" if item is not items[-1] and item.generated_samples - item.heard_samples > most_ms * 8:
                broken.append(f"{item.item_id}: whole, but only {ms_of(item.heard_samples)} ms were heard")
    codes = [error["code"] for error in outcome.model.errors]
    broken += [f"the model answered with an error: {code}" for code in codes if code not in RACES]
    return Verdict(cuts, sum(code in RACES for code in codes), broken)


def _kind(outcome: Outcome) -> Kind:
    if not outcome.scenario.is_calm or underruns(outcome):
        return "rough"
    return "silence omitted" if outcome.scenario.edge.silence_kept_ms is not None else "calm"


def _limit_ms(outcome: Outcome, kind: Kind) -> float:
    if kind == "rough":
        return outcome.scenario.settings.mark_every_ms + ROUGH_SLACK_MS
    return CALM_MS_MAX + (outcome.scenario.caller_in.jitter_ms if kind == "silence omitted" else 0)


def _fate(item: ItemTruth) -> Literal["deleted", "truncated", "whole"]:
    if not item.in_conversation:
        return "deleted"
    return "truncated" if item.kept_samples < item.generated_samples else "whole"
