"""`replay what-if`: a recorded call under other settings."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from replay.commands.common import CALL, CALLS_DIR, DIVERGED, JSON, SAME, PlaceName, emit, emit_lines, fail, open_call

if TYPE_CHECKING:
    from replay.places import Place


@click.command("what-if")
@CALL
@click.option("--set", "texts", multiple=True, required=True, metavar="KEY=VALUE", help="Another setting; repeatable.")
@click.option(
    "--from", "place", type=PlaceName(), default="start", metavar="PLACE", help="From there on.  [default: start]"
)
@CALLS_DIR
@JSON
def command(call: str, texts: tuple[str, ...], place: "Place", calls_dir: Path, as_json: bool) -> NoReturn:
    """Decide a recorded call under changed settings, and say how far that can be believed.

    The recorded inputs go through the core once more, under other settings from PLACE on. Shown are the commands that
    would be others, what would become of each interruption, and where the recorded inputs stop being evidence: a model
    that is told something else answers something else, and nobody knows what.

    KEY is a setting's path, as in the log's settings or an AGENT file: greeting, mark_every_ms, vad.threshold,
    limits.settle_ms. Some of its words will do, in their order, if no other setting has them: vad.silence_ms and
    silence are vad.silence_duration_ms. VALUE is `none` for what is not to be.

    PLACE is a time of the stream or a part of the call: 83.4s, 1:23.4, seq:812, turn:3, mark:NAME, start, end.

    \b
    Examples:
      replay what-if last --set vad.silence_ms=300 --from turn:4
      replay what-if CA93f0 --set settle_ms=300 --set mark_every_ms=100
      replay what-if last --set interrupt_response=false --json | jq .evidence

    Exit code: 0 nothing changes, 1 something changes, 2 could not tell.
    """
    from replay.compare.setting_keys import asked
    from replay.compare.what_if import what_if
    from replay.compare.what_if_report import answered, what_if_data, what_if_lines
    from replay.data import to_json
    from replay.places import timeline
    from replay.runner import replay

    with open_call(calls_dir, call) as log:
        try:
            settings, changed = asked(log.settings, texts)
        except ValueError as error:
            fail(f"--set: {error}")
        result = replay(log)
        if result.verdict == "diverged":
            fail(f"{result.reason}, without other settings (see `replay diff`): what those change could not be told")
        if result.verdict == "unknown":
            fail(result.reason)
        places = timeline(log)
        from_seq = places.seq_of(place, "from")
        from_ms = places.stream_ms(from_seq)
        found = answered(log, changed, from_seq, from_ms, what_if(log, settings, from_seq))
    if as_json:
        emit(to_json(what_if_data(found)))
    else:
        emit_lines(what_if_lines(found))
    sys.exit(DIVERGED if found.changes else SAME)
