"""One seed runs a whole bridge, twice the same. A bug is found, and found again by the command that is printed."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result
from msgspec.structs import replace
from trio._core import _run

from engine.bridge import Bridge
from engine.legs import Leg
from engine.soak import chance
from engine.soak.__main__ import main
from engine.soak.delay import CLEAR
from engine.soak.faults import FAULTS
from engine.soak.plan import RunPlan, draw
from engine.soak.run import run
from engine.soak.seeds import run_all

CALLS = 3


def seed_where(calls: int, wanted: Callable[[RunPlan], bool]) -> int:
    """The first seed whose run has what a test is about: which that is changes with every fault that is added."""
    return next(seed for seed in count() if wanted(draw(seed, calls)))


def is_eventful(plan: RunPlan) -> bool:
    """A disk that fills up, a flood, a stop signal, and faults of the calls besides."""
    faults = [call.fault for call in plan.calls if call.fault is not None]
    return None not in (plan.full_disk_ms, plan.flood_at_ms, plan.stop_at_ms) and len(faults) == 2


def is_quiet(plan: RunPlan) -> bool:
    """Nothing goes wrong, and callers talk over what they hear."""
    return not plan.story()


def has_a_mute_caller(plan: RunPlan) -> bool:
    return [line[12:] for line in plan.story()] == ["call  0: caller leg: mute"]


def is_all_faults(plan: RunPlan) -> bool:
    """In calls that are up, each of them."""
    are_up = all(call.fault and call.door == "token" and call.dial == "answers" for call in plan.calls)
    return are_up and len(plan.story()) == len(plan.calls)


SEED = seed_where(CALLS, is_eventful)


def files(folder: Path) -> dict[str, bytes]:
    """Every file that a run leaves, by its place."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def soak(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="python -m engine.soak")


@pytest.mark.parametrize("seed", [0, seed_where(CALLS, is_all_faults)])
def test_a_bridge_under_faults_breaks_no_law(seed: int, tmp_path: Path) -> None:
    judged = run(draw(seed, CALLS), tmp_path / "calls")
    assert judged.verdict.broken == []
    assert judged.verdict.entries_lost == 0
    # Worth something only if the calls were up and talking.
    assert judged.verdict.entries > CALLS * 100


def test_one_seed_gives_the_same_bytes_in_two_processes_and_tells_its_story(tmp_path: Path) -> None:
    """Sealed logs and the index: not only what they hold, but every byte of every file."""
    environment = os.environ | {"PYTHONHASHSEED": "4711"}
    command = [sys.executable, "-m", "engine.soak", "--seed", str(SEED), "--calls", str(CALLS), "--keep", str(tmp_path)]
    plan = draw(SEED, CALLS)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as other:
        judged = run(plan, tmp_path / "here")
        told, _ = other.communicate()
    assert other.returncode == 0, told
    here, there = files(tmp_path / "here"), files(tmp_path / f"seed-{SEED}")
    assert len(here) > 2
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []
    lines = told.splitlines()
    assert lines[0] == f"seed {SEED}: {CALLS} calls, {judged.ran.seconds:.1f} s of virtual time"
    assert lines[1 : 1 + len(plan.story())] == plan.story()
    assert lines[2 + len(plan.story())].startswith(f"call  0  {plan.calls[0].fault or 'healthy':<32}")
    assert lines[-2].endswith(f"logs and index: {tmp_path / f'seed-{SEED}'}")
    assert lines[-1] == "no law is broken"


def test_a_call_that_ends_on_a_full_disk_is_whole_once_there_is_room(tmp_path: Path) -> None:
    quiet = draw(seed_where(1, is_quiet), 1)
    (call,) = quiet.calls
    full_ms = (call.begins_ms + 1_000, call.begins_ms + call.lasts_ms + 10_000)
    judged = run(replace(quiet, full_disk_ms=full_ms), tmp_path / "calls")
    assert (judged.verdict.broken, judged.verdict.logs, judged.verdict.entries_lost) == ([], 1, 0)
    assert any(" log.degraded " in line for line in judged.said)


def test_every_fault_is_drawn_sooner_or_later() -> None:
    drawn = {call.fault for seed in range(40) for call in draw(seed, 20).calls}
    assert drawn == {None, *FAULTS}


def test_trio_runs_its_tasks_in_the_order_that_the_seed_says() -> None:
    def order(seed: int) -> list[int]:
        async def run_tasks() -> list[int]:
            ran: list[int] = []

            async def task(number: int) -> None:
                ran.append(number)

            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(task, number)
            return ran

        with chance.seeded(seed):
            return trio.run(run_tasks)

    assert order(1) == order(1)
    assert order(1) != order(2)


@pytest.mark.parametrize("name", ["_r", "_ALLOW_DETERMINISTIC_SCHEDULING"])
def test_a_trio_that_draws_in_another_way_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(_run, name)
    with pytest.raises(chance.TrioChanged, match="see engine/soak/chance"), chance.seeded(1):
        pass


# Bugs, planted


def clear_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that leaves and is not in the log."""
    send = Leg.send

    def send_more(leg: Leg, frames: Iterable[str]) -> None:
        send(leg, [frame for each in frames for frame in [each] * (2 if CLEAR in each else 1)])

    monkeypatch.setattr(Leg, "send", send_more)


def lose_the_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is ever due: a caller that is gone without a word is waited for."""
    monkeypatch.setattr(Bridge, "_arm", lambda bridge, wake_at_ns: None)


def leak_a_descriptor(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each call: these."""
    run_whole, opened = Bridge.run, list[int]()

    async def run_and_leak(bridge: Bridge, stream: trio.abc.Stream, received: bytes = b"") -> None:
        opened.append(os.open(os.devnull, os.O_RDONLY))
        await run_whole(bridge, stream, received)

    monkeypatch.setattr(Bridge, "run", run_and_leak)
    return opened


@pytest.mark.parametrize(
    ("plant", "wanted", "law"),
    [
        (clear_twice, is_quiet, "what left is in the log"),
        (lose_the_timer, has_a_mute_caller, "every call ends as its fault allows"),
    ],
)
def test_a_planted_bug_is_found_and_the_printed_command_finds_it_again(
    plant: Callable[[pytest.MonkeyPatch], None],
    wanted: Callable[[RunPlan], bool],
    law: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    plant(monkeypatch)
    seed = seed_where(2, wanted)
    rest = ("--kills", "0", "--no-sockets", "--jobs", "1", "--calls", "2", "--keep", str(tmp_path))
    found = soak("--seeds", "1", "--first", str(seed), *rest)
    assert found.exit_code == 1
    lines = found.output.splitlines()
    (again,) = [line.partition("again: ")[2] for line in lines if "again: " in line]
    broken = [line for line in lines if line.startswith(f"    {law}: ")]
    assert broken
    assert (tmp_path / f"seed-{seed}" / "calls").is_dir()
    python, *arguments = shlex.split(again)
    assert [python, *arguments[:2]] == [".venv/bin/python", "-m", "engine.soak"]
    once_more = soak(*arguments[2:], "--keep", str(tmp_path / "again"))
    assert once_more.exit_code == 1
    assert [line for line in once_more.output.splitlines() if line.startswith(f"    {law}: ")] == broken


def test_a_planted_leak_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened = leak_a_descriptor(monkeypatch)
    broken = run(draw(seed_where(1, is_quiet), 1), tmp_path / "calls").verdict.broken
    assert [(each.law, each.what) for each in broken] == [("nothing is left behind", "1 open files")]
    for descriptor in opened:
        os.close(descriptor)


def test_what_is_well_is_not_kept_and_is_counted_by_kind(tmp_path: Path) -> None:
    told: list[int] = []
    tally = run_all([SEED], CALLS, 1, tmp_path, told.append)
    assert (tally.seeds, tally.calls, tally.kept, told, list(tmp_path.iterdir())) == (1, CALLS, [], [1], [])
    assert {"all calls: flood of connections", "all calls: full disk"} < tally.faults.keys()
    assert sum(tally.faults.values()) <= 5


@pytest.mark.parametrize(("code", "line"), [(0, "3 disks, 0 corrupt"), (1, "3 disks, 1 corrupt")])
def test_the_table_has_what_a_command_says_of_power_cuts(code: int, line: str) -> None:
    command = f'{sys.executable} -c \'print("power cuts: {line}"); print("seed 7"); raise SystemExit({code})\''
    told = soak("--seeds", "0", "--kills", "0", "--no-sockets", "--power-cuts", command)
    assert told.exit_code == code
    lines = told.output.splitlines()
    assert lines[0] == "seed 7"
    assert f"power cuts                         {line}" in lines
    assert "simulated                          not run" in lines
