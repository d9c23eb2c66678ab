"""What people are told of an item's words: which, when, and how sure. The answers to searches are the test's own."""

from engine.core.heard import Alignment, Part, Partial, Word
from engine.core.report import SpokenWord
from tests import build
from tests.build import found, in_call, reply_begun, reply_done
from tests.test_core_words import TEXT, asked, spoken, talking, turn


def test_a_turn_tells_its_words_and_when_they_were_heard() -> None:
    """The item begins at 100. At 600 the caller speaks; the ear may have come a little less far, or farther."""
    harness = talking(*reply_begun(4_000), build.item_words("Call 41 5, now."), until_ms=600)
    harness.model(build.speech_started(0))
    harness.run(700)
    number = Word("41", 220, 700, [Part("four", 440), Part("one", 700)])
    words = [Word("Call", 0, 200), number, Word("5,", 700, 900), Word("now.", 1_700, 1_700)]
    harness.tell(Alignment("Call 41 5, now.", words, 3, 0.4, "letters"))
    told = turn(harness)
    assert (told.heard_text, told.heard_words, told.partial) == ("Call", 1, Partial("41", "four", 1, 2))
    assert (told.method, told.confidence) == ("letters", 0.4)
    assert told.heard_words_min <= 1 <= told.heard_words_max
    assert told.words == [
        SpokenWord("Call", 0, 200, 100, 300),
        SpokenWord("41", 220, 700, 320, None, number.parts),
        SpokenWord("5,", 700, 900, None, None),
        SpokenWord("now.", 1_700, 1_700, None, None),
    ]


def test_bounds_in_words_are_those_of_the_bounds_in_time() -> None:
    """The least that was heard ends with the last mark that was played, the most with the first that was not."""
    harness = talking(*reply_begun(4_000), build.item_words(TEXT), until_ms=1_130)
    harness.model(build.speech_started(0))
    harness.run(1_300)
    item = harness.call.conversation.items["item_1"]
    least, most = item.heard_samples_min // 8, item.heard_samples_max // 8
    assert least < item.heard_ms() < most
    harness.tell(found(TEXT, least, item.heard_ms() + 1, most, most + 1))
    told = turn(harness)
    assert (told.heard_words_min, told.heard_words, told.heard_words_max) == (1, 1, 3)


def test_words_before_and_after_a_gap_in_the_playout_have_the_times_of_the_ear() -> None:
    """The model stalls: 400 ms are heard, then nothing for a second, then the rest."""
    harness = in_call(answers=False)
    harness.model(*reply_begun(400), build.item_words("One two three four."))
    harness.run(1_500)
    harness.model(build.item_audio(400), build.item_words("One two three four.", final=True), *reply_done())
    harness.run(2_500)
    harness.tell(found("One two three four.", 200, 400, 600, 800))
    times = [(word.from_ms, word.to_ms) for word in turn(harness).words]
    assert times == [(100, 300), (300, 500), (1_500, 1_700), (1_700, 1_900)]
    assert len(harness.call.conversation.items["item_1"].anchors) <= harness.call.barge_in._names.marks


def test_a_word_that_takes_no_time_begins_where_it_ends() -> None:
    harness = talking(*spoken(500, "One (sic) two"), until_ms=700)
    words = [Word("One", 0, 200), Word("(sic)", 200, 200), Word("two", 240, 500)]
    harness.tell(Alignment("One (sic) two", words, 3, 0.5, "letters"))
    assert [(word.from_ms, word.to_ms) for word in turn(harness).words] == [(100, 300), (300, 300), (340, 600)]


def test_while_an_item_is_played_its_words_are_looked_for_on_the_spot() -> None:
    harness = talking(*spoken(2_000), until_ms=1_100)
    item = harness.call.conversation.items["item_1"]
    words = harness.call.words
    assert not words.is_known(item)
    assert TEXT.startswith(words.heard_of(item).text)
    assert words.heard_of(item).text == turn(harness).heard_text
    assert asked(harness) == []
