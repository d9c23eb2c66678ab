"""CALLS_DIR/index.db: one row per sealed call, its turns, and a full-text search over them.

It holds nothing that the call files do not: `rebuild` makes it again from them. So it may be late, missing or broken
without harm; whoever adds to it reports the LogError and goes on. An ordinary rollback journal and a busy timeout: it
is written once per call, perhaps by several bridges.

What was generated and what was heard are two columns of the search, because they are two questions: `MATCH 'heard_text
: refund'` finds the callers who were told, `MATCH 'generated_text : refund'` also those who had hung up by then. The
search holds terms and not texts (see `terms`); the texts are in the turns.

Of an encrypted log it holds no words, neither as texts nor as terms: whoever looks for them opens the log itself.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident
from typing import Literal

import msgspec

from engine.core.report import Report, Turn
from engine.log.blank import write_image
from engine.log.errors import LogDamagedError, LogError, LogFormatError, told
from engine.log.folder import make_folder, sealed_logs, sync_folder
from engine.log.index_tables import APPLICATION_ID, SEARCHED, TURN_COLUMNS, VERSION, empty_index
from engine.log.reader import CallRow, SealRow
from engine.log.schema import ENCRYPTED_FORMAT
from engine.log.terms import Phrase, indexed

BUSY_SECONDS_MAX = 5
PHRASES_MAX, TERMS_MAX = 20, 20
"""Of a search, and of each of its phrases: SQLite takes no expression of any depth. It finds too much then, and whoever
asks has to look at what it found."""


class IndexRow(msgspec.Struct, frozen=True):
    """One sealed call. `path` is relative to CALLS_DIR; `verdict` is None until a replay has judged the call."""

    path: str
    call_sid: str
    stream_sid: str
    started_at: str
    duration_ms: int
    ended: str
    reason: str
    entries: int
    turns: int
    interruptions: int
    faults: int
    malformed: int
    verdict: Literal["same", "diverged", "unknown"] | None
    format: int
    rules: int
    sha256: str


class IndexedTurn(msgspec.Struct, frozen=True):
    """What a turn of an indexed call says; as in a `Turn`, by the same names."""

    path: str
    number: int
    speaker: Literal["caller", "assistant"]
    item_id: str
    start_ms: int | None
    generated_text: str
    heard_text: str
    heard_ms: int
    method: str


class Rebuilt(msgspec.Struct, frozen=True):
    """What a rebuild found: calls indexed, and a line for each log that could not be."""

    calls: int
    problems: list[str]


_OF_TURN = tuple(TURN_COLUMNS)[3:]
"""The columns that are fields of a `Turn`, by the same names."""


def row_of(
    calls_dir: Path,
    path: Path,
    call: CallRow,
    seal: SealRow,
    report: Report,
    faults: int,
    verdict: Literal["same", "diverged", "unknown"] | None = None,
) -> IndexRow:
    """The index row of a sealed log and the report that a replay made of it."""
    return IndexRow(
        path=str(path.relative_to(calls_dir)),
        call_sid=call.call_sid,
        stream_sid=call.stream_sid,
        started_at=call.started_at,
        duration_ms=report.duration_ms,
        ended=seal.ended,
        reason=seal.reason,
        entries=seal.entries,
        turns=len(report.turns),
        interruptions=len(report.interruptions),
        faults=faults,
        malformed=report.malformed,
        verdict=verdict,
        format=call.format,
        rules=call.rules,
        sha256=seal.sha256,
    )


def add(calls_dir: Path, row: IndexRow, report: Report) -> None:
    """Index one call; again, if it is there already. Raises LogError, and then nothing has changed."""
    path = calls_dir / "index.db"
    with _told(path):
        if not path.exists():
            _create(path)
        with _opened(path) as connection:
            _write(connection, row, report)


def note_verdicts(verdicts: Mapping[Path, str]) -> None:
    """Note what replays said of sealed logs, by path, in the index of each log's folder. Logs in no such folder, and in
    one without an index, are passed over. Raises LogError."""
    by_folder: dict[Path, list[tuple[str, str]]] = {}
    for log, verdict in verdicts.items():
        folder = log.absolute().parent.parent
        by_folder.setdefault(folder, []).append((verdict, str(log.absolute().relative_to(folder))))
    for folder, noted in by_folder.items():
        path = folder / "index.db"
        if path.exists():
            with _told(path), _opened(path) as connection, _transaction(connection):
                connection.executemany("UPDATE call SET verdict = ? WHERE path = ?", noted)


def remove(calls_dir: Path, paths: Sequence[str]) -> int:
    """Forget calls, by path; how many. No byte of what they said is left in the file: the search keeps the terms of
    what was deleted until its segments are merged, and SQLite has copies of rows in the room that pages have to spare
    until the file is written anew. `unswept` tells the next one where that was broken off. Raises LogError."""
    path = calls_dir / "index.db"
    with _told(path), _opened(path) as connection:
        (is_unswept,) = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'unswept'").fetchone()
        if paths or is_unswept:
            with _transaction(connection):
                for each in paths:
                    _delete(connection, each)
                connection.execute("CREATE TABLE IF NOT EXISTS unswept (id INTEGER)")
                connection.execute("INSERT INTO turn_fts (turn_fts) VALUES ('optimize')")
            connection.execute("VACUUM")
            connection.execute("DROP TABLE IF EXISTS unswept")
    return len(paths)


def calls(calls_dir: Path) -> list[IndexRow]:
    """All indexed calls, newest first. Raises LogError when there is no index or it cannot be read."""
    path = calls_dir / "index.db"
    if not path.exists():
        raise LogError(f"{path}: there is no index yet. Rebuild it from the call files")
    names = ", ".join(IndexRow.__struct_fields__)
    with _told(path), _opened(path) as connection:
        rows = connection.execute(f"SELECT {names} FROM call ORDER BY started_at DESC, path DESC").fetchall()
    return [IndexRow(*row) for row in rows]


def turns_with(calls_dir: Path, wanted: Sequence[Phrase]) -> list[IndexedTurn]:
    """All indexed turns in whose generated text the phrases are, in the order of their calls' paths; perhaps some more.
    Raises LogError as `calls` does."""
    path = calls_dir / "index.db"
    names = ", ".join(f"turn.{name}" for name in IndexedTurn.__struct_fields__)
    asked = " ".join(f"generated_text : {_quoted(phrase)}" for phrase in wanted[:PHRASES_MAX])
    with _told(path), _opened(path) as connection:
        rows = connection.execute(
            f"SELECT {names} FROM turn_fts JOIN turn ON turn.id = turn_fts.rowid WHERE turn_fts MATCH ?"
            " ORDER BY turn.path, turn.number",
            [asked],
        ).fetchall()
    return [IndexedTurn(*row) for row in rows]


def _quoted(phrase: Phrase) -> str:
    """For SQLite. Terms are letters and digits alone: none of them means anything to it."""
    is_prefix = phrase.is_prefix and len(phrase.terms) <= TERMS_MAX
    return f'"{" ".join(phrase.terms[:TERMS_MAX])}"{"*" if is_prefix else ""}'


def rebuild(calls_dir: Path, make_report: Callable[[Path], tuple[IndexRow, Report]]) -> Rebuilt:
    """Make the index anew from the sealed logs; `make_report` replays one, and raises LogError if it cannot.

    The old index serves until the new one is complete. A call sealed meanwhile is picked up at the end. Raises LogError
    when CALLS_DIR cannot be written.
    """
    path = calls_dir / "index.db"
    new = _new_name(path)
    done: set[Path] = set()
    problems: list[str] = []
    with told(path):
        try:
            _make(new)
            with _opened(new) as connection:
                while todo := [log for log in sealed_logs(calls_dir) if log not in done]:
                    for log in todo:
                        try:
                            with told(log):
                                _write(connection, *make_report(log))
                        except LogError as error:
                            problems.append(str(error))
                    done.update(todo)
            sync_folder(calls_dir)  # a journal of the old index that came back would be taken for one of the new
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    return Rebuilt(len(done) - len(problems), problems)


def _create(path: Path) -> None:
    """Put an empty index there, unless another bridge was faster."""
    make_folder(path.parent)
    new = _new_name(path)
    try:
        _make(new)
        with suppress(FileExistsError):
            os.link(new, path)
    finally:
        new.unlink(missing_ok=True)


def _new_name(path: Path) -> Path:
    """Of this process and this thread alone: calls that end together are indexed together."""
    return path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}.new")


def _make(path: Path) -> None:
    path.unlink(missing_ok=True)
    write_image(path, empty_index(IndexRow.__struct_fields__), is_synced=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        with told(path):
            yield
    except (LogFormatError, LogDamagedError) as error:
        raise LogError(f"{path} is no index that this version can use. Rebuild it from the call files") from error


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS_MAX)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if (application, version) != (APPLICATION_ID, VERSION):
            raise LogFormatError(f"{path} is not an index of version {VERSION}")
        yield connection
    finally:
        connection.close()


def _write(connection: sqlite3.Connection, row: IndexRow, report: Report) -> None:
    told = report.turns
    if row.format == ENCRYPTED_FORMAT:
        told = [msgspec.structs.replace(turn, **dict.fromkeys(SEARCHED, "")) for turn in told]
    turns = [_turn_values(row.path, number, turn) for number, turn in enumerate(told, 1)]
    with _transaction(connection):
        _delete(connection, row.path)
        connection.execute(_insert("call", IndexRow.__struct_fields__), msgspec.structs.astuple(row))
        for turn, values in zip(told, turns, strict=True):
            turn_id = connection.execute(_insert("turn", tuple(TURN_COLUMNS)[1:]), values).lastrowid
            searched = [indexed(getattr(turn, name)) for name in SEARCHED]
            connection.execute(_insert("turn_fts", ("rowid", *SEARCHED)), [turn_id, *searched])


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _delete(connection: sqlite3.Connection, path: str) -> None:
    connection.execute("DELETE FROM turn_fts WHERE rowid IN (SELECT id FROM turn WHERE path = ?)", [path])
    connection.execute("DELETE FROM turn WHERE path = ?", [path])
    connection.execute("DELETE FROM call WHERE path = ?", [path])


def _insert(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _turn_values(path: str, number: int, turn: Turn) -> tuple[object, ...]:
    return path, number, *(getattr(turn, name) for name in _OF_TURN)
