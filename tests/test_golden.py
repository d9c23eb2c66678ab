"""Every golden log replays the same; a spoilt one is caught where it is spoilt; a cut one is still a log.

A failure prints what `replay` prints. If the core is meant to decide otherwise now: `make bless`, and say why.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import astuple, replace

from engine.core import Entry
from engine.sim.scenario import Scenario
from engine.sim.world import Outcome, run
from replay.goldens.golden import read_golden
from replay.paint import plain
from replay.rows import Log, entry_of
from replay.runner import replay
from replay.text import divergence_lines
from tests.bless import GOLDEN, bless, title_of
from tests.replay_calls import log_of, renumbered

LOGS = sorted(GOLDEN.rglob("*.jsonl"))
SPOILT_PER_LOG = 6
CUTS_PER_LOG = 20


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
class TestEachGoldenLog:
    def test_replays_the_same(self, path: Path) -> None:
        log = read_golden(path)
        result = replay(log)
        if result.divergence is not None:
            pytest.fail(f"{path.name} diverged\n{plain(divergence_lines(log, result.divergence))}", pytrace=False)
        assert result.verdict == "same", result.reason

    def test_spoilt_in_one_command_is_caught_there(self, path: Path) -> None:
        """A dozen of its commands, drawn anew for each log, each spoilt in one of the ways."""
        log = read_golden(path)
        entries = entries_of(log)
        random = Random(path.stem)
        commands = [entry for entry in entries[:-1] if entry.kind == "command"]
        for entry in random.sample(commands, min(SPOILT_PER_LOG, len(commands))):
            for way, spoilt in spoilt_at(entries, entry):
                found = replay(log_of(spoilt, log.settings)).divergence
                assert found is not None, f"{way} of entry {entry.seq} went unnoticed"
                expected_seq = entry.seq + 1 if way == "doubled" else entry.seq
                assert found.seq == expected_seq, f"{way} of entry {entry.seq} was found at {found.seq}"

    def test_cut_anywhere_is_the_same(self, path: Path) -> None:
        log = read_golden(path)
        entries = entries_of(log)
        lengths = set(Random(path.stem).sample(range(len(entries)), min(CUTS_PER_LOG, len(entries))))
        for length in lengths:
            result = replay(log_of(entries[:length], log.settings))
            assert (result.verdict, result.cut) == ("same", True), f"cut after {length}: {result.reason}"


def entries_of(log: Log) -> list[Entry]:
    return [entry_of(row) for row in log.rows()]


def spoilt_at(entries: list[Entry], entry: Entry) -> Iterator[tuple[str, list[Entry]]]:
    """The log, with that command spoilt in each of the ways."""
    at = entries.index(entry)
    before, after = entries[:at], entries[at + 1 :]
    yield "another body", [*before, replace(entry, body=entry.body[:-1] + ',"x":1}'), *after]
    yield "another time", [*before, replace(entry, at_ns=entry.at_ns + 1), *after]
    yield "dropped", renumbered([*before, *after])
    yield "doubled", renumbered([*before, entry, replace(entry, seq=-1), *after])
    if after and after[0].kind == "command" and astuple(after[0])[3:] != astuple(entry)[3:]:
        swapped = [replace(after[0], seq=entry.seq), replace(entry, seq=entry.seq + 1)]
        yield "swapped", [*before, *swapped, *after[1:]]


def a_story() -> Outcome:
    return run(Scenario(name="hang up", ends_ms=400), seed=1)


def a_longer_story() -> Outcome:
    return run(Scenario(name="hang up", ends_ms=500), seed=1)


class TestBless:
    def test_a_new_story_is_recorded_and_shown(self, tmp_path: Path) -> None:
        said = bless({"caller_hangs_up": a_story}, tmp_path, "first")
        log = read_golden(tmp_path / "caller_hangs_up.jsonl")
        assert entries_of(log)[-1].type == "end_call"
        assert replay(log).verdict == "same"
        assert said[:2] == [
            "--- recorded fixtures/golden/caller_hangs_up.jsonl",
            "+++ now fixtures/golden/caller_hangs_up.jsonl",
        ]
        assert '"title":"Caller hangs up.","reason":"first"' in said[3]

    def test_what_has_not_changed_keeps_its_reason(self, tmp_path: Path) -> None:
        bless({"caller_hangs_up": a_story}, tmp_path, "first")
        before = (tmp_path / "caller_hangs_up.jsonl").read_text()
        assert bless({"caller_hangs_up": a_story}, tmp_path, "second") == []
        assert bless({"caller_hangs_up": a_story}, tmp_path, "") == []
        assert (tmp_path / "caller_hangs_up.jsonl").read_text() == before

    def test_a_change_needs_a_reason(self, tmp_path: Path) -> None:
        bless({"caller_hangs_up": a_story}, tmp_path, "first")
        before = (tmp_path / "caller_hangs_up.jsonl").read_text()
        with pytest.raises(SystemExit, match="these golden logs change: caller_hangs_up"):
            bless({"caller_hangs_up": a_longer_story}, tmp_path, "")
        assert (tmp_path / "caller_hangs_up.jsonl").read_text() == before
        said = bless({"caller_hangs_up": a_longer_story}, tmp_path, "patience")
        assert any(line.startswith("+") and '"reason":"patience"' in line for line in said)

    def test_a_story_that_is_no_more_is_removed_but_not_what_was_released(self, tmp_path: Path) -> None:
        bless({"caller_hangs_up": a_story}, tmp_path, "first")
        (tmp_path / "v1").mkdir()
        (tmp_path / "v1" / "kept.jsonl").write_bytes((tmp_path / "caller_hangs_up.jsonl").read_bytes())
        said = bless({}, tmp_path, "told elsewhere")
        assert sorted(path.name for path in tmp_path.rglob("*.jsonl")) == ["kept.jsonl"]
        assert all(line.startswith("-") for line in said[3:])

    def test_a_name_is_a_sentence(self) -> None:
        assert title_of("two_barge_ins_in_a_row") == "Two barge ins in a row."
