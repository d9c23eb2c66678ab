"""`replay completion`: what a shell needs to complete commands, options and calls."""

import sys
from typing import NoReturn

import click
from click.shell_completion import get_completion_class

from replay.commands.common import emit

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> NoReturn:
    """Print what makes a shell complete commands and calls: the SIDs in CALLS_DIR, newest first, and `last`.

    \b
    Examples:
      replay completion bash >> ~/.bashrc
      replay completion zsh >> ~/.zshrc
      replay completion fish > ~/.config/fish/completions/replay.fish

    Exit code: 0.
    """
    made = get_completion_class(shell)
    assert made is not None, shell
    root = ctx.find_root()
    emit((made(root.command, {}, "replay", "_REPLAY_COMPLETE").source().strip() + "\n").encode())
    sys.exit(0)
