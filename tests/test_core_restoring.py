"""What the next session is told of the conversation, when the model leg was lost: as the caller heard it."""

from typing import Any

from engine.core import CallSettings, commands, report
from engine.core.model_leg import Absence
from engine.core.settings import Limits, Vad
from tests import build
from tests.build import MS, Harness, in_call
from tests.comeback_calls import SAID, assistant_says, caller_said, come_back, lose


def test_each_turn_is_restored_as_it_was_heard_in_its_order_under_its_id() -> None:
    harness = in_call()
    caller_said(harness)
    assistant_says(harness, 500)
    harness.run(3_000)
    harness.take()
    lose(harness)
    assert harness.take() == ["dial gpt-realtime-2.1"], "at once"
    assert come_back(harness) == ["restore item_u1: Two loaves, please.", "restore item_1: Good morning."]
    created = [each.command for each in harness.sent if isinstance(each.command, commands.CreateItem)]
    assert [each.item for each in created] == [
        {
            "id": "item_u1",
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": SAID}],
        },
        {
            "id": "item_1",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Good morning."}],
        },
    ]
    lost = next(entry for entry in harness.entries if entry.type == "leg.closed")
    back_at = harness.call.hearing.stream.shown
    reason = "the model's socket closed (None): "
    assert harness.call.absences == [Absence(lost.seq, 24_000, reason, back_at, dials=1, restored=2)]


def test_of_an_interrupted_item_only_the_heard_words_are_restored() -> None:
    """The item stays shortened: what the model is told after the loss is what it was told before."""
    harness = in_call()
    text = "One two three four five six seven eight nine ten."
    assistant_says(harness, 4_000, text)
    harness.run(1_500)
    harness.model(build.speech_started(1_400, "item_u1"))
    harness.run(2_600)
    harness.model(build.speech_stopped(2_500, "item_u1"), build.caller_words("Stop!", "item_u1"))
    harness.take()
    lose(harness)
    told = come_back(harness)
    heard = report(harness.call).turns[0].heard_text
    assert text.startswith(heard)
    assert 0 < len(heard) < len(text) - 10
    assert told == [f"restore item_1: {heard}", "restore item_u1: Stop!", "respond None"]


def test_an_item_that_nobody_heard_is_not_restored() -> None:
    harness = in_call()
    caller_said(harness, at_ms=0)
    assistant_says(harness, 400)
    harness.model(build.speech_started(1_150, "item_u2"))
    harness.run(3_000)
    lose(harness)
    assert [each for each in come_back(harness) if "item_1" in each] == []


def test_what_plays_on_is_restored_when_it_was_heard_at_its_place() -> None:
    """The loss does not end what the caller is listening to; the model is told of it once it is known how far."""
    harness = in_call()
    assistant_says(harness, 3_000, "A long answer of many words.")
    harness.run(1_000)
    lose(harness)
    assert come_back(harness) == [], "nothing was heard to its end yet"
    harness.run(2_900)
    assert harness.take() == []
    harness.run(3_400)
    assert harness.take() == ["restore item_1 after root: A long answer of many words."]


def test_a_barge_in_after_the_comeback_restores_what_was_heard_and_truncates_nothing() -> None:
    """The new session has no audio of the old item that could be truncated."""
    harness = in_call()
    assistant_says(harness, 6_000, "One two three four five six seven eight nine ten eleven twelve.")
    harness.run(1_000)
    lose(harness)
    come_back(harness)
    harness.run(3_000)
    harness.model(build.speech_started(1_800, "item_u1"))
    assert harness.take() == build.CLEARED
    harness.run(3_200)
    (told,) = harness.take()
    assert told.startswith("restore item_1 after root: One two three")
    assert "twelve" not in told
    assert report(harness.call).interruptions[0].items[0].action == "none"
    harness.model(build.item_added("item_u1", "item_1", "user"))
    assert [item.item_id for item in harness.call.conversation.order] == ["item_1", "item_u1"]


def test_an_item_that_is_awaited_keeps_its_place_before_what_the_caller_says_next() -> None:
    """The new session puts the caller's turn behind the last item that it knows of; the one that is still playing
    belongs between the two."""
    harness = in_call()
    caller_said(harness, at_ms=0)
    assistant_says(harness, 6_000, "A long answer of many words.")
    harness.run(2_000)
    lose(harness)
    assert come_back(harness) == ["restore item_u1: Two loaves, please."]
    harness.model(build.item_added("item_u1", None, "user"), build.item_added("item_u2", "item_u1", "user"))
    assert [item.item_id for item in harness.call.conversation.order] == ["item_u1", "item_1", "item_u2"]


def test_a_response_that_the_loss_cut_short_is_asked_for_again_once_its_beginning_was_heard() -> None:
    harness = in_call()
    caller_said(harness)
    harness.model(*build.reply_begun(600), build.item_words("That will be nine", final=False))
    harness.run(1_300)
    harness.take()
    lose(harness)
    assert harness.take() == ["dial gpt-realtime-2.1"]
    assert come_back(harness) == ["restore item_u1: Two loaves, please."]
    harness.run(2_500)
    assert harness.take() == ["restore item_1 after item_u1: That", "respond None"], "600 ms of it were made"
    harness.model(build.response_done("resp_1"))
    assert harness.take() == [], "news of a response of the old session mean nothing"


def test_a_caller_who_speaks_first_gets_an_answer_by_that() -> None:
    harness = in_call()
    caller_said(harness)
    harness.model(*build.reply_begun(2_000), build.item_words("That will be nine", final=False))
    harness.run(1_300)
    lose(harness)
    come_back(harness)
    harness.model(build.speech_started(100, "item_u2"))
    harness.run(4_000)
    assert [each for each in harness.take() if each.startswith("respond")] == []


def test_a_turn_without_an_answer_is_asked_to_be_answered() -> None:
    harness = in_call()
    caller_said(harness)
    lose(harness)
    harness.take()
    assert come_back(harness) == ["restore item_u1: Two loaves, please.", "respond None"]


def test_a_client_that_makes_responses_itself_is_not_asked_for() -> None:
    harness = in_call(CallSettings(vad=Vad(create_response=False)))
    caller_said(harness)
    lose(harness)
    assert come_back(harness) == ["restore item_u1: Two loaves, please."]


def test_a_turn_without_words_is_heard_by_the_next_session_once_more() -> None:
    """The transcription went down with the leg. From the padding before the turn on, nothing is missing, and what the
    caller said while nobody listened comes right behind it."""
    harness = Harness()
    harness.engine(build.leg_opened("caller"))
    harness.caller(build.connected(), build.started())
    harness.engine(build.leg_opened("model"))
    harness.model(build.session_created(), build.session_updated())
    for number in range(100):
        harness.at_ns += 20 * MS
        harness.caller(build.media(number * 20, code=number))
        if number == 50:
            harness.model(build.speech_started(700, "item_u1"))
    lose(harness)
    harness.caller(build.media(2_000, code=100))
    harness.engine(build.leg_opened("model"))
    harness.model(build.session_created())
    harness.take("nothing")
    harness.model(build.session_updated())
    first = (700 + 300 - 300) // 20
    again = [each.command.audio[0] for each in harness.sent if isinstance(each.command, commands.AppendAudio)][100:]
    assert again == [*range(first, 101)]
    assert report(harness.call).turns == [], "it will be a turn of the new session"
    harness.model(build.speech_started(300, "item_u2"))
    assert harness.call.conversation.items["item_u2"].started_at == (700 + 300 + 300) * 8


def test_what_is_kept_of_the_caller_is_bounded_whatever_the_frames_say() -> None:
    """Timestamps that stand still, and frames of a sample each: neither keeps more than ten seconds, or a thousand."""
    harness = in_call()
    for _ in range(900):
        harness.wait(harness.at_ns / MS + 20)
        harness.caller(build.media(0, 20))
    assert harness.call.session.recent_samples == sum(len(frame[2]) for frame in harness.call.session.recent) == 80_000
    for _ in range(1_500):
        harness.wait(harness.at_ns / MS + 20)
        harness.caller(build.media(0, 0.125))
    assert len(harness.call.session.recent) == 1_000


def test_a_turn_that_began_too_long_ago_is_told_as_far_as_it_is_known_and_answered() -> None:
    """What is left of its audio may be nothing but silence, so nothing may come of that."""
    harness = in_call(CallSettings(limits=Limits(pending_audio_ms_max=1_000)))
    harness.model(build.speech_started(0, "item_u1"))
    harness.run(4_000)
    harness.model(build.caller_words("I would like", "item_u1", final=False))
    lose(harness)
    harness.engine(build.leg_opened("model"))
    harness.model(build.session_created())
    harness.take("nothing")
    harness.model(build.session_updated())
    told = harness.take("nothing")
    assert told == ["restore item_u1: I would like", "respond None", *["append 20"] * 50]
    assert [turn.generated_text for turn in report(harness.call).turns] == ["I would like"]


def test_a_turn_whose_audio_is_pushed_out_while_nobody_listens_is_told_by_its_words() -> None:
    harness = in_call(CallSettings(limits=Limits(pending_audio_ms_max=2_000)))
    caller_said(harness)
    harness.model(build.speech_started(1_000, "item_u2"))
    harness.run(2_000)
    lose(harness)
    harness.run(5_000)
    assert come_back(harness) == ["restore item_u1: Two loaves, please.", "respond None"]
    assert [turn.item_id for turn in report(harness.call).turns] == ["item_u1", "item_u2"]


def test_what_was_said_into_a_dead_line_is_heard_by_the_next_session() -> None:
    """The leg broke off without a word; since its last frame it may have heard nothing. One that closes in order did
    not hear the last second, perhaps."""
    for code, ms in ((None, 3_300), (1001, 1_000)):
        harness = in_call()
        harness.run(1_000)
        harness.model(build.frame(type="rate_limits.updated", rate_limits=[]))
        harness.run(4_000)
        harness.engine(build.leg_closed("model", code, ""))
        harness.engine(build.leg_opened("model"))
        harness.model(build.session_created())
        harness.take("nothing")
        harness.model(build.session_updated())
        assert harness.take("nothing") == ["append 20"] * (ms // 20)


def test_an_answer_stays_owed_through_any_number_of_losses() -> None:
    harness = in_call()
    caller_said(harness)
    harness.model(*build.reply_begun(600), build.item_words("That will be nine", final=False))
    harness.run(1_200)
    for _ in range(2):
        lose(harness)
        assert come_back(harness) == ["restore item_u1: Two loaves, please."], "the rest is still playing"
    harness.run(2_500)
    assert harness.take() == ["restore item_1 after item_u1: That", "respond None"]
    lose(harness)
    harness.take()
    told = ["restore item_u1: Two loaves, please.", "restore item_1: That", "respond None"]
    assert come_back(harness) == told, "it was asked, and had not begun"
    harness.model(*build.reply(500, "item_2", "resp_2"))
    harness.run(4_000)
    lose(harness)
    assert [each for each in come_back(harness) if each.startswith("respond")] == [], "it was given"


def test_a_turn_that_is_heard_again_stays_to_be_heard_when_it_is_lost_once_more() -> None:
    harness = in_call()
    harness.model(build.speech_started(100, "item_u1"))
    harness.run(1_000)
    for _ in range(2):
        lose(harness)
        harness.engine(build.leg_opened("model"))
        harness.model(build.session_created())
        harness.take("nothing")
        harness.model(build.session_updated())
        assert harness.take("nothing") == ["append 20"] * 50, "all of it, with its padding"


def test_speech_that_is_heard_again_stops_nobody() -> None:
    """Nobody speaks now: what the caller is listening to goes on."""
    harness = in_call()
    harness.model(build.speech_started(0, "item_u1"), build.speech_stopped(900, "item_u1"))
    harness.run(1_000)
    harness.model(*build.reply_begun(3_000), build.item_words("That will be nine"))
    harness.run(1_500)
    lose(harness)
    come_back(harness)
    harness.model(build.speech_started(0, "item_u2"))
    assert harness.take() == []
    assert report(harness.call).interruptions == []
    harness.model(build.speech_stopped(900, "item_u2"), build.speech_started(1_500, "item_u3"))
    assert harness.take() == build.CLEARED


def test_what_is_settled_by_the_timer_is_told_then() -> None:
    harness = in_call()
    caller_said(harness)
    harness.model(*build.reply_begun(6_000), build.item_words("One two three four five six seven eight nine ten"))
    harness.run(2_500)
    lose(harness)
    come_back(harness)
    harness.ear.lost = {f"sentinel-{number}" for number in range(200)} | {f"mark-{number}" for number in range(200)}
    harness.caller(build.dtmf())
    assert harness.take() == build.CLEARED
    told: list[str] = []
    while not told:
        harness.wake()
        told = harness.take()
    assert told[0].startswith("restore item_1 after item_u1: One")
    assert told[1:] == ["respond None"]


def test_a_loss_before_anything_was_said_begins_with_the_greeting() -> None:
    harness = in_call(CallSettings(greeting="Greet the caller."))
    harness.model(build.response_created())
    lose(harness)
    assert come_back(harness) == ["respond Greet the caller."]


def test_a_word_for_the_caller_is_no_beginning_of_the_conversation() -> None:
    """The first dial fails, the caller is asked to wait; then the model greets."""
    harness = Harness(CallSettings(greeting="Greet the caller."))
    harness.engine(build.leg_opened("caller"))
    harness.caller(build.connected(), build.started())
    harness.engine(build.leg_failed(503, "busy"))
    harness.wait(1_100)
    harness.engine(build.timer_due())
    harness.put("engine", '{"type":"word.loaded"}', build.audio(400))
    assert come_back(harness) == ["respond Greet the caller."]


def test_a_greeting_that_is_under_way_is_not_repeated() -> None:
    harness = in_call(CallSettings(greeting="Greet the caller."))
    harness.model(*build.reply_begun(400), build.item_words("Good mor"))
    harness.run(200)
    lose(harness)
    assert come_back(harness) == []
    harness.run(1_000)
    assert harness.take() == ["restore item_1 after root: Good", "respond None"]


def function_item(event: str, kind: str, **fields: Any) -> str:
    return build.frame(type=event, event_id="event_20", item={"type": kind, **fields})


def test_a_function_call_is_restored_with_its_output_and_not_without() -> None:
    harness = in_call()
    harness.model(
        function_item(
            "conversation.item.done", "function_call", id="f1", call_id="c1", name="price", arguments='{"of":"bread"}'
        ),
        function_item("conversation.item.added", "function_call_output", id="o1", call_id="c1", output='{"usd":4}'),
        function_item("conversation.item.added", "function_call", id="f2", call_id="c2", name="stock", arguments="{}"),
        function_item("conversation.item.added", "function_call_output", id="o3", call_id="c3", output="{}"),
        function_item("conversation.item.added", "mcp_call", id="m1", name="x", arguments={"not": "text"}, output=[1]),
    )
    harness.call.conversation.items["f1"].kind = "function_call"
    lose(harness)
    assert come_back(harness) == ['restore f1: {"of":"bread"}', 'restore o1: {"usd":4}']
    created = [each.command.item for each in harness.sent if isinstance(each.command, commands.CreateItem)]
    assert created == [
        {"id": "f1", "type": "function_call", "call_id": "c1", "name": "price", "arguments": '{"of":"bread"}'},
        {"id": "o1", "type": "function_call_output", "call_id": "c1", "output": '{"usd":4}'},
    ]


def test_a_second_loss_restores_everything_again() -> None:
    harness = in_call()
    caller_said(harness)
    assistant_says(harness, 500)
    harness.run(3_000)
    for _ in range(2):
        lose(harness)
        assert come_back(harness) == ["restore item_u1: Two loaves, please.", "restore item_1: Good morning."]
