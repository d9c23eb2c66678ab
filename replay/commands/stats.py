"""`replay stats`: how long callers waited, over how much they were talked, and on what the time was spent."""

import sys
from pathlib import Path
from typing import NoReturn

import click
from click.core import ParameterSource

from replay.commands.common import CALLS_DIR, JSON, SAME, UNKNOWN, CallName, emit, emit_lines, fail, tell


@click.command("stats")
@click.argument("names", nargs=-1, metavar="[DIR|CALL]...", type=CallName())
@CALLS_DIR
@click.option("--per-turn", "forms", flag_value="turns", multiple=True, help="One line for each answer to the caller.")
@click.option("--per-call", "forms", flag_value="calls", multiple=True, help="One line for each call.")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes to use.")
@JSON
@click.pass_context
def command(
    ctx: click.Context, names: tuple[str, ...], calls_dir: Path, forms: tuple[str, ...], jobs: int, as_json: bool
) -> NoReturn:
    """Measure calls: latency and its parts, barge-ins, talk-over, dead air, underruns, truncation, the line.

    Of folders, files and calls, all turns pooled; of CALLS_DIR if none is named. Percentiles are values that occurred
    (nearest rank). The worst turns come with what to type to look at them. docs/METRICS.md defines every number.

    \b
    Examples:
      replay stats
      replay stats last --per-turn
      replay stats calls/2026-11-20 --jobs 4
      replay stats --json | jq .metrics.turn_latency

    Exit code: 0 done, 2 no log could be read.
    """
    from engine.log.errors import LogError
    from replay.compare.verify import with_progress
    from replay.data import to_json
    from replay.metrics import stats, tables
    from replay.sources import logs_named

    if len(forms) > 1:
        raise click.UsageError("--per-turn and --per-call: one of them at a time.")
    try:
        paths = logs_named(calls_dir, names)
    except LogError as error:
        fail(str(error))
    if not paths:
        fail(f"there are no logs in {', '.join(names) or calls_dir}")
    logs = list(with_progress(stats.measure_all(paths, jobs), len(paths), sys.stderr.isatty(), "measuring"))
    for log in logs:
        if log.reason is not None:
            tell(log.reason if log.path in log.reason else f"{log.path}: {log.reason}")
    if as_json:
        emit(to_json(stats.stats_data(logs)))
    else:
        by_option = ctx.get_parameter_source("calls_dir") is ParameterSource.COMMANDLINE
        show = {"turns": tables.turn_lines, "calls": tables.call_lines}.get("".join(forms), tables.pooled_lines)
        emit_lines(show(logs, tables.Names(None if by_option else calls_dir)))
    sys.exit(SAME if any(log.measures is not None for log in logs) else UNKNOWN)
