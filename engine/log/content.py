"""The hash over what a log holds, whatever the pages of its file look like.

What is hashed is JSON lines: the row of `call`, the entries by `seq`, and the rest of the seal, each an array of its
columns without spaces, text as it is, blobs in base64. The standard library's `json` makes the same bytes
(docs/LOG_FORMAT.md shows how), so anyone can check a log without this program.
"""

import sqlite3
from hashlib import sha256

import msgspec

_CALL = (
    "SELECT call_sid, stream_sid, account_sid, started_at, rules, engine_version, config, format FROM call ORDER BY id"
)
_ENTRIES = "SELECT seq, at_ns, kind, leg, type, body, audio, cause, audio_from, audio_to FROM entry ORDER BY seq"
_ROWS_AT_ONCE = 500

_encode_lines = msgspec.json.Encoder().encode_lines


def content_sha256(connection: sqlite3.Connection, sealed_at: str, ended: str, reason: str, entries: int) -> str:
    """The hash over the rows of `call` and `entry`, and what its seal says. Raises sqlite3.Error."""
    digest = sha256()
    for query in (_CALL, _ENTRIES):
        cursor = connection.execute(query)
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            digest.update(_encode_lines(rows))
    digest.update(_encode_lines([(sealed_at, ended, reason, entries)]))
    return digest.hexdigest()
