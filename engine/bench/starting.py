"""How soon each command of `replay` answers: its `--help` in a fresh process, beside a Python that does nothing."""

import subprocess
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

from replay.cli import COMMANDS

_REPLAY = "from replay.cli import main; main()"


def measure(times: int, say: Callable[[str], None]) -> None:
    """Start each command so many times, and say the median of each."""
    nothing_s = _median_s(times, "pass")
    say(f"python -c pass                {nothing_s * 1000:4.0f} ms, median of {times}")
    for name in ("", *(name for group in COMMANDS.values() for name in group)):
        arguments = [name, "--help"] if name else ["--help"]
        took_s = _median_s(times, _REPLAY, *arguments)
        say(f"replay {' '.join(arguments):22} {took_s * 1000:4.0f} ms, {took_s / nothing_s:.1f} times")


def _median_s(times: int, script: str, *arguments: str) -> float:
    return median(_once_s([sys.executable, "-c", script, *arguments]) for _ in range(times))


def _once_s(command: list[str]) -> float:
    begin_s = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - begin_s
