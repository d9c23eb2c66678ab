"""The graph of a text: every row that there is, for texts short enough to write them down.

The table here has two units with whole durations, so that all prices can be counted by hand. At its speaker's rate an
"a" lasts two frames and a "b" four: one and three of them at least, and one to spare on average. A spare frame is as
likely as not, so each frame in the row costs ln 2, and so does leaving it; the least frames are given back on entry.
"""

from math import log
from typing import Any

import pytest

from engine.core.heard.graph import ENTER_FILLER, FILLER, Graph, build
from engine.core.heard.letters import SILENCE, WILDCARD
from engine.core.heard.said import Said
from engine.core.heard.units import Table, Unit

RATE = 3.0
NUMBERS = (0.0,) * 7, (1.0,) * 7
TABLE = Table({SILENCE: Unit(99, *NUMBERS), "a": Unit(2, *NUMBERS), "b": Unit(4, *NUMBERS)}, 0, 0)
LN2 = round(log(2), 9)


def word(*units: str, punctuation: int = 0) -> Said:
    """A token with one reading, of these spoken words."""
    return readings([*units], punctuation=punctuation)


def readings(*units: list[str], punctuation: int = 0) -> Said:
    return Said(punctuation, [*units], [*units])


def graph(*text: Said, complete: bool = True, rate: float = RATE) -> Graph:
    return build(text, rate, complete, TABLE)


def drawn(made: Graph) -> list[tuple[Any, ...]]:
    """What each row is, where it belongs and what it may follow: the times are another question."""
    return [(row.unit, (row.token, row.reading, row.part), row.place, row.after) for row in made.rows]


FREE = (-1, 0, 0)
"""Of a silence that belongs to no word."""


def test_two_words_and_the_silences_around_them() -> None:
    made = graph(word("ab", punctuation=1), word("b", punctuation=2))
    assert drawn(made) == [
        (SILENCE, FREE, 0, [(-1, 0.0)]),
        ("a", (0, 0, 0), 0, [(-1, 0.0), (0, 0.0)]),
        ("b", (0, 0, 0), 1, [(1, 0.0)]),
        (SILENCE, FREE, 2, [(2, 0.5)]),
        ("b", (1, 0, 0), 2, [(2, -1.0), (3, 0.0)]),
        (SILENCE, FREE, 3, [(4, 1.5)]),
    ]
    assert made.last == [4, 5]


@pytest.mark.parametrize(("punctuation", "silence", "none"), [(0, -5.0, 0.0), (1, 0.5, -1.0), (2, 1.5, -3.0)])
def test_a_silence_is_the_likelier_the_more_punctuation_there_is(punctuation: int, silence: float, none: float) -> None:
    rows = graph(word("a", punctuation=punctuation), word("a")).rows
    assert (rows[2].after, rows[3].after) == ([(1, silence)], [(1, none), (2, 0.0)])


def test_readings_are_branches_with_silences_of_their_own() -> None:
    made = graph(readings(["a", "b"], ["b", "a"]), word("a"))
    assert drawn(made) == [
        (SILENCE, FREE, 0, [(-1, 0.0)]),
        ("a", (0, 0, 0), 0, [(-1, 0.0), (0, 0.0)]),
        (SILENCE, (0, 0, 0), 1, [(1, -1.0)]),
        ("b", (0, 0, 1), 1, [(1, 0.0), (2, 0.0)]),
        ("b", (0, 1, 0), 0, [(-1, 0.0), (0, 0.0)]),
        (SILENCE, (0, 1, 0), 1, [(4, -1.0)]),
        ("a", (0, 1, 1), 1, [(4, 0.0), (5, 0.0)]),
        (SILENCE, FREE, 2, [(3, -5.0), (6, -5.0)]),
        ("a", (1, 0, 0), 2, [(3, 0.0), (6, 0.0), (7, 0.0)]),
        (SILENCE, FREE, 3, [(8, -5.0)]),
    ]
    assert made.last == [8, 9]


def test_readings_of_other_lengths_count_by_the_mean_of_them() -> None:
    rows = graph(readings(["a"], ["aab"]), word("a")).rows
    assert [row.place for row in rows] == [0, 0, 0, 1, 2, 2, 2, 3]


def test_a_token_that_is_not_said_is_not_there() -> None:
    made = graph(word("a"), Said(0, [], []), word("b"))
    assert [(row.unit, row.token) for row in made.rows] == [
        (SILENCE, -1),
        ("a", 0),
        (SILENCE, -1),
        ("b", 2),
        (SILENCE, -1),
    ]
    assert made.rows[3].after == [(1, 0.0), (2, 0.0)]


@pytest.mark.parametrize(
    ("marks", "silence"), [((0, 2), 1.5), ((2, 0), 1.5), ((1, 0, 1), 0.5), ((0, 0, 1), 0.5), ((0, 0, 0), -5.0)]
)
def test_punctuation_of_what_is_not_said_is_of_the_word_before(marks: tuple[int, ...], silence: float) -> None:
    """23,50 €. No more: the next word has its own."""
    said, *unsaid = marks
    after = word("b", punctuation=2)
    made = graph(word("a", punctuation=said), *(Said(mark, [], []) for mark in unsaid), after)
    assert (made.rows[2].after, made.rows[4].after) == ([(1, silence)], [(3, 1.5)])


def test_an_open_end_may_go_on_with_speech_that_is_not_known() -> None:
    closed, opened = graph(word("a"), word("b")), graph(word("a"), word("b"), complete=False)
    assert opened.rows[:-1] == closed.rows
    filler = opened.rows[-1]
    assert (filler.unit, filler.token, filler.after) == (FILLER, -1, [(3, ENTER_FILLER)])


@pytest.mark.parametrize("complete", [True, False])
def test_nothing_said_is_silence_alone(complete: bool) -> None:
    made = graph(Said(0, [], []), complete=complete)
    assert (drawn(made), made.last) == ([(SILENCE, FREE, 0, [(-1, 0.0)])], [0])


def times(unit: str, rate: float = RATE) -> tuple[int, float, float]:
    row = graph(word(unit), rate=rate, complete=False).rows[1]
    return row.least, round(row.stay, 9), round(row.enter, 9)


@pytest.mark.parametrize(
    ("unit", "rate", "least", "stay", "enter"),
    [
        ("a", RATE, 1, -LN2, 0),
        ("b", RATE, 3, -LN2, 2 * log(2)),
        # Three frames, the mean, for what is not known: two of them at least.
        (WILDCARD, RATE, 2, -LN2, log(2)),
        # Four frames for an "a", eight for a "b", of which no more than six are asked for: two to spare.
        ("a", 2 * RATE, 3, -LN2, 2 * log(2)),
        ("b", 2 * RATE, 6, log(2 / 3), -log(3) - 6 * log(2 / 3)),
        # Half a frame to spare and one for the least, however fast.
        ("a", 0.5, 1, log(1 / 3), -log(1.5) - log(1 / 3)),
    ],
)
def test_units_last_as_long_as_this_speaker_takes(
    unit: str, rate: float, least: int, stay: float, enter: float
) -> None:
    made_least, *costs = times(unit, rate)
    assert made_least == least
    assert costs == pytest.approx([stay, enter], abs=1e-7)


def test_silence_and_filler_last_as_long_with_any_speaker() -> None:
    slow, fast = (graph(word("a"), rate=rate, complete=False).rows for rate in (6.0, 2.0))
    assert [slow[at] for at in (0, 2, 3)] == [fast[at] for at in (0, 2, 3)]
    assert [slow[at].least for at in (0, 2, 3)] == [1, 1, 1]
    assert slow[0].stay < slow[3].stay < 0, "filler lasts longer than silence"
