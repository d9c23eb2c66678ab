"""The calls of a folder, newest first, and which of them somebody wants to see.

Works from the logs alone; an index only makes it quick. A log that is not in the index (its call still runs, or the
index is older or gone) is replayed, but only when it can be wanted at all: first comes what its head tells, and nobody
waits for the calls beyond a limit.

Of an encrypted log the index has no words, so whoever looks for words has each of them replayed, too. Without its key
only its head is known; the list says so.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.core import Report
from engine.log import index
from engine.log.errors import LogError, LogLockedError
from engine.log.folder import LIVE, live_logs, sealed_logs
from engine.log.index import IndexedTurn, IndexRow, Rebuilt, row_of
from engine.log.reader import head_of, read_call
from engine.log.schema import ENCRYPTED_FORMAT
from replay.data import ended_of
from replay.paint import Line, Style, line
from replay.runner import Verdict, replay
from replay.searching import Said, Search, said_in, said_line
from replay.sources import INDEX, log_of, open_log
from replay.text import VERDICT_STYLE, clock, when
from replay.wanted import Wanted, began


class Listed(msgspec.Struct, frozen=True):
    """One call. `path` is relative to the folder; None: the log cannot be read, or (`verdict`) was not replayed yet.
    `said`: where what was looked for was said; None if nothing was."""

    path: str
    call_sid: str
    started_at: str | None
    duration_ms: int | None
    ended: str | None
    turns: int | None
    interruptions: int | None
    verdict: Verdict | None
    reason: str | None = None
    faults: int | None = None
    malformed: int | None = None
    said: list[Said] | None = None


class Listing(NamedTuple):
    """The calls that were wanted, how many there are, and what the list lacks: a line for each reason."""

    calls: list[Listed]
    logs: int
    hints: list[str]


class _Indexed(NamedTuple):
    """What the index says, by path; of a search, the turns that it found. `hints`: what is wrong with it."""

    rows: dict[str, IndexRow]
    turns: dict[str, list[IndexedTurn]]
    hints: list[str]


def list_calls(calls_dir: Path, wanted: Wanted) -> Listing:
    """The calls that are wanted, newest first. Raises LogError if the folder is not there."""
    if not calls_dir.is_dir():
        raise LogError(f"{calls_dir}: no such folder")
    logs = {str(path.relative_to(calls_dir)): path for path in sealed_logs(calls_dir) + live_logs(calls_dir)}
    known = _indexed(calls_dir, wanted.search)
    started = {name: _started_at(path, known.rows.get(name)) for name, path in logs.items()}
    found: list[Listed] = []
    locked: list[LogLockedError] = []
    for name in sorted(logs, key=lambda name: (started[name] or "", name), reverse=True):
        if wanted.limit is not None and len(found) >= wanted.limit:
            break
        if wanted.is_time(began(started[name])):
            listed = _listed(logs[name], name, known, wanted.search, locked)
            if _is_wanted(listed, wanted):
                found.append(listed)
    return Listing(found, len(logs), known.hints + _locked_hints(locked, wanted.search))


def _locked_hints(locked: list[LogLockedError], search: Search | None) -> list[str]:
    if not locked:
        return []
    calls = "1 call was" if len(locked) == 1 else f"{len(locked)} calls were"
    done = "only seen from outside" if search is None else "not searched"
    return [f"{calls} {done}: {locked[0]}"]


def _indexed(calls_dir: Path, search: Search | None) -> _Indexed:
    if not (calls_dir / INDEX).exists():
        return _Indexed({}, {}, [])
    try:
        rows = {row.path: row for row in index.calls(calls_dir)}
        turns: dict[str, list[IndexedTurn]] = {}
        for turn in index.turns_with(calls_dir, search.phrases) if search is not None else ():
            turns.setdefault(turn.path, []).append(turn)
    except LogError as error:
        return _Indexed({}, {}, [f"{error}: `replay index {calls_dir}`. Until then every log is replayed"])
    return _Indexed(rows, turns, [])


def _started_at(path: Path, row: IndexRow | None) -> str | None:
    if row is not None:
        return row.started_at
    try:
        return head_of(path)[0].started_at
    except LogError:
        return None


def _listed(path: Path, name: str, known: _Indexed, search: Search | None, locked: list[LogLockedError]) -> Listed:
    row = known.rows.get(name)
    turns = known.turns.get(name, [])
    if row is None or (search is not None and _must_open(row, turns, search)):
        try:
            return _of_log(path, name, search)
        except LogLockedError as error:
            locked.append(error)
            return _of_head(path, name, search)
    said = None
    if search is not None:
        said = [said_in(turn, turn.number) for turn in turns if search.finds(turn)]
    return Listed(
        row.path,
        row.call_sid,
        row.started_at,
        row.duration_ms,
        row.ended,
        row.turns,
        row.interruptions,
        row.verdict,
        row.reason,
        row.faults,
        row.malformed,
        said,
    )


def _must_open(row: IndexRow, turns: list[IndexedTurn], search: Search) -> bool:
    """Whether the index does not know what was said, or not whether it was heard."""
    return row.format == ENCRYPTED_FORMAT or any(search.is_open(turn) for turn in turns)


def _of_head(path: Path, name: str, search: Search | None) -> Listed:
    """What an encrypted log shows to who has no key."""
    call, seal = head_of(path)
    ended = seal.ended if seal is not None else LIVE if path.parent.name == LIVE else None
    said: list[Said] | None = None if search is None else []
    return Listed(
        name,
        call.call_sid,
        call.started_at,
        None,
        ended,
        None,
        None,
        "unknown",
        seal.reason if seal is not None else None,
        said=said,
    )


def _of_log(path: Path, name: str, search: Search | None) -> Listed:
    """What a replay finds. Raises LogLockedError."""
    try:
        with open_log(path) as log:
            result = replay(log)
    except LogLockedError:
        raise
    except LogError:
        return Listed(name, path.stem, None, None, None, None, None, "unknown", said=None if search is None else [])
    report = result.report
    said = None
    if search is not None:
        said = [said_in(turn, number) for number, turn in enumerate(report.turns, 1) if search.finds(turn)]
    return Listed(
        name,
        log.head.call_sid,
        log.head.started_at,
        report.duration_ms,
        ended_of(log, result),
        len(report.turns),
        len(report.interruptions),
        result.verdict,
        report.reason,
        result.counts.faults,
        result.counts.malformed,
        said,
    )


def _is_wanted(call: Listed, wanted: Wanted) -> bool:
    verdict = call.verdict or "not-replayed"
    return (
        (not wanted.ended or call.ended in wanted.ended)
        and wanted.verdict in (None, verdict)
        and not (wanted.interrupted and not call.interruptions)
        and not (wanted.faults and not call.faults)
        and wanted.is_length(call.duration_ms)
        and call.said != []
    )


def list_lines(listed: list[Listed], search: Search | None = None) -> Iterator[Line]:
    """The list for eyes, a call a line; there is at least one. Below it, where what was looked for was said."""
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
        if search is not None:
            yield from (said_line(said, search) for said in each.said or ())


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
