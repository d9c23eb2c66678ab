"""Holds what a bridge did at each interruption against what the caller heard.

What is right: Twilio is cleared at once; of the items that were not heard to their end, those heard in part are
truncated to that, those not heard at all are deleted (or truncated at 0, if the model takes it); nothing else is
touched; and nothing of what was cut is played afterwards. What the model keeps of an item is wrong when it lies outside
the bounds of what was heard, and a frame: within them nobody can know better.

One mistake has many consequences, and only the mistake is a finding. Without a clear everything was heard in the end,
so no truncate can be right. An item that was not cut because another one was cut in its place is one mistake, not two.
"""

from collections.abc import Iterator

from engine.core import Overheard
from engine.core.audio import ms_of
from engine.core.events import ModelError
from replay.audit.findings import Finding
from replay.audit.memory import BOUNDS_MS, Memory, Remembered
from replay.audit.theories import CLOCK_MS, ZERO_MS, Theory, theories
from replay.audit.witness import Act, Case

LATE_CLEAR_MS = 250
"""From the model's word that the caller speaks to the clear. A bridge that does nothing else first takes one."""
PLAYED_ON_MS = 300
"""So much of what was sent may be played to its end without a clear: the caller only came a little early."""


class Judge:
    """Gives the findings of each case. `cases` are all of the call."""

    def __init__(self, call: Overheard, cases: list[Case]) -> None:
        self._call = call
        self._cases = cases
        self.memory = Memory(cases)

    def findings(self, case: Case) -> Iterator[Finding]:
        """What the bridge got wrong."""
        if self._plays_on_ms(case) > 0:
            yield self._no_clear(case)
        elif case.is_barge_in:
            yield from self._late_clear(case)
            yield from self._played_late(case)
            yield from self._items(case)
        yield from self._cancels(case)

    # Silence

    @staticmethod
    def _plays_on_ms(case: Case) -> int:
        """How much was played that a clear should have stopped."""
        unplayed_ms = ms_of(case.unplayed_samples)
        least_ms = BOUNDS_MS if case.acts else PLAYED_ON_MS
        return unplayed_ms if case.is_barge_in and not case.clears and unplayed_ms > least_ms else 0

    def _no_clear(self, case: Case) -> Finding:
        did = [f"{act.item_id} was {_told(act)}" for act in case.acts]
        besides = f"; {', '.join(did)}, which cannot be right while it plays" if did else ""
        played_ms = self._plays_on_ms(case)
        return Finding(
            "no_clear", None, f"{played_ms} ms of what had been sent were still to be played, and went on{besides}"
        )

    @staticmethod
    def _late_ms(case: Case) -> int:
        """How much later than the model's word the clear was."""
        if not case.clears or case.speech_at is None:
            return 0
        return ms_of(case.clears[0].at - case.speech_at)

    def _late_clear(self, case: Case) -> Iterator[Finding]:
        late_ms = self._late_ms(case)
        if late_ms > LATE_CLEAR_MS:
            told = f"the clear was sent {late_ms} ms after speech_started, and the assistant went on for as long"
            yield Finding("late_clear", None, told)

    def _played_late(self, case: Case) -> Iterator[Finding]:
        """Audio of a response that was interrupted, sent after that."""
        cut = {item.item_id for clear in case.clears for item in clear.items}
        later = next((each.sounds for each in self._cases[self._cases.index(case) + 1 :] if each.clears), None)
        sounds = self._call.provenance.out_of_order[case.sounds : later]
        late = sum(part.counts_as.heard_samples for part in sounds if part.item and part.item.item_id in cut)
        for response in case.generating:
            for item in response.items:
                if item.item_id not in cut:
                    late += max(0, item.heard_samples - case.sent.get(item.item_id, 0))
        if ms_of(late) <= BOUNDS_MS:
            return
        names = ", ".join(each.response_id for each in case.generating)
        after = "the clear" if case.clears else "speech_started"
        if any(each.status == "cancelled" for each in case.generating) or not case.generating:
            told = f"{ms_of(late)} ms of {names or 'what was cut'} were sent after {after}, and heard"
            yield Finding("late_deltas", None, told)
        else:
            told = f"{names} was neither cancelled nor dropped: {ms_of(late)} ms of it were heard after {after}"
            yield Finding("not_stopped", None, told)

    # Memory

    def _items(self, case: Case) -> Iterator[Finding]:
        stake = [self.memory.of(item) for item in case.stake]
        wrong = [each for each in stake if each.error_ms]
        ids = {each.item.item_id for each in stake}
        astray = [act for act in case.acts if act.item_id not in ids]
        astray += [each.act for each in wrong if each.act is not None and _is_unheard(each) and not each.is_deleted]
        left = [each for each in wrong if each.act is None and not _is_unheard(each)]
        if astray and left:
            yield self._instead(astray[0], left[0])
            wrong = [each for each in wrong if each not in left and each.act not in astray and each.act is not None]
        else:
            for act in astray:
                if act.item_id not in ids:
                    yield from self._untimely(act)
        for each in wrong:
            yield from self._wrong(case, each)
        for act in case.acts:
            if act.audio_end_ms == 0 and act.item_id in ids and act.asked.outcome == "error":
                yield Finding("zero", act.item_id, f"{act.item_id} was {_told(act)}{_refusal(act)}")

    def _instead(self, act: Act, left: Remembered) -> Finding:
        """An item was cut that nobody was hearing, and the one that was heard was not."""
        item = left.item
        heard = f"{item.item_id} was playing, {left.heard_ms} of {left.generated_ms} ms heard, and was left whole"
        found = self._theories(act)
        if found and found[0].cause == "flushed_marks":
            because = f"{act.audio_end_ms} ms is {found[0].because}; {heard}"
            return Finding("flushed_marks", act.item_id, because, ["wrong_item"])
        return Finding("wrong_item", act.item_id, f"{act.item_id} was {_told(act)}; {heard}")

    def _untimely(self, act: Act) -> Iterator[Finding]:
        """Something was cut although nothing was left to cut."""
        item = self._call.conversation.items.get(act.item_id)
        if item is None:
            yield Finding("wrong_item", act.item_id, f"there is no item {act.item_id}{_refusal(act)}")
            return
        if any(item in case.stake for case in self._cases):
            # It was dealt with before. A second truncate is harmless if it asks for no less, or is refused.
            if act.asked.outcome == "error":
                yield self._explained(act, self.memory.of(item))
            return
        kept = self.memory.of(item)
        all_of = f"all {kept.generated_ms} ms of {act.item_id} had been heard"
        if act.audio_end_ms is None:
            yield Finding("zero", act.item_id, f"{all_of}, and it was deleted")
        else:
            yield Finding("heard_to_end", act.item_id, f"{all_of}; it was {_told(act)}{_refusal(act)}")

    def _wrong(self, case: Case, each: Remembered) -> Iterator[Finding]:
        """What the model keeps of an item is not what was heard."""
        item_id, act = each.item.item_id, each.act
        if act is None and _is_unheard(each):
            told = f"nothing of its {each.generated_ms} ms was heard, and it was neither deleted nor truncated"
            yield Finding("unheard_left", item_id, told)
        elif act is None:
            told = f"{each.heard_ms} of {each.generated_ms} ms had been heard, and the model was told nothing"
            yield Finding("no_truncate", item_id, told)
        elif each.is_deleted:
            yield Finding("zero", item_id, f"{each.heard_ms} ms of it had been heard, and it was deleted")
        elif not self._is_as_of_speech(case, act, each):
            yield self._explained(act, each)

    def _is_as_of_speech(self, case: Case, act: Act, each: Remembered) -> bool:
        """Whether the position is right for the moment of speech_started: then only the clear is wrong."""
        late_ms = self._late_ms(case)
        off_ms = abs(each.heard_ms - late_ms - (act.audio_end_ms or 0))
        return late_ms > LATE_CLEAR_MS and off_ms <= 2 * CLOCK_MS + act.clocks.jitter_ms

    def _explained(self, act: Act, each: Remembered) -> Finding:
        found = self._theories(act)
        asked_ms, item_id = act.audio_end_ms, act.item_id
        heard = f"; {each.heard_ms} ms had been heard{_refusal(act)}"
        if found:
            others = dict.fromkeys(theory.cause for theory in found[1:] if theory.cause != found[0].cause)
            return Finding(found[0].cause, item_id, f"{asked_ms} ms is {found[0].because}{heard}", [*others])
        if (asked_ms or 0) > each.generated_ms:
            return Finding("beyond", item_id, f"{asked_ms} ms is more than the {each.generated_ms} that it has{heard}")
        return Finding("unexplained", item_id, f"{asked_ms} ms is nothing that there was to be counted{heard}")

    def _theories(self, act: Act) -> list[Theory]:
        if act.audio_end_ms is None:
            return []
        return theories(act, act.audio_end_ms, self._call.overhearing.echoes, self._call.overhearing.clears)

    # Generation

    def _cancels(self, case: Case) -> Iterator[Finding]:
        known = {response.response_id for response in case.generating}
        for cancel in case.cancels:
            if cancel.is_idle and cancel.asked.outcome == "error":
                yield Finding("idle_cancel", None, f"no response was being generated{_refused(cancel.asked.refusal)}")
            elif not cancel.response_id and cancel.asked.outcome == "ok":
                hit = [
                    each.response_id
                    for each in self._call.conversation.responses.values()
                    if each.reason == "client_cancelled" and each.response_id not in known
                ]
                if hit:
                    told = f"without an id, it stopped {hit[0]}, which had only begun"
                    yield Finding("blind_cancel", None, told)


def _is_unheard(each: Remembered) -> bool:
    return each.heard_min_ms <= ZERO_MS and each.heard_ms <= ZERO_MS


def _told(act: Act) -> str:
    return "deleted" if act.audio_end_ms is None else f"truncated at {act.audio_end_ms} ms"


def _refusal(act: Act) -> str:
    return _refused(act.asked.refusal)


def _refused(refusal: ModelError | None) -> str:
    return "" if refusal is None else f". The model refused: {refusal.message}"
