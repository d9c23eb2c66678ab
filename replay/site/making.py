"""The pages of many calls, each made if it has to be, on as many processors as wanted.

One log is one task and shares nothing: whoever makes a page writes it too, and passes on only the row for the index.
Results come in the order of the logs. What was made before an interruption stays, and is not made again.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from engine.log.errors import LogError
from replay.data import JsonObject
from replay.site.folder import INDEX, Folder, Known, stamp, str_of, write
from replay.site.index import Unreadable, index_page
from replay.site.row import Row, row_of
from replay.sources import open_log
from replay.view.page import make

_SAFE = re.compile(r"[^A-Za-z0-9._-]+")


class Task(NamedTuple):
    """A log, and the name of its page."""

    log: Path
    page: str


class Outcome(NamedTuple):
    """What became of a log: the row of its page, or the reason why there is none. `known` is set for a new page."""

    task: Task
    row: Row | None
    reason: str = ""
    known: Known | None = None


class Site(NamedTuple):
    """What was done. `removed`: pages of calls that are not in the site any more."""

    path: Path
    outcomes: list[Outcome]
    removed: list[str]


def tasks(logs: Sequence[Path]) -> list[Task]:
    """Each log with a name for its page: that of its file, made unique, of letters that need no care in a link."""
    taken, found = {INDEX}, []
    for log in logs:
        stem = _SAFE.sub("-", log.stem).lstrip(".") or "call"
        names = (f"{stem}{suffix}.html" for suffix in ("", *(f"-{count}" for count in range(2, len(logs) + 2))))
        # Not all file systems tell upper from lower case.
        page = next(name for name in names if name.lower() not in taken)
        taken.add(page.lower())
        found.append(Task(log, page))
    return found


def make_site(
    folder: Folder, logs: Sequence[Path], jobs: int, watch: Callable[[Iterator[Outcome], int], Iterable[Outcome]]
) -> Site:
    """Make what is missing in a folder, then its index. `watch` passes results on, and may show them."""
    outcomes = []
    try:
        for outcome in watch(_pages(folder, tasks(logs), jobs), len(logs)):
            outcomes.append(outcome)
            if outcome.known is not None:
                folder.take(outcome.task.page, outcome.known)
    finally:
        folder.save()
    rows = [outcome.row for outcome in outcomes if outcome.row is not None]
    unreadable = [Unreadable(str_of(each.task.log), each.reason) for each in outcomes if each.row is None]
    write(folder.path / INDEX, index_page(rows, unreadable))
    removed = folder.keep_only({row.page for row in rows})
    folder.save()
    return Site(folder.path, outcomes, removed)


def _pages(folder: Folder, wanted: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    good = {task.page: folder.good(task.page, task.log) for task in wanted}
    made = _make_all(folder.path, [task for task in wanted if good[task.page] is None], jobs)
    for task in wanted:
        row = good[task.page]
        yield next(made) if row is None else Outcome(task, row)


def _make_all(path: Path, wanted: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    one = partial(make_one, path)
    if jobs == 1 or len(wanted) < 2:
        yield from map(one, wanted)
    else:
        # Fresh processes: a fork would copy whatever threads and locks the caller has.
        with get_context("spawn").Pool(min(jobs, len(wanted))) as pool:
            yield from pool.imap(one, wanted)


def make_one(path: Path, task: Task) -> Outcome:
    """Make the page of one log and write it. Never raises LogError."""
    log, page = task
    before = stamp(log)  # what is added to the log from here on is not in the page
    try:
        with open_log(log) as opened:
            made = make(opened)
    except LogError as error:
        return Outcome(task, None, reason=str(error))
    write(path / page, made.html)
    row = row_of(page, log, made)
    return Outcome(task, row, known=Known(str_of(log), before, row))


def site_data(site: Site) -> JsonObject:
    """What `report --json` prints."""
    return {
        "index": str_of(site.path / INDEX),
        "pages": [
            {
                "log": str_of(task.log),
                "call_sid": row.call_sid,
                "page": str_of(site.path / task.page),
                "is_new": known is not None,
            }
            for task, row, _, known in site.outcomes
            if row is not None
        ],
        "unreadable": [
            {"log": str_of(task.log), "reason": reason} for task, row, reason, _ in site.outcomes if row is None
        ],
        "removed": [str_of(site.path / page) for page in site.removed],
    }
