"""Words found in speech: whole, while it still comes, cut in a price, with the wrong text, or with no speech at all."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from math import inf, nan
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.bench.words.corpus import Utterance, read_folder
from engine.core.heard import Alignment, Features, Partial, Word, Work, align, aligner, heard
from engine.core.heard import found as found_module
from engine.core.heard import graph as graph_module
from engine.core.heard.aligner import CONFIDENCE_MIN
from engine.core.heard.found import Found, find, words
from engine.core.heard.said import Said, said
from engine.core.heard.table import TABLE
from engine.core.heard.tokens import Token
from engine.core.heard.units import Table

ROOT = Path(__file__).parents[1]
SPEECH = ROOT / "fixtures" / "speech"
SILENCE = bytes([0xFF])
CUT = "dev_en_005_0"
"""Your total comes to $9.05. Would you like ...: "nine oh five", from 0.9 to 1.8 s."""
SPANISH = "dev_es_005_1"
"""El total es de 23,50 €. ¿Prefiere ...: the price ends at 3.0 s."""


@cache
def utterances() -> dict[str, Utterance]:
    return {each.id: each for each in read_folder(SPEECH)}


@cache
def bakery(name: str) -> tuple[bytes, str]:
    said = json.loads((SPEECH / f"{name}.json").read_text(encoding="utf-8"))
    return (SPEECH / f"{name}.ulaw").read_bytes(), said["text"]


def speech(name: str, ms: int | None = None) -> bytes:
    """All of an utterance's audio, or its first milliseconds."""
    return utterances()[name].pcmu[: None if ms is None else ms * 8]


def whole(name: str) -> Alignment:
    return align(utterances()[name].pcmu, utterances()[name].text)


def cut(name: str, ms: int, silence_ms: int = 0, text: str | None = None) -> Alignment:
    """The audio up to `ms` and then silence, with all of the text or another: more may follow."""
    audio = speech(name, ms) + SILENCE * silence_ms * 8
    return align(audio, text or utterances()[name].text, complete=False, frames_per_letter=3.5)


def ends(alignment: Alignment) -> list[int]:
    return [word.end_ms for word in alignment.words]


# The same answer, however it is asked for


def test_a_work_is_what_align_does() -> None:
    """Whatever pieces the audio arrived in, and whatever more of it was taken since."""
    audio, text = bakery("bakery_total")
    features = Features()
    for begin in range(0, len(audio), 1234):
        features.take(audio[begin : begin + 1234])
    work = Work(text, features.snapshot())
    part = Work(text, features.snapshot(100), complete=False, frames_per_letter=4.0)
    features.take(audio)
    assert work.done() == align(audio, text)
    assert part.done() == align(audio[:16_000], text, complete=False, frames_per_letter=4.0)


ASKED = ["dev_en_025_1", CUT, SPANISH, "dev_de_013_0"]
SCRIPT = """
import msgspec
from tests.test_heard_aligner import ASKED, cut, whole
print(msgspec.json.encode([[whole(name), cut(name, 1500)] for name in ASKED]).decode())
"""


def test_the_answer_is_the_same_in_every_process() -> None:
    """Strings are hashed otherwise there, so sets of them have another order."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**env, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().encode() == msgspec.json.encode([[whole(name), cut(name, 1500)] for name in ASKED])


def test_a_rate_is_for_speech_that_is_not_complete() -> None:
    audio, text = bakery("bakery_goodbye")
    assert align(audio, text, frames_per_letter=2.0) == align(audio, text)
    slow, fast = (align(audio, text, complete=False, frames_per_letter=rate) for rate in (6.0, 2.0))
    assert ends(slow) != ends(fast)
    assert slow.frames_per_letter is None
    assert 3.9 < (align(audio, text).frames_per_letter or 0) < 4.5


# Laws

PIECES = [
    speech("dev_en_041_0"),
    speech("dev_de_001_0", 900),
    SILENCE * 4000,
    bytes(range(256)) * 8,
    bytes([0x80]) * 800,
    bytes([0, 0x80]) * 400,
]
audios = st.builds(
    lambda pieces, rest: b"".join(pieces) + rest,
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=400), max_size=4),
    st.binary(max_size=170),
)
tokens = st.sampled_from(
    [
        *("Okay.", "Einen", "Augenblick,", "bitte.", "a", "the", "-", "...", "$9.05", "7:30", "555-0142", "99 €", "€"),
        *("B4X-7", "me@example.com", "**so**", "<b>", "</b>", "\N{BREAD}", "été", "漢字", "ไทย", "привет", "שלום"),
        *("\U00013000", "12 août", "\ud800", "\0", "\u200f", "supercalifragilistic" * 4),
    ]
)
texts = st.lists(tokens | st.text(st.characters(), max_size=4), max_size=8).map(" ".join) | st.text(
    st.characters(), max_size=12
)
rates = st.none() | st.sampled_from([inf, -inf, nan, 0.0, -3.0, 1e300, 5e-324, 3.6]) | st.floats(1, 8)


def check_words(alignment: Alignment, audio: bytes) -> None:
    """All words of the text, in order; their times in the audio, and never backwards."""
    at, last_ms = 0, 0
    for word in alignment.words:
        start = alignment.transcript.index(word.text, at)
        assert not alignment.transcript[at:start].strip()
        at = start + len(word.text)
        assert last_ms <= word.start_ms <= word.end_ms <= len(audio) // 160 * 20
        last_ms = word.end_ms
        part_ends = [part.end_ms for part in word.parts if part.end_ms is not None]
        assert part_ends == sorted(part_ends)
        assert all(word.start_ms <= end <= word.end_ms for end in part_ends)
        assert all(part.end_ms is None for part in word.parts[len(part_ends) :]), "none is heard after one that is not"
        assert len(word.parts) != 1
    assert not alignment.transcript[at:].strip()


def check_heard(alignment: Alignment, audio: bytes) -> None:
    """A prefix of the text that only grows, and of the next word a part."""
    before, words = "", 0
    for ms in (-20, *range(0, len(audio) // 8, 130), inf):
        made = heard(alignment, ms)
        assert alignment.transcript.startswith(made.text)
        assert made.text.startswith(before)
        assert words <= made.words <= alignment.finished <= len(alignment.words)
        assert ms > 0 or (made.words, made.text) == (0, "")
        if made.partial is not None:
            assert made.partial.token == alignment.words[made.words].text
            assert 0 < made.partial.parts <= made.partial.parts_of
        before, words = made.text, made.words
    assert words == alignment.finished, "in the end all that is finished"


@pytest.mark.parametrize("complete", [True, False])
@given(audio=audios, text=texts, rate=rates)
@example(audio=PIECES[0], text="\ud800 漢 \0", rate=nan)
@example(audio=b"", text="一", rate=None)
@settings(max_examples=150)
def test_any_audio_with_any_text_is_answered(complete: bool, audio: bytes, text: str, rate: float | None) -> None:
    made = align(audio, text, complete=complete, frames_per_letter=rate)
    assert made.transcript == text
    check_words(made, audio)
    check_heard(made, audio)
    assert made.method != "none" or made.finished == made.confidence == 0
    is_silent = all(word.start_ms == word.end_ms for word in made.words)
    assert not complete or made.finished == (0 if made.method == "none" or is_silent else len(made.words))
    assert made.frames_per_letter is None or (complete and 2 <= made.frames_per_letter <= 6)


# Whole


def test_a_long_reply_is_found_as_its_parts_are() -> None:
    """Half a minute, four replies in a row: far beyond the width of the corridor."""
    names = ["bakery_greeting", "bakery_total", "bakery_discount", "bakery_disclaimer"]
    parts = [bakery(name) for name in names]
    audio, text = b"".join(audio for audio, _ in parts), " ".join(text for _, text in parts)
    alone, begin_ms = list[int](), 0
    for each, its_text in parts:
        alone += [begin_ms + end for end in ends(align(each, its_text))]
        begin_ms += len(each) // 8
    made = align(audio, text)
    for found in (made, align(audio, text, complete=False, frames_per_letter=made.frames_per_letter)):
        assert (found.method, found.finished) == ("letters", 80)
        errors = sorted(abs(together - single) for together, single in zip(ends(found), alone, strict=True))
        assert errors[40] <= 20
        assert errors[-1] <= 300


def found_with(table: Table, text: list[Said], ms: int | None, complete: bool) -> tuple[list[Word], int]:
    features = Features()
    features.take(speech("dev_en_025_1", ms))
    found = find(text, features.vectors(), 3.0, complete, table)
    assert found is not None
    return words(found, [str(at) for at in range(len(text))], text, complete)


def readable(text: str) -> list[Said]:
    return [said(Token(word, 0, ((word,),)), "en") for word in text.split()]


def test_boundaries_are_mended_by_what_follows_them() -> None:
    """Perfect! (pause) See you then. (silence)"""

    def found(between_words_ms: int, before_silence_ms: int) -> list[int]:
        table = TABLE._replace(between_words_ms=between_words_ms, before_silence_ms=before_silence_ms)
        made, _ = found_with(table, readable("perfect see you then"), None, complete=True)
        return [ms for word in made for ms in (word.start_ms, word.end_ms)]

    plain, between, before = found(0, 0), found(10, 0), found(0, 15)
    assert [after - ms for ms, after in zip(plain, between, strict=True)] == [0, 0, 0, 10, 10, 10, 10, 0]
    assert [after - ms for ms, after in zip(plain, before, strict=True)] == [0, 15, 0, 0, 0, 0, 0, 15]


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("mend_ms", [-300, 300])
def test_mending_boundaries_never_turns_them_round(complete: bool, mend_ms: int) -> None:
    """Whatever a table says of how far they are off."""
    table = TABLE._replace(between_words_ms=mend_ms, before_silence_ms=-mend_ms)
    made, finished = found_with(table, readable("per fect see you then"), 1300, complete)
    times = [ms for word in made for ms in (word.start_ms, word.end_ms)]
    assert (len(made), times) == (5, sorted(times))
    assert 0 <= times[0] <= times[-1] <= 1300
    assert finished == (5 if complete else 3)


def test_what_is_under_way_ends_with_the_audio_and_is_not_mended() -> None:
    made, finished = found_with(
        TABLE._replace(before_silence_ms=-50), readable("perfect see you"), 1100, complete=False
    )
    assert (finished, made[1].end_ms) == (1, 1100)
    assert 950 < made[1].start_ms < 1080


def test_what_is_not_said_stands_at_the_end_of_the_word_before() -> None:
    text = utterances()[SPANISH].text.replace("€.", "€. \N{BREAD}")
    words = align(speech(SPANISH), text).words
    assert [word.text for word in words[4:7]] == ["23,50", "€.", "\N{BREAD}"]
    end_ms = words[4].end_ms
    assert words[5:7] == [Word("€.", end_ms, end_ms), Word("\N{BREAD}", end_ms, end_ms)]
    assert words[7].start_ms > end_ms


def test_a_right_text_is_surer_than_a_wrong_one() -> None:
    """Some utterances, each with the next one's text."""
    every = list(utterances().values())[::3]
    for right, wrong in zip(every, [*every[1:], every[0]], strict=True):
        assert align(right.pcmu, right.text).confidence > align(right.pcmu, wrong.text).confidence, right.id


# Partly heard


@pytest.mark.parametrize(
    ("ms", "words", "spoken"),
    [(950, 4, ""), (1250, 4, "nine"), (1450, 4, "nine oh"), (1700, 4, "nine oh"), (1900, 5, "")],
)
def test_a_price_that_is_cut_says_how_far_it_came(ms: int, words: int, spoken: str) -> None:
    """Of "nine dollars and five cents" and "nine oh five" the second was said."""
    made = cut(CUT, ms)
    assert heard(made, ms).words == made.finished == words
    found = heard(made, ms).partial
    assert (found.token if found else "$9.05.", found.spoken if found else "") == ("$9.05.", spoken)
    assert heard(made, inf).partial == found, "beyond the known audio nothing more was heard"


def test_of_a_price_that_has_not_begun_nothing_is_said() -> None:
    made = cut(CUT, 850)
    assert made.words[4].parts == []
    assert heard(made, inf).partial is None


def test_a_pause_ends_what_was_under_way_of_a_number() -> None:
    """0078-3391 ...: after the eight nobody speaks, and who knows whether they will."""
    price = "0078-3391-45."
    for silence_ms in (100, 800):
        made = cut("dev_en_040_0", 2894, silence_ms)
        assert heard(made, inf).partial == Partial(price, "zero zero seven eight", 4, 10)
        assert made.finished == 4, "the number itself is not over"


def test_a_number_is_heard_part_by_part_in_complete_speech() -> None:
    made = whole("dev_de_013_0")
    said = [heard(made, ms).partial for ms in (2800, 3200, 3500, 3700, 3900)]
    fives = [Partial("555", "fünf", 1, 3), Partial("555", "fünf fünf", 2, 3)]
    assert said == [Partial("030", "null drei", 2, 3), *fives, fives[1], None]


def test_parts_that_cannot_be_named_are_counted() -> None:
    """A number in a language whose numbers nobody here can read: four letters for each digit."""
    audio, _ = bakery("bakery_total")
    made = align(audio, "Bonjour, merci pour votre appel, ça fait 95 avec le café que vous avez pris pour elle.")
    number = made.words[7]
    assert (made.method, number.text, [part.text for part in number.parts]) == ("letters", "95", ["", ""])
    assert heard(made, number.parts[0].end_ms or 0).partial == Partial("95", "", 1, 2)


# While more may come


@pytest.mark.parametrize("ms", [700, 1000, 2300, 3000])
def test_words_beyond_the_audio_stand_at_its_end_and_are_not_finished(ms: int) -> None:
    made, true = cut(CUT, ms), whole(CUT)
    done = made.finished
    assert sum(end + 60 <= ms for end in ends(true)) <= done <= sum(end - 60 <= ms for end in ends(true))
    for found, known in zip(made.words[:done], true.words, strict=False):
        assert (found.text, abs(found.end_ms - known.end_ms) <= 100) == (known.text, True)
    assert made.words[done].end_ms == ms
    rest = utterances()[CUT].text.split()[done + 1 :]
    assert made.words[done + 1 :] == [Word(text, ms, ms) for text in rest]
    assert heard(made, inf).words == done


def test_a_word_that_is_under_way_is_never_counted() -> None:
    """Until there is silence, or the next, any word might go on."""
    for at, word in enumerate(whole(CUT).words):
        if word.end_ms - word.start_ms >= 250:
            assert cut(CUT, (word.start_ms + word.end_ms) // 2).finished <= at


def test_what_is_not_said_counts_with_the_word_before() -> None:
    text = utterances()[SPANISH].text.replace("€.", "€. \N{BREAD}")
    during, after = cut(SPANISH, 2900, text=text), cut(SPANISH, 3400, text=text)
    assert (during.finished, after.finished) == (4, 7)
    assert heard(after, inf).text == "El total es de 23,50 €. \N{BREAD}"
    assert ends(during)[4:7] == [2900] * 3
    assert len(set(ends(after)[4:7])) == 1


LAGGING = ["dev_en_019_2", "dev_en_057_1", "dev_en_062_2", "dev_de_004_0", "dev_es_020_0"]


@pytest.mark.parametrize("name", LAGGING)
def test_words_stay_where_they_are_when_the_text_is_behind(name: str) -> None:
    """Half of the text is known, and all of the audio: what is not known takes no time from what is."""
    text = utterances()[name].text.split()
    known = len(text) // 2
    rate = whole(name).frames_per_letter
    made = align(speech(name), " ".join(text[:known]), complete=False, frames_per_letter=rate)
    assert made.finished == known
    assert abs(made.words[-1].end_ms - whole(name).words[known - 1].end_ms) <= 120


def test_a_text_that_is_far_behind_is_found_where_it_was_spoken() -> None:
    """Three words are known, and there are thirteen seconds."""
    made = cut("dev_en_059_1", 13_000, text="The next train")
    assert (made.method, made.finished) == ("letters", 3)
    assert abs(ends(made)[-1] - 1020) <= 100


# What cannot be searched for


@pytest.mark.parametrize("audio", [b"", SILENCE * 159, SILENCE * 8000, bytes([0x7F]) * 8000])
@pytest.mark.parametrize("complete", [True, False])
def test_without_speech_no_word_is_anywhere(audio: bytes, complete: bool) -> None:
    """They stand at the end, and none was heard."""
    ms = len(audio) // 160 * 20
    made = align(audio, "One  two", complete=complete)
    assert made == Alignment("One  two", [Word("One", ms, ms), Word("two", ms, ms)], 0, 0.0, "none")
    assert (heard(made, inf).text, heard(made, inf).words) == ("", 0)


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_without_text_there_is_nothing_to_find(text: str) -> None:
    assert align(speech(CUT), text) == Alignment(text, [], 0, 0.0, "none")


def test_audio_that_says_something_else_is_shared_out() -> None:
    made = align(speech("dev_en_025_1"), utterances()["dev_en_031_2"].text)
    assert (made.method, made.finished, made.frames_per_letter) == ("voiced", 8, None)
    assert made.confidence < CONFIDENCE_MIN
    assert 0 < ends(made)[0] < ends(made)[-1] <= 2400


@pytest.mark.parametrize("text", ["\U00013000\U00013001 \U00013002", "vous êtes 99 89 77 66 55 44"])
@pytest.mark.parametrize("complete", [True, False])
def test_a_text_that_cannot_be_read_is_shared_out(text: str, complete: bool) -> None:
    made = align(speech(CUT), text, complete=complete)
    assert (made.method, made.confidence, [word.text for word in made.words]) == ("voiced", 0.0, text.split())


@pytest.mark.parametrize("text", ["你好,世界。", "คุณ ครับ"])
def test_scripts_without_spaces_are_counted_in_characters(text: str) -> None:
    made = align(speech(CUT), text)
    assert made.method == "characters"
    assert len(made.words) > len(text.split())
    half = heard(made, 2000)
    assert (half.method, 0 < half.words < len(made.words)) == ("characters", True)


def test_more_letters_than_audio_are_shared_out() -> None:
    """A second of audio and five of text; with an open end the text is only ahead."""
    audio, text = speech("dev_en_041_0"), utterances()["dev_en_004_2"].text
    made = align(audio, text)
    assert (made.method, made.confidence, made.finished) == ("voiced", 0.0, 16)
    assert align(audio, "Okay. " + text, complete=False).method == "letters"


def test_no_more_text_is_searched_for_than_the_audio_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty frames, a letter a frame, and the word that goes beyond: the search takes no longer for knowing more."""
    asked: list[int] = []

    def spy(text: Sequence[Said], *rest: Any) -> Found | None:
        asked.append(len(text))
        return find(text, *rest)

    monkeypatch.setattr(aligner, "find", spy)
    made = align(speech(CUT, 1000), "total " * 1000, complete=False)
    assert (asked, len(made.words)) == ([11], 1000)
    assert len(align(speech(CUT, 1000), "total " * 1000).words) == 1000
    assert asked == [11], "all of it has no room"


def test_with_an_open_end_a_text_that_is_shared_out_is_not_all_spoken() -> None:
    """At a usual rate: two seconds of voice are no half of so much text."""
    text = "你好世界" * 20
    part, full = align(speech(CUT, 2000), text, complete=False), align(speech(CUT, 2000), text)
    assert (part.method, full.method, full.finished) == ("characters", "characters", 80)
    assert 0 < part.finished < 40
    assert part.words[-1] == Word("界", ends(part)[-1], ends(part)[-1])
    slower = align(speech(CUT, 2000), text, complete=False, frames_per_letter=5.0)
    assert slower.finished < part.finished


def test_a_long_list_of_numbers_is_read_in_one_way_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """All readings of all of them would take seconds; the likeliest of each will do."""
    built: list[int] = []

    def counted(*args: Any) -> Any:
        graph = graph_module.build(*args)
        built.append(len(graph.rows))
        return graph

    monkeypatch.setattr(found_module, "build", counted)
    align(speech(LAGGING[0]), "$1,284.67 " * 3, complete=False)
    assert len(built) == 1
    monkeypatch.setattr(found_module, "ROWS_MANY", built[0] - 1)
    align(speech(LAGGING[0]), "$1,284.67 " * 3, complete=False)
    assert len(built) == 3
    assert built[2] < built[0] / 2
