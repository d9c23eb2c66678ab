"""The virtual world: links that keep their order, a whole call, and a truth that does not ask the engine."""

from random import Random

import msgspec
import pytest

from engine.core import Entry
from engine.core.commands import EndCall
from engine.sim.caller import Cue
from engine.sim.conversation import Remembered
from engine.sim.edge import EdgePlan
from engine.sim.link import Link, LinkPlan
from engine.sim.machine import NS_PER_MS
from engine.sim.model import ModelPlan
from engine.sim.playback import Played
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import place, ruler
from engine.sim.scenario import Dial, Drop, Injection, Scenario
from engine.sim.scenarios import CONDITIONS, random_scenario, speech
from engine.sim.truth import HeardRun, ItemTruth, heard_runs, item_truths, truth_heard, underruns
from engine.sim.world import Outcome, run

LONG, SHORT = ReplyItem("One two three four five six.", ruler(0, 4000)), ReplyItem("Good.", ruler(1, 600))
CALL = Scenario(
    name="interrupted",
    edge=EdgePlan(cues=(Cue(500, audio=speech(400)), Cue(0, after=place(0, 1500), audio=speech(400)))),
    model=ModelPlan(replies=(Reply(items=(LONG,)), Reply(items=(SHORT,)))),
    ends_ms=8_000,
)


def changed(**fields: object) -> Scenario:
    return msgspec.structs.replace(CALL, **fields)


def ms(entry: Entry) -> float:
    return entry.at_ns / NS_PER_MS


def of(outcome: Outcome, kind: str) -> list[Entry]:
    return [entry for entry in outcome.entries if entry.type == kind]


def test_a_link_delays_and_keeps_its_order() -> None:
    link = Link(LinkPlan(base_ms=20, jitter_ms=200), Random(1))
    sent = [i * NS_PER_MS for i in range(0, 2_000, 5)]
    delays = [(link.arrival_ns(at_ns) - at_ns) / NS_PER_MS for at_ns in sent]
    arrivals = [at_ns / NS_PER_MS + delay for at_ns, delay in zip(sent, delays, strict=True)]
    assert arrivals == sorted(arrivals)
    assert (min(delays) >= 20, max(delays) < 220) == (True, True)
    assert max(delays) - min(delays) > 100


def test_a_stalled_link_lets_nothing_through_and_then_everything() -> None:
    link = Link(LinkPlan(base_ms=10, stalls=((100, 300),)), Random(1))
    sent_ms = (0, 89, 90, 150, 289, 291)
    assert [link.arrival_ns(at * NS_PER_MS) // NS_PER_MS for at in sent_ms] == [10, 99, 300, 300, 300, 301]


def test_a_call_runs_to_its_end_and_the_truth_is_known() -> None:
    outcome = run(CALL, seed=1)
    assert (outcome.ended, outcome.model.errors, outcome.edge.refused) == (
        EndCall("stop", "Twilio said stop"),
        [],
        [],
    )
    # The caller had heard 1,500 ms when starting to speak. Three frames and four links later the clear arrived.
    first, second = item_truths(outcome)
    (clear,) = outcome.edge.clears
    assert (first.item_id, first.generated_samples, first.in_conversation) == ("item_reply001_1", 32_000, True)
    assert 1_500 * 8 < first.heard_samples < 1_700 * 8
    assert first.heard_samples == clear.at_samples - outcome.edge.played[0].at_samples
    assert second == ItemTruth("item_reply002_1", 4_800, 4_800, 4_800, True)
    assert [entry.seq for entry in outcome.entries] == list(range(1, len(outcome.entries) + 1))
    assert outcome.call.ended
    # And the engine, which saw only frames, came to the same figure within a frame.
    assert abs(first.kept_samples - first.heard_samples) < 160


def test_frames_take_their_time_over_each_link() -> None:
    scenario = changed(caller_in=LinkPlan(100), model_in=LinkPlan(30), model_out=LinkPlan(40), dial=Dial(250))
    outcome = run(scenario, seed=1)
    opened, connected, start, dial = outcome.entries[:4]
    assert [entry.type for entry in (opened, connected, start, dial)] == [
        "leg.opened",
        "connected",
        "start",
        "dial_model",
    ]
    assert [ms(entry) for entry in (opened, connected, start, dial)] == [0, 100, 100, 100]
    assert [ms(entry) for entry in of(outcome, "leg.opened")] == [0, 350]
    assert [ms(entry) for entry in of(outcome, "session.created")] == [380]
    assert [ms(entry) for entry in of(outcome, "session.updated")] == [450]


def test_the_same_seed_gives_the_same_entries_and_another_does_not() -> None:
    scenario = changed(caller_in=LinkPlan(20, jitter_ms=50))
    assert run(scenario, 4).entries == run(scenario, 4).entries
    assert run(scenario, 4).entries != run(scenario, 5).entries
    assert random_scenario(4) == random_scenario(4)


def test_a_call_without_a_model_ends() -> None:
    outcome = run(changed(dial=Dial(100, failure="401", status=401)), seed=1)
    (failed,) = of(outcome, "leg.failed")
    assert failed.body == '{"type":"leg.failed","leg":"model","status":401,"reason":"401"}'
    assert outcome.ended is not None
    assert (outcome.ended.ended, outcome.model.responses) == ("model_failed", [])


def test_a_caller_who_hangs_up_while_the_model_is_dialled() -> None:
    outcome = run(changed(dial=Dial(5_000), ends_ms=1_000), seed=1)
    (failed,) = of(outcome, "leg.failed")
    assert (ms(failed), "given up" in failed.body) == (1_020, True)
    assert outcome.ended is not None
    assert outcome.ended.ended == "stop"


@pytest.mark.parametrize(("leg", "ended"), [("caller", "dropped"), ("model", "stop")])
def test_a_leg_that_drops_takes_along_what_was_under_way(leg: str, ended: str) -> None:
    outcome = run(changed(drops=(Drop("caller" if leg == "caller" else "model", 2_000),)), seed=1)
    dropped = next(entry for entry in outcome.entries if entry.type == "leg.closed")
    assert (ms(dropped), f'"leg":"{leg}"' in dropped.body, '"code":null' in dropped.body) == (2_000, True, True)
    opened = [entry.seq for entry in outcome.entries if entry.type == "leg.opened" and entry.seq > dropped.seq]
    after = [entry for entry in outcome.entries if entry.seq > dropped.seq and entry.kind == "input"]
    assert [entry for entry in after if entry.leg == leg and entry.seq < (opened or [1 << 30])[0]] == []
    assert outcome.ended is not None
    assert outcome.ended.ended == ended


def test_a_model_whose_session_expires_closes_with_its_code() -> None:
    model = msgspec.structs.replace(CALL.model, session_ms_max=3_000)
    outcome = run(changed(model=model), seed=1)
    closed = of(outcome, "leg.closed")[0]
    assert closed.body == '{"type":"leg.closed","leg":"model","code":1001,"reason":""}'
    assert [[error["code"] for error in model.errors] for model in outcome.models[:2]] == [["session_expired"]] * 2


def test_a_close_that_is_not_answered_is_given_up() -> None:
    scenario = changed(model_in=LinkPlan(20, stalls=((4_000, 60_000),)), ends_ms=5_000)
    outcome = run(scenario, seed=1)
    closed = of(outcome, "leg.closed")[-1]
    assert (ms(closed), "the close was not answered" in closed.body) == (7_020, True)
    assert outcome.ended is not None


def test_what_is_injected_arrives_as_it_is() -> None:
    injections = (
        Injection("caller", 1_000, "garbage"),
        Injection("model", 1_010, '{"type":1}'),
        Injection("engine", 1_020, '{"type":"frame.binary","leg":"caller","audio":"AA=="}'),
    )
    outcome = run(changed(injections=injections), seed=1)
    found = [(ms(entry), entry.leg, entry.body) for entry in outcome.entries if 1_000 <= ms(entry) <= 1_020]
    assert [row for row in found if row[1:] in [(one.leg, one.body) for one in injections]] == [
        (injected.at_ms, injected.leg, injected.body) for injected in injections
    ]
    assert outcome.call.malformed == {"caller": 2, "model": 1, "engine": 0}


def test_slow_generation_runs_dry_and_the_truth_shows_it() -> None:
    slow = Reply(items=(LONG,), speed=0.5)
    outcome = run(changed(model=ModelPlan(replies=(slow, Reply(items=(SHORT,))))), seed=1)
    gaps = underruns(outcome)
    assert {gap.item_id for gap in gaps} == {"item_reply001_1"}
    assert len(gaps) >= 5
    assert underruns(run(CALL, seed=1)) == []


def test_played_bytes_tell_what_was_heard() -> None:
    items = [Remembered("a", "assistant", audio=ruler(1, 100)), Remembered("b", "assistant", audio=ruler(2, 100))]
    played = [Played(50, ruler(1, 100)[:400]), Played(450, ruler(1, 100)[400:411]), Played(900, ruler(2, 3))]
    assert heard_runs(played, items) == [
        HeardRun("a", 0, 400, 50),
        HeardRun("a", 400, 411, 450),
        HeardRun("b", 0, 24, 900),
    ]
    assert heard_runs([Played(0, ruler(1, 100)[80:160])], items) == [HeardRun("a", 80, 160, 0)]
    with pytest.raises(ValueError, match="nobody said"):
        heard_runs([Played(0, b"\x7e\x7f")], items)


def test_a_hole_in_what_was_played_is_found() -> None:
    outcome = run(CALL, seed=1)
    pieces = outcome.edge._playback._pieces
    del pieces[2]
    with pytest.raises(ValueError, match="item_reply001_1 was played from"):
        truth_heard(outcome)


def test_random_scenarios_cover_what_happens_on_the_phone() -> None:
    scenarios = [random_scenario(seed) for seed in range(200)]
    assert set().union(*(scenario.conditions for scenario in scenarios)) == set(CONDITIONS)
    assert any(scenario.settings.greeting for scenario in scenarios)
    assert max(len(reply.items) for scenario in scenarios for reply in scenario.model.replies) == 3
    speeds = [reply.speed for scenario in scenarios for reply in scenario.model.replies]
    assert (min(speeds) < 1, max(speeds) > 15) == (True, True)
    assert max(scenario.caller_in.jitter_ms for scenario in scenarios) > 150


@pytest.mark.parametrize("seed", range(8))
def test_random_calls_end_with_every_cue_given(seed: int) -> None:
    outcome = run(random_scenario(seed), seed)
    assert outcome.ended is not None
    assert outcome.edge.refused == []
    assert outcome.edge._caller._waiting == []
    assert item_truths(outcome)
