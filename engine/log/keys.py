"""LOG_KEY: the keys with which logs are encrypted, and the ids by which logs name them.

A key is 32 bytes, as base64 or hex. LOG_KEY may hold several, with commas between them: the first encrypts, all
decrypt. So a key is changed by putting a new one in front, and an old one is kept for as long as logs of it are.

A log says which key it needs by the key's id, a piece of a hash over it. Of 32 random bytes that tells nothing, and it
may be shown. The key itself is shown nowhere, and it comes from the environment alone: the flags of a command are
there to be read for everybody on the machine.

This is apart from `cipher` because that needs `cryptography`, for which nobody shall wait who meets no encrypted log.
"""

import os
import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from hashlib import sha256

from engine.log.errors import LogKeyError

VARIABLE = "LOG_KEY"
KEY_BYTES = 32
_ID_LETTERS = 8
_ID_LABEL = b"playhead log key"
_HEX = re.compile(r"[0-9A-Fa-f]{64}")
_URL_SAFE = str.maketrans("-_", "+/")


class LogKey:
    """One key. A plain class and not a struct: whatever shows or encodes structs must find nothing to show."""

    __slots__ = ("key_id", "secret")

    def __init__(self, secret: bytes) -> None:
        self.key_id = sha256(_ID_LABEL + secret).hexdigest()[:_ID_LETTERS]
        self.secret = secret

    def __repr__(self) -> str:
        return f"LogKey({self.key_id})"


def read_keys(text: str) -> tuple[LogKey, ...]:
    """The keys in the text of LOG_KEY, at least one. Raises LogKeyError."""
    if not text.strip():
        # Most likely a secret that did not arrive. Writing in the clear is what was not wanted.
        raise LogKeyError(
            f"{VARIABLE} is set and empty: give it a key (`openssl rand -base64 32` makes one), or unset it to keep"
            " logs in the clear"
        )
    parts = [part.strip() for part in text.split(",")]
    return tuple(_read_key(part, number, len(parts)) for number, part in enumerate(parts, 1))


def keys_in_environment() -> tuple[LogKey, ...]:
    """The keys that this process was given; none if LOG_KEY is not set. Raises LogKeyError."""
    text = os.environ.get(VARIABLE)
    return () if text is None else read_keys(text)


def _read_key(part: str, number: int, count: int) -> LogKey:
    secret = _decoded(part)
    if secret is None or len(secret) != KEY_BYTES:
        which = VARIABLE if count == 1 else f"{VARIABLE}, key {number} of {count},"
        raise LogKeyError(
            f"{which} is not a key: {KEY_BYTES} bytes as base64 (44 characters) or hex (64), and not {len(part)}"
            " characters of something else. `openssl rand -base64 32` makes one"
        )
    return LogKey(secret)


def _decoded(part: str) -> bytes | None:
    if _HEX.fullmatch(part):
        return bytes.fromhex(part)
    base64 = part.rstrip("=").translate(_URL_SAFE)
    try:
        return a2b_base64(base64 + "=" * (-len(base64) % 4), strict_mode=True)
    except (Base64Error, ValueError):
        return None
