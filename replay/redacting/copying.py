"""Writes what is left of a call to a file: a sealed log, or a golden one. Never over something that is there.

Both are made of the entries that are left and of nothing else, so no page of the file can hold what was taken out. A
copy is never encrypted, whatever the environment says: it is for somebody who has no key of ours.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from engine.log.errors import LogError, told
from engine.log.reader import CallRow
from engine.log.seal import seal
from engine.log.writer import CallLog
from replay.goldens.golden import Header, make_golden
from replay.redacting.call import Redacted


def golden_text(redacted: Redacted) -> str:
    """The call as a golden log, which needs no file of sound beside it."""
    header = Header("A call without its people.", "redacted", redacted.head, redacted.settings)
    return make_golden(header, redacted.entries, is_silent=True).text


def write_golden(redacted: Redacted, output: Path) -> None:
    """Write the call as a golden log. Raises LogError."""
    _write(output, golden_text(redacted).encode())


def write_sealed(redacted: Redacted, output: Path) -> None:
    """Write the call as a sealed log. Raises LogError."""
    _check_free(output)
    with told(output), TemporaryDirectory(prefix=".redact-", dir=output.parent) as folder:
        head = redacted.head
        log = CallLog(Path(folder))
        log.open(
            CallRow(
                call_sid=head.call_sid,
                stream_sid=head.stream_sid,
                account_sid=head.account_sid,
                started_at=head.started_at,
                rules=head.rules,
                engine_version=head.engine_version,
                config=msgspec.json.encode(redacted.settings).decode(),
            )
        )
        log.append(redacted.entries)
        sealed = seal(log)
        assert sealed is not None, "it was opened"
        _write(output, sealed.path.read_bytes())


def _write(output: Path, made: bytes) -> None:
    _check_free(output)
    with told(output):
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(made)
        except BaseException:
            output.unlink(missing_ok=True)
            raise


def _check_free(output: Path) -> None:
    if os.path.lexists(output):
        raise LogError(f"{output} exists already, and a call is never written over: remove it, or name another file")
