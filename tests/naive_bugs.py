"""Every way to get an interruption wrong, as a bridge that does: `tests.naive_bridge` with one thing changed.

`PLANTED` is the table: the bug, the call in which it shows, and the cause that an audit has to name. Where a bug was
seen in a public bridge, its docstring says in which.
"""

from typing import Any

from msgspec import Struct

from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan
from engine.sim.link import LinkPlan
from engine.sim.model import ModelPlan
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import place, ruler
from engine.sim.scenario import Scenario
from engine.sim.scenarios import speech
from tests.naive_bridge import Bridge, Speaking

CALM = LinkPlan(40)


def reply(*lengths_ms: int, first: int = 0, **changes: Any) -> Reply:
    """A response of items of these lengths; their rulers are numbered from `first`."""
    items = tuple(ReplyItem(_words(ms), ruler(first + index, ms)) for index, ms in enumerate(lengths_ms))
    return Reply(items=items, **{"latency_ms": 300, **changes})


def _words(ms: int) -> str:
    return " ".join(("one", "two", "three", "four", "five")[index % 5] for index in range(ms // 300)).capitalize() + "."


def interrupts(item: int, ms: int, said_ms: int = 500, delay_ms: int = 0) -> Cue:
    """The caller speaks when that much of that item has been heard."""
    return Cue(delay_ms, after=place(item, ms), audio=speech(said_ms))


def call(*replies: Reply, cues: tuple[Cue, ...], ends_ms: int = 14_000, line: LinkPlan = CALM) -> Scenario:
    return Scenario(
        name="naive",
        edge=EdgePlan(cues=cues),
        model=ModelPlan(replies=replies, caller_words=("Wait.",) * 4),
        caller_in=line,
        caller_out=line,
        model_in=LinkPlan(25),
        model_out=LinkPlan(25),
        ends_ms=ends_ms,
    )


ONE_ITEM = call(reply(5_000), reply(1_000, first=5), cues=(interrupts(0, 2_400),))
TWO_ITEMS = call(reply(2_500, 3_000), reply(1_000, first=5), cues=(interrupts(0, 1_500),))
SECOND_OF_TWO = call(reply(2_500, 3_000), reply(1_000, first=5), cues=(interrupts(1, 900),))
SECOND_ANSWER = call(
    reply(1_500),
    reply(4_000, first=2),
    reply(1_000, first=5),
    cues=(interrupts(0, 1_500, delay_ms=600), interrupts(2, 1_000)),
)
TWICE = call(
    reply(5_000), reply(4_000, first=2), reply(1_000, first=5), cues=(interrupts(0, 2_000), interrupts(2, 1_200))
)
TWICE_AND_SOON = call(
    reply(5_000),
    reply(4_000, first=2, delta_samples=(4_800,)),
    reply(1_000, first=5),
    cues=(interrupts(0, 2_000), interrupts(2, 150)),
)
ALL_HEARD = call(reply(1_500), reply(1_000, first=5), cues=(interrupts(0, 1_500, delay_ms=800),))
SLOW_ANSWER = call(reply(5_000), reply(3_000, first=5, latency_ms=900), cues=(interrupts(0, 2_400),))
IN_THE_MAKING = call(
    reply(6_000, speed=2.0, late_deltas=3, late_every_ms=30), reply(1_000, first=5), cues=(interrupts(0, 1_200),)
)


class NoClear(Bridge):
    """cloudflare/agents, and pipecat once: nothing tells Twilio to stop."""

    def clear(self) -> None:
        pass


class LateClear(Bridge):
    """Waits for something first: here, 700 ms."""

    def clear(self) -> None:
        self.to_caller("clear", delay_ms=700)


class PlaysLateDeltas(Bridge):
    """Twilio's sample, agents-python, Patter: what comes after the clear is played."""

    def mute(self) -> None:
        pass


class NeverStops(Bridge):
    """`interrupt_response` is off, and nobody cancels."""

    interrupt_response = False

    def mute(self) -> None:
        pass


class NoTruncate(Bridge):
    """Patter, once generation is done: the state went with `response.done`."""

    def cut(self, playing: list[Speaking]) -> None:
        for speaking in playing:
            speaking.is_cut = True


class LeavesUnheard(Bridge):
    """livekit/agents: an item that had not begun stays."""

    def delete(self, speaking: Speaking) -> None:
        pass


class WrongItem(Bridge):
    """Twilio's sample, pipecat: the last item is the one that is truncated."""

    def cut(self, playing: list[Speaking]) -> None:
        for speaking in playing:
            speaking.is_cut = True
        self.truncate(playing[-1], self.now_ms - playing[0].start_ms)


class CountsSent(Bridge):
    """twilio-agent-connect: what was sent is taken for heard."""

    def truncate(self, speaking: Speaking, audio_end_ms: int) -> None:
        super().truncate(speaking, speaking.received_ms)


class ByMarks(Bridge):
    """Counts what the marks say that came back: of each, the item and the milliseconds behind it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.marks: dict[str, tuple[str, int]] = {}
        self.played: dict[str, int] = {}

    def play(self, speaking: Speaking, payload: str, size: int) -> None:
        name = f"mark-{len(self.marks)}"
        self.marks[name] = speaking.item_id, size // 8
        self.to_caller("media", media={"payload": payload})
        self.to_caller("mark", mark={"name": name})

    def echoed(self, name: str) -> None:
        item_id, ms = self.marks[name]
        self.played[item_id] = self.played.get(item_id, 0) + ms


class CountsToTheLastMark(ByMarks):
    """agents-js: exact, and up to a delta too little."""

    def truncate(self, speaking: Speaking, audio_end_ms: int) -> None:
        super().truncate(speaking, self.played.get(speaking.item_id, 0))


class CountsFlushedMarks(ByMarks):
    """agents-python: nothing forgets the marks that a clear sends back. They make a tracker anew for what was cut, and
    the next interruption cuts that once more."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.tracked: tuple[str, int] | None = None

    def echoed(self, name: str) -> None:
        item_id, ms = self.marks[name]
        before = self.tracked[1] if self.tracked is not None and self.tracked[0] == item_id else 0
        self.tracked = item_id, before + ms

    def cut(self, playing: list[Speaking]) -> None:
        right = playing[0]
        for speaking in playing:
            speaking.is_cut = True
        if self.tracked is not None:
            item_id, played_ms = self.tracked
            elapsed_ms = self.now_ms - right.start_ms
            # Of the right item it says what is right: to count it to the last mark only is another bug.
            self.truncate(Speaking(item_id, "", 0), elapsed_ms if item_id == right.item_id else played_ms)
        self.tracked = None


class SumsFlushedMarks(ByMarks):
    """One counter for whatever is playing, set to 0 when it is used: flushed marks are in it the next time."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.total_ms = 0

    def echoed(self, name: str) -> None:
        self.total_ms += self.marks[name][1]

    def truncate(self, speaking: Speaking, audio_end_ms: int) -> None:
        is_first = not any(each.is_cut for each in self.items if each is not speaking)
        super().truncate(speaking, audio_end_ms if is_first else self.total_ms)
        self.total_ms = 0


class ClockOfAnEarlierItem(Bridge):
    """Twilio's first sample for Python and, to this day, the one for Node: the clock starts once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.started_ms: int | None = None

    def delta(self, message: dict[str, Any]) -> None:
        if self.started_ms is None:
            self.started_ms = self.now_ms
        super().delta(message)

    def truncate(self, speaking: Speaking, audio_end_ms: int) -> None:
        assert self.started_ms is not None
        super().truncate(speaking, self.now_ms - self.started_ms)


class CountsFromArrival(Bridge):
    """Twilio's sample, pipecat: from an item's first delta, whatever is queued before it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.arrived_ms: dict[str, int] = {}

    def delta(self, message: dict[str, Any]) -> None:
        self.arrived_ms.setdefault(message["item_id"], self.now_ms)
        super().delta(message)

    def truncate(self, speaking: Speaking, audio_end_ms: int) -> None:
        super().truncate(speaking, self.now_ms - self.arrived_ms[speaking.item_id])


class TruncatesAtZero(Bridge):
    """pipecat with deltas in flight, agents-python's first marks: the position is reset before it is used."""

    def truncate(self, speaking: Speaking, audio_end_ms: int) -> None:
        super().truncate(speaking, 0)


class AsksBeyond(Bridge):
    """Beginners: one unit taken for another. Here, samples for milliseconds."""

    def truncate(self, speaking: Speaking, audio_end_ms: int) -> None:
        super().truncate(speaking, audio_end_ms * 8)


class CutsWhatWasHeard(Bridge):
    """OpenAI's demo, twilio-agent-connect: no question whether anything is playing."""

    def speech_started(self) -> None:
        self.mute()
        for speaking in self.items[-1:]:
            self.truncate(speaking, min(self.now_ms - speaking.start_ms, speaking.received_ms))
        self.clear()


class CancelsLate(Bridge):
    """pydantic-ai once: a bare cancel, a little late, hits the answer to the interruption."""

    def clear(self) -> None:
        super().clear()
        self.to_model("response.cancel", delay_ms=1_300)


class CancelsAnyway(Bridge):
    """A cancel on every interruption, though generation is long over."""

    def clear(self) -> None:
        super().clear()
        self.to_model("response.cancel")


class MakesThingsUp(Bridge):
    """Half of what is right, for no reason."""

    def truncate(self, speaking: Speaking, audio_end_ms: int) -> None:
        super().truncate(speaking, audio_end_ms // 2 + 37)


class Planted(Struct, frozen=True):
    """A bug, a call in which it shows, and the cause that has to be named."""

    bridge: type[Bridge]
    scenario: Scenario
    cause: str


PLANTED = (
    Planted(NoClear, ONE_ITEM, "no_clear"),
    Planted(LateClear, ONE_ITEM, "late_clear"),
    Planted(PlaysLateDeltas, IN_THE_MAKING, "late_deltas"),
    Planted(NeverStops, IN_THE_MAKING, "not_stopped"),
    Planted(NoTruncate, ONE_ITEM, "no_truncate"),
    Planted(LeavesUnheard, TWO_ITEMS, "unheard_left"),
    Planted(WrongItem, TWO_ITEMS, "wrong_item"),
    Planted(CountsSent, ONE_ITEM, "sent"),
    Planted(CountsFlushedMarks, TWICE_AND_SOON, "flushed_marks"),
    Planted(SumsFlushedMarks, TWICE, "flushed_marks"),
    Planted(CountsToTheLastMark, ONE_ITEM, "last_mark"),
    Planted(ClockOfAnEarlierItem, SECOND_ANSWER, "earlier_clock"),
    Planted(CountsFromArrival, SECOND_OF_TWO, "arrival"),
    Planted(TruncatesAtZero, ONE_ITEM, "zero"),
    Planted(AsksBeyond, ONE_ITEM, "beyond"),
    Planted(CutsWhatWasHeard, ALL_HEARD, "heard_to_end"),
    Planted(CancelsLate, SLOW_ANSWER, "blind_cancel"),
    Planted(CancelsAnyway, ONE_ITEM, "idle_cancel"),
    Planted(MakesThingsUp, ONE_ITEM, "unexplained"),
)
SCENARIOS = (ONE_ITEM, TWO_ITEMS, SECOND_OF_TWO, SECOND_ANSWER, TWICE, ALL_HEARD, IN_THE_MAKING)
