"""What the bridge says on stderr: one line a fact, `time fact key=value …`, for a person and for a log collector alike.

A stderr that is broken or closed is put up with: no call may end because nobody listens to what is said about it.

Never what a caller or the model said, never audio, never a key: those are in the call's log, or nowhere. What a model's
server said about an error is said again here, without the secrets that may be in it (`hiding`).
"""

import json
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime

from engine.hiding import shown

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:+")


def say(fact: str, **fields: object) -> None:
    """One line. Fields that are None are left out; a text with anything odd in it is quoted as JSON."""
    words = [datetime.now(UTC).isoformat(timespec="milliseconds"), fact]
    words += [f"{name}={_shown(value)}" for name, value in fields.items() if value is not None]
    _write(" ".join(words) + "\n")


def say_error(fact: str, error: BaseException, verbose: bool, **fields: object) -> None:
    """A bug or a failing machine: one line, and the traceback only on request."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    say(fact, error=f"{type(error).__name__}: {error}", **fields)
    if verbose:
        _write("".join(traceback.format_exception(error)))


def _write(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(shown(text))  # in one piece: several bridges may share one stderr


def _shown(value: object) -> str:
    text = str(value)
    return text if text and _PLAIN.issuperset(text) else json.dumps(text)
