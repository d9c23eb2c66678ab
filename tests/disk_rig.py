"""A server on a disk that a test can fill and free: in virtual time, over memory streams; the disk is real.

It is either the kernel that lets no file of this process grow, or, where the test may mount one, a file system that is
full.
"""

import json
import resource
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from shutil import disk_usage
from typing import NamedTuple, TypeVar, TypeVarTuple

import pytest
import trio
import trio.testing

from engine.config import TURN_AWAY_WORDS
from engine.dial import Dialled
from engine.server import Server
from replay.runner import replay
from replay.sources import open_log
from tests.bridge_peers import CONNECTED, Caller, Model, media, start
from tests.bridge_rig import align_at_once
from tests.server_rig import MEDIA_URL, PUBLIC_URL, SIGNED, UPGRADE, ask, config, entries, signature

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")
SIDS = ["CA" + letter * 32 for letter in "ab"]


async def at_once(function: Callable[[*Arguments], Result], /, *arguments: *Arguments) -> Result:
    await trio.lowlevel.checkpoint()
    return function(*arguments)


class Rig:
    """A server, and who comes to it."""

    def __init__(self, calls_dir: Path, nursery: trio.Nursery, **changes: object) -> None:
        self.models: list[Model] = []
        self.callers: list[Caller] = []
        self.server = Server(config(calls_dir, **changes), align_at_once, at_once, self._dial)
        self.over = trio.Event()
        self._nursery = nursery

    async def run(self) -> None:
        """Serve until stopped."""
        await self.server.run()
        self.over.set()

    async def _dial(self, name: str) -> Dialled:
        self.models.append(Model())
        return await self.models[-1].dial(self._nursery)(name)

    def stream(self) -> trio.abc.Stream:
        near, far = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self.server.serve_stream, far)
        return near

    async def call(self, sid: str) -> None:
        """A call begins, and its model is ready."""
        caller = Caller()
        await caller.connect(self._nursery, self.stream(), SIGNED)
        await caller.send(CONNECTED, start(sid))
        self.callers.append(caller)
        await trio.testing.wait_all_tasks_blocked()

    async def talk(self, seconds: int) -> None:
        """All callers speak, and their models hear all of it."""
        heard = [len(model.frames) for model in self.models]
        for number in range(seconds * 50):
            for caller in self.callers:
                await caller.send(media(number))
            await trio.sleep(0.02)
        await trio.testing.wait_all_tasks_blocked()
        assert [len(model.frames) for model in self.models] == [count + seconds * 50 for count in heard]

    async def health(self) -> tuple[int, dict[str, object]]:
        status, text = await ask(self.stream(), "GET", "/healthz")
        return status, json.loads(text)

    async def is_taken(self) -> bool:
        """Whether a new call is: Twilio is told so, and the upgrade of one that comes all the same is refused."""
        _, twiml = await ask(self.stream(), "POST", "/twiml", signature(f"{PUBLIC_URL}/twiml"))
        if "<Connect>" in twiml:
            return True
        assert f"<Say>{TURN_AWAY_WORDS}</Say><Hangup/>" in twiml
        assert (await ask(self.stream(), "GET", "/media", UPGRADE | signature(MEDIA_URL)))[0] == 503
        return False


@asynccontextmanager
async def up(calls_dir: Path, **changes: object) -> AsyncIterator[Rig]:
    with trio.fail_after(600):
        async with trio.open_nursery() as nursery:
            rig = Rig(calls_dir, nursery, **changes)
            nursery.start_soon(rig.run)
            yield rig
            rig.server.stop()
            await rig.over.wait()
            nursery.cancel_scope.cancel()


class Disk(NamedTuple):
    folder: Path
    full: Callable[[], None]
    free: Callable[[], None]


@contextmanager
def kernel(tmp_path: Path) -> Iterator[Disk]:
    """No file of this process may grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def free() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    try:
        yield Disk(tmp_path, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard)), free)
    finally:
        free()


@contextmanager
def tiny(tmp_path: Path) -> Iterator[Disk]:
    """A file system of 8 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "playhead-test", disk], capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs; the other case has the same by the kernel's limit")
    ballast = disk / "ballast"

    def fill() -> None:
        ballast.write_bytes(bytes(disk_usage(disk).free))

    try:
        yield Disk(disk, fill, ballast.unlink)
    finally:
        subprocess.run(["umount", disk], check=True)


def check_logs(calls_dir: Path, frames: int, sids: Sequence[str] = SIDS) -> None:
    """Every call is whole, and replays to the same."""
    logs = sorted(calls_dir.glob("20*/*.db"))
    assert [log.stem for log in logs] == list(sids)
    for log in logs:
        found = entries(log)
        assert [entry.seq for entry in found] == list(range(1, 1 + len(found)))
        assert sum(entry.type == "media" for entry in found) == frames
        with open_log(log) as opened:
            assert replay(opened).verdict == "same"
