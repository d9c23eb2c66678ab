"""What all commands share: how a call is named, where output goes, how they end.

Data goes to stdout, talk to stderr. Exit codes: 0 the same (or done), 1 diverged (or: found what it looks for), 2 could
not tell or could not do it.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from replay.paint import Line
    from replay.places import Place
    from replay.rows import Log
    from replay.runner import Verdict

SAME, DIVERGED, UNKNOWN = 0, 1, 2
INTERRUPTED = 130
EXIT_CODES = {"same": SAME, "diverged": DIVERGED, "unknown": UNKNOWN}

_COMPLETIONS_MAX = 50


class CallName(click.ParamType[str]):
    """A call as people name it: a SID, the beginning of one, a path, or `last`. Stays text: see `open_call`."""

    name = "call"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return complete_call(ctx, incomplete)


def complete_call(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """`last` and the SIDs of the folder, newest first; files, where none of them begins like that."""
    from engine.log.folder import live_logs, sealed_logs

    calls_dir = Path(ctx.params.get("calls_dir") or os.environ.get("CALLS_DIR") or "calls")
    names = [
        "last",
        *(log.stem for log in live_logs(calls_dir)),
        *(log.stem for log in sealed_logs(calls_dir)[::-1]),
    ]
    found = [CompletionItem(name) for name in names if name.startswith(incomplete)][:_COMPLETIONS_MAX]
    return found or [CompletionItem(incomplete, type="file")]


class PlaceName(click.ParamType["Place"]):
    """A place in a call: see `replay.places`."""

    name = "place"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> "Place":
        from replay.places import Place, parse

        if isinstance(value, Place):
            return value
        try:
            return parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


CALL = click.argument("call", type=CallName())
CALLS_DIR = click.option(
    "--calls-dir",
    type=click.Path(path_type=Path),
    envvar="CALLS_DIR",
    default="calls",
    show_default=True,
    show_envvar=True,
    help="Where the bridge keeps its logs.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print data, for programs.")
JUNIT = click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the verdict to a file too, as JUnit XML.",
)


@contextmanager
def open_call(calls_dir: Path, call: str) -> "Iterator[Log]":
    """The log that a person means by `call`. Whatever cannot be read, here or in the block, ends the command with 2."""
    from engine.log.errors import LogError
    from replay.sources import find_log, open_log

    try:
        with open_log(find_log(calls_dir, call)) as log:
            yield log
    except LogError as error:
        fail(str(error))


def note(verdicts: "dict[Path, Verdict]") -> None:
    """For `replay ls`. An index that cannot be written (somebody else's folder) is no reason to fail."""
    from engine.log.errors import LogError
    from engine.log.index import note_verdicts

    with suppress(LogError):
        note_verdicts(verdicts)


def tell(message: str) -> None:
    """Say something that is not data."""
    from replay.paint import harmless

    click.echo(f"replay: {harmless(message)}", err=True)


def fail(message: str) -> NoReturn:
    """Say why it cannot be done, and end with 2."""
    tell(message)
    sys.exit(UNKNOWN)


def emit_lines(lines: "Iterable[Line]", output: Path | None = None) -> None:
    """Lines for eyes: in colour on a terminal, plain elsewhere and in a file."""
    from replay import paint

    if output is None and paint.is_terminal(sys.stdout):
        paint.print_in_colour(lines)
    else:
        write(output, paint.plain(lines).encode())


def write(output: Path | None, made: bytes) -> None:
    """Write to a file if one is named (`-` is none), else to stdout."""
    if output is None or str(output) == "-":
        emit(made)
        return
    from engine.log.folder import private

    try:
        with open(output, "wb", opener=private) as file:
            file.write(made)
    except OSError as error:
        fail(f"{output}: {error.strerror}")


def emit(output: bytes) -> bool:
    """Write to stdout; whether anyone still reads. A reader that has gone away is no failure, and does not change the
    exit code."""
    try:
        click.echo(output, nl=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True
