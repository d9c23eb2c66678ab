"""`make fuzz`: any bytes against every part that reads somebody else's, and any order of events against the core.

    python -m tests.fuzz                               every target, half a minute each
    python -m tests.fuzz --seconds 600 legs web        some of them, for longer
    python -m tests.fuzz legs --input FILE             one input again, with its traceback
    python -m tests.fuzz any_order --seed 17           the core's state machines from that seed on

Each target runs in a process of its own. It begins with the files of `fixtures/fuzz` and with what earlier runs found
worth keeping, and stops at its first failure; then the others go on. One table at the end; exit code 1 if any failed.
"""

import argparse
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.fuzz.targets import DICTIONARY, TARGETS, folders

ANY_ORDER = "any_order"
NAMES = [*TARGETS, ANY_ORDER]
KEPT = Path("build/fuzz")
BYTES_MAX = 32_768
"""Of an input: the smallest log there is fits in."""
INPUT_SECONDS_MAX = 30
"""For one input, on a busy machine and watched. The slowest takes a hundredth of it; more is a hang."""
MEMORY_MB_MAX = 2_048
START_SECONDS = 600
"""Import under watch, and the corpus once, on a machine that does much else."""
SHARED_MEMORY = Path("/dev/shm")
"""Files that nobody keeps are written a thousand times a second: not to a disk, where there is another place."""
TOLD_LINES = 40
"""Of what a process that failed said last."""
_RUNS = re.compile(r"stat::number_of_executed_units: (\d+)|^#(\d+)\t", re.MULTILINE)
_COVERED = re.compile(r"\tINITED cov: (\d+)|\t\w+ +cov: (\d+)")


class Run(NamedTuple):
    """What became of a target. `covered`: branches that its corpus reached, and those that were reached in the end."""

    name: str
    runs: int
    covered: tuple[int, int] | None
    failed: list[Path]
    told: str


def main() -> int:
    arguments = _arguments()
    if arguments.input is not None:
        for name in arguments.targets:
            TARGETS[name](arguments.input.read_bytes())
            print(f"{name}: nothing happened that must not")
        return 0
    if find_spec("atheris") is None and arguments.targets != [ANY_ORDER]:
        print("atheris is not installed: `make fuzz` installs it first", file=sys.stderr)
        return 2
    done = []
    for name in arguments.targets or NAMES:
        print(f"{name} …", file=sys.stderr, flush=True)
        done.append(_run(name, arguments.seconds, arguments.seed))
    print(_table(done))
    for each in done:
        if each.failed:
            print(f"\n{each.told}\n\n{each.name} failed. Once more:\n    {_again(each)}")
    return 1 if any(each.failed for each in done) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Throw bytes at what reads them.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--seconds", type=float, default=30.0, help="for each target (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="where chance begins (default: 0)")
    parser.add_argument("--input", type=Path, help="run this file through the targets named, and nothing else")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.targets if name not in NAMES]:
        parser.error(f"there is no target {unknown[0]}: choose from {', '.join(NAMES)}")
    if arguments.input is not None and (not arguments.targets or ANY_ORDER in arguments.targets):
        parser.error("--input needs a target that takes bytes")
    return arguments


def _run(name: str, seconds: float, seed: int) -> Run:
    kept = KEPT / name
    (kept / "found").mkdir(parents=True, exist_ok=True)
    before = set(kept.glob("*-*"))
    command = [sys.executable, "-m"]
    if name == ANY_ORDER:
        command += ["tests.fuzz.machines", str(seconds), str(seed), str(kept)]
    else:
        command += ["tests.fuzz.child", name, *_options(seconds, seed, kept), str(kept / "found")]
        command += [str(folder) for folder in folders(name) if folder.is_dir()]
    memory = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    try:
        with TemporaryDirectory(prefix="playhead-fuzz-", dir=memory) as folder:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds + START_SECONDS,
                env=os.environ | {"TMPDIR": folder},
            )
        told, is_well = done.stderr + done.stdout, done.returncode == 0
    except subprocess.TimeoutExpired as error:
        told, is_well = f"it did not end: {error}", False
    failed = sorted(set(kept.glob("*-*")) - before)
    if not is_well and not failed:
        (kept / "crash-without-input").write_text(told, encoding="utf-8")
        failed = [kept / "crash-without-input"]
    runs = [int(one or other) for one, other in _RUNS.findall(told)]
    covered = [int(one or other) for one, other in _COVERED.findall(told)]
    return Run(
        name,
        max(runs, default=0),
        (covered[0], covered[-1]) if covered else None,
        failed,
        "\n".join(told.splitlines()[-TOLD_LINES:]),
    )


def _options(seconds: float, seed: int, kept: Path) -> list[str]:
    """libFuzzer's. What is new is written to the first folder named, what failed beside that."""
    return [
        f"-max_total_time={max(1, round(seconds))}",
        f"-seed={seed + 1}",  # 0 would be a seed of the clock
        f"-max_len={BYTES_MAX}",
        f"-timeout={INPUT_SECONDS_MAX}",
        f"-rss_limit_mb={MEMORY_MB_MAX}",
        f"-artifact_prefix={kept}/",
        f"-dict={DICTIONARY}",
        "-print_final_stats=1",
        "-reload=0",
    ]


def _table(done: list[Run]) -> str:
    lines = [f"{'target':<12} {'executions':>10} {'branches':>9} {'new':>5} {'failed':>7}"]
    for each in done:
        first, last = each.covered or (0, 0)
        shown = (f"{last:>9}", f"{last - first:>5}") if each.covered else (f"{'-':>9}", f"{'-':>5}")
        lines.append(f"{each.name:<12} {each.runs:>10} {shown[0]} {shown[1]} {len(each.failed):>7}")
    return "\n".join(lines)


def _again(run: Run) -> str:
    file = run.failed[0]
    if run.name == ANY_ORDER:
        return f"{sys.executable} -m tests.fuzz {ANY_ORDER} --seed {file.name.rpartition('-')[2]}"
    return f"{sys.executable} -m tests.fuzz {run.name} --input {file}"


if __name__ == "__main__":
    sys.exit(main())
