"""Many logs, one verdict each, on as many processors as wanted.

One log is one task and shares nothing. Results come in the order of the logs, whoever finishes first, so that two runs
print the same.
"""

from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.log.errors import LogError
from replay.compare.junit import Case
from replay.data import JsonObject, divergence_data
from replay.paint import Line, line, plain, visible
from replay.runner import Verdict, replay
from replay.sources import open_log
from replay.text import VERDICT_STYLE, divergence_lines


class Judged(msgspec.Struct, frozen=True):
    """What became of one log. `details`: the divergence for eyes, or nothing."""

    path: str
    call_sid: str | None
    verdict: Verdict
    reason: str
    cut: bool
    entries: int
    divergence: JsonObject | None
    details: str


def judge(path: Path) -> Judged:
    """Replay one log. Never raises LogError: a log that cannot be read is `unknown`."""
    try:
        with open_log(path) as log:
            result = replay(log)
            found = result.divergence
            return Judged(
                str(path),
                log.head.call_sid,
                result.verdict,
                result.reason,
                result.cut,
                result.counts.entries,
                divergence_data(found),
                plain(divergence_lines(log, found)) if found is not None else "",
            )
    except LogError as error:
        return Judged(str(path), None, "unknown", str(error), False, 0, None, "")


def judge_all(paths: Sequence[Path], jobs: int) -> Iterator[Judged]:
    """Replay every log, in `jobs` processes. Leaving the iterator early ends them."""
    if jobs == 1 or len(paths) < 2:
        yield from map(judge, paths)
        return
    # Fresh processes: a fork would copy whatever threads and locks the caller has.
    with get_context("spawn").Pool(min(jobs, len(paths))) as pool:
        yield from pool.imap(judge, paths)


def worst(judged: Sequence[Judged]) -> Verdict:
    """One verdict for all: a divergence is certain, so it outweighs a log that could not be judged."""
    found = {each.verdict for each in judged}
    return "diverged" if "diverged" in found else "unknown" if "unknown" in found else "same"


def summary_data(judged: Sequence[Judged], found: int) -> JsonObject:
    """What `verify --json` prints. `found`: the logs there were, which fail-fast may not have come to."""
    return {"verdict": worst(judged), "counts": _counts(judged, found), "logs": msgspec.to_builtins(judged)}


def summary_lines(judged: Sequence[Judged], found: int) -> Iterator[Line]:
    """What `verify` prints: the logs that are not the same, each with its reason, and the sum."""
    for each in judged:
        if each.verdict != "same":
            yield line((each.verdict, VERDICT_STYLE[each.verdict]), f"  {visible(each.path)}: {visible(each.reason)}")
            yield from (line(detail) for detail in each.details.splitlines())
    counts = _counts(judged, found)
    told = ", ".join(f"{counts[name]} {name}" for name in ("same", "diverged", "unknown"))
    cut = f"; {counts['cut']} without an end of call" if counts["cut"] else ""
    left = f"; {counts['left']} not looked at" if counts["left"] else ""
    size = f"{_count(counts['logs'], 'log', 'logs')}, {_count(counts['entries'], 'entry', 'entries')}"
    yield line(("verify", "bold"), f": {size}: {told}{cut}{left}")


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _counts(judged: Sequence[Judged], found: int) -> dict[str, int]:
    verdicts = [each.verdict for each in judged]
    return {
        "logs": len(judged),
        "entries": sum(each.entries for each in judged),
        "same": verdicts.count("same"),
        "diverged": verdicts.count("diverged"),
        "unknown": verdicts.count("unknown"),
        "cut": sum(each.cut for each in judged),
        "left": found - len(judged),
    }


def cases(judged: Sequence[Judged]) -> list[Case]:
    """The same, for JUnit XML."""
    return [Case(each.path, each.verdict, each.reason, each.details) for each in judged]


Done = TypeVar("Done")


def with_progress(judged: Iterator[Done], count: int, wanted: bool, description: str = "replaying") -> Iterator[Done]:
    """Pass results on, and show on stderr how far it is, if somebody looks."""
    if not wanted:
        yield from judged
        return
    # Loaded here, because a pipe does not need it.
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(judged, total=count, description=description)
