"""Hears a call and notes each time that the caller broke in: what was playing, and what the bridge did about it.

A *case* begins when the model says that the caller speaks, or with the first thing that the bridge does by itself: a
clear, a truncate, a delete, a cancel. What it does next belongs to the case, unless it is about an item of an earlier
case that nothing was done about yet: some bridges take their time.

For every truncate and delete it is noted what could have been counted at that moment, rightly or wrongly (`Clocks`):
whoever wants to know how the bridge came to its number looks there.
"""

from collections.abc import Iterable

import msgspec

from engine.core import Entry, Overheard
from engine.core import commands as cmd
from engine.core import events as ev
from engine.core.asked import Asked
from engine.core.audio import SAMPLES_PER_MS
from engine.core.conversation import Item, Response
from engine.core.machines import Generating
from engine.core.overhearing import Cleared

CASE_NS = 5_000_000_000
"""What a bridge does later than this after a case began is none of it."""
JOIN_NS = 1_500_000_000
"""A bridge with an ear of its own may act so long before the model says that the caller speaks."""
NS_PER_MS = 1_000_000

CANCEL = "response.cancel"
_TELLING = frozenset(
    {
        "input_audio_buffer.speech_started",
        "clear",
        "conversation.item.truncate",
        "conversation.item.delete",
        CANCEL,
    }
)


class Clocks(msgspec.Struct, frozen=True):
    """What there was to be counted for an item, in milliseconds.

    `since_first_delta`: of each item, in the order of their first deltas, by Twilio's clock and by ours. `echoes`: how
    many marks had come back, in all; `echoes_from`: and how many when the item's first delta came, and at each clear.
    """

    sent_ms: int
    received_ms: int
    jitter_ms: int
    since_first_delta: dict[str, tuple[int, int]]
    echoes: int
    echoes_from: frozenset[int]


class Act(msgspec.Struct, frozen=True):
    """A truncate, or (without `audio_end_ms`) a delete."""

    asked: Asked
    item_id: str
    audio_end_ms: int | None
    clocks: Clocks


class Cancel(msgspec.Struct, frozen=True):
    """A cancel. `is_idle`: no response was known to be generating."""

    asked: Asked
    response_id: str
    is_idle: bool


class Case(msgspec.Struct, eq=False):
    """One time that the caller broke in. Dates in stream samples, as they were seen here.

    `speech_at`: when the model said so; None if it never did. `unplayed`: items that may not have been heard to their
    end when the case began, `unplayed_samples`: how much was not due then. `generating`: the responses then. `sent`:
    how much of each of their items had been sent then, or when Twilio was cleared; `sounds`: and how many parts out of
    order.
    """

    seq: int
    at_ns: int
    at: int
    unplayed: list[Item]
    unplayed_samples: int
    generating: list[Response]
    sent: dict[str, int] = {}
    sounds: int = 0
    speech_at: int | None = None
    onset_at: int | None = None
    clears: list[Cleared] = []
    acts: list[Act] = []
    cancels: list[Cancel] = []

    @property
    def is_barge_in(self) -> bool:
        """Whether anybody thought that the caller broke in. A cancel alone says nothing about what was played."""
        return self.speech_at is not None or bool(self.clears or self.acts)

    @property
    def stake(self) -> list[Item]:
        """The items that may need mending: those that the clear cut, or (without one) all that were not over; and what
        a response made that was interrupted, as far as it was not heard to its end."""
        begun = [item for clear in self.clears for item in clear.items] if self.clears else self.unplayed
        made = [item for each in self.generating for item in each.items if item.is_speech]
        unheard = [item for item in made if not item.sent_samples or item.heard_samples < item.generated_samples]
        return [*dict.fromkeys([*begun, *unheard])]


class _Now(msgspec.Struct, frozen=True):
    """A moment by Twilio's clock and by ours, and how many marks had come back."""

    stream_ms: int
    our_ms: int
    echoes: int


class Witness:
    """See above. `call` is the call as it was heard, `cases` what happened in it."""

    def __init__(self, call: Overheard) -> None:
        self.call = call
        self.cases: list[Case] = []
        self._first_deltas: dict[str, _Now] = {}
        self._echoes_at_clears: list[int] = []

    def watch(self, entries: Iterable[Entry]) -> None:
        """The whole call."""
        for entry in entries:
            # A clear cuts what is generating and unplayed: so the case is made before it is heard.
            case = self._case_before(entry) if entry.type in _TELLING else None
            clears = self.call.overhearing.clears
            cleared_before = len(clears)
            what = self.call.hear(entry)
            if isinstance(what, ev.ItemAudio):
                self._first_deltas.setdefault(what.item_id, self._now())
            if case is not None:
                self._take(case, what, clears[cleared_before:])

    def _case_before(self, entry: Entry) -> Case:
        """The case that this entry belongs to, if it belongs to any: the one that goes on, or a new one."""
        call, at_ns = self.call, entry.at_ns
        last = self.cases[-1] if self.cases else None
        playout = call.hearing.playout
        unplayed = [item for item in playout.items() if item.item_id] if playout.is_unplayed else []
        if last is not None and self._goes_on(last, entry, unplayed):
            return last
        generating = [each for each in call.conversation.generating() if each.state is Generating.GENERATING]
        unplayed_samples = call.overhearing.unplayed_samples(at_ns)
        at = call.hearing.stream.peek(at_ns)
        case = Case(entry.seq, at_ns, at, unplayed, unplayed_samples, generating)
        self._note_sent(case)
        return case

    @staticmethod
    def _goes_on(case: Case, entry: Entry, unplayed: list[Item]) -> bool:
        """Whether an entry can belong to the last case. A cancel is an answer to it even if it is far too late."""
        since_ns = entry.at_ns - case.at_ns
        if entry.kind == "input":
            return case.speech_at is None and since_ns < JOIN_NS and not _is_past(case, unplayed)
        return since_ns < CASE_NS and (entry.type == CANCEL or not _is_past(case, unplayed))

    def _take(self, case: Case, what: object, cleared: list[Cleared]) -> None:
        match what:
            case ev.SpeechStarted():
                case.speech_at = self.call.hearing.stream.peek(self.call.at_ns)
                item = self.call.conversation.items.get(what.item_id)
                case.onset_at = item.started_at if item is not None else None
            case cmd.ClearPlayout() if cleared:
                case.clears += cleared
                self._echoes_at_clears.append(len(self.call.overhearing.echoes))
                self._note_sent(case)
            case cmd.TruncateItem() | cmd.DeleteItem():
                case = self._of_item(case, what.item_id)
                case.acts.append(self._act(what))
            case cmd.CancelResponse():
                idle = not self.call.conversation.generating()
                case.cancels.append(Cancel(self.call.requests.asked[-1], what.response_id, idle))
            case _:
                return
        if case not in self.cases:
            self.cases.append(case)

    def _of_item(self, case: Case, item_id: str) -> Case:
        """An item of an earlier case that nothing was done about yet is still being dealt with."""
        for earlier in self.cases[::-1]:
            is_recent = case.at_ns - earlier.at_ns < 2 * CASE_NS
            is_done = any(act.item_id == item_id for act in earlier.acts)
            if is_recent and not is_done and any(item.item_id == item_id for item in earlier.stake):
                return earlier
        return case

    def _act(self, request: cmd.TruncateItem | cmd.DeleteItem) -> Act:
        call, item_id, now = self.call, request.item_id, self._now()
        item, first = call.conversation.items.get(item_id), self._first_deltas.get(item_id)
        clocks = Clocks(
            sent_ms=item.sent_samples // SAMPLES_PER_MS if item is not None else 0,
            received_ms=item.generated_ms() if item is not None else 0,
            jitter_ms=call.hearing.stream.jitter // SAMPLES_PER_MS,
            since_first_delta={
                other: (now.stream_ms - then.stream_ms, now.our_ms - then.our_ms)
                for other, then in self._first_deltas.items()
            },
            echoes=now.echoes,
            echoes_from=frozenset(self._echoes_at_clears) | ({first.echoes} if first is not None else set()),
        )
        audio_end_ms = request.audio_end_ms if isinstance(request, cmd.TruncateItem) else None
        return Act(call.requests.asked[-1], item_id, audio_end_ms, clocks)

    def _now(self) -> _Now:
        """What a bridge could note at this moment."""
        call = self.call
        stream_ms = call.hearing.stream.newest // SAMPLES_PER_MS
        return _Now(stream_ms, call.at_ns // NS_PER_MS, len(call.overhearing.echoes))

    def _note_sent(self, case: Case) -> None:
        case.sent = {item.item_id: item.sent_samples for each in case.generating for item in each.items}
        case.sounds = len(self.call.provenance.out_of_order)


def _is_past(case: Case, unplayed: list[Item]) -> bool:
    """Whether something is being played that came after it."""
    known = {item.item_id for item in case.stake}
    cut = {response.response_id for response in case.generating}
    return any(item.item_id not in known and item.response_id not in cut for item in unplayed)
