"""Removing calls: what is to go, and how nothing of it is left in CALLS_DIR.

A call is old when the UTC day on which it began is. That is the name of its folder, so nothing has to be opened, and a
log that nobody can read any more goes like any other. What has no such folder goes by the day on which it was last
written: what a killed bridge left in live/, if nobody holds it, what could not be read (damaged/), and what a killed
rebuild left of an index.

**In this order**: first the index forgets the calls, then their files go, a log's own file behind those that SQLite
keeps beside it. Killed anywhere, what is left is found again by the next purge: a file by its folder, a row of the
index by the file that it lacks. Two purges beside each other each find gone what the other removed, and that is no
failure. A reader that has a log open keeps it until it lets go.

**Never** a log that is being written, whatever its age. Never through a symlink: folders are opened as what they are,
and files removed from them by name. Never what is not ours: it is left where it lies, and told.

What is removed is names. The blocks of a disk and its backups keep what they keep; against that helps a log that is
encrypted, and a key that is thrown away.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine.log import index
from engine.log.errors import LogError, LogHeldError, reason, told
from engine.log.find import find
from engine.log.folder import DAMAGED, FILES_OF_A_LOG, LIVE, is_held, live_logs, sealed_logs, sync_folder, take_lock
from engine.log.schema import APPLICATION_ID
from engine.log.seal import COPY, JOURNAL

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BESIDE = (*FILES_OF_A_LOG[1:], COPY, COPY + JOURNAL)
_LEFT_OF_AN_INDEX = re.compile(r"index\.db\.[0-9]+\.[0-9]+\.new(?:-journal)?")
A_SYMLINK = "a symlink, which is not followed"
_MAGIC, _ID_AT = b"SQLite format 3\0", 68
"""Where a SQLite file says what it is: https://www.sqlite.org/fileformat.html, 1.3."""


class Left(msgspec.Struct, frozen=True):
    """What stays where it lies, and why."""

    path: Path
    why: str


class Found(msgspec.Struct, frozen=True):
    """What is to go: logs, and other files of ours; and what lies there, but is not ours to remove."""

    logs: list[Path]
    files: list[Path]
    left: list[Left]

    def __bool__(self) -> bool:
        return bool(self.logs or self.files)


def older(calls_dir: Path, first_day: str) -> Found:
    """Every call that began before the UTC day `first_day`. Raises LogError if CALLS_DIR cannot be read."""
    found = Found([], [], [])
    with told(calls_dir):
        entries = sorted(os.scandir(calls_dir), key=lambda entry: entry.name) if calls_dir.exists() else []
    for entry in entries:
        path = calls_dir / entry.name
        if _DAY.fullmatch(entry.name) and entry.name < first_day:
            _look_into_day(path, found)
        elif entry.name == DAMAGED:
            _look_into_damaged(path, first_day, found)
        elif _LEFT_OF_AN_INDEX.fullmatch(entry.name) and _day_written(path) < first_day:
            found.files.append(path)
    with told(calls_dir):
        for log in live_logs(calls_dir):
            if log.is_symlink():
                found.left.append(Left(log, A_SYMLINK))
            elif _day_written(log) < first_day and not is_held(log):
                found.logs.append(log)
    return found


def of_call(calls_dir: Path, call: str) -> Found:
    """Every log of the call that a person means by `call`, of each time that Twilio connected it. Raises LogError;
    LogHeldError if it is running."""
    path = find(calls_dir, call)
    if path.parent.parent.absolute() != calls_dir.absolute():
        raise LogError(f"{path} is not in CALLS_DIR {calls_dir}: remove it by hand, or say --calls-dir")
    call_sid = path.name.split(".")[0]
    everywhere = [*sealed_logs(calls_dir), *live_logs(calls_dir)]
    found = Found([log for log in everywhere if log.name.split(".")[0] == call_sid], [], [])
    damaged = re.compile(re.escape(call_sid) + r"(?:[.-][0-9]+)*\.db.*")
    with told(calls_dir):
        for log in found.logs:
            if log.parent.name == LIVE and is_held(log):
                raise LogHeldError(f"{log} is being written by a running bridge: hang up first")
        if (calls_dir / DAMAGED).exists():
            inside = sorted((calls_dir / DAMAGED).iterdir())
            found.files.extend(each for each in inside if damaged.fullmatch(each.name))
    return found


def forget(calls_dir: Path, found: Found, first_day: str | None = None) -> int:
    """Take what is to go out of the index, and rows before `first_day` whose files are gone. How many calls the index
    has forgotten. Raises LogError: then it may still hold their words."""
    if not (calls_dir / "index.db").exists():
        return 0
    rows = [row.path for row in index.calls(calls_dir)]
    gone = {path for path in rows if first_day and path < first_day and not (calls_dir / path).exists()}
    paths = gone | {str(log.relative_to(calls_dir)) for log in found.logs}
    return index.remove(calls_dir, [path for path in rows if path in paths])


def remove(calls_dir: Path, files: Sequence[Path]) -> list[Left]:
    """Remove logs and other files that were found, and the folders of days that are empty then. What could not be
    removed, and why."""
    left = []
    for file in files:
        try:
            with told(file):
                _remove(file)
        except LogError as error:
            left.append(Left(file, str(error)))
    for folder in {file.parent for file in files}:
        with suppress(OSError):  # it is not empty, or gone already
            if _DAY.fullmatch(folder.name):
                folder.rmdir()
        with suppress(OSError):
            sync_folder(folder if folder.exists() else calls_dir)
    return left


def _remove(file: Path) -> None:
    if file.parent.name != LIVE:
        _unlink(file)
        return
    lock = take_lock(file)
    if lock is None:
        raise LogHeldError(f"{file} is being written by a running bridge")
    try:
        _unlink(file)
    finally:
        lock.release()


def _unlink(file: Path) -> None:
    with suppress(FileNotFoundError), _folder(file.parent) as folder:  # another purge may have removed that, too
        for name in (*(file.name + suffix for suffix in _BESIDE), file.name):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    """A folder itself, and not what a symlink of that name leads to. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _look_into_day(path: Path, found: Found) -> None:
    try:
        with _folder(path) as folder:
            names = sorted(os.listdir(folder))
            logs = {name for name in names if name.endswith(".db") and _is_log(folder, name)}
    except OSError as error:
        found.left.append(Left(path, A_SYMLINK if path.is_symlink() else reason(error)))
        return
    found.logs.extend(path / name for name in sorted(logs))
    beside = {log + suffix for log in logs for suffix in _BESIDE}
    found.left.extend(Left(path / name, "not a log") for name in names if name not in logs | beside)


def _look_into_damaged(path: Path, first_day: str, found: Found) -> None:
    try:
        with _folder(path) as folder:
            names = sorted(os.listdir(folder))
    except OSError as error:
        found.left.append(Left(path, A_SYMLINK if path.is_symlink() else reason(error)))
        return
    for file in (path / name for name in names):
        if not file.is_symlink() and not file.is_file():
            found.left.append(Left(file, "not a file"))
        elif _day_written(file) < first_day:
            found.files.append(file)


def _is_log(folder: int, name: str) -> bool:
    """Whether a file, and no symlink, begins as a log does."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        head = os.read(descriptor, _ID_AT + 4) if is_file else b""
    finally:
        os.close(descriptor)
    return head.startswith(_MAGIC) and int.from_bytes(head[_ID_AT:], "big") == APPLICATION_ID


def _day_written(path: Path) -> str:
    try:
        written_s = path.lstat().st_mtime
    except OSError:
        return "9999-12-31"  # gone
    return datetime.fromtimestamp(written_s, UTC).date().isoformat()
