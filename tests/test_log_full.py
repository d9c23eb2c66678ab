"""A disk that fills up under calls: they go on, new ones are turned away in words, and what waited is written.

What ends meanwhile is in test_log_late_seal.py.
"""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import trio
import trio.testing

from engine.commands.serve import _serve
from engine.config import ConfigError
from engine.core.entries import FORMAT
from engine.health import CALL_ROOM_BYTES, LOOK_AGAIN_SECONDS
from engine.log.errors import LogError
from engine.log.recover import recover
from engine.log.sync import Syncer
from engine.log.writer import CallLog
from engine.syncing import Syncing
from tests.bridge_peers import STOP
from tests.disk_rig import SIDS, Arguments, Disk, Result, at_once, check_logs, kernel, tiny, up
from tests.log_builders import CALL, end, entries_of
from tests.server_rig import config


@pytest.fixture(params=[kernel, tiny])
def disk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    monkeypatch.setattr("engine.health.CALL_ROOM_BYTES", 0)
    with request.param(tmp_path) as disk:
        yield disk


async def test_calls_go_on_while_the_disk_is_full_and_nothing_is_missing(
    disk: Disk, autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    async with up(disk.folder / "calls") as rig:
        for sid in SIDS:
            await rig.call(sid)
        await rig.talk(1)
        assert (await rig.health())[0] == 200
        disk.full()
        await rig.talk(2)
        status, health = await rig.health()
        assert (status, health["status"], health["calls"]) == (503, "degraded", 2)
        assert "/live/CAaaaa" in str(health["log"])
        assert not await rig.is_taken()
        disk.free()
        await rig.talk(2)
        status, health = await rig.health()
        assert (status, health["log"], health["log_dropped_entries"]) == (200, "ok", 0)
        late = health["log_late_entries"]
        assert isinstance(late, int)
        assert late > 2 * 2 * 2 * 50
        assert await rig.is_taken()
        for caller in rig.callers:
            await caller.send(STOP)
        await rig.server.all_over()
        assert (await rig.health())[1]["log_late_entries"] == late
    check_logs(disk.folder / "calls", frames=5 * 50)
    told = [line for line in capsys.readouterr().err.splitlines() if " log." in line]
    assert [line.split()[1] for line in told] == ["log.degraded", "log.well"]
    assert told[1].endswith(f"late_entries={late} dropped_entries=0")


async def test_new_calls_are_turned_away_before_the_disk_is_full(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the disk is not asked each time how much room it has."""
    looks = 0
    free_bytes = 5 * CALL_ROOM_BYTES

    class Usage(NamedTuple):
        free: int

    def look(folder: Path) -> Usage:
        nonlocal looks
        looks += 1
        return Usage(free_bytes)

    monkeypatch.setattr("engine.health.disk_usage", look)
    async with up(tmp_path, calls_max=5) as rig:
        await rig.call(SIDS[0])
        assert await rig.is_taken()
        free_bytes -= 1
        await trio.sleep(LOOK_AGAIN_SECONDS)
        assert not await rig.is_taken()
        status, health = await rig.health()
        assert (status, health["log"]) == (
            503,
            f"CALLS_DIR {tmp_path} is on a disk with 159 MiB free, and CALLS_MAX=5 calls need 160 MiB:"
            " make room there, or set CALLS_MAX lower",
        )
        assert looks == 2
        await rig.talk(2)
        free_bytes += 1
        assert await rig.is_taken()
        await rig.callers[0].send(STOP)
        await rig.server.all_over()


async def test_a_folder_that_cannot_be_is_said(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    (tmp_path / "file").write_text("in the way")
    calls_dir = tmp_path / "file" / "calls"
    async with up(calls_dir) as rig:
        status, health = await rig.health()
        assert (status, health["log"]) == (503, f"CALLS_DIR {calls_dir} cannot be looked at: Not a directory")
        assert not await rig.is_taken()


async def test_syncing_that_takes_too_long_is_said_and_ends_nothing(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slow disk. Calls are taken: what they need is that it takes their logs, sooner or later."""
    is_slow = True

    async def slowly(function: Callable[[*Arguments], Result], /, *arguments: *Arguments) -> Result:
        if is_slow and getattr(function, "__name__", "") == "sync":
            await trio.sleep(0.7)
        return await at_once(function, *arguments)

    async with up(tmp_path) as rig:
        rig.server._run_sync = slowly
        await trio.sleep(2)
        status, health = await rig.health()
        late = "late: syncing all logs took 0.7 s, more than half of LOG_SYNC_SECONDS=1: a power cut may take more"
        assert (status, health["log_sync"]) == (200, late)
        assert await rig.is_taken()
        is_slow = False
        await trio.sleep(2)
        assert (await rig.health())[1]["log_sync"] == "ok"
    told = [line for line in capsys.readouterr().err.splitlines() if " log." in line]
    assert [line.split(" ", 1)[1] for line in told] == ["log.sync_late seconds=0.7 log_sync_seconds=1.0"]


async def test_a_bridge_that_starts_on_a_full_disk_is_there_to_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], autojump_clock: trio.testing.MockClock
) -> None:
    """It gets as far as its port, which another has. What lies in live/ stays there."""
    with tiny(tmp_path) as disk:
        calls_dir = disk.folder / "calls"
        log = CallLog(calls_dir)
        log.open(CALL)
        log.append(end(0))
        assert log.path is not None
        path = log.path
        log.close()
        disk.full()
        taken = socket.create_server(("127.0.0.1", 0))
        with taken, pytest.raises(ConfigError, match="cannot listen"):
            await _serve(config(calls_dir, port=taken.getsockname()[1]))
        full, not_recovered = (line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines())
        assert full.startswith(f'log.full why="CALLS_DIR {calls_dir} cannot be written: ')
        assert not_recovered.startswith(f"log.not_recovered log={path} why=")
        disk.free()
        (recovered,) = recover(calls_dir)
        assert recovered.sealed is not None
        assert entries_of(recovered.path) == end(0)


async def test_a_folder_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("in the way")
    with pytest.raises(LogError, match="Set CALLS_DIR to a folder"):
        await _serve(config(tmp_path / "calls"))


@pytest.mark.parametrize(
    ("seconds", "begins"), [(4.0, [0, 2, 4, 6]), (1.0, [0, 0.5, 1.2, 1.7]), (0.0, [0, 0.5, 1.2, 1.7])]
)
async def test_a_round_begins_twice_in_that_time_and_none_is_given_up(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, seconds: float, begins: list[float]
) -> None:
    """Where it took longer than that once, as the second does here, the next begins at once."""
    began, looked = list[float](), list[float]()
    started = trio.current_time()

    async def run_sync(function: Callable[[*Arguments], Result], /, *arguments: *Arguments) -> Result:
        began.append(round(trio.current_time() - started, 3))
        with trio.CancelScope(shield=True):
            await trio.sleep(0.7 if len(began) == 2 else 0)
        return function(*arguments)

    syncing = Syncing(Syncer(tmp_path / "calls", seconds, FORMAT), seconds, run_sync, looked.append)
    with trio.move_on_after(begins[-1] + 0.1):
        await syncing.run()
    assert began == begins
    assert [round(took, 3) for took in looked] == [0, 0.7, 0, 0]
    assert not (tmp_path / "calls" / "blank").exists()
