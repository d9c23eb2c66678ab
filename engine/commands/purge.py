"""`bridge purge`: calls are removed by hand, or by a cron job where no server does it."""

import sys
from pathlib import Path

import click

from engine.commands.options import Refusal
from engine.log.errors import LogError
from engine.log.remove import Found, Left, forget, of_call, older, remove
from engine.purge import first_day_kept, parts

DONE, NOT_WANTED, NOT_ALL = 0, 1, 2


@click.command()
@click.option(
    "--older-than",
    "days",
    envvar="RETAIN_DAYS",
    show_envvar=True,
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Calls that began more than so many UTC days before today.",
)
@click.option("--call", metavar="CALL", help="This call: a SID, the beginning of one, a path, or `last`.")
@click.option(
    "--calls-dir",
    envvar="CALLS_DIR",
    show_envvar=True,
    default="calls",
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the logs are.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(days: int | None, call: str | None, calls_dir: Path, dry_run: bool, yes: bool) -> None:
    """Remove calls: their logs, and every word of theirs from the index.

    Prints what is removed, a path a line. Asks first on a terminal. A running call is never removed, a symlink never
    followed, and what is not ours is left where it lies.

    Pages of `replay view` and `replay report`, redacted copies and pinned logs lie elsewhere and stay. So do backups,
    and the blocks of the disk: if those matter, encrypt the logs (LOG_KEY) and throw the key away.

    \b
    Examples:
      bridge purge --older-than 30 --dry-run
      bridge purge --call CA93f0

    Exit code: 0 all removed, 1 you said no, 2 not all could be.
    """
    if call is not None:
        days = None if _is_from_environment() else days
    if (days is None) == (call is None):
        raise click.UsageError("say which calls: --older-than DAYS (or RETAIN_DAYS), or --call CALL")
    first_day = None if days is None else first_day_kept(days)
    try:
        found = older(calls_dir, first_day) if first_day is not None else of_call(calls_dir, call or "")
    except LogError as error:
        raise Refusal(str(error)) from None
    for each in found.left:
        click.echo(f"left: {each.path}: {each.why}", err=True)
    if dry_run:
        for path in (*found.logs, *found.files):
            click.echo(path)
        click.echo(f"{_count(found)} would be removed", err=True)
        sys.exit(DONE)
    if found and not yes and is_terminal() and not click.confirm(f"Remove {_count(found)} for ever?", err=True):
        sys.exit(NOT_WANTED)
    sys.exit(_remove(calls_dir, found, first_day))


def is_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty()


def _is_from_environment() -> bool:
    source = click.get_current_context().get_parameter_source("days")
    return source is click.core.ParameterSource.ENVIRONMENT


def _remove(calls_dir: Path, found: Found, first_day: str | None) -> int:
    problem = None
    try:
        forgotten = forget(calls_dir, found, first_day)
    except LogError as error:
        forgotten, problem = 0, str(error)
    files, left = [*found.logs, *found.files], list[Left]()
    for part in parts(files):
        left += remove(calls_dir, part)
    not_removed = {each.path for each in left}
    for path in files:
        if path not in not_removed:
            click.echo(path)
    for each in left:
        click.echo(f"not removed: {each.why}", err=True)
    if problem is not None:
        click.echo(f"not forgotten: {problem}; `replay index` makes one without the calls that are gone", err=True)
    click.echo(f"{len(files) - len(left)} removed, {forgotten} forgotten by the index", err=True)
    return NOT_ALL if left or problem is not None else DONE


def _count(found: Found) -> str:
    logs = f"{len(found.logs)} log{'' if len(found.logs) == 1 else 's'}"
    files = f"{len(found.files)} other file{'' if len(found.files) == 1 else 's'}"
    return f"{logs} and {files}" if found.files else logs
