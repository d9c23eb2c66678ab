"""`make soak`: faults by the thousand, and one table of what they did.

python -m engine.soak --seeds 200 --kills 200     all of it
python -m engine.soak --seed 1234                 one simulated run, told: what went wrong when, and what came of it
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import click

from engine.soak import sockets
from engine.soak.kills import kill_all
from engine.soak.plan import draw
from engine.soak.run import Judged, run
from engine.soak.seeds import Kept, run_all
from engine.soak.table import BROKEN_SHOWN_MAX, PYTHON, Soaked, broken_lines, table

CALLS = 20


@click.command()
@click.option("--seeds", default=200, show_default=True, type=click.IntRange(min=0), help="Simulated runs. 0: none.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
@click.option("--kills", default=200, show_default=True, type=click.IntRange(min=0), help="Bridges killed. 0: none.")
@click.option("--seed", type=int, help="Run this seed alone and tell its story.")
@click.option("--calls", default=CALLS, show_default=True, type=click.IntRange(min=1), help="In each simulated run.")
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, type=click.IntRange(min=1))
@click.option("--sockets/--no-sockets", "with_sockets", default=True, help="Measure over real sockets too.")
@click.option("--power-cuts", help="A command that tries power cuts: its first line goes into the table.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the logs of broken runs go. [default: a new folder among the temporary files]",
)
def main(
    seeds: int,
    first: int,
    kills: int,
    seed: int | None,
    calls: int,
    jobs: int,
    with_sockets: bool,
    power_cuts: str | None,
    keep: Path | None,
) -> None:
    """Run simulated and real calls under faults and hold them against the laws. Fails if one is broken."""
    folder = keep or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    if seed is not None:
        kept = folder / f"seed-{seed}"
        shutil.rmtree(kept, ignore_errors=True)
        judged = run(draw(seed, calls), kept)
        lines = [*_story(judged, kept, calls)]
        is_broken = bool(judged.verdict.broken)
    else:
        soaked = _soak(range(first, first + seeds), kills, calls, jobs, with_sockets, folder)
        if power_cuts is not None:
            _cut_power(power_cuts, soaked)
        is_broken = soaked.is_broken
        lines = [*_broken(soaked, calls, folder), *table(soaked)]
    for line in lines:
        click.echo(line)
    if keep is None and not any(folder.iterdir()):
        folder.rmdir()
    sys.exit(is_broken)


def _soak(seeds: range, kills: int, calls: int, jobs: int, with_sockets: bool, folder: Path) -> Soaked:
    command = shlex.join(["python", "-m", "engine.soak", *sys.argv[1:]])
    soaked, began = Soaked(command), monotonic()
    if seeds:
        soaked.tally = run_all(seeds, calls, jobs, folder, lambda done: _progress("seeds", done, len(seeds)))
        soaked.simulating_seconds = monotonic() - began
    if with_sockets:
        with tempfile.TemporaryDirectory(prefix="soak-") as calls_dir:
            soaked.delays = sockets.measure(Path(calls_dir))
    if kills:
        began_killing = monotonic()
        soaked.killed = kill_all(kills, seeds.start, jobs, folder, lambda done: _progress("kills", done, kills))
        soaked.killing_seconds = monotonic() - began_killing
    soaked.seconds = monotonic() - began
    return soaked


def _cut_power(command: str, soaked: Soaked) -> None:
    """Run a command of another's: the engine knows no tests."""
    began = monotonic()
    done = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, text=True)
    lines = done.stdout.strip().splitlines() or ["it said nothing"]
    soaked.power_cuts, soaked.power_cuts_failed = lines[0], done.returncode != 0
    soaked.power_cuts_told = lines[1:]
    soaked.seconds += monotonic() - began


def _progress(what: str, done: int, of: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {of} {what}" + ("\n" if done == of else ""), err=True, nl=False)


def _broken(soaked: Soaked, calls: int, folder: Path) -> Iterator[str]:
    if soaked.tally is not None:
        yield from broken_lines(soaked.tally.kept, _flags(calls))
    killed = soaked.killed
    if killed is not None and killed.broken:
        yield from killed.broken[:BROKEN_SHOWN_MAX]
        yield f"    logs: {folder}/kills-*"
        yield f"    again, as far as real time allows: {PYTHON} --seeds 0 --no-sockets --kills {killed.kills}"
    yield from soaked.power_cuts_told


def _flags(calls: int) -> str:
    """What the command that shows a seed again needs besides it."""
    return "" if calls == CALLS else f" --calls {calls}"


def _story(judged: Judged, folder: Path, calls: int) -> Iterator[str]:
    """One run: what went wrong when, what became of each call, and which laws that broke."""
    plan, verdict = judged.ran.plan, judged.verdict
    yield f"seed {plan.seed}: {len(plan.calls)} calls, {judged.ran.seconds:.1f} s of virtual time"
    yield from plan.story() or ["nothing goes wrong"]
    yield ""
    for call in judged.ran.calls:
        said = [line for line in judged.said if " call.ended " in line and f"call={call.plan.call_sid} " in line]
        came = [line.partition(" ended=")[2].partition(" log=")[0] for line in said] or [call.caller.turned_away or "-"]
        yield f"call {call.plan.number:2}  {call.plan.fault or 'healthy':<32}{'; '.join(came)[:110]}"
    yield ""
    yield f"{verdict.logs} logs, {verdict.entries} entries, {verdict.entries_lost} lost; logs and index: {folder}"
    if verdict.broken:
        yield from broken_lines([Kept(plan.seed, verdict.broken, folder)], _flags(calls))
    else:
        yield "no law is broken"


if __name__ == "__main__":
    main(prog_name="python -m engine.soak")
