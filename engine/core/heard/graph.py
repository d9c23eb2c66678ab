"""All the ways through a transcript, as a graph of units with least durations.

    silence? ─► t ─► o ─► k ─► silence? ─► f ─► o ─► r ─► silence? ...

A *row* is one unit at one place in the text. It lasts at least `least` frames and then as long as it likes, at a price
for each frame. That least duration, 0.7 of what is usual for the unit at this speaker's rate, is what makes the search
work: without it, a badly fitting letter is passed over in one frame and the error spreads. Readings of a token are
parallel branches, silence between words is a detour that punctuation makes cheap.

Rows stand in an order in which every row comes after those it may follow, so one pass over them is enough.
"""

from collections.abc import Sequence
from math import log

import msgspec

from engine.core.heard.letters import SILENCE, WILDCARD
from engine.core.heard.said import Said
from engine.core.heard.units import Table

FILLER = "?"
"""Speech whose words are not known yet."""

LEAST_PART = 0.7
LEAST_MAX = 6
SPARE_MIN = 0.5
"""Frames that a unit lasts beyond its least, on average: no fewer, whatever the rate."""
SILENCE_FRAMES = 15.7
FILLER_FRAMES = 49.0

ENTER_SILENCE = -5.0, 0.5, 1.5
NO_SILENCE = 0.0, -1.0, -3.0
"""What a silence behind a word costs, and what its absence does, by the word's punctuation: log probabilities."""
SILENCE_WITHIN = -1.0
"""Between the words of one token."""
ENTER_FILLER = -3.0


class Row(msgspec.Struct):
    """One unit at one place. `after`: rows it may follow, with the cost of doing so; -1 is the beginning.

    `token`, `reading` and `part` say which spoken word of which reading of which token it belongs to; token -1: none.
    `place`: letters before it.
    """

    unit: str
    least: int
    stay: float
    enter: float
    token: int
    reading: int
    part: int
    place: int
    after: list[tuple[int, float]]


class Graph(msgspec.Struct):
    """`rows` in order; `last`: those with which a complete text ends."""

    rows: list[Row]
    last: list[int]


def build(text: Sequence[Said], rate: float, complete: bool, table: Table) -> Graph:
    """The graph of `text` for a speaker who takes `rate` frames a letter. With open end unless `complete`."""
    return _Builder(rate, table).build(text, complete)


class _Builder:
    def __init__(self, rate: float, table: Table) -> None:
        self._rows: list[Row] = []
        self._place = 0
        usual = table.usual_frames
        self._times = {name: _times(rate * unit.frames / usual) for name, unit in table.units.items()}
        self._times[WILDCARD] = _times(rate)
        self._times[SILENCE] = 1, *_lasting(SILENCE_FRAMES, 1)
        self._times[FILLER] = 1, *_lasting(FILLER_FRAMES, 1)

    def build(self, text: Sequence[Said], complete: bool) -> Graph:
        begin = [(-1, 0.0)]
        last = [self._pause(begin)]
        ways, ends = [*begin, (last[0], 0.0)], list[int]()
        marks = _marks(text)
        for at, token in enumerate(text):
            if not token.units:
                continue
            ends = [self._reading(at, number, words, ways) for number, words in enumerate(token.units)]
            self._place += token.length
            pause = self._pause([(row, ENTER_SILENCE[marks[at]]) for row in ends])
            ways = [*((row, NO_SILENCE[marks[at]]) for row in ends), (pause, 0.0)]
            last = [*ends, pause]
        if not complete and ends:
            self._row(FILLER, [(row, ENTER_FILLER) for row in ends])
        return Graph(self._rows, last)

    def _reading(self, token: int, number: int, words: list[str], ways: list[tuple[int, float]]) -> int:
        """One way to say a token, from `ways` on. Returns the row it ends in."""
        letters = 0
        for part, word in enumerate(words):
            if part:
                within = [(row, cost + SILENCE_WITHIN) for row, cost in ways]
                ways = [*ways, (self._row(SILENCE, within, token, number, part - 1, letters), 0.0)]
            for unit in word:
                ways = [(self._row(unit, ways, token, number, part, letters), 0.0)]
                letters += 1
        return ways[0][0]

    def _pause(self, ways: list[tuple[int, float]]) -> int:
        return self._row(SILENCE, ways)

    def _row(
        self,
        unit: str,
        after: list[tuple[int, float]],
        token: int = -1,
        reading: int = 0,
        part: int = 0,
        ahead: int = 0,
    ) -> int:
        self._rows.append(Row(unit, *self._times[unit], token, reading, part, self._place + ahead, after))
        return len(self._rows) - 1


def _marks(text: Sequence[Said]) -> list[int]:
    """The punctuation behind each token, or behind what follows it without being said: "23,50 €."."""
    made: list[int] = []
    behind = 0
    for token in reversed(text):
        made.append(max(token.punctuation, behind))
        behind = 0 if token.units else made[-1]
    return made[::-1]


def _times(frames: float) -> tuple[int, float, float]:
    """For a unit that usually lasts `frames`: its least, and the log costs of a frame in it and of the whole."""
    least = min(max(1, round(LEAST_PART * frames)), LEAST_MAX)
    return least, *_lasting(max(frames - least, SPARE_MIN), least)


def _lasting(spare: float, least: int) -> tuple[float, float]:
    """`spare` frames beyond the least, on average. Every frame costs the same, so the least ones are given back."""
    stay, leave = round(log(spare / (1 + spare)), 9), round(-log(1 + spare), 9)
    return stay, leave - least * stay
