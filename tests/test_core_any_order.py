"""The core under any order of anything: two state machines that hypothesis drives, and the laws of `tests.fuzz.laws`.

`AnyOrder` has real sockets: frames come from a leg only while it is open, for nothing else can happen to a bridge. What
the frames say, of which items, when, and how often, is anything. `NoOrderAtAll` drops that too, for a log that was read
from a bad disk; there a command to a leg that never opened proves nothing.

`make fuzz ARGS=any_order` runs the same machines on other seeds, for as long as one likes.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.core import RULES, CallSettings, wire_engine
from engine.core.settings import Limits
from tests import build
from tests.build import MS
from tests.fuzz import frames
from tests.fuzz.laws import Watched

LIMITS = Limits(
    settle_ms=300, pending_audio_ms_max=60, idle_ms_max=5_000, ready_ms_max=2_000, frames_before_start_max=5
)
UP = ["opened", "started", "dialled", "created", "ready", "speaking", "heard"]
"""How far a call gets before anything odd happens."""

frames_of = {"caller": frames.caller_frames | frames.garbage, "model": frames.model_frames | frames.garbage}
timestamps = st.sampled_from([None, None, None, None, 0, 7, 10**11, 10**13])
"""Of a caller frame: the next in the flow; or else."""
rarely = st.sampled_from([False, False, False, True])
"""Whether to do what a call hardly survives. Most calls should live to see more."""


class AnyOrder(RuleBasedStateMachine):
    """See above."""

    sockets: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.call = Watched()

    # The beginning

    @initialize(
        up_to=st.sampled_from([*range(len(UP)), *[len(UP)] * 6]),
        rules=st.sampled_from([*range(1, RULES), RULES, RULES, RULES]),
        greets=st.booleans(),
    )
    def begin(self, up_to: int, rules: int, greets: bool) -> None:
        settings = CallSettings(greeting="Greet." if greets else None, limits=LIMITS, rules=rules)
        self.call = Watched(settings, self.sockets)
        acts: list[Callable[[], None]] = [
            lambda: self.call.engine(build.leg_opened("caller")),
            lambda: self.call.caller(build.connected(), build.started()),
            lambda: self.call.engine(build.leg_opened("model")),
            lambda: self.call.model(build.session_created()),
            lambda: self.call.model(build.session_updated()),
            lambda: self.call.model(*build.reply_begun(900), build.item_words("One two.", final=True)),
            self.say_and_hear,
        ]
        for act in acts[:up_to]:
            act()

    def say_and_hear(self) -> None:
        """What was spoken is heard, and the caller says something too."""
        self.call.run(1_200)
        self.call.model(*build.reply_done(), build.speech_started(1_000), build.speech_stopped(1_500))
        self.call.model(build.item_added("item_u1", "item_1", "user"), build.caller_words("Three."))

    def is_open(self, leg: str) -> bool:
        return leg in self.call.heard_from or not self.sockets

    # Time

    @rule(ms=st.sampled_from([0, 0.000001, 20, 20, 150, 320, 1_100, 2_100, 6_000]))
    def time_passes(self, ms: float) -> None:
        self.call.let_pass(round(ms * MS))

    @precondition(lambda self: self.is_open("caller"))
    @rule(ms=st.sampled_from([60, 260, 700]))
    def line_flows(self, ms: int) -> None:
        """Audio of the caller, and echoes between it, as Twilio sends them."""
        self.call.run(self.call.at_ns / MS + ms)

    @rule(ms=st.sampled_from([1, 310, 2_000]))
    def time_passes_and_nobody_wakes_the_core(self, ms: int) -> None:
        """The loop was busy: what comes next is ahead of a timer that is due."""
        self.call.at_ns += ms * MS

    # The caller leg

    @precondition(lambda self: self.is_open("caller"))
    @rule(ms=st.sampled_from([0, 0.125, 20, 20, 20, 60, 61]), timestamp_ms=timestamps, times=st.sampled_from([1, 1, 9]))
    def caller_audio(self, ms: float, timestamp_ms: int | None, times: int) -> None:
        """In the flow, out of it, or again and again from a clock that stands still."""
        self.call.caller(*[build.media(self.call.next_ms() if timestamp_ms is None else timestamp_ms, ms)] * times)

    @precondition(lambda self: self.is_open("caller") and self.call.marks)
    @rule(number=st.integers(0, 40), times=st.sampled_from([1, 1, 2]))
    def mark_comes_back(self, number: int, times: int) -> None:
        """Any mark ever sent: in its turn, early, late, again."""
        marks = self.call.marks
        self.call.caller(*[build.echo(marks[-1 - number % len(marks)])] * times)

    @precondition(lambda self: self.is_open("caller") and self.call.marks)
    @rule(count=st.integers(1, 60))
    def marks_come_back(self, count: int) -> None:
        """As they do after a clear: all at once, in order."""
        self.call.caller(*(build.echo(name) for name in self.call.marks[-count:]))

    @precondition(lambda self: self.is_open("caller"))
    @rule(name=st.sampled_from(["mark-1", "sentinel-2", "", "mark-999999", "part"]))
    def mark_of_another_comes_back(self, name: str) -> None:
        self.call.caller(build.echo(name))

    @precondition(lambda self: self.is_open("caller"))
    @rule(text=frames_of["caller"] | frames.starts)
    def caller_says(self, text: str) -> None:
        self.call.caller(text)

    # The model leg

    @precondition(lambda self: self.is_open("model"))
    @rule(text=frames_of["model"], again=st.sampled_from([1, 1, 1, 2]))
    def model_says(self, text: str, again: int) -> None:
        self.call.model(*[text] * again)

    @precondition(lambda self: self.is_open("model"))
    @rule(text=frames.session_frames, rarely=rarely)
    def session_changes(self, text: str, rarely: bool) -> None:
        if rarely:
            self.call.model(text)

    @precondition(lambda self: self.is_open("model"))
    @rule(item=frames.items, response=frames.responses, ms=frames.audio_ms, is_whole=st.booleans())
    def model_answers(self, item: str, response: str, ms: float, is_whole: bool) -> None:
        self.call.model(*(build.reply if is_whole else build.reply_begun)(ms, item, response))
        self.call.model(build.item_words("One two. ", item, response, is_whole))

    @precondition(lambda self: self.is_open("model"))
    @rule(ms=st.sampled_from([0, 30, 400]), settles=st.booleans())
    def caller_interrupts(self, ms: int, settles: bool) -> None:
        self.call.let_pass(ms * MS)
        self.call.model(build.speech_started(0))
        if settles:
            self.call.caller(*(build.echo(name) for name in self.call.marks[-3:]) if self.is_open("caller") else ())
            self.call.model(build.speech_stopped(500))
            self.call.model(*(build.response_done(each.response_id, "cancelled") for each in self._generating()))

    def _generating(self) -> list[Any]:
        return self.call.call.conversation.generating()

    # The engine

    @precondition(lambda self: self.call.is_dialling or not self.sockets)
    @rule(opens=st.sampled_from([True, True, False]), speaks=st.booleans())
    def dial_comes_to_an_end(self, opens: bool, speaks: bool) -> None:
        if opens and not self.call.is_given_up:
            self.call.engine(build.leg_opened("model"))
            if speaks:
                self.call.model(build.session_created(), build.session_updated())
        else:
            self.call.engine(build.leg_failed(None, "given up"))

    @precondition(lambda self: self.is_open("model"))
    @rule(code=st.sampled_from([None, 1006, 1012]), how=st.sampled_from(["", "session_expired"]), back=st.booleans())
    def model_leg_is_lost(self, code: int | None, how: str, back: bool) -> None:
        """And, where the core dials again, the next session is perhaps there at once."""
        if how:
            self.call.model(build.model_error(how))
        self.call.engine(build.leg_closed("model", code))
        if back and self.call.is_dialling and not self.call.is_given_up:
            self.call.engine(build.leg_opened("model"))
            self.call.model(build.session_created(), build.session_updated())

    @precondition(lambda self: self.is_open("model"))
    @rule(code=st.sampled_from([1000, 1011, 3000, 4000]), rarely=rarely)
    def model_leg_closes(self, code: int | None, rarely: bool) -> None:
        if rarely:
            self.call.engine(build.leg_closed("model", code))

    @precondition(lambda self: self.is_open("caller"))
    @rule(says_stop=st.booleans(), rarely=rarely)
    def caller_leg_closes(self, says_stop: bool, rarely: bool) -> None:
        if rarely:
            self.call.caller(*[build.stopped()] * says_stop)
            self.call.engine(build.leg_closed("caller"))

    @precondition(lambda self: self.call.searches)
    @rule(is_found=st.sampled_from([True, True, False]))
    def search_is_answered(self, is_found: bool) -> None:
        item_id = next(iter(self.call.searches))
        if is_found:
            self.call.answer(item_id)
        else:
            del self.call.searches[item_id]
            self.call.engine(build.frame(type="item.unaligned", item_id=item_id, reason="the process died"))

    @precondition(lambda self: self.call.words_wanted)
    @rule(ms=frames.audio_ms)
    def word_for_the_caller_is_brought(self, ms: float) -> None:
        self.call.words_wanted -= 1
        self.call.put("engine", build.frame(type="word.loaded"), build.audio(ms))

    @rule(item=frames.items)
    def search_that_nobody_asked_for_is_answered(self, item: str) -> None:
        if item not in self.call.searched:
            self.call.engine(wire_engine.aligned(item, build.found("One two.", 100, 200)))

    @rule(
        body=st.sampled_from(
            [
                build.timer_due(),
                build.operator_interrupt(),
                build.frame(type="frame.binary", leg="caller", audio="AAAA"),
                build.frame(type="frame.binary", leg="model", audio=""),
            ]
        )
    )
    def engine_tells(self, body: str) -> None:
        self.call.engine(body)

    @rule(
        body=st.sampled_from(
            [
                build.operator_hang_up("shutdown"),
                build.frame(type="outbox.full", leg="caller"),
                build.frame(type="outbox.full", leg="model"),
                build.frame(type="limit.reached", limit="caller_frame_bytes_max", value=10**30, max=0),
            ]
        ),
        rarely=rarely,
    )
    def engine_has_enough(self, body: str, rarely: bool) -> None:
        if rarely:
            self.call.engine(body)

    # In the end

    @invariant()
    def a_call_that_is_over_has_no_leg_open(self) -> None:
        assert not (self.sockets and self.call.is_over and self.call.heard_from)

    def teardown(self) -> None:
        """Whatever happened, a call that is hung up comes to its end, though no search is answered any more."""
        call = self.call
        cut_at = len(call.entries) * 2 // 3
        call.engine(build.operator_hang_up())
        for leg in sorted(call.heard_from):
            call.engine(build.leg_closed(leg))
        if call.is_dialling:
            call.engine(build.leg_failed(None, "given up"))
        call.let_pass(LIMITS.align_ms_max * MS)
        assert call.is_over or not self.sockets
        call.replayed()
        call.replayed(cut_at)


class NoOrderAtAll(AnyOrder):
    """See above."""

    sockets = False

    @rule(leg=st.sampled_from(["caller", "model"]), opens=st.booleans())
    def leg_opens_or_closes(self, leg: str, opens: bool) -> None:
        self.call.engine(build.leg_opened(leg) if opens else build.leg_closed(leg))


QUICK = hypothesis.settings(max_examples=30, stateful_step_count=40)
TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = QUICK
TestNoOrderAtAll = NoOrderAtAll.TestCase
TestNoOrderAtAll.settings = hypothesis.settings(QUICK, max_examples=15)
