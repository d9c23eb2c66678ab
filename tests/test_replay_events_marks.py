"""What became of each mark, and how what flows is folded: read from whole calls."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core import RULES_OVERHEARD, CallSettings, Entry
from engine.core.settings import Limits
from engine.sim.scenarios import random_scenario
from engine.sim.world import run
from replay.flow.gist import gist, gist_of_run
from replay.flow.runs import Run, fold
from replay.flow.seen import Look, Seen
from replay.sources import open_log
from tests import build
from tests.build import Harness, in_call, reply, talked_over
from tests.replay_calls import bakery, log_of, renumbered

OVERHEARD = CallSettings(rules=RULES_OVERHEARD)
GOLDEN = Path(__file__).resolve().parents[1] / "fixtures" / "golden"


def look(call: Harness) -> list[Seen]:
    return list(Look(log_of(renumbered(call.entries))))


def fates(seen: list[Seen], kind: str = "input") -> list[tuple[str, str]]:
    """Of marks as they came back (`input`) or were sent (`command`), in order."""
    return [(each.mark.name, each.mark.fate) for each in seen if each.mark is not None and each.entry.kind == kind]


def golden(name: str) -> list[Seen]:
    with open_log(GOLDEN / f"{name}.jsonl") as log:
        return list(Look(log))


def runs(seen: list[Seen], flow: str, live: bool = False) -> list[str]:
    return [gist_of_run(part) for part in fold(seen, live) if isinstance(part, Run) and part.flow == flow]


class TestMarks:
    def test_before_a_clear_an_echo_means_played(self) -> None:
        call = in_call()
        call.model(*reply(100))
        call.run(200)
        seen = look(call)
        names = ["probe-1", "mark-2", "mark-3", "mark-4"]
        assert fates(seen) == [(name, "played") for name in names]
        assert fates(seen, "command") == fates(seen)

    def test_what_was_in_the_playout_behind_the_ear_was_flushed(self) -> None:
        call = talked_over(at_ms=160, frames=reply(200))
        call.run(200)
        seen = look(call)
        assert fates(seen) == [
            ("probe-1", "played"),
            ("mark-2", "played"),
            ("mark-3", "flushed"),
            ("mark-4", "flushed"),
            ("mark-5", "flushed"),
            ("mark-6", "flushed"),
            ("sentinel-7", "sentinel"),
        ]

    def test_until_that_is_known_it_is_cleared(self) -> None:
        """The line takes a tenth of a second each way: echoes are still on their way."""
        call = talked_over(at_ms=400, frames=reply(400), delay_ms=100)
        seen = look(call)
        assert fates(seen, "command")[-1] == ("sentinel-12", "sentinel")
        assert [fate for _, fate in fates(seen, "command")[:-1]] == ["played"] * 3 + ["cleared"] * 8
        call.run(480)
        assert fates(look(call))[3:] == [("mark-4", "cleared"), ("mark-5", "cleared")]
        call.run(1000)
        assert fates(look(call))[3:] == [
            *[(f"mark-{number}", "played") for number in range(4, 9)],
            *[(f"mark-{number}", "flushed") for number in range(9, 12)],
            ("sentinel-12", "sentinel"),
        ]

    def test_also_the_last_one_that_the_ear_had_passed(self) -> None:
        assert runs(golden("two_barge_ins_in_a_row"), "echoes")[-4:-1] == [
            "mark-30 to mark-36: played",
            "mark-37: played",
            "mark-38 to mark-49: flushed",
        ]

    def test_an_estimate_says_what_it_thinks_and_later_proof_corrects_it(self) -> None:
        seen = golden("a_late_proof_shortens_what_was_estimated")
        assert runs(seen, "echoes")[:5] == [
            "probe-1 to mark-17: played",
            "mark-18 to mark-19: played",
            "mark-20: played",
            "mark-21: played",
            "mark-22: played or flushed",
        ]
        until = next(index for index, each in enumerate(seen) if each.entry.type == "conversation.item.truncate")
        with open_log(GOLDEN / "a_late_proof_shortens_what_was_estimated.jsonl") as log:
            rows = list(log.rows())[: until + 1]
        early = list(Look(replace(log, rows=lambda: iter(rows))))
        estimated = dict(fates(early, "command"))
        assert (estimated["mark-22"], estimated["mark-23"], estimated["mark-24"]) == ("either", "flushed", "flushed")

    def test_where_nothing_comes_back_nobody_knows(self) -> None:
        with open_log(GOLDEN / "nothing_comes_back_after_the_clear.jsonl") as log:
            last = fates(list(Look(log)), "command")
        assert [name for name, fate in last if fate == "either"] == [f"mark-{number}" for number in range(15, 25)]

    def test_an_echo_proves_nothing_the_second_time(self) -> None:
        assert runs(golden("every_mark_comes_back_twice"), "echoes")[:2] == [
            "probe-1 to mark-8: played",
            "probe-1 to mark-8: come back again",
        ]

    def test_nor_does_one_that_nobody_sent(self) -> None:
        call = in_call()
        call.caller(build.echo("strange"))
        assert fates(look(call)) == [("strange", "unknown")]

    def test_of_two_marks_of_one_name_the_first_comes_back_first(self) -> None:
        """Of another bridge, that never thought of names."""
        mark = build.echo("responsePart")
        sent = [Entry(seq, 0, "command", "caller", "mark", mark) for seq in (1, 2)]
        echoes = [Entry(seq, 0, "input", "caller", "mark", mark) for seq in (3, 4, 5)]
        seen = list(Look(log_of([*sent, *echoes], OVERHEARD)))
        assert [each.mark.fate for each in seen if each.mark is not None] == ["played"] * 4 + ["again"]

    def test_a_frame_without_a_name_is_no_mark(self) -> None:
        [only] = Look(log_of([Entry(1, 0, "command", "caller", "mark", "{}")]))
        assert only.mark is None
        assert list(fold([only])) == [only]


@pytest.mark.parametrize("seed", range(6))
def test_what_is_said_of_marks_is_what_the_phone_did(seed: int) -> None:
    """Simulated calls over lines of every kind, in which the far end knows what it threw away."""
    outcome = run(random_scenario(seed), seed)
    thrown_away = {name for clear in outcome.edge.clears for name in clear.flushed}
    seen = list(Look(log_of(outcome.entries, outcome.scenario.settings)))
    said = {name: fate for name, fate in fates(seen, "command") if fate != "sentinel"}
    assert len(said) > 20
    played, flushed, either = (
        {name for name in said if said[name] == fate} for fate in ("played", "flushed", "either")
    )
    assert flushed <= thrown_away
    assert not played & thrown_away
    assert len(either) <= len(flushed)
    assert flushed | played | either == said.keys()


class TestWhatFlows:
    def test_runs_stand_in_the_order_of_their_first_entries_and_hold_every_entry_once(self) -> None:
        seen = golden("two_barge_ins_in_a_row")
        parts = list(fold(seen))
        begins = [part.first.entry.seq if isinstance(part, Run) else part.entry.seq for part in parts]
        assert all(one < other for one, other in pairwise(begins))
        assert sum(part.entries if isinstance(part, Run) else 1 for part in parts) == len(seen) == 733

    def test_the_callers_audio_is_not_cut_into_slices_by_an_interruption(self) -> None:
        seen = golden("two_barge_ins_in_a_row")
        assert runs(seen, "audio") == [
            "0.22 s, not passed on",
            "0.26 s, 0.22 s of it had waited",
            "1.12 s",
            "1.02 s",
            "1.12 s",
            "0.88 s",
        ]

    def test_who_watches_a_call_that_runs_is_told_at_once(self) -> None:
        """Nothing is held back behind a run that goes on; and a run that goes on is shown now and then."""
        call = in_call()
        call.model(build.speech_started(0))
        call.run(12_100)
        seen = look(call)
        fed: list[Seen] = []

        def feed() -> Iterator[Seen]:
            for each in seen:
                fed.append(each)
                yield each

        told = [fed[-1] is part for part in fold(feed(), live=True) if not isinstance(part, Run)]
        assert told == [True] * 9
        assert runs(seen, "audio", live=True) == ["0.10 s", "10.00 s", "2.00 s"]
        assert runs(seen, "audio") == ["12.10 s"]

    def test_what_is_malformed_is_told_by_itself_and_what_it_led_to_is_not_malformed(self) -> None:
        call = Harness(CallSettings(limits=Limits(frames_before_start_max=1)))
        call.engine(build.leg_opened("caller"))
        call.caller("garbage", "garbage")
        told = [(each.entry.type, bool(each.malformed)) for each in Look(log_of(call.entries, call.call.settings))]
        assert told == [
            ("leg.opened", False),
            ("malformed", True),
            ("malformed", True),
            ("close_leg", False),
        ]

    def test_words_that_are_none_are_silent(self) -> None:
        """A delta of another bridge may be anything."""
        type_, bodies = "response.audio_transcript.delta", ["{}", "nothing", '{"delta":"Hello"}']
        entries = [Entry(seq, 0, "command", "model", type_, body) for seq, body in enumerate(bodies, 1)]
        assert runs(list(Look(log_of(entries))), "words") == ['"Hello"']


class TestAnotherBridge:
    """The bakery, as if somebody else had made it: no causes, every frame with its own audio."""

    def test_its_marks_are_judged_by_what_was_overheard(self) -> None:
        seen = list(Look(log_of(anothers(bakery()), OVERHEARD)))
        assert runs(seen, "echoes") == ["probe-1 to mark-11: played", "mark-12 to mark-14: flushed"]
        assert fates(seen)[-1] == ("sentinel-15", "sentinel")

    def test_also_those_that_all_have_one_name(self) -> None:
        same = [
            replace(entry, body=re.sub(r'"name":"[^"]*"', '"name":"responsePart"', entry.body))
            for entry in anothers(bakery())
        ]
        mine, others = (list(Look(log_of(entries, OVERHEARD))) for entries in (anothers(bakery()), same))
        assert [fate for _, fate in fates(others)] == [fate for _, fate in fates(mine)]
        assert {name for name, _ in fates(others)} == {"responsePart"}

    def test_whether_it_held_audio_back_is_not_known_nor_whose_audio_it_played(self) -> None:
        seen = list(Look(log_of(anothers(bakery()), OVERHEARD)))
        assert runs(seen, "audio") == ["1.40 s"]
        assert runs(seen, "generated") == ["0 to 1000 ms of item_1"]
        assert runs(seen, "played") == ["1000 ms, 14 marks probe-1 to mark-14"]

    def test_what_it_sent_may_be_malformed_and_is_not_folded_away(self) -> None:
        spoilt = [replace(entry, body="[]") if entry.seq in (25, 40, 60) else entry for entry in anothers(bakery())]
        seen = list(Look(log_of(spoilt, OVERHEARD)))
        assert [each.entry.seq for each in seen if each.malformed] == [25, 40, 60]
        told = [part for part in fold(seen) if isinstance(part, Seen) and part.malformed]
        assert [gist(part)[:10] for part in told] == ["malformed:"] * 3


def anothers(entries: list[Entry]) -> list[Entry]:
    """The frames of a call as another bridge's recorder would have taken them down."""
    audio = {entry.seq: entry.audio for entry in entries}
    made = []
    for entry in entries:
        passed = audio.get(entry.cause or 0) if entry.type in ("media", "input_audio_buffer.append") else None
        own = entry.audio if passed is None else passed[entry.audio_from : entry.audio_to]
        made.append(replace(entry, audio=own, cause=None, audio_from=None, audio_to=None))
    return made
