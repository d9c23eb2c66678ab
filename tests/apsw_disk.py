"""A stand-in for `sqlite3.connect` whose disk is watched: APSW lets Python see, and refuse, each operation of SQLite.

Only as much of `sqlite3` as the log uses. It is another SQLite than the one that Python brings (3.54 here): what it
asks of the disk is the same by its file format, and what is found on the disk is read with Python's own.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import ENOSPC
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import apsw

NAME = "watched"
_FLAGS = {"ro": apsw.SQLITE_OPEN_READONLY, "rw": apsw.SQLITE_OPEN_READWRITE}
_CREATE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
_JOURNALS = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL
_INTEGRITY = (apsw.SQLITE_CONSTRAINT, apsw.SQLITE_MISMATCH)
_DATABASE = (apsw.SQLITE_CORRUPT, apsw.SQLITE_NOTADB)
_CODES = {"write": apsw.SQLITE_IOERR_WRITE, "sync": apsw.SQLITE_IOERR_FSYNC}


class Watcher:
    """Is asked before an operation, which it may refuse with an OSError, and told after it. Paths are absolute."""

    def before(self, what: str, path: str) -> None: ...
    def created(self, path: str) -> None: ...
    def wrote(self, path: str, offset: int, data: bytes) -> None: ...
    def truncated(self, path: str, size: int) -> None: ...
    def synced(self, path: str) -> None: ...
    def removed(self, path: str) -> None: ...
    def renamed(self, path: str, to: str) -> None: ...
    def linked(self, path: str, to: str) -> None: ...
    def made_folder(self, path: str) -> None: ...
    def synced_folder(self, path: str) -> None: ...


class Vfs(apsw.VFS):
    """SQLite's own disk under a watcher's eyes, for as long as the object lives."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        super().__init__(NAME, base="unix")

    def xOpen(self, name: Any, flags: list[int]) -> "File":
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        is_new = not os.path.exists(path)
        with _refused("open"):
            self.watcher.before("open", path)
        file = File(path, name, flags, self.watcher)
        if is_new:
            self.watcher.created(path)
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:
        with _refused("remove"):
            self.watcher.before("remove", filename)
        super().xDelete(filename, syncdir)
        self.watcher.removed(filename)


class File(apsw.VFSFile):
    def __init__(self, path: str, name: Any, flags: list[int], watcher: Watcher) -> None:
        self.path, self.watcher = path, watcher
        # As SQLite's unix VFS does: the first sync of such a file syncs the folder that has its name, too.
        self.syncs_folder = bool(flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & _JOURNALS)
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        with _refused("write"):
            self.watcher.before("write", self.path)
        super().xWrite(data, offset)
        self.watcher.wrote(self.path, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:
        with _refused("truncate"):
            self.watcher.before("truncate", self.path)
        super().xTruncate(newsize)
        self.watcher.truncated(self.path, newsize)

    def xSync(self, flags: int) -> None:
        with _refused("sync"):
            self.watcher.before("sync", self.path)
        self.watcher.synced(self.path)
        if self.syncs_folder:
            self.syncs_folder = False
            self.watcher.synced_folder(os.path.dirname(self.path))


@contextmanager
def _refused(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == ENOSPC:
            raise apsw.FullError("database or disk is full") from None
        if what == "open":
            raise apsw.CantOpenError("unable to open database file") from None
        refusal = apsw.IOError("disk I/O error")
        # What SQLite is given to say; the stubs do not know it.
        setattr(refusal, "extendedresult", _CODES.get(what, apsw.SQLITE_IOERR))  # noqa: B010
        raise refusal from None


class Connection:
    """What the log uses of a `sqlite3.Connection`."""

    def __init__(self, path: Path, mode: str, timeout_s: float) -> None:
        with _told():
            self._inner = apsw.Connection(str(path), _FLAGS.get(mode, _CREATE), vfs=NAME)
            self._inner.set_busy_timeout(round(timeout_s * 1000))

    @property
    def in_transaction(self) -> bool:
        return self._inner.in_transaction

    def execute(self, sql: str, values: Sequence[Any] = ()) -> "Cursor":
        changes = self._inner.total_changes()
        with _told():
            try:
                return Cursor(self._inner.execute(sql, tuple(values)))
            except apsw.Error:
                if self._inner.total_changes() == changes:
                    raise
                # It is committed. What was refused came after, when the WAL was copied, and SQLite puts up with that;
                # only APSW cannot.
                return Cursor(self._inner.cursor())

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> "Cursor":
        with _told():
            return Cursor(self._inner.executemany(sql, [tuple(row) for row in rows]))

    def close(self) -> None:
        with suppress(apsw.Error):  # SQLite puts up with refusals here, too: the WAL stays for the next time
            self._inner.close(True)


class Cursor:
    def __init__(self, inner: apsw.Cursor) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row

    def fetchone(self) -> Any:
        with _told():
            return self._inner.fetchone()

    def fetchall(self) -> list[Any]:
        with _told():
            return self._inner.fetchall()

    def fetchmany(self, size: int) -> list[Any]:
        return [row for _, row in zip(range(size), self, strict=False)]

    @property
    def lastrowid(self) -> int:
        connection: apsw.Connection = self._inner.connection
        return connection.last_insert_rowid()


def path_of(target: object) -> Path | None:
    """Which file `sqlite3.connect` is asked for; None for one in memory."""
    text = str(target)
    if text == ":memory:":
        return None
    return Path(unquote(urlsplit(text).path)) if text.startswith("file:") else Path(text).absolute()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        code = getattr(error, "extendedresult", getattr(error, "result", apsw.SQLITE_ERROR))
        kind: type[sqlite3.Error] = sqlite3.OperationalError
        if code & 0xFF in _INTEGRITY:
            kind = sqlite3.IntegrityError
        elif code & 0xFF in _DATABASE:
            kind = sqlite3.DatabaseError
        told = kind(str(error))
        told.sqlite_errorcode = code
        raise told from None
