"""Stories of words: what was generated is speech here, so that it can be said which of it was heard."""

import msgspec

from engine.sim.caller import Cue
from engine.sim.reply import Reply
from engine.sim.scenario import Injection
from engine.sim.scenarios import speech
from engine.sim.speech import load
from tests.stories_told import FIRST, SECOND, Stories, Told, call, says, tells

STORIES: Stories = {}

GREETING, PRICE = load("bakery_greeting"), load("bakery_total")
SPOKEN = Reply(items=(GREETING.item,), latency_ms=250)
PRICED = Reply(items=(PRICE.item,), latency_ms=250, speed=1.6)


def words(text: str, content_index: int, at_ms: int) -> Injection:
    """All words of one part of the first item."""
    frame = {
        "type": "response.output_audio_transcript.done",
        "response_id": "resp_0001",
        "item_id": FIRST,
        "content_index": content_index,
        "transcript": text,
    }
    return Injection("model", at_ms, msgspec.json.encode(frame).decode())


@tells(
    STORIES,
    call(
        SPOKEN,
        PRICED,
        cues=(
            Cue(5_500, audio=speech(300)),
            Cue(0, after=PRICE.until(2_900), audio=speech(240)),
            Cue(1_500, after=PRICE.until(2_900), hang_up=True),
        ),
    ),
)
def words_of_an_item_cut_in_the_making_are_found_by_the_rate_of_the_one_before(told: Told) -> None:
    """The greeting was heard to its end, and its words told how fast the voice speaks; of the price, audio and words
    are searched a second beyond the ear."""
    told.is_interrupted(times=1)
    told.leaves(FIRST)
    told.truncates(SECOND)
    told.is_heard_in_words(SECOND, PRICE)
    assert told.searches(FIRST) == [(GREETING.text, True)]
    assert not any(complete for _, complete in told.searches(SECOND))
    most_ms = told.turn(SECOND).heard_max_ms + 200 + 1_020
    (first, *_, last) = (msgspec.json.decode(entry.body) for entry in told.commands("align_item"))
    assert (first["frames_per_letter"], last["audio_ms"] <= most_ms) == (None, True)
    told.ends("stop")


@tells(STORIES, call(SPOKEN, cues=(Cue(0, after=GREETING.until(1_500), hang_up=True),)))
def caller_hangs_up_in_mid_sentence(told: Told) -> None:
    """What was heard last is put into words before the log ends."""
    told.is_heard_in_words(FIRST, GREETING)
    assert told.searches(FIRST) == [(GREETING.text, True)]
    closed = [entry.seq for entry in told.inputs("leg.closed")]
    (answer,) = told.inputs("item.aligned")
    (end,) = told.commands("end_call")
    assert told.commands("align_item")[0].seq < answer.seq < end.seq
    assert max(closed) < end.seq
    told.ends("stop")


@tells(
    STORIES,
    call(
        SPOKEN,
        cues=(Cue(0, after=GREETING.until(1_500), audio=speech(240)), Cue(6_000, hang_up=True)),
        injections=(words(GREETING.text.replace("bakery", "baker's"), 0, 5_000),),
    ),
)
def words_that_are_edited_later_are_looked_for_again(told: Told) -> None:
    """The transcript of an item that was cut is another one two seconds later."""
    told.truncates(FIRST)
    edited = GREETING.text.replace("bakery", "baker's")
    assert told.searches(FIRST) == [(GREETING.text, True), (edited, True)]
    assert edited.startswith(told.turn(FIRST).heard_text)
    told.ends("stop")


@tells(
    STORIES,
    call(
        says(0, 2_000, text="One two three."),
        cues=(Cue(5_000, hang_up=True),),
        injections=(words("Four five.", 1, 1_200),),
    ),
)
def the_parts_of_an_item_are_one_text(told: Told) -> None:
    """The words of a second part stand behind those of the first, whatever comes when."""
    told.leaves(FIRST)
    assert told.turn(FIRST).generated_text == "One two three. Four five."
    assert told.searches(FIRST) == [("One two three. Four five.", True)]
    told.ends("stop")
