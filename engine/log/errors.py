"""What can go wrong with a log. Every message names the file and, where there is one, the remedy.

    LogError
    ├── LogFormatError        not a Playhead log, or of a format that this version does not know
    │   └── LogNewerError     written by a newer version
    ├── LogDamagedError       a Playhead log whose bytes contradict themselves
    ├── LogLockedError        encrypted, and LOG_KEY has no key for it
    ├── LogKeyError           LOG_KEY itself cannot be used
    ├── LogFullError          no room on the disk
    └── LogHeldError          a running bridge is writing it

`sqlite3` raises a dozen classes from as many places, also in the middle of an iteration. `told` is the one door where
they become ours; nothing outside this package needs to know SQLite's.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from pathlib import Path


class LogError(Exception):
    """A log, or the folder of logs, cannot be used."""


class LogFormatError(LogError):
    """Not a log, or not one that this version can read."""


class LogNewerError(LogFormatError):
    """A log of a later format. Nothing is wrong with it."""


class LogHeldError(LogError):
    """A live log, in the hands of a running bridge."""


class LogDamagedError(LogError):
    """A log with contradictory bytes."""


class LogLockedError(LogError):
    """An encrypted log, without its key. Nothing is wrong with it."""


class LogKeyError(LogError):
    """LOG_KEY does not hold keys."""


class LogFullError(LogError):
    """No room on the disk. Nothing is set up wrongly, and it may pass."""


_DAMAGED = frozenset({None, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_MISMATCH})
"""None: text that is not UTF-8, which the module finds by itself. SQLITE_ERROR: a table or a column is missing."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what SQLite or the system says about `path` into a LogError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _of_sqlite(path, error) from error
    except OverflowError as error:  # no peer's number is too large for JSON, and many are for SQLite
        raise LogError(f"{path}: {error}") from error
    except UnicodeDecodeError as error:  # a damaged schema: the module cannot even decode SQLite's message about it
        raise LogDamagedError(f"{path} is damaged: its schema is not UTF-8") from error
    except OSError as error:
        raise LogError(f"{path}: {error.strerror or error}") from error


def is_full(error: OSError | sqlite3.Error) -> bool:
    """Whether the disk has no room."""
    if isinstance(error, OSError):
        return error.errno in (ENOSPC, EDQUOT)
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def reason(error: Exception) -> str:
    """One line about an error of SQLite or the system."""
    return str(getattr(error, "strerror", None) or error)


def _of_sqlite(path: Path, error: sqlite3.Error) -> LogError:
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    code = None if extended is None else extended & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return LogFormatError(f"{path} is not a Playhead log: it is no SQLite database, or its first page is damaged")
    if code in _DAMAGED:
        return LogDamagedError(f"{path} is damaged: {error}")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LogError(f"{path} is held open by another program (a sqlite3 shell, Datasette?): close it and try again")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) and path.with_name(path.name + "-wal").exists():
        return LogError(
            f"{path} cannot be read where it lies: part of it is still in {path.name}-wal, and to read that, SQLite"
            " must write beside it. Copy both files to a folder that you can write to and read the copy"
        )
    return LogError(f"{path}: {error}")
