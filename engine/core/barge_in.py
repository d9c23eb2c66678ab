"""Deciding what an interruption asks for. `hearing` knows what was heard; here it is acted upon.

1. The caller speaks (or presses a key, or an operator steps in) while something sent may be unplayed: clear at once,
   then the sentinel. What the cut responses still generate is counted and never sent. A response is cancelled by us
   only if the model does not do it itself: a blind cancel hits nothing, or the next response.
2. Echoes come back, the sentinel's last: the playout settles. If it does not come in time, the playout settles by what
   is known, or by estimate, when the model says that the caller has stopped (the next response may begin right
   after), at the latest after `settle_ms`; but not while the line is visibly stuck, because then waiting tells more
   than guessing. An estimate leans to "heard", for a later proof can still shorten an item and never lengthen it.
3. An item that was cut is mended once it will not grow any more: never heard, delete it (a truncate at 0 is an error
   while it has no audio); heard in part, truncate it to that; heard to its end, leave it. Never twice, unless the
   second is less.
"""

import msgspec

from engine.core.commands import CancelResponse, ClearPlayout, Command, DeleteItem, PlaceMark, TruncateItem
from engine.core.conversation import Conversation, Item, Repair, Response
from engine.core.hearing import Hearing
from engine.core.machines import Generating, ResponseFact
from engine.core.names import Names
from engine.core.playout import Playout
from engine.core.settings import Limits

MS = 1_000_000
ECHO_SLACK_MS = 100
"""Added to the round trip before an echo counts as late."""
STALL_MS_MAX = 5_000
"""Longest wait for a stuck line."""
DONE_MS_MAX = 1_000
"""Longest wait, after settling, for a cut response to be done. The vendor always says so; should it not, what nobody
heard must still not stay."""


class Interruption(msgspec.Struct, eq=False):
    """One interruption; dates in stream samples."""

    at: int
    onset_at: int | None
    playout: Playout
    deadline_ns: int
    items: list[Item] = []
    responses: list[Response] = []
    effective_at: int | None = None


class BargeIn:
    """See above."""

    def __init__(self, hearing: Hearing, conversation: Conversation, names: Names, limits: Limits) -> None:
        self._hearing = hearing
        self._conversation = conversation
        self._names = names
        self._limits = limits
        self.interruptions: list[Interruption] = []
        self._unsettled: list[Interruption] = []
        self._owed: dict[str, int] = {}
        """Cut responses that are not done, with the time after which nobody waits for that."""

    def interrupt(self, stream_sid: str, at_ns: int, onset_at: int | None, model_cancels: bool) -> list[Command]:
        """Somebody wants the assistant to stop. Nothing to stop, nothing sent."""
        commands: list[Command] = []
        playout = self._hearing.playout
        is_playing = playout.is_unplayed
        unheard = playout.items()
        if is_playing:
            sentinel = self._names.mark("sentinel")
            commands += [ClearPlayout(stream_sid), PlaceMark(stream_sid, sentinel)]
            self._hearing.sent_clear(sentinel, at_ns)
        cut = [response for response in self._conversation.generating() if response.state is Generating.GENERATING]
        for response in cut:
            response.fact(ResponseFact.CUT)
            self._owed[response.response_id] = at_ns + (self._limits.settle_ms + DONE_MS_MAX) * MS
            if not model_cancels:
                commands.append(CancelResponse(self._names.event("cancel"), response.response_id))
        for item in [*unheard, *(item for response in cut for item in response.items)]:
            item.is_cut = True
        if is_playing:
            deadline_ns = at_ns + self._limits.settle_ms * MS
            at = self._hearing.stream.now(at_ns)
            interruption = Interruption(at, onset_at, playout, deadline_ns, unheard, cut)
            self.interruptions.append(interruption)
            self._unsettled.append(interruption)
        return commands

    def echoed(self, playout: Playout, at_ns: int) -> list[Command]:
        """An echo told something about a playout being flushed."""
        interruption = next(each for each in self.interruptions if each.playout is playout)
        return self._settle(interruption, at_ns)

    def speech_stopped(self, at_ns: int) -> list[Command]:
        """The model will answer at any moment: settle now, unless an echo can still be on its way."""
        commands: list[Command] = []
        for interruption in [*self._unsettled]:
            flush = interruption.playout.flush
            assert flush is not None
            patience_ns = ECHO_SLACK_MS * MS + flush.round_trip * MS // 8
            interruption.deadline_ns = min(interruption.deadline_ns, max(at_ns, flush.sent_ns + patience_ns))
            if interruption.deadline_ns <= at_ns:
                commands += self._settle(interruption, at_ns, is_due=True)
        return commands

    def timer_due(self, at_ns: int) -> list[Command]:
        """A deadline may have come."""
        commands: list[Command] = []
        for interruption in [*self._unsettled]:
            if interruption.deadline_ns <= at_ns:
                commands += self._settle(interruption, at_ns, is_due=True)
        for response_id in [name for name, by_ns in self._owed.items() if by_ns <= at_ns]:
            commands += self.response_done(self._conversation.response(response_id))
        return commands

    @property
    def deadline_ns(self) -> int | None:
        """When `timer_due` should be asked next."""
        if not self._unsettled and not self._owed:
            return None
        return min([*self._owed.values(), *(interruption.deadline_ns for interruption in self._unsettled)])

    def is_unsettled(self, item: Item) -> bool:
        """Whether it is still to be judged what was heard of an item."""
        return any(item in each.items for each in self._unsettled)

    def item_done(self, item: Item, is_whole: bool = True) -> list[Command]:
        """An item will not grow any more."""
        if not item.is_done:
            item.is_done, item.is_whole = True, is_whole and not item.is_cut
        return self._mend(item)

    def response_done(self, response: Response) -> list[Command]:
        """Nor will any item of this response."""
        self._owed.pop(response.response_id, None)
        return [command for item in response.items for command in self.item_done(item)]

    def response_lost(self, response: Response) -> None:
        """Nor of this one, of which the model will not say so, and which it does not remember."""
        self._owed.pop(response.response_id, None)
        for item in response.items:
            self.item_done(item, is_whole=False)

    def answered(self, item_id: str, audio_end_ms: int | None) -> None:
        """The model did what it was told about an item: shortened it to `audio_end_ms`, or (None) removed it."""
        item = self._conversation.items.get(item_id)
        if item is not None and item.repair is not None and item.repair.audio_end_ms == audio_end_ms:
            item.repair.outcome = "ok"

    def refused(self, event_id: str | None) -> None:
        """The model refused one of our frames."""
        for item in self._conversation.order:
            if item.repair is not None and event_id and item.repair.event_id == event_id:
                item.repair.outcome = "error"

    def _settle(self, interruption: Interruption, at_ns: int, is_due: bool = False) -> list[Command]:
        playout, flush = interruption.playout, interruption.playout.flush
        assert flush is not None
        if not is_due and flush.sentinel_date is None:
            return []
        judgement = self._hearing.judge(playout, at_ns)
        if judgement.is_estimate:
            waited_ns = at_ns - flush.sent_ns
            if waited_ns < STALL_MS_MAX * MS and self._hearing.is_stalled(playout, at_ns):
                interruption.deadline_ns = at_ns + ECHO_SLACK_MS * MS
                return []
        self._hearing.settle(playout, judgement)
        interruption.effective_at = judgement.effective_at
        if interruption in self._unsettled:
            self._unsettled.remove(interruption)
        items = [*interruption.items, *(item for response in interruption.responses for item in response.items)]
        return [command for item in dict.fromkeys(items) for command in self._mend(item)]

    def _mend(self, item: Item) -> list[Command]:
        if not (item.is_cut and item.is_done and item.is_speech) or self.is_unsettled(item):
            return []
        if not self._conversation.is_at_model(item):
            return []  # the next session is told what was heard, and nothing else
        before = item.repair or Repair("none", outcome="ok")
        if before.action == "delete":
            return []
        keeps_ms = item.heard_ms()
        if keeps_ms == 0:
            item.repair = Repair("delete", event_id=self._names.event("delete"))
            return [DeleteItem(item.repair.event_id, item.item_id)]
        has_ms = item.generated_ms() if before.audio_end_ms is None else before.audio_end_ms
        if keeps_ms >= has_ms:
            item.repair = before
            return []
        item.repair = Repair("truncate", keeps_ms, event_id=self._names.event("truncate"))
        return [TruncateItem(item.repair.event_id, item.item_id, item.content_index, keeps_ms)]
