"""What a soak says: one table, of what was measured and nothing else.

A part that was not run says so. Whatever is wrong is said before it, with the command that shows it again.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from engine.soak.kills import Killed
from engine.soak.seeds import Kept, Tally
from engine.soak.sockets import FAULTY, Delays

CLEAR_MS_MAX = 20
"""The 99th percentile of virtual time that a clear may take beside faulty calls."""
BROKEN_SHOWN_MAX = 5
WIDTH = 118
NOT_RUN = "not run"
PYTHON = ".venv/bin/python -m engine.soak"


class Soaked(msgspec.Struct):
    """All that was measured. None: not run."""

    command: str
    seconds: float = 0.0
    tally: Tally | None = None
    delays: Delays | None = None
    killed: Killed | None = None
    simulating_seconds: float = 0.0
    killing_seconds: float = 0.0
    power_cuts: str = NOT_RUN
    """What the command that tries them says, and what it says besides."""
    power_cuts_told: list[str] = []
    power_cuts_failed: bool = False

    @property
    def is_broken(self) -> bool:
        """Whether anything is not as it must be."""
        tally, killed = self.tally, self.killed
        is_late = tally is not None and percentile(tally.verdict.clear_delays_ms, 99) > CLEAR_MS_MAX
        return bool(is_late or (tally and tally.kept) or (killed and killed.broken) or self.power_cuts_failed)


def broken_lines(kept: Sequence[Kept], calls_flag: str) -> Iterator[str]:
    """The seeds that broke a law: which, where their logs are, and how to see it again."""
    for one in kept:
        yield f"seed {one.seed} broke {len(one.broken)} laws"
        for broken in one.broken[:BROKEN_SHOWN_MAX]:
            whose = "the run" if broken.call is None else f"call {broken.call}"
            yield f"    {broken.law}: {whose}: {broken.what}"
        if len(one.broken) > BROKEN_SHOWN_MAX:
            yield f"    and {len(one.broken) - BROKEN_SHOWN_MAX} more"
        yield f"    logs: {one.folder}"
        yield f"    again: {PYTHON} --seed {one.seed}{calls_flag}"


def table(soaked: Soaked) -> Iterator[str]:
    """The table, line by line."""
    yield ""
    rest = [("power cuts", soaked.power_cuts.removeprefix("power cuts: ")), ("runtime", f"{soaked.seconds:.0f} s")]
    for name, value in [*_simulated(soaked), *_real(soaked), *rest]:
        yield f"{name:<35}{value}"
    yield f"{'command':<35}{soaked.command}"


def _simulated(soaked: Soaked) -> Iterator[tuple[str, str]]:
    tally = soaked.tally
    if tally is None:
        yield "simulated", NOT_RUN
        return
    verdict = tally.verdict
    yield "simulated", f"{tally.seeds} seeds, {tally.calls} calls, {soaked.simulating_seconds:.0f} s"
    yield "faults injected", f"{sum(tally.faults.values())}"
    yield from _grouped(tally.faults)
    yield "logs checked", f"{verdict.logs} ({verdict.entries} entries)"
    yield "entries lost", f"{verdict.entries_lost}"
    yield "corrupt files", f"{verdict.corrupt_files}"
    yield "leaks (tasks, descriptors, files)", f"{verdict.leaks}"
    yield "laws broken", f"{len(verdict.broken)}"
    yield "clear beside faults, virtual time", _delays(verdict.clear_delays_ms)


def _real(soaked: Soaked) -> Iterator[tuple[str, str]]:
    delays, killed = soaked.delays, soaked.killed
    if delays is None:
        yield "clear beside faults, real sockets", NOT_RUN
    else:
        whose = f"{delays.healthy} of {delays.calls} calls healthy, {FAULTY} with a fault each"
        yield "clear beside faults, real sockets", f"{_delays(delays.clear_delays_ms)}; {whose}"
    if killed is None:
        yield "kill -9", NOT_RUN
        return
    yield "kill -9", f"{killed.kills} kills, {killed.calls} calls, {soaked.killing_seconds:.0f} s"
    yield "  logs checked", f"{killed.logs} ({killed.crashed} cut by a kill, {killed.entries} entries)"
    yield "  frames that a peer saw", f"{killed.frames}; peers with one that is in no log: {killed.peers_with_a_loss}"
    yield "  corrupt files, laws broken", f"{killed.corrupt_files}, {len(killed.broken)}"


def _grouped(faults: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Faults by what they concern, a few lines in all."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, times in sorted(faults.items()):
        group, _, what = name.partition(": ")
        groups[group if what else "others"].append(f"{what or name} {times}")
    for group, whats in groups.items():
        line, lead = "", f"  {group}"
        for what in whats:
            if len(line) + len(what) > WIDTH - 36:
                yield lead, line + ","
                line, lead = "", ""
            line += f", {what}" if line else what
        yield lead, line


def _delays(delays_ms: Sequence[float]) -> str:
    if not delays_ms:
        return "no call was interrupted"
    marks = ", ".join(f"p{share} {percentile(delays_ms, share):.1f}" for share in (50, 99))
    return f"{marks}, max {max(delays_ms):.1f} ms ({len(delays_ms)} clears)"


def percentile(values: Sequence[float], share: int) -> float:
    """The least value that so many in a hundred do not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else 0.0
