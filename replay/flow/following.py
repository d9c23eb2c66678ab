"""A log that still grows, as its bridge writes it.

The bridge holds the one connection that writes, and a log that anyone else holds open can neither reuse its WAL nor be
sealed. So each look opens the file read-only, reads what is new and lets go; and between two looks it waits. Every look
ends between two steps, since a step is written whole.

When the call is over its file is sealed and moves to the folder of its day. Whoever looks for it then finds it there,
with the seal that says that nothing more will come.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep

from engine.log.errors import LogError
from engine.log.folder import LIVE
from engine.log.reader import LoggedCall, Row, read_call

LOOK_EVERY_SECONDS = 0.25
"""Soon enough for eyes; and the log is let go of for nearly all of the time."""
SILENT_LOOKS_MAX = 40
"""Ten seconds: a running call writes fifty entries a second, so something is wrong with a call that writes none."""


def follow(path: Path, day: str, wait: Callable[[], bool], tell: Callable[[str], object]) -> Iterator[list[Row]]:
    """What the log holds, then what comes, look by look, until it is sealed. `day`: on which the call began.

    `wait` is called between two looks; where it gives False, that was the last one. `tell` is told once if nothing has
    come for long. Raises LogError.
    """
    last_seq, silent = -1, 0
    while True:
        with _open(path, day) as logged:
            rows = list(logged.rows(after=last_seq))
            is_over = logged.seal is not None
        if rows:
            last_seq, silent = rows[-1][0], 0
            yield rows
        if is_over or not wait():
            return
        silent += 1
        if silent == SILENT_LOOKS_MAX:
            tell(f"nothing more comes in {path}. If its bridge was killed, nothing will; Ctrl-C ends this")


def pause() -> bool:
    """Wait for the next look; False when Ctrl-C is pressed."""
    try:
        sleep(LOOK_EVERY_SECONDS)
    except KeyboardInterrupt:
        return False
    return True


def _open(path: Path, day: str) -> LoggedCall:
    """Open the log where it is: of a running call in live/, and from its end on under its day."""
    try:
        return read_call(path)
    except LogError:
        if path.exists() or path.parent.name != LIVE:
            raise
    return read_call(path.parent.parent / day / path.name)
