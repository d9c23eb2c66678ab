"""What a bridge sent, read back: frames of either leg as the commands that they carry, and how it says the call ended.

The other way round from `encode` in `wire_caller` and `wire_model`. Our own log needs none of this, for it is written
by whoever commanded; it is for the frames of another bridge, which writes them in its own way, leaves out what the
vendors do not ask for (an `event_id`, a `response_id`: empty here), and may get them wrong. What it sends that no rule
depends on is `Ignored`, what its leg would refuse is `Malformed`, and neither is ever an exception.

Facts: https://www.twilio.com/docs/voice/media-streams/websocket-messages,
https://platform.openai.com/docs/api-reference/realtime-client-events.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any

import msgspec

from engine.core.commands import (
    AppendAudio,
    CallerCommand,
    CancelResponse,
    ClearPlayout,
    CreateResponse,
    DeleteItem,
    EndCall,
    ModelCommand,
    PlaceMark,
    PlayAudio,
    TruncateItem,
    UpdateSession,
)
from engine.core.entries import Entry
from engine.core.events import UNREADABLE, Ignored, Malformed

Sent = CallerCommand | ModelCommand | EndCall | Ignored | Malformed


class _Payload(msgspec.Struct, gc=False):
    payload: str


class _Name(msgspec.Struct):
    name: str


class _ToCaller(msgspec.Struct, tag_field="event", kw_only=True):
    streamSid: str = ""


class _Media(_ToCaller, tag="media", kw_only=True):
    media: _Payload


class _Mark(_ToCaller, tag="mark", kw_only=True):
    mark: _Name


class _Clear(_ToCaller, tag="clear"):
    pass


class _AnyToCaller(msgspec.Struct):
    event: str


class _ToModel(msgspec.Struct):
    event_id: str | None = None


class _Update(_ToModel, kw_only=True):
    session: dict[str, object]


class _Append(msgspec.Struct, gc=False):
    audio: str


class _Instructions(msgspec.Struct):
    instructions: str | None = None


class _Create(_ToModel):
    response: _Instructions | None = None


class _Cancel(_ToModel):
    response_id: str | None = None


class _Truncate(_ToModel, kw_only=True):
    item_id: str
    audio_end_ms: float
    content_index: int = 0


class _Delete(_ToModel, kw_only=True):
    item_id: str


class _AnyToModel(msgspec.Struct):
    type: str


class _EndCall(msgspec.Struct):
    ended: str
    reason: str


_decode_to_caller = msgspec.json.Decoder(_Media | _Mark | _Clear).decode
_decode_any_to_caller = msgspec.json.Decoder(_AnyToCaller).decode
_decode_any_to_model = msgspec.json.Decoder(_AnyToModel).decode
_decode_append = msgspec.json.Decoder(_Append).decode
_decode_end = msgspec.json.Decoder(_EndCall).decode
_TO_CALLER = frozenset({"media", "mark", "clear"})
_APPEND = "input_audio_buffer.append"

_Reader = tuple[type[msgspec.Struct], Callable[[Any], ModelCommand]]
_READERS: dict[str, _Reader] = {
    "session.update": (_Update, lambda frame: UpdateSession(frame.event_id or "", frame.session)),
    "response.create": (
        _Create,
        lambda frame: CreateResponse(frame.event_id or "", (frame.response and frame.response.instructions) or ""),
    ),
    "response.cancel": (_Cancel, lambda frame: CancelResponse(frame.event_id or "", frame.response_id or "")),
    "conversation.item.truncate": (
        _Truncate,
        lambda frame: TruncateItem(frame.event_id or "", frame.item_id, frame.content_index, int(frame.audio_end_ms)),
    ),
    "conversation.item.delete": (_Delete, lambda frame: DeleteItem(frame.event_id or "", frame.item_id)),
}
_DECODERS = {name: (msgspec.json.Decoder(frame).decode, convert) for name, (frame, convert) in _READERS.items()}


def decode(entry: Entry) -> Sent:
    """The command that a frame carried. Never raises."""
    try:
        if entry.leg == "engine":
            return _to_engine(entry)
        return _to_caller(entry) if entry.leg == "caller" else _to_model(entry)
    except (*UNREADABLE, OverflowError, Base64Error) as error:
        return Malformed(entry.leg, f"sent {entry.type}: {error}")


def _to_caller(entry: Entry) -> Sent:
    kind = _decode_any_to_caller(entry.body).event
    if kind not in _TO_CALLER:
        return Ignored(kind)
    frame = _decode_to_caller(entry.body)
    if isinstance(frame, _Media):
        audio = _audio(entry.audio, frame.media.payload)
        begin = entry.audio_from or 0
        return PlayAudio(frame.streamSid, audio, entry.cause or entry.seq, begin, entry.audio_to or begin + len(audio))
    if isinstance(frame, _Mark):
        return PlaceMark(frame.streamSid, frame.mark.name)
    return ClearPlayout(frame.streamSid)


def _to_model(entry: Entry) -> Sent:
    kind = _decode_any_to_model(entry.body).type
    if kind == _APPEND:
        return AppendAudio(_audio(entry.audio, _decode_append(entry.body).audio), entry.cause or entry.seq)
    if kind not in _DECODERS:
        return Ignored(kind)
    read, convert = _DECODERS[kind]
    return convert(read(entry.body))


def _to_engine(entry: Entry) -> Sent:
    if entry.type != "end_call":
        return Ignored(entry.type)
    end = _decode_end(entry.body)
    return EndCall(end.ended, end.reason)


def _audio(cut: bytes | None, text: str) -> bytes:
    """Cut out of the frame by whoever wrote the log, or still in it."""
    return a2b_base64(text, strict_mode=True) if cut is None and text else cut or b""
