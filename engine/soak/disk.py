"""A disk that has no room, for a while.

The system itself refuses: no file of this process may grow over zero bytes (RLIMIT_FSIZE), so every write that would
make one longer fails, wherever in SQLite or in our own code it comes from. Python leaves the signal for it ignored.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import trio


async def fill(full_ms: tuple[int, int] | None) -> None:
    """Let nothing be written in that time."""
    if full_ms is not None:
        begin_ms, end_ms = full_ms
        await trio.sleep(begin_ms / 1000)
        with full():
            await trio.sleep((end_ms - begin_ms) / 1000)


@contextmanager
def full() -> Iterator[None]:
    """No room, inside."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
