"""Interruptions, measured: how long the caller had to talk over the assistant, and what the model was told.

The last sample at the ear is where the clear took effect, unless the playout had run out before: then it is the end of
what was sent. All dates are stream time; the news of the caller's onset and the sending of the clear are dated by what
our clock showed of it, so the way from Twilio is in `effective` and not in `detect` (see docs/METRICS.md).
"""

from engine.core import AnyCall
from engine.core.audio import ms_of
from engine.core.barge_in import Interruption
from engine.core.conversation import Item
from engine.core.machines import Playing
from replay.metrics.dates import ClearDates, Dates
from replay.metrics.measured import BargeInMeasures, Part, RepairMeasures
from replay.metrics.turns import Links, chain
from replay.repairs import Told


def barge_ins(call: AnyCall, dates: Dates) -> list[BargeInMeasures]:
    """All interruptions, in order."""
    both = zip(call.barge_in.interruptions, dates.clears, strict=True)
    return [_measure(number, each, clear, dates) for number, (each, clear) in enumerate(both, 1)]


def _measure(number: int, each: Interruption, clear: ClearDates, dates: Dates) -> BargeInMeasures:
    stopped_at = _stopped_at(each)
    links: Links = [("detect", clear.told_at)] if each.onset_at is not None else []
    begin = clear.told_at if each.onset_at is None else each.onset_at
    stop_ms: int | None = None
    parts: dict[Part, int] = {}
    if stopped_at is not None and stopped_at >= begin:
        stop_ms, parts = chain(begin, [*links, ("decide", clear.clear_at)], ("effective", stopped_at))
    words = dates.words.get(clear.item_id)
    cut = [item for response in each.responses for item in response.items if item.is_speech]
    return BargeInMeasures(
        number=number,
        seq=clear.seq,
        by="voice" if each.onset_at is not None else "key" if clear.type == "dtmf" else "operator",
        at_ms=ms_of(each.at),
        onset_ms=None if each.onset_at is None else ms_of(each.onset_at),
        stopped_at_ms=None if stopped_at is None else ms_of(stopped_at),
        stop_ms=stop_ms,
        parts=parts,
        is_estimate=each.playout.state is Playing.ESTIMATED,
        is_false=None if words is None else not any(char.isalnum() for char in words),
        item_ids=[item.item_id for item in dict.fromkeys([*each.items, *cut])],
    )


def _stopped_at(each: Interruption) -> int | None:
    """The last sample at the ear. None while nothing tells when the clear took effect."""
    playout = each.playout
    if each.effective_at is None or playout.line is None:
        return each.effective_at
    return min(each.effective_at, playout.line.middle + playout.sent)


def repairs(call: AnyCall, dates: Dates) -> list[RepairMeasures]:
    """Every item that the model was told to shorten or to forget, in the order of the conversation: what it was told is
    what was recorded, and what was heard is what this version finds."""
    told = dates.repairs.told()
    return [_repair(item, told[item.item_id], dates) for item in call.conversation.order if item.item_id in told]


def _repair(item: Item, told: Told, dates: Dates) -> RepairMeasures:
    kept_ms: int | None = item.generated_ms()
    is_lost = told.outcome == "pending" and item.restored_in > item.session
    if is_lost:
        kept_ms = item.heard_ms()
    elif told.outcome == "pending":
        kept_ms = None
    elif told.outcome == "ok":
        kept_ms = told.audio_end_ms or 0
    least_ms = min(ms_of(item.heard_samples_min), item.heard_ms())
    most_ms = min(ms_of(item.heard_samples_max), item.generated_ms())
    return RepairMeasures(
        seq=told.seq,
        at_ms=ms_of(dates.at_of(told.seq)),
        item_id=item.item_id,
        action=told.action,
        outcome="lost" if is_lost else told.outcome,
        heard_ms=item.heard_ms(),
        kept_ms=kept_ms,
        doubt_ms=most_ms - least_ms,
    )
