"""What a call came to, as people and `--json` read it."""

from engine.core import report
from engine.core.report import Interrupted, InterruptedItem, Report, Turn
from tests import build
from tests.build import Harness, in_call


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
    harness = in_call()
    harness.model(build.speech_started(0), build.caller_words("How much?"))
    harness.run(1_000)
    harness.model(build.speech_stopped(900), build.item_added("item_u1", role="user"))
    reply(harness, 2_000, "One two three four.")
    harness.run(1_500)
    harness.model(build.speech_started(1_100, item="item_u2"))
    harness.run(1_600)
    harness.model(build.truncated("item_1", 500), build.item_added("item_u2", previous="item_1", role="user"))
    harness.model(build.caller_words(" Stop. ", item="item_u2"))
    harness.engine(build.operator_hang_up())
    found = report(harness.call)
    assert found.turns == [
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
            heard_min_ms=found.turns[1].heard_min_ms,
            heard_max_ms=found.turns[1].heard_max_ms,
            interrupted=True,
            method="voiced",
        ),
        Turn("caller", "item_u2", None, 1_400, None, "Stop.", "Stop.", 0, 0, 0, 0, False, ""),
    ]
    # Between the last mark that was played and the first that was not.
    assert 300 <= found.turns[1].heard_min_ms <= 500 <= found.turns[1].heard_max_ms <= 700
    assert found.interruptions == [
        Interrupted(
            at_ms=1_500,
            caller_onset_ms=1_400,
            clear_sent_ms=1_500,
            clear_effective_ms=1_500,
            items=[InterruptedItem("item_1", 500, "truncate", 500, "ok")],
        )
    ]
    assert (found.call_sid, found.stream_sid, found.ended) == (build.CALL_SID, build.STREAM_SID, "hangup")
    assert (found.malformed, found.errors, found.duration_ms) == (0, [], 1_600)


def test_an_answer_heard_to_its_end_keeps_its_text() -> None:
    harness = in_call()
    reply(harness, 500, "One two three four.")
    harness.run(700)
    assert report(harness.call).turns == [
        Turn(
            speaker="assistant",
            item_id="item_1",
            response_id="resp_1",
            start_ms=100,
            end_ms=600,
            generated_text="One two three four.",
            heard_text="One two three four.",
            generated_ms=500,
            heard_ms=500,
            heard_min_ms=500,
            heard_max_ms=500,
            interrupted=False,
            method="whole",
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
    assert (turn.heard_ms, turn.heard_text, turn.method, turn.interrupted) == (1_000, words, "whole", False)


def test_an_answer_whose_generation_had_ended_is_not_guessed_at() -> None:
    """Audio and transcript are whole, so words are spread over the audio there is, not at a usual rate."""
    harness = in_call()
    reply(harness, 1_000, "Six words are said quickly here.")
    harness.run(600)
    harness.model(build.speech_started(0))
    harness.run(700)
    (turn,) = [turn for turn in report(harness.call).turns if turn.speaker == "assistant"]
    assert (turn.heard_ms, turn.heard_text, turn.method) == (500, "Six words are", "voiced")


def test_an_item_stays_whole_when_its_response_is_cut_behind_it() -> None:
    """Two items; the caller speaks when the first is whole and the second is not."""
    harness = in_call()
    harness.model(*build.reply_begun(1_000), build.item_words("Six words are said quickly here."), build.item_done())
    harness.run(600)
    harness.model(build.speech_started(0))
    harness.run(700)
    harness.model(build.response_done(status="cancelled"))
    (turn,) = [turn for turn in report(harness.call).turns if turn.speaker == "assistant"]
    assert (turn.heard_ms, turn.heard_text, turn.method) == (500, "Six words are", "voiced")


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
