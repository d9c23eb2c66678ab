"""The best way through a graph for the audio that there is: a Viterbi search, row by row instead of frame by frame.

The score of being in a row at a time is the best, over all times at which it can have been entered, of the score there
and of what the frames since then are worth in this row's unit. With running sums of those frames' worth, `sums`, that
is

    score[t] = sums[t] + max over t' <= t - least of (entered[t'] - sums[t'])

a running maximum: a few operations on whole rows of numbers, where a loop over frames and states would take many times
as long. The running maxima rise only, so where each was reached, which is when the row was entered, is found by
bisection afterwards; nothing else is kept for the way back.

A row is looked at only where it can lie: not before the least durations of all rows before it, nor so late that those
after it have no room. A *corridor* narrows that further in long audio, where time and memory would grow with the square
of its length; what would still be too much is not searched. Everything inside is: there is no beam that can lose the
way.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, repeat
from operator import add

import msgspec

from engine.core.heard.graph import Graph, Row

CELLS_MAX = 10_000_000
"""Rows times frames of a search. So many take about a second; there are more only in minutes of audio."""
NEVER = -1e15
"""The score of what cannot be. Finite, for differences of it are taken."""


class Stay(msgspec.Struct, frozen=True):
    """The best way spends frames `begin` to `end` in this row."""

    row: int
    begin: int
    end: int


class _Scored(msgspec.Struct, gc=False):
    """A row's scores for having spent a number of frames, `first` to `last`, when it may be left."""

    first: int
    last: int
    best: Sequence[float]
    sums: Sequence[float]
    base: float
    """To be added to all scores."""

    def score(self, frames: int) -> float:
        """Impossible outside of its frames."""
        if not self.first <= frames <= self.last:
            return NEVER
        return self.best[frames - self.first] + self.sums[frames] + self.base


Corridor = Callable[[Row], tuple[int, int]]
"""For a row, the least and the most frames that may have been spent when it is left. It is not entered sooner than its
own least before the first of these."""


def search(
    graph: Graph, worth: Mapping[str, Sequence[float]], frames: int, complete: bool, corridor: Corridor | None
) -> list[Stay] | None:
    """The best way from the first frame to the last: each row of it and its frames. None if there is no room for one,
    or too much to search.

    `worth`: for every unit, the log likelihood of each frame. A `complete` way ends in one of the graph's last rows,
    another anywhere. None too if that would be more work than CELLS_MAX.
    """
    spans = _spans(graph, frames, complete, corridor)
    if sum(max(0, last - first + 1) for first, last in spans) > CELLS_MAX:
        return None
    sums: dict[str, list[float]] = {}
    rows: list[_Scored] = []
    scores: dict[int, list[float]] = {-1: [0.0]}
    needed = _last_needed(graph)
    for at, (first, last) in enumerate(spans):
        row = graph.rows[at]
        if row.unit not in sums:
            sums[row.unit] = list(accumulate(map(add, worth[row.unit], repeat(row.stay)), initial=0.0))
        scored, scores[at] = _score(row, rows, scores, sums[row.unit], first, last)
        rows.append(scored)
        for before, _ in row.after:
            if needed[before] == at:
                del scores[before]
    ends = graph.last if complete else range(len(rows))
    end = max(ends, key=lambda at: rows[at].score(frames))
    return _way_back(graph, rows, end, frames) if rows[end].score(frames) > NEVER / 2 else None


def _last_needed(graph: Graph) -> dict[int, int]:
    """For each row the last one that may follow it: up to there its scores are kept."""
    return {before: at for at, row in enumerate(graph.rows) for before, _ in row.after}


def _spans(graph: Graph, frames: int, complete: bool, corridor: Corridor | None) -> list[tuple[int, int]]:
    """For each row the least and the most frames that can have been spent when it is left. None can: last < first."""
    firsts: list[int] = []
    for row in graph.rows:
        firsts.append(min((firsts[at] if at >= 0 else 0 for at, _ in row.after)) + row.least)
    lasts = [-1 if complete else frames] * len(graph.rows)
    if complete:
        for at in graph.last:
            lasts[at] = frames
        for at in range(len(graph.rows) - 1, -1, -1):
            row = graph.rows[at]
            for before, _ in row.after:
                if before >= 0:
                    lasts[before] = max(lasts[before], lasts[at] - row.least)
    spans = list(zip(firsts, lasts, strict=True))
    if corridor is None:
        return spans
    walls = map(corridor, graph.rows)
    return [(max(span[0], wall[0]), min(span[1], wall[1])) for span, wall in zip(spans, walls, strict=True)]


def _score(
    row: Row, rows: list[_Scored], scores: dict[int, list[float]], sums: list[float], first: int, last: int
) -> tuple[_Scored, list[float]]:
    """What there is to say of a row, and its scores less its base."""
    if last < first:
        return _Scored(first, last, (), sums, 0.0), []
    begin, end = first - row.least, last - row.least
    base, entered = _entered(row, rows, scores, begin, end)
    most = 2 * NEVER
    # A comprehension takes a fifth of the time of `accumulate(..., max)`.
    best = [most if (x := e - s) <= most else (most := x) for e, s in zip(entered, sums[begin : end + 1], strict=True)]
    return _Scored(first, last, array("d", best), sums, base + row.enter), list(map(add, best, sums[first : last + 1]))


def _entered(
    row: Row, rows: list[_Scored], scores: dict[int, list[float]], begin: int, end: int
) -> tuple[float, list[float]]:
    """The best scores with which `row` can be entered after `begin` to `end` frames, less a base."""
    found: list[float] = []
    base = 0.0
    for at, cost in row.after:
        first, last, height = (rows[at].first, rows[at].last, rows[at].base) if at >= 0 else (0, 0, 0.0)
        if last < first:
            continue
        here = _stretch(scores[at], first, last, begin, end)
        if not found:
            base, found = height + cost, here
        else:
            more = height + cost - base
            found = [ours if ours >= (theirs := h + more) else theirs for ours, h in zip(found, here, strict=True)]
    return base, found or [NEVER] * (end + 1 - begin)


def _stretch(scores: list[float], first: int, last: int, begin: int, end: int) -> list[float]:
    """Scores of `first` to `last`, from `begin` to `end`, as impossible where there are none."""
    if begin >= first and end <= last:  # nearly always: it saves two copies
        return scores[begin - first : end + 1 - first]
    if begin > last or end < first:
        return [NEVER] * (end + 1 - begin)
    inner = scores[max(0, begin - first) : end + 1 - first]
    return [NEVER] * (first - begin) + inner + [NEVER] * (end - last)


def _way_back(graph: Graph, rows: list[_Scored], at: int, frames: int) -> list[Stay]:
    def score(at: int, cost: float) -> float:
        return cost + (rows[at].score(frames) if at >= 0 else 0.0 if frames == 0 else NEVER)

    way: list[Stay] = []
    while at >= 0:
        scored, row = rows[at], graph.rows[at]
        best = scored.best
        begin = bisect_left(best, best[frames - scored.first]) + scored.first - row.least
        way.append(Stay(at, begin, frames))
        frames = begin
        at = max(row.after, key=lambda before: score(*before))[0]
    return way[::-1]
