"""What is to be seen of a model that was lost and came back: in the ladder, the entries, the numbers, as sound."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.core import CallSettings, Entry
from engine.core.audio import SILENCE
from engine.core.settings import Away, Limits
from replay import cli
from replay.flow.gist import gist, gist_of_run
from replay.flow.ladder import Rung, rungs
from replay.flow.runs import CREATED_SHOWN_MAX, Run, fold
from replay.flow.seen import Look
from replay.goldens.golden import read_golden
from replay.metrics.measures import measure
from replay.metrics.problems import problems
from replay.sound.ear import Stretch, hear
from tests import build
from tests.away_calls import ALL, DROPS, EXPIRES, TOLD, WORD, answered_late, away, has, load, many_items
from tests.build import VOICE, Harness, in_call
from tests.comeback_calls import assistant_says, come_back, lose
from tests.replay_calls import log_of, renumbered, write_story


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def run(*args: object) -> str:
    done = CliRunner().invoke(cli.cli, [*map(str, args)])
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def ladder(path: Path, begin: str, end: str) -> list[str]:
    return run("ladder", path, "--from", begin, "--to", end).splitlines()[1:]


class TestTheLadder:
    def test_a_loss_breaks_the_lane_of_the_model_until_there_is_a_socket(self) -> None:
        assert ladder(TOLD, "seq:1369", "seq:1396") == [
            "   1369   0:10.860          │       [ leg.closed model, no code, the connection broke off ]        ╎",
            "   1370   0:10.860          │                   [ dial_model gpt-realtime-2.1 ]                    ╎",
            "   1371   0:10.860          │═ media x 8 ═════════════════════▶│ 0.16 s, not passed on             ╎",
            "   1373   0:10.890  +0.030  │═ mark x 3 ══════════════════════▶│ mark-49 to mark-51: played        ╎",
            "   1382   0:11.010  +0.120  │                        [ leg.opened model ]                          │",
            "   1383   0:11.010          │═ mark ══════════════════════════▶│ mark-52: played                   │",
            "   1384   0:11.020  +0.010  │═ media x 4 ═════════════════════▶│ 0.08 s, not passed on             │",
            "   1385   0:11.035  +0.015  │                                  │◀─ session.created ────────────────│",
            '   1386   0:11.035          │ {"type":"session.update","event_…│─ session.update ─────────────────▶│',
            "   1388   0:11.050  +0.015  │═ mark ══════════════════════════▶│ mark-53: played                   │",
            "   1391   0:11.085  +0.035  │ audio/pcmu in, audio/pcmu out, i…│◀─ session.updated ────────────────│",
            '   1392   0:11.085          │ "Two croissants and a baguette, …│─ item.create ────────────────────▶│',
            '   1393   0:11.085          │ "That will be $9.05. Cash or cre…│─ item.create ────────────────────▶│',
            '   1394   0:11.085          │ "We also have a store", item_rep…│─ item.create ────────────────────▶│',
            '   1395   0:11.085          │ "Wait, what discount?", item_cal…│─ item.create ────────────────────▶│',
            "   1396   0:11.085          │ 0.54 s, 0.54 s of it had waited  │═ append x 27 ════════════════════▶│",
        ]

    def test_an_item_that_is_restored_later_stands_where_it_is(self) -> None:
        """It was still playing when the session was ready."""
        (restored,) = [rung for rung in rungs(read_golden(DROPS)) if rung.label == "item.create"]
        (ready,) = [rung.stream_ms for rung in rungs(read_golden(DROPS)) if rung.label == "session.updated"][1:]
        assert (ready < restored.stream_ms, restored.stream_ms) == (True, 2_605)
        assert [rung.seq for rung in rungs(read_golden(DROPS))] == sorted(
            rung.seq for rung in rungs(read_golden(DROPS))
        )

    def test_many_restored_items_are_one_bar_and_so_is_the_models_word_that_it_has_them(self) -> None:
        made = [rung for rung in rungs(log_of(many_items().entries)) if rung.kind == "restored"]
        assert [(rung.source, rung.label, rung.detail, rung.count) for rung in made] == [
            ("bridge", "item.create x 12", "item_1 to item_12", 12),
            ("model", "item.added x 12", "item_1 to item_12", 12),
        ]

    def test_a_few_are_told_one_by_one(self) -> None:
        made = list(Look(log_of(many_items().entries)))
        few = [seen for seen in made if seen.entry.type == "conversation.item.create"][:CREATED_SHOWN_MAX]
        assert list(fold(few)) == few
        assert [type(part) for part in fold([*few, few[0]])] == [type(few[0])] * 9, "one of them twice"
        alone = [seen for seen in made if seen.entry.type == "conversation.item.added"][-1:]
        assert list(fold(alone)) == alone

    def test_what_the_caller_is_told_meanwhile_is_an_item_of_its_own(self) -> None:
        assert ladder(WORD, "seq:410", "seq:434") == [
            "    410   0:03.460          │                            [ timer.due ]                             ╎",
            "    411   0:03.460          │                            [ load_word ]                             ╎",
            "    412   0:03.460          │═ media ═════════════════════════▶│ 0.02 s, not passed on             ╎",
            "    413   0:03.460          │                [ word.loaded 0 to 400 ms of word-1 ]                 ╎",
            "    414   0:03.460          │◀═ media x 10 ════════════════════│ 0 to 400 ms of word-1, 11 marks p…╎",
        ]

    def test_one_that_came_too_late_was_not_played(self) -> None:
        call = in_call()
        away(call, 1_200)
        load(call)
        (rung,) = [rung for rung in rungs(log_of(call.entries)) if rung.label == "word.loaded"]
        assert rung.detail == "400 ms, never played"


class TestEntries:
    def test_items_that_somebody_else_makes_are_entries_like_any_other(self) -> None:
        """What another bridge makes, and what the model tells of what it made."""
        call = in_call()
        call.model(build.item_added("item_7"), build.item_added("item_8"), has("item_8"))
        call.put("model", '{"type":"conversation.item.done","item":7}')
        seen = [each for each in Look(log_of(call.entries)) if each.entry.type.startswith("conversation.item.")]
        assert [each.item_id for each in seen] == [""] * 4
        assert [part for part in fold(seen) if isinstance(part, Run)] == []

    def test_what_is_made_of_nothing_is_shown_as_it_is(self) -> None:
        """We never sent such a frame; a log may hold anything."""
        odd = Entry(30, 0, "command", "model", "conversation.item.create", '{"item":7}')
        (seen,) = list(Look(log_of([*in_call().entries[:2], odd])))[2:]
        assert (seen.item_id, gist(seen)) == ("", '{"item":7}')

    def test_a_run_of_one_item_names_it_once(self) -> None:
        made = [seen for seen in Look(log_of(many_items().entries)) if seen.item_id == "item_1"]
        added = [seen for seen in made if seen.entry.type.startswith("conversation.item.") and seen.source == "model"]
        (folded,) = fold(added)
        assert isinstance(folded, Run)
        assert (folded.count, folded.entries, gist_of_run(folded)) == (1, 2, "item_1")


class TestTheReport:
    def test_says_who_spoke_when_no_model_did(self) -> None:
        shown = run(WORD)
        assert (
            "  0:03.540  assistant  One moment, please.\n"
            "                       word-1: said by the bridge, for the model was away\n" in shown
        )

    def test_says_for_how_long_and_why(self) -> None:
        shown = run(TOLD)
        assert (
            "\nTrouble\n"
            "  0:10.860  entry 1369   model away: for 225 ms: the model's socket closed (None): "
            "the connection broke off; 1 dial, 4 items restored\n" in shown
        )


class TestAWait:
    def test_has_the_time_without_the_model_as_a_part_of_its_own(self) -> None:
        """1,300 ms from the last word to the loss, of which nobody knows anything; a second; 800 ms to the answer."""
        made = measure(log_of(answered_late().entries))
        said, answer = made.turns
        assert (said.outcome, answer.follows, answer.answers) == ("answered", "caller", 1)
        assert answer.parts == {"vad": 500, "respond": 1_000, "away": 1_000, "generate": 200, "send": 0, "play": 0}
        assert answer.latency_ms == sum(answer.parts.values())

    def test_of_what_goes_on_is_from_what_was_heard_before(self) -> None:
        made = measure(log_of(answered_late(cut_off=True).entries))
        _, first, second = made.turns
        assert (first.follows, first.outcome, first.end_ms) == ("caller", "completed", 1_700)
        assert (second.follows, second.answers, second.latency_ms) == ("lost", 1, None)
        assert (second.wait_ms, second.parts) == (
            1_600,
            {"away": 1_000, "respond": 400, "generate": 200, "send": 0, "play": 0},
        )

    def test_of_a_greeting_that_was_never_begun_is_still_a_greetings(self) -> None:
        """It was asked for, and the session that was asked is gone; so the next one is."""
        call = in_call(CallSettings(greeting="Greet."))
        call.run(300)
        away(call, 800)
        call.run(900)
        call.model(build.response_created())
        assistant_says(call, 300)
        call.run(2_000)
        (turn,) = measure(log_of(call.entries)).turns
        assert (turn.follows, turn.wait_ms) == ("greeting", 900)
        assert turn.parts == {"ready": 0, "away": 500, "respond": 400, "generate": 0, "send": 0, "play": 0}

    def test_of_one_that_was_lost_in_the_making_is_too(self) -> None:
        """A response began, and nothing of it was played. It is not what is lost a second time."""
        call = in_call(CallSettings(greeting="Greet."))
        call.model(build.response_created())
        call.run(300)
        away(call, 800)
        call.run(900)
        away(call, 1_400)
        call.model(build.response_created("resp_2"))
        assistant_says(call, 300, number=2)
        call.run(2_500)
        (turn,) = measure(log_of(call.entries)).turns
        assert (turn.follows, turn.parts["away"]) == ("greeting", 1_000)

    def test_a_response_that_was_cut_already_is_not_due_again(self) -> None:
        call = in_call()
        call.model(*build.reply_begun(400))
        call.run(200)
        call.caller(build.dtmf())
        away(call, 800)
        call.model(build.response_created("resp_2"))
        assistant_says(call, 300, number=2)
        call.run(2_000)
        assert measure(log_of(call.entries)).turns[-1].follows == "nothing"

    def test_in_the_table_only_where_there_was_one(self, tmp_path: Path) -> None:
        shown = run("stats", "--per-turn", EXPIRES).splitlines()
        assert shown[0] == "  latency      vad  respond generate     send     play     away  outcome     turn  call"
        assert shown[1].split()[:7] == ["880", "325", "0", "250", "0", "80", "225"]
        assert "away" not in run("stats", "--per-turn", TOLD)

    def test_is_counted_over_all_calls(self) -> None:
        shown = {line[:32].strip(): line[32:].split() for line in run("stats", *ALL).splitlines()}
        assert shown["away"] == ["1", "225", "225", "225"]
        assert shown["the model was away"] == ["4", "225", "2,425", "2,425"]


class TestTheFloor:
    def test_a_turn_that_the_next_session_heard_again_is_spoken_once(self) -> None:
        made = measure(read_golden(EXPIRES))
        assert [(turn.speaker, turn.start_ms) for turn in made.turns] == [
            ("assistant", 605),
            ("caller", 1_600),
            ("assistant", 2_740),
        ]
        assert [(each.at_ms, each.ms) for each in made.talk_overs] == [(1_600, 170)]
        assert made.missed == []

    def test_a_turn_whose_end_was_lost_ends_there(self) -> None:
        """It began too long ago to be heard again as a whole, so it stays; and nobody spoke for five seconds."""
        settings = CallSettings(limits=Limits(pending_audio_ms_max=1_000))
        call = in_call(settings)
        call.model(build.speech_started(0))
        call.run(3_000)
        away(call, 4_000)
        call.run(9_000)
        (gap,) = measure(log_of(call.entries, settings)).silences
        assert (gap.at_ms, gap.cause) == (3_000, "model")

    def test_a_silence_is_put_down_to_the_loss_that_fills_it(self) -> None:
        call = in_call(CallSettings(away=Away(words="")))
        assistant_says(call, 500)
        call.run(1_000)
        away(call, 3_500)
        call.run(3_600)
        call.model(build.speech_started(2_600))
        call.run(4_000)
        log = log_of(call.entries)
        (gap,) = measure(log).silences
        assert (gap.at_ms, gap.cause) == (600, "away")
        (told,) = [each.what for each in problems(log) if each.kind == "dead_air"]
        assert told.endswith(": the model was away")

    def test_who_speaks_over_the_word_is_not_noticed_then(self) -> None:
        """The model hears of it later, and no bridge can stop for what no model has noticed."""
        call = in_call()
        lose(call)
        call.run(1_200)
        call.engine(build.timer_due())
        load(call, 2_000)
        call.run(3_400)
        come_back(call)
        call.model(build.speech_started(1_000), build.speech_stopped(2_900))
        call.run(4_000)
        (missed,) = measure(log_of(call.entries)).missed
        assert (missed.known, missed.at_ms) == (False, 1_300)


class TestARepair:
    def lost(self, *, comes_back: bool) -> Harness:
        call = in_call()
        assistant_says(call, 1_000, "Cash or credit? We have a discount.")
        call.run(600)
        call.model(build.speech_started(300))
        call.run(700)
        lose(call)
        if comes_back:
            come_back(call)
        call.run(900)
        return call

    def test_that_the_model_was_lost_with_is_no_problem_if_the_next_session_knows(self) -> None:
        log = log_of(self.lost(comes_back=True).entries)
        (repair,) = measure(log).repairs
        assert (repair.outcome, repair.kept_ms) == ("lost", repair.heard_ms)
        assert [each for each in problems(log) if each.kind == "repair_pending"] == []

    def test_stays_open_if_none_does(self) -> None:
        log = log_of(self.lost(comes_back=False).entries)
        (repair,) = measure(log).repairs
        assert (repair.outcome, repair.kept_ms) == ("pending", None)
        assert len([each for each in problems(log) if each.kind == "repair_pending"]) == 1


@pytest.mark.parametrize(("is_back", "severity"), [(True, 1), (False, 3)])
def test_a_dial_that_failed_is_as_bad_as_what_came_of_it(is_back: bool, severity: int) -> None:
    call = in_call()
    lose(call)
    call.engine(build.leg_failed())
    if is_back:
        call.wait(500)
        call.engine(build.timer_due())
        come_back(call)
    assert [each.severity for each in problems(log_of(call.entries)) if each.kind == "leg_failed"] == [severity]


class TestAsSound:
    def test_the_word_is_at_the_ear_when_it_was_heard(self) -> None:
        sound, stretches = hear(read_golden(WORD))
        word = stretches[-1]
        assert word == Stretch("word-1", 0, 400 * 8, word.at, heard=True)
        assert sound.ear[word.at : word.at + 400 * 8].count(SILENCE) < 400 * 8 / 2
        assert sound.unheard.strip(bytes([SILENCE])) == b""

    def talked_over(self) -> Harness:
        """One word comes when nobody wants it any more; the next is cut by the caller."""
        call = in_call()
        away(call, 1_200)
        load(call, 300)
        lose(call)
        call.run(2_400)
        call.engine(build.timer_due())
        load(call, 2_000)
        come_back(call)
        call.run(2_900)
        call.model(build.speech_started(300))
        call.run(3_000)
        return call

    def test_of_a_word_that_was_cut_the_rest_is_where_it_would_have_been(self) -> None:
        sound, stretches = hear(log_of(self.talked_over().entries))
        heard, cut = stretches
        assert (heard.item_id, heard.begin, heard.heard) == ("word-2", 0, True)
        assert (cut.item_id, cut.end, cut.at, cut.heard) == ("word-2", 2_000 * 8, heard.at + heard.end, False)
        rest = sound.unheard[cut.at : cut.at + cut.end - cut.begin]
        assert rest == bytes([VOICE]) * (cut.end - cut.begin)

    def test_one_that_was_not_wanted_any_more_is_nobodys_loss(self) -> None:
        sound, stretches = hear(log_of(self.talked_over().entries))
        assert {each.item_id for each in stretches} == {"word-2"}
        assert sound.unheard[: stretches[0].at].strip(bytes([SILENCE])) == b""


class TestTheCoreBeforeADifference:
    def test_says_that_the_model_is_away(self, tmp_path: Path) -> None:
        call = in_call()
        lose(call)
        call.engine(build.leg_failed())
        call.run(1_200)
        call.engine(build.timer_due())
        entries = renumbered(call.entries)
        spoilt = [entry for entry in entries if entry.type != "load_word"]
        one, two = (write_story(tmp_path / name, each) for name, each in (("a.jsonl", entries), ("b.jsonl", spoilt)))
        shown = CliRunner().invoke(cli.cli, ["diff", str(one), str(two)]).stdout
        assert "\n  model    away since 0:00.100, 1 dial: the model's socket closed (None):\n" in shown


def rung_of(path: Path, kind: str) -> Rung:
    return next(rung for rung in rungs(read_golden(path)) if rung.kind == kind)


def test_of_a_socket_that_is_there_the_lane_is_whole() -> None:
    """From the beginning on, though the model was not there yet; and when a call is over."""
    made = list(rungs(read_golden(DROPS)))
    assert [rung.label for rung in made if rung.is_away][:2] == ["leg.closed", "dial_model"]
    assert not made[0].is_away
    assert not made[-1].is_away
    assert not rung_of(DROPS, "audio").is_away
