"""The tables of CALLS_DIR/index.db, and the bytes of an index that has no calls yet.

As with a log (see `blank`), the bytes are made once per process: an index is never half made on the disk.
"""

import sqlite3
from functools import cache

from sqlite_utils import Database

from engine.log.terms import TOKENIZER

APPLICATION_ID = 0x506C4869
"""`PlHi`."""
VERSION = 4
"""Of the index's own tables. An index of another version is rebuilt, never migrated."""
_NUMBERS = ("duration_ms", "entries", "turns", "interruptions", "faults", "malformed", "format", "rules")
TURN_COLUMNS: dict[str, type] = {
    "id": int,
    "path": str,
    "number": int,
    "speaker": str,
    "item_id": str,
    "response_id": str,
    "start_ms": int,
    "end_ms": int,
    "generated_text": str,
    "heard_text": str,
    "generated_ms": int,
    "heard_ms": int,
    "heard_words": int,
    "heard_words_min": int,
    "heard_words_max": int,
    "interrupted": int,
    "method": str,
    "confidence": float,
}
SEARCHED = ("generated_text", "heard_text")
"""Columns of a turn that are searched."""


@cache
def empty_index(call_columns: tuple[str, ...]) -> bytes:
    """The bytes of an index without calls."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    database = Database(connection, execute_plugins=False)
    columns: dict[str, type] = dict.fromkeys(call_columns, str) | dict.fromkeys(_NUMBERS, int)
    database.table("call").create(columns, pk="path", not_null=set(columns) - {"path", "verdict"}, strict=True)
    database.table("call").create_index(["started_at"])
    database.table("call").create_index(["call_sid"])
    database.table("turn").create(
        TURN_COLUMNS, pk="id", not_null={"path", "number"}, foreign_keys=[("path", "call", "path")], strict=True
    )
    database.table("turn").create_index(["path"])
    database.execute(f"CREATE VIRTUAL TABLE turn_fts USING fts5({', '.join(SEARCHED)}, tokenize='{TOKENIZER}')")
    database.execute(f"PRAGMA application_id={APPLICATION_ID}")
    database.execute(f"PRAGMA user_version={VERSION}")
    image = connection.serialize()
    connection.close()
    return image
