"""The `bridge` command: which commands there are.

Each is imported when it is called. The list that `--help` shows is made from the table alone: it should not wait for
what the commands need.
"""

from importlib import import_module

import click

from engine import __version__

COMMANDS = {
    "serve": ("engine.commands.serve:serve", "Take calls until told to stop (SIGTERM or Ctrl-C)."),
    "doctor": ("engine.commands.doctor:doctor", "Check a set-up, and say what to fix."),
    "word": ("engine.commands.word:word", "Record what callers hear while the model is away."),
    "purge": ("engine.commands.purge:purge", "Remove old calls, or one."),
    "demo": ("engine.demo.command:demo", "Show one whole call: no account, no phone."),
}
"""Where each command is, and what `bridge --help` says of it."""


class _Commands(click.Group):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"max_content_width": 110, "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bridge")
def main() -> None:
    """A bridge between phone calls (Twilio Media Streams) and a speech model (OpenAI Realtime)."""
