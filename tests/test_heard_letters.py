"""Spellings and what they come to: a unit for about every sound. And tokens: their readings, in units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.heard.letters import UNITS, WILDCARD, letters
from engine.core.heard.said import Said, length, said
from engine.core.heard.table import TABLE
from engine.core.heard.tokens import Token

ENGLISH = {
    "ship": "$ip",
    "school": "$ool",
    "watch": "waC",
    "church": "CurC",
    "nation": "na$@n",
    "tension": "ten$@n",
    "think": "0ink",
    "phone": "fon",
    "back": "bak",
    "quick": "kwik",
    "night": "niht",
    "when": "wen",
    "sing": "siN",
    "cent": "sent",
    "city": "sity",
    "cycle": "sykl",
    "cat": "kat",
    "box": "boks",
    "iraq": "irak",
    "letter": "leter",
    "moon": "moon",
    # A last e is mute behind a consonant, in a word of more than three letters.
    "like": "lik",
    "table": "tabl",
    "be": "be",
    "the": "0e",
    "see": "see",
    "one": "one",
    "ape": "ape",
    # Marks, apostrophes and digits are no sounds.
    "naïve": "naiv",
    "don't": "dont",
    "x2": "eks",
}
NAMES = {"a": "a", "b": "bee", "c": "see", "h": "ayC", "i": "ai", "q": "kyu", "w": "dublyu", "x": "eks", "z": "zee"}
SPANISH = {
    "calle": "kaye",
    "llamar": "yamar",
    "señor": "senor",
    "queso": "kweso",
    "noche": "noCe",
    "cita": "sita",
    "perro": "pero",
    "y": "y",
}
GERMAN = {
    "zehn": "tsehn",
    "wasser": "vaser",
    "jahr": "yahr",
    "straße": "strase",
    "katze": "katse",
    "schön": "$on",
    "nacht": "naCt",
    "größe": "grose",
    "b": "b",
}
OTHER = {
    "привет": "privit",
    "щека": "$Cika",
    "объект": "obikt",
    "ёлка": "ilka",
    "ψυχή": "psuCe",
    "θέλω": "0elo",
    "φως": "fos",
    "שלום": "$lvm",
    "مرحبا": "mrhba",
    "안녕하세요": "anyeonhaseyo",
    "한국": "haNug",
    "नमस्ते": "namaste",
    "हिन्दी": "hindii",
    "カメラ": "kamera",
    "வணக்கம்": "vanakam",
    "ሰላም": "salaame",
    "բարև": "bary",
    # An ideograph may be anything, and is about three letters long; so is a letter with a number for a name.
    "漢字": 6 * WILDCARD,
    "𓀀": WILDCARD,
    "**": 2 * WILDCARD,
    # A mute e is English alone, and so are the names of letters.
    "table": "table",
    "b": "b",
}
NOTHING = ["", "-", "123", "€", "🙂", "٣", "\u0301", "\ud800", "ь"]


@pytest.mark.parametrize(
    ("language", "word", "units"),
    [
        (language, word, units)
        for language, table in (("en", ENGLISH), ("en", NAMES), ("es", SPANISH), ("de", GERMAN), ("other", OTHER))
        for word, units in table.items()
    ],
)
def test_a_spelling_comes_to_units(language: str, word: str, units: str) -> None:
    assert letters(word, language) == units


@pytest.mark.parametrize("word", NOTHING, ids=ascii)
@pytest.mark.parametrize("language", ["en", "es", "de", "other"])
def test_what_has_no_letters_comes_to_nothing(word: str, language: str) -> None:
    assert letters(word, language) == ""


words = st.text(max_size=12) | st.text("abcdehghinopqstuwxyzßéñщ漢कि한", max_size=12)


@given(word=words.map(str.lower), language=st.sampled_from(["en", "es", "de", "other"]))
def test_there_are_no_other_units(word: str, language: str) -> None:
    assert set(letters(word, language)) <= {*UNITS, WILDCARD}


def test_the_table_knows_every_unit() -> None:
    assert [*TABLE.units] == ["_", *UNITS]


# Tokens


def token(*readings: str, punctuation: int = 0) -> Token:
    return Token("?", punctuation, tuple(tuple(reading.split()) for reading in readings))


def test_readings_in_units_without_what_comes_to_nothing() -> None:
    assert said(token("five - thirty", "half past five", punctuation=1), "en") == Said(
        1, [["five", "thirty"], ["half", "past", "five"]], [["fiv", "0irty"], ["half", "past", "fiv"]]
    )


def test_readings_that_sound_alike_are_one() -> None:
    assert said(token("back up", "bak up", "- back up"), "en") == Said(0, [["back", "up"]], [["bak", "up"]])


@pytest.mark.parametrize("silent", [token(), token("-"), token("- 4", "")])
def test_a_token_of_which_nothing_is_left_is_not_said(silent: Token) -> None:
    found = said(silent, "en")
    assert found == Said(0, [], [])
    assert (found.length, found.unknown, found.weight) == (0, 0, 0)


def test_a_token_is_as_long_as_its_readings_on_average() -> None:
    short, long = said(token("go"), "en"), said(token("go", "go on"), "en")
    assert (short.length, long.length, length([short, long])) == (2, 3, 5)


def test_a_token_before_punctuation_takes_a_third_longer() -> None:
    assert [said(token("go", punctuation=mark), "en").weight for mark in (0, 1, 2)] == [200, 266, 266]


def test_letters_that_are_not_known_are_counted_in_the_likeliest_reading() -> None:
    assert said(token("**** euro", "x"), "other").unknown == 4
    assert said(token("x", "**** euro"), "other").unknown == 0
