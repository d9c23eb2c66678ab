"""`replay index`: make the index of a folder anew."""

import sys
from pathlib import Path

import click

from replay.commands.common import SAME, UNKNOWN, emit, fail, tell


@click.command("index")
@click.argument("calls_dir", metavar="[DIR]", type=click.Path(path_type=Path), envvar="CALLS_DIR", default="calls")
def command(calls_dir: Path) -> None:
    """Rebuild DIR/index.db from the sealed logs. DIR is CALLS_DIR if not given.

    \b
    Examples:
      replay index
      replay index /var/lib/playhead/calls

    Exit code: 0 done, 2 the folder cannot be used, or some log in it cannot be read.
    """
    from engine.log.errors import LogError
    from replay.listing import rebuild_index
    from replay.paint import visible

    try:
        rebuilt = rebuild_index(calls_dir)
    except LogError as error:
        fail(str(error))
    for problem in rebuilt.problems:
        tell(visible(problem))
    calls = "1 call" if rebuilt.calls == 1 else f"{rebuilt.calls} calls"
    emit(f"{calls} indexed in {calls_dir / 'index.db'}\n".encode())
    sys.exit(UNKNOWN if rebuilt.problems else SAME)
