"""Stories of interruptions on a line where all is well: every position is exact."""

import msgspec

from engine.core.settings import CallSettings, Vad
from engine.sim.caller import Cue
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import place, ruler
from engine.sim.scenarios import speech
from engine.sim.speech import load
from tests.stories_told import (
    FIRST,
    FIRST_AND_MORE,
    SECOND,
    THIRD,
    Stories,
    Told,
    call,
    hangs_up,
    interrupts,
    ms,
    says,
    tells,
)

STORIES: Stories = {}

ANSWER = says(1, 500, "Good.")
TWO_ITEMS = Reply(
    items=(ReplyItem("One two three.", ruler(0, 1_000)), ReplyItem("Four five six.", ruler(1, 1_200))), latency_ms=250
)
DISCLAIMER = load("bakery_disclaimer")
CLIENT_CANCELS = CallSettings(instructions="You sell bread.", greeting="Greet.", vad=Vad(interrupt_response=False))


@tells(STORIES, call(says(0, 2_500, speed=1.5), ANSWER, cues=(interrupts(0, 800), hangs_up(1, 500))))
def caller_interrupts_mid_generation(told: Told) -> None:
    """The model cancels its response by itself; the engine silences Twilio and cuts the item where the ear was."""
    told.is_interrupted(times=1)
    told.truncates(FIRST)
    told.cancels()
    assert told.outcome.model.responses[0].status == "cancelled"
    assert told.truths[FIRST].generated_samples < 2_500 * 8
    told.leaves(SECOND)
    told.ends("stop")


@tells(
    STORIES,
    call(
        Reply(items=(DISCLAIMER.item,), speed=12, latency_ms=250, delta_samples=(8_000,)),
        ANSWER,
        cues=(
            Cue(0, after=DISCLAIMER.until(10_300), audio=speech(240)),
            hangs_up(1, 500),
        ),
    ),
)
def caller_interrupts_ten_seconds_into_a_disclaimer_that_was_generated_long_ago(told: Told) -> None:
    """No response is being generated any more, and still the barge-in is one: the disclaimer is cut after ten
    seconds, and its words are known."""
    told.is_interrupted(times=1)
    told.truncates(FIRST)
    told.cancels()
    done, clear = told.inputs("response.done")[0], told.commands("clear")[0]
    assert ms(clear) - ms(done) > 8_000
    told.is_heard_in_words(FIRST, DISCLAIMER)
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, call(TWO_ITEMS, says(2, 500, "Good."), cues=(interrupts(0, 600), hangs_up(2, 500))))
def caller_interrupts_the_first_of_two_items(told: Told) -> None:
    """The first item is cut; the second, of which nobody heard anything, is deleted."""
    told.is_interrupted(times=1)
    told.truncates(FIRST)
    told.deletes(FIRST_AND_MORE)
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, call(TWO_ITEMS, says(2, 500, "Good."), cues=(interrupts(1, 500), hangs_up(2, 500))))
def caller_interrupts_the_second_of_two_items(told: Told) -> None:
    """The first item was heard and is left alone; the second is cut, measured from its own first sample."""
    told.is_interrupted(times=1)
    told.leaves(FIRST)
    told.truncates(FIRST_AND_MORE)
    told.leaves(SECOND)
    told.ends("stop")


@tells(
    STORIES,
    call(
        says(0, 900),
        says(1, 2_000),
        says(2, 400, "Good."),
        cues=(
            Cue(200, after=place(0, 900), audio=speech(240)),
            interrupts(1, 700),
            hangs_up(2, 400),
        ),
    ),
)
def the_second_answer_is_measured_from_its_own_start(told: Told) -> None:
    """Clocks do not run on from one turn to the next: the truncate counts from the second answer's first sample."""
    told.is_interrupted(times=1)
    told.leaves(FIRST)
    told.truncates(SECOND)
    assert 700 <= told.turn(SECOND).heard_ms < 1_000
    told.leaves(THIRD)
    told.ends("stop")


@tells(
    STORIES,
    call(
        Reply(items=(ReplyItem("One two three.", ruler(0, 1_000)),), latency_ms=900, text_lead_ms=800),
        ANSWER,
        cues=(Cue(600, audio=speech(240)), hangs_up(1, 500)),
    ),
)
def caller_interrupts_before_any_audio(told: Told) -> None:
    """Words of the item have come, but no audio: there is nothing to silence, and the item is deleted, not truncated
    at zero, which would be an error."""
    told.is_interrupted(times=0)
    told.deletes(FIRST)
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, call(says(0, 900), ANSWER, cues=(Cue(300, after=place(0, 900), audio=speech(240)), hangs_up(1, 500))))
def caller_speaks_when_all_was_heard(told: Told) -> None:
    """An ordinary turn: nothing is playing, so nothing is sent."""
    told.is_interrupted(times=0)
    told.never_sends("clear", "response.cancel", "conversation.item.truncate", "conversation.item.delete")
    told.leaves(FIRST)
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, call(says(0, 900), ANSWER, cues=(interrupts(0, 760), hangs_up(1, 500))))
def caller_interrupts_so_late_that_all_is_heard(told: Told) -> None:
    """Twilio is told to be silent while the last mark is on its way back; nothing was lost, so the item stays whole."""
    told.is_interrupted(times=1)
    assert told.outcome.edge.clears[0].unplayed_samples == 0
    (item,) = told.report.interruptions[0].items
    assert (item.item_id, item.action, item.heard_ms) == (FIRST, "none", 900)
    told.leaves(FIRST)
    told.leaves(SECOND)
    told.ends("stop")


@tells(
    STORIES,
    call(
        says(0, 2_000),
        says(1, 2_000),
        says(2, 400, "Good."),
        cues=(interrupts(0, 700), interrupts(1, 300), hangs_up(2, 400)),
    ),
)
def two_barge_ins_in_a_row(told: Told) -> None:
    """The answer to an interruption is interrupted too: each item is cut once, where the ear was in it."""
    told.is_interrupted(times=2)
    told.truncates(FIRST)
    told.truncates(SECOND)
    assert len(told.commands("conversation.item.truncate")) == 2
    told.leaves(THIRD)
    told.ends("stop")


@tells(
    STORIES,
    call(
        msgspec.structs.replace(says(0, 2_500, speed=1.5), late_deltas=3, late_every_ms=60),
        ANSWER,
        cues=(interrupts(0, 700), hangs_up(1, 500)),
    ),
)
def deltas_that_come_after_the_barge_in_are_never_played(told: Told) -> None:
    """They lengthen the item at the model, so they are counted; the caller hears none of them."""
    told.is_interrupted(times=1)
    told.truncates(FIRST)
    clear = told.commands("clear")[0]
    late = [entry for entry in told.inputs("response.output_audio.delta") if FIRST in entry.body]
    late = [entry for entry in late if entry.seq > clear.seq]
    assert len(late) == 3
    assert {entry.seq for entry in late} & {entry.cause for entry in told.commands("media")} == set()
    assert told.turn(FIRST).generated_ms * 8 == told.truths[FIRST].generated_samples
    told.leaves(SECOND)
    told.ends("stop")


@tells(
    STORIES,
    call(
        says(0, 2_500, speed=1.5),
        cues=(Cue(0, after=place(0, 600), digit="5"), Cue(800, after=place(0, 600), hang_up=True)),
    ),
)
def a_key_interrupts_and_the_response_is_cancelled(told: Told) -> None:
    """The model does not hear keys, so the engine cancels the response, by its id."""
    told.is_interrupted(times=1)
    told.cancels("resp_0001")
    told.truncates(FIRST)
    assert told.report.interruptions[0].caller_onset_ms is None
    told.ends("stop")


@tells(
    STORIES,
    call(says(0, 2_500, speed=1.5), ANSWER, cues=(interrupts(0, 600), hangs_up(1, 500)), settings=CLIENT_CANCELS),
)
def the_model_leaves_cancelling_to_the_engine(told: Told) -> None:
    """With interrupt_response off, the response goes on until the engine cancels it, by its id."""
    told.is_interrupted(times=1)
    told.cancels("resp_0001")
    told.truncates(FIRST)
    told.leaves(SECOND)
    told.ends("stop")
