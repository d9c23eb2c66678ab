"""`replay events`: the entries of a log, one line each; of a running call as they come."""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from replay.commands.common import CALL, CALLS_DIR, JSON, PlaceName, emit, fail, tell

if TYPE_CHECKING:
    from engine.core.entries import Kind, Leg
    from replay.flow.seen import Seen
    from replay.flow.selection import Selection
    from replay.places import Place
    from replay.rows import Log

LINES_AT_ONCE = 1000
"""Written together: a reader that has gone away is noticed soon, and one that stays gets them in few writes."""
TYPES_SHOWN_MAX = 3


@click.command("events")
@CALL
@CALLS_DIR
@click.option("--leg", type=click.Choice(["caller", "model", "engine"]), help="Of this leg; engine: of neither.")
@click.option("--kind", type=click.Choice(["input", "command", "fault"]), help="Of this kind.")
@click.option("--type", "types", metavar="GLOB", multiple=True, help="Of this type; may be repeated.")
@click.option("--grep", "text", metavar="TEXT", default="", help="With this text in the frame, upper case or lower.")
@click.option("--from", "begin", type=PlaceName(), help="Not before this place.")
@click.option("--to", "end", type=PlaceName(), help="Not after this place.")
@click.option("--media", is_flag=True, help="Do not fold what flows: audio, marks, words as they come.")
@click.option("--follow", is_flag=True, help="Of a running call: go on as entries come, until it is over.")
@JSON
def command(
    call: str,
    calls_dir: Path,
    leg: "Leg | None",
    kind: "Kind | None",
    types: tuple[str, ...],
    text: str,
    begin: "Place | None",
    end: "Place | None",
    media: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Print the entries of a log, one line each.

    A line has the entry's number, its time on the stream's clock, who told whom, the type, and what it says. Audio,
    marks and words as they come are folded into runs: there are a hundred of them in a second. An echo says whether its
    mark was played or flushed by a clear, as far as that is known from what came later.

    A PLACE is 83.4s, 1:23.4, seq:812, turn:3, mark:NAME, start or end.

    \b
    Examples:
      replay events last
      replay events last --type 'response.*' --type error
      replay events CA93f0 --from turn:3 --to turn:4 --media
      replay events last --type clear --json | jq .stream_ms
      replay events last --follow

    Exit code: 0 done, 2 there is no such call or place, or it cannot be read.
    """
    from engine.log.errors import LogError
    from replay.flow.selection import Selection
    from replay.sources import find_log, is_golden, open_log

    if follow and end is not None:
        raise click.UsageError("--follow ends with the call: --to cannot be given with it.")
    try:
        path = find_log(calls_dir, call)
        with open_log(path) as log:
            selection = Selection(leg, kind, types, text).within(log, begin, end)
            if not follow or is_golden(path):
                _print_all(log, selection, media, as_json)
                return
        _follow(log, selection, media, as_json)
    except LogError as error:
        fail(str(error))


def _print_all(log: "Log", selection: "Selection", media: bool, as_json: bool) -> None:
    from replay.flow.seen import Look

    # To the end before the first line: what became of a mark is known later.
    seen = list(Look(log))
    taken = [each for each in seen if selection.takes(each.entry)]
    if not taken:
        tell(f"none of the {len(seen)} entries is like that{_near(seen, selection.types)}")
    _print(taken, media, as_json, live=False)


def _follow(log: "Log", selection: "Selection", media: bool, as_json: bool) -> None:
    from engine.log.folder import day_of
    from replay.flow import following
    from replay.flow.seen import Look

    look = Look(log)
    batches = following.follow(log.path, day_of(log.head.started_at), following.pause, tell)
    seen = (each for rows in batches for each in look.take(rows))
    taken = (each for each in seen if selection.takes(each.entry))
    _print(taken, media, as_json, live=True)


def _print(entries: "Iterable[Seen]", media: bool, as_json: bool, live: bool) -> None:
    from replay import paint
    from replay.flow.entry_lines import entry_lines, json_lines
    from replay.flow.runs import fold

    at_once = 1 if live else LINES_AT_ONCE
    if as_json:
        _emit_each(json_lines(entries), at_once)
        return
    lines = entry_lines(entries if media else fold(entries, live))
    if paint.is_terminal(sys.stdout):
        paint.print_in_colour(lines)
    else:
        _emit_each((paint.plain([line]).encode() for line in lines), at_once)


def _emit_each(made: Iterator[bytes], at_once: int) -> None:
    while chunk := b"".join(islice(made, at_once)):
        if not emit(chunk):
            return


def _near(seen: "list[Seen]", globs: tuple[str, ...]) -> str:
    """The types there are that look most like those asked for, if any were."""
    from difflib import SequenceMatcher

    from replay.paint import visible

    def unlikeness(kind: str) -> float:
        return -max(SequenceMatcher(None, glob, kind).ratio() for glob in globs)

    if not globs:
        return ""
    near = sorted({each.entry.type for each in seen}, key=unlikeness)[:TYPES_SHOWN_MAX]
    return f". Types nearest to that: {visible(', '.join(near))}"
