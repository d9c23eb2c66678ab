"""Calls of all ages, as they lie in CALLS_DIR on one day."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine.core.report import Report, Turn
from engine.log import index
from engine.log.create import LogFile
from engine.log.keys import LogKey
from engine.log.seal import seal
from engine.log.writer import CallLog
from tests.log_builders import CALL, end, step

TODAY = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
SIDS = ["CA" + letter * 32 for letter in "abcdefgh"]
OLD, BORDER, YOUNG = "2026-10-21", "2026-10-22", "2026-11-20"
"""Of these the first is more than thirty days before today."""


def live_call(calls_dir: Path, sid: str, day: str, key: LogKey | None = None) -> LogFile:
    log = CallLog(calls_dir, key)
    log.open(msgspec.structs.replace(CALL, call_sid=sid, started_at=f"{day}T23:59:59+00:00"))
    log.append(step(0))
    log.append(end(1))
    file = log.take()
    assert file is not None
    return file


def crashed(calls_dir: Path, sid: str, day: str, key: LogKey | None = None) -> Path:
    """What a killed bridge leaves of a call."""
    file = live_call(calls_dir, sid, day, key)
    file.close()
    touch(file.path, day)
    return file.path


def touch(path: Path, day: str) -> None:
    """It was last written on that day."""
    at_s = datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp()
    os.utime(path, (at_s, at_s))


def call(calls_dir: Path, sid: str, day: str, said: str = "Cash or credit?", key: LogKey | None = None) -> Path:
    """A sealed call in which something was said, in the index."""
    file = live_call(calls_dir, sid, day, key)
    file.close()
    sealed = seal(file.path)
    assert sealed is not None
    report = report_of(sid, said)
    index.add(calls_dir, index.row_of(calls_dir, sealed.path, sealed.call, sealed.seal, report, 0, "same"), report)
    return sealed.path


def report_of(sid: str, said: str) -> Report:
    """What the index is told of a call with one turn."""
    times = 100, 900, said, said, 1200, 800, 780, 820
    turn = Turn("assistant", "item_1", "resp_1", *times, False, "letters", 0.5, 3, 2, 4)
    return Report(sid, "MZ1", "stop", "", 40, [turn], [], 0, [])


def written(path: Path, day: str) -> None:
    """A file that was last written on that day."""
    path.write_text("what was said")
    touch(path, day)


def refusing(unlink: Callable[..., None], refused: str) -> Callable[..., None]:
    def tried(name: str, **options: int) -> None:
        if name == refused:
            raise OSError(30, os.strerror(30))
        unlink(name, **options)

    return tried
