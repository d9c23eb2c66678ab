"""`replay diff`: where two logs part, or a log and its replay."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from replay.commands.common import CALLS_DIR, EXIT_CODES, JSON, JUNIT, CallName, emit, emit_lines, fail, write

if TYPE_CHECKING:
    from replay.runner import Verdict


@click.command("diff")
@click.argument("a", type=CallName())
@click.argument("b", type=CallName(), required=False)
@click.option("-C", "--context", type=click.IntRange(0), metavar="N", help="Entries around it.  [default: 6 and 3]")
@click.option("--times", is_flag=True, help="Of two logs, compare times too. Two recordings never have the same.")
@click.option("--rules", type=click.IntRange(0), metavar="N", help="Of one log, decide under these rules.")
@CALLS_DIR
@JSON
@JUNIT
def command(
    a: str,
    b: str | None,
    context: int | None,
    times: bool,
    rules: int | None,
    calls_dir: Path,
    as_json: bool,
    junit: Path | None,
) -> NoReturn:
    """Find where two logs part, or where one log and its replay do.

    A and B are what a call is for `replay CALL`. With A alone, what is recorded is compared with what this version
    decides (replayed), to the last byte. With both, two recordings of what should be the same call are compared: kind,
    leg, type, body, audio and cause of each entry. Their times and their SIDs are not, nor are the numbers of entries.
    A golden log has kept little audio; against one, audio is compared by its length.

    Shown are the first difference, the core's state before it, entries around it, and how much differs from there on.

    \b
    Examples:
      replay diff last
      replay diff before.jsonl after.jsonl
      replay diff CA93f0 CA41c2 -C 20
      replay diff last --json | jq .first.fields
      replay diff before.jsonl after.jsonl --junit diff.xml

    Exit code: 0 the same, 1 they differ, 2 could not tell.
    """
    from engine.log.errors import LogError
    from replay.compare.diff_report import diff_data, diff_lines, of_one, of_two, unjudged_data
    from replay.data import to_json
    from replay.paint import plain
    from replay.sources import find_log, open_log

    if b is not None and rules is not None:
        raise click.UsageError("--rules is for one log: which of the two should be decided again?")
    if b is None and times:
        raise click.UsageError("--times is for two logs: a log and its replay have the same times.")
    name = a if b is None else f"{a} {b}"
    try:
        with ExitStack() as stack:
            one = stack.enter_context(open_log(find_log(calls_dir, a)))
            other = None if b is None else stack.enter_context(open_log(find_log(calls_dir, b)))
            found = of_one(one, rules) if other is None else of_two(one, other, times)
            lines = list(diff_lines(found, context))
            data = to_json(diff_data(found, context)) if as_json else b""
    except LogError as error:
        if as_json:
            emit(to_json(unjudged_data(str(error))))
        _write_junit(junit, name, "unknown", str(error))
        fail(str(error))
    if as_json:
        emit(data)
    else:
        emit_lines(lines)
    _write_junit(junit, name, found.verdict, found.reason, plain(lines))
    sys.exit(EXIT_CODES[found.verdict])


def _write_junit(path: Path | None, name: str, verdict: "Verdict", reason: str, details: str = "") -> None:
    from replay.compare.junit import Case, to_junit

    if path is not None:
        write(path, to_junit("replay diff", [Case(name, verdict, reason, details)]))
