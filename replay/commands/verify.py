"""`replay verify`: many logs."""

import sys
from pathlib import Path
from typing import NoReturn

import click

from replay.commands.common import CALLS_DIR, EXIT_CODES, JSON, JUNIT, CallName, emit, emit_lines, fail, note, write


@click.command("verify")
@click.argument("names", nargs=-1, required=True, metavar="(DIR|CALL)...", type=CallName())
@CALLS_DIR
@click.option("--fail-fast", is_flag=True, help="Stop at the first log that is not the same.")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes to use.")
@JSON
@JUNIT
def command(
    names: tuple[str, ...], calls_dir: Path, fail_fast: bool, jobs: int, as_json: bool, junit: Path | None
) -> NoReturn:
    """Replay many logs: calls, and every .db and .jsonl below a folder. Prints those that are not the same.

    CALL is what it is for `replay CALL`.

    \b
    Examples:
      replay verify calls --jobs 4
      replay verify fixtures/golden --fail-fast
      replay verify last CA93f0
      replay verify calls/2026-11-20 --json | jq .counts
      replay verify fixtures/golden --junit verify.xml

    Exit code: 0 all the same, 1 at least one diverged, 2 none diverged and at least one could not be judged.
    """
    from engine.log.errors import LogError
    from replay.compare import verify
    from replay.compare.junit import to_junit
    from replay.data import to_json
    from replay.sources import logs_named

    try:
        logs = logs_named(calls_dir, names)
    except LogError as error:
        fail(str(error))
    if not logs:
        fail(f"there are no logs in {', '.join(names)}")
    judged = []
    for each in verify.with_progress(verify.judge_all(logs, jobs), len(logs), wanted=sys.stderr.isatty()):
        judged.append(each)
        if fail_fast and each.verdict != "same":
            break
    note({Path(each.path): each.verdict for each in judged})
    if as_json:
        emit(to_json(verify.summary_data(judged, len(logs))))
    else:
        emit_lines(verify.summary_lines(judged, len(logs)))
    if junit is not None:
        write(junit, to_junit("replay verify", verify.cases(judged)))
    sys.exit(EXIT_CODES[verify.worst(judged)])
