"""When the words of an item are looked for, what is asked, what an answer changes, and what was heard by it.

The answers are the test's own, so that nothing here depends on how well words are found.
"""

import msgspec
import pytest

from engine.core import CallSettings, report, wire_engine
from engine.core import events as ev
from engine.core.heard import Alignment, Part, Word
from engine.core.hearing import Hearing
from engine.core.report import Turn
from engine.core.settings import Limits
from engine.core.words import CHARACTERS_MAX, Words
from tests import build
from tests.build import Harness, found, in_call, reply_begun, reply_done

TEXT = "One two three four."
UNALIGNED = '{"type":"item.unaligned","item_id":"item_1","reason":"no process"}'


def asked(harness: Harness) -> list[str]:
    """What was commanded since the last look, but for caller audio and what keeps the assistant talking."""
    return [text for text in harness.take("append") if not text.startswith(("play", "mark", "probe"))]


def spoken(ms: float, text: str = TEXT, item: str = "item_1", response: str = "resp_1") -> list[str]:
    """A reply, whole."""
    words = build.item_words(text, item, response, final=True)
    return [*reply_begun(ms, item, response), words, *reply_done(item, response)]


def talking(*frames: str, until_ms: float, **options: object) -> Harness:
    """A call in which nobody answers searches, after the model's frames and some time. What was sent is taken."""
    harness = in_call(answers=False, **options)  # type: ignore[arg-type]  # passed on as they are
    harness.model(*frames)
    harness.run(until_ms)
    return harness


def turn(harness: Harness, item: str = "item_1") -> Turn:
    return next(turn for turn in report(harness.call).turns if turn.item_id == item)


def heard(harness: Harness, item: str = "item_1") -> str:
    return harness.call.words.heard_of(harness.call.conversation.items[item]).text


# When


def test_an_item_is_searched_once_it_was_heard_to_its_end() -> None:
    harness = talking(*spoken(500), until_ms=580)
    assert asked(harness) == []
    harness.run(700)
    assert asked(harness) == [f"align item_1 500 whole: {TEXT}"]
    assert harness.entries[-1].type != "item.aligned"
    harness.tell(found(TEXT, 120, 240, 360, 480))
    harness.run(1_000)
    assert asked(harness) == [], "once"
    # What was generated and heard to its end was heard to its last word, whatever the alignment says.
    assert (heard(harness), turn(harness).method, turn(harness).confidence) == (TEXT, "letters", 0.5)


def test_an_item_that_may_still_grow_is_not_searched_though_all_of_it_was_heard() -> None:
    harness = talking(*reply_begun(500), build.item_words(TEXT, final=True), until_ms=900)
    assert asked(harness) == []
    harness.model(*reply_done())
    assert asked(harness) == [f"align item_1 500 whole: {TEXT}"]


def test_an_interrupted_item_is_searched_once_that_has_settled() -> None:
    """Audio and transcript were whole, so all of both is searched, though most was not heard."""
    harness = talking(*spoken(2_000), until_ms=600, delay_ms=50)
    harness.take()
    harness.model(build.speech_started(0))
    assert asked(harness) == build.CLEARED
    harness.run(800)
    assert asked(harness) == ["truncate item_1 500", f"align item_1 2000 whole: {TEXT}"]
    harness.tell(found(TEXT, 200, 480, 700, 2_000))
    assert heard(harness) == "One two"


def test_an_item_cut_in_the_making_is_searched_as_far_as_a_second_beyond_the_ear() -> None:
    harness = talking(*reply_begun(4_000), build.item_words("One two three"), until_ms=600)
    harness.take()
    harness.model(build.speech_started(0))
    harness.run(700)
    high = harness.call.conversation.items["item_1"].reach_samples // 8
    (search,) = asked(harness)[2:]
    assert search == f"align item_1 {high + 1_000} open: One two three"
    harness.tell(found("One two three", 200, 480, 700))
    # Words that come in dribs are waited for; then there is one more search, and none for audio that nobody needs.
    harness.model(build.item_words(" four"), build.item_words(" five."), build.item_audio(200))
    assert asked(harness) == []
    assert "One two three four five.".startswith(heard(harness)), "looked for on the spot"
    harness.model(build.item_words("One two three four five.", final=True))
    assert asked(harness) == [f"align item_1 {high + 1_000} open: One two three four five."]
    harness.tell(found("One two three four five.", 200, 480, 700, 900, 1_100))
    harness.model(*reply_done(status="cancelled"))
    assert asked(harness) == ["truncate item_1 500"]
    assert heard(harness) == "One two"


def test_there_is_one_search_of_an_item_at_a_time() -> None:
    """The text that comes while it is out is asked for with its answer."""
    harness = talking(*reply_begun(2_000), build.item_words("One two"), until_ms=600)
    harness.model(build.speech_started(0))
    harness.run(700)
    assert asked(harness)[-1].endswith("open: One two")
    harness.model(build.item_words(TEXT, final=True), *reply_done(status="cancelled"))
    assert asked(harness) == ["truncate item_1 500"]
    harness.tell(found("One two", 200, 480))
    assert [text.partition(": ")[2] for text in asked(harness)] == [TEXT]
    harness.tell(found(TEXT, 200, 450, 700, 900))
    assert (asked(harness), heard(harness)) == ([], "One two")


def test_more_audio_within_reach_of_the_ear_is_searched_when_the_item_is_done() -> None:
    harness = talking(*reply_begun(600), build.item_words(TEXT, final=True), until_ms=600)
    harness.model(build.speech_started(0))
    harness.run(700)
    assert asked(harness)[-1] == f"align item_1 600 open: {TEXT}"
    harness.tell(found(TEXT, 200, 480, 600, 600, finished=2))
    harness.model(build.item_audio(100))
    assert asked(harness) == []
    harness.model(*reply_done(status="cancelled"))
    assert asked(harness) == ["truncate item_1 500", f"align item_1 700 open: {TEXT}"]


def test_text_that_comes_after_all_was_heard_is_looked_for() -> None:
    harness = talking(*reply_begun(500), *reply_done(), until_ms=900)
    assert asked(harness) == [], "no words are known"
    assert (heard(harness), turn(harness).method) == ("", "none")
    harness.model(build.item_words("One "))
    assert asked(harness) == ["align item_1 500 open: One "]
    harness.model(build.item_words(TEXT, final=True))
    harness.tell(found("One ", 300))
    assert asked(harness) == [f"align item_1 500 whole: {TEXT}"]


def test_text_that_is_edited_is_looked_for_anew() -> None:
    harness = talking(*spoken(500), until_ms=700)
    harness.tell(found(TEXT, 120, 240, 360, 480))
    harness.take()
    harness.model(build.item_words("Two one.", final=True))
    assert asked(harness) == ["align item_1 500 whole: Two one."]
    assert heard(harness) == "Two one.", "never text that is not there any more"
    harness.tell(found("Two one.", 120, 480))
    assert [word.text for word in turn(harness).words] == ["Two", "one."]


def test_proof_that_comes_after_an_estimate_needs_no_other_search() -> None:
    """It moves the ear within what was searched, and the words with it."""
    harness = talking(*reply_begun(4_000), build.item_words(TEXT, final=True), until_ms=600)
    harness.model(build.speech_started(0), *reply_done(status="cancelled"))
    late, harness.ear.echoes = harness.ear.echoes, []
    harness.run(1_700)
    harness.wake()
    high = harness.call.conversation.items["item_1"].reach_samples // 8
    assert asked(harness)[-1] == f"align item_1 {high + 1_000} open: {TEXT}"
    harness.tell(found(TEXT, 200, 480, 580, 900))
    assert (turn(harness).heard_ms, heard(harness)) == (500, "One two")
    harness.caller(*(build.echo(name) for _, name in late))
    assert (turn(harness).heard_ms, heard(harness)) == (600, "One two three")
    assert not any(text.startswith("align") for text in asked(harness))


@pytest.mark.parametrize("status", ["completed", "incomplete"])
def test_an_item_that_was_not_generated_to_its_end_has_an_open_end(status: str) -> None:
    harness = talking(*reply_begun(500), build.item_words(TEXT, final=True), until_ms=100)
    done = msgspec.json.decode(build.item_done())
    done["item"]["status"] = status
    harness.model(msgspec.json.encode(done).decode(), build.response_done(status=status))
    harness.run(700)
    end = "whole" if status == "completed" else "open"
    assert asked(harness) == [f"align item_1 500 {end}: {TEXT}"]


# What for


def test_the_rate_of_the_voice_is_remembered_within_a_call() -> None:
    """Whole items tell it; items that were cut are searched with the median so far."""
    harness = in_call(answers=False)
    for number, rate in enumerate((4.0, None, 3.0, 3.5), 1):
        name = f"item_{number}"
        harness.model(*spoken(500, TEXT, name, f"resp_{number}"))
        harness.run(number * 1_000)
        assert asked(harness) == [f"align {name} 500 whole: {TEXT}"]
        harness.tell(found(TEXT, 120, 240, 360, 480, rate=rate), name)
    harness.model(*reply_begun(4_000, "item_5", "resp_5"), build.item_words(TEXT, "item_5", "resp_5"))
    harness.run(4_500)
    harness.model(build.speech_started(0))
    harness.run(4_600)
    assert " open at 3.5: " in asked(harness)[-1]
    # A search with an open end tells no rate.
    harness.tell(found(TEXT, 120, 240, 360, 480, rate=6.0), "item_5")
    harness.model(*spoken(500, TEXT, "item_6", "resp_6"))
    harness.run(5_500)
    harness.tell(found(TEXT, 120, 240, 360, 480, rate=3.2), "item_6")
    harness.model(*reply_begun(4_000, "item_7", "resp_7"), build.item_words(TEXT, "item_7", "resp_7"))
    harness.run(6_000)
    harness.model(build.speech_started(0))
    harness.run(6_100)
    assert " open at 3.35: " in asked(harness)[-1], "between the two in the middle"


def test_the_parts_of_an_item_are_one_text_and_one_stretch_of_audio() -> None:
    """Their words come mixed; a part's final text takes the place of what was said of it before."""
    harness = in_call(answers=False)
    harness.model(*reply_begun(300), build.item_words("One"), build.item_words("thre", content_index=2))
    harness.model(build.item_audio(300, content_index=2), build.item_words(" two", final=False))
    harness.model(build.item_words("three four.", content_index=2, final=True))
    item = harness.call.conversation.items["item_1"]
    assert (item.transcript, item.transcript_final) == ("One two three four.", False)
    harness.model(build.item_words("One two ", final=True), *reply_done())
    assert (item.transcript, item.transcript_final, item.content_index) == (TEXT, True, 0)
    harness.model(build.item_words("", content_index=1, final=True))
    assert item.transcript == TEXT, "a part without words needs no space"
    harness.run(900)
    assert asked(harness) == [f"align item_1 600 whole: {TEXT}"]


def test_a_part_that_is_not_spoken_does_not_count() -> None:
    harness = talking(*spoken(500), until_ms=100)
    written = build.frame(type="response.output_text.delta", response_id="resp_1", item_id="item_1", delta="[waves]")
    harness.model(written.replace('"delta"', '"content_index":1,"delta"'))
    harness.run(700)
    assert asked(harness) == [f"align item_1 500 whole: {TEXT}"]


@pytest.mark.parametrize("text", ["", " \n"])
def test_without_a_word_there_is_nothing_to_look_for(text: str) -> None:
    harness = talking(*spoken(500, text), until_ms=700)
    assert asked(harness) == []
    found_turn = turn(harness)
    assert (found_turn.heard_words, found_turn.words, found_turn.method) == (0, [], "none")
    assert found_turn.heard_text == text, "it was heard to its end"


def test_nor_without_audio_or_when_none_of_it_was_heard() -> None:
    harness = in_call(answers=False)
    harness.model(build.response_created(), build.item_words(TEXT, final=True), *reply_done())
    harness.model(*reply_begun(400, "item_2", "resp_2"), build.item_words(TEXT, "item_2", "resp_2", final=True))
    harness.model(build.speech_started(0), *reply_done("item_2", "resp_2", "cancelled"))
    harness.run(600)
    assert asked(harness) == [*build.CLEARED, "delete item_2"]
    assert (turn(harness).heard_text, turn(harness, "item_2").heard_text) == ("", "")
    harness.caller(build.stopped())
    assert asked(harness) == ["close model 1000", "close caller 1000 stop"]


def test_nor_in_what_is_not_speech() -> None:
    harness = in_call(answers=False)
    harness.model(build.response_created(), build.response_item_added("item_f", kind="function_call"))
    harness.model(build.item_audio(100, "item_f"), build.item_words("not said", "item_f", final=True))
    harness.model(*reply_done("item_f"))
    harness.run(500)
    assert asked(harness) == []


def test_text_without_end_is_looked_for_up_to_a_bound() -> None:
    text = "word " * CHARACTERS_MAX
    harness = talking(*spoken(500, text), until_ms=700)
    (search,) = asked(harness)
    assert search == f"align item_1 500 open: {text[:CHARACTERS_MAX]}"
    assert harness.call.words.heard_of(harness.call.conversation.items["item_1"]).text == text


# The answer


@pytest.mark.parametrize(
    "body",
    [
        wire_engine.aligned("item_2", found(TEXT, 1, 2, 3, 4)),
        wire_engine.aligned("item_1", found("Other words", 1, 2)),
        wire_engine.aligned("item_1", found(TEXT, 1, 2, 3, 4)).replace("One two", "One too", 1),
    ],
    ids=["of another item", "of another text", "of nearly the same text"],
)
def test_an_answer_that_nobody_asked_for_changes_nothing(body: str) -> None:
    harness = talking(*spoken(500), until_ms=700)
    harness.take()
    harness.engine(body)
    item = harness.call.conversation.items["item_1"]
    assert (harness.call.words.is_searching, harness.call.words.is_known(item)) == (True, False)
    harness.tell(found(TEXT, 120, 240, 360, 480))
    harness.engine(wire_engine.aligned("item_1", found(TEXT, 1, 2, 3, 4)))
    assert item.alignment == found(TEXT, 120, 240, 360, 480), "the first stands"
    assert asked(harness) == []


def test_an_alignment_comes_through_its_frame_whole() -> None:
    parts = [Part("four", 400), Part("one", 700)]
    made = Alignment("Call 41.", [Word("Call", 0, 200), Word("41.", 240, 700, parts)], 1, 0.25, "voiced", 3.125)
    body = wire_engine.aligned("item_1", made)
    assert wire_engine.decode(body) == ("item.aligned", ev.ItemAligned("item_1", made))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"text":"two"', '"text":"too"'),
        ('"text":"two"', '"text":7'),
        ('"start_ms":120', '"start_ms":119'),
        ('"end_ms":240', '"end_ms":119'),
        ('"end_ms":240', '"end_ms":240.5'),
        ('"start_ms":0', '"start_ms":-1'),
        ('"finished":4', '"finished":5'),
        ('"finished":4', '"finished":-1'),
        ('"method":"letters"', '"method":"magic"'),
        ('"item_id":"item_1",', ""),
    ],
)
def test_an_answer_that_contradicts_itself_is_malformed(old: str, new: str) -> None:
    harness = talking(*spoken(500), until_ms=700)
    body = wire_engine.aligned("item_1", found(TEXT, 120, 240, 360, 480))
    assert body.count(old) == 1
    harness.engine(body.replace(old, new))
    assert harness.call.malformed["engine"] == 1
    assert harness.call.conversation.items["item_1"].alignment is None


# The end of a call


def ended(*, until_ms: float, frames: list[str], limits: Limits | None = None) -> Harness:
    """The caller hangs up while the model's frames are being played; both sockets are gone at once."""
    harness = in_call(CallSettings(limits=limits or Limits()), answers=False)
    harness.model(*frames)
    harness.run(until_ms)
    harness.take()
    harness.caller(build.stopped())
    harness.engine(build.leg_closed("model"), build.leg_closed("caller"))
    return harness


def test_a_call_that_ends_in_an_item_waits_for_its_words() -> None:
    harness = ended(until_ms=600, frames=spoken(2_000))
    assert asked(harness) == [f"align item_1 2000 whole: {TEXT}", "close model 1000", "close caller 1000 stop"]
    assert (harness.call.ended, harness.wake_ms) == (False, 2_600)
    harness.tell(found(TEXT, 200, 450, 700, 900))
    assert asked(harness) == ["end stop: Twilio said stop"]
    assert (heard(harness), harness.wake_ms, harness.call.errors) == ("One two", None, [])


def test_it_does_not_wait_for_ever() -> None:
    harness = ended(until_ms=600, frames=spoken(2_000), limits=Limits(align_ms_max=300))
    harness.take()
    harness.wait(800)
    harness.engine(build.timer_due())
    assert asked(harness) == [], "not yet"
    harness.wake()
    assert (harness.at_ns // build.MS, asked(harness)) == (900, ["end stop: Twilio said stop"])
    assert harness.call.errors == ["align_ms_max: no words of item_1 within 300 ms"]
    # The report does what was not done. What comes now is too late.
    assert turn(harness).heard_text == heard(harness)
    harness.tell(found(TEXT, 1, 2, 3, 4))
    assert asked(harness) == []
    assert harness.call.conversation.items["item_1"].alignment is None


def test_sockets_that_are_slower_than_the_words_end_the_call() -> None:
    harness = talking(*spoken(2_000), until_ms=600)
    harness.caller(build.stopped())
    harness.tell(found(TEXT, 200, 450, 700, 900))
    harness.engine(build.leg_closed("model"))
    harness.take()
    harness.engine(build.leg_closed("caller"))
    assert asked(harness) == ["end stop: Twilio said stop"]


def test_what_is_out_when_the_call_ends_is_asked_for_again_only_if_it_has_changed() -> None:
    harness = talking(*reply_begun(2_000), build.item_words("One two"), until_ms=600)
    harness.model(build.speech_started(0))
    harness.run(700)
    harness.model(build.item_words(" three"))
    harness.take()
    harness.caller(build.stopped())
    assert asked(harness) == ["close model 1000", "close caller 1000 stop"]
    harness.tell(found("One two", 200, 480))
    assert [text.partition(": ")[2] for text in asked(harness)] == ["One two three"]
    harness.tell(found("One two three", 200, 480, 700))
    harness.engine(build.leg_closed("model"), build.leg_closed("caller"))
    assert asked(harness) == ["end stop: Twilio said stop"]


def test_a_bug_in_the_core_ends_the_call_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = talking(*spoken(500), until_ms=700)
    assert harness.call.words.is_searching

    def judge(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Hearing, "echoed", judge)
    harness.take()
    harness.caller(build.echo("mark-1"))
    harness.engine(build.leg_closed("model"), build.leg_closed("caller"))
    assert asked(harness)[-1] == "end fault: a bug in the core"


def test_a_bug_that_the_last_words_bring_out_does_not_keep_the_call_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def answered(*_: object) -> None:
        raise ZeroDivisionError("oh")

    harness = ended(until_ms=600, frames=spoken(2_000))
    harness.take()
    monkeypatch.setattr(Words, "answered", answered)
    harness.tell(found(TEXT, 200, 450, 700, 900))
    assert asked(harness) == ["fault ZeroDivisionError: oh", "end stop: Twilio said stop"]


def test_a_search_that_could_not_be_done_is_tried_again_at_the_end_and_keeps_no_call_up() -> None:
    harness = talking(*spoken(500), until_ms=700)
    assert asked(harness) == [f"align item_1 500 whole: {TEXT}"]
    harness.engine(UNALIGNED)
    harness.run(800)
    assert asked(harness) == [], "there is no news of the item"
    harness.caller(build.stopped())
    assert f"align item_1 500 whole: {TEXT}" in asked(harness)
    harness.engine(build.leg_closed("model"), build.leg_closed("caller"))
    assert asked(harness) == []
    harness.engine(UNALIGNED)
    assert asked(harness) == ["end stop: Twilio said stop"]
    assert report(harness.call).errors == 2 * ["no words of item_1: no process"]
    harness.engine(UNALIGNED)
    assert len(report(harness.call).errors) == 2


def test_who_may_not_search_is_told_of_no_words_but_of_all_that_is_known() -> None:
    harness = talking(*spoken(2_000), until_ms=600)
    harness.model(build.speech_started(0))
    harness.run(800)
    told = report(harness.call, search_now=False).turns[0]
    assert (told.method, told.heard_text, told.heard_ms) == ("none", "", 500)
    assert report(harness.call).turns[0].method != "none"
    harness.tell(found(TEXT, 200, 480, 700, 2_000))
    assert report(harness.call, search_now=False).turns[0].heard_text == "One two"
