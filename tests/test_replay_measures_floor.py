"""Who had the floor when, and how the line was: each test is a call in which one number matters."""

import msgspec
import pytest

from engine.core.conversation import Item
from engine.core.settings import CallSettings, Limits, Vad
from engine.sim.caller import Cue
from engine.sim.link import LinkPlan
from engine.sim.ruler import place
from engine.sim.scenarios import speech
from engine.sim.world import run
from replay.metrics.measures import measure
from replay.metrics.spans import at_the_ear
from tests import build
from tests.build import Harness, in_call
from tests.measured_calls import answers, asks, calls_a_function, greeted, hangs_up, measured, says
from tests.replay_calls import log_of
from tests.stories_told import GREETED
from tests.stories_told import call as simulated
from tests.stories_told import says as reply

MURMUR = 79
"""Loud enough to be a voice on the phone, and not for a turn detection that is set to its highest threshold."""


class TestTheFloor:
    def test_both_spoke(self) -> None:
        """The caller over the assistant; then the assistant, who answers before the caller has stopped."""
        call = greeted(delay_ms=50)
        call.model(*build.reply(1_000))
        says(call, 400, 700)
        answers(call, 600, "item_2", "resp_2")
        call.run(1_600)
        call.model(build.speech_started(1_000, "item_u2"))
        hangs_up(call, 2_000)
        assert [msgspec.structs.astuple(each)[1:] for each in measured(call).talk_overs] == [
            (350, 100, "caller"),
            (1_450, 200, "assistant"),
        ]

    def test_nobody_spoke(self) -> None:
        """Each silence, and what it was spent on."""
        call = greeted()
        call.run(2_500)
        call.model(*build.reply(500))
        says(call, 5_500, 6_000)
        answers(call, 500, after_ms=2_600, item="item_2", response="resp_2")
        says(call, 10_000, 10_500, "item_u2")
        hangs_up(call, 14_000)
        assert [msgspec.structs.astuple(each)[1:] for each in measured(call).silences] == [
            (0, 2_500, "model"),
            (3_000, 2_500, "caller"),
            (6_000, 3_100, "model"),
            (10_500, 3_500, "model"),
        ]

    def test_silence_at_the_start_is_the_callers_if_nobody_is_to_greet(self) -> None:
        call = in_call()
        says(call, 2_500, 2_900)
        assert [(each.ms, each.cause) for each in measured(call).silences] == [(2_500, "caller")]

    def test_so_it_is_when_the_caller_did_not_wait_for_that(self) -> None:
        call = Harness(CallSettings(greeting="Greet."))
        call.engine(build.leg_opened("caller"))
        call.caller(build.started())
        call.run(3_100)
        call.engine(build.leg_opened("model"))
        call.model(build.session_created(), build.session_updated(), build.speech_started(2_300))
        assert [(each.ms, each.cause) for each in measured(call).silences] == [(2_600, "start")]

    def test_silence_begins_when_the_last_of_both_is_done(self) -> None:
        """The caller said something while the assistant spoke, which went on."""
        call = greeted()
        call.model(*build.reply(1_000))
        call.run(1_300)
        call.model(build.speech_started(-100), build.speech_stopped(1_000))
        hangs_up(call, 4_000)
        assert [(each.at_ms, each.ms, each.cause) for each in measured(call).silences] == [(1_100, 2_900, "caller")]

    @pytest.mark.parametrize("is_greeted", [True, False])
    def test_silence_until_the_model_is_ready_is_the_starts(self, is_greeted: bool) -> None:
        call = Harness(CallSettings(greeting="Greet."))
        call.engine(build.leg_opened("caller"))
        call.caller(build.started())
        call.run(2_800)
        if is_greeted:
            call.engine(build.leg_opened("model"))
            call.model(build.session_created(), build.session_updated())
            answers(call, 300)
        hangs_up(call, 3_400)
        assert [each.cause for each in measured(call).silences] == ["start"]

    def test_silence_before_an_answer_is_put_down_to_its_longest_part(self) -> None:
        """News of the end comes late; a function is called, and the bridge asks for what follows, or the model goes on
        by itself; Twilio is far; no more of the item comes; the next item takes its time."""
        vad = in_call()
        vad.run(300)
        vad.model(build.speech_started(0))
        vad.run(3_400)
        vad.model(build.speech_stopped(1_300))
        answers(vad, 300)
        tool = in_call()
        says(tool, 300, 800)
        calls_a_function(tool)
        tool.run(3_300)
        asks(tool)
        answers(tool, 300, "item_1", "resp_2")
        by_itself = in_call()
        says(by_itself, 300, 800)
        calls_a_function(by_itself)
        by_itself.run(3_300)
        answers(by_itself, 300, "item_1", "resp_2")
        network = in_call(delay_ms=900)
        network.run(1_500)
        network.model(build.speech_started(0))
        network.run(2_600)
        network.model(build.speech_stopped(1_300))
        answers(network, 300)
        dry = greeted()
        dry.model(*build.reply_begun(300))
        dry.run(2_900)
        dry.model(build.item_audio(300), *build.reply_done())
        further = greeted()
        further.model(*build.reply_begun(300), build.item_done())
        further.run(2_900)
        further.model(build.response_item_added("item_2"), build.item_added("item_2", "item_1"))
        further.model(build.item_audio(300, "item_2"), *build.reply_done("item_2"))
        causes = []
        for each in (vad, tool, by_itself, network, dry, further):
            hangs_up(each, 7_000)
            causes.append(measured(each).silences[0].cause)
        assert causes == ["vad", "tool", "tool", "network", "underrun", "model"]

    def test_an_underrun_is_where_the_ear_waited(self) -> None:
        call = greeted()
        call.model(*build.reply_begun(300))
        call.run(550)
        call.model(build.item_audio(300), *build.reply_done())
        hangs_up(call, 1_000)
        assert [msgspec.structs.astuple(each)[1:] for each in measured(call).underruns] == [(400, 150, "item_1")]

    def test_a_caller_is_missed_when_news_of_him_comes_too_late(self) -> None:
        """He began to speak 900 ms before the assistant was done; the model says so when all is over."""
        call = greeted()
        call.model(*build.reply(1_000))
        call.run(1_300)
        call.model(build.speech_started(-100))
        call.run(1_900)
        call.model(build.speech_stopped(1_900))
        hangs_up(call, 2_000)
        made = measured(call)
        assert made.barge_ins == []
        assert [msgspec.structs.astuple(each)[1:] for each in made.missed] == [(200, 900, True)]

    def test_a_caller_is_missed_whom_the_model_does_not_notice(self) -> None:
        """He speaks twice over the assistant, for 900 ms with a pause in it, and for 400; and once more after it."""
        voice = (bytes([MURMUR]) * 8, bytes([build.SILENCE]) * 8)
        twice = voice[0] * 500 + voice[1] * 300 + voice[0] * 400
        cues = (
            Cue(0, after=place(0, 500), audio=twice),
            Cue(0, after=place(0, 3_000), audio=voice[0] * 400),
            Cue(500, after=place(0, 4_000), audio=voice[0] * 900),
        )
        hard_of_hearing = msgspec.structs.replace(GREETED, vad=Vad(threshold=1.0))
        outcome = run(simulated(reply(0, 4_000), cues=cues, settings=hard_of_hearing, ends_ms=7_000), seed=1)
        made = measure(log_of(outcome.entries, hard_of_hearing))
        assert made.barge_ins == []
        assert [msgspec.structs.astuple(each)[1:] for each in made.missed] == [(1_100, 900, False)]

    def test_a_caller_who_is_let_in_late_was_not_missed(self) -> None:
        """On a line of half a second each way he talks over the assistant for a second; then it is cut."""
        cues = (Cue(0, after=place(0, 500), audio=speech(1_500)),)
        far = LinkPlan(base_ms=500)
        scenario = simulated(reply(0, 4_000), cues=cues, caller_in=far, caller_out=far, ends_ms=7_000)
        made = measure(log_of(run(scenario, seed=1).entries, scenario.settings))
        assert [(each.ms, each.by) for each in made.talk_overs] == [(1_090, "caller")]
        assert made.missed == []


def item(*anchors_ms: tuple[int, int], tail_ms: int = 0, ended_ms: int = 0) -> Item:
    """An item that began at 1000 and was proven heard so far at such dates, and perhaps somewhat further."""
    return Item(
        "item_1",
        started_at=8_000,
        proven_samples=anchors_ms[-1][0] * 8,
        tail_samples=tail_ms * 8,
        tail_reach=tail_ms * 8 + 800,
        anchors=[(length_ms * 8, at_ms * 8) for length_ms, at_ms in anchors_ms],
        ended_at=ended_ms * 8,
    )


def spans_ms(of: Item) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """When it was heard, and its pauses."""
    heard, pauses = at_the_ear(of)
    return [(each.begin / 8, each.end / 8) for each in heard], [(each.begin / 8, each.end / 8) for each in pauses]


class TestAnItemAtTheEar:
    def test_without_a_break(self) -> None:
        assert spans_ms(item((40, 1_040), (200, 1_210), (400, 1_400))) == ([(1_000, 1_400)], [])

    def test_ran_out_and_went_on(self) -> None:
        """The ear stands at the beginning of what came late."""
        heard = item((40, 1_040), (200, 1_200), (240, 1_340), (400, 1_500))
        assert spans_ms(heard) == ([(1_000, 1_200), (1_300, 1_500)], [(1_200, 1_300)])

    def test_whose_beginning_was_dated_early_did_not_run_out(self) -> None:
        assert spans_ms(item((40, 1_100), (200, 1_260)))[1] == []

    def test_which_seemed_to_catch_up_did_not_run_out(self) -> None:
        """Two echoes are dated too early; what follows is dated right."""
        assert spans_ms(item((40, 1_040), (120, 1_040), (200, 1_040), (240, 1_285), (400, 1_445)))[1] == []

    def test_that_was_cut_off_late_had_run_out_before(self) -> None:
        """The clear took effect 160 ms later than it should have been heard so far."""
        cut = item((40, 1_040), (200, 1_200), tail_ms=100, ended_ms=1_460)
        assert spans_ms(cut) == ([(1_000, 1_200), (1_360, 1_460)], [(1_200, 1_360)])


class TestTheLine:
    def test_jitter_is_how_far_off_the_pace_a_frame_comes(self) -> None:
        """100 ms were heard. The second frame is 30 ms late, so the next, in time, is early for it; one is 400 ms late;
        then Twilio leaves out a second of silence; and what is empty is no frame."""
        call = in_call()
        for timestamp_ms, at_ms in ((100, 120), (120, 170), (140, 170), (160, 180), (180, 600), (1_200, 1_600)):
            call.wait(at_ms)
            call.caller(build.media(timestamp_ms))
        call.caller(build.media(1_220, ms=0))
        call.caller(build.media(1_220).replace('"1220"', '"soon"'))
        made = measured(call)
        assert made.line.jitter_ms == {0: 6, 10: 1, 20: 2, 30: 1, 400: 1}
        assert (made.line.frames, made.line.left_out, made.line.left_out_ms) == (12, 1, 1_000)
        assert [(each.at_ms, each.ms) for each in made.line.stalls] == [(180, 400)]
        assert made.malformed == 1

    def test_a_round_trip_is_measured_by_marks_that_wait_for_nothing(self) -> None:
        """To a frame: an echo is dated by the frames that it came between."""
        call = greeted(delay_ms=90)
        call.model(*build.reply(500))
        hangs_up(call, 1_500)
        assert [each.ms for each in measured(call).line.round_trips] == [190]

    def test_what_the_model_was_not_ready_for_and_is_not_kept_is_dropped(self) -> None:
        call = Harness(CallSettings(limits=Limits(pending_audio_ms_max=200)))
        call.engine(build.leg_opened("caller"))
        call.caller(build.started())
        call.run(500)
        assert measured(call).dropped_ms == 300
