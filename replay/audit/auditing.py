"""From a log to an audit: hear the call, judge each interruption, put it into words."""

from engine.core import RULES_OVERHEARD, Overheard
from engine.core.audio import ms_of
from engine.core.conversation import Item
from engine.log.errors import LogError
from replay.audit.findings import Audit, BargeIn, Finding, HeardItem
from replay.audit.judge import Judge
from replay.audit.memory import Remembered
from replay.audit.quotes import Quotes
from replay.audit.witness import Case, Witness
from replay.rows import Log, entry_of
from replay.runner import GAP

OWN_SOUNDS_MS = 100
"""Less than this that is nobody's is filling up."""


def audit(log: Log) -> Audit:
    """What the bridge that made a call got wrong in it. Raises LogError where that cannot be told."""
    witness = Witness(Overheard(log.settings))
    witness.watch(entry_of(row) for row in log.rows())
    call = witness.call
    if not call.ended:
        call.overhearing.hang_up(call.at_ns)
    if call.deaf:
        raise LogError(f"this call cannot be heard: {call.deaf}")
    judge, quotes = Judge(call, witness.cases), Quotes(call)
    barge_ins: list[BargeIn] = []
    for case in witness.cases:
        findings = list(judge.findings(case))
        if findings or case.clears or case.acts or case.unplayed_samples:
            items = [_heard_item(judge.memory.of(item), quotes) for item in _items(call, case)]
            barge_ins.append(_barge_in(call, len(barge_ins) + 1, case, items, findings))
    return Audit(barge_ins, _notes(log, call, barge_ins), is_ours=log.settings.rules != RULES_OVERHEARD)


def _items(call: Overheard, case: Case) -> list[Item]:
    """Those that the case is about, whoever thinks so."""
    acted = (call.conversation.items.get(act.item_id) for act in case.acts)
    return [*dict.fromkeys([*case.stake, *(item for item in acted if item is not None)])]


def _barge_in(call: Overheard, number: int, case: Case, items: list[HeardItem], findings: list[Finding]) -> BargeIn:
    clear = case.clears[0] if case.clears else None
    playing, playing_ms = _at_ear(call, case.onset_at)
    return BargeIn(
        number=number,
        seq=case.seq,
        at_ms=ms_of(case.at),
        caller_onset_ms=_ms(case.onset_at),
        playing_item_id=playing,
        playing_ms=playing_ms,
        clear_sent_ms=None if clear is None else ms_of(clear.at),
        clear_effective_ms=None if clear is None else _ms(clear.effective_at),
        basis=None if clear is None else clear.basis,
        items=items,
        findings=findings,
    )


def _at_ear(call: Overheard, at: int | None) -> tuple[str | None, int | None]:
    """The item that the caller was hearing at that moment, and how far in it the ear was."""
    for item in call.conversation.order if at is not None else ():
        begun_at, ended_at = item.started_at, item.ended_at
        if at is not None and item.role != "user" and begun_at is not None and begun_at <= at <= (ended_at or 0):
            return item.item_id, ms_of(at) - ms_of(begun_at)
    return None, None


def _heard_item(each: Remembered, quotes: Quotes) -> HeardItem:
    item, act = each.item, each.act
    asked = act.asked if act is not None else None
    kept_ms = each.kept_ms or 0
    refusal = asked.refusal if asked is not None else None
    return HeardItem(
        item_id=item.item_id,
        generated_ms=each.generated_ms,
        heard_ms=each.heard_ms,
        heard_min_ms=each.heard_min_ms,
        heard_max_ms=each.heard_max_ms,
        heard_text=quotes.heard(item),
        action="none" if act is None else "delete" if act.audio_end_ms is None else "truncate",
        audio_end_ms=None if act is None else act.audio_end_ms,
        outcome=None if asked is None else asked.outcome,
        refusal="" if refusal is None else refusal.message,
        kept_ms=each.kept_ms,
        error_ms=each.error_ms,
        kept_text=quotes.between(item, each.heard_ms, kept_ms) if each.error_ms > 0 else "",
        lost_text=quotes.between(item, kept_ms, each.heard_ms) if each.error_ms < 0 else "",
    )


def _notes(log: Log, call: Overheard, barge_ins: list[BargeIn]) -> list[str]:
    notes = []
    gaps = sum(row[2] == "fault" and row[4] == GAP for row in log.rows())
    if gaps:
        places = "one place" if gaps == 1 else f"{gaps} places"
        notes.append(f"entries are missing from the log in {places}: what happened there is not known")
    own_ms = ms_of(call.provenance.sent_samples - call.provenance.found_samples)
    if own_ms >= OWN_SOUNDS_MS:
        notes.append(f"{own_ms} ms of what was sent to Twilio are no item's audio: the bridge's own sounds")
    estimates = sum(each.basis == "sending" for each in barge_ins)
    if estimates:
        where = "one interruption" if estimates == 1 else f"{estimates} interruptions"
        why = "no mark had come back that tells more" if call.overhearing.marks else "the bridge places no marks"
        notes.append(f"what was heard at {where} is estimated from when the audio was sent: {why}")
    return notes


def _ms(at: int | None) -> int | None:
    return None if at is None else ms_of(at)
