"""Logs as they lie on the disk, whichever form they have: SQLite files of calls, golden logs of tests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from engine.core import CallSettings
from engine.log.errors import LogFormatError
from engine.log.find import find
from engine.log.reader import LoggedCall, read_call
from replay.goldens.golden import SUFFIX, read_golden
from replay.rows import Head, Log

INDEX = "index.db"


def is_golden(path: Path) -> bool:
    """Whether the name is that of a golden log."""
    return path.suffix == SUFFIX


def find_log(calls_dir: Path, call: str) -> Path:
    """The log that a person means by `call`: see `engine.log.find`; a golden log is named by its path."""
    return Path(call) if is_golden(Path(call)) else find(calls_dir, call)


@contextmanager
def open_log(path: Path) -> Iterator[Log]:
    """Open any log. Raises LogError, LogFormatError for what is none or is of a newer format."""
    if is_golden(path):
        yield read_golden(path)
        return
    with read_call(path) as logged:
        yield log_of(path, logged)


def log_of(path: Path, logged: LoggedCall) -> Log:
    """An open SQLite log, as the replay wants it, once its pages and its seal were checked: whatever is asked of a log
    that was changed, no answer is to be trusted. Raises LogDamagedError; LogFormatError for settings that are not known
    here."""
    logged.verify()
    call = logged.call
    try:
        settings = msgspec.json.decode(call.config, type=CallSettings)
    except msgspec.MsgspecError as error:
        raise LogFormatError(f"{path}: this version does not know its settings: {error}") from error
    head = Head(
        call.call_sid,
        call.stream_sid,
        call.account_sid,
        call.started_at,
        call.format,
        call.rules,
        call.engine_version,
    )
    # The column is what says under which rules the call was decided; the settings only carry it to the core.
    settings = msgspec.structs.replace(settings, rules=call.rules)
    sealed_entries = logged.seal.entries if logged.seal is not None else None
    return Log(path, head, settings, logged.rows, sealed_entries, logged.verify)


def logs_named(calls_dir: Path, names: Sequence[str]) -> list[Path]:
    """The logs that people mean: folders, files, and calls by whatever `replay CALL` takes; all of `calls_dir`, if they
    say nothing. Each once. Raises LogError."""
    if not names:
        return _logs_under(calls_dir) if calls_dir.exists() else []
    found: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        found.update(dict.fromkeys(_logs_under(path) if path.exists() else [find_log(calls_dir, name)]))
    return list(found)


def _logs_under(path: Path) -> list[Path]:
    """A file, or all logs in a folder, below it too, in order of name."""
    if not path.is_dir():
        return [path]
    inside = (each for suffix in (".db", SUFFIX) for each in path.rglob(f"*{suffix}"))
    return sorted(each for each in inside if each.is_file() and each.name != INDEX)
