"""Subtitles: what was heard, when it was heard, in pieces that can be read; and two formats that players accept."""

# ruff: noqa: RUF001  # letters of other scripts are what some of these tests are about

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from engine.core.heard import Partial
from engine.core.report import Turn
from replay.breaks import CUE_MS_MAX, CUE_MS_MIN, LINE_MAX, Token, lines_of, pieces
from replay.cues import Cue, cues, has_no_place
from replay.subtitles import srt, vtt
from tests.replay_turns import assistant, caller

OFFER = assistant("That will be $9.05. Cash or credit? We also have a store discount you can apply now.", heard=12)
WAIT = caller("Wait, what discount?", 3_300, 4_800)


def shown(*turns: Turn) -> list[tuple[int, int, list[str]]]:
    return [(cue.start_ms, cue.end_ms, cue.lines) for cue in cues(turns)]


class TestCues:
    def test_a_call_as_it_was_heard(self) -> None:
        """The caller breaks in during "discount": what was not heard is not there, and a dash says that it is not."""
        assert cues([OFFER, WAIT]) == [
            Cue("assistant", True, 1_000, 3_400, ["That will be $9.05.", "Cash or credit? We also have a store —"]),
            Cue("caller", True, 3_300, 4_800, ["Wait, what discount?"]),
        ]

    def test_what_was_heard_to_its_end_has_no_dash(self) -> None:
        assert shown(assistant("Good morning.")) == [(1_000, 1_800, ["Good morning."])]

    def test_a_call_that_ended_in_mid_sentence_broke_off_too(self) -> None:
        """Although nobody interrupted."""
        ended = replace(assistant("Good morning.", heard=1), interrupted=False)
        assert shown(ended) == [(1_000, 1_800, ["Good —"])]

    def test_of_what_was_not_heard_there_is_nothing(self) -> None:
        silent = replace(assistant("Good morning.", heard=0), start_ms=None, end_ms=None)
        assert shown(silent, assistant("Good morning.", heard=0), caller("", 0, 900)) == []
        assert not has_no_place(silent)

    def test_a_turn_that_nothing_dates_has_no_place(self) -> None:
        undated = caller("Hello?", None, 900)
        assert shown(undated) == []
        assert has_no_place(undated)

    def test_a_number_that_was_cut_is_shown_as_far_as_it_was_spoken(self) -> None:
        """The caller began in the middle of it, so its time ends where the hearing ended."""
        partial = Partial("415-555-0142.", "four one five", 3, 10)
        turn = assistant("Call 415-555-0142. Thanks.", heard=1, each_ms=1_000, partial=partial)
        assert shown(turn) == [(1_000, 2_500, ["Call four one five —"])]
        alone = assistant("415-555-0142.", heard=0, each_ms=4_000, partial=partial)
        assert shown(alone) == [(1_000, 3_000, ["four one five —"])]

    def test_words_without_a_date_follow_the_one_before(self) -> None:
        """A dash, say, that is not spoken, at the very end of the audio."""
        turn = assistant("Well – yes")
        words = [turn.words[0], *(replace(word, from_ms=None, to_ms=None) for word in turn.words[1:])]
        assert shown(replace(turn, words=words)) == [(1_000, 1_800, ["Well – yes"])]
        assert shown(replace(turn, words=words, end_ms=None)) == [(1_000, 1_800, ["Well – yes"])]

    def test_a_turn_whose_words_were_never_looked_for_is_spread_over_its_time(self) -> None:
        turn = replace(assistant("Good morning, sir. " * 8), words=[], heard_words=0)
        first, *_, last = shown(turn)
        assert (first[0], last[1]) == (turn.start_ms, turn.end_ms)
        assert " ".join(line for _, _, lines in shown(turn) for line in lines) == turn.heard_text

    def test_the_words_of_a_caller_are_spread_by_their_length(self) -> None:
        first = "Croissants, sandwiches and baguettes are what I should like to have."
        second = "And do you happen to have a bit of jam to go with it?"
        made = shown(caller(f"{first} {second}", 500, 6_500))
        border = 500 + 6_000 * (len(first) + 1) // (len(first) + 1 + len(second) + 1)
        assert [(start, end) for start, end, _ in made] == [(500, border), (border, 6_500)]

    def test_a_caller_whose_end_was_not_noticed_spoke_at_a_usual_rate(self) -> None:
        assert shown(caller("Two croissants and a baguette.", 500, None)) == [
            (500, 500 + 30 * 65, ["Two croissants and a baguette."])
        ]

    def test_an_end_before_the_start_is_none(self) -> None:
        assert shown(caller("Yes.", 500, 400)) == [(500, 500 + CUE_MS_MIN, ["Yes."])]

    def test_after_a_long_pause_a_new_cue_begins(self) -> None:
        turn = assistant("One moment please. Here it is.", pauses={3: 1_000})
        assert shown(turn) == [(1_000, 1_800, ["One moment please."]), (2_600, 3_400, ["Here it is."])]

    def test_one_speaker_waits_until_his_last_words_could_be_read(self) -> None:
        """Although the second turn began before; and the order of the list is not that of time."""
        turns = [caller("No!", 1_300, 1_400, "item_u2"), caller("Stop!", 1_000, 1_200)]
        assert shown(*turns) == [(1_000, 1_800, ["Stop!"]), (1_800, 2_600, ["No!"])]

    def test_a_word_that_takes_long_does_not_stay_for_ever(self) -> None:
        assert shown(caller("Hm.", 0, 30_000)) == [(0, CUE_MS_MAX, ["Hm."])]


def words(*texts: str, gap: bool = True) -> list[Token]:
    return [Token(text, gap, 100 * number, 100 * number + 100) for number, text in enumerate(texts)]


class TestBreaks:
    def test_a_line_may_be_full(self) -> None:
        full = "b" * LINE_MAX
        assert lines_of(words("a", full), 0) == ["a", full]
        assert lines_of(words("a", full + "b"), 0) == []

    def test_a_mark_stays_with_what_it_closes(self) -> None:
        """A quotation is over when its last mark is there."""
        assert lines_of(words(*"字" * 15, "」", *"字" * 15, gap=False), 0) == ["字" * 15 + "」", "字" * 15]
        text = "He said “no.” And then he went on to the rest of it all"
        assert lines_of(words(*text.split()), 0) == ["He said “no.”", "And then he went on to the rest of it all"]

    def test_a_word_without_end_is_better_not_broken_and_else_in_its_middle(self) -> None:
        """A point within it ends no sentence."""
        assert lines_of([*words("a" * 10), Token("b", True, 0, 0), *words(*"b" * 39, gap=False)], 0) == [
            "a" * 10,
            "b" * 40,
        ]
        assert lines_of(words(*"a" * 24, ".", *"a" * 35, gap=False), 0) == ["a" * 24 + "." + "a" * 5, "a" * 30]

    def test_room_for_a_name_is_left_in_the_first_piece_alone(self) -> None:
        """Three, of two full lines each, a second apart."""
        tokens = [
            Token("nineteens", True, at, at + 100)
            for begin in (0, 3_000, 6_000)
            for at in range(begin, begin + 800, 100)
        ]
        assert [len(piece) for piece in pieces(tokens, 0)] == [8, 8, 8]
        assert [len(piece) for piece in pieces(tokens, 11)] == [4, 4, 8, 8]

    @pytest.mark.parametrize(
        ("text", "first"),
        [
            ("This is the first. And this, dear caller, is the second.", "This is the first."),
            ("There is a comma, and it goes on for long after the comma", "There is a comma,"),
            ("He said “this is the first.” And then he went on to the rest", "He said “this is the first.”"),
            ("Nothing in here tells where it would be good to break", "Nothing in here tells"),
        ],
    )
    def test_lines_end_where_a_reader_would_breathe(self, text: str, first: str) -> None:
        """Else in the middle; a name stands before the first one."""
        (cue,) = cues([assistant(text, each_ms=100)])
        assert cue.lines == [first, text.removeprefix(f"{first} ")]

    def test_sentences_before_commas_before_words(self) -> None:
        turn = assistant(
            "We open at six in the morning, and we close at eight in the evening. On Sundays, and on holidays, we are "
            "closed, but you can always leave us a message that we shall answer on the next day"
        )
        assert [" ".join(lines) for _, _, lines in shown(turn)] == [
            "We open at six in the morning, and we close at eight in the evening.",
            "On Sundays, and on holidays, we are closed,",
            "but you can always leave us a message that we shall answer on the next day",
        ]

    def test_no_cue_is_over_before_it_can_be_read_if_there_is_another_way(self) -> None:
        """After "No." would be the end of a sentence, of 200 ms."""
        first, *_ = shown(assistant("No. The bread that you bought here was baked on the same day, as it is every day"))
        assert first[2][0].startswith("No. The bread")

    def test_scripts_without_spaces_are_broken_between_characters(self) -> None:
        """Not before a full stop, and after one if there is one."""
        text = "我想要两个羊角面包和一个法棍面包谢谢你。" * 3
        for turn in (caller(text, 0, 12_000), assistant(text, method="characters")):
            made = [line for _, _, lines in shown(turn) for line in lines]
            assert "".join(made) == text
            assert not any(line.startswith("。") for line in made)
            assert all(cell_len(line) <= LINE_MAX for line in made)
        assert [lines[-1][-1] for _, _, lines in shown(caller(text, 0, 12_000))] == ["。"] * 3

    def test_an_endless_word_is_broken_and_none_of_it_lost(self) -> None:
        """A point within it ends no sentence."""
        word = "https://bakery.example/" + "a.b/" * 30
        made = shown(caller(f"See {word} please", 0, 9_000))
        assert "".join(line for _, _, lines in made for line in lines).replace(" ", "") == f"See{word}please"

    def test_a_character_is_never_broken(self) -> None:
        family = "👨\u200d👩\u200d👧"
        lines = [line for _, _, lines in shown(caller(family * 40, 0, 9_000)) for line in lines]
        assert len(lines) > 2
        assert all(line == family * (len(line) // len(family)) for line in lines)

    def test_what_a_player_could_trip_over_is_left_out(self) -> None:
        assert shown(caller("a\x1b[31m\u202eb \u202e می\u200cخواهم", 0, 900)) == [(0, 900, ["a[31mb می\u200cخواهم"])]


class TestWebVTT:
    def test_a_call(self) -> None:
        assert vtt(cues([OFFER, WAIT])) == (
            "WEBVTT\n\n"
            "00:00:01.000 --> 00:00:03.400\n"
            "<v Assistant>That will be $9.05.\nCash or credit? We also have a store —\n\n"
            "00:00:03.300 --> 00:00:04.800\n<v Caller>Wait, what discount?\n"
        )

    def test_a_call_without_a_word(self) -> None:
        assert vtt([]) == "WEBVTT\n"

    def test_signs_that_mean_something_are_escaped(self) -> None:
        text = vtt(cues([caller("<b> & --> </v> &lt;", 3_600_000, 3_605_001)]))
        assert text.endswith("01:00:00.000 --> 01:00:05.001\n<v Caller>&lt;b&gt; &amp; --&gt; &lt;/v&gt; &amp;lt;\n")


class TestSRT:
    def test_a_call(self) -> None:
        """Both at once are in one cue: two may not overlap."""
        assert srt(cues([OFFER, WAIT])) == (
            "1\n00:00:01,000 --> 00:00:03,300\n"
            "Assistant: That will be $9.05.\nCash or credit? We also have a store —\n\n"
            "2\n00:00:03,300 --> 00:00:03,400\n"
            "Assistant: That will be $9.05.\nCash or credit? We also have a store —\nCaller: Wait, what discount?\n\n"
            "3\n00:00:03,400 --> 00:00:04,800\n"
            "Caller: Wait, what discount?\n"
        )

    def test_a_call_without_a_word(self) -> None:
        assert srt([]) == ""

    def test_signs_that_players_take_for_markup_look_the_same_and_are_none(self) -> None:
        text = srt(cues([caller(r"<i> {\an8} -->", 0, 900)]))
        assert text == "1\n00:00:00,000 --> 00:00:00,900\nCaller: ‹i› (\\an8) --›\n"

    def test_a_name_stands_where_a_turn_begins_and_where_two_speak(self) -> None:
        turn = assistant("One moment please. Here it is.", pauses={3: 1_000})
        assert srt(cues([turn, caller("No!", 3_000, 3_800)])).split("\n\n") == [
            "1\n00:00:01,000 --> 00:00:01,800\nAssistant: One moment please.",
            "2\n00:00:02,600 --> 00:00:03,000\nHere it is.",
            "3\n00:00:03,000 --> 00:00:03,400\nAssistant: Here it is.\nCaller: No!",
            "4\n00:00:03,400 --> 00:00:03,800\nCaller: No!\n",
        ]

    @pytest.mark.parametrize("text", ["שלום, איך אפשר", "مرحبا كيف حالك"])
    def test_a_name_before_what_runs_from_right_to_left_does_not_turn_it_round(self, text: str) -> None:
        first, second, _ = text.split()
        assert srt(cues([assistant(text, heard=2)])).endswith(f"\nAssistant: \u2068{first} {second} —\u2069\n")


TEXTS = st.text(st.sampled_from("ab .,?!&<>{}-\n\r\x00\u2028我。é́ש👨\u200d👩🇩🇪1"), max_size=200)
TIMES = st.none() | st.integers(0, 20_000)


@st.composite
def turns(draw: st.DrawFn) -> list[Turn]:
    """Any turns, also such as no call would have."""
    made = []
    for number in range(draw(st.integers(0, 4))):
        text = draw(TEXTS)
        if draw(st.booleans()):
            made.append(caller(text, draw(TIMES), draw(TIMES), f"item_{number}"))
            continue
        count = len(text.split())
        heard, pauses = draw(st.integers(0, count)), {draw(st.integers(0, 9)): draw(st.integers(0, 3_000))}
        made.append(assistant(text, heard, start_ms=draw(st.integers(0, 9_000)), pauses=pauses))
    return made


def read_vtt(text: str) -> list[tuple[int, int, str, str]]:
    """Start, end, voice and text of every cue of a WebVTT file; fails for what the specification does not allow."""
    header, *blocks = text.removesuffix("\n").split("\n\n")
    assert header == "WEBVTT"
    read = []
    for block in blocks:
        times, _, payload = block.partition("\n")
        found = re.fullmatch(r"(\d\d):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d\d):([0-5]\d):([0-5]\d)\.(\d{3})", times)
        assert found, times
        hours, minutes, seconds, ms, *end = map(int, found.groups())
        start_ms = ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
        end_ms = ((end[0] * 60 + end[1]) * 60 + end[2]) * 1000 + end[3]
        assert "-->" not in payload
        said = re.fullmatch(r"<v (Caller|Assistant)>((?:[^&<\r\0]|&(?:amp|lt|gt);)+)", payload)
        assert said, payload
        plain = said[2].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        read.append((start_ms, end_ms, said[1], plain))
    return read


def read_srt(text: str) -> list[tuple[str, str, list[str]]]:
    """Times and lines of every cue of an SRT file; fails where the numbers or the blank lines are wrong."""
    read = []
    for number, block in enumerate(text.removesuffix("\n").split("\n\n") if text else [], 1):
        count, times, *lines = block.split("\n")
        assert count == str(number)
        start, arrow, end = times.split(" ")
        assert arrow == "-->"
        assert all(re.fullmatch(r"\d\d:[0-5]\d:[0-5]\d,\d{3}", clock) for clock in (start, end))
        assert lines
        assert all(line and not re.search(r"[<>{}]", line) for line in lines)
        read.append((start, end, lines))
    return read


@given(turns())
def test_any_call_makes_files_that_can_be_read_back(made: list[Turn]) -> None:
    """WebVTT cues stand in order and say what was said; those of SRT do not overlap; none is too short."""
    cut = cues(made)
    read = read_vtt(vtt(cut))
    assert [(start, end, text) for start, end, _, text in read] == [
        (cue.start_ms, cue.end_ms, "\n".join(cue.lines)) for cue in cut
    ]
    assert all(one[0] <= other[0] for one, other in pairwise(read))
    assert all(CUE_MS_MIN <= cue.end_ms - cue.start_ms <= CUE_MS_MAX for cue in cut)
    assert all(1 <= len(cue.lines) <= 2 and all(cell_len(line) <= LINE_MAX for line in cue.lines) for cue in cut)
    for speaker in ("caller", "assistant"):
        own = [cue for cue in cut if cue.speaker == speaker]
        assert all(one.end_ms <= other.start_ms for one, other in pairwise(own))
    one_by_one = read_srt(srt(cut))
    assert all(start < end for start, end, _ in one_by_one)
    assert all(one[1] <= other[0] for one, other in pairwise(one_by_one))


@given(TEXTS)
def test_no_word_is_lost_in_the_cutting(text: str) -> None:
    """But for characters that are nothing to see."""
    said = "".join(line for _, _, lines in shown(caller(text, 0, 9_000)) for line in lines)
    assert said.replace(" ", "") == "".join(char for char in text if char.isprintable() or char == "\u200d").replace(
        " ", ""
    )
