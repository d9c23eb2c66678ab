"""A disk that loses its power: what was asked of it is recorded, and what may be left of that is made.

Of all that was not synced, each sector of 512 bytes holds what any of the writes to it left there, or what was there
before, whatever became of the others: writes are dropped, reordered and torn. A file may be as long as its longest
write or as short as the last that reached the disk. Operations on names that were not synced with their folder are
each there or not. One of them is one: a rename has not half happened. What was synced stays. A disk that says so and
does not do it is beyond what any program can promise.
"""

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.apsw_disk import Watcher

SECTOR = 512
FOLDER = -1


class Write(NamedTuple):
    inode: int
    offset: int
    data: bytes


class Truncate(NamedTuple):
    inode: int
    size: int


class Sync(NamedTuple):
    inode: int
    since: int
    """What was written from this operation on is not covered."""


class Names(NamedTuple):
    """What becomes of names: each gets an inode, or none."""

    changes: tuple[tuple[str, int | None], ...]


class SyncFolder(NamedTuple):
    folder: str


Op = Write | Truncate | Sync | Names | SyncFolder


class Recording(Watcher):
    """The operations on `root`, in order. `while_syncing` is called while a sync is under way."""

    def __init__(self, root: Path) -> None:
        self.ops: list[Op] = []
        self.names: dict[str, int] = {}
        self.content: dict[int, bytes] = {}
        self.while_syncing: Callable[[], None] | None = None
        self._root = root
        for path in sorted(root.rglob("*")):
            inode = self.names[str(path.relative_to(root))] = FOLDER if path.is_dir() else len(self.content)
            if inode != FOLDER:
                self.content[inode] = path.read_bytes()
        self.names_before = dict(self.names)
        self._inodes = len(self.content)

    def created(self, path: str) -> None:
        self._rename({path: self._inodes})
        self._inodes += 1

    def wrote(self, path: str, offset: int, data: bytes) -> None:
        self.ops.append(Write(self.names[self._name(path)], offset, data))

    def truncated(self, path: str, size: int) -> None:
        self.ops.append(Truncate(self.names[self._name(path)], size))

    def synced(self, path: str) -> None:
        since = len(self.ops)
        if self.while_syncing is not None:
            meanwhile, self.while_syncing = self.while_syncing, None
            meanwhile()
        self.ops.append(Sync(self.names[self._name(path)], since))

    def removed(self, path: str) -> None:
        if self._name(path) in self.names:  # SQLite's shared memory is not watched: nothing in it survives
            self._rename({path: None})

    def renamed(self, path: str, to: str) -> None:
        self._rename({to: self.names[self._name(path)], path: None})

    def linked(self, path: str, to: str) -> None:
        self._rename({to: self.names[self._name(path)]})

    def made_folder(self, path: str) -> None:
        self._rename({path: FOLDER})

    def synced_folder(self, path: str) -> None:
        self.ops.append(SyncFolder(self._name(path)))

    def _name(self, path: str) -> str:
        return os.path.relpath(path, self._root)

    def _rename(self, changes: dict[str, int | None]) -> None:
        named = {self._name(path): inode for path, inode in changes.items()}
        self.ops.append(Names(tuple(named.items())))
        for name, inode in named.items():
            if inode is None:
                del self.names[name]
            else:
                self.names[name] = inode


class Disk:
    """What is on the disk for certain, and what may be, after some operations of a recording."""

    def __init__(self, recording: Recording) -> None:
        self._content = {inode: bytearray(data) for inode, data in recording.content.items()}
        self._names = dict(recording.names_before)
        self._unsynced: list[tuple[int, Write | Truncate]] = []
        self._unsynced_names: list[Names] = []
        self._done = 0

    def do(self, op: Op) -> None:
        """The next operation."""
        match op:
            case Write() | Truncate():
                self._unsynced.append((self._done, op))
            case Names():
                self._unsynced_names.append(op)
            case Sync():
                for at, one in self._unsynced:
                    if one.inode == op.inode and at < op.since:
                        _apply(self._content.setdefault(op.inode, bytearray()), one)
                self._unsynced = [(at, one) for at, one in self._unsynced if one.inode != op.inode or at >= op.since]
            case SyncFolder():
                self._sync_folder(op.folder)
        self._done += 1

    def _sync_folder(self, folder: str) -> None:
        later: set[str] = set()
        left = []
        for op in reversed(self._unsynced_names):
            if _is_in(op, folder):
                _rename(self._names, Names(tuple(change for change in op.changes if change[0] not in later)))
                later |= {name for name, _ in op.changes}
            else:
                # What an earlier operation did to a name cannot come after a later one that is there for certain.
                left.append(Names(tuple(change for change in op.changes if change[0] not in later)))
        self._unsynced_names = left[::-1]

    def image(self, random: Random, kept: float, names_kept: float) -> dict[str, bytes | None]:
        """A disk that a power cut may leave: files by name, None for folders. Of what is unsynced, about `kept` and
        `names_kept` are on it."""
        content = {inode: bytearray(data) for inode, data in self._content.items()}
        sectors: dict[tuple[int, int], int] = {}
        writes = [op for _, op in self._unsynced]
        for op in writes:
            for sector in _sectors(op):
                sectors[op.inode, sector] = sectors.get((op.inode, sector), 0) + 1
        # Of the writes to a sector, the first so many.
        left = {at: random.randint(1, count) if random.random() < kept else 0 for at, count in sectors.items()}
        if kept == 1:
            left = sectors
        is_long = random.random() < 0.2
        for op in writes:
            data = content.setdefault(op.inode, bytearray())
            if isinstance(op, Truncate):
                if random.random() < kept:
                    _apply(data, op)
                continue
            if is_long:
                data.extend(bytes(max(0, op.offset + len(op.data) - len(data))))
            for sector in _sectors(op):
                if left[op.inode, sector]:
                    left[op.inode, sector] -= 1
                    _apply(data, _part(op, sector))
        names = dict(self._names)
        for one in self._unsynced_names:
            if random.random() < names_kept:
                _rename(names, one)
        return {
            name: None if inode == FOLDER else bytes(content.get(inode, b""))
            for name, inode in sorted(names.items())
            if all(str(folder) in names for folder in Path(name).parents[:-1])
        }


def _apply(data: bytearray, op: Write | Truncate) -> None:
    if isinstance(op, Truncate):
        del data[op.size :]
        return
    data.extend(bytes(max(0, op.offset - len(data))))
    data[op.offset : op.offset + len(op.data)] = op.data


def _sectors(op: Write | Truncate) -> range:
    if isinstance(op, Truncate):
        return range(0)
    return range(op.offset // SECTOR, (op.offset + len(op.data) - 1) // SECTOR + 1)


def _part(op: Write, sector: int) -> Write:
    begin, end = max(op.offset, sector * SECTOR), min(op.offset + len(op.data), (sector + 1) * SECTOR)
    return Write(op.inode, begin, op.data[begin - op.offset : end - op.offset])


def _is_in(names: Names, folder: str) -> bool:
    return any(str(Path(name).parent) == folder for name, _ in names.changes)


def _rename(names: dict[str, int], op: Names) -> None:
    for name, inode in op.changes:
        if inode is None:
            names.pop(name, None)
        else:
            names[name] = inode
