"""Which words were heard: a prefix of the transcript, by the loudness of what was played of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.conversation import Item
from engine.core.heard import Heard, heard_text
from tests import build

TEXT = "One two three four."
LOUD, QUIET = 200, 0


def envelope(*parts: tuple[int, int]) -> bytes:
    """Loudness over time, from (ms, level)."""
    return b"".join(bytes([level]) * (ms // 20) for ms, level in parts)


def heard(shape: bytes, heard_ms: float, text: str = TEXT, complete: bool = True) -> str:
    return heard_text(shape, text, round(heard_ms * 8), len(shape) * 160, complete).text


def test_nothing_heard_is_no_text() -> None:
    assert heard_text(envelope((1000, LOUD)), TEXT, 0, 8000, True) == Heard("", "none")


def test_no_transcript_is_no_text() -> None:
    assert heard_text(envelope((1000, LOUD)), "", 8000, 8000, True) == Heard("", "none")


def test_an_item_heard_to_its_end_keeps_its_text_unchanged() -> None:
    text = "  Spaces \n and  all. "
    assert heard_text(envelope((1000, LOUD)), text, 8000, 8000, True) == Heard(text, "whole")


def test_words_are_spread_over_the_voiced_time() -> None:
    shape = envelope((1000, LOUD))
    # "One" and its gap take 4 of 20 shares of a second, "two" ends at 8, "three" at 14.
    assert [heard(shape, ms) for ms in (100, 200, 360, 400, 660, 700, 960)] == [
        "",
        "One",
        "One",
        "One two",
        "One two",
        "One two three",
        "One two three",
    ]


def test_silence_holds_no_words() -> None:
    """Half a second of silence before, a pause in the middle, three seconds of it at the end."""
    shape = envelope((500, QUIET), (400, LOUD), (1000, QUIET), (600, LOUD), (3000, QUIET))
    assert heard(shape, 500) == ""
    assert [heard(shape, ms) for ms in (900, 1400, 1900)] == ["One two"] * 3
    assert heard(shape, 2500) == TEXT, "the words are over before the item is"


def test_noise_is_not_voice() -> None:
    shape = envelope((1000, LOUD // 10), (1000, LOUD))
    assert (heard(shape, 1000), heard(shape, 1700)) == ("", "One two three")


def test_audio_without_any_voice_is_shared_out_evenly() -> None:
    shape = envelope((1000, QUIET))
    assert (heard(shape, 370), heard(shape, 400)) == ("One", "One two")


def test_a_text_ahead_of_its_audio_is_taken_at_a_usual_rate() -> None:
    """A second of audio has come, and words for two."""
    text = "One two three four five six seven."
    made = heard_text(envelope((1000, LOUD)), text, 8000, 8000, False)
    assert made == Heard("One two three", "rate")


def test_audio_slower_than_the_usual_rate_is_believed() -> None:
    made = heard_text(envelope((4000, LOUD)), TEXT, 4 * 8000 * 7 // 10, 4 * 8000, False)
    assert made == Heard("One two three", "rate")


def test_a_word_that_comes_twice_is_found_where_it_stands() -> None:
    assert heard(envelope((1000, LOUD)), 600, "a a a a a") == "a a a"


def test_loudness_does_not_depend_on_how_the_audio_came() -> None:
    """A delta is seldom a whole number of 20 ms."""
    whole, parts = Item("whole"), Item("parts")
    speech = b"".join(build.audio(7, code) for code in (0x80, 0xFF, 0x90, 0xA0, 0xF0, 0xFF)) * 10
    whole.grow(speech)
    for begin in range(0, len(speech), 52):
        parts.grow(speech[begin : begin + 52])
    assert (len(whole.envelope), whole.envelope) == (21, parts.envelope)
    assert whole.generated_samples == parts.generated_samples == 420 * 8


texts = st.lists(st.sampled_from(["a", "to", "word,", "naïve", "4.50", "\n"]), max_size=12).map(" ".join)
shapes = st.lists(st.sampled_from([QUIET, 3, 20, LOUD]), max_size=40).map(bytes)


@given(shape=shapes, text=texts | st.text(max_size=20), lengths=st.lists(st.integers(-5, 8000), max_size=8))
@pytest.mark.parametrize("complete", [True, False])
def test_heard_text_is_a_prefix_that_only_grows(shape: bytes, text: str, lengths: list[int], complete: bool) -> None:
    last = ""
    for samples in sorted(lengths):
        made = heard_text(shape, text, samples, len(shape) * 160, complete)
        assert text.startswith(made.text)
        assert made.text.startswith(last)
        assert (made.text == "") or samples > 0
        last = made.text
