"""A call, measured: one walk over its log, then sums over what was gathered in it.

In the walk, `metrics.dates` takes down when things became known, `metrics.line` how the line was; the core beside it
knows the rest at the end. From both, `metrics.turns`, `barge_ins` and `floor` make the numbers that `metrics.measured`
declares and `docs/METRICS.md` defines. A log that was cut anywhere is measured as far as it goes.
"""

from engine.core import AnyCall
from engine.core.audio import ms_of
from engine.core.report import report
from replay.metrics.barge_ins import barge_ins, repairs
from replay.metrics.dates import Dates
from replay.metrics.floor import Floor
from replay.metrics.measured import (
    BargeInMeasures,
    CallMeasures,
    LineMeasures,
    Missed,
    RepairMeasures,
    RoundTrip,
    Silence,
    Stall,
    TalkOver,
    Tool,
    TurnMeasures,
    Underrun,
)
from replay.metrics.turns import TurnMeasurer
from replay.rows import Log
from replay.walk import Walk

__all__ = [
    "BargeInMeasures",
    "CallMeasures",
    "LineMeasures",
    "Missed",
    "RepairMeasures",
    "RoundTrip",
    "Silence",
    "Stall",
    "TalkOver",
    "Tool",
    "TurnMeasures",
    "Underrun",
    "measure",
]


def gather(log: Log) -> tuple[AnyCall, Dates]:
    """The one walk: the core at its end, and what was taken down on the way. Raises LogError where entries cannot be
    read."""
    walk, dates = Walk(log), Dates()
    for moment in walk:
        dates.take(moment, walk.call)
    return walk.call, dates


def measures_of(call: AnyCall, dates: Dates) -> CallMeasures:
    """The measures of what was gathered."""
    made = report(call, search_now=False)
    measurer = TurnMeasurer(call, dates, made.turns)
    turns = measurer.measures()
    floor = Floor(call, dates, turns)
    return CallMeasures(
        length_ms=ms_of(floor.ends_at),
        ended=made.ended if call.ended else None,
        greeting_ms=next((turn.wait_ms for turn in turns if turn.follows == "greeting"), None),
        turns=turns,
        barge_ins=barge_ins(call, dates),
        repairs=repairs(call, dates),
        talk_overs=floor.talk_overs(),
        silences=floor.silences(),
        underruns=floor.underruns(),
        missed=floor.missed(),
        tools=measurer.tools(),
        model_away=made.model_away,
        line=dates.line.measures(),
        dropped_ms=made.dropped_ms,
        malformed=made.malformed,
        faults=dates.faults,
        errors=len(made.errors),
    )


def measure(log: Log) -> CallMeasures:
    """Measure a call in one walk over its log. Raises LogError where its entries cannot be read."""
    return measures_of(*gather(log))
