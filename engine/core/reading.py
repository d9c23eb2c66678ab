"""Any entry of a log as what it was: an event that came, or a command that was carried out."""

from engine.core import wire_caller, wire_engine, wire_model, wire_sent
from engine.core.entries import Entry
from engine.core.events import AnyEvent, Ignored

What = AnyEvent | wire_sent.Sent


def read(entry: Entry) -> What:
    """What an entry was. Of our own log, a command that passes audio on has none: it names the entry that brought it.
    Never raises."""
    if entry.kind == "command":
        return wire_sent.decode(entry)
    if entry.kind == "fault":
        return Ignored(entry.type)
    if entry.leg == "caller":
        return wire_caller.decode(entry.body, entry.audio)[1]
    if entry.leg == "model":
        return wire_model.decode(entry.body, entry.audio)[1]
    return wire_engine.decode(entry.body, entry.audio)[1]
