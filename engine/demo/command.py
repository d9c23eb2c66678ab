"""The `bridge demo` command."""

import sys
from pathlib import Path

import click


class _Refusal(click.ClickException):
    """A demo that cannot be shown: one line, exit code 2."""

    exit_code = 2


@click.command()
@click.option("--fast", is_flag=True, help="In virtual time: no sockets, no waiting, the same end.")
@click.option(
    "--calls-dir",
    envvar="CALLS_DIR",
    show_envvar=True,
    default="calls",
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the call's log goes.",
)
def demo(fast: bool, calls_dir: Path) -> None:
    """Show one whole call: no account, no phone.

    For some 20 seconds a caller orders at a bakery and talks over the price. The bridge is the real one; the phone and
    the model are simulated, and what is shown is read from the call's log while it grows. At the end `replay` judges
    the log.

    Exit code: 0 the replay decides the same, 1 it diverged, 2 the demo could not be shown.
    """
    # Loaded here, because `bridge serve` needs none of it.
    from engine.demo.script import demo_call
    from engine.demo.show import INTERRUPTED, show
    from engine.log.errors import LogError
    from engine.log.folder import check_calls_dir

    try:
        check_calls_dir(calls_dir)
        code = show(demo_call(), calls_dir, fast)
    except (FileNotFoundError, LogError) as error:
        raise _Refusal(str(error)) from None
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.exit(code)
