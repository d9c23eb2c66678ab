"""The audit's proof: bridges with a bug planted, run against the simulators, recorded, imported, audited. The cause of
every bug is named, and nothing else is; of a bridge without one nothing is said; and what is said to have been heard is
what the simulated phone played."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from engine.core import CallSettings, rebuild
from engine.recorder import Recorder
from engine.sim.link import LinkPlan
from engine.sim.scenario import Scenario
from engine.sim.scenarios import random_scenario
from engine.sim.truth import heard_runs
from engine.sim.world import Outcome
from engine.sim.world import run as run_ours
from replay import cli
from replay.audit.auditing import audit
from replay.audit.causes import CAUSES
from replay.audit.findings import Audit
from replay.goldens.golden import read_golden
from tests.naive_bridge import Bridge, run_naive
from tests.naive_bugs import PLANTED, SCENARIOS, Planted
from tests.naive_ways import MarksOnce, NoMarks, Recuts
from tests.replay_calls import log_of
from tests.test_golden import LOGS

SETTINGS = CallSettings(rules=0)
FRAME_MS = 20
NEAR, FAR = LinkPlan(70, jitter_ms=20), LinkPlan(120, jitter_ms=40)
LINES = ((NEAR, 1), (FAR, 3), (FAR, 4))


def over(line: LinkPlan, scenario: Scenario) -> Scenario:
    """The same call on another line to Twilio."""
    return replace(scenario, caller_in=line, caller_out=line)


def audited(outcome: Outcome) -> Audit:
    return audit(log_of(outcome.entries, SETTINGS))


def causes(found: Audit) -> set[str]:
    return {finding.cause for finding in found.findings}


def record(outcome: Outcome, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames of a call as a recorder in that bridge writes them down. Its clock is that of the simulation."""
    now_s = 0.0
    monkeypatch.setattr("engine.recorder.monotonic", lambda: now_s)
    with Recorder(path) as recorder:
        put = {
            ("caller", "input"): recorder.caller_in,
            ("caller", "command"): recorder.caller_out,
            ("model", "input"): recorder.model_in,
            ("model", "command"): recorder.model_out,
        }
        for entry in outcome.entries:
            now_s = entry.at_ns / 1e9
            if entry.leg != "engine":
                put[entry.leg, entry.kind](rebuild(entry.body, entry.audio))


def played_ms(outcome: Outcome, item_id: str) -> float:
    """How far the phone played an item from its beginning, without a hole."""
    end = 0
    for run in heard_runs(outcome.edge.played, outcome.items):
        if run.item_id == item_id and run.begin == end:
            end = run.end
    return end / 8


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.bridge.__name__)
def test_every_planted_bug_is_named_from_a_recording(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: the bridge runs, a recorder writes, `replay import` makes a log, `replay audit` names it."""
    outcome = run_naive(planted.scenario, 1, planted.bridge())
    record(outcome, tmp_path / "call.jsonl", monkeypatch)
    replayer = CliRunner()
    imported = replayer.invoke(cli.cli, ["import", str(tmp_path / "call.jsonl"), "-o", str(tmp_path / "call.db")])
    assert imported.exit_code == 0, imported.stderr
    done = replayer.invoke(cli.cli, ["audit", str(tmp_path / "call.db"), "--json"])
    told: dict[str, Any] = json.loads(done.stdout)
    assert (done.exit_code, list(told["causes"])) == (1, [planted.cause])
    for barge_in in told["barge_ins"]:
        for item in barge_in["items"]:
            truth_ms = played_ms(outcome, item["item_id"])
            assert item["heard_min_ms"] - FRAME_MS <= truth_ms <= item["heard_max_ms"] + FRAME_MS


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.bridge.__name__)
def test_every_planted_bug_is_named_on_lines_that_tremble(planted: Planted) -> None:
    for line, seed in LINES:
        found = audited(run_naive(over(line, planted.scenario), seed, planted.bridge()))
        assert causes(found) == {planted.cause}, (line, seed, found.findings)


@pytest.mark.parametrize(("number", "scenario"), [*enumerate(SCENARIOS)])
def test_a_bridge_without_a_bug_is_clean(number: int, scenario: Scenario) -> None:
    """In each way on an even line; on one that trembles in two of the four, by turns."""
    ways = (Bridge, NoMarks, MarksOnce, Recuts)
    for (line, seed), taken in (((LinkPlan(40), 0), ways), (LINES[1], ways[number % 2 :: 2])):
        for way in taken:
            found = audited(run_naive(over(line, scenario), seed, way()))
            assert found.findings == [], (line, seed, way)


def test_every_cause_is_planted() -> None:
    assert {planted.cause for planted in PLANTED} == set(CAUSES)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_our_own_bridge_is_clean_in_every_golden_log(path: Path) -> None:
    if path.stem != "the_stream_is_in_another_codec":
        assert audit(read_golden(path)).findings == []


def test_our_own_bridge_is_clean_in_calls_drawn_at_random() -> None:
    """Whatever the line does, and whatever the marks: what cannot be known is not held against it."""
    for seed in range(8):
        scenario = random_scenario(seed)
        found = audit(log_of(run_ours(scenario, seed).entries, scenario.settings))
        assert found.findings == [], seed
