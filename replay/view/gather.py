"""One walk over the log for all that needs the core beside it: entries, states, ladder, marks, measures, problems.

Walking is half of the work, so everybody looks at each moment as it comes.
"""

from typing import Any

import msgspec
from msgspec.structs import astuple

from replay.flow.ladder import climb
from replay.flow.seen import Look, Seen
from replay.metrics.dates import Dates
from replay.metrics.measures import CallMeasures
from replay.metrics.problems import Problem, survey_of
from replay.rows import Log
from replay.view.entries import Entries
from replay.view.history import History
from replay.view.lanes import marks
from replay.walk import Walk


class Gathered(msgspec.Struct, frozen=True):
    """What came of it. `entries`, `history`, `marks` and `ladder` are ready for JSON. `ends_ms`: stream time of the
    last step."""

    entries: dict[str, Any]
    history: dict[str, Any]
    marks: list[list[Any]]
    ladder: list[tuple[Any, ...]]
    measured: CallMeasures
    problems: list[Problem]
    ends_ms: int


def gather(log: Log) -> Gathered:
    """Walk the log. Raises LogError where it cannot be read."""
    walk, entries, dates = Walk(log), Entries(), Dates()
    look, history = Look(log, walk), History(walk.call)
    seen: list[Seen] = []
    ends_ms = 0
    for step, moment in enumerate(walk):
        seen += look.see(moment)
        dates.take(moment, walk.call)
        entries.note(moment)
        history.note(step, moment)
        ends_ms = moment.stream_ms
    measured, problems = survey_of(log, walk.call, dates)
    return Gathered(
        entries=entries.data(),
        history=history.data(),
        marks=marks(look.marks.of),
        ladder=[astuple(rung) for rung in climb(seen)],
        measured=measured,
        problems=problems,
        ends_ms=ends_ms,
    )
