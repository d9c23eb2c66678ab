"""Settings as options: each is a flag and an environment variable of the same name, under a heading in `--help`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec
from click.types import OptionHelpExtra

Decorated = TypeVar("Decorated", bound=Callable[..., None])

ADDRESSES = "Addresses"
KEYS = "Keys (set them in the environment: everybody on the machine can read the flags)"
CALLS = "Calls"
CALL_LIMITS = "Limits of a call; AGENT can set them too"
SOCKET_LIMITS = "Limits of its sockets"
HEADINGS = (ADDRESSES, KEYS, CALLS, CALL_LIMITS, SOCKET_LIMITS)
_REST = "Other"


class Refusal(click.ClickException):
    """A command that cannot be carried out: one line, exit code 2."""

    exit_code = 2


class _Setting(click.Option):
    def __init__(self, *names: Any, heading: str, **options: Any) -> None:
        super().__init__(*names, **options)
        self.heading = heading

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        """What stands in brackets: the default alone. `x>=1` behind each number is more to read than it tells."""
        return {"default": extra["default"]} if "default" in (extra := super().get_help_extra(ctx)) else {}


class SettingsCommand(click.Command):
    """A command whose help lists its options by heading."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {heading: [] for heading in (*HEADINGS, _REST)}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None:
                sections[option.heading if isinstance(option, _Setting) else _REST].append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


def setting(name: str, heading: str, **options: Any) -> Callable[[Decorated], Decorated]:
    """The flag and the environment variable `name`."""
    flag = f"--{name.lower().replace('_', '-')}"
    return click.option(flag, name.lower(), cls=_Setting, heading=heading, envvar=name, **options)


def limits(helps: dict[str, str], defaults: msgspec.Struct, heading: str) -> Callable[[Decorated], Decorated]:
    """A setting for each field that `helps` explains. Not given, it is None."""

    def decorate(command: Decorated) -> Decorated:
        for name, words in reversed(helps.items()):
            words = f"{words}  [default: {getattr(defaults, name)}]"  # ours is None, so that AGENT's may go before it
            option = setting(name.upper(), heading, type=click.IntRange(min=1), metavar="N", help=words)
            command = option(command)
        return command

    return decorate
