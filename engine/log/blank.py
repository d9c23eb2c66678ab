"""Empty logs. A call's file starts as one, byte for byte.

The bytes are made once per process, in memory and with sqlite-utils: a call begins while others are speaking, and
running the schema again for each would hold them up for milliseconds. They are in WAL mode already, for SQLite would
put a file there with a journal and a write of its first page.

**On the disk before it has a name.** Until the WAL is first copied into it, the file of a live log is nothing but these
bytes. So a file that is synced while it is blank and then renamed to its call can never be found torn: after a power
cut it is whole, and holds what of its WAL had reached the disk.
"""

import os
import sqlite3
from contextlib import suppress
from functools import cache
from pathlib import Path

from sqlite_utils import Database

from engine.log.schema import (
    APPLICATION_ID,
    ENCRYPTED_FORMAT,
    ENCRYPTED_FRAMES,
    ENCRYPTED_TABLES,
    FRAMES,
    PAGE_BYTES,
    TABLES,
    append_only,
)

_MODE = slice(18, 20)
_WAL_MODE = b"\2\2"
"""In the header of a file: https://www.sqlite.org/fileformat2.html#file_format_version_numbers."""


def write_image(path: Path, image: bytes, is_synced: bool) -> None:
    """Make a file that only we can look into. Raises OSError, also if it is there already, and then leaves none behind
    that it has made, if it can."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        left = memoryview(image)
        while left:
            left = left[os.write(descriptor, left) :]
        if is_synced:
            os.fsync(descriptor)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(descriptor)


@cache
def empty_log(log_format: int) -> bytes:
    """The bytes of a log without a call."""
    is_encrypted = log_format == ENCRYPTED_FORMAT
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
    database = Database(connection, execute_plugins=False)
    for table in ENCRYPTED_TABLES if is_encrypted else TABLES:
        database.execute(table)
    for name in database.table_names():
        for trigger in append_only(name):
            database.execute(trigger)
    database.create_view("frames", ENCRYPTED_FRAMES if is_encrypted else FRAMES)
    database.execute(f"PRAGMA application_id={APPLICATION_ID}")
    database.execute(f"PRAGMA user_version={log_format}")
    image = bytearray(connection.serialize())
    connection.close()
    image[_MODE] = _WAL_MODE
    return bytes(image)
