"""One seed: run it, judge it, and keep what is worth a look."""

import gc
import os
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import msgspec

from engine.log.recover import recover
from engine.soak.laws import Verdict, judge
from engine.soak.plan import RunPlan
from engine.soak.simulation import Ran, simulate

DESCRIPTORS = Path("/proc/self/fd")


class Judged(msgspec.Struct):
    """A run and what the laws say of it."""

    ran: Ran
    verdict: Verdict
    said: list[str]
    """What the bridge wrote to stderr."""


def run(plan: RunPlan, calls_dir: Path) -> Judged:
    """Run and judge. The logs stay in `calls_dir`."""
    gc.collect()  # what somebody left before is not this run's
    before = open_descriptors()
    said = StringIO()
    with redirect_stderr(said):
        ran = simulate(plan, calls_dir)
    if plan.full_disk_ms is not None:
        recover(calls_dir)  # as the next start would: a call may have ended while there was no room
    lines = said.getvalue().splitlines()
    return Judged(ran, judge(ran, lines, open_descriptors() - before), lines)


def open_descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(os.listdir(DESCRIPTORS))
