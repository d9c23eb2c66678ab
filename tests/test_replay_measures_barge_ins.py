"""How long the caller had to talk over the assistant, and what the model was told of it: each test is a call."""

import msgspec
import pytest
from msgspec.structs import replace

from engine.core import RULES_OVERHEARD, CallSettings, Entry
from engine.sim.caller import Cue
from engine.sim.ruler import place
from engine.sim.scenarios import speech
from replay.metrics.measures import CallMeasures, measure
from tests import build
from tests.build import in_call
from tests.measured_calls import greeted, hangs_up, measured, says
from tests.naive_bridge import Bridge, run_naive
from tests.naive_bugs import LateClear, NoClear
from tests.replay_calls import log_of
from tests.stories_told import call as simulated
from tests.stories_told import says as reply


class TestAnInterruption:
    def test_has_three_parts(self) -> None:
        """On a line of 80 ms each way the caller breaks in, 450 ms into the greeting. News of that takes 80 ms from
        Twilio and 90 from the model, but the first is not in `detect`; the clear takes 80 ms, and 80 more are seen."""
        call = greeted(delay_ms=80)
        call.model(*build.reply(2_000))
        call.run(800)
        call.model(build.speech_started(330))
        hangs_up(call, 2_000)
        (cut,) = measured(call).barge_ins
        assert (cut.by, cut.at_ms, cut.onset_ms, cut.stopped_at_ms) == ("voice", 720, 630, 880)
        assert (cut.stop_ms, cut.parts) == (250, {"detect": 90, "decide": 0, "effective": 160})

    def test_by_a_key_or_an_operator_counts_from_the_news_of_it(self) -> None:
        call = greeted()
        call.model(*build.reply(1_000))
        call.run(400)
        call.caller(build.dtmf())
        call.run(600)
        call.model(*build.reply(1_000, "item_2", "resp_2"))
        call.run(900)
        call.engine(build.operator_interrupt())
        hangs_up(call, 1_500)
        assert [(cut.by, cut.onset_ms, cut.parts, cut.is_false) for cut in measured(call).barge_ins] == [
            ("key", None, {"decide": 0, "effective": 0}, None),
            ("operator", None, {"decide": 0, "effective": 0}, None),
        ]

    def test_that_came_when_all_had_been_heard_has_no_length(self) -> None:
        """Only the echo that would have said so was lost."""
        call = greeted()
        call.model(*build.reply(500))
        call.ear.lost.add(call.ear.echoes[-1][1])
        call.run(1_000)
        call.model(build.speech_started(650))
        hangs_up(call, 2_000)
        (cut,) = measured(call).barge_ins
        assert (cut.onset_ms, cut.stopped_at_ms, cut.stop_ms, cut.parts) == (950, 600, None, {})

    def test_of_which_nothing_came_back_has_a_length_by_estimate(self) -> None:
        call = greeted(delay_ms=50)
        call.model(*build.reply(2_000))
        call.run(600)
        call.model(build.speech_started(200))
        call.ear.lost |= {name for _, name in call.ear.echoes}
        call.run(1_700)
        call.wake()
        (cut,) = measured(call).barge_ins
        assert (cut.is_estimate, cut.stop_ms) == (True, 150)

    def test_that_has_not_settled_has_none_yet(self) -> None:
        call = greeted(delay_ms=50)
        call.model(*build.reply(2_000))
        call.run(600)
        call.model(build.speech_started(200))
        (cut,) = measured(call).barge_ins
        assert (cut.stopped_at_ms, cut.stop_ms, cut.parts) == (None, None, {})

    @pytest.mark.parametrize(("text", "is_false"), [("Wait!", False), (" ...", True), ("", True), (None, None)])
    def test_is_false_when_no_words_followed(self, text: str | None, is_false: bool | None) -> None:
        call = greeted()
        call.model(*build.reply(2_000))
        says(call, 400, 700, text=text)
        hangs_up(call, 2_000)
        assert [cut.is_false for cut in measured(call).barge_ins] == [is_false]

    def test_is_told_to_the_model_item_by_item(self) -> None:
        """What was heard in part is truncated, and the model does it; what nobody heard is deleted, and it refuses; and
        of a third it says nothing."""
        call = greeted()
        call.model(*build.reply_begun(1_000), build.item_done())
        call.model(build.response_item_added("item_2"), build.item_added("item_2", "item_1"))
        call.model(build.item_audio(600, "item_2"), build.item_done("item_2"))
        call.model(build.response_item_added("item_3"), build.item_added("item_3", "item_2"))
        call.model(build.item_audio(600, "item_3"), build.item_done("item_3"), build.response_done())
        call.run(500)
        call.model(build.speech_started(150))
        call.run(520)
        call.model(build.truncated(audio_end_ms=400), build.model_error("any", "no", event_id="delete-2"))
        call.model(build.caller_words("Stop.", "item_u1"))
        told = measured(call).repairs
        assert [msgspec.structs.astuple(each)[1:] for each in told] == [
            (500, "item_1", "truncate", "ok", 400, 400, 20),
            (500, "item_2", "delete", "error", 0, 600, 0),
            (500, "item_3", "delete", "pending", 0, None, 0),
        ]
        assert measured(call).barge_ins[0].item_ids == ["item_1", "item_2", "item_3"]

    def test_another_bridge_may_truncate_to_more_than_was_heard(self) -> None:
        """It counts what it has sent; and the model does as it is told."""
        call = greeted()
        call.model(*build.reply(1_000))
        call.run(500)
        call.model(build.speech_started(100))
        call.run(520)
        call.model(build.truncated(audio_end_ms=900), build.caller_words("Wait."))
        hangs_up(call, 1_000)
        entries = [replace(each, body=each.body.replace('_end_ms":400', '_end_ms":900')) for each in call.entries]
        made = measure(log_of(entries, replace(call.call.settings, rules=RULES_OVERHEARD)))
        (told,) = made.repairs
        assert (told.action, told.outcome, told.heard_ms, told.kept_ms) == ("truncate", "ok", 400, 900)

    def test_another_bridge_may_truncate_what_does_not_exist(self) -> None:
        call = in_call()
        body = build.frame(type="conversation.item.truncate", item_id="item_9", content_index=0, audio_end_ms=1)
        call.entries.append(Entry(call.seq, call.at_ns, "command", "model", "conversation.item.truncate", body))
        assert measured(call).repairs == []


class TestAnotherBridge:
    """The caller speaks 1.5 s over a greeting, from 500 ms into it on. Whose bridge it was is no matter."""

    @staticmethod
    def spoken_over(bridge: Bridge) -> CallMeasures:
        cues = (Cue(0, after=place(0, 500), audio=speech(1_500)),)
        outcome = run_naive(simulated(reply(0, 4_000), reply(1, 500), cues=cues, ends_ms=8_000), 1, bridge)
        return measure(log_of(outcome.entries, CallSettings(rules=RULES_OVERHEARD)))

    def test_that_thinks_before_it_clears(self) -> None:
        (cut,) = self.spoken_over(LateClear()).barge_ins
        assert (cut.onset_ms, cut.stopped_at_ms) == (1_040, 1_910)
        assert (cut.stop_ms, cut.parts) == (870, {"detect": 90, "decide": 700, "effective": 80})

    def test_that_never_clears(self) -> None:
        made = self.spoken_over(NoClear())
        assert made.barge_ins == []
        assert [(each.at_ms, each.ms, each.known) for each in made.missed] == [(1_040, 1_520, True)]
        assert made.turns[2].parts == {"vad": 550, "respond": 0, "generate": 250, "send": 0, "play": 1_195}
