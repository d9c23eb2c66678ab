"""What had been heard after so many milliseconds, by an alignment whose times are given."""

from typing import Any

import pytest

from engine.core.heard import Alignment, Heard, Part, Partial, Word, heard

TEXT = " It is  $9.05\n€ \N{BREAD}, please. Is it?  "
PRICE = [Part("nine", 500), Part("oh", 600), Part("five", 900)]


def placed(finished: int = 8, **changes: Any) -> Alignment:
    """A pause before "please."; the sign is said in the price, the bread not at all."""
    words = [
        Word("It", 100, 200),
        Word("is", 200, 300),
        Word("$9.05", 300, 900, changes.get("parts", PRICE)),
        Word("€", 900, 900),
        Word("\N{BREAD},", 900, 900),
        Word("please.", 1200, 1500),
        Word("Is", 1500, 1600),
        Word("it?", 1600, 1700),
    ]
    return Alignment(TEXT, words, finished, 0.7, "letters")


def whole(text: str, words: int, partial: Partial | None = None) -> Heard:
    return Heard(text, words, partial, "letters", 0.7)


@pytest.mark.parametrize(
    ("at_ms", "text", "words"),
    [
        (-5, "", 0),
        (0, "", 0),
        (199.9, "", 0),
        (200, " It", 1),
        (300, " It is", 2),
        # What is not spoken by itself comes with the word before it, and its spacing is kept.
        (900, " It is  $9.05\n€ \N{BREAD},", 5),
        (1499, " It is  $9.05\n€ \N{BREAD},", 5),
        (1500, " It is  $9.05\n€ \N{BREAD}, please.", 6),
        # A word that comes twice is found where it stands.
        (1600, " It is  $9.05\n€ \N{BREAD}, please. Is", 7),
        (1700, " It is  $9.05\n€ \N{BREAD}, please. Is it?", 8),
        (1e9, " It is  $9.05\n€ \N{BREAD}, please. Is it?", 8),
    ],
)
def test_words_are_heard_when_they_have_ended(at_ms: float, text: str, words: int) -> None:
    assert heard(placed(), at_ms) == whole(text, words)


@pytest.mark.parametrize(
    ("at_ms", "partial"),
    [
        (499, None),
        (500, Partial("$9.05", "nine", 1, 3)),
        (600, Partial("$9.05", "nine oh", 2, 3)),
        (899, Partial("$9.05", "nine oh", 2, 3)),
        (900, None),
    ],
)
def test_a_token_of_several_words_is_heard_in_part(at_ms: float, partial: Partial | None) -> None:
    assert heard(placed(), at_ms).partial == partial


def test_parts_that_have_no_name_are_counted() -> None:
    """Of a number in a language that cannot be read, two words and then a third."""
    nameless = placed(parts=[Part("", 500), Part("", 600), Part("", 900)])
    assert heard(nameless, 700).partial == Partial("$9.05", "", 2, 3)


def test_parts_beyond_the_audio_are_not_heard() -> None:
    """However late one asks: the audio ends within the price."""
    cut = placed(finished=2, parts=[Part("nine", 500), Part("oh", None), Part("five", None)])
    assert heard(cut, 1e9) == whole(" It is", 2, Partial("$9.05", "nine", 1, 3))


def test_all_parts_of_a_token_may_be_heard_before_it_has_ended() -> None:
    """The letters are there, and more of the last may come."""
    cut = placed(finished=2, parts=[Part("nine", 500), Part("oh", 600), Part("five", 650)])
    assert heard(cut, 899).partial == Partial("$9.05", "nine oh five", 3, 3)


def test_no_more_words_are_heard_than_end_in_the_audio() -> None:
    assert heard(placed(finished=5), 1e9) == whole(" It is  $9.05\n€ \N{BREAD},", 5)


def test_before_any_audio_nothing_was_heard() -> None:
    """Not even what takes no time."""
    silent = Alignment("\N{BREAD} Yes", [Word("\N{BREAD}", 0, 0), Word("Yes", 0, 300)], 2, 0.5, "letters")
    assert [heard(silent, at_ms).words for at_ms in (-1, 0, 1, 300)] == [0, 0, 1, 2]


def test_an_alignment_of_nothing_is_nothing_heard() -> None:
    assert heard(Alignment("", [], 0, 0.0, "none"), 1000) == Heard("", 0, None, "none", 0.0)
