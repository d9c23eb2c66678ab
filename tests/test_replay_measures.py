"""What is measured of a call: each test is a call in which one number matters."""

from pathlib import Path

import pytest

from replay.metrics.measured import Part
from replay.metrics.measures import (
    BargeInMeasures,
    CallMeasures,
    LineMeasures,
    RepairMeasures,
    RoundTrip,
    TalkOver,
    TurnMeasures,
    measure,
)
from replay.metrics.turns import Links, chain
from replay.sources import open_log
from tests import build
from tests.build import Harness, in_call
from tests.measured_calls import answers, asks, calls_a_function, greeted, hangs_up, measured, says, turns_of
from tests.replay_calls import bakery, log_of

GOLDEN = sorted((Path(__file__).resolve().parents[1] / "fixtures" / "golden").glob("*.jsonl"))


SENTENCE = TurnMeasures(
    number=1,
    speaker="assistant",
    item_id="item_1",
    seq=20,
    start_ms=100,
    end_ms=620,
    interrupted=True,
    outcome="interrupted",
    follows="nothing",
    wait_ms=0,
    parts={"generate": 0, "send": 0, "play": 0},
    silent_start_ms=0,
    generated_ms=1000,
    heard_ms=520,
)
CASH = TurnMeasures(
    number=2,
    speaker="caller",
    item_id="item_u1",
    seq=116,
    start_ms=600,
    end_ms=880,
    interrupted=False,
    outcome="unanswered",
    end_of_turn_ms=520,
)
CUT = BargeInMeasures(
    number=1,
    seq=116,
    by="voice",
    at_ms=620,
    onset_ms=600,
    stopped_at_ms=620,
    stop_ms=20,
    parts={"detect": 20, "decide": 0, "effective": 0},
    is_estimate=False,
    is_false=False,
    item_ids=["item_1"],
)


def test_the_bakery_whole() -> None:
    """The caller breaks in after 500 of 1000 ms; nobody answers."""
    assert measure(log_of(bakery())) == CallMeasures(
        length_ms=1400,
        ended="stop",
        greeting_ms=None,
        turns=[SENTENCE, CASH],
        barge_ins=[CUT],
        repairs=[RepairMeasures(123, 620, "item_1", "truncate", "ok", heard_ms=520, kept_ms=520, doubt_ms=140)],
        talk_overs=[TalkOver(112, 600, 20, "caller")],
        silences=[],
        underruns=[],
        missed=[],
        tools=[],
        model_away=[],
        line=LineMeasures(70, {0: 69}, 0, 0, [], [RoundTrip(53, 100, 0), RoundTrip(122, 620, 0)]),
        dropped_ms=0,
        malformed=0,
        faults=0,
        errors=0,
    )


def brief(turn: TurnMeasures) -> tuple[object, ...]:
    """A turn in a few words: what it follows, its latency or its wait, on what, and how it came out."""
    waited = turn.wait_ms if turn.latency_ms is None else turn.latency_ms
    name = "latency" if turn.latency_ms is not None else "wait"
    return turn.follows, turn.answers, f"{name} {waited}", turn.parts, turn.outcome


class TestAnAnswer:
    def test_is_measured_from_the_last_word_to_the_ear(self) -> None:
        """500 ms of silence, 200 ms until the audio; 60 ms each way to Twilio, so that news of the caller is dated 60
        ms early, and the answer is on its way, seen from here, for 120."""
        call = in_call(delay_ms=60)
        says(call, 300, 800)
        answers(call, 400)
        hangs_up(call, 3_000)
        caller, answer = turns_of(call)
        assert (caller.end_of_turn_ms, caller.outcome) == (440, "answered")
        parts = {"vad": 440, "respond": 0, "generate": 200, "send": 0, "play": 120}
        assert brief(answer) == ("caller", 1, "latency 760", parts, "completed")
        assert answer.start_ms == 800 + 760

    def test_that_the_bridge_asks_for_is_one_too(self) -> None:
        """It waits for the end of the turn, thinks for 100 ms, and asks."""
        call = in_call()
        says(call, 300, 800)
        call.run(1_400)
        asks(call)
        call.run(1_450)
        answers(call, 400)
        hangs_up(call, 3_000)
        parts = {"vad": 500, "respond": 150, "generate": 200, "send": 0, "play": 0}
        assert brief(turns_of(call)[1]) == ("caller", 1, "latency 850", parts, "completed")

    def test_that_nobody_heard_has_no_latency(self) -> None:
        """The caller goes on before any of it is at the ear: his turn was not over. The next one is answered."""
        call = in_call()
        says(call, 300, 800)
        call.model(*build.reply_begun(0))
        says(call, 1_400, 1_700, "item_u2")
        call.model(*build.reply_done(status="cancelled"))
        call.model(build.item_words("Well,", final=True))
        answers(call, 400, "item_2", "resp_2")
        hangs_up(call, 4_000)
        first, cut, second, answer = turns_of(call)
        assert [first.outcome, second.outcome] == ["spoke_on", "answered"]
        assert brief(cut) == ("caller", 1, "wait None", {}, "unheard")
        parts = {"vad": 500, "respond": 0, "generate": 200, "send": 0, "play": 0}
        assert brief(answer) == ("caller", 3, "latency 700", parts, "completed")

    def test_to_a_turn_whose_end_has_no_date_has_none(self) -> None:
        """Nothing had been passed on to the model when it said that somebody had spoken."""
        call = Harness()
        call.engine(build.leg_opened("caller"))
        call.caller(build.started())
        call.engine(build.leg_opened("model"))
        call.model(build.session_created(), build.session_updated())
        call.model(build.speech_started(0), build.speech_stopped(500), build.item_added("item_u1", None, "user"))
        answers(call, 400)
        hangs_up(call, 2_000)
        caller, answer = turns_of(call)
        assert (caller.end_of_turn_ms, caller.outcome) == (None, "answered")
        assert brief(answer) == ("caller", 1, "wait None", {}, "completed")

    def test_begins_with_silence_that_is_not_in_its_latency(self) -> None:
        """120 ms of it, cut by the model into two; in what follows there is nothing else."""
        call = in_call()
        says(call, 300, 800)
        silence = [build.item_audio(ms, code=build.SILENCE) for ms in (70, 50)]
        call.model(*build.reply_begun(0), *silence, build.item_audio(200), *build.reply_done())
        call.run(2_000)
        call.model(*build.reply_begun(0, "item_2", "resp_2"))
        call.model(build.item_audio(90, "item_2", "resp_2", build.SILENCE), *build.reply_done("item_2", "resp_2"))
        hangs_up(call, 3_000)
        assert [turn.silent_start_ms for turn in turns_of(call)] == [None, 120, None]


@pytest.mark.parametrize(
    ("links_ms", "end_ms", "whole"),
    [
        ([150, 200, 260], 300, (200, {"vad": 50, "respond": 50, "generate": 60, "play": 40})),
        ([90, 250, 320], 300, (200, {"vad": 0, "respond": 150, "generate": 50, "play": 0})),
        ([150, None, 260], 300, (200, {"vad": 50, "generate": 110, "play": 40})),
        ([150, 200, 260], 80, (0, {"vad": 0, "respond": 0, "generate": 0, "play": 0})),
    ],
)
def test_a_chain_adds_up_whatever_its_dates(
    links_ms: list[int | None], end_ms: int, whole: tuple[int, dict[str, int]]
) -> None:
    """From 100 ms on: in their order; some outside the ends; one that is not known; an end before the beginning."""
    parts: tuple[Part, ...] = ("vad", "respond", "generate")
    links: Links = [(part, None if at is None else at * 8) for part, at in zip(parts, links_ms, strict=True)]
    assert chain(800, links, ("play", end_ms * 8)) == whole


class TestWhatIsNoAnswer:
    def test_a_response_that_nothing_explains_counts_from_its_own_beginning(self) -> None:
        """The model answers, and then says something more, by itself."""
        call = in_call()
        says(call, 300, 800)
        answers(call, 200)
        call.run(2_000)
        answers(call, 200, "item_2", "resp_2", after_ms=70)
        hangs_up(call, 3_000)
        parts = {"generate": 70, "send": 0, "play": 0}
        assert brief(turns_of(call)[2]) == ("nothing", None, "wait 70", parts, "completed")

    def test_a_greeting_counts_from_the_start_of_the_stream(self) -> None:
        call = greeted()
        answers(call, 300, after_ms=250)
        hangs_up(call, 1_000)
        made = measured(call)
        parts = {"ready": 0, "respond": 100, "generate": 250, "send": 0, "play": 0}
        assert [brief(turn) for turn in made.turns] == [("greeting", None, "wait 350", parts, "completed")]
        assert made.greeting_ms == 350

    def test_a_greeting_that_was_refused_does_not_take_the_place_of_the_answer(self) -> None:
        call = greeted()
        call.model(build.model_error("any", "no", event_id="greeting"))
        says(call, 300, 800)
        answers(call, 300)
        hangs_up(call, 2_000)
        assert [turn.follows for turn in turns_of(call)] == [None, "caller"]

    def test_a_further_item_counts_from_the_last_sample_of_the_one_before(self) -> None:
        """The second comes 130 ms after the first was over; the third nobody heard."""
        call = greeted()
        call.model(*build.reply_begun(300), build.item_done())
        call.run(530)
        call.model(build.response_item_added("item_2"), build.item_added("item_2", "item_1"))
        call.model(build.item_audio(200, "item_2"), build.item_done("item_2"))
        call.model(build.response_item_added("item_3"), build.item_added("item_3", "item_2"))
        call.model(build.item_audio(200, "item_3"), build.item_done("item_3"), build.response_done())
        call.run(600)
        call.caller(build.dtmf())
        hangs_up(call, 1_000)
        assert [brief(turn) for turn in turns_of(call)][1:] == [
            ("item", None, "wait 130", {}, "interrupted"),
            ("item", None, "wait None", {}, "unheard"),
        ]

    def test_an_item_after_one_that_nobody_heard_waited_for_nothing(self) -> None:
        """The words of the first came without a sound."""
        call = greeted()
        call.model(build.response_created(), build.response_item_added(), build.item_added())
        call.model(build.item_words("Hm.", final=True), build.item_done())
        call.model(build.response_item_added("item_2"), build.item_added("item_2", "item_1"))
        call.model(build.item_audio(200, "item_2"), build.item_done("item_2"), build.response_done())
        hangs_up(call, 1_000)
        assert [brief(turn) for turn in turns_of(call)] == [
            ("greeting", None, "wait None", {}, "no_audio"),
            ("item", None, "wait None", {}, "completed"),
        ]

    def test_what_follows_a_function_call_counts_from_that(self) -> None:
        """The result is there after 900 ms, the response 40 ms later. The caller's turn is answered all the same."""
        call = in_call()
        says(call, 300, 800)
        calls_a_function(call)
        call.run(2_200)
        asks(call)
        call.run(2_240)
        answers(call, 400, "item_1", "resp_2")
        hangs_up(call, 3_000)
        made = measured(call)
        caller, answer = made.turns
        assert caller.outcome == "answered"
        parts = {"tool": 900, "respond": 40, "generate": 200, "send": 0, "play": 0}
        assert brief(answer) == ("tool", 1, "wait 1140", parts, "completed")
        assert [(each.at_ms, each.item_id, each.respond_ms, each.heard_ms) for each in made.tools] == [
            (1_300, "item_f", 940, 1_140)
        ]

    def test_a_function_whose_result_nobody_heard_of(self) -> None:
        """After the first there is a response without a sound, after the second none at all."""
        call = in_call()
        says(call, 300, 800)
        calls_a_function(call)
        call.run(1_500)
        calls_a_function(call, "item_g", "resp_2")
        hangs_up(call, 3_000)
        made = measured(call)
        assert [turn.outcome for turn in made.turns] == ["no_audio"]
        assert [(each.item_id, each.respond_ms, each.heard_ms) for each in made.tools] == [
            ("item_f", 200, None),
            ("item_g", None, None),
        ]

    def test_a_response_that_began_before_the_log_follows_nothing(self) -> None:
        call = in_call()
        call.model(build.item_audio(200), *build.reply_done())
        hangs_up(call, 1_000)
        assert [brief(turn) for turn in turns_of(call)] == [("nothing", None, "wait None", {}, "completed")]

    def test_a_function_called_by_such_a_response_answers_nobody(self) -> None:
        call = in_call()
        call.model(build.response_item_added("item_f", kind="function_call"))
        call.model(build.item_done("item_f", kind="function_call"))
        answers(call, 200, "item_1", "resp_2")
        hangs_up(call, 1_000)
        parts = {"respond": 0, "generate": 200, "send": 0, "play": 0}
        assert [brief(turn) for turn in turns_of(call)] == [("tool", None, "wait 200", parts, "completed")]

    def test_a_response_that_is_announced_twice_began_once(self) -> None:
        call = greeted()
        call.model(build.response_created())
        call.run(300)
        answers(call, 200)
        hangs_up(call, 1_000)
        parts = {"ready": 0, "respond": 100, "generate": 400, "send": 0, "play": 0}
        assert [brief(turn) for turn in turns_of(call)] == [("greeting", None, "wait 500", parts, "completed")]


class TestHowATurnComesOut:
    @pytest.mark.parametrize("status", ["failed", "incomplete"])
    def test_as_the_model_says(self, status: str) -> None:
        """With a sound, of the assistant's turn; without one, of the caller's."""
        call = in_call()
        says(call, 300, 800)
        call.model(*build.reply_begun(200), *build.reply_done(status=status))
        says(call, 2_000, 2_400, "item_u2")
        call.model(build.response_created("resp_2"), build.response_done("resp_2", status))
        hangs_up(call, 4_000)
        assert [turn.outcome for turn in turns_of(call)] == ["answered", status, status]

    def test_nothing_was_made_of_it(self) -> None:
        call = in_call()
        says(call, 300, 800)
        call.model(build.response_created(), build.response_done())
        hangs_up(call, 2_000)
        assert [turn.outcome for turn in turns_of(call)] == ["no_audio"]

    def test_the_call_ended_first(self) -> None:
        """In the middle of the answer; in the making of it; in the middle of the caller's turn."""
        call = in_call()
        says(call, 300, 800)
        answers(call, 2_000)
        hangs_up(call, 1_700)
        assert [turn.outcome for turn in turns_of(call)] == ["answered", "call_ended"]
        call = in_call()
        says(call, 300, 800)
        call.model(*build.reply_begun(0), build.item_words("Well,"))
        hangs_up(call, 1_700)
        assert [turn.outcome for turn in turns_of(call)] == ["call_ended", "call_ended"]
        call = in_call()
        call.run(400)
        call.model(build.speech_started(0))
        hangs_up(call, 800)
        assert [(turn.outcome, turn.end_of_turn_ms) for turn in turns_of(call)] == [("open", None)]

    def test_the_log_ended_first(self) -> None:
        """The call runs on, or was killed: in the middle of the answer; before there was one. An earlier turn that got
        none was unanswered all the same."""
        call = in_call()
        says(call, 300, 800)
        answers(call, 2_000)
        call.run(1_700)
        assert [turn.outcome for turn in turns_of(call)] == ["answered", "log_ended"]
        call = in_call()
        says(call, 300, 800)
        call.model(*build.reply_begun(0), build.item_words("Well,"))
        assert [turn.outcome for turn in turns_of(call)] == ["log_ended", "log_ended"]
        call = in_call()
        says(call, 300, 800)
        says(call, 2_000, 2_400, "item_u2")
        assert [turn.outcome for turn in turns_of(call)] == ["unanswered", "log_ended"]

    def test_of_words_that_nobody_heard_begin_and_end_nothing_is_known(self) -> None:
        call = in_call()
        call.model(build.item_added("item_u1", None, "user"), build.caller_words("Hello."))
        hangs_up(call, 800)
        assert [(turn.outcome, turn.start_ms, turn.end_of_turn_ms) for turn in turns_of(call)] == [("open", None, None)]


class TestALog:
    def test_of_nothing(self) -> None:
        made = measure(log_of([]))
        assert (made.length_ms, made.ended, made.turns, made.silences) == (0, None, [], [])

    def test_in_which_the_core_met_a_bug(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def breaks(*_: object) -> None:
            raise ZeroDivisionError("of course")

        monkeypatch.setattr("engine.core.turns.CallerTurns.started", breaks)
        call = in_call()
        call.model(build.speech_started())
        assert (measured(call).faults, measured(call).ended) == (1, None)

    def test_that_goes_on_after_the_end_of_the_call(self) -> None:
        """What the core does not take in any more is not taken down either."""
        call = in_call()
        call.caller(build.stopped())
        call.model(*build.reply(300), build.speech_started(0), build.speech_stopped(500))
        call.model(build.model_error("any", "too late"))
        call.engine(build.leg_closed("model"), build.leg_closed("caller"))
        made = measured(call)
        assert (made.ended, made.turns, made.barge_ins) == ("stop", [], [])

    @pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
    def test_of_gold_adds_up(self, path: Path) -> None:
        """Every wait is the sum of its parts and ends where its turn begins; every way to silence is the sum of its."""
        with open_log(path) as log:
            made = measure(log)
        for turn in made.turns:
            whole = turn.wait_ms if turn.latency_ms is None else turn.latency_ms
            assert sum(turn.parts.values()) == (whole if turn.parts else 0)
            assert min(turn.parts.values(), default=0) >= 0
            if turn.latency_ms is not None and turn.answers is not None and turn.start_ms is not None:
                assert made.turns[turn.answers - 1].end_ms == turn.start_ms - turn.latency_ms
        for cut in made.barge_ins:
            assert sum(cut.parts.values()) == (cut.stop_ms or 0)
            if cut.stop_ms is not None and cut.onset_ms is not None and cut.stopped_at_ms is not None:
                assert cut.onset_ms + cut.stop_ms == cut.stopped_at_ms

    def test_can_be_measured_wherever_it_was_cut(self) -> None:
        entries = bakery()
        for length in range(0, len(entries), 3):
            measure(log_of(entries[:length]))
