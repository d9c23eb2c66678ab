"""What the bridge says on stderr: one line a fact, `time fact key=value …`, for a person and for a log collector alike.

A stderr that is broken or closed is put up with: no call may end because nobody listens to what is said about it.

Never what a caller or the model said, never audio, never a key: those are in the call's log, or nowhere.
"""

import json
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:+")


def say(fact: str, **fields: object) -> None:
    """One line. Fields that are None are left out; a text with anything odd in it is quoted as JSON."""
    words = [datetime.now(UTC).isoformat(timespec="milliseconds"), fact]
    words += [f"{name}={_shown(value)}" for name, value in fields.items() if value is not None]
    with suppress(OSError, ValueError):
        sys.stderr.write(" ".join(words) + "\n")  # in one piece: several bridges may share one stderr


def say_error(fact: str, error: BaseException, verbose: bool, **fields: object) -> None:
    """A bug or a failing machine: one line, and the traceback only on request."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    say(fact, error=f"{type(error).__name__}: {error}", **fields)
    if verbose:
        with suppress(OSError, ValueError):
            traceback.print_exception(error)


def _shown(value: object) -> str:
    text = str(value)
    return text if text and _PLAIN.issuperset(text) else json.dumps(text)
