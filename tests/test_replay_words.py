"""`replay words`: every word with its times, what was heard of it, and the same as data or as subtitles."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from engine.core.heard import Part, Partial
from engine.core.report import Turn
from engine.log.errors import LogError
from replay import cli
from replay.commands import words as words_command
from replay.cues import cues
from replay.data import turn_data
from replay.paint import plain
from replay.runner import Result as Replayed
from replay.runner import replay
from replay.spoken import first_words
from replay.subtitles import srt, vtt
from replay.words import turns_of, words_lines
from tests.build import CALL_SID
from tests.replay_calls import bakery, bakery_json, log_of, write_sealed, write_story
from tests.replay_turns import assistant, caller

BAKERY = bakery()
SPOILT = [replace(e, body=e.body.replace(":520", ":400")) if e.seq == 123 else e for e in BAKERY]
CALL_415 = replace(
    assistant("Call 415-555-0142. Thanks.", heard=1, each_ms=1_000),
    partial=Partial("415-555-0142.", "four one five", 3, 10),
    heard_words_max=2,
)
DIGITS = [Part("four", 1_100), Part("one", 1_200), Part("five", 1_300), Part("", 1_900), Part("two", None)]
IN_PARTS = replace(CALL_415, words=[replace(word, parts=DIGITS) for word in CALL_415.words])


def lines(*turns: Turn) -> str:
    return plain(words_lines(turns))


def of_turns(*turns: Turn) -> Replayed:
    """A replay of which this is the report."""
    result = replay(log_of([]))
    return replace(result, report=replace(result.report, turns=list(turns)))


class TestForEyes:
    def test_a_number_that_was_cut_is_shown_in_its_parts(self) -> None:
        """And no other: they are in the data. One has no name, one lies beyond the audio."""
        assert lines(IN_PARTS).splitlines()[6:] == [
            "    0:01.000    0:02.000    0:02.000  partly   415-555-0142.",
            "                0:01.100              heard      four",
            "                0:01.200              heard      one",
            "                0:01.300              heard      five",
            "                0:01.900              unheard    […]",
            "                                      unheard    [two]",
            "    0:02.000    0:03.000              unheard  [Thanks.]",
        ]
        assert "unheard    [four]" in lines(replace(IN_PARTS, partial=None)), "its beginning alone"

    def test_a_call(self) -> None:
        """The one that was cut in the middle of a telephone number, and the caller who cut it."""
        assert lines(CALL_415, caller("Wait.", 2_300, 2_900)) == (
            "Words   from and to in the item's audio; heard at in stream time\n"
            "\n"
            "item_1  assistant, heard 1500 of 3000 ms (1480 to 1520), 1 of 3 words (1 to 2), interrupted; letters, "
            "confidence 0.70\n"
            '  415-555-0142: heard "four one five" (3 of 10)\n'
            "        from          to    heard at\n"
            "    0:00.000    0:01.000    0:01.000  heard    Call\n"
            "    0:01.000    0:02.000    0:02.000  partly   415-555-0142.\n"
            "    0:02.000    0:03.000              unheard  [Thanks.]\n"
            "\n"
            "item_u1  caller, 0:02.300 to 0:02.900\n"
            "  Wait.\n"
            "  a transcript only: nothing tells when the caller said which word\n"
        )

    def test_the_times_of_the_ear_are_not_those_of_the_item_moved_along(self) -> None:
        """The caller waited before the second word, of which more had to come first."""
        turn = assistant("One two.")
        late = replace(turn.words[1], from_ms=4_000, to_ms=4_200)
        told = lines(replace(turn, words=[turn.words[0], late]))
        assert "    0:00.200    0:00.400    0:04.000  heard    two.\n" in told

    def test_a_word_that_was_cut_was_partly_heard_and_the_next_one_was_not(self) -> None:
        told = lines(assistant("Cash or credit?", heard=1)).splitlines()
        assert [line.split()[-2:] for line in told[4:]] == [
            ["heard", "Cash"],
            ["partly", "or"],
            ["unheard", "[credit?]"],
        ]

    def test_a_word_that_had_not_begun_was_not_heard_at_all(self) -> None:
        """The ear was in the silence before it. And only the first that was not heard can have begun."""
        turn = assistant("Cash or credit?", heard=1)
        one_of_many = [replace(word, from_ms=1_300) for word in turn.words]
        assert [word["heard"] for word in turn_data(replace(turn, words=one_of_many))["words"]] == [
            "heard",
            "partly",
            "unheard",
        ]
        told = lines(replace(turn, words=[turn.words[0], *(replace(word, from_ms=None) for word in turn.words[1:])]))
        assert [line.split()[-2:] for line in told.splitlines()[5:]] == [["unheard", "[or]"], ["unheard", "[credit?]"]]

    def test_an_estimate_says_that_it_is_one(self) -> None:
        told = lines(assistant("我想要", heard=1, method="characters"))
        assert "1 of 3 characters, interrupted; characters, confidence 0.00\n" in told
        assert "  times are an estimate: the text was spread over the voiced audio\n" in told

    def test_turns_without_words(self) -> None:
        assert lines() == "nobody spoke\n"
        silent = replace(assistant("Hello there.", heard=0), words=[], method="none", heard_ms=0, heard_min_ms=0)
        assert lines(silent).split("\n\n")[1] == (
            "item_1  assistant, heard 0 of 400 ms (0 to 120), interrupted\n"
            "  which words is not known: they were not looked for in the audio\n"
            "  Hello there.\n"
        )
        placed_nowhere = replace(assistant("Hello."), method="none")
        assert "  which words is not known: they were not looked for in the audio\n" in lines(placed_nowhere)
        wordless = lines(replace(silent, generated_text=""), caller("", 100, None))
        assert wordless.splitlines()[3:7] == [
            "  (no transcript)",
            "",
            "item_u1  caller, 0:00.100 to unknown",
            "  (no transcript)",
        ]


class TestAsData:
    def test_the_words_at_the_bounds_and_each_with_how_it_was_heard(self) -> None:
        made = turn_data(CALL_415)
        assert (made["heard_text_min"], made["heard_text_max"]) == ("Call", "Call 415-555-0142.")
        assert made["partial"] == {"token": "415-555-0142.", "spoken": "four one five", "parts": 3, "parts_of": 10}
        assert made["words"] == [
            {
                "text": "Call",
                "start_ms": 0,
                "end_ms": 1000,
                "from_ms": 1000,
                "to_ms": 2000,
                "parts": [],
                "heard": "heard",
            },
            {
                "text": "415-555-0142.",
                "start_ms": 1000,
                "end_ms": 2000,
                "from_ms": 2000,
                "to_ms": None,
                "parts": [],
                "heard": "partly",
            },
            {
                "text": "Thanks.",
                "start_ms": 2000,
                "end_ms": 3000,
                "from_ms": None,
                "to_ms": None,
                "parts": [],
                "heard": "unheard",
            },
        ]

    def test_spacing_is_kept(self) -> None:
        turn = replace(assistant("Call  415-555-0142.\nThanks.", heard=2))
        assert [first_words(turn, count) for count in range(4)] == [
            "",
            "Call",
            "Call  415-555-0142.",
            "Call  415-555-0142.\nThanks.",
        ]

    def test_words_that_are_not_in_the_text_any_more_take_no_room(self) -> None:
        turn = replace(assistant("One two three."), generated_text="One three.")
        assert [first_words(turn, count) for count in range(4)] == ["", "One", "One", "One three."]


class TestItems:
    TURNS = of_turns(*(assistant("Yes.", item_id=f"item_{number:02}") for number in range(12)))

    def test_all_or_one(self) -> None:
        assert len(turns_of(self.TURNS, None)) == 12
        assert [turn.item_id for turn in turns_of(self.TURNS, "item_03")] == ["item_03"]

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ("itme_11", "there is item_11, item_01, "),
            ("item_1", "there is item_01, item_10, item_11, "),
        ],
    )
    def test_one_that_is_not_there_names_those_that_are_the_nearest_first(self, asked: str, said: str) -> None:
        with pytest.raises(LogError) as caught:
            turns_of(self.TURNS, asked)
        assert str(caught.value).startswith(f"no item '{asked}' in this call: {said}")
        assert str(caught.value).endswith(" and 4 more")

    def test_in_a_call_without_a_word(self) -> None:
        with pytest.raises(LogError, match="no item 'item_1' in this call: nobody spoke"):
            turns_of(of_turns(), "item_1")


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder of one sealed call."""
    write_sealed(tmp_path / "calls", BAKERY)
    return tmp_path / "calls"


def run(*args: object, calls_dir: Path | None = None) -> Result:
    env = {"CALLS_DIR": str(calls_dir)} if calls_dir else {}
    return CliRunner().invoke(cli.cli, ["words", *map(str, args)], env=env)


class TestTheCommand:
    TURNS = replay(log_of(BAKERY)).report.turns

    def test_the_words_of_a_call(self, calls: Path) -> None:
        done = run("last", calls_dir=calls)
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == lines(*self.TURNS)
        assert done.stdout.splitlines()[2].startswith("item_1  assistant, heard 520 of 1000 ms (400 to 540), ")

    def test_of_one_item(self, calls: Path) -> None:
        done = run(CALL_SID[:6], "--item", "item_u1", calls_dir=calls)
        assert (done.exit_code, done.stdout) == (0, lines(self.TURNS[1]))

    def test_as_data_they_are_those_of_the_call(self, calls: Path) -> None:
        made = json.loads(run("last", "--json", calls_dir=calls).stdout)
        whole = bakery_json()
        assert made == {name: whole[name] for name in ("call_sid", "verdict", "reason", "turns")}

    @pytest.mark.parametrize(("option", "write"), [("--srt", srt), ("--vtt", vtt)])
    def test_subtitles(self, option: str, write: object, calls: Path, tmp_path: Path) -> None:
        """To stdout, or to a file, where what is said goes nowhere else."""
        expected = srt(cues(self.TURNS)) if write is srt else vtt(cues(self.TURNS))
        done = run("last", option, calls_dir=calls)
        assert (done.exit_code, done.stdout, done.stderr) == (0, expected, "")
        assert "Cash" in expected
        done = run("last", option, "-o", tmp_path / "call.sub", calls_dir=calls)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        assert (tmp_path / "call.sub").read_text() == expected

    def test_subtitles_that_are_an_estimate_say_so_to_whoever_makes_them(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words_command._subtitles("vtt", [assistant("Cash or card?", method="voiced"), assistant("Thanks.")])
        told = "replay: item_1: words are an estimate: the text was spread over the voiced audio\n"
        assert capsys.readouterr().err == told

    def test_one_form_at_a_time(self, calls: Path) -> None:
        done = run("last", "--srt", "--json", calls_dir=calls)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "--json, --srt and --vtt: one of them at a time." in done.stderr

    def test_a_call_in_which_nobody_spoke(self, tmp_path: Path) -> None:
        story = write_story(tmp_path / "silent.jsonl", BAKERY[:12])
        assert run(story).stdout == "nobody spoke\n"
        assert (run(story, "--srt").stdout, run(story, "--vtt").stdout) == ("", "WEBVTT\n")

    def test_words_that_have_no_place_are_named(self, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The model transcribed what nobody was seen to say."""
        result = of_turns(caller("Hello?", None, None))
        monkeypatch.setattr("replay.runner.replay", lambda log: result)
        done = run("last", "--vtt", calls_dir=calls)
        assert done.stdout == "WEBVTT\n"
        assert done.stderr.startswith("replay: item_u1 is left out: nothing tells when it was said\n")

    def test_a_file_that_cannot_be_written(self, calls: Path, tmp_path: Path) -> None:
        path = tmp_path / "none" / "call.vtt"
        done = run("last", "--vtt", "-o", path, calls_dir=calls)
        assert (done.exit_code, done.stderr) == (2, f"replay: {path}: No such file or directory\n")

    def test_the_words_of_a_call_that_diverges_are_told_with_a_warning(self, tmp_path: Path) -> None:
        done = run(write_sealed(tmp_path, SPOILT))
        assert done.exit_code == 1
        assert done.stdout == lines(*self.TURNS)
        assert done.stderr == "replay: recorded and replayed part at entry 123\n"

    def test_no_such_item(self, calls: Path) -> None:
        done = run("last", "--item", "item_2", calls_dir=calls)
        said = "no item 'item_2' in this call: there is item_1, item_u1"
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"replay: {said}\n")
        done = run("last", "--item", "item_2", "--json", calls_dir=calls)
        assert json.loads(done.stdout) == {"call_sid": None, "verdict": "unknown", "reason": said, "turns": []}

    def test_no_such_call(self, tmp_path: Path) -> None:
        done = run("CA99", calls_dir=tmp_path)
        assert (done.exit_code, done.stdout) == (2, "")

    def test_help_says_what_the_subtitles_fit(self) -> None:
        told = " ".join(run("--help").stdout.split())
        assert "They fit a recording that starts with the stream." in told
