"""`make bench`: accuracy, the cost of calls, the delay of a clear, the speed of a replay and the size of a log.

The machine is shared and noisy: ratios and medians of one run mean something, single microseconds do not.
"""

import os
from pathlib import Path

import click

from engine.bench import accuracy, encrypting, fitting, live, recording, replaying, starting, syncing
from engine.bench import sockets as real_sockets
from engine.bench import view as viewing
from engine.bench.words import table
from engine.bench.words.corpus import SpeechError


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Run all measurements, or one."""
    if context.invoked_subcommand is None:
        for command in (oracle, sockets, replay, start, recorder, calls):
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


@main.command()
@click.option("--minutes", default=10.0, show_default=True)
def encryption(minutes: float) -> None:
    """A long call's log with LOG_KEY and without: what an append, reading and replaying cost."""
    encrypting.measure(minutes, click.echo)


@main.command()
@click.option("--at-once", default=20, show_default=True, type=click.IntRange(min=1))
@click.option("--seconds", default=10, show_default=True, type=click.IntRange(min=1))
@click.option("--folder", type=click.Path(path_type=Path), help="On the disk to be measured.")
def sync(at_once: int, seconds: int, folder: Path | None) -> None:
    """What an append costs with LOG_SYNC_SECONDS off, 1 and 0."""
    syncing.measure(at_once, seconds, folder, click.echo)


@main.command()
@click.option("--minutes", default=10.0, show_default=True)
def view(minutes: float) -> None:
    """The page of a long call: its size, the time to make it, and how soon and how readily it answers in a browser."""
    viewing.measure(minutes, click.echo)


@main.command()
@click.option("--times", default=5, show_default=True, type=click.IntRange(min=1))
def start(times: int) -> None:
    """How soon each command of `replay` answers to --help, beside a Python that does nothing."""
    starting.measure(times, click.echo)


@main.command()
@click.option("--frames", default=50_000, show_default=True)
def recorder(frames: int) -> None:
    """What `engine.recorder` costs another bridge, for each frame."""
    recording.measure(frames, click.echo)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, type=click.IntRange(min=1))
@click.option("--limits", is_flag=True, help="Fail if a target is missed.")
def words(folder: Path, jobs: int, limits: bool) -> None:
    """How right the heard words are on a folder of speech with word times."""
    try:
        is_missed = table.measure(folder, jobs, click.echo)
    except SpeechError as error:
        raise click.ClickException(str(error)) from error
    _fail_if(limits and is_missed)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, type=click.IntRange(min=1))
def referee(folder: Path, jobs: int) -> None:
    """The heard words against the forced alignment of a speech recogniser, which `make referee` installs."""
    try:
        # Not above: it is a development extra.
        from engine.bench.referee import compare

        compare.measure(folder, jobs, click.echo)
    except ModuleNotFoundError as error:
        if error.name != "pocketsphinx":
            raise
        raise click.ClickException("pocketsphinx is not installed: `make referee` installs it.") from error
    except SpeechError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--lang", default="en", show_default=True, help="Which utterances to learn from.")
@click.option("-o", "--output", default=fitting.TABLE_FILE, show_default=True, type=click.Path(path_type=Path))
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, type=click.IntRange(min=1))
def fit(folder: Path, lang: str, output: Path, jobs: int) -> None:
    """Make the table of units anew from a folder of speech, with word times or without."""
    try:
        fitting.measure(folder, lang, output, jobs, click.echo)
    except SpeechError as error:
        raise click.ClickException(str(error)) from error


def _fail_if(is_broken: bool) -> None:
    if is_broken:
        raise SystemExit(1)


if __name__ == "__main__":
    main(prog_name="python -m engine.bench")
