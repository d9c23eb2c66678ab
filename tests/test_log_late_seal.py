"""Calls that end while their disk is full or gone: their logs wait for it, and what is lost in the end is named."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import trio
import trio.testing

from engine.core.entries import Entry
from engine.log import backlog, seal, writer
from engine.log.errors import LogError
from engine.log.folder import sealed_logs
from engine.log.index import calls as indexed_calls
from engine.log.recover import recover
from engine.log.seal import try_to_seal
from engine.log.writer import CallLog
from engine.unsealed import AGAIN_SECONDS
from replay.runner import replay
from replay.sources import open_log
from tests.bridge_peers import CONNECTED, STOP, Caller, start
from tests.disk_rig import SIDS, Disk, Rig, check_logs, kernel, tiny, up
from tests.log_builders import CALL, CALL_SID, DAY, end, entries_of, flat, step
from tests.server_rig import SIGNED
from tests.server_rig import entries as whole_entries


@pytest.fixture(autouse=True)
def small_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.health.CALL_ROOM_BYTES", 0)


@pytest.fixture(params=[kernel, tiny])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with request.param(tmp_path) as disk:
        yield disk


@pytest.fixture
def appended(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """All that calls have logged, whether it was written or not."""
    entries: list[Entry] = []
    append = CallLog.append

    def also(self: CallLog, step: Sequence[Entry]) -> None:
        entries.extend(step)
        append(self, step)

    monkeypatch.setattr(CallLog, "append", also)
    return entries


def told(capsys: pytest.CaptureFixture[str], *facts: str) -> list[str]:
    """What stderr says of these facts, without the time."""
    lines = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    return [line for line in lines if line.split(" ", 1)[0] in facts]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def hang_up(rig: Rig, *numbers: int) -> None:
    for number in numbers:
        await rig.callers[number].send(STOP)
        await rig.callers[number].closed.wait()
    await trio.testing.wait_all_tasks_blocked()


async def test_calls_that_end_on_a_full_disk_are_sealed_once_it_has_room(
    disk: Disk, autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    calls_dir = disk.folder / "calls"
    async with up(calls_dir) as rig:
        for sid in SIDS:
            await rig.call(sid)
        await rig.talk(1)
        disk.full()
        await rig.talk(2)
        await hang_up(rig, 0, 1)
        await trio.sleep(300)
        status, health = await rig.health()
        assert (status, health["status"], health["calls"], health["calls_unsealed"]) == (503, "degraded", 0, 2)
        assert "/live/CA" in str(health["log"])
        assert not await rig.is_taken()
        assert recover(calls_dir) == []  # both are held
        disk.free()
        await rig.server.all_over()
        await trio.sleep(AGAIN_SECONDS)
        status, health = await rig.health()
        assert (status, health["log"], health["calls_unsealed"], health["log_dropped_entries"]) == (200, "ok", 0, 0)
        late = health["log_late_entries"]
        assert isinstance(late, int)
        assert late > 2 * 2 * 2 * 50
        assert await rig.is_taken()
    check_logs(calls_dir, frames=3 * 50)
    assert list((calls_dir / "live").iterdir()) == []
    assert sorted(row.call_sid for row in indexed_calls(calls_dir)) == SIDS
    lines = told(capsys, "call.ended", "log.degraded", "log.well", "log.sealed", "log.unsealed")
    assert [line.split()[0] for line in lines].count("call.ended") == 2
    assert all("cannot be written: " in line for line in lines if line.startswith("call.ended"))
    sealed = sorted(line for line in lines if line.startswith("log.sealed"))
    assert [line.split()[1:3] for line in sealed] == [
        [f"call={log.stem}", f"log={log}"] for log in sealed_logs(calls_dir)
    ]
    assert sum(int(line.partition("late_entries=")[2]) for line in sealed) == late
    assert lines[0].startswith("log.degraded")
    assert lines[-1] == f"log.well late_entries={late} dropped_entries=0"


@pytest.mark.parametrize("how", ["stopped", "cut off"])
async def test_a_server_that_ends_on_a_full_disk_leaves_a_prefix_and_says_what_is_missing(
    tmp_path: Path,
    appended: list[Entry],
    autojump_clock: trio.testing.MockClock,
    capsys: pytest.CaptureFixture[str],
    how: str,
) -> None:
    """The next start seals it."""
    before = descriptors()
    with kernel(tmp_path) as disk:
        async with trio.open_nursery() as nursery, up(tmp_path) as rig:
            await rig.call(SIDS[0])
            await rig.talk(1)
            disk.full()
            await rig.talk(2)
            await hang_up(rig, 0)
            if how == "cut off":
                nursery.cancel_scope.cancel()
        assert descriptors() == before
    (recovered,) = recover(tmp_path)
    assert recovered.sealed is not None
    found = whole_entries(recovered.path)
    assert found == appended[: len(found)]
    assert sum(entry.type == "media" for entry in found) == 50
    missing = len(appended) - len(found)
    assert missing > 2 * 2 * 50
    (line,) = told(capsys, "log.unsealed", "log.sealed")
    log = tmp_path / "live" / f"{SIDS[0]}.db"
    assert line.startswith(
        f'log.unsealed call={SIDS[0]} log={log} missing_entries={missing} why="{missing} entries of {SIDS[0]} cannot'
    )


@pytest.mark.parametrize("stops", [1, 2])
async def test_a_disk_that_has_room_before_the_server_is_stopped_is_in_time(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str], stops: int
) -> None:
    """It has as long as calls have to end, or to be hung up."""
    with kernel(tmp_path) as disk:
        async with up(tmp_path) as rig:
            await rig.call(SIDS[0])
            disk.full()
            await rig.talk(2)
            await hang_up(rig, 0)
            for _ in range(stops):
                rig.server.stop()
            await trio.sleep(50 if stops == 1 else 5)
            assert not rig.over.is_set()
            disk.free()
            await trio.sleep(AGAIN_SECONDS)
            assert rig.over.is_set()
    check_logs(tmp_path, frames=2 * 50, sids=SIDS[:1])
    assert [line.split()[0] for line in told(capsys, "log.sealed", "log.unsealed")] == ["log.sealed"]


async def test_with_room_for_one_entry_more_the_log_itself_says_what_is_missing(
    tmp_path: Path,
    appended: list[Entry],
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What waited until the end, and what had found no room to wait."""
    monkeypatch.setattr(backlog, "BACKLOG_BYTES_MAX", 60_000)
    insert = writer._insert
    async with up(tmp_path) as rig:
        await rig.call(SIDS[0])
        await rig.talk(1)

        def little_room(connection: sqlite3.Connection, entries: Sequence[Entry], cipher: None) -> None:
            if entries[0].type != backlog.GAP_TYPE:
                raise sqlite3.OperationalError("database or disk is full")
            insert(connection, entries, cipher)

        monkeypatch.setattr(writer, "_insert", little_room)
        await rig.talk(3)
        await hang_up(rig, 0)
        dropped = (await rig.health())[1]["log_dropped_entries"]
        assert isinstance(dropped, int)
        assert dropped > 0
    (recovered,) = recover(tmp_path)
    *found, gap = whole_entries(recovered.path)
    assert found == appended[: len(found)]
    missing = len(appended) - len(found)
    assert missing > dropped
    last = appended[-1].seq
    assert (gap.type, gap.kind, gap.seq) == ("log.gap", "fault", len(found) + 1)
    assert f'"first":{gap.seq},"last":{last},"reason":"not written until the bridge stopped: ' in gap.body
    (line,) = told(capsys, "log.unsealed")
    assert f" missing_entries={missing} " in line
    with open_log(recovered.path) as opened:
        result = replay(opened)
    assert result.verdict == "unknown"
    assert result.reason is not None
    assert result.reason.startswith(f"entries were lost from entry {gap.seq} on: ")


async def test_a_call_whose_log_waits_keeps_its_place(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """One that was let in before, and has its start now, is refused: so there is an end to what waits in memory."""
    with kernel(tmp_path) as disk:
        async with up(tmp_path, calls_max=1) as rig, trio.open_nursery() as nursery:
            second = Caller()
            await second.connect(nursery, rig.stream(), SIGNED)
            await rig.call(SIDS[0])
            disk.full()
            await rig.talk(1)
            await hang_up(rig, 0)
            await second.send(CONNECTED, start(SIDS[1]))
            assert await second.close_reason() == (1008, "refused")
            await trio.testing.wait_all_tasks_blocked()
            health = (await rig.health())[1]
            assert (health["calls"], health["calls_unsealed"]) == (0, 2)
            disk.free()
            await rig.server.all_over()
            assert await rig.is_taken()
    assert sorted(row.ended for row in indexed_calls(tmp_path)) == ["refused", "stop"]


async def test_a_log_that_another_program_holds_is_sealed_once_it_is_let_go(
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All of it is on the disk, so calls are taken meanwhile. Of more than CALLS_MAX, the others are left in live/."""
    monkeypatch.setattr(seal, "BUSY_SECONDS_MAX", 0)
    async with up(tmp_path, calls_max=1) as rig:
        shells = []
        for number, sid in enumerate(SIDS):
            await rig.call(sid)
            shells.append(sqlite3.connect(tmp_path / "live" / f"{sid}.db"))
            shells[-1].execute("BEGIN")
            shells[-1].execute("SELECT count(*) FROM entry").fetchone()
            await hang_up(rig, number)
            assert await rig.is_taken()
        assert (await rig.health())[1]["calls_unsealed"] == 1
        for shell in shells:
            shell.close()
        await trio.sleep(AGAIN_SECONDS)
        status, health = await rig.health()
        assert (status, health["calls_unsealed"]) == (200, 0)
    assert [row.call_sid for row in indexed_calls(tmp_path)] == SIDS[:1]
    first, second = told(capsys, "log.sealed", "log.unsealed")
    assert first.startswith(f"log.unsealed call={SIDS[1]} log={tmp_path}/live/{SIDS[1]}.db missing_entries=0 why=")
    (log,) = sealed_logs(tmp_path)
    assert second == f"log.sealed call={SIDS[0]} log={log}"
    assert [one.path.stem for one in recover(tmp_path)] == SIDS[1:]


class NoRoom:
    free = 0


def test_sealing_is_tried_again_wherever_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = CallLog(tmp_path)
    log.open(CALL)
    log.append(step(0))
    log.append(end(1))
    with monkeypatch.context() as full:
        full.setattr(seal, "disk_usage", lambda folder: NoRoom)
        with pytest.raises(LogError, match=r"no room for the copy of \d+ bytes that sealing makes: 0 free"):
            try_to_seal(log)
    (tmp_path / DAY).write_text("in the way")
    with pytest.raises(LogError, match="File exists"):
        try_to_seal(log)
    (tmp_path / DAY).unlink()
    assert recover(tmp_path) == []  # it is held
    sealed = try_to_seal(log)
    assert sealed is not None
    assert sealed.path == tmp_path / DAY / f"{CALL_SID}.db"
    assert entries_of(sealed.path) == flat([step(0), end(1)])
    assert list((tmp_path / "live").iterdir()) == []
