"""The calls of a folder, newest first. Works from the logs alone; an index only makes it quick."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from engine.core import Report
from engine.log import index
from engine.log.errors import LogError
from engine.log.folder import live_logs, sealed_logs
from engine.log.index import IndexRow, Rebuilt, row_of
from engine.log.reader import read_call
from replay.data import ended_of
from replay.paint import Line, Style, line
from replay.runner import Verdict, replay
from replay.sources import log_of, open_log
from replay.text import VERDICT_STYLE, clock, when


class Listed(msgspec.Struct, frozen=True):
    """One call. `path` is relative to the folder; None: the log cannot be read, or (`verdict`) was not replayed yet."""

    path: str
    call_sid: str
    started_at: str | None
    duration_ms: int | None
    ended: str | None
    turns: int | None
    interruptions: int | None
    verdict: Verdict | None


def list_calls(calls_dir: Path) -> list[Listed]:
    """All calls, newest first; logs without an index row are replayed. Raises LogError if the folder is not there."""
    if not calls_dir.is_dir():
        raise LogError(f"{calls_dir}: no such folder")
    try:
        indexed = {row.path: row for row in index.calls(calls_dir)}
    except LogError:
        indexed = {}  # none yet, or of another version: the logs say the same
    listed = []
    for path in sealed_logs(calls_dir) + live_logs(calls_dir):
        name = str(path.relative_to(calls_dir))
        row = indexed.get(name)
        listed.append(_of_log(path, name) if row is None else _of_row(row))
    return sorted(listed, key=lambda each: (each.started_at or "", each.path), reverse=True)


def _of_row(row: IndexRow) -> Listed:
    return Listed(
        row.path,
        row.call_sid,
        row.started_at,
        row.duration_ms,
        row.ended,
        row.turns,
        row.interruptions,
        row.verdict,
    )


def _of_log(path: Path, name: str) -> Listed:
    try:
        with open_log(path) as log:
            result = replay(log)
    except LogError:
        return Listed(name, path.stem, None, None, None, None, None, "unknown")
    report = result.report
    return Listed(
        name,
        log.head.call_sid,
        log.head.started_at,
        report.duration_ms,
        ended_of(log, result),
        len(report.turns),
        len(report.interruptions),
        result.verdict,
    )


def list_lines(listed: list[Listed]) -> Iterator[Line]:
    """The list for eyes, a call a line; there is at least one."""
    width = max(len(each.call_sid) for each in listed)
    head = f"{'started':<23}  {'call':<{width}}  {'length':>10}  turns  interrupted  {'ended':<12}  verdict"
    yield line((head, "bold"))
    for each in listed:
        started = when(each.started_at) if each.started_at else "unreadable"
        verdict = each.verdict or "not replayed"
        style: Style = VERDICT_STYLE.get(verdict, "dim")
        length = "" if each.duration_ms is None else clock(each.duration_ms)
        numbers = f"{_number(each.turns):>5}  {_number(each.interruptions):>11}"
        ended = each.ended or ""
        told = f"{started:<23}  {each.call_sid:<{width}}  {length:>10}  {numbers}  {ended:<12}  "
        yield line(told, (verdict, style))


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def rebuild_index(calls_dir: Path) -> Rebuilt:
    """Make index.db anew by replaying every sealed log. Raises LogError if the folder cannot be written."""
    if not calls_dir.is_dir():
        raise LogError(f"{calls_dir}: no such folder")
    return index.rebuild(calls_dir, lambda path: _index_row(calls_dir, path))


def _index_row(calls_dir: Path, path: Path) -> tuple[IndexRow, Report]:
    with read_call(path) as logged:
        if logged.seal is None:
            raise LogError(f"{path} is not sealed")
        result = replay(log_of(path, logged))
        counts = result.counts
        row = row_of(calls_dir, path, logged.call, logged.seal, result.report, counts.faults, result.verdict)
        return row, result.report
