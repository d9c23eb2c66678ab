"""Many seeds, on all cores: each is run and judged, and the logs of those that broke a law are kept."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from engine.soak.laws import Broken, Verdict
from engine.soak.plan import RunPlan, draw
from engine.soak.run import Judged, run
from engine.soak.simulation import SimulatedCall

MEMORY = Path("/dev/shm")
"""Where there is one, logs need not wait for a disk."""
ROOM_BYTES = 2 * 2**30
"""That a server wants to see free for the calls of a run (`engine.health`)."""
FRAMES_MS = 100
"""A call that breaks off had its last frame so much earlier, at the most."""


class Kept(msgspec.Struct, frozen=True):
    """A seed that broke laws, and where its logs are."""

    seed: int
    broken: list[Broken]
    folder: Path


class Tally(msgspec.Struct):
    """What came of many runs."""

    seeds: int = 0
    calls: int = 0
    seconds: float = 0.0
    """Of virtual time."""
    faults: dict[str, int] = {}
    """How often each took place."""
    kept: list[Kept] = []
    verdict: Verdict = msgspec.field(default_factory=Verdict)

    def add(self, other: "Tally") -> None:
        """Count another in."""
        self.seeds += other.seeds
        self.calls += other.calls
        self.seconds += other.seconds
        self.faults = dict(Counter(self.faults) + Counter(other.faults))
        self.kept += other.kept
        mine, its = self.verdict, other.verdict
        for name in ("logs", "entries", "entries_lost", "corrupt_files", "leaks"):
            setattr(mine, name, getattr(mine, name) + getattr(its, name))
        mine.broken += its.broken
        mine.clear_delays_ms += its.clear_delays_ms


def run_all(seeds: Iterable[int], calls: int, jobs: int, keep: Path, progress: Callable[[int], None]) -> Tally:
    """Run all of them; `progress` is told how many are done."""
    tally = Tally()
    with get_context("fork").Pool(jobs) as pool:
        for one in pool.imap(partial(run_one, calls=calls, keep=keep), seeds):
            tally.add(one)
            progress(tally.seeds)
    return tally


def run_one(seed: int, calls: int, keep: Path) -> Tally:
    """Run and judge one. The logs stay, under `keep`, if it broke a law."""
    plan = draw(seed, calls)
    with TemporaryDirectory(prefix="soak-", dir=scratch()) as folder:
        judged = run(plan, Path(folder) / "calls")
        if judged.verdict.broken:
            kept = keep / f"seed-{seed}"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(Path(folder), kept)
            (kept / "stderr.txt").write_text("\n".join([*judged.said, ""]), encoding="utf-8")
    tally = tally_of(judged)
    if judged.verdict.broken:
        tally.kept.append(Kept(seed, judged.verdict.broken, kept))
    return tally


def scratch() -> Path | None:
    """Where to keep logs for a moment: in memory if there is room, else where temporary files go."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES else None


def tally_of(judged: Judged) -> Tally:
    """One run, counted."""
    ran = judged.ran
    faults = Counter(call.plan.fault for call in ran.calls if call.plan.fault is not None and _took_place(call))
    faults.update(_faults_of_all(ran.plan))
    return Tally(1, len(ran.calls), ran.seconds, dict(faults), [], judged.verdict)


def _took_place(call: SimulatedCall) -> bool:
    """Whether a call got as far as its fault."""
    if call.plan.door != "token":
        return True
    last_ns = max((front.frames[-1].at_ns for front in call.caller.fronts if front.frames), default=None)
    return last_ns is not None and last_ns // 1_000_000 + FRAMES_MS >= call.plan.at_ms


def _faults_of_all(plan: RunPlan) -> Iterator[str]:
    if plan.full_disk_ms is not None:
        yield "all calls: full disk"
    if plan.flood_at_ms is not None:
        yield "all calls: flood of connections"
    if plan.stop_at_ms is not None:
        yield "all calls: stop signal" + (", twice" if plan.stops_twice else "")
