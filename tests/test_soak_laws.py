"""Each law of the soak notices its breach: one good run, and one thing spoilt about it at a time."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from engine.core import Entry
from engine.log.reader import read_call
from engine.sim.edge import TwilioEdge
from engine.sim.fronts import FrontFrame
from engine.soak.delay import clear_delays_ms
from engine.soak.kills import Killed
from engine.soak.laws import judge
from engine.soak.plan import draw
from engine.soak.run import Judged, run
from engine.soak.seeds import Kept, Tally
from engine.soak.simulation import Ran
from engine.soak.sockets import Delays, measure
from engine.soak.table import Soaked, broken_lines, percentile, table
from engine.soak.wire import differences, stretches

SEED = next(seed for seed in count() if not draw(seed, 2).story())
"""Two calls, nothing wrong with them."""


@pytest.fixture(scope="module")
def good() -> Iterator[Judged]:
    with TemporaryDirectory() as folder:
        judged = run(draw(SEED, 2), Path(folder) / "calls")
        assert judged.verdict.broken == []
        yield judged


@pytest.fixture
def ran(good: Judged, tmp_path: Path) -> Ran:
    """The good run, with files of one's own to spoil."""
    shutil.copytree(good.ran.calls_dir, tmp_path / "calls")
    return replace(good.ran, calls_dir=tmp_path / "calls")


def log_of(ran: Ran, number: int) -> Path:
    (path,) = ran.calls_dir.glob(f"20*/{ran.calls[number].plan.call_sid}.db")
    return path


def flip_a_byte(ran: Ran) -> None:
    data = bytearray(log_of(ran, 0).read_bytes())
    data[data.index(b'"event":"media"') + 10] ^= 1
    log_of(ran, 0).write_bytes(data)


def lose_a_log(ran: Ran) -> None:
    log_of(ran, 0).unlink()


def leave_a_log(ran: Ran) -> None:
    log_of(ran, 0).rename(ran.calls_dir / "live" / "CA1.db")


def leave_a_file(ran: Ran) -> None:
    (ran.calls_dir / "core.1234").touch()


def make_a_log_up(ran: Ran) -> None:
    shutil.copy(log_of(ran, 0), log_of(ran, 0).with_name("CA1.db"))


def connect_twice(ran: Ran) -> None:
    shutil.copy(log_of(ran, 0), log_of(ran, 0).with_suffix(".2.db"))


def forget_a_call(ran: Ran) -> None:
    with sqlite3.connect(ran.calls_dir / "index.db") as index:
        index.execute("DELETE FROM call WHERE call_sid = ?", (ran.calls[0].plan.call_sid,))
    index.close()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (flip_a_byte, ["every log is sealed and whole: does not match the hash in its seal"]),
        (lose_a_log, ["every call ends as its fault allows: it has no log"]),
        (
            leave_a_log,
            [
                "every log is sealed and whole: left in live/: CA1.db",
                "every call ends as its fault allows: it has no log",
            ],
        ),
        (leave_a_file, ["nothing is left behind: a file: core.1234"]),
        (
            make_a_log_up,
            [
                "the index has every call: CA1.db is missing",
                "every log is sealed and whole: a log of a call that nobody made: CA1.db",
            ],
        ),
        (
            connect_twice,
            [
                "the index has every call: .2.db is missing",
                "every log is sealed and whole: it has 2 logs",
                "every call ends as its fault allows: ended as stop (Twilio said stop), and not as refused",
            ],
        ),
        (forget_a_call, ["the index has every call: .db is missing"]),
    ],
)
def test_what_is_wrong_with_the_files_is_noticed(ran: Ran, spoil: Callable[[Ran], None], told: list[str]) -> None:
    spoil(ran)
    verdict = judge(ran, [], 0)
    assert len(verdict.broken) >= len(told)
    for line in told:
        law, _, what = line.partition(": ")
        assert [each for each in verdict.broken if each.law == law and what in each.what], line
    assert verdict.corrupt_files == (spoil is flip_a_byte)


def test_what_is_left_or_said_besides_is_noticed(ran: Ran) -> None:
    ran = replace(ran, tasks_left=["engine.legs.Leg.run"], is_over=False)
    crash = '2026-11-20T10:00:00.000+00:00 call.failed error="KeyError: 1" call=CA1'
    verdict = judge(ran, ["call.started call=CA1", crash], 2)
    assert [(each.law, each.what) for each in verdict.broken] == [
        (
            "every call ends as its fault allows",
            f"after {ran.seconds:.0f} s of virtual time calls are still up; with a caller that waits: []",
        ),
        ("no bug shows", crash),
        ("nothing is left behind", "a task: engine.legs.Leg.run"),
        ("nothing is left behind", "2 open files"),
    ]
    assert verdict.leaks == 2


def test_a_frame_that_a_peer_saw_and_no_log_has_is_noticed(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    front = ran.calls[0].caller.fronts[0]
    monkeypatch.setattr(front, "frames", [*front.frames, FrontFrame(1, "in", '{"event":"clear"}')])
    (broken,) = judge(ran, [], 0).broken
    assert (broken.law, broken.call) == ("what left is in the log", 0)
    assert broken.what.endswith("""that left is not in the log: '{"event":"clear"}'""")


def test_audio_that_was_played_and_not_said_to_be_is_noticed(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ran.calls
    edge = TwilioEdge(second.plan.edge)
    monkeypatch.setattr(first.caller, "edge", edge)  # who heard nothing at all
    broken = judge(ran, [], 0).broken
    assert {(each.law, each.call) for each in broken} == {
        ("what was played is within the bounds that the log gives", 0),
        ("a model keeps of an item what was heard of it", 0),
    }
    assert " 0 to 0 samples were played; heard " in broken[0].what
    assert " ms more are kept than were heard" in broken[-1].what


def test_a_log_tells_the_frames_of_each_session_apart() -> None:
    opened = '{"type":"leg.opened","leg":"model"}'
    entries = [
        Entry(1, 0, "input", "engine", "leg.opened", opened),
        Entry(2, 0, "command", "model", "session.update", '{"type":"session.update"}', None, 1),
        Entry(3, 0, "input", "model", "session.updated", '{"type":"session.updated"}'),
        Entry(4, 0, "input", "engine", "leg.closed", '{"type":"leg.closed","leg":"model","code":1011,"reason":""}'),
        Entry(5, 0, "input", "engine", "leg.opened", opened),
        Entry(6, 0, "command", "model", "response.create", '{"type":"response.create"}', None, 5),
    ]
    first, second = stretches(entries, "model")
    assert (first.sent, first.came) == (['{"type":"session.update"}'], ['{"type":"session.updated"}'])
    assert (second.sent, second.came) == (['{"type":"response.create"}'], [])


def test_a_log_that_was_cut_too_early_is_noticed(good: Judged) -> None:
    """What a kill would do to a bridge that logs what it has sent already."""
    front = good.ran.calls[0].caller.fronts[0]
    with read_call(log_of(good.ran, 0)) as logged:
        entries = list(logged.entries())
    assert differences(entries, "caller", [front]) == []
    last = max(number for number, entry in enumerate(entries) if entry.kind == "command" and entry.leg == "caller")
    (told,) = differences(entries[:last], "caller", [front])
    assert told.startswith("caller leg, connection 1: frame ")
    assert " that left is not in the log: " in told


def test_a_clear_is_counted_from_the_news_of_speech(good: Judged) -> None:
    """In virtual time a bridge that waits for nothing is not late at all."""
    for call in good.ran.calls:
        assert clear_delays_ms(call.caller.fronts[0], call.sessions) == [0.0]
        assert clear_delays_ms(call.caller.fronts[0], []) == []
    assert good.verdict.clear_delays_ms == [0.0, 0.0]


def test_the_table_says_what_was_measured() -> None:
    tally = Tally(2, 40, 25.0, {"caller leg: reset": 3, "caller leg: stall": 1, "model drops the call": 2})
    tally.verdict.logs, tally.verdict.entries, tally.verdict.clear_delays_ms = 39, 20_000, [0.0, 0.0, 1.5]
    delays = Delays(20, 13, 16, [1.0, 2.0, 3.0, 40.0])
    killed = Killed(4, 80, 4_000, 79, 9_000, 72)
    soaked = Soaked("make soak", 61.0, tally, delays, killed, 30.0, 20.0)
    assert list(table(soaked)) == [
        "",
        "simulated                          2 seeds, 40 calls, 30 s",
        "faults injected                    6",
        "  caller leg                       reset 3, stall 1",
        "  others                           model drops the call 2",
        "logs checked                       39 (20000 entries)",
        "entries lost                       0",
        "corrupt files                      0",
        "leaks (tasks, descriptors, files)  0",
        "laws broken                        0",
        "clear beside faults, virtual time  p50 0.0, p99 1.5, max 1.5 ms (3 clears)",
        "clear beside faults, real sockets  p50 2.0, p99 40.0, max 40.0 ms (4 clears); 13 of 20 calls healthy, 7 with a"
        " fault each",
        "kill -9                            4 kills, 80 calls, 20 s",
        "  logs checked                     79 (72 cut by a kill, 9000 entries)",
        "  frames that a peer saw           4000; peers with one that is in no log: 0",
        "  corrupt files, laws broken       0, 0",
        "power cuts                         not run",
        "runtime                            61 s",
        "command                            make soak",
    ]
    assert not soaked.is_broken
    tally.verdict.clear_delays_ms = [0.0] * 98 + [21.0, 21.0]
    assert soaked.is_broken


def test_what_was_not_run_says_so() -> None:
    assert list(table(Soaked("make soak", 1.0))) == [
        "",
        "simulated                          not run",
        "clear beside faults, real sockets  not run",
        "kill -9                            not run",
        "power cuts                         not run",
        "runtime                            1 s",
        "command                            make soak",
    ]


def test_many_broken_laws_are_cut_short(good: Judged, tmp_path: Path) -> None:
    broken = judge(replace(good.ran, tasks_left=[f"task-{number}" for number in range(8)]), [], 0).broken
    assert list(broken_lines([Kept(7, broken, tmp_path)], " --calls 2")) == [
        "seed 7 broke 8 laws",
        *(f"    nothing is left behind: the run: a task: task-{number}" for number in range(5)),
        "    and 3 more",
        f"    logs: {tmp_path}",
        "    again: .venv/bin/python -m engine.soak --seed 7 --calls 2",
    ]


@pytest.mark.parametrize(("share", "value"), [(50, 2.0), (75, 3.0), (99, 4.0), (0, 1.0)])
def test_a_percentile_is_one_of_the_values(share: int, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == value
    assert percentile([], share) == 0.0


def test_healthy_calls_are_measured_beside_faulty_ones_over_real_sockets(tmp_path: Path) -> None:
    delays = measure(tmp_path, calls=8, seconds=2)
    assert (delays.calls, delays.healthy, delays.seconds) == (8, 1, 2)
    assert len(list((tmp_path / "calls").glob("*/CA*.db"))) == 8
