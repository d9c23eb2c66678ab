"""Which sendings were played without a pause, and on which line: the reckoning part of `ear_lines`.

All numbers are samples. A *line* is the date at which position 0 of the playout would have been played, had there been
no pause: a sending at `position` begins at line + position. Lines never become less, for a pause only delays.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec


class Evidence(NamedTuple):
    """A sending, by its number, was played on a line between two bounds."""

    sending: int
    low: int
    high: int


class Run(msgspec.Struct):
    """Sendings from number `first` on, up to the next run, that were played without a pause."""

    first: int
    low: int
    high: int

    @property
    def line(self) -> int:
        """The middle of what is possible."""
        return (self.low + self.high) // 2


def runs_of(silences: Sequence[int], evidence: Sequence[Evidence], forecast: Sequence[Evidence]) -> list[Run]:
    """The runs of a playout. `silences`: sendings that went into silence, the first one too. `forecast`: of every
    sending the line on which it would have been played at once when it arrived."""
    made: list[Run] = []
    for first, stop in pairwise([*silences, len(forecast)]):
        inside = [each for each in evidence if first <= each.sending < stop]
        made += _segment(inside or [forecast[first]], forecast[:stop], first)
    return made


def _segment(evidence: Sequence[Evidence], forecast: Sequence[Evidence], first: int) -> list[Run]:
    """The runs of what was sent from one silence to the next."""
    known, low, high = evidence[0]
    runs = [Run(first, low, high)]
    for each in evidence[1:]:
        run = runs[-1]
        if each.low > run.high:
            _pause(runs, each, forecast[known + 1 : each.sending + 1])
        elif each.high >= run.low:
            run.low, run.high = max(run.low, each.low), min(run.high, each.high)
        known = each.sending
    for foretold in forecast[known + 1 :]:
        if foretold.low > runs[-1].high:
            runs.append(Run(*foretold))
    return runs


def _pause(runs: list[Run], evidence: Evidence, forecast: Sequence[Evidence]) -> None:
    """A sending was played later than the line allows, so playback paused before it or before one of those since the
    last that is known. `forecast`: of these."""
    if not forecast:  # what came behind a probe was slower than it by more than was thought
        runs[-1].low, runs[-1].high = evidence.low, evidence.high
        return
    for sending, low, high in forecast:
        if runs[-1].high < low and runs[-1].high < evidence.high:
            runs.append(Run(sending, min(low, evidence.high), min(high, evidence.high)))
    if runs[-1].first >= forecast[0].sending and runs[-1].high >= evidence.low:
        runs[-1].low, runs[-1].high = max(runs[-1].low, evidence.low), evidence.high
        return
    latest = max(forecast, key=lambda each: each.high).sending
    while runs[-1].first >= latest:
        runs.pop()
    runs.append(Run(latest, evidence.low, evidence.high))
