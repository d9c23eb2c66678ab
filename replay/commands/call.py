"""`replay CALL`: one call, as it was heard, and the verdict. The default command."""

import sys
from pathlib import Path
from typing import NoReturn

import click

from replay.commands.common import CALL, CALLS_DIR, EXIT_CODES, JSON, emit, emit_lines, fail, note


@click.command("call")
@CALL
@CALLS_DIR
@JSON
def command(call: str, calls_dir: Path, as_json: bool) -> NoReturn:
    """Show one call as the caller heard it, and replay it. This is the default command.

    CALL is a call SID, the beginning of one, a path (.db, or a golden log's .jsonl), or `last`.

    \b
    Examples:
      replay CA93f0
      replay last --json
      replay fixtures/golden/two_barge_ins_in_a_row.jsonl

    Exit code: 0 the same, 1 diverged, 2 could not tell.
    """
    from engine.log.errors import LogDamagedError, LogError
    from replay import data, text
    from replay.runner import replay
    from replay.sources import find_log, open_log

    try:
        path = find_log(calls_dir, call)
        try:
            with open_log(path) as log:
                result = replay(log)
                if as_json:
                    emit(data.to_json(data.call_data(log, result)))
                else:
                    emit_lines(text.call_lines(log, result))
        except LogDamagedError:
            note({path: "unknown"})
            raise
    except LogError as error:
        if as_json:
            emit(data.to_json(data.unreadable_data(str(error))))
        fail(str(error))
    note({path: result.verdict})
    if result.verdict == "unknown":
        fail(result.reason)
    sys.exit(EXIT_CODES[result.verdict])
