"""The caller interrupts. One story a test: what goes out on either leg, in order, and what is known in the end.

Everything is played from 100 ms on over a line without delay, unless a test says otherwise: so what was heard is the
time of the interruption less 100 ms.
"""

from typing import Any

import pytest

from engine.core import commands
from engine.core.conversation import Repair
from engine.core.machines import Generating, Playing
from tests import build
from tests.build import CLEARED, Harness, in_call, talked_over


def repairs(harness: Harness) -> dict[str, Repair | None]:
    return {item.item_id: item.repair for item in harness.call.conversation.order if item.role == "assistant"}


# Before any interruption


def test_the_first_audio_goes_out_behind_a_probe_and_with_marks_in_it() -> None:
    harness = in_call()
    harness.model(*build.reply_begun(100))
    sid = build.STREAM_SID
    source = next(entry.seq for entry in harness.entries if entry.type == "response.output_audio.delta")
    assert harness.last.commands == [
        commands.PlaceMark(sid, "probe-1"),
        commands.PlayAudio(sid, build.audio(40), source, 0, 320),
        commands.PlaceMark(sid, "mark-2"),
        commands.PlayAudio(sid, build.audio(40), source, 320, 640),
        commands.PlaceMark(sid, "mark-3"),
        commands.PlayAudio(sid, build.audio(20), source, 640, 800),
        commands.PlaceMark(sid, "mark-4"),
    ]
    harness.model(build.item_done(), build.response_done())
    assert harness.last.commands == []
    assert harness.lengths_ms() == {"item_1": (100, 100, 0)}


def test_echoes_are_how_we_know_what_was_heard() -> None:
    harness = in_call()
    harness.model(*build.reply(1_000))
    harness.take()
    seen = []
    for until_ms in (100, 145, 500, 700, 1_099, 1_100):
        harness.run(until_ms)
        seen.append(harness.lengths_ms()["item_1"])
    assert seen == [(1_000, 1_000, heard_ms) for heard_ms in (0, 40, 400, 600, 800, 1_000)]
    assert harness.call.hearing.playout.state is Playing.SILENT
    assert harness.take() == []


# The plain cases


def test_an_interruption_while_the_model_is_generating() -> None:
    """Clear at once. The item is cut to what was heard when it will not grow any more; the model cancels by itself."""
    harness = talked_over(frames=build.reply_begun(1_000), at_ms=610)
    assert harness.take() == CLEARED
    response = harness.call.conversation.responses["resp_1"]
    assert (response.state, response.status) == (Generating.CUT, "")
    # What the model had on its way is counted and not sent.
    harness.model(build.item_audio(200))
    harness.run(640)
    assert harness.take() == []
    assert harness.lengths_ms() == {"item_1": (1_200, 1_000, 510)}
    harness.model(build.response_done(status="cancelled"))
    assert harness.last.commands == [commands.TruncateItem("truncate-1", "item_1", 0, 510)]
    assert repairs(harness) == {"item_1": Repair("truncate", 510, "pending", "truncate-1")}
    harness.model(build.truncated(audio_end_ms=510))
    assert repairs(harness) == {"item_1": Repair("truncate", 510, "ok", "truncate-1")}
    assert (response.state, response.status) == (Generating.DONE, "cancelled")
    assert harness.call.hearing.flushing == []
    assert harness.wake_ms == 640 + 30_000


def test_an_interruption_long_after_generation_has_ended() -> None:
    """Ten seconds of disclaimer were generated in no time; the caller has had enough after seven."""
    harness = talked_over(frames=build.reply(10_000), at_ms=7_123)
    assert harness.take() == CLEARED
    harness.run(7_123)
    assert harness.take() == ["truncate item_1 7023"]
    assert harness.lengths_ms() == {"item_1": (10_000, 10_000, 7_023)}


def test_two_items_interrupted_in_the_first() -> None:
    frames = [
        *build.reply_begun(1_000),
        build.item_done(),
        build.response_item_added("item_2"),
        build.item_added("item_2"),
        build.item_audio(3_000, "item_2"),
        *build.reply_done("item_2"),
    ]
    harness = talked_over(frames=frames, at_ms=610)
    harness.run(610)
    assert harness.take() == [*CLEARED, "truncate item_1 510", "delete item_2"]
    assert harness.lengths_ms() == {"item_1": (1_000, 1_000, 510), "item_2": (3_000, 3_000, 0)}
    harness.model(build.deleted("item_2"))
    assert repairs(harness) == {
        "item_1": Repair("truncate", 510, "pending", "truncate-1"),
        "item_2": Repair("delete", None, "ok", "delete-2"),
    }


def test_two_items_interrupted_in_the_second() -> None:
    """The first was heard to its end: it is not touched."""
    frames = [
        *build.reply_begun(1_000),
        build.item_done(),
        build.response_item_added("item_2"),
        build.item_added("item_2"),
        build.item_audio(3_000, "item_2"),
        *build.reply_done("item_2"),
    ]
    harness = talked_over(frames=frames, at_ms=1_610)
    harness.run(1_610)
    assert harness.take() == [*CLEARED, "truncate item_2 510"]
    assert harness.lengths_ms() == {"item_1": (1_000, 1_000, 1_000), "item_2": (3_000, 3_000, 510)}
    assert repairs(harness)["item_1"] is None


def test_an_interruption_before_any_audio() -> None:
    """Nothing to clear. What the response makes is never heard, so it goes once it is whole."""
    harness = in_call()
    harness.model(build.response_created(), build.response_item_added(), build.item_added())
    harness.model(build.speech_started(0))
    assert harness.take() == []
    harness.model(build.item_audio(400), build.item_audio(400))
    assert harness.take() == []
    assert harness.lengths_ms() == {"item_1": (800, 0, 0)}
    harness.model(build.item_done())
    assert harness.take() == ["delete item_1"]
    harness.model(build.response_done(status="cancelled"))
    assert harness.take() == [], "once"
    assert harness.call.barge_in.interruptions == []


def test_an_item_that_a_cut_response_begins_is_never_played() -> None:
    harness = talked_over(frames=build.reply_begun(1_000), at_ms=610)
    harness.model(build.item_done(), build.response_item_added("item_2"), build.item_added("item_2"))
    harness.model(build.item_audio(500, "item_2"))
    harness.run(640)
    assert harness.take() == [*CLEARED, "truncate item_1 510"]
    harness.model(*build.reply_done("item_2", status="cancelled"))
    assert harness.take() == ["delete item_2"]
    assert harness.lengths_ms() == {"item_1": (1_000, 1_000, 510), "item_2": (500, 0, 0)}


def test_a_function_call_of_a_cut_response_is_left_alone() -> None:
    harness = talked_over(frames=build.reply_begun(1_000), at_ms=610)
    harness.model(build.response_item_added("item_f", kind="function_call"))
    harness.model(build.item_added("item_f", role=None, kind="function_call"))
    harness.model(build.item_done("item_f", kind="function_call"))
    assert harness.take() == CLEARED


def test_speech_when_all_was_heard_sends_nothing() -> None:
    harness = talked_over(frames=build.reply(1_000), at_ms=1_200)
    assert harness.take() == []
    assert harness.lengths_ms() == {"item_1": (1_000, 1_000, 1_000)}
    assert (repairs(harness), harness.call.barge_in.interruptions) == ({"item_1": None}, [])


def test_a_second_turn_counts_from_its_own_beginning() -> None:
    """Clocks do not run on: the second answer is judged by its own playout."""
    harness = in_call()
    harness.model(*build.reply(1_000))
    harness.run(5_000)
    harness.model(*build.reply(2_000, "item_2", "resp_2"))
    harness.take()
    harness.run(5_777)
    harness.model(build.speech_started(4_000))
    harness.run(5_777)
    assert harness.take() == [*CLEARED, "truncate item_2 777"]
    assert harness.lengths_ms() == {"item_1": (1_000, 1_000, 1_000), "item_2": (2_000, 2_000, 777)}


def test_two_barge_ins_in_a_row() -> None:
    harness = talked_over(frames=build.reply(2_000), at_ms=610)
    harness.run(700)
    assert harness.take() == [*CLEARED, "truncate item_1 510"]
    harness.model(build.speech_stopped(600), *build.reply_begun(2_000, "item_2", "resp_2"))
    harness.run(1_211)
    harness.take()
    harness.model(build.speech_started(1_000, "item_u2"))
    harness.run(1_220)
    assert harness.take() == CLEARED
    harness.model(build.speech_started(1_000, "item_u2"))
    assert harness.take() == [], "there is nothing more to stop"
    harness.model(build.response_done("resp_2", "cancelled"))
    assert harness.take() == ["truncate item_2 511"]
    assert harness.lengths_ms() == {"item_1": (2_000, 2_000, 510), "item_2": (2_000, 2_000, 511)}


def test_an_answer_may_be_under_way_while_the_last_clear_is_still_on_its_way() -> None:
    """Half a second for the round trip: the second answer is cut before the first is settled."""
    harness = in_call(delay_ms=250)
    harness.model(*build.reply(2_000))
    harness.run(1_200)
    harness.take()
    harness.model(build.speech_started(0), *build.reply(1_000, "item_2", "resp_2"))
    harness.run(1_300)
    harness.model(build.speech_started(0))
    assert [text for text in harness.take() if text in CLEARED] == [*CLEARED, *CLEARED]
    assert [playout.state for playout in harness.call.hearing.flushing] == [Playing.FLUSHING] * 2
    harness.run(2_000)
    # First audio at Twilio from 350 on, clears there at 1450 and 1550.
    assert harness.take() == ["truncate item_1 1100", "truncate item_2 100"]
    assert harness.call.hearing.flushing == []


def test_generation_slower_than_playback() -> None:
    """The ear waits in the middle of an item; what it waited is not counted as heard."""
    harness = in_call()
    harness.model(*build.reply_begun(400))
    harness.run(1_000)
    harness.take()
    harness.model(build.item_audio(400))
    assert harness.take()[0] == "probe"
    harness.run(1_210)
    assert harness.call.hearing.underruns == 1
    harness.model(build.speech_started(0), build.response_done(status="cancelled"))
    harness.run(1_220)
    assert harness.take() == [*CLEARED, "truncate item_1 610"]
    assert harness.lengths_ms() == {"item_1": (800, 800, 610)}


def test_speech_in_an_underrun_cuts_what_is_still_generated() -> None:
    """All that was sent was heard, so there is nothing to clear; what still comes is not played."""
    harness = talked_over(frames=build.reply_begun(400), at_ms=1_000)
    assert harness.take() == []
    harness.model(build.item_audio(300), build.response_done(status="cancelled"))
    assert harness.take() == ["truncate item_1 400"]
    assert harness.lengths_ms() == {"item_1": (700, 400, 400)}


# Who interrupts, and who cancels


@pytest.mark.parametrize(("leg", "text"), [("caller", build.dtmf()), ("engine", build.operator_interrupt())])
def test_a_key_or_an_operator_interrupts_and_cancels_by_name(leg: Any, text: str) -> None:
    """The model does not know of either."""
    harness = in_call()
    harness.model(*build.reply_begun(1_000))
    harness.run(610)
    harness.take()
    harness.put(leg, text)
    assert harness.take() == [*CLEARED, "cancel resp_1"]
    assert harness.sent[-1].command == commands.CancelResponse("cancel-1", "resp_1")
    harness.put(leg, text)
    assert harness.take() == [], "it is stopped already"
    harness.run(640)
    harness.model(build.response_done(status="cancelled"))
    assert harness.take() == ["truncate item_1 510"]
    (interruption,) = harness.call.barge_in.interruptions
    assert interruption.onset_at is None


def test_a_key_after_generation_has_ended_cancels_nothing() -> None:
    harness = in_call()
    harness.model(*build.reply(1_000))
    harness.run(610)
    harness.take()
    harness.caller(build.dtmf())
    harness.run(620)
    assert harness.take() == [*CLEARED, "truncate item_1 510"]


def test_a_key_before_any_audio_does_nothing() -> None:
    """Nothing is playing, and a key is no turn that the model would answer: cut now, nobody would speak."""
    harness = in_call()
    harness.model(build.response_created())
    harness.caller(build.dtmf())
    assert harness.take() == []
    harness.model(*build.reply(100)[1:])
    assert harness.take()[0] == "probe"


def test_a_model_that_does_not_interrupt_itself_is_cancelled() -> None:
    harness = talked_over(frames=build.reply_begun(1_000), at_ms=610, interrupt_response=False)
    assert harness.take() == [*CLEARED, "cancel resp_1"]


def test_every_response_under_way_is_cancelled_and_none_that_is_done() -> None:
    harness = in_call()
    harness.model(*build.reply(100), build.response_created("resp_2"), build.response_created("resp_3"))
    harness.take()
    harness.caller(build.dtmf())
    assert harness.take() == [*CLEARED, "cancel resp_2", "cancel resp_3"]


# What echoes prove


def test_echoes_that_a_clear_flushed_do_not_count() -> None:
    """Eleven marks come back in one burst right behind the clear. None of them was played."""
    harness = talked_over(frames=build.reply(2_000), at_ms=610)
    assert len(harness.ear.echoes) > 5
    harness.run(610)
    assert harness.ear.echoes == []
    assert harness.lengths_ms() == {"item_1": (2_000, 2_000, 510)}


def test_an_echo_given_twice_and_one_never_asked_for_prove_nothing() -> None:
    harness = in_call()
    harness.model(*build.reply(2_000))
    harness.run(610)
    played = [each.command.name for each in harness.sent if isinstance(each.command, commands.PlaceMark)][:3]
    harness.caller(*(build.echo(name) for name in (*played, "mark-999", "sentinel-1", "")))
    assert harness.lengths_ms() == {"item_1": (2_000, 2_000, 400)}
    harness.model(build.speech_started(0))
    harness.caller(*(build.echo(name) for name in (*played, "mark-999", "sentinel-1", "")))
    harness.run(620)
    assert harness.take()[-1] == "truncate item_1 510"


def test_lost_echoes_cost_no_more_than_their_marks() -> None:
    """Every other echo is lost, the probe's too; the next one makes good for it."""
    harness = in_call()
    harness.model(*build.reply(2_000))
    harness.ear.lost = {name for _, name in harness.ear.echoes[::2]}
    harness.run(610)
    harness.take()
    harness.model(build.speech_started(0))
    harness.run(620)
    assert harness.take() == [*CLEARED, "truncate item_1 510"]


def test_all_echoes_lost_but_the_sentinels() -> None:
    """Then how much was heard is anybody's guess between nothing and all; it is judged by when it was sent."""
    harness = in_call()
    harness.model(*build.reply(2_000))
    harness.ear.lost = {name for _, name in harness.ear.echoes}
    harness.run(610)
    harness.take()
    harness.model(build.speech_started(0))
    harness.run(620)
    assert harness.take()[:2] == CLEARED
    item = harness.call.conversation.items["item_1"]
    assert (item.proven_samples, item.tail_low) == (0, 0)


# Outcomes


def test_the_model_may_refuse_and_is_believed() -> None:
    harness = talked_over(frames=build.reply(2_000), at_ms=610)
    harness.run(620)
    harness.model(build.model_error("invalid_value", "already shorter", event_id="truncate-1"))
    assert repairs(harness) == {"item_1": Repair("truncate", 510, "error", "truncate-1")}
    assert harness.call.state.value == "live"


def test_an_error_of_another_frame_or_of_none_changes_no_outcome() -> None:
    harness = talked_over(frames=build.reply(2_000), at_ms=610)
    harness.run(620)
    harness.model(build.model_error("invalid_value", event_id="cancel-9"), build.model_error("server_error"))
    harness.model(build.truncated("item_9"), build.deleted("item_u1"))
    assert repairs(harness) == {"item_1": Repair("truncate", 510, "pending", "truncate-1")}


def test_an_item_is_never_cut_beyond_what_was_generated() -> None:
    """Half a millisecond at its end is nothing at the model, which counts in whole ones."""
    harness = in_call()
    harness.model(*build.reply(1_000.5))
    harness.run(1_099)
    harness.take()
    harness.model(build.speech_started(0))
    harness.run(1_200)
    (item,) = (item for item in harness.call.conversation.order if item.role == "assistant")
    assert item.generated_ms() == 1_000
    for text in harness.take():
        assert not text.startswith("truncate") or int(text.rsplit(" ", 1)[1]) < 1_000


def test_what_was_played_before_the_clear_came_is_not_touched() -> None:
    """The last words were out before the clear got there."""
    harness = in_call(delay_ms=100)
    harness.model(*build.reply(1_000))
    harness.run(1_250)
    harness.take()
    harness.model(build.speech_started(0))
    harness.run(2_000)
    assert harness.take() == CLEARED
    assert harness.lengths_ms() == {"item_1": (1_000, 1_000, 1_000)}
    assert repairs(harness) == {"item_1": Repair("none", None, "ok", "")}
