"""`replay ladder`: who said what to whom."""

import os
import sys
from functools import cache
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import click

from replay.commands.common import CALL, CALLS_DIR, PlaceName, emit, emit_lines, fail, open_call, tell

if TYPE_CHECKING:
    from engine.core.entries import Leg
    from replay.flow.ladder import Rung
    from replay.flow.seen import Seen
    from replay.places import Place
    from replay.rows import Log

COLUMNS = 100
"""Where there is no terminal to fit into."""


@click.command("ladder")
@CALL
@CALLS_DIR
@click.option("--leg", type=click.Choice(["caller", "model", "engine"]), help="Of this leg; engine: of neither.")
@click.option("--from", "begin", type=PlaceName(), help="Not before this place.")
@click.option("--to", "end", type=PlaceName(), help="Not after this place.")
@click.option("--raw", "forms", flag_value="raw", multiple=True, help="Show the frame under each arrow.")
@click.option("--mermaid", "forms", flag_value="mermaid", multiple=True, help="Print a Mermaid sequence diagram.")
@click.option("--json", "forms", flag_value="json", multiple=True, help="Print data, for programs.")
@click.option("-i", "--interactive", "forms", flag_value="browse", multiple=True, help="Move about in it.")
def command(
    call: str, calls_dir: Path, leg: "Leg | None", begin: "Place | None", end: "Place | None", forms: tuple[str, ...]
) -> None:
    """Draw who said what to whom: caller, bridge, model.

    Time runs down. An arrow is a frame; a double one is a bar of what flows all the time: audio, the echoes of marks,
    words as they come. Notes on the bridge are what it was told by its own shell, or asked of it.

    A PLACE is 83.4s, 1:23.4, seq:812, turn:3, mark:NAME, start or end.

    \b
    Examples:
      replay ladder last
      replay ladder last --from turn:3 --to turn:4 --raw
      replay ladder CA93f0 --from 83s --to 86s --mermaid
      replay ladder last -i
      replay ladder last --json | jq '.rungs[] | select(.kind == "trouble")'

    Exit code: 0 done, 2 there is no such call or place, or it cannot be read.
    """
    from replay.flow.ladder import climb
    from replay.flow.seen import Look
    from replay.flow.selection import Selection

    if len(forms) > 1:
        raise click.UsageError("--raw, --mermaid, --json and -i: one of them at a time.")
    if forms == ("browse",) and not _is_terminal():
        fail("-i needs a terminal")
    if forms == ("browse",) and os.environ.get("TERM") in (None, "", "dumb"):
        fail("-i needs a terminal that can move its cursor: TERM says that this one cannot")
    with open_call(calls_dir, call) as stored:
        log = _kept(stored)
        selection = Selection(leg=leg).within(log, begin, end)
    seen = [each for each in Look(log) if selection.takes(each.entry)]
    rungs = list(climb(seen))
    if not rungs:
        tell("no entry is like that")
    match forms:
        case ("json",):
            _print_json(log, rungs)
        case ("mermaid",):
            _print_mermaid(rungs)
        case ("browse",) if rungs:
            _browse(log, rungs, seen)
        case _:
            _print(rungs, seen, is_raw=bool(forms))


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _kept(log: "Log") -> "Log":
    """The same log in memory: its file may be that of a running call, and is not held while somebody looks."""
    from msgspec.structs import replace

    rows = list(log.rows())
    return replace(log, rows=lambda: iter(rows))


def _print(rungs: "list[Rung]", seen: "list[Seen]", is_raw: bool) -> None:
    from replay.flow.ladder_lines import ladder_lines
    from replay.paint import visible

    bodies = {each.entry.seq: visible(each.entry.body) for each in seen} if is_raw else None
    emit_lines(ladder_lines(rungs, get_terminal_size((COLUMNS, 24)).columns, bodies))


def _print_json(log: "Log", rungs: "list[Rung]") -> None:
    from replay.data import to_json

    emit(to_json({"call_sid": log.head.call_sid, "rungs": rungs}))


def _print_mermaid(rungs: "list[Rung]") -> None:
    from replay.flow.mermaid import TEXT_MAX, mermaid

    made = mermaid(rungs)
    if len(made) > TEXT_MAX:
        tell(f"Mermaid draws {TEXT_MAX:,} characters and this has {len(made):,}: --from and --to give it less")
    emit(made.encode())


def _browse(log: "Log", rungs: "list[Rung]", seen: "list[Seen]") -> None:
    import curses

    from replay.flow.browse import Book, rung_at
    from replay.flow.browse_screen import browse
    from replay.metrics.problems import problems
    from replay.places import timeline

    places = cache(lambda: timeline(log))
    found = [(rung_at(rungs, problem.seq), problem.what) for problem in problems(log)]
    entries = {each.entry.seq: each.entry for each in seen}
    try:
        browse(Book(rungs, entries, found, lambda place: places().seq_of(place)))
    except curses.error as error:
        fail(f"this terminal cannot show it: {error}")
