"""`replay audit`: what a bridge got wrong at each interruption, and why."""

import sys
from pathlib import Path
from typing import NoReturn

import click

from replay.commands.common import CALLS_DIR, DIVERGED, JSON, SAME, CallName, emit, emit_lines, fail


@click.command("audit")
@click.argument("call", type=CallName(), required=False)
@click.option("--explain", is_flag=True, help="Say what each cause means and how to mend it; without CALL, of all.")
@CALLS_DIR
@JSON
def command(call: str | None, explain: bool, calls_dir: Path, as_json: bool) -> NoReturn:
    """Say what a bridge got wrong at each interruption, and why.

    CALL is what it is for `replay CALL`: a call of another bridge that was recorded and imported (see `replay import`),
    or one of playhead's own. It is heard as a caller hears it. For each time that the caller broke in it says what was
    playing, how much of each item was heard, what the bridge made the model remember of it, and by how much that is
    wrong, in milliseconds and in words. The cause has a name, and the arithmetic that shows it.

    What lies within the bounds of what can be known is not held against anybody.

    \b
    Examples:
      replay audit last
      replay audit CA93f0 --explain
      replay audit --explain              all causes that it knows
      replay audit last --json | jq '.barge_ins[].findings[].cause'

    Exit code: 0 nothing wrong was found, 1 something was, 2 the call could not be heard.
    """
    from engine.log.errors import LogError
    from replay.audit import data, text
    from replay.audit.auditing import audit
    from replay.audit.causes import CAUSES
    from replay.data import to_json
    from replay.sources import find_log, open_log

    if call is None:
        if not explain:
            raise click.UsageError("Which call? `replay audit --explain` lists what is looked for.")
        if as_json:
            emit(to_json(data.causes_data()))
        else:
            emit_lines(text.cause_lines(CAUSES.values()))
        sys.exit(SAME)
    try:
        with open_log(find_log(calls_dir, call)) as log:
            found = audit(log)
            if as_json:
                emit(to_json(data.audit_data(log, found)))
            else:
                emit_lines(text.audit_lines(log, found, explain))
    except LogError as error:
        if as_json:
            emit(to_json(data.unheard_data(str(error))))
        fail(str(error))
    sys.exit(DIVERGED if found.findings else SAME)
