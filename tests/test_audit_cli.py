"""`replay audit`: what it prints, for eyes and for programs, and how it exits: 0 clean, 1 wrong, 2 not heard."""

import json
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner, Result

from engine.core import CallSettings, Overheard
from engine.log.errors import LogError
from engine.sim.bakery import bakery
from engine.sim.scenario import Scenario
from replay import cli
from replay.audit.causes import CAUSES
from replay.runner import replay
from replay.sources import open_log
from replay.walk import Walk
from tests.build import CALL_SID, STREAM_SID
from tests.naive_bridge import Bridge, run_naive
from tests.naive_bugs import (
    ALL_HEARD,
    ONE_ITEM,
    TWICE,
    TWO_ITEMS,
    CountsSent,
    LeavesUnheard,
    NoClear,
    SumsFlushedMarks,
    TruncatesAtZero,
)
from tests.overheard_rig import Rig, begun
from tests.replay_calls import bakery as our_bakery
from tests.replay_calls import call_row, write_sealed

OF_ANOTHER = call_row(rules=0, config=msgspec.json.encode(CallSettings(rules=0)).decode())
HEAD = f"{CALL_SID}   stream {STREAM_SID}\n2026-11-20 14:03:11 UTC, made by another bridge\n"


def run(*args: object) -> Result:
    return CliRunner().invoke(cli.cli, ["audit", *map(str, args)])


def log_of(bridge: Bridge, scenario: Scenario, folder: Path) -> Path:
    """The sealed log of a call that `bridge` carried."""
    return write_sealed(folder, run_naive(scenario, 1, bridge).entries, OF_ANOTHER)


def rig_log(rig: Rig, folder: Path) -> Path:
    return write_sealed(folder, rig.entries, OF_ANOTHER)


class TestForEyes:
    def test_the_words_that_the_model_keeps_and_nobody_heard(self, tmp_path: Path) -> None:
        done = run(log_of(CountsSent(), bakery(offer_is_an_item=False), tmp_path), "--explain")
        assert (done.exit_code, done.stderr) == (1, "")
        assert done.stdout == HEAD + (
            "\n"
            "Barge-in 1   at 0:13.857, entry 1613\n"
            "     caller began   0:13.700, 5103 ms into item_reply002_1\n"
            "     clear sent     0:13.857, 157 ms after the caller began; took effect 90 ms later\n"
            "     item_reply002_1   heard 5351 of 6746 ms (5271 to 5431); truncated at 6746 ms: ok\n"
            '          heard: "That will be $9.05. Cash or credit? We also have a store"\n'
            '          the model keeps 1395 ms that nobody heard: "discount you can apply now."\n'
            "     WRONG  counted from sent audio (item_reply002_1)\n"
            "          6746 ms is what had been sent of it; 5351 ms had been heard\n"
            "\n"
            "counted from sent audio   sent\n"
            "     What was sent is seconds ahead of the ear, so the model remembers words that nobody heard.\n"
            "     fix: Count what was played: by the marks that came back, and Twilio's media timestamps between "
            "them.\n"
            "\n"
            "wrong: 1 mistake in 1 interruption: counted from sent audio (1)\n"
        )

    def test_the_words_that_were_heard_and_the_model_forgets(self, tmp_path: Path) -> None:
        done = run(log_of(NoClear(), ONE_ITEM, tmp_path))
        assert done.exit_code == 1
        assert done.stdout.splitlines()[3:] == [
            "Barge-in 1   at 0:03.090, entry 406",
            "     caller began   0:03.000, 2395 ms into item_reply001_1",
            "     clear          none",
            "     item_reply001_1   heard 5000 of 5000 ms; truncated at 2560 ms: ok",
            '          heard: "One two three four five one two three four five one two three four five one."',
            '          the model forgets 2440 ms that were heard: "four five one two three four five one."',
            "     WRONG  no clear",
            "          2435 ms of what had been sent were still to be played, and went on; item_reply001_1 was "
            "truncated at 2560 ms, which cannot be right while it plays",
            "",
            "wrong: 1 mistake in 1 interruption: no clear (1)",
        ]

    def test_an_item_that_was_left(self, tmp_path: Path) -> None:
        done = run(log_of(LeavesUnheard(), TWO_ITEMS, tmp_path))
        assert done.stdout.splitlines()[8:13] == [
            "     item_reply001_2   heard 0 of 3000 ms; left as it is",
            '          the model keeps 3000 ms that nobody heard: "One two three four five one two three four five."',
            "     WRONG  unheard item left (item_reply001_2)",
            "          nothing of its 3000 ms was heard, and it was neither deleted nor truncated",
            "",
        ]

    def test_what_the_model_refused(self, tmp_path: Path) -> None:
        done = run(log_of(SumsFlushedMarks(), TWICE, tmp_path))
        assert done.stdout.splitlines()[12:] == [
            "     item_reply002_1   heard 1360 of 4000 ms (1300 to 1420); truncated at 4250 ms: error",
            '          heard: "One two three four five one two"',
            '          the model keeps 2640 ms that nobody heard: "three four five one two three."',
            "     WRONG  flushed marks counted (item_reply002_1)",
            "          4250 ms is the audio behind all marks that had come back, 12 of 17 flushed by a clear; 1360 ms "
            "had been heard. The model refused: Audio content of 4000ms is already shorter than 4250ms",
            "",
            "wrong: 1 mistake in 2 interruptions: flushed marks counted (1)",
        ]

    def test_a_bridge_that_is_right(self, tmp_path: Path) -> None:
        done = run(log_of(Bridge(), TWO_ITEMS, tmp_path), "--explain")
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == HEAD + (
            "\n"
            "Barge-in 1   at 0:02.190, entry 330\n"
            "     caller began   0:02.100, 1495 ms into item_reply001_1\n"
            "     clear sent     0:02.190, 90 ms after the caller began; took effect 80 ms later\n"
            "     item_reply001_1   heard 1665 of 2500 ms (1605 to 1725); truncated at 1660 ms: ok\n"
            '          heard: "One two three four"\n'
            "     item_reply001_2   heard 0 of 3000 ms; deleted: ok\n"
            "\n"
            "clean: 1 interruption, nothing wrong\n"
        )

    def test_a_call_of_our_own(self, tmp_path: Path) -> None:
        done = run(write_sealed(tmp_path, our_bakery()))
        assert done.exit_code == 0
        assert done.stdout.splitlines()[1] == "2026-11-20 14:03:11 UTC, made by playhead, rules 2"
        assert done.stdout.endswith("\nclean: 1 interruption, nothing wrong\n")

    def test_nobody_broke_in(self, tmp_path: Path) -> None:
        done = run(log_of(Bridge(), ALL_HEARD, tmp_path))
        assert (done.exit_code, done.stdout) == (0, HEAD + "\nclean: nobody broke in\n")

    def test_what_is_not_certain_is_said(self, tmp_path: Path) -> None:
        """And nothing that came over the wire gets at the terminal."""
        rig = begun()
        rig.model(
            type="response.output_audio.delta",
            response_id="resp_0",
            item_id="item\x1b[31m",
            delta="f39/" * 2_000,
        )
        rig.model(
            type="response.output_audio_transcript.done",
            response_id="resp_0",
            item_id="item\x1b[31m",
            transcript="Good\x1b]0; morning, this is the bakery. " * 5,
        )
        rig.to_caller("media", media={"payload": "f39/" * 2_000})
        rig.run(1_300)
        rig.clears()
        rig.to_model("conversation.item.truncate", item_id="item\x1b[31m", content_index=0, audio_end_ms=750)
        rig.run(3_000)
        done = run(rig_log(rig, tmp_path))
        assert done.stdout.splitlines()[3:] == [
            "Barge-in 1   at 0:01.300, entry 70",
            "     clear sent     0:01.300; took effect 200 ms later",
            "     item\\x1b[31m   heard 300 of 750 ms (180 to 420); truncated at 750 ms: pending",
            '          the model keeps 450 ms that nobody heard: "Good\\x1b]0; morning, this is the bakery. Good\\x1b]'
            ' … e bakery. Good\\x1b]0; morning, this is the bakery."',
            "     WRONG  counted from sent audio (item\\x1b[31m)",
            "          750 ms is what had been sent of it; 300 ms had been heard",
            "",
            "note: what was heard at one interruption is estimated from when the audio was sent: the bridge places no "
            "marks",
            "",
            "wrong: 1 mistake in 1 interruption: counted from sent audio (1)",
        ]

    def test_what_else_it_could_be(self, tmp_path: Path) -> None:
        """The time since the first delta, and what the marks tell: the caller waited for both to be the same."""
        rig = begun()
        rig.forwards(0, 0, 500)
        rig.forwards(0, 500, 3_000)
        rig.run(1_500)
        rig.echo("responsePart")
        rig.run(1_520)
        rig.to_model("conversation.item.truncate", item_id="item_0", content_index=0, audio_end_ms=500)
        rig.run(2_000)
        rig.clears()
        rig.run(2_040)
        rig.echo("responsePart")
        rig.stops()
        done = run(rig_log(rig, tmp_path))
        assert "\n          could also be: counted from arrival\n" in done.stdout


class TestForPrograms:
    def test_all_of_it(self, tmp_path: Path) -> None:
        done = run(log_of(TruncatesAtZero(), ONE_ITEM, tmp_path), "--json")
        words = "One two three four five one two three"
        item = {
            "item_id": "item_reply001_1",
            "generated_ms": 5000,
            "heard_ms": 2565,
            "heard_min_ms": 2505,
            "heard_max_ms": 2625,
            "heard_text": words,
            "action": "truncate",
            "audio_end_ms": 0,
            "outcome": "ok",
            "refusal": "",
            "kept_ms": 0,
            "error_ms": -2565,
            "kept_text": "",
            "lost_text": words,
        }
        finding = {
            "cause": "zero",
            "item_id": "item_reply001_1",
            "because": "0 ms is as good as nothing; 2565 ms had been heard",
            "could_be": [],
        }
        assert done.exit_code == 1
        assert json.loads(done.stdout) == {
            "call_sid": CALL_SID,
            "stream_sid": STREAM_SID,
            "started_at": "2026-11-20T14:03:11.250000+00:00",
            "rules": 0,
            "verdict": "wrong",
            "reason": "",
            "causes": {"zero": 1},
            "barge_ins": [
                {
                    "number": 1,
                    "seq": 406,
                    "at_ms": 3090,
                    "caller_onset_ms": 3000,
                    "playing_item_id": "item_reply001_1",
                    "playing_ms": 2395,
                    "clear_sent_ms": 3090,
                    "clear_effective_ms": 3170,
                    "basis": "echoes",
                    "items": [item],
                    "findings": [finding],
                }
            ],
            "notes": [],
        }

    def test_a_clean_call(self, tmp_path: Path) -> None:
        done = run(log_of(Bridge(), ONE_ITEM, tmp_path), "--json")
        told: dict[str, Any] = json.loads(done.stdout)
        assert (done.exit_code, told["verdict"], told["causes"]) == (0, "clean", {})

    def test_a_call_that_cannot_be_heard(self, tmp_path: Path) -> None:
        rig = begun()
        rig.model(type="session.updated", session={"output_audio_format": "pcm16"})
        path = rig_log(rig, tmp_path)
        for done in (run(path), run(path, "--json")):
            assert done.exit_code == 2
            assert done.stderr.startswith("replay: this call cannot be heard: the model's output is audio/pcm, ")
        assert json.loads(done.stdout) == {
            "call_sid": None,
            "stream_sid": None,
            "started_at": None,
            "rules": None,
            "verdict": "unknown",
            "reason": done.stderr.removeprefix("replay: ").rstrip("\n"),
            "causes": {},
            "barge_ins": [],
            "notes": [],
        }

    def test_no_such_call(self, tmp_path: Path) -> None:
        done = run(tmp_path / "none.db")
        assert (done.exit_code, done.stdout) == (2, "")


class TestTheCauses:
    def test_all_are_explained_without_a_call(self) -> None:
        done = run("--explain")
        assert done.exit_code == 0
        assert len(done.stdout.splitlines()) == 3 * len(CAUSES)
        assert done.stdout.startswith(
            "no clear   no_clear\n"
            "     Twilio plays what it holds, often ten seconds: the caller talks and the assistant talks on.\n"
            "     fix: Send `clear` on `speech_started` while anything that was sent may be unplayed, also when the "
            "model's response is done: generation ends long before playback.\n"
        )

    def test_as_data(self) -> None:
        told: list[dict[str, str]] = json.loads(run("--explain", "--json").stdout)
        assert [cause["name"] for cause in told] == list(CAUSES)
        assert {frozenset(cause) for cause in told} == {frozenset(("name", "title", "why", "fix"))}

    def test_a_call_must_be_named(self) -> None:
        done = run()
        assert done.exit_code == 2
        assert "Which call? `replay audit --explain` lists what is looked for." in done.stderr


class TestReplayOfACallOfAnother:
    """The other commands take such a log as any: it is heard instead of stepped."""

    def replayed(self, path: Path, *args: str) -> Result:
        return CliRunner().invoke(cli.cli, [str(path), *args])

    def test_it_is_shown_and_not_judged(self, tmp_path: Path) -> None:
        done = self.replayed(log_of(CountsSent(), bakery(offer_is_an_item=False), tmp_path))
        assert done.exit_code == 2
        assert done.stderr == (
            "replay: made by another bridge, so there is nothing to replay; `replay audit` says what it got right\n"
        )
        shown = done.stdout.splitlines()
        assert shown[1] == "2026-11-20 14:03:11 UTC, 0:29.218 long, ended: stop (Twilio said stop)"
        assert (
            "  0:08.597  assistant  That will be $9.05. Cash or credit? We also have a store "
            "[discount you can apply now.]"
        ) in shown

    def test_as_data(self, tmp_path: Path) -> None:
        told: dict[str, Any] = json.loads(self.replayed(log_of(Bridge(), ONE_ITEM, tmp_path), "--json").stdout)
        assert (told["verdict"], told["rules"], told["cut"], told["ended"]) == ("unknown", 0, False, "stop")
        counts = told["counts"]
        assert counts["entries"] == counts["inputs"] + counts["commands"]
        assert [(turn["speaker"], turn["heard_ms"]) for turn in told["turns"]] == [
            ("assistant", 2_565),
            ("caller", 0),
            ("assistant", 1_000),
        ]

    def test_step_by_step(self, tmp_path: Path) -> None:
        """A step is what came and what was sent before the next thing came."""
        with open_log(log_of(Bridge(), ONE_ITEM, tmp_path)) as log:
            walk = Walk(log)
            moments = [(moment.stream_ms, [entry.type for entry in moment.entries]) for moment in walk]
        assert isinstance(walk.call, Overheard)
        assert walk.call.ended
        cut = ["input_audio_buffer.speech_started", "conversation.item.truncate", "clear"]
        assert [stream_ms for stream_ms, types in moments if types == cut] == [3_090]

    def test_a_recording_that_breaks_off(self, tmp_path: Path) -> None:
        rig = begun()
        rig.forwards(0, 0, 500)
        told: dict[str, Any] = json.loads(self.replayed(rig_log(rig, tmp_path), "--json").stdout)
        assert (told["cut"], told["ended"]) == (True, "crashed")

    def test_a_call_that_cannot_be_heard(self, tmp_path: Path) -> None:
        rig = begun()
        rig.model(type="session.updated", session={"output_audio_format": "pcm16"})
        done = self.replayed(rig_log(rig, tmp_path))
        assert done.exit_code == 2
        assert done.stderr.startswith(
            "replay: made by another bridge, and what was heard is not known: the model's output is audio/pcm, "
        )

    def test_a_log_that_is_not_what_was_sealed(self, tmp_path: Path) -> None:
        """An entry is missing: the file is looked at before anything is said of the call."""

        def check() -> None:
            raise LogError("the file is damaged")

        with open_log(log_of(Bridge(), ALL_HEARD, tmp_path)) as log:
            short = msgspec.structs.replace(log, sealed_entries=1)
            assert replay(short).reason == replay(log).reason
            assert replay(msgspec.structs.replace(short, check=check)).reason == "the file is damaged"
