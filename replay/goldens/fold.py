"""What a call says a hundred times a second, as one line, without losing a byte.

The caller's frames, each passed on; the stretches that are played, each with its mark; the echoes of those marks: these
differ only in their counters, and between them would bury the story. A *run* is an unbroken stretch of such entries. It
is taken apart into units (a frame and its append, a stretch and its mark, an echo), units that differ in nothing but
numbers share a pattern, and the run is written as the order of its patterns: `aabaab`.

In a pattern, `200(+20)` is a number that grows by 20 each time the pattern comes, and `12(+1u)` one that grows by 1
with every unit of the run, whatever its pattern (Twilio counts all its frames). A run ends where a number does not fit.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from string import ascii_lowercase
from typing import NamedTuple

from engine.core import Entry, Leg
from engine.core.entries import Kind

FOLDED_TYPES = frozenset({"media", "mark", "input_audio_buffer.append"})
ENTRIES_MIN = 2
_NUMBER = re.compile(r"(?<![0-9])(?:0|[1-9][0-9]{0,17})(?![0-9])")
"""Only what `str` gives back: a number with leading zeros, or a very long one, is text."""
_GROWING = re.compile(r"([0-9]+)\(([+-][0-9]+)(u?)\)")


class Pattern(NamedTuple):
    """One entry of a unit. `origin`: how far back its cause is, audio_from and audio_to; `audio`: of every time."""

    kind: Kind
    leg: Leg
    type: str
    body: str
    origin: str
    audio: list[bytes] | None


class Run(NamedTuple):
    """Entries from `seq` on: a unit for each letter of `order`, at the time that stands in its place in `at_ns`."""

    order: str
    seq: int
    at_ns: list[int]
    units: dict[str, list[Pattern]]


Unit = list[Entry]


def fold(entries: Sequence[Entry]) -> Iterator[Entry | Run]:
    """The entries in order, with what can be folded put into runs."""
    waiting: list[Unit] = []
    for unit in _units(entries):
        if unit[0].type not in FOLDED_TYPES:
            yield from _runs(waiting)
            waiting = []
            yield unit[0]
        else:
            waiting.append(unit)
    yield from _runs(waiting)


def unfold(run: Run) -> Iterator[Entry]:
    """The entries of a run."""
    first_place: dict[str, int] = {}
    came: Counter[str] = Counter()
    seq = run.seq
    for place, letter in enumerate(run.order):
        since = place - first_place.setdefault(letter, place)
        times = came[letter]
        came[letter] += 1
        for pattern in run.units[letter]:
            origin = _at(pattern.origin, times, since).split()
            back, begin, end = (None if part == "None" else int(part) for part in origin)
            yield Entry(
                seq,
                run.at_ns[place],
                pattern.kind,
                pattern.leg,
                pattern.type,
                _at(pattern.body, times, since),
                None if pattern.audio is None else pattern.audio[times],
                None if back is None else seq - back,
                begin,
                end,
            )
            seq += 1


def _units(entries: Sequence[Entry]) -> Iterator[Unit]:
    """Each entry by itself, but a frame with the append, or a stretch with the mark, that follows in the same step."""
    pending: Unit = []
    for entry in entries:
        if pending and _belong(pending[0], entry):
            yield [*pending, entry]
            pending = []
            continue
        if pending:
            yield pending
        pending = [entry]
    if pending:
        yield pending


def _belong(first: Entry, second: Entry) -> bool:
    is_passed_on = second.kind == "command" and second.type in ("mark", "input_audio_buffer.append")
    return first.type == "media" and is_passed_on and first.at_ns == second.at_ns


def _runs(units: list[Unit]) -> Iterator[Entry | Run]:
    while units:
        builder = _Builder(units)
        units = units[builder.length :]
        run = builder.run()
        entries = list(unfold(run))
        # A text that looks like a pattern by itself would not come back: then nothing is folded here.
        if len(entries) < ENTRIES_MIN or entries != builder.entries():
            yield from builder.entries()
        else:
            yield run


class _Series:
    """The numbers of one pattern, as long as each grows evenly: with its own times, or with the units of the run."""

    def __init__(self, place: int, unit: Unit) -> None:
        self.place = place
        self.unit = unit
        self.first = _numbers(unit)
        self.times = 1
        self.by_time: list[int | None] = [0] * len(self.first)
        self.by_unit: list[int | None] = [0] * len(self.first)

    def take(self, place: int, unit: Unit) -> bool:
        """Add the next unit; False, and nothing is changed, where a number does not fit."""
        numbers, since = _numbers(unit), place - self.place
        by_time, by_unit = list(self.by_time), list(self.by_unit)
        for index, (number, first) in enumerate(zip(numbers, self.first, strict=True)):
            if self.times == 1:
                grown = number - first
                by_time[index] = grown
                by_unit[index] = grown // since if grown % since == 0 else None
            else:
                by_time[index] = _kept(by_time[index], self.times, number - first)
                by_unit[index] = _kept(by_unit[index], since, number - first)
            if by_time[index] is None and by_unit[index] is None:
                return False
        self.by_time, self.by_unit = by_time, by_unit
        self.times += 1
        return True

    def texts(self) -> list[tuple[str, str]]:
        """Body and origin of each entry, with the growth behind each number that grows."""
        growth = iter(zip(self.by_time, self.by_unit, strict=True))

        def mark(found: re.Match[str]) -> str:
            by_time, by_unit = next(growth)
            if by_time == 0:
                return found[0]
            return f"{found[0]}({by_time:+d})" if by_time is not None else f"{found[0]}({by_unit:+d}u)"

        return [(_NUMBER.sub(mark, entry.body), _NUMBER.sub(mark, _origin(entry))) for entry in self.unit]


class _Builder:
    """The longest run at the head of some units."""

    def __init__(self, units: list[Unit]) -> None:
        self._series: dict[object, _Series] = {}
        self._order: list[object] = []
        self._units: list[Unit] = []
        for place, unit in enumerate(units):
            shape = _shape(unit)
            if shape not in self._series:
                if len(self._series) == len(ascii_lowercase):
                    break
                self._series[shape] = _Series(place, unit)
            elif not self._series[shape].take(place, unit):
                break
            self._order.append(shape)
            self._units.append(unit)
        self.length = len(self._units)

    def entries(self) -> list[Entry]:
        return [entry for unit in self._units for entry in unit]

    def run(self) -> Run:
        letters = dict(zip(self._series, ascii_lowercase, strict=False))
        units = {letters[shape]: self._patterns(shape, series) for shape, series in self._series.items()}
        order = "".join(letters[shape] for shape in self._order)
        return Run(order, self._units[0][0].seq, [unit[0].at_ns for unit in self._units], units)

    def _patterns(self, shape: object, series: _Series) -> list[Pattern]:
        same = [unit for unit, other in zip(self._units, self._order, strict=True) if other == shape]
        patterns = []
        for index, (entry, (body, origin)) in enumerate(zip(series.unit, series.texts(), strict=True)):
            audio = None if entry.audio is None else [unit[index].audio or b"" for unit in same]
            patterns.append(Pattern(entry.kind, entry.leg, entry.type, body, origin, audio))
        return patterns


def _kept(step: int | None, times: int, grown: int) -> int | None:
    return step if step is not None and step * times == grown else None


def _shape(unit: Unit) -> object:
    """All that must be the same in the units of a pattern: everything but numbers and times."""
    return tuple(
        (
            entry.kind,
            entry.leg,
            entry.type,
            tuple(_NUMBER.split(entry.body)),
            tuple(_NUMBER.split(_origin(entry))),
            None if entry.audio is None else len(entry.audio),
        )
        for entry in unit
    )


def _numbers(unit: Unit) -> list[int]:
    return [int(each) for entry in unit for text in (entry.body, _origin(entry)) for each in _NUMBER.findall(text)]


def _origin(entry: Entry) -> str:
    back = None if entry.cause is None else entry.seq - entry.cause
    return f"{back} {entry.audio_from} {entry.audio_to}"


def _at(pattern: str, times: int, since: int) -> str:
    def grown(found: re.Match[str]) -> str:
        return str(int(found[1]) + int(found[2]) * (since if found[3] else times))

    return _GROWING.sub(grown, pattern)
