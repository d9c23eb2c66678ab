"""What the core can tell the shell to do: a closed union. Commands for a leg become frames in `wire_*`; the rest the
shell carries out itself.

Audio is never copied into a command's record: it names the entry that brought it (`source`) and the bytes it takes.
"""

import msgspec

from engine.core.heard import Work


class PlayAudio(msgspec.Struct, frozen=True, gc=False):
    """Hand a stretch of an item's audio to Twilio."""

    stream_sid: str
    audio: bytes
    source: int
    begin: int
    end: int


class PlaceMark(msgspec.Struct, frozen=True, gc=False):
    """Put a named place into the playout; Twilio echoes it when everything before it has been played."""

    stream_sid: str
    name: str


class ClearPlayout(msgspec.Struct, frozen=True, gc=False):
    """Empty Twilio's buffer."""

    stream_sid: str


class DialModel(msgspec.Struct, frozen=True):
    """Open the model leg."""

    model: str


class UpdateSession(msgspec.Struct, frozen=True):
    """Configure the model's session. `session` is the GA session object."""

    event_id: str
    session: dict[str, object]


class AppendAudio(msgspec.Struct, frozen=True, gc=False):
    """Pass a caller frame's audio on to the model, whole."""

    audio: bytes
    source: int


class CreateItem(msgspec.Struct, frozen=True):
    """Put an item into the model's conversation. `item` is the GA item object; None for `previous_item_id`: last."""

    event_id: str
    item: dict[str, object]
    previous_item_id: str | None


class CreateResponse(msgspec.Struct, frozen=True):
    """Ask the model to speak now. Without instructions: by those of its session."""

    event_id: str
    instructions: str | None


class CancelResponse(msgspec.Struct, frozen=True):
    """Stop a response being generated. Always by id: a bare cancel can kill the next response."""

    event_id: str
    response_id: str


class TruncateItem(msgspec.Struct, frozen=True):
    """Shorten an item at the model to what was heard."""

    event_id: str
    item_id: str
    content_index: int
    audio_end_ms: int


class DeleteItem(msgspec.Struct, frozen=True):
    """Take an item that nobody heard out of the model's conversation."""

    event_id: str
    item_id: str


class AlignItem(msgspec.Struct, frozen=True):
    """Find the words of an item in its audio, off the event loop: do `work`, and tell what it gives (`ItemAligned`)."""

    item_id: str
    work: Work


class LoadWord(msgspec.Struct, frozen=True):
    """Bring the audio of what the caller is told while the model is away (`WordLoaded`)."""


class CloseLeg(msgspec.Struct, frozen=True):
    """Close one WebSocket. For the model leg also: give up a dial that is under way."""

    leg: str
    code: int
    reason: str


class EndCall(msgspec.Struct, frozen=True):
    """Both legs are gone: seal the log. `ended` says how the call ended."""

    ended: str
    reason: str


class Fault(msgspec.Struct, frozen=True):
    """Something that must not happen. Written as a `fault` entry."""

    reason: str


CallerCommand = PlayAudio | PlaceMark | ClearPlayout
ModelCommand = UpdateSession | AppendAudio | CreateItem | CreateResponse | CancelResponse | TruncateItem | DeleteItem
EngineCommand = DialModel | AlignItem | LoadWord | CloseLeg | EndCall | Fault
Command = CallerCommand | ModelCommand | EngineCommand
