"""The `replay` command: which commands there are, and how it ends.

The verdict goes into the exit code: 0 the same, 1 diverged, 2 could not tell. So no accident may end in a 1: whatever
is not a divergence (a wrong option, a missing file, a bug here) ends in 2, and a reader that closes the pipe early
(`| head`) changes nothing.

Each command is a module of `replay.commands`, found by its name in the table below and imported when it is called. The
list that `--help` shows is made from the table alone: it should not wait for what the commands need.
"""

import re
import sys
import traceback
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn, cast

import click
from click.shell_completion import CompletionItem

from engine import __version__
from replay.commands.common import INTERRUPTED, UNKNOWN, complete_call

COMMANDS: dict[str, dict[str, str]] = {
    "See a call": {
        "call": "Show one call as the caller heard it, and replay it. The default.",
        "words": "Show which words were spoken when, and which were heard.",
        "events": "Print the entries of a log, filtered; follow a running call.",
        "ladder": "Draw who said what to whom: caller, bridge, model.",
        "state": "Show the core's whole state at a place, and what that step changed.",
        "audio": "Write what the caller said and heard to a stereo WAV file, or play it.",
        "view": "Make one HTML page of a call: waveforms, ladder, state, audio.",
    },
    "See many calls": {
        "ls": "List calls, newest first; search in what was said.",
        "stats": "Measure latency, interruptions and silence, per turn and per call.",
        "report": "Make a web site of a folder of calls.",
    },
    "Verify and locate": {
        "verify": "Replay many logs.",
        "diff": "Find where two logs part, or one log under other rules.",
        "what-if": "Decide a recorded call under changed settings.",
        "pin": "Make a golden log of a call, and prove that it replays.",
        "redact": "Copy a call without its people, for a stranger.",
    },
    "Calls of another bridge": {
        "import": "Make a log of frames that another bridge recorded.",
        "audit": "Say what a bridge got wrong at each interruption, and why.",
    },
    "Look after the folder": {
        "index": "Rebuild the index of a folder of calls.",
        "completion": "Print what makes a shell complete commands and calls.",
    },
}
"""What `replay --help` shows. A command NAME is `command` in the module `replay.commands.NAME`."""

_MODULES = {"import": "import_log", "what-if": "what_if"}
"""Where a name is none that a module could have."""
_TOLD = {name: told for group in COMMANDS.values() for name, told in group.items()}
_NAMES = list(_TOLD)
_LIKE_A_CALL = re.compile(r"^CA|[./]")
"""The beginning of a SID, or a path."""


def main() -> NoReturn:
    """Run the command and exit."""
    for stream in (sys.stdout, sys.stderr):
        # Not every terminal knows every letter: what it cannot show is named, and is no failure.
        cast(TextIOWrapper, stream).reconfigure(errors="backslashreplace")
    try:
        code = cli.main(prog_name="replay", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = UNKNOWN
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except OSError as error:
        click.echo(f"replay: {error.strerror or error}", err=True)
        code = UNKNOWN
    except Exception:
        traceback.print_exc()
        code = UNKNOWN
    sys.exit(code)


class _Commands(click.Group):
    """Commands that are imported when they are called. `replay CALL` is `replay call CALL`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return _NAMES

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        module = import_module(f"replay.commands.{_MODULES.get(cmd_name, cmd_name)}")
        found = module.command
        assert isinstance(found, click.Command)
        found.short_help = _TOLD[cmd_name]  # shells show it beside the name
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """What is not the name of a command is a call, unless it looks more like a command that was mistyped."""
        first = args[0]
        if first in _NAMES:
            return super().resolve_command(ctx, args)
        near = get_close_matches(first, [*_NAMES, "last"], n=1, cutoff=0.7)
        is_call = _LIKE_A_CALL.search(first) or near in ([], [first])
        if not is_call and not ctx.resilient_parsing:  # a line that is being typed may be wrong
            raise click.UsageError(f"There is no command {first!r}. Did you mean {near[0]!r}?", ctx)
        return super().resolve_command(ctx, ["call", *args])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, and calls; files, where no name begins like that. Bash forgets the names beside a file."""
        found = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            return found
        calls = complete_call(ctx, incomplete)
        return [*found, *(each for each in calls if not found or each.type != "file")]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


@click.group(
    cls=_Commands,
    context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]},
    subcommand_metavar="CALL | COMMAND [ARGS]...",
    options_metavar="",
)
@click.version_option(__version__, prog_name="replay")
def cli() -> None:
    """Replay calls from their logs: what was heard, and whether the core decides the same again.

    CALL is a call SID, the beginning of one, a path, or `last`.

    \b
    Examples:
      replay last                       the newest call
      replay CA93f0                     a call, by the beginning of its SID
      replay calls/live/CA93f0….db      any log, also of a running call
      replay last --json | jq .verdict
      replay view last --open           look at it and listen to it in a browser
      replay ls --said refund --unheard calls in which a refund was promised to nobody
      replay verify calls --jobs 4      every log in a folder

    Exit code: 0 the same, 1 diverged, 2 could not tell.
    """
