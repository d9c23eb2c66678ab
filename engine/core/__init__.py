"""The pure core: what a call decides. No I/O, no clock, no randomness, no logging.

`Call.step` takes one input and returns commands; `record` makes log entries of them and `frame_text` frames; `report`
says what the call came to. `Overheard.hear` takes the entries of a call that another bridge made.
"""

from engine.core.call import Call, Step
from engine.core.commands import Command
from engine.core.entries import FORMAT, Entry, Leg, rebuild, split
from engine.core.overheard import RULES_OVERHEARD, AnyCall, Overheard
from engine.core.record import frame_text, record
from engine.core.report import Report, report
from engine.core.settings import RULES, CallSettings

__all__ = [
    "FORMAT",
    "RULES",
    "RULES_OVERHEARD",
    "AnyCall",
    "Call",
    "CallSettings",
    "Command",
    "Entry",
    "Leg",
    "Overheard",
    "Report",
    "Step",
    "frame_text",
    "rebuild",
    "record",
    "report",
    "split",
]
