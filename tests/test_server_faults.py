"""What fails around a server that goes on: a stderr nobody reads, a disk that comes back, upgrades all at once."""

import sys
import threading
from pathlib import Path

import pytest
import trio

from engine.log.errors import LogError
from engine.say import say_error
from tests.bridge_peers import CONNECTED, STOP, Caller, Model, start
from tests.server_rig import Rig, end_of, listening, serving


class Broken:
    """A stderr that takes nothing."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def write(self, text: str) -> None:
        raise self._error

    flush = write


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), ValueError("I/O operation on closed file")])
async def test_nobody_reads_stderr(
    tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The log collector has died. Calls begin, run and end, and strangers are turned away, as if it had not."""
    model = Model()
    async with serving(tmp_path, model_url=await listening(nursery, model)) as rig:
        monkeypatch.setattr(sys, "stderr", Broken(error))
        say_error("told", ZeroDivisionError("to nobody"), verbose=True)
        assert (await rig.ask("GET", "/"))[0] == 404
        caller = await rig.caller()
        await caller.send(CONNECTED, start())
        await model.received(1)
        await caller.send(STOP)
        await rig.server.all_over()
        assert end_of(rig.logs()[0])[0] == "stop"
    nursery.cancel_scope.cancel()


class Disk:
    """A CALLS_DIR that fails until it is told to be well, and counts how often it is looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_well = False
        self.looks = 0
        monkeypatch.setattr("engine.finish.try_to_seal", self.check)
        monkeypatch.setattr("engine.health.check_calls_dir", self.check)

    def check(self, *_: object) -> None:
        self.looks += 1
        if not self.is_well:
            raise LogError("the disk is full")


async def one_call(rig: Rig) -> None:
    """A call that is over, but for what its log has come to."""
    caller = await rig.caller()
    await caller.send(CONNECTED, start(), STOP)
    await caller.closed.wait()
    await rig.server.all_over()


async def test_health_finds_out_by_itself_that_the_disk_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load balancer sends no calls to a server that is not well, so no call would ever find out. It asks often: the
    disk is not looked at each time."""
    disk = Disk(monkeypatch)
    monkeypatch.setattr("engine.unsealed.AGAIN_SECONDS", 3600)
    async with serving(tmp_path) as rig:
        await one_call(rig)
        disk.looks = 0
        monkeypatch.setattr("engine.health.LOOK_AGAIN_SECONDS", 3600)
        for _ in range(3):
            health = await rig.health()
            assert (health["status"], health["log"]) == ("degraded", "the disk is full")
        assert disk.looks == 1
        disk.is_well = True
        assert (await rig.health())["status"] == "degraded"
        monkeypatch.setattr("engine.health.LOOK_AGAIN_SECONDS", 0)
        assert (await rig.health())["status"] == "ok"
        assert (await rig.health())["status"] == "ok"
        assert disk.looks == 2


async def test_calls_that_wait_for_the_disk_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One place is left and two come for it, while it is looked whether the disk is back. One of them gets it."""
    disk = Disk(monkeypatch)
    async with serving(tmp_path, calls_max=1) as rig:
        await one_call(rig)
        both = threading.Barrier(2, timeout=10)
        monkeypatch.setattr("engine.health.check_calls_dir", lambda calls_dir: both.wait())
        disk.is_well = True
        callers = []

        async def upgrade() -> None:
            callers.append(await rig.caller())

        async with trio.open_nursery() as upgrading:
            upgrading.start_soon(upgrade)
            upgrading.start_soon(upgrade)
        refusals = []
        async with trio.open_nursery() as calling:

            async def refused(caller: Caller) -> None:
                refusals.append(await caller.close_reason())
                calling.cancel_scope.cancel()

            for number, caller in enumerate(callers):
                await caller.send(CONNECTED, start(f"CA{number:032}"))
                calling.start_soon(refused, caller)
        assert refusals == [(1008, "refused")]
        assert (await rig.health())["calls"] == 1
