"""Any bytes as a file that somebody opens: a log, a golden log, a recording of another bridge's.

Each is read as far as it goes and then replayed, for what is read must also be borne. The one thing that may come of a
bad file is a `LogError`, whose words name it.
"""

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from engine.log.errors import LogError
from replay.audit.auditing import audit
from replay.data import call_data, to_json
from replay.foreign.importing import import_recording
from replay.runner import replay
from replay.sources import open_log
from replay.text import call_lines


@cache
def scratch() -> Path:
    """A folder of this process alone."""
    folder = Path(mkdtemp(prefix="playhead-fuzz-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    return folder


def log_file(data: bytes) -> None:
    """As a call's SQLite file."""
    _read(scratch() / "call.db", data)


def golden_file(data: bytes) -> None:
    """As a golden log."""
    _read(scratch() / "golden.jsonl", data)


def recording(data: bytes) -> None:
    """As the frames of another bridge. What is made of them is a whole log, which can be read, replayed and audited."""
    path, output = scratch() / "recording", scratch() / "made.db"
    path.write_bytes(data)
    try:
        with _told(path):
            import_recording(path, scratch(), output, "CA" + "1" * 32)
            with open_log(output) as log:
                log.check()
                assert replay(log).verdict == "unknown"
                audit(log)
    finally:
        output.unlink(missing_ok=True)


def _read(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with _told(path), open_log(path) as log:
        result = replay(log)
        assert result.reason
        to_json(call_data(log, result))
        list(call_lines(log, result))
        log.check()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """A complaint is one line that says of which file it is, and of no other."""
    try:
        yield
    except LogError as error:
        names_it = path.name in str(error) or "CA1" in str(error)
        if not names_it:
            raise AssertionError(f"which file? {error}") from error
