"""Reads any log: of a live call, of one that crashed (its WAL beside it) and of one that is sealed.

Always `mode=ro`, never immutable: an immutable connection does not look at the WAL and would silently miss the end of a
crashed call. A read-only connection neither copies the WAL into the file nor removes it, so it never gets in the way of
the one writer. But while it iterates over a live log, that log's WAL cannot be reused: read it and let go.

What is encrypted is decrypted here, with a key from the environment (see `keys`), so that nobody further up can tell
the difference.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from engine.core.entries import APPEND_BODY, FORMAT, Entry, Kind, Leg
from engine.log.content import content_sha256
from engine.log.errors import LogDamagedError, LogError, LogFormatError, LogNewerError, told
from engine.log.schema import APPLICATION_ID, ENCRYPTED_FORMAT

if TYPE_CHECKING:
    from engine.log.cipher import CallCipher


class CallRow(msgspec.Struct, frozen=True):
    """Whose call it is. `started_at` is ISO 8601 in UTC, the wall clock at `at_ns` 0; `config` is JSON."""

    call_sid: str
    stream_sid: str
    account_sid: str
    started_at: str
    rules: int
    engine_version: str
    config: str
    format: int = FORMAT


class SealRow(msgspec.Struct, frozen=True):
    """How the call ended, and the hash over what its log holds."""

    sealed_at: str
    ended: str
    reason: str
    entries: int
    sha256: str


CALL_COLUMNS = CallRow.__struct_fields__
SEAL_COLUMNS = SealRow.__struct_fields__

Row = tuple[int, int, Kind, Leg, str, str | None, bytes | None, int | None, int | None, int | None]
"""An entry's columns as they are stored, in the order of `Entry`; a body of None stands for APPEND_BODY."""

_ENTRIES = (
    "SELECT seq, at_ns, kind, leg, type, body, audio, cause, audio_from, audio_to FROM entry WHERE seq > ? ORDER BY seq"
)


class LoggedCall:
    """An open log. A context manager: leave it, or call `close`."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        call: CallRow,
        seal: SealRow | None,
        cipher: "CallCipher | None",
    ) -> None:
        self.path = path
        self.call = call
        self.seal = seal
        self._connection = connection
        self._cipher = cipher

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def rows(self, after: int = -1) -> Iterator[Row]:
        """All entries in order, or those behind one, raw: nearly as fast as SQLite can. Raises LogError."""
        with told(self.path):
            stored = self._connection.execute(_ENTRIES, (after,))
            yield from stored if self._cipher is None else self._cipher.show(self.path, stored)

    def entries(self) -> Iterator[Entry]:
        """All entries in order. Raises LogError."""
        for seq, at_ns, kind, leg, type_, body, audio, cause, begin, end in self.rows():
            yield Entry(seq, at_ns, kind, leg, type_, APPEND_BODY if body is None else body, audio, cause, begin, end)

    def verify(self) -> None:
        """Read every page and compare with the seal. Raises LogDamagedError with what was found.

        2 us an entry, a tenth of what a replay takes. A log without a seal has no hash: only its pages are checked.
        """
        with told(self.path):
            check_pages(self.path, self._connection)
            if self.seal is not None:
                *said, sha256 = msgspec.structs.astuple(self.seal)
                if content_sha256(self._connection, *said) != sha256:
                    raise LogDamagedError(f"{self.path} is damaged: its content does not match the hash in its seal")


def read_call(path: Path) -> LoggedCall:
    """Open a log. Raises LogFormatError for what is not one, or is newer than this program; LogLockedError for one
    that is encrypted, without its key; else LogError."""
    with told(path):
        connection = _connect(path)
        try:
            call, seal = read_head(path, connection)
            cipher = None
            if call.format == ENCRYPTED_FORMAT:
                # Not above: nobody waits for cryptography who meets no encrypted log.
                from engine.log.cipher import unlock

                call, cipher = unlock(path, call)
        except BaseException:
            connection.close()
            raise
    return LoggedCall(path, connection, call, seal, cipher)


def head_of(path: Path) -> tuple[CallRow, SealRow | None]:
    """What a log says of its call outside of its entries. Needs no key: of an encrypted log, `config` is encrypted.
    Raises as `read_call` does."""
    with told(path), closing(_connect(path)) as connection:
        return read_head(path, connection)


def _connect(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise LogError(f"{path}: no such log" if not path.exists() else f"{path} is not a file")
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def read_head(path: Path, connection: sqlite3.Connection) -> tuple[CallRow, SealRow | None]:
    """Check that this is a log that we can read. Raises LogError or sqlite3.Error."""
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise LogFormatError(f"{path} is not a Playhead log{'' if path.stat().st_size else ': it is empty'}")
    version = _pragma(connection, "user_version")
    if version > ENCRYPTED_FORMAT:
        raise LogNewerError(
            f"{path} has log format {version}, this version reads up to {ENCRYPTED_FORMAT}: upgrade playhead"
        )
    if version < 1:
        raise LogFormatError(f"{path} has log format {version}, which does not exist")
    call = connection.execute(f"SELECT {', '.join(CALL_COLUMNS)} FROM call").fetchone()
    seal = connection.execute(f"SELECT {', '.join(SEAL_COLUMNS)} FROM seal").fetchone()
    if call is None:
        raise LogDamagedError(f"{path} holds no call: the bridge was killed before it wrote the first row")
    try:
        call_row = msgspec.convert(dict(zip(CALL_COLUMNS, call, strict=True)), CallRow)
        seal_row = None if seal is None else msgspec.convert(dict(zip(SEAL_COLUMNS, seal, strict=True)), SealRow)
    except msgspec.ValidationError as error:
        raise LogDamagedError(f"{path} is damaged: {error}") from error
    if call_row.format != version:
        raise LogDamagedError(f"{path} is damaged: it has log format {version} and says that it has {call_row.format}")
    return call_row, seal_row


def check_pages(path: Path, connection: sqlite3.Connection) -> None:
    """SQLite's own check of every page, type and CHECK. Raises LogDamagedError or sqlite3.Error."""
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise LogDamagedError(f"{path} is damaged: {verdict}")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
