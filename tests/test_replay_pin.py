"""From a call in production to a golden log: what is left out is not missed, what is redacted is gone; it replays."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from engine.core import Entry
from engine.log.errors import LogError
from replay import cli
from replay.goldens.golden import header_of, read_golden
from replay.goldens.pin import Wish, bless, pin, prove
from replay.goldens.rerun import Step, rerun, steps_of
from replay.places import Place, parse
from replay.redacting.redactor import STARTED_AT, Redactor
from replay.rows import entry_of
from replay.runner import replay
from tests import build
from tests.away_calls import TOLD, WORD
from tests.build import CALL_SID, Harness
from tests.replay_calls import SETTINGS, bakery, log_of, write_sealed, write_story

GOLDEN = Path(__file__).resolve().parents[1] / "fixtures" / "golden"
FRAMES = GOLDEN.parent / "frames"
TWO = GOLDEN / "two_barge_ins_in_a_row.jsonl"
"""Five turns: the second and third answers are interrupted."""
BAKERY = bakery()
SPOILT = [replace(e, body=e.body.replace(":520", ":400")) if e.seq == 123 else e for e in BAKERY]
WHOLE = Wish(Place("start"), Place("end"), False, "", "", False)


def wish(begin: str = "start", end: str = "end", *, redacted: bool = False, accepts: bool = False) -> Wish:
    return Wish(parse(begin), parse(end), redacted, "", "", accepts)


def run(*args: object) -> Result:
    return CliRunner().invoke(cli.cli, ["pin", *map(str, args)])


def slow_then_mute() -> list[Entry]:
    """One answer over a line of 300 ms, which then is quick; a second one, cut by a clear that nothing answers."""
    call = Harness(delay_ms=300)
    call.seq = 1
    call.engine(build.leg_opened("caller"))
    call.caller(build.connected(), build.started())
    call.engine(build.leg_opened("model"))
    call.model(build.session_created(), build.session_updated())
    call.run(600)
    call.model(*build.reply(600), 'no JSON, but "item_1" is in it')
    call.run(2500)
    call.ear.delay = 0
    call.run(3000)
    call.model(*build.reply(3000, "item_2", "resp_2"))
    call.run(4000)
    call.model(build.speech_started(3700, "item_u2"))
    call.ear.echoes.clear()
    call.run(4999)
    call.wake()
    assert truncates(call.entries) == [1900]
    return call.entries


def strings(value: object) -> Iterator[str]:
    """Every text in a decoded body."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)


def marks(entries: Iterable[Entry], kind: str) -> list[str]:
    """The names of the marks that were placed (`command`) or came back (`input`)."""
    return [json.loads(e.body)["mark"]["name"] for e in entries if (e.type, e.kind) == ("mark", kind)]


def truncates(entries: Iterable[Entry]) -> list[int]:
    """What the model was told to keep of its items, in order."""
    return [json.loads(e.body)["audio_end_ms"] for e in entries if e.type == "conversation.item.truncate"]


class TestAPartOfACall:
    def test_the_whole_call_stays_as_it_was_recorded(self) -> None:
        log = read_golden(TWO)
        entries = [entry_of(row) for row in log.rows()]
        assert rerun(log.settings, steps_of(log)).entries == entries

    def test_turns_before_the_point_are_left_out_and_the_same_is_decided(self, tmp_path: Path) -> None:
        done = run(TWO, "--from", "turn:3", "-o", tmp_path / "a.jsonl", "--redact")
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == (
            f"{tmp_path / 'a.jsonl'}: 621 entries of 733\n"
            "  without the first 2 turns: from turn:3 on the same is decided\n"
            "  same: every command is the one that was recorded\n"
        )
        before, after = replay(read_golden(TWO)).report, replay(read_golden(tmp_path / "a.jsonl")).report
        assert [turn.item_id for turn in after.turns] == ["item_000001", "item_000003", "item_000004"]
        assert [turn.heard_ms for turn in after.turns] == [turn.heard_ms for turn in before.turns[2:]]
        assert [turn.heard_words for turn in after.turns] == [turn.heard_words for turn in before.turns[2:]]
        assert [each.at_ms for each in after.interruptions] == [before.interruptions[-1].at_ms]

    def test_names_are_counted_anew_and_echoes_follow(self, tmp_path: Path) -> None:
        """Of the marks that are left, the first has the first name, and each comes back under the name it has now."""
        run(TWO, "--from", "turn:3", "-o", tmp_path / "a.jsonl", "--redact")
        before, after = (list(map(entry_of, read_golden(path).rows())) for path in (TWO, tmp_path / "a.jsonl"))
        placed, echoed = marks(after, "command"), marks(after, "input")
        assert placed == [f"{name.split('-')[0]}-{number}" for number, name in enumerate(placed, 1)]
        assert len(placed) < len(marks(before, "command"))
        assert set(echoed) <= set(placed)
        assert truncates(after) == truncates(before)[-1:]

    def test_what_comes_after_the_point_is_left_out(self) -> None:
        made = pin(read_golden(TWO), wish(end="turn:2"))
        last = json.loads(made.golden.text.splitlines()[-1])
        assert made.entries < made.of_entries
        assert last["seq"] <= made.entries

    def test_a_turn_that_later_decisions_rest_on_is_not_left_out(self) -> None:
        """No echo follows the clear, so the longest round trip places the ear, and that was a turn before."""
        made = pin(log_of(slow_then_mute()), wish(begin="3s"))
        assert (made.left_out, made.entries) == (0, made.of_entries)

    def test_what_was_said_before_the_model_was_lost_may_be_left_out_once_it_is_back(self, tmp_path: Path) -> None:
        """The next session was told of four items. Those that were not said it is not told of, and all else is the
        same; but where the point is before, it must be told what it was told."""
        done = run(TOLD, "--from", "11.3s", "-o", tmp_path / "a.jsonl")
        assert "  without the first 4 turns: from 0:11.300 on the same is decided\n" in done.stdout
        logs = read_golden(TOLD), read_golden(tmp_path / "a.jsonl")
        assert [replay(log).report.model_away[0].restored for log in logs] == [4, 0]
        assert pin(logs[0], wish(begin="10s")).left_out == 0

    def test_the_word_that_the_caller_was_told_meanwhile_is_left_out_with_its_sound(self, tmp_path: Path) -> None:
        done = run(WORD, "--from", "6s", "-o", tmp_path / "a.jsonl")
        assert "  without the first 2 turns: from 0:06.000 on the same is decided\n" in done.stdout
        log = read_golden(tmp_path / "a.jsonl")
        assert [row[4] for row in log.rows() if row[4] in ("word.loaded", "load_word")] == ["load_word"]
        assert replay(log).report.turns == []

    def test_its_sound_is_kept_while_it_is_there(self, tmp_path: Path) -> None:
        """Its words are looked for in that, as they were."""
        done = run(WORD, "-o", tmp_path / "a.jsonl")
        assert (done.exit_code, done.stdout.splitlines()[-1]) == (
            0,
            "  same: every command is the one that was recorded",
        )
        assert replay(read_golden(tmp_path / "a.jsonl")).report.turns == replay(read_golden(WORD)).report.turns

    def test_all_of_them_are_where_the_point_is_the_end(self) -> None:
        assert pin(log_of(BAKERY), wish(begin="end")).left_out == 2

    def test_nor_is_one_that_is_not_over(self) -> None:
        assert pin(log_of(BAKERY), wish(begin="0.5s")).left_out == 0

    def test_there_must_be_something_between(self, tmp_path: Path) -> None:
        done = run(TWO, "--from", "end", "--to", "start", "-o", tmp_path / "a.jsonl")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == "replay: start is before end: there is nothing between them\n"


class TestWhatMayBePinned:
    def test_a_call_that_is_decided_otherwise_now_is_not(self) -> None:
        with pytest.raises(LogError, match=r"part at entry 123.*pin with --bless"):
            pin(log_of(SPOILT), WHOLE)

    def test_unless_that_is_accepted(self) -> None:
        made = pin(log_of(SPOILT), wish(accepts=True))
        assert made.golden == pin(log_of(BAKERY), WHOLE).golden

    def test_a_log_that_cannot_be_judged_is_not(self) -> None:
        with pytest.raises(LogError, match="entry 5 should follow"):
            pin(log_of([*BAKERY[:4], *BAKERY[5:]]), wish(accepts=True))

    def test_what_is_written_must_replay(self) -> None:
        with pytest.raises(LogError, match=r"a\.jsonl does not replay: recorded and replayed part at entry 123"):
            prove(Path("a.jsonl"), log_of(SPOILT))

    def test_redacting_must_not_change_a_decision(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It cannot, as far as we know; should it, nobody gets a golden log of another call."""
        monkeypatch.setattr(Redactor, "entry", lambda _, entry: replace(entry, audio=entry.audio and entry.audio[:80]))
        with pytest.raises(LogError, match="please report it"):
            pin(log_of(BAKERY), wish(redacted=True))


class TestTheCommand:
    def test_a_sealed_log_becomes_a_golden_one(self, tmp_path: Path) -> None:
        log = write_sealed(tmp_path, BAKERY)
        done = run(log, "-o", tmp_path / "cut.calllog.jsonl", "--title", "A price.", "--reason", "The bug of May.")
        assert done.exit_code == 0
        assert done.stderr == (
            "replay: cut.calllog.jsonl and cut.calllog.ulaw hold what was said: --redact leaves it out\n"
        )
        header = header_of(tmp_path / "cut.calllog.jsonl")
        assert (header.title, header.reason, header.head.call_sid) == ("A price.", "The bug of May.", CALL_SID)
        assert [entry_of(row) for row in read_golden(tmp_path / "cut.calllog.jsonl").rows()][-1] == BAKERY[-1]

    def test_without_words_given_the_first_line_says_where_it_comes_from(self, tmp_path: Path) -> None:
        run(write_story(tmp_path / "a.jsonl", BAKERY), "--to", "0.5s", "-o", tmp_path / "b.jsonl", "--redact")
        header = header_of(tmp_path / "b.jsonl")
        assert header.title == "Pinned from a call of 2000-01-01, start to 0:00.500."
        assert header.reason == "pinned from a call of 2000-01-01"

    def test_json(self, tmp_path: Path) -> None:
        done = run(TWO, "-o", tmp_path / "a.jsonl", "--redact", "--json")
        assert json.loads(done.stdout) == {
            "path": str(tmp_path / "a.jsonl"),
            "entries": 733,
            "of_entries": 733,
            "turns_left_out": 0,
            "redacted": True,
            "verdict": "same",
            "reason": "every command is the one that was recorded",
        }

    def test_a_name_that_is_no_golden_logs(self, tmp_path: Path) -> None:
        done = run(TWO, "-o", tmp_path / "a.db")
        assert done.exit_code == 2
        assert "the name of a golden log ends in .jsonl" in done.stderr

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        done = run(TWO, "-o", tmp_path / "none" / "a.jsonl")
        assert (done.exit_code, done.stderr) == (2, f"replay: {tmp_path}/none/a.jsonl: No such file or directory\n")


class TestRedacted:
    def test_nothing_that_was_said_is_left(self, tmp_path: Path) -> None:
        path = write_story(tmp_path / "a.jsonl", BAKERY)
        run(path, "-o", tmp_path / "b.jsonl", "--redact")
        text = (tmp_path / "b.jsonl").read_text()
        for said in ("Cash", "credit", "discount", CALL_SID, build.STREAM_SID, build.ACCOUNT_SID, "2026"):
            assert said in path.read_text()
            assert said not in text
        assert not (tmp_path / "b.ulaw").exists()
        assert header_of(tmp_path / "b.jsonl").head.started_at == STARTED_AT

    def test_its_words_are_known_by_their_times(self, tmp_path: Path) -> None:
        """There is no sound left to look in; what was found is kept."""
        run(write_story(tmp_path / "a.jsonl", BAKERY), "-o", tmp_path / "b.jsonl", "--redact")
        logs = log_of(BAKERY), read_golden(tmp_path / "b.jsonl")
        before, after = (replay(log).report.turns[0] for log in logs)
        assert [(word.start_ms, word.end_ms) for word in after.words] == [(w.start_ms, w.end_ms) for w in before.words]
        assert after.generated_text == "Xxxx xx xxxxxx? Xx xxxx x xxxxxxxx."

    def test_a_redacted_log_may_be_pinned_again(self, tmp_path: Path) -> None:
        run(TWO, "-o", tmp_path / "a.jsonl", "--redact")
        done = run(tmp_path / "a.jsonl", "--from", "turn:3", "-o", tmp_path / "b.jsonl")
        assert done.exit_code == 0
        assert "without the first 2 turns" in done.stdout
        assert not (tmp_path / "b.ulaw").exists()


class TestRerun:
    def test_an_echo_of_a_mark_that_is_not_placed_is_left_out(self) -> None:
        steps = steps_of(log_of(BAKERY))
        assert marks([step.input for step in steps], "input")
        made = rerun(SETTINGS, steps, {s.input.seq for s in steps if s.input.type == "response.output_audio.delta"})
        assert marks(made.entries, "input") == []

    def test_an_answer_that_nobody_waits_for_is_left_out(self) -> None:
        answer = Entry(3, 0, "input", "engine", "item.aligned", '{"type":"item.aligned","item_id":"item_9"}')
        assert rerun(SETTINGS, [Step(answer, [])]).entries == []

    def test_one_that_cannot_be_read_stays_as_it_is(self) -> None:
        odd = Entry(3, 0, "input", "engine", "item.aligned", "{")
        assert [entry.body for entry in rerun(SETTINGS, [Step(odd, [])]).entries] == ["{"]

    def test_a_log_that_begins_with_a_command(self) -> None:
        assert steps_of(log_of([Entry(1, 0, "command", "caller", "clear", "{}")])) == []


class TestBless:
    def test_what_is_decided_now_takes_the_place_of_what_was_recorded(self, tmp_path: Path) -> None:
        path = write_story(tmp_path / "a.jsonl", SPOILT)
        bless(path, "The ear is 120 ms further.")
        assert header_of(path).reason == "The ear is 120 ms further."
        assert replay(read_golden(path)).verdict == "same"
        assert truncates(map(entry_of, read_golden(path).rows())) == [520]

    def test_a_redacted_log_stays_without_sound(self, tmp_path: Path) -> None:
        run(write_story(tmp_path / "a.jsonl", BAKERY), "-o", tmp_path / "b.jsonl", "--redact")
        bless(tmp_path / "b.jsonl", "Again.")
        assert not (tmp_path / "b.ulaw").exists()
