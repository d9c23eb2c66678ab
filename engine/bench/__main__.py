"""`make bench`: accuracy, the cost of calls, the delay of a clear, the speed of a replay and the size of a log.

The machine is shared and noisy: ratios and medians of one run mean something, single microseconds do not.
"""

import click

from engine.bench import accuracy, live, replaying
from engine.bench import sockets as real_sockets


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Run all measurements, or one."""
    if context.invoked_subcommand is None:
        for command in (oracle, sockets, replay, calls):
            context.invoke(command)
            click.echo()


@main.command()
@click.option("--seeds", default="0:5000", show_default=True, help="FROM:TO, not including TO.")
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(min=1))
def oracle(seeds: str, jobs: int) -> None:
    """|what the model keeps - what was played| over simulated calls; fails if any breaks a law."""
    begin, end = (int(part) for part in seeds.split(":"))
    _fail_if(accuracy.measure(range(begin, end), jobs, click.echo))


@main.command()
@click.option("--count", default=24, show_default=True)
def sockets(count: int) -> None:
    """The same over real sockets, in real time."""
    real_sockets.measure(count, click.echo)


@main.command()
@click.option("--minutes", default=10.0, show_default=True)
def replay(minutes: float) -> None:
    """A long call: the replay's time against reading it, and the log's size against its audio."""
    replaying.measure(minutes, click.echo)


@main.command()
@click.option("--at-once", default=18, show_default=True)
@click.option("--at-once-clear", default=20, show_default=True)
@click.option("--seconds", default=30, show_default=True)
def calls(at_once: int, at_once_clear: int, seconds: int) -> None:
    """Real sockets: CPU for each second of call, by part, and how soon a clear is on the wire."""
    live.measure(at_once, at_once_clear, seconds, click.echo)


def _fail_if(is_broken: bool) -> None:
    if is_broken:
        raise SystemExit(1)


if __name__ == "__main__":
    main(prog_name="python -m engine.bench")
