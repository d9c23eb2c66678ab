"""What went wrong in a call, entry by entry: the part of a report that is read first.

The core's report counts such things; here they get their place in the log. The frames are decoded once more, by the
core's own decoders, which also say why a frame is malformed.
"""

from collections.abc import Iterable

import msgspec

from engine.core import Entry, wire_caller, wire_engine, wire_model
from engine.core import events as ev
from engine.log.reader import Row
from replay.rows import entry_of


class Trouble(msgspec.Struct, frozen=True):
    """One thing that should not have been. `at_ns` is on the clock of the call."""

    seq: int
    at_ns: int
    what: str
    detail: str


def troubles(rows: Iterable[Row]) -> list[Trouble]:
    """Every fault, malformed frame, error of the model, failed leg and limit that bit, in the order of the log."""
    found = []
    for row in rows:
        if row[2] == "command":
            continue
        entry = entry_of(row)
        said = ("fault", _reason(entry.body)) if entry.kind == "fault" else _told(_decode(entry))
        if said is not None:
            found.append(Trouble(entry.seq, entry.at_ns, *said))
    return found


def _decode(entry: Entry) -> ev.AnyEvent:
    if entry.leg == "caller":
        return wire_caller.decode(entry.body, entry.audio)[1]
    if entry.leg == "model":
        return wire_model.decode(entry.body, entry.audio)[1]
    return wire_engine.decode(entry.body)[1]


def _told(event: ev.AnyEvent) -> tuple[str, str] | None:
    match event:
        case ev.Malformed():
            return "malformed frame", f"{event.leg} leg: {event.reason}"
        case ev.ModelError():
            answered = f" (to our {event.event_id})" if event.event_id else ""
            return "model error", f"{event.code}: {event.message}{answered}"
        case ev.ResponseDone(status="failed" | "incomplete"):
            return f"response {event.status}", f"{event.response_id}: {event.reason}"
        case ev.LegFailed():
            status = f"HTTP {event.status}, " if event.status is not None else ""
            return "leg failed", f"{event.leg} leg: {status}{event.reason}"
        case ev.OutboxFull():
            return "outbox full", f"{event.leg} leg reads too slowly"
        case ev.LimitReached():
            return "limit reached", f"{event.limit}: {event.value}, at most {event.max}"
        case _:
            return None


def _reason(body: str) -> str:
    try:
        return str(msgspec.json.decode(body)["reason"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return body
