"""The search against going through every way there is: on graphs small enough for that, the best is found."""

from collections.abc import Iterator, Mapping, Sequence
from math import isclose

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.heard import search as search_module
from engine.core.heard.graph import Graph, Row
from engine.core.heard.search import Corridor, Stay, search

UNITS = "abcd"
costs = st.floats(-5, 2)
spans = st.tuples(st.integers(-1, 6), st.integers(0, 9)).map(sorted)


class Case(msgspec.Struct, frozen=True):
    graph: Graph
    worth: dict[str, list[float]]
    frames: int
    walls: list[tuple[int, int]]
    """For each row, when it may be left."""

    def corridor(self, row: Row) -> tuple[int, int]:
        return self.walls[row.place]

    def is_inside(self, stay: Stay) -> bool:
        low, high = self.walls[stay.row]
        return low <= stay.end <= high and stay.begin >= low - self.graph.rows[stay.row].least


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rows: list[Row] = []
    stays = {unit: draw(costs) for unit in UNITS}
    for at in range(draw(st.integers(1, 6))):
        befores = draw(st.sets(st.integers(-1, at - 1), min_size=1, max_size=3))
        after = [(before, draw(costs)) for before in sorted(befores)]
        unit, least = draw(st.sampled_from(UNITS)), draw(st.integers(1, 3))
        rows.append(Row(unit, least, stays[unit], draw(costs), token=at, reading=0, part=0, place=at, after=after))
    last = draw(st.lists(st.sampled_from(range(len(rows))), min_size=1, max_size=2, unique=True))
    frames = draw(st.integers(1, 8))
    worth = {unit: draw(st.lists(costs, min_size=frames, max_size=frames)) for unit in UNITS}
    walls = [(low, high) for low, high in draw(st.lists(spans, min_size=len(rows), max_size=len(rows)))]
    return Case(Graph(rows, last), worth, frames, walls)


def ways(graph: Graph, frames: int) -> Iterator[list[Stay]]:
    """All from the first frame to the last, whatever row they end in."""

    def onward(way: list[Stay]) -> Iterator[list[Stay]]:
        at, begin = (way[-1].row, way[-1].end) if way else (-1, 0)
        if way and begin == frames:
            yield way
        for number, row in enumerate(graph.rows):
            if at in [before for before, _ in row.after]:
                for end in range(begin + row.least, frames + 1):
                    yield from onward([*way, Stay(number, begin, end)])

    return onward([])


def score(way: Sequence[Stay], graph: Graph, worth: Mapping[str, Sequence[float]]) -> float:
    """As a way is defined: what its steps cost, what entering a row does, and each frame in it."""
    total, before = 0.0, -1
    for stay in way:
        row = graph.rows[stay.row]
        total += dict(row.after)[before] + row.enter
        total += sum(worth[row.unit][frame] + row.stay for frame in range(stay.begin, stay.end))
        before = stay.row
    return total


def check(case: Case, complete: bool, corridor: Corridor | None) -> None:
    """What is found is a way, may be one, and no way that may be is better."""
    graph, frames = case.graph, case.frames
    allowed = [
        way
        for way in ways(graph, frames)
        if (not complete or way[-1].row in graph.last) and (corridor is None or all(map(case.is_inside, way)))
    ]
    found = search(graph, case.worth, frames, complete, corridor)
    if not allowed:
        assert found is None
        return
    assert found in allowed
    best = max(score(way, graph, case.worth) for way in allowed)
    assert isclose(score(found, graph, case.worth), best, abs_tol=1e-6)


@pytest.mark.parametrize("complete", [True, False])
@settings(max_examples=300)
@given(case=cases())
def test_the_best_way_of_all_is_found(complete: bool, case: Case) -> None:
    check(case, complete, None)


@pytest.mark.parametrize("complete", [True, False])
@settings(max_examples=300)
@given(case=cases())
def test_the_best_way_inside_a_corridor_is_found(complete: bool, case: Case) -> None:
    check(case, complete, case.corridor)


@pytest.mark.parametrize("complete", [True, False])
@given(case=cases(), room=st.integers(0, 3))
def test_a_corridor_that_is_wide_enough_changes_nothing(complete: bool, case: Case, room: int) -> None:
    free = search(case.graph, case.worth, case.frames, complete, None)
    walls = {stay.row: (stay.begin - room, stay.end + room) for stay in free or []}
    kept = search(
        case.graph, case.worth, case.frames, complete, lambda row: walls.get(row.place, (0, case.frames + room))
    )
    assert kept == free


def chain(*units: str, least: int = 2) -> Graph:
    """One unit after the other, each frame as cheap as any."""
    rows = [Row(unit, least, 0.0, 0.0, at, 0, 0, at, [(at - 1, 0.0)]) for at, unit in enumerate(units)]
    return Graph(rows, [len(rows) - 1])


WORTH = {"a": [0.0, 0.0, 0.0, -9.0, -9.0, -9.0], "b": [-9.0, -9.0, -9.0, 0.0, 0.0, 0.0]}


def test_each_row_takes_the_frames_that_fit_it() -> None:
    assert search(chain("a", "b"), WORTH, 6, True, None) == [Stay(0, 0, 3), Stay(1, 3, 6)]


def test_a_row_lasts_its_least_however_badly_it_fits() -> None:
    found = search(chain("a", "b", "a"), WORTH, 6, True, None)
    assert found == [Stay(0, 0, 2), Stay(1, 2, 4), Stay(2, 4, 6)]


def test_no_way_is_found_where_there_is_no_room() -> None:
    assert search(chain("a", "b", "a", "b"), WORTH, 6, True, None) is None


def test_a_search_that_would_take_too_long_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of two rows may end after 2 to 4 of 6 frames, the second after 4 to 6."""
    monkeypatch.setattr(search_module, "CELLS_MAX", 6)
    assert search(chain("a", "b"), WORTH, 6, True, None) is not None
    monkeypatch.setattr(search_module, "CELLS_MAX", 5)
    assert search(chain("a", "b"), WORTH, 6, True, None) is None


def test_with_an_open_end_the_rest_may_not_have_come_yet() -> None:
    assert search(chain("a", "b", "a", "b"), WORTH, 6, False, None) == [Stay(0, 0, 3), Stay(1, 3, 6)]


def test_no_way_is_found_through_a_corridor_that_is_closed() -> None:
    assert search(chain("a", "b"), WORTH, 6, False, lambda row: (5, 4)) is None
