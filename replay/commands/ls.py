"""`replay ls`: the calls of a folder."""

from pathlib import Path
from typing import Any, Literal

import click

from replay.commands.common import CALLS_DIR, JSON, emit, emit_lines, fail, tell

ENDINGS = (
    *("stop", "hangup", "dropped", "model_closed", "model_failed", "refused", "limit", "fault", "shutdown"),
    *("crashed", "live"),
)
VERDICTS = ("same", "diverged", "unknown", "not-replayed")


class Time(click.ParamType[Any]):
    """A time as people say it; `is_end`: of a date, its end. See `replay.wanted`."""

    name = "time"

    def __init__(self, is_end: bool) -> None:
        self.is_end = is_end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from replay.wanted import moment

        try:
            return moment(value, is_end=self.is_end)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Length(click.ParamType[Any]):
    """A length of time as people say it, in milliseconds."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from replay.wanted import length_ms

        try:
            return length_ms(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("ls")
@CALLS_DIR
@click.option("--since", type=Time(is_end=False), help="Began then or later: 2026-11-20, 14:02 (today, UTC), 2d (ago).")
@click.option("--until", type=Time(is_end=True), help="Began then or earlier; a date is the whole day.")
@click.option(
    "--ended", metavar="HOW", multiple=True, type=click.Choice(ENDINGS), help=f"{', '.join(ENDINGS)}; may be repeated."
)
@click.option("--verdict", type=click.Choice(VERDICTS), help="Of the last replay.")
@click.option("--interrupted", is_flag=True, help="The caller interrupted at least once.")
@click.option("--faults", is_flag=True, help="Something happened that must not.")
@click.option("--longer-than", "longer_ms", type=Length(), help="90s, 1:30, 2m.")
@click.option("--shorter-than", "shorter_ms", type=Length(), help="The same.")
@click.option("--said", metavar="WORDS", help='All these words, or "phrases", were in one turn of it.')
@click.option("--by", type=click.Choice(["caller", "assistant"]), help="By whom it was said.")
@click.option("--heard", is_flag=True, help="The assistant said it, and the caller heard it.")
@click.option("--unheard", is_flag=True, help="The assistant said it, and the caller did not hear it.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The newest N.")
@JSON
def command(
    calls_dir: Path,
    said: str | None,
    by: Literal["caller", "assistant"] | None,
    heard: bool,
    unheard: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """List calls, newest first; search in what was said.

    Of what was looked for, the turns are shown below their call, with what was not heard in [brackets]. `turn:3` is a
    place: go on with `replay state CALL --turn 3`. `refund*` finds the words that begin like that. Capitals, accents
    and punctuation make no difference.

    \b
    Examples:
      replay ls --since 2d --interrupted
      replay ls --ended dropped --ended fault --since 2026-11-20
      replay ls --said '"store discount" cash' --by assistant
      replay ls --said 'refund*' --unheard
      replay ls --json | jq -r '.[] | select(.verdict != "same") | .call_sid'

    Exit code: 0 done, also if there is none; 2 the folder is not there.
    """
    from engine.log.errors import LogError
    from replay.data import to_json
    from replay.listing import list_calls, list_lines
    from replay.searching import search_for
    from replay.wanted import Wanted

    asks_heard = heard or unheard
    if said is None and (by is not None or asks_heard):
        raise click.UsageError("--by, --heard and --unheard are about --said.")
    if heard and unheard:
        raise click.UsageError("--heard and --unheard exclude each other: leave both out for all that was said.")
    if by == "caller" and asks_heard:
        raise click.UsageError("--heard and --unheard are about the assistant: callers hear themselves.")
    try:
        search = None if said is None else search_for(said, by, heard if asks_heard else None)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--said'") from None
    try:
        listing = list_calls(calls_dir, Wanted(search=search, **asked))
    except LogError as error:
        fail(str(error))
    for hint in listing.hints:
        tell(hint)
    if as_json:
        emit(to_json(listing.calls))
    elif listing.calls:
        emit_lines(list_lines(listing.calls, search))
    elif listing.logs:
        tell(f"{listing.logs} call{'s' if listing.logs > 1 else ''} in {calls_dir}, and none is like that")
    else:
        tell(f"there are no calls in {calls_dir}")
