"""RETAIN_DAYS: old calls are removed when the bridge starts, and once a day from then on.

A day's work may be thousands of files, and an index that is written anew. It is done off the event loop, and in parts,
so that a server that is stopped waits for one part and not for all of them. What is not done then, the next start does.

What was removed is said on stderr by count, and what could not be, by name: a promise about people that is not kept
must not be kept silent about.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import trio

from engine.finish import RunSync
from engine.log.errors import LogError
from engine.log.remove import Found, Left, forget, older, remove
from engine.log.wall_clock import NOW
from engine.say import say

EVERY_SECONDS = 24 * 60 * 60
FILES_AT_ONCE = 200
"""Removed in one go: some tens of milliseconds of disk."""
TOLD_MAX = 10
"""Files that are named on stderr. What lies in the wrong place does so every day."""


def first_day_kept(days: int) -> str:
    """The UTC day from which on calls are kept, if they are for `days` whole days after their own."""
    today = NOW.get()().date()
    return (today - timedelta(days=min(days, (today - date.min).days))).isoformat()


def parts(files: Sequence[Path]) -> Iterator[Sequence[Path]]:
    """As many as are removed in one go."""
    return (files[at : at + FILES_AT_ONCE] for at in range(0, len(files), FILES_AT_ONCE))


async def retain(calls_dir: Path, days: int, run_sync: RunSync) -> None:
    """Remove what is older, now and every day. Never raises for what lies in CALLS_DIR."""
    while True:
        await _purge(calls_dir, first_day_kept(days), run_sync)
        await trio.sleep(EVERY_SECONDS)


async def _purge(calls_dir: Path, first_day: str, run_sync: RunSync) -> None:
    try:
        found = await run_sync(older, calls_dir, first_day)
    except LogError as error:
        say("calls.not_purged", why=error)
        return
    try:
        await run_sync(forget, calls_dir, found, first_day)
    except LogError as error:
        say("calls.not_forgotten", why=f"{error}; until then the index may hold words of calls that are gone")
    left: list[Left] = []
    for part in parts([*found.logs, *found.files]):
        left += await run_sync(remove, calls_dir, part)
    _tell(found, left, first_day)


def _tell(found: Found, left: list[Left], first_day: str) -> None:
    removed = len(found.logs) + len(found.files) - len(left)
    if removed:
        say("calls.purged", removed=removed, before=first_day)
    for each in (*left, *found.left)[:TOLD_MAX]:
        say("calls.left", path=each.path, why=each.why)
