"""Commands as the log keeps them, and as the wire carries them."""

from collections.abc import Sequence
from typing import assert_never

from engine.core import wire_caller, wire_engine, wire_model
from engine.core.commands import (
    AlignItem,
    AppendAudio,
    CancelResponse,
    ClearPlayout,
    CloseLeg,
    Command,
    CreateItem,
    CreateResponse,
    DeleteItem,
    DialModel,
    EndCall,
    Fault,
    LoadWord,
    PlaceMark,
    PlayAudio,
    TruncateItem,
    UpdateSession,
)
from engine.core.entries import Entry, rebuild


def record(commands: Sequence[Command], seq: int, at_ns: int, cause: int) -> list[Entry]:
    """The log's rows for what one step commanded: numbered from `seq`, caused by entry `cause`."""
    return [_entry(command, seq + index, at_ns, cause) for index, command in enumerate(commands)]


def _entry(command: Command, seq: int, at_ns: int, cause: int) -> Entry:
    if isinstance(command, AppendAudio):
        kind, body = wire_model.encode(command)
        return Entry(seq, at_ns, "command", "model", kind, body, None, command.source)
    match command:
        case PlayAudio():
            kind, body = wire_caller.encode(command)
            return Entry(seq, at_ns, "command", "caller", kind, body, None, command.source, command.begin, command.end)
        case PlaceMark() | ClearPlayout():
            kind, body = wire_caller.encode(command)
            return Entry(seq, at_ns, "command", "caller", kind, body, None, cause)
        case UpdateSession() | CreateItem() | CreateResponse() | CancelResponse() | TruncateItem() | DeleteItem():
            kind, body = wire_model.encode(command)
            return Entry(seq, at_ns, "command", "model", kind, body, None, cause)
        case DialModel() | AlignItem() | LoadWord() | CloseLeg() | EndCall():
            kind, body = wire_engine.encode(command)
            return Entry(seq, at_ns, "command", "engine", kind, body, None, cause)
        case Fault():
            kind, body = wire_engine.encode(command)
            return Entry(seq, at_ns, "fault", "engine", kind, body, None, cause)
        case _:
            assert_never(command)


def frame_text(entry: Entry, command: Command) -> str:
    """What to put on the wire for a command of the caller or the model leg."""
    if isinstance(command, PlayAudio | AppendAudio):
        return rebuild(entry.body, command.audio)
    return entry.body
