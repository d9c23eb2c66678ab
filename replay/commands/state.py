"""`replay state`: the core's state at a place in a call."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from replay.commands.common import CALL, CALLS_DIR, JSON, PlaceName, emit, emit_lines, open_call

if TYPE_CHECKING:
    from replay.places import Place


@click.command("state")
@CALL
@CALLS_DIR
@click.option("--at", "place", type=PlaceName(), help="At this place: 83.4s, 1:23.4, seq:812, turn:3, mark:NAME, end.")
@click.option("--seq", type=int, metavar="N", help="At entry N: the step that it belongs to.")
@click.option("--turn", type=int, metavar="N", help="Where turn N began to be heard.")
@click.option("--mark", metavar="NAME", help="Where this mark came back; where it was sent, if it never did.")
@JSON
def command(
    call: str,
    calls_dir: Path,
    place: "Place | None",
    seq: int | None,
    turn: int | None,
    mark: str | None,
    as_json: bool,
) -> None:
    """Show the core's whole state after one step of a call, and what that step changed.

    A step is an entry that came in, and the commands that it led to. Of a time, it is the last step before; without a
    place, the last of the log. The state is that of today's core, told what was recorded: it is not compared (`replay
    CALL` does that).

    \b
    Examples:
      replay state last
      replay state CA93f0 --at 1:23.4
      replay state last --turn 3 --json | jq .at_ear
      replay state last --seq 812 --json | jq '.changes[] | select(.path[0] == "barge_in")'

    Exit code: 0 done, 2 there is no such call or place, or it cannot be read.
    """
    from replay.data import to_json
    from replay.places import Place
    from replay.state.state_at import state_at, state_at_data
    from replay.state.state_text import state_lines

    named = [
        Place("seq", seq) if seq is not None else None,
        Place("turn", turn) if turn is not None else None,
        Place("mark", name=mark) if mark is not None else None,
    ]
    asked = [each for each in (place, *named) if each is not None]
    if len(asked) > 1:
        raise click.UsageError("--at, --seq, --turn and --mark: one of them at a time.")
    with open_call(calls_dir, call) as log:
        found = state_at(log, asked[0] if asked else Place("end"))
        if as_json:
            emit(to_json(state_at_data(log, found)))
        else:
            emit_lines(state_lines(found))
