"""`replay import`: the frames that another bridge recorded, made into logs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from replay.commands.common import CALLS_DIR, JSON, SAME, UNKNOWN, emit, tell

if TYPE_CHECKING:
    from replay.foreign.importing import Imported


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@CALLS_DIR
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the log to this file.")
@click.option("--call-sid", metavar="SID", help="Whose call it is, where no `start` frame says so.")
@JSON
def command(
    files: tuple[Path, ...], calls_dir: Path, output: Path | None, call_sid: str | None, as_json: bool
) -> NoReturn:
    """Make a log of the frames that another bridge recorded: one call for each FILE, gzipped or not.

    A FILE has a line of JSON for each frame, {"at_ms", "leg": "caller|model", "way": "in|out", "frame"}, as
    engine.recorder writes it; docs/OTHER_BRIDGES.md shows how. The log is put into CALLS_DIR, with its call's SID for a
    name. The same recording imported again makes no second log.

    \b
    Examples:
      replay import recordings/CA93f0*.jsonl && replay audit CA93f0
      replay import recordings/*.jsonl --json | jq -r '.[].path'
      replay import call.jsonl -o call.db

    Exit code: 0 all are imported, 2 at least one could not be.
    """
    from engine.log.errors import LogError
    from replay.data import to_json
    from replay.foreign.importing import import_recording
    from replay.paint import visible

    if len(files) > 1 and (output is not None or call_sid is not None):
        raise click.UsageError("-o and --call-sid are for one FILE at a time.")
    imported: list[Imported] = []
    for file in files:
        try:
            made = import_recording(file, calls_dir, output, call_sid)
        except LogError as error:
            tell(visible(str(error)))
            continue
        imported.append(made)
        _tell(file, made)
        if not as_json:
            _show(made)
    if as_json:
        emit(to_json([_data(made) for made in imported]))
    elif imported:
        call = imported[-1].path if output is not None else imported[-1].call_sid
        tell(f"next: replay audit {call}")
    sys.exit(SAME if len(imported) == len(files) else UNKNOWN)


def _tell(file: Path, made: "Imported") -> None:
    from replay.paint import visible

    for note in made.notes:
        tell(visible(f"{file}: {note}"))
    for skipped in made.skipped:
        tell(visible(f"{file}, line {skipped.line} is left out: {skipped.why}"))


def _show(made: "Imported") -> None:
    from replay.text import clock

    there = "" if made.is_new else ", there already: the same frames"
    emit(f"{made.path}  {made.entries} entries, {clock(made.duration_ms)}{there}\n".encode())


def _data(made: "Imported") -> dict[str, object]:
    return {
        "path": str(made.path),
        "call_sid": made.call_sid,
        "entries": made.entries,
        "duration_ms": made.duration_ms,
        "is_new": made.is_new,
        "skipped": [{"line": each.line, "why": each.why} for each in made.skipped],
        "notes": made.notes,
    }
