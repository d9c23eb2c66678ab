"""What a unit of speech is like: how long it lasts, and what its frames look like. See `table` for the figures."""

from math import log, pi
from typing import NamedTuple

from engine.core.heard.letters import SILENCE


class Unit(NamedTuple):
    """`frames` of 20 ms it usually lasts; means and variances of the seven numbers of `features.Vectors`."""

    frames: float
    means: tuple[float, ...]
    variances: tuple[float, ...]

    def fit(self, rows: list[tuple[float, ...]]) -> list[float]:
        """The log likelihood of each of these frames in it: seven independent normal distributions, multiplied out."""
        a, b, c, d, e, f, g = [-0.5 / variance for variance in self.variances]
        h, i, j, k, m, n, o = [mean / variance for mean, variance in zip(self.means, self.variances, strict=True)]
        rest = 0.0
        for mean, variance in zip(self.means, self.variances, strict=True):
            rest -= 0.5 * (mean * mean / variance + round(log(2 * pi * variance), 9))
        return [
            rest
            + (a * r + h) * r
            + (b * s + i) * s
            + (c * t + j) * t
            + (d * u + k) * u
            + (e * v + m) * v
            + (f * w + n) * w
            + (g * x + o) * x
            for r, s, t, u, v, w, x in rows
        ]


class Table(NamedTuple):
    """All units, and by how much (ms) a boundary found by the search lies off on average, so that it can be mended."""

    units: dict[str, Unit]
    between_words_ms: int
    before_silence_ms: int

    @property
    def usual_frames(self) -> float:
        """Of a letter."""
        total = 0.0
        for name, unit in self.units.items():
            total += unit.frames if name != SILENCE else 0.0
        return total / (len(self.units) - 1)
