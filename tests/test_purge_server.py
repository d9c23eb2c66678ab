"""`bridge serve` with RETAIN_DAYS removes old calls by itself, and says so."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import pytest
import trio
import trio.testing

from engine import purge
from engine.log.wall_clock import NOW
from tests.purge_rig import BORDER, OLD, SIDS, TODAY, YOUNG, call, refusing
from tests.server_rig import serving

Arguments = TypeVarTuple("Arguments")
Returned = TypeVar("Returned")


@pytest.fixture(autouse=True)
def today() -> None:
    NOW.set(lambda: TODAY)


class TestTheServer:
    async def test_removes_old_calls_when_it_starts_and_every_day(
        self, tmp_path: Path, autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
    ) -> None:
        old, border, young = (call(tmp_path, sid, day) for sid, day in zip(SIDS, (OLD, BORDER, YOUNG), strict=False))
        (old.parent / "notes.txt").touch()
        NOW.set(lambda: TODAY + timedelta(seconds=trio.current_time() - began))
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(purge.retain, tmp_path, 30, at_once)
            await trio.testing.wait_all_tasks_blocked()
            assert [old.exists(), border.exists(), young.exists()] == [False, True, True]
            await trio.sleep(24 * 3600 + 1)
            assert [border.exists(), young.exists()] == [False, True]
            nursery.cancel_scope.cancel()
        told = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
        assert told == [
            "calls.purged removed=1 before=2026-10-22",
            f'calls.left path={old.parent}/notes.txt why="not a log"',
            "calls.purged removed=1 before=2026-10-23",
            f'calls.left path={old.parent}/notes.txt why="not a log"',
        ]

    async def test_does_so_in_parts(
        self, tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server that is stopped waits for one of them, and the next start does the rest."""
        paths = [call(tmp_path, sid, OLD) for sid in SIDS[:5]]
        monkeypatch.setattr(purge, "FILES_AT_ONCE", 2)
        done: list[str] = []

        async def stopped_in_the_middle(function: Callable[..., object], *arguments: object) -> object:
            done.append(function.__name__)
            if done.count("remove") == 2:
                await trio.sleep_forever()
            return function(*arguments)

        with trio.move_on_after(1):
            await purge.retain(tmp_path, 30, stopped_in_the_middle)  # type: ignore[arg-type]
        assert done == ["older", "forget", "remove", "remove"]
        assert [path.exists() for path in paths] == [False, False, True, True, True]

    async def test_says_what_it_could_not_do(
        self,
        tmp_path: Path,
        autojump_clock: trio.testing.MockClock,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        old = call(tmp_path, SIDS[0], OLD)
        (tmp_path / "index.db").write_text("no index")
        monkeypatch.setattr(os, "unlink", refusing(os.unlink, old.name))
        (tmp_path / "file").touch()
        for calls_dir in (tmp_path, tmp_path / "file"):
            with trio.move_on_after(1):
                await purge.retain(calls_dir, 30, at_once)
        told = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
        assert [line.split(" ", 1)[0] for line in told] == ["calls.not_forgotten", "calls.left", "calls.not_purged"]
        assert "Read-only file system" in told[1]

    async def test_is_told_by_retain_days(self, tmp_path: Path) -> None:
        old, young = call(tmp_path, SIDS[0], OLD), call(tmp_path, SIDS[1], YOUNG)
        async with serving(tmp_path, retain_days=30) as rig:
            while old.parent.exists():
                await rig.health()
        assert young.exists()

    async def test_keeps_calls_for_ever_unless_told(self, tmp_path: Path) -> None:
        old = call(tmp_path, SIDS[0], "2020-01-01")
        async with serving(tmp_path) as rig:
            await rig.health()
        assert old.exists()


async def at_once(function: Callable[[*Arguments], Returned], /, *arguments: *Arguments) -> Returned:
    """As good as a thread, where time stands still."""
    await trio.lowlevel.checkpoint()
    return function(*arguments)
