"""What the machine brings along: Python, packages, SQLite, file descriptors."""

import resource
import sqlite3
from collections.abc import Iterator
from importlib import metadata
from platform import python_version

from engine import __version__
from engine.doctor.findings import Finding, bad, ok
from engine.gate import CALLS_WITHOUT_START_MAX, CONNECTIONS_MAX

_PACKAGES = ("trio", "trio-websocket", "msgspec", "h11", "twilio", "sqlite-utils", "click")
DESCRIPTORS_PER_CALL = 8
"""Two sockets; the log, its WAL, its shared memory, its lock; one to sync the WAL; one while its row is indexed."""
DESCRIPTORS_BESIDE = 64
"""For the port, the standard streams, the process that looks for words, and what opens and closes in between."""
_SQLITE_MIN = (3, 37, 0)
"""Strict tables."""
_WAL_RESET_FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The WAL-reset bug (https://sqlite.org/wal.html#walresetbug): from the first on, and the two branches it was carried
back to."""


def check_machine(calls_max: int) -> list[Finding]:
    return [*_python(), *_sqlite(sqlite3.sqlite_version_info), *_descriptors(calls_max)]


def _python() -> Iterator[Finding]:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)
    yield ok("python", f"{python_version()}; playhead {__version__}, {versions}")


def _sqlite(version: tuple[int, ...]) -> Iterator[Finding]:
    shown = ".".join(map(str, version))
    if version < _SQLITE_MIN:
        wanted = ".".join(map(str, _SQLITE_MIN))
        yield bad("sqlite", f"{shown} is too old", f"Use a Python with SQLite {wanted} or newer")
    elif has_wal_reset_bug(version):
        yield ok(
            "sqlite",
            f"{shown}; it has the WAL-reset bug, which needs two that write or checkpoint one file, and a log has one:"
            " let no replicator (Litestream) near CALLS_DIR",
        )
    else:
        yield ok("sqlite", shown)


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    newest, *branches = _WAL_RESET_FIXED
    return version < newest and not any(version[:2] == fixed[:2] and version >= fixed for fixed in branches)


def _descriptors(calls_max: int) -> Iterator[Finding]:
    beside = CONNECTIONS_MAX + CALLS_WITHOUT_START_MAX + DESCRIPTORS_BESIDE
    wanted = calls_max * DESCRIPTORS_PER_CALL + beside
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY or limit >= wanted:
        yield ok("descriptors", f"enough files may be open for CALLS_MAX={calls_max} calls ({wanted})")
        return
    fits = max(0, (limit - beside) // DESCRIPTORS_PER_CALL)
    yield bad(
        "descriptors",
        f"{limit} files may be open, CALLS_MAX={calls_max} calls need {wanted}",
        f"Raise the limit (`ulimit -n {wanted}`; systemd: LimitNOFILE={wanted}), or set CALLS_MAX to {fits} or less",
    )
