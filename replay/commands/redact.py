"""`replay redact`: a copy of a call that can be given to a stranger."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from replay.commands.common import CALL, CALLS_DIR, JSON, SAME, emit, open_call, tell

if TYPE_CHECKING:
    from replay.redacting.call import Redacted
    from replay.rows import Log
    from replay.runner import Result

STDOUT = Path("-")


@click.command("redact")
@CALL
@CALLS_DIR
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The copy: a sealed log; a golden log if FILE ends in .jsonl, or is - for stdout.",
)
@JSON
def command(call: str, calls_dir: Path, output: Path, as_json: bool) -> NoReturn:
    """Copy a call without its people: no sound, no words, no numbers; the same times, lengths and decisions.

    Words become x, digits 0, sound silence, each as long as it was. SIDs, ids and names become others, the same
    throughout. The date is gone. What stays is a list of what the protocols themselves say; anything that is not on it
    goes, whoever put it there. Which words were heard, and when, stays too: the words are x.

    The copy replays as the call does, and `replay diff CALL FILE` finds the same decisions. It is never encrypted.

    \b
    Examples:
      replay redact CA93f0 -o for_support.db
      replay redact last -o bug.jsonl && replay bug.jsonl
      replay redact last -o - | less

    Exit code: 0 copied, 2 could not.
    """
    from replay.data import to_json
    from replay.goldens.golden import SUFFIX
    from replay.redacting.call import prove, redact
    from replay.redacting.copying import golden_text, write_golden, write_sealed

    if output == STDOUT and as_json:
        raise click.UsageError("-o - and --json would both write to stdout.")
    with open_call(calls_dir, call) as log:
        redacted = redact(log)
        before, after = prove(log, redacted)
        if output != STDOUT:
            (write_golden if output.suffix == SUFFIX else write_sealed)(redacted, output)
    if output == STDOUT:
        emit(golden_text(redacted).encode())
    elif as_json:
        emit(to_json(_data(output, redacted, after)))
    else:
        emit(f"{output}: {len(redacted.entries)} entries\n  {after.verdict}: {after.reason}\n".encode())
    _tell(log, redacted, before, after)
    sys.exit(SAME)


def _tell(log: "Log", redacted: "Redacted", before: "Result", after: "Result") -> None:
    """What is kept, what is replaced, and what else one should know before giving it away."""
    counts = redacted.counts
    tell(
        f"replaced: {counts.texts} texts by x and 0, the sound of {counts.sounds} frames by silence,"
        f" {counts.names} SIDs, ids and names by others, the date by 2000-01-01"
    )
    tell("kept: when each frame came, what was decided, how long each text and word is, the protocols' own words")
    if before.cut:
        tell(f"the call has no end in this log, so neither has the copy: it ends with entry {len(redacted.entries)}")
    if before.verdict == "diverged" and after.verdict == "diverged":
        tell(f"the call itself diverges ({before.reason}), and so does the copy")
    elif before.verdict == "diverged":
        kept = "it keeps what a search for words gave then"
        tell(f"the call itself diverges ({before.reason}), and the copy does not: {kept}")


def _data(output: Path, redacted: "Redacted", after: "Result") -> dict[str, object]:
    counts = redacted.counts
    return {
        "path": str(output),
        "entries": len(redacted.entries),
        "replaced": {"texts": counts.texts, "sounds": counts.sounds, "names": counts.names},
        "verdict": after.verdict,
        "reason": after.reason,
    }
