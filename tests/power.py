"""Power cuts. Whatever the log asks of the disk is recorded, and at each operation the disk is rebuilt as a power cut
there might have left it (`power_disk`); then the next start must find what the log promises.

    python -m tests.power [SEEDS]        all of it; `make test` takes a sample (test_log_power.py)

**What is promised**, of each such disk. Each log is in one place, whole for SQLite, and an exact prefix of what was
appended; nothing of it is missing that is older than LOG_SYNC_SECONDS; or it is not there, or says that it has no call
yet, and then there was nothing so old. The next start seals it with the same entries, and leaves nothing in live/. The
index can be read, or is not there.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from random import Random

import msgspec
import pytest

from engine.core.entries import FORMAT, Entry
from engine.core.report import Report
from engine.log import create, index
from engine.log.errors import LogDamagedError, LogError
from engine.log.reader import read_call
from engine.log.recover import recover
from engine.log.seal import Sealed, seal
from engine.log.sync import Syncer
from engine.log.writer import CallLog
from tests.log_builders import CALL, DAY, MS, end, step
from tests.power_disk import Disk, Recording
from tests.watched_disk import watched

SIDS = ("CA" + "a" * 32, "CA" + "b" * 32)
SHARES = ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.5, 0.5), (0.9, 1.0), (0.1, 0.9), (0.95, 0.5))
"""How much of what is unsynced is kept, of writes and of names."""


class Counts(msgspec.Struct):
    """What came of the images that were tried."""

    images: int = 0
    starts: int = 0
    corrupt: int = 0
    lost: int = 0
    """Images that are not corrupt, and miss entries that were promised."""
    worst_entries: int = 0
    """Most entries of one log that an image had not, within the promise."""
    problems: list[str] = []


class Broken(Exception):
    """An image breaks a promise."""


class Lost(Broken):
    """Entries are missing that should be there."""


class Story:
    """Calls that are logged on a disk which is recorded, and what is promised at each of its operations."""

    def __init__(self, root: Path, seconds: float, random: Random) -> None:
        self.recording = Recording(root)
        self.floors: list[tuple[int, str, int]] = []
        """From which operation on how many entries of which call must be there."""
        self.entries: dict[str, list[Entry]] = {}
        self.now_ns = 0
        self._root = root
        self._seconds = seconds
        self._random = random
        self._logs: dict[str, CallLog] = {}
        self._syncer = Syncer(root, seconds, FORMAT, at_once=1)

    def begin(self, sid: str) -> None:
        """A call begins."""
        log = self._logs[sid] = CallLog(self._root, syncer=self._syncer)
        self.entries[sid] = []
        log.open(msgspec.structs.replace(CALL, call_sid=sid))

    def speak(self) -> None:
        """Every call that is up has a frame."""
        for sid in self._logs:
            self._append(sid, step(0, self._random.randbytes(160)))

    def finish(self, sid: str) -> None:
        """A call ends: its log is sealed and indexed."""
        self._append(sid, end(0))
        sealed = seal(self._logs.pop(sid))
        assert sealed is not None
        self.floors.append((len(self.recording.ops), sid, len(self.entries[sid])))
        index.add(self._root, *_indexed(self._root, sealed))

    def time_is(self, now_ns: int) -> None:
        """What is older than LOG_SYNC_SECONDS is promised from here on. Twice in that time, it is synced; and while a
        sync is under way, the calls go on."""
        self.now_ns = now_ns
        for sid, entries in self.entries.items():
            old = sum(entry.at_ns <= now_ns - self._seconds * 1000 * MS for entry in entries)
            self.floors.append((len(self.recording.ops), sid, old))
        if self._seconds and now_ns % round(self._seconds * 500 * MS) == 0:
            self.recording.while_syncing = self.speak
            self._syncer.sync()
            self.recording.while_syncing = None

    def _append(self, sid: str, entries: list[Entry]) -> None:
        log, first = self.entries[sid], len(self.entries[sid])
        entries = [
            msgspec.structs.replace(
                entry, seq=first + at, at_ns=self.now_ns, cause=None if entry.cause is None else first + entry.cause
            )
            for at, entry in enumerate(entries)
        ]
        self._logs[sid].append(entries)
        assert self._logs[sid].degraded is None
        log += entries
        if not self._seconds:
            self.floors.append((len(self.recording.ops), sid, len(log)))

    def close(self) -> None:
        """The server stops."""
        self._syncer.close()


def calls(root: Path, seconds: float, steps: int, wal_pages: int, seed: int) -> Story:
    """Two calls: one begins while the other is up, and ends before it. The index is rebuilt at the end."""
    story = Story(root, seconds, Random(seed))
    with pytest.MonkeyPatch.context() as patch, watched(root, story.recording):
        patch.setattr(create, "WAL_PAGES", wal_pages)
        for number in range(steps):
            story.time_is(number * 20 * MS)
            if number in (0, steps // 3):
                story.begin(SIDS[number > 0])
            story.speak()
            if number == steps * 2 // 3:
                story.finish(SIDS[0])
        story.finish(SIDS[1])
        index.rebuild(root, lambda path: _indexed(root, _sealed(path)))
        story.close()
    return story


def next_start(root: Path, seed: int) -> Story:
    """What a killed bridge left is sealed: a log with an end, one without, one whose copy was being made."""
    story = Story(root, 0, Random(seed))
    for sid in SIDS:
        story.begin(sid)
        for _ in range(20):
            story.speak()
    for log in story._logs.values():
        log.close()
    (root / "live" / f"{SIDS[0]}.db.new").write_bytes(b"half of a copy")
    left = Story(root, 0, Random(seed))
    left.entries = story.entries
    left.floors = [(0, sid, len(entries)) for sid, entries in story.entries.items()]
    with watched(root, left.recording):
        assert [one.problem for one in recover(root)] == [None, None]
    return left


def _indexed(root: Path, sealed: Sealed) -> tuple[index.IndexRow, Report]:
    report = Report(sealed.call.call_sid, sealed.call.stream_sid, "stop", "", 40, [], [], 3, [])
    return index.row_of(root, sealed.path, sealed.call, sealed.seal, report, 0), report


def _sealed(path: Path) -> Sealed:
    with read_call(path) as logged:
        assert logged.seal is not None
        return Sealed(path, logged.call, logged.seal)


# What a power cut leaves of them


def images(story: Story, random: Random, counts: Counts, sample: float = 1, starts: float = 1) -> None:
    """Try the disks that a power cut at any operation of a story may leave. `sample`: what share of them; `starts`: for
    what share of those the next start, too."""
    ops, disk = story.recording.ops, Disk(story.recording)
    floors = dict.fromkeys(story.entries, 0)
    ahead = sorted(story.floors, key=lambda floor: floor[0])
    tried: set[bytes] = set()
    with _scratch() as scratch:
        for at in range(len(ops) + 1):
            while ahead and ahead[0][0] <= at:
                _, sid, floor = ahead.pop(0)
                floors[sid] = max(floors[sid], floor)
            for kept, names_kept in SHARES:
                if random.random() >= sample:
                    continue
                image = disk.image(random, kept, names_kept)
                key = sha256(repr(image).encode()).digest()
                if key not in tried:
                    tried.add(key)
                    _try(scratch, image, story.entries, floors, random.random() < starts, counts, f"{at}, {kept}")
            if at < len(ops):
                disk.do(ops[at])


def _try(
    scratch: Path,
    image: dict[str, bytes | None],
    entries: dict[str, list[Entry]],
    floors: dict[str, int],
    has_start: bool,
    counts: Counts,
    which: str,
) -> None:
    root = scratch / str(counts.images)
    root.mkdir()
    for name, data in image.items():
        if data is None:
            (root / name).mkdir()
        else:
            (root / name).write_bytes(data)
    counts.images += 1
    counts.starts += has_start
    try:
        found = {sid: _found(root, sid, entries[sid], floors[sid]) for sid in entries}
        counts.worst_entries = max([counts.worst_entries, *(len(entries[sid]) - found[sid] for sid in entries)])
        if (root / "index.db").exists():
            index.calls(root)
        if has_start:
            recover(root)
            for sid in entries:
                if _found(root, sid, entries[sid], floors[sid]) != found[sid]:
                    raise Broken(f"the next start changes {sid}")
            if left := [path.name for path in (root / "live").glob("*")]:
                raise Broken(f"the next start leaves {left}")
    except Lost as broken:
        counts.lost += 1
        counts.problems.append(f"operation {which}: {broken}")
    except (Broken, LogError) as broken:
        counts.corrupt += 1
        counts.problems.append(f"operation {which}: {broken}")
    shutil.rmtree(root)


def _found(root: Path, sid: str, appended: list[Entry], floor: int) -> int:
    """How many entries of a call are found, all in order. Raises Broken, LogError."""
    places = [path for folder in ("live", DAY, "damaged") if (path := root / folder / f"{sid}.db").exists()]
    if len(places) > 1:
        raise Broken(f"{sid} is in {len(places)} places")
    found: list[Entry] = []
    if places:
        try:
            with read_call(places[0]) as logged:
                logged.verify()
                found = list(logged.entries())
        except LogDamagedError as error:
            if "holds no call" not in str(error):
                raise
    if found != appended[: len(found)]:
        raise Broken(f"{sid} is no prefix of what was appended")
    if len(found) < floor:
        raise Lost(f"{sid} has {len(found)} entries, and {floor} were promised")
    return len(found)


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder in memory, where there is one: nothing in it need survive."""
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield Path(folder)


def power_cuts(seeds: range, sample: float = 1, starts: float = 1) -> Counts:
    """All stories, with each of the seeds."""
    counts = Counts()
    for seed in seeds:
        random = Random(seed)
        with ExitStack() as folders:
            folder = (Path(folders.enter_context(_scratch())) for _ in range(5))
            for story in (
                calls(next(folder), 1, 120, 60, seed),
                calls(next(folder), 1, 120, create.WAL_PAGES, seed),
                calls(next(folder), 0, 40, 40, seed),
                next_start(next(folder), seed),
            ):
                images(story, random, counts, sample, starts)
    return counts


def main() -> int:
    """Say what came of all images, and how to see it again."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    counts = power_cuts(range(seeds))
    print(f"power cuts: {counts.images} disks, {counts.corrupt} corrupt, {counts.lost} with lost entries")
    for problem in counts.problems[:20]:
        print(problem)
    return bool(counts.problems)


if __name__ == "__main__":
    sys.exit(main())
