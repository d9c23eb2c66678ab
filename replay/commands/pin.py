"""`replay pin`: a golden log of a call, or of a part of it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from replay.commands.common import CALL, CALLS_DIR, JSON, SAME, PlaceName, emit, fail, open_call, tell

if TYPE_CHECKING:
    from replay.places import Place


@click.command("pin")
@CALL
@CALLS_DIR
@click.option("--from", "begin", type=PlaceName(), default="start", show_default=True, help="Where the point begins.")
@click.option("--to", "end", type=PlaceName(), default="end", show_default=True, help="Where it has been made.")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="NAME.jsonl",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The golden log; pytest collects NAME.calllog.jsonl.",
)
@click.option("--redact", is_flag=True, help="Leave out sound, words and numbers. The decisions stay.")
@click.option("--title", default="", help="What the log shows, in a sentence.")
@click.option("--reason", default="", help="Why it is as it is.")
@click.option("--bless", is_flag=True, help="Pin what this version decides, also where it was recorded otherwise.")
@JSON
def command(
    call: str,
    calls_dir: Path,
    begin: "Place",
    end: "Place",
    output: Path,
    redact: bool,
    title: str,
    reason: str,
    bless: bool,
    as_json: bool,
) -> NoReturn:
    """Make a golden log of a call, and prove that it replays.

    A place is 83.4s, 1:23.4, seq:812, turn:3, mark:NAME, start or end. Turns that were over at --from are left out as
    far as the same is decided without them; that is tried, not assumed. What comes after --to is left out.

    Without --redact the file holds what was said, in words and in sound (beside it, in NAME.ulaw).

    \b
    Examples:
      replay pin last --from turn:6 --to turn:8 -o tests/refund_is_cut.calllog.jsonl --redact
      replay pin CA93f0 -o fixtures/golden/two_barge_ins.jsonl --title "Two barge-ins in a row."
      pytest --calllogs tests

    Exit code: 0 pinned, 2 could not.
    """
    from replay.data import to_json
    from replay.goldens.golden import AUDIO_SUFFIX, SUFFIX, read_golden, write_golden
    from replay.goldens.pin import Wish, pin, prove

    if output.suffix != SUFFIX:
        raise click.UsageError(f"-o {output}: the name of a golden log ends in {SUFFIX}")
    with open_call(calls_dir, call) as log:
        made = pin(log, Wish(begin, end, redact, title, reason, bless))
        try:
            write_golden(output, made.golden)
        except OSError as error:
            fail(f"{output}: {error.strerror}")
        result = prove(output, read_golden(output))
    if not redact:
        sound = f" and {output.with_suffix(AUDIO_SUFFIX).name}" if made.golden.audio else ""
        tell(f"{output.name}{sound} hold what was said: --redact leaves it out")
    facts = {
        "path": str(output),
        "entries": made.entries,
        "of_entries": made.of_entries,
        "turns_left_out": made.left_out,
        "redacted": redact,
        "verdict": result.verdict,
        "reason": result.reason,
    }
    if as_json:
        emit(to_json(facts))
    else:
        emit(_told(facts, str(begin)).encode())
    sys.exit(SAME)


def _told(facts: dict[str, object], begin: str) -> str:
    lines = [f"{facts['path']}: {facts['entries']} entries of {facts['of_entries']}"]
    if facts["turns_left_out"]:
        lines.append(f"  without the first {facts['turns_left_out']} turns: from {begin} on the same is decided")
    lines.append(f"  {facts['verdict']}: {facts['reason']}")
    return "\n".join(lines) + "\n"
