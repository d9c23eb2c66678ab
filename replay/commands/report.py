"""`replay report`: a web site of a folder of calls."""

import sys
from pathlib import Path
from typing import NoReturn

import click

from replay.commands.common import CALLS_DIR, JSON, SAME, UNKNOWN, CallName, emit, fail, tell


@click.command("report")
@click.argument("names", nargs=-1, metavar="[DIR|CALL]...", type=CallName())
@CALLS_DIR
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default="site",
    show_default=True,
    metavar="DIR",
    help="Where to put it: a folder that is new or empty, or one of an earlier report.",
)
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes to use.")
@JSON
def command(names: tuple[str, ...], calls_dir: Path, output: Path, jobs: int, as_json: bool) -> NoReturn:
    """Make a web site of calls: a page of each, as `replay view` makes it, and an index.html to find them by.

    Of folders, files and calls; of CALLS_DIR if none is named. The index has percentiles over all calls, and the calls,
    worst first, with a search over what was said, heard or not. It opens from the disk and asks nothing of any host.

    A page is made again when its log has changed since, or the program. The pages hold what people said, so only their
    owner can read them: treat them as the logs themselves.

    \b
    Examples:
      replay report -o site/
      replay report calls/2026-11-20 --jobs 4
      replay report fixtures/golden -o golden/
      replay report --json | jq '.pages[] | select(.is_new)'

    Exit code: 0 made, 2 nothing could be made.
    """
    from engine.log.errors import LogError
    from replay.compare.verify import with_progress
    from replay.data import to_json
    from replay.site.folder import Folder, NotOurs
    from replay.site.making import make_site, site_data
    from replay.sources import logs_named

    try:
        logs = logs_named(calls_dir, names)
        if not logs:
            fail(f"there are no logs in {', '.join(names) or calls_dir}")
        site = make_site(
            Folder(output),
            logs,
            jobs,
            lambda outcomes, count: with_progress(outcomes, count, sys.stderr.isatty(), "drawing"),
        )
    except (LogError, NotOurs) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or output}: {error.strerror}")
    for task, row, reason, _ in site.outcomes:
        if row is None:
            tell(reason if str(task.log) in reason else f"{task.log}: {reason}")
    made = sum(known is not None for _, _, _, known in site.outcomes)
    unreadable = sum(row is None for _, row, _, _ in site.outcomes)
    kept = len(site.outcomes) - made - unreadable
    removed = f", {len(site.removed)} removed" if site.removed else ""
    tell(f"{output / 'index.html'}: {made} made, {kept} kept{removed}")
    tell("only you can read the pages: they hold what was said")
    if as_json:
        emit(to_json(site_data(site)))
    sys.exit(SAME if made + kept else UNKNOWN)
