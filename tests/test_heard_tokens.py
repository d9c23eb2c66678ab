"""A transcript taken apart: what its units are, what is said of them, and what they end."""

# ruff: noqa: RUF001 - look-alikes are the point here

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.core.heard.phrases import READINGS_MAX
from engine.core.heard.tokens import LETTERS_MAX, Tokens, tokens


def said(transcript: str) -> list[str]:
    """The first reading of each token; "" where nothing is said."""
    return [" ".join(token.readings[0]) if token.readings else "" for token in tokens(transcript).tokens]


def units(transcript: str) -> list[str]:
    return [token.text for token in tokens(transcript).tokens]


def readings(transcript: str, at: int) -> list[str]:
    return [" ".join(reading) for reading in tokens(transcript).tokens[at].readings]


# Joined again

fragments = st.sampled_from(
    [
        *"0123456789$€£%°.,:;-/@#&+='\"()[]<>*_ \n\t",
        *(
            "a.m.",
            "pm",
            "St.",
            "No.",
            "Uhr",
            "USD",
            "million",
            "the",
            "März",
            "AB",
            "x",
            "<b",
            "](",
            "http://",
            "x@y.com",
        ),
        *("é", "ñ", "漢", "か", "ส", "ั", "क", "्", "ש", "٣", "½", "²", "👍🏽"),
        *("\u0301", "\u00a0", "\u200d", "\u200f", "\ud800", "\0"),
    ]
)
anything = st.lists(fragments, max_size=14).map("".join) | st.text(max_size=30)


def check(transcript: str, made: Tokens) -> None:
    at = 0
    for token in made.tokens:
        start = transcript.index(token.text, at)
        assert not transcript[at:start].strip()
        at = start + len(token.text)
        assert len(token.readings) <= READINGS_MAX
        for reading in token.readings:
            assert 0 < len("".join(reading)) <= LETTERS_MAX
            assert not any(letter.isspace() or letter.isdigit() for word in reading for letter in word)
            assert all(reading)
    assert not transcript[at:].strip()


@settings(max_examples=400)
@given(anything)
@example("¼")
@example(".[](")
@example("\ud800")
@example("\u0c78")
def test_the_tokens_are_the_transcript_and_nothing_raises(transcript: str) -> None:
    made = tokens(transcript)
    check(transcript, made)
    if made.unit == "word":
        assert [token.text for token in made.tokens] == transcript.split()


@pytest.mark.parametrize("piece", ["1", "a", "漢", "1a", "@.", "-", "(", "<a", "[", "1,", "\u0301", "A1-", "$9.05-"])
def test_a_token_without_end_is_read_a_little_way(piece: str) -> None:
    transcript = piece * (10_000 // len(piece))
    check(transcript, tokens(transcript))


# Units


@pytest.mark.parametrize(
    ("transcript", "unit", "texts"),
    [
        ("Hello there.", "word", ["Hello", "there."]),
        ("", "word", []),
        (" \n ", "word", []),
        ("你好，世界。", "character", ["你", "好，", "世", "界。"]),
        ("「你好」", "character", ["「你", "好」"]),
        ("订单GPT-4共25.50元", "character", ["订", "单", "GPT-4", "共", "25.50", "元"]),
        ("สวัสดี ครับ", "character", ["ส", "วั", "ส", "ดี", "ค", "รั", "บ"]),
        ("안녕하세요 고객님", "word", ["안녕하세요", "고객님"]),
        ("مرحبا بك", "word", ["مرحبا", "بك"]),
        ("We say 你好 for hello.", "word", ["We", "say", "你好", "for", "hello."]),
    ],
)
def test_the_unit_is_the_word_where_words_are_spaced(transcript: str, unit: str, texts: list[str]) -> None:
    assert (tokens(transcript).unit, units(transcript)) == (unit, texts)


# Language


@pytest.mark.parametrize(
    ("transcript", "language"),
    [
        ("Sure, I can help with that.", "en"),
        ("Perfect!", "en"),
        ("555-0142", "en"),
        ("One café latte.", "en"),
        ("Un momento, por favor.", "es"),
        ("¿Desea alguna otra cosa?", "es"),
        ("Einen Augenblick, bitte.", "de"),
        ("Merci pour votre appel, nous arrivons.", "other"),
        ("Grazie per la chiamata.", "other"),
        ("Ваш заказ готов.", "other"),
        ("the " * 500 + "el " * 900, "en"),
    ],
)
def test_the_language_is_guessed(transcript: str, language: str) -> None:
    assert tokens(transcript).language == language


def test_numbers_without_any_evidence_are_said_in_three_languages() -> None:
    assert {"twenty five", "veinticinco", "fünfundzwanzig"} <= set(readings("25.", 0))


def test_an_accent_alone_adds_a_language() -> None:
    assert {"twenty five", "veinticinco", "fünfundzwanzig"} & set(readings("Olé 25", 1)) == {
        "twenty five",
        "veinticinco",
    }


def test_a_sentence_in_another_language_has_its_own_numbers() -> None:
    transcript = "Press 1 for English, please, and we will be with you. Para español, oprima el 2."
    assert readings(transcript, 1)[0] == "one"
    assert readings(transcript, 15)[0] == "dos"


def test_a_stray_foreign_word_does_not_take_the_numbers_away() -> None:
    assert readings("We will call you, and it is the best. At 3 PM EST.", 10)[0] == "three"


def test_other_languages_have_wildcards_for_digits() -> None:
    assert said("Votre commande de 25 € arrive avec vous.")[3:5] == ["**** **** *****", ""]


# What is not said


@pytest.mark.parametrize(
    ("transcript", "first"),
    [
        ("**Bold** _and_ `code`", ["bold", "and", "code"]),
        ("# Heading\n- one\n* two\n# Next", ["", "heading", "", "one", "", "two", "", "next"]),
        ("Press # or * now", ["press", "pound", "or", "star", "now"]),
        ("see [our site](https://x.com/y) now", ["see", "our", "site", "now"]),
        ('wait <break time="1s"/> here', ["wait", "", "", "here"]),
        ("one<br/>two 5<br/>! .[](x)", ["one two", "five", ""]),
        ("[laughs] that [clears throat] is", ["", "that", "", "", "is"]),
        ("yes 👍🏽 👨‍👩‍👧 — no …", ["yes", "", "", "", "no", ""]),
        ("\u200fyes\u200d", ["yes"]),
        ("\0 \ud800", ["", ""]),
        ("“Quoted.” (Paren)", ["quoted", "paren"]),
        ("it’s a—b", ["its", "a b"]),
    ],
)
def test_markup_and_emoji_are_not_said(transcript: str, first: list[str]) -> None:
    assert said(transcript) == first


@pytest.mark.parametrize(
    ("transcript", "first"),
    [
        ("that is 20 USD now", ["that", "is", "twenty dollars", "", "now"]),
        ("for $ 5 or € 30, please", ["for", "", "five dollars", "or", "", "thirty euros", "please"]),
        ("USD", ["u s d"]),
        ("son 23,50 €, con el 3 %.", ["son", "veintitrés euros con cincuenta", "", "con", "el", "tres", "por ciento"]),
        ("für 5 €, 3 sind gut", ["für", "fünf euro", "", "drei", "sind", "gut"]),
        ("das ist um 10:30 Uhr", ["das", "ist", "um", "zehn uhr dreißig", ""]),
        ("das ist um 10 Uhr", ["das", "ist", "um", "zehn", "uhr"]),
        ("Uhr", ["uhr"]),
        ("the $20 million deal", ["the", "twenty", "million dollars", "deal"]),
        ("you have 2½ or ½ and ２５", ["you", "have", "two and one half", "or", "one half", "and", "twenty five"]),
        (
            "it is -5 or .5 or *67 or @me",
            ["it", "is", "minus five", "or", "five", "or", "star sixty seven", "or", "at me"],
        ),
        ("the ***-6789 is -$5", ["the", "sixty seven eighty nine", "is", "minus five dollars"]),
    ],
)
def test_a_number_says_the_sign_beside_it(transcript: str, first: list[str]) -> None:
    assert said(transcript) == first


# Punctuation


@pytest.mark.parametrize(
    ("transcript", "classes"),
    [
        ("Yes, it is. No! Why? Wait…", [1, 0, 2, 2, 2, 2]),
        ("one; two: three - four — five", [1, 1, 0, 1, 0, 1, 0]),
        ('He said "yes." (No.) *Now.* Then', [0, 0, 2, 2, 2, 0]),
        ("Mr. Smith and Dr. Lee vs. St. Paul.", [0, 0, 0, 0, 0, 0, 0, 2]),
        ("from 9 a.m. to 5 p.m. Please call at 6 p.m.", [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2]),
        ("J. Smith, Apt. 4 on Maple Ave. The end.", [0, 1, 0, 0, 0, 0, 1, 0, 2]),
        ("I said no. then", [0, 0, 0, 0]),
        ("so... yes (", [2, 0, 0]),
        ("am 14. März um 10. bitte, im 3. Stock ist es.", [0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2]),
        ("c++ 你好吗？好。", [0, 0, 0, 2, 2]),
    ],
)
def test_where_a_pause_is_likely(transcript: str, classes: list[int]) -> None:
    assert [token.punctuation for token in tokens(transcript).tokens][: len(classes)] == classes
