"""What a call came to, as people and `--json` read it."""

from engine.core import report
from engine.core.report import Interrupted, InterruptedItem, Report, SpokenWord, Turn
from tests import build
from tests.build import Harness, found, in_call


def reply(harness: Harness, ms: float, words: str, item: str = "item_1", response: str = "resp_1") -> None:
    """The model says something, whole, much faster than it can be played."""
    harness.model(
        build.response_created(response),
        build.response_item_added(item, response),
        build.item_added(item),
        build.item_words(words, item, response),
        build.item_audio(ms, item, response),
        build.item_words(words, item, response, final=True),
        build.item_done(item, response),
        build.response_done(response),
    )


def test_a_call_that_never_began() -> None:
    harness = Harness()
    harness.engine(build.leg_opened("caller"))
    harness.wait(1_234.5)
    harness.caller("garbage")
    harness.engine(build.leg_closed("caller"))
    assert report(harness.call) == Report(
        call_sid=None,
        stream_sid=None,
        ended="dropped",
        reason="the caller's socket closed (1000) without stop",
        duration_ms=1234,
        turns=[],
        interruptions=[],
        malformed=1,
        errors=[],
    )


def test_a_call_with_a_barge_in() -> None:
    """The caller asks, is answered, and talks over the answer half a second in."""
    harness = in_call(answers=False)
    harness.model(build.speech_started(0), build.caller_words("How much?"))
    harness.run(1_000)
    harness.model(build.speech_stopped(900), build.item_added("item_u1", role="user"))
    reply(harness, 2_000, "One two three four.")
    harness.run(1_500)
    harness.model(build.speech_started(1_100, item="item_u2"))
    harness.run(1_600)
    harness.model(build.truncated("item_1", 500), build.item_added("item_u2", previous="item_1", role="user"))
    harness.model(build.caller_words(" Stop. ", item="item_u2"))
    harness.tell(found("One two three four.", 450, 550, 1_500, 2_000))
    harness.engine(build.operator_hang_up())
    told = report(harness.call)
    assert told.turns == [
        Turn("caller", "item_u1", None, 100, 400, "How much?", "How much?", 0, 0, 0, 0, False, ""),
        Turn(
            speaker="assistant",
            item_id="item_1",
            response_id="resp_1",
            start_ms=1_000,
            end_ms=1_500,
            generated_text="One two three four.",
            heard_text="One",
            generated_ms=2_000,
            heard_ms=500,
            heard_min_ms=told.turns[1].heard_min_ms,
            heard_max_ms=told.turns[1].heard_max_ms,
            interrupted=True,
            method="letters",
            confidence=0.5,
            heard_words=1,
            heard_words_min=told.turns[1].heard_words_min,
            heard_words_max=told.turns[1].heard_words_max,
            words=[
                SpokenWord("One", 0, 450, 1_000, 1_450),
                SpokenWord("two", 450, 550, 1_450, None),
                SpokenWord("three", 550, 1_500, None, None),
                SpokenWord("four.", 1_500, 2_000, None, None),
            ],
        ),
        Turn("caller", "item_u2", None, 1_400, None, "Stop.", "Stop.", 0, 0, 0, 0, False, ""),
    ]
    # From the last mark that was played to where the clear can have found it at the most.
    assert 300 <= told.turns[1].heard_min_ms < 450 < 500 < told.turns[1].heard_max_ms <= 520
    assert (told.turns[1].heard_words_min, told.turns[1].heard_words_max) == (0, 1)
    assert told.interruptions == [
        Interrupted(
            at_ms=1_500,
            caller_onset_ms=1_400,
            clear_sent_ms=1_500,
            clear_effective_ms=1_500,
            items=[InterruptedItem("item_1", 500, "truncate", 500, "ok")],
        )
    ]
    assert (told.call_sid, told.stream_sid, told.ended) == (build.CALL_SID, build.STREAM_SID, "hangup")
    assert (told.malformed, told.errors, told.duration_ms) == (0, [], 1_600)


def test_an_answer_heard_to_its_end_keeps_its_text() -> None:
    """Whatever the search for its words has to say."""
    harness = in_call(answers=False)
    reply(harness, 500, "One two.")
    harness.run(700)
    harness.tell(found("One two.", 300, 500, finished=1))
    assert report(harness.call).turns == [
        Turn(
            speaker="assistant",
            item_id="item_1",
            response_id="resp_1",
            start_ms=100,
            end_ms=600,
            generated_text="One two.",
            heard_text="One two.",
            generated_ms=500,
            heard_ms=500,
            heard_min_ms=500,
            heard_max_ms=500,
            interrupted=False,
            method="letters",
            confidence=0.5,
            heard_words=2,
            heard_words_min=2,
            heard_words_max=2,
            words=[SpokenWord("One", 0, 300, 100, 400), SpokenWord("two.", 300, 500, 400, 600)],
        )
    ]


def test_an_interrupted_answer_that_was_heard_to_its_end_keeps_its_text() -> None:
    """The last words were on their way when the caller spoke, and the clear came too late to stop them."""
    harness = in_call(delay_ms=100)
    words = "A lot of words for a second of audio, more than anybody would say in it."
    reply(harness, 1_000, words)
    harness.run(1_280)  # 1,080 at Twilio's when what arrives now left it: played since 300
    harness.model(build.speech_started(0))
    assert harness.take()[-2] == "clear"
    harness.run(2_000)
    assert harness.take() == [], "nothing to mend"
    (turn,) = [turn for turn in report(harness.call).turns if turn.speaker == "assistant"]
    assert (turn.heard_ms, turn.heard_text, turn.interrupted) == (1_000, words, False)


def test_an_item_stays_whole_when_its_response_is_cut_behind_it() -> None:
    """Two items; the caller speaks when the first is whole and the second is not."""
    harness = in_call(answers=False)
    words = build.item_words("Six words are said quickly here.", final=True)
    harness.model(*build.reply_begun(1_000), words, build.item_done())
    harness.run(600)
    harness.model(build.speech_started(0))
    harness.run(700)
    harness.model(build.response_done(status="cancelled"))
    assert harness.searches["item_1"].complete


def test_what_an_interruption_still_waits_for_is_pending() -> None:
    """Generation goes on, so the item cannot be mended yet; the item that came after was never sent."""
    harness = in_call()
    harness.model(build.response_created(), build.response_item_added(), build.item_audio(1_000))
    harness.run(400)
    harness.model(build.speech_started(0), build.response_item_added("item_2"), build.item_audio(200, "item_2"))
    harness.run(500)
    (found,) = report(harness.call).interruptions
    assert found.items == [
        InterruptedItem("item_1", 300, "none", None, "pending"),
        InterruptedItem("item_2", 0, "none", None, "pending"),
    ]


def test_only_what_was_said_is_a_turn() -> None:
    """Function calls, system messages and items without a word or a sample are not."""
    harness = in_call()
    harness.model(
        build.item_added("item_s", role="system"),
        build.item_words("not said", "item_s"),
        build.item_added("item_f", role=None, kind="function_call"),
        build.item_words("not said", "item_f"),
        build.item_added("item_e"),
        build.item_added("item_u", role="user"),
        build.item_words("No audio yet", "item_t"),
    )
    assert [turn.item_id for turn in report(harness.call).turns] == ["item_t"]


def test_the_callers_words_stand_in_the_order_of_the_conversation() -> None:
    """They are transcribed while the answer is already being spoken."""
    harness = in_call()
    harness.model(build.speech_started(0, item="item_u1"), build.speech_stopped(600, item="item_u1"))
    reply(harness, 100, "Answer.", "item_1")
    harness.model(build.item_added("item_u2", previous="item_1", role="user"))
    harness.model(
        build.caller_words("Ques", "item_u1", final=False), build.caller_words("tion", "item_u1", final=False)
    )
    harness.model(build.caller_words("More.", "item_u2"), build.item_added("item_1", previous="item_u1"))
    turns = [(turn.item_id, turn.generated_text) for turn in report(harness.call).turns]
    assert turns == [("item_u1", "Question"), ("item_1", "Answer."), ("item_u2", "More.")]
    harness.model(build.caller_words("Question?", "item_u1"))
    assert report(harness.call).turns[0].heard_text == "Question?"
