"""CALLS_DIR: whether logs can be written there, whether others can read them, what was left behind.

Whether a folder can be written is tried in a folder that is there; none is made.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from engine.doctor.findings import Finding, bad, ok, warn
from engine.health import no_room
from engine.log.errors import LogError, reason
from engine.log.folder import DAMAGED, LIVE, check_calls_dir, is_held, live_logs

NOT_OURS = 0o077
"""The bits of a mode that let others in."""


def check_folder(calls_dir: Path, calls_max: int) -> list[Finding]:
    try:
        return list(_findings(calls_dir, calls_max))
    except OSError as error:
        return [bad("calls", f"CALLS_DIR {calls_dir} cannot be looked at: {reason(error)}", "Run as the bridge's user")]


def _findings(calls_dir: Path, calls_max: int) -> Iterator[Finding]:
    if not calls_dir.exists():
        yield from _to_be_made(calls_dir, calls_max)
        return
    try:
        check_calls_dir(calls_dir)
    except LogError as error:
        yield bad("calls", str(error), "")
        return
    yield ok("calls", f"logs can be written to {calls_dir}")
    yield from _room(calls_dir, calls_max)
    yield from _permissions(calls_dir)
    yield from _left(calls_dir)


def _to_be_made(calls_dir: Path, calls_max: int) -> Iterator[Finding]:
    parent = next(folder for folder in calls_dir.absolute().parents if folder.exists())
    if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
        yield ok("calls", f"CALLS_DIR {calls_dir} will be made, for this user alone")
        yield from _room(parent, calls_max)
    else:
        fix = "Give the bridge's user write access there, or set CALLS_DIR to another folder"
        yield bad("calls", f"CALLS_DIR {calls_dir} cannot be made: {parent} cannot be written", fix)


def _room(folder: Path, calls_max: int) -> Iterator[Finding]:
    problem = no_room(folder, calls_max)
    yield ok("disk", f"there is room for CALLS_MAX={calls_max} calls") if problem is None else bad("disk", problem, "")


def _permissions(calls_dir: Path) -> Iterator[Finding]:
    """Logs are made for their user alone, in folders that nobody else can enter. An older folder may be another's."""
    status = calls_dir.stat()
    if status.st_uid != os.geteuid():
        fix = f"chown it, or run the bridge as uid {status.st_uid}"
        yield warn("privacy", f"CALLS_DIR {calls_dir} is another user's (uid {status.st_uid})", fix)
    is_open = bool(status.st_mode & NOT_OURS)
    files = sum(1 for path in calls_dir.rglob("*") if path.is_file() and path.lstat().st_mode & NOT_OURS)
    fix = f"chmod -R go= {calls_dir}"
    if is_open and files:
        yield bad("privacy", f"other users can read {files} files in {calls_dir}: calls, word for word", fix)
    elif is_open:
        yield warn("privacy", f"other users can look into {calls_dir} and see which calls there were", fix)
    elif files:
        yield warn("privacy", f"{files} files in {calls_dir} are kept from other users by the folder alone", fix)
    else:
        yield ok("privacy", f"no other user can read {calls_dir}")


def _left(calls_dir: Path) -> Iterator[Finding]:
    left = sum(not is_held(log) for log in live_logs(calls_dir))
    damaged = sum(1 for _ in (calls_dir / DAMAGED).glob("*.db"))
    if left:
        yield warn(
            "leftovers",
            f"{left} {_logs(left)} in {calls_dir / LIVE} that no bridge writes: one was killed",
            "The next `bridge serve` seals them",
        )
    if damaged:
        fix = "Look at them with `replay`, keep or delete them: the bridge never will"
        yield warn("leftovers", f"{damaged} {_logs(damaged)} in {calls_dir / DAMAGED} that could not be read", fix)
    if not left and not damaged:
        yield ok("leftovers", "none: every log is sealed, or a bridge writes it")


def _logs(count: int) -> str:
    return "log" if count == 1 else "logs"
