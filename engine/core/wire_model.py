"""OpenAI Realtime over a WebSocket, both ways: frames to events, commands to frames.

Facts: https://platform.openai.com/docs/api-reference/realtime-server-events and realtime-client-events. Two
generations of event names are in use (GA `response.output_audio.delta`, beta `response.audio.delta`); the table below
maps both to one event. Fields that no rule depends on are not declared, so the vendor may add and change them.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any, assert_never

import msgspec

from engine.core import events as ev
from engine.core.commands import (
    AppendAudio,
    CancelResponse,
    CreateItem,
    CreateResponse,
    DeleteItem,
    ModelCommand,
    TruncateItem,
    UpdateSession,
)
from engine.core.entries import APPEND_BODY


class _Format(msgspec.Struct):
    type: str = ""


class _TurnDetection(msgspec.Struct):
    interrupt_response: bool | None = True


class _AudioIn(msgspec.Struct):
    format: _Format | None = None
    turn_detection: _TurnDetection | msgspec.UnsetType | None = msgspec.UNSET


class _AudioOut(msgspec.Struct):
    format: _Format | None = None


class _Audio(msgspec.Struct):
    input: _AudioIn | None = None
    output: _AudioOut | None = None


class _Session(msgspec.Struct):
    audio: _Audio | None = None
    input_audio_format: str | None = None
    output_audio_format: str | None = None
    turn_detection: _TurnDetection | msgspec.UnsetType | None = msgspec.UNSET


class _SessionFrame(msgspec.Struct):
    session: _Session


class _SpeechFrame(msgspec.Struct):
    item_id: str | None = None
    audio_start_ms: float | None = None
    audio_end_ms: float | None = None


class _Item(msgspec.Struct):
    id: str
    type: str = "message"
    role: str | None = None
    status: str | None = None
    call_id: Any = None
    name: Any = None
    arguments: Any = None
    output: Any = None


class _ItemFrame(msgspec.Struct):
    item: _Item
    previous_item_id: str | None = None
    response_id: str | None = None


class _ItemIdFrame(msgspec.Struct):
    item_id: str
    audio_end_ms: int = 0


class _WordsFrame(msgspec.Struct):
    item_id: str
    content_index: int | None = 0
    response_id: str = ""
    delta: str | None = None
    transcript: str | None = None


class _DeltaFrame(msgspec.Struct, gc=False):
    response_id: str
    item_id: str
    delta: str
    content_index: int | None = None


class _Problem(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None
    event_id: str | None = None
    type: str | None = None


class _StatusDetails(msgspec.Struct):
    reason: str | None = None
    error: _Problem | None = None


class _Response(msgspec.Struct):
    id: str
    status: str | None = None
    status_details: _StatusDetails | None = None


class _ResponseFrame(msgspec.Struct):
    response: _Response


class _ErrorFrame(msgspec.Struct):
    error: _Problem


class _AnyFrame(msgspec.Struct):
    type: str


BETA_FORMATS = {"g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma", "pcm16": "audio/pcm"}


def _session_updated(frame: _SessionFrame) -> ev.AnyEvent:
    session = frame.session
    if session.audio is None:
        formats = (session.input_audio_format or "", session.output_audio_format or "")
        turns = session.turn_detection
    else:
        heard, spoken = session.audio.input or _AudioIn(), session.audio.output or _AudioOut()
        formats = ((heard.format or _Format()).type, (spoken.format or _Format()).type)
        turns = heard.turn_detection
    input_format, output_format = (BETA_FORMATS.get(name, name) for name in formats)
    if turns is msgspec.UNSET:
        return ev.SessionUpdated(input_format, output_format, None)
    return ev.SessionUpdated(input_format, output_format, bool(turns and turns.interrupt_response is not False))


def _item_added(frame: _ItemFrame) -> ev.AnyEvent:
    item = frame.item
    return ev.ItemAdded(item.id, frame.previous_item_id, item.type, item.role, _function_part(item))


def _response_item_added(frame: _ItemFrame) -> ev.AnyEvent:
    return ev.ResponseItemAdded(frame.response_id or "", frame.item.id, frame.item.type)


def _item_done(frame: _ItemFrame) -> ev.AnyEvent:
    return ev.ItemDone(frame.item.id, frame.item.status != "incomplete", _function_part(frame.item))


def _function_part(item: _Item) -> ev.FunctionPart | None:
    """Other kinds of item have fields of these names too, of any type."""
    texts = [text if isinstance(text, str) else "" for text in (item.call_id, item.name, item.arguments, item.output)]
    return ev.FunctionPart(*texts) if texts[0] else None


def _caller_words(final: bool) -> Callable[[_WordsFrame], ev.AnyEvent]:
    def convert(frame: _WordsFrame) -> ev.AnyEvent:
        text = frame.transcript if final else frame.delta
        return ev.CallerTranscript(frame.item_id, text or "", final)

    return convert


def _item_words(final: bool) -> Callable[[_WordsFrame], ev.AnyEvent]:
    def convert(frame: _WordsFrame) -> ev.AnyEvent:
        text = frame.transcript if final else frame.delta
        return ev.ItemTranscript(frame.response_id, frame.item_id, frame.content_index or 0, text or "", final)

    return convert


def _response_done(frame: _ResponseFrame) -> ev.AnyEvent:
    response, details = frame.response, frame.response.status_details
    reason = ""
    if details is not None:
        problem = details.error
        reason = details.reason or (problem and str(problem.code or problem.type or "")) or ""
    return ev.ResponseDone(response.id, response.status or "", reason)


def _error(frame: _ErrorFrame) -> ev.AnyEvent:
    problem = frame.error
    return ev.ModelError(str(problem.code or problem.type or ""), problem.message or "", problem.event_id)


_Reader = tuple[type[msgspec.Struct], Callable[[Any], ev.AnyEvent]]

_READERS: dict[str, _Reader] = {
    "session.created": (_SessionFrame, lambda frame: ev.SessionCreated()),
    "session.updated": (_SessionFrame, _session_updated),
    "input_audio_buffer.speech_started": (
        _SpeechFrame,
        lambda frame: ev.SpeechStarted(round(frame.audio_start_ms or 0), frame.item_id or ""),
    ),
    "input_audio_buffer.speech_stopped": (
        _SpeechFrame,
        lambda frame: ev.SpeechStopped(round(frame.audio_end_ms or 0), frame.item_id or ""),
    ),
    "conversation.item.added": (_ItemFrame, _item_added),
    "conversation.item.created": (_ItemFrame, _item_added),
    "conversation.item.done": (_ItemFrame, _item_done),
    "conversation.item.truncated": (_ItemIdFrame, lambda frame: ev.ItemTruncated(frame.item_id, frame.audio_end_ms)),
    "conversation.item.deleted": (_ItemIdFrame, lambda frame: ev.ItemDeleted(frame.item_id)),
    "conversation.item.input_audio_transcription.delta": (_WordsFrame, _caller_words(final=False)),
    "conversation.item.input_audio_transcription.completed": (_WordsFrame, _caller_words(final=True)),
    "response.created": (_ResponseFrame, lambda frame: ev.ResponseCreated(frame.response.id)),
    "response.output_item.added": (_ItemFrame, _response_item_added),
    "response.output_item.done": (_ItemFrame, _item_done),
    "response.output_audio_transcript.delta": (_WordsFrame, _item_words(final=False)),
    "response.output_audio_transcript.done": (_WordsFrame, _item_words(final=True)),
    "response.audio_transcript.delta": (_WordsFrame, _item_words(final=False)),
    "response.audio_transcript.done": (_WordsFrame, _item_words(final=True)),
    "response.done": (_ResponseFrame, _response_done),
    "error": (_ErrorFrame, _error),
}
_DECODERS = {name: (msgspec.json.Decoder(frame).decode, convert) for name, (frame, convert) in _READERS.items()}
_AUDIO_TYPES = frozenset({"response.output_audio.delta", "response.audio.delta"})
_decode_any = msgspec.json.Decoder(_AnyFrame).decode
_decode_delta = msgspec.json.Decoder(_DeltaFrame).decode


def decode(body: str, audio: bytes | None) -> tuple[str, ev.AnyEvent]:
    """The frame's type and the event it stands for. `audio` is what `entries.split` cut out of it. Never raises."""
    try:
        kind = _decode_any(body).type
    except ev.UNREADABLE as error:
        return "malformed", ev.Malformed("model", str(error))
    try:
        if kind in _AUDIO_TYPES:
            frame = _decode_delta(body)
            if audio is None:
                audio = a2b_base64(frame.delta, strict_mode=True) if frame.delta else b""
            return kind, ev.ItemAudio(frame.response_id, frame.item_id, frame.content_index or 0, audio)
        if kind in _DECODERS:
            read, convert = _DECODERS[kind]
            return kind, convert(read(body))
    except (*ev.UNREADABLE, Base64Error) as error:
        return kind, ev.Malformed("model", f"{kind}: {error}")
    return kind, ev.Ignored(kind)


_encode = msgspec.json.Encoder().encode


def encode(command: ModelCommand) -> tuple[str, str]:
    """The frame's type and body; an append's body has a hole where its audio goes."""
    if isinstance(command, AppendAudio):
        return "input_audio_buffer.append", APPEND_BODY
    fields: dict[str, object]
    match command:
        case UpdateSession():
            kind, fields = "session.update", {"session": command.session}
        case CreateItem():
            kind, fields = "conversation.item.create", {"item": command.item}
            if command.previous_item_id is not None:
                fields["previous_item_id"] = command.previous_item_id
        case CreateResponse():
            kind, fields = "response.create", {}
            if command.instructions is not None:
                fields["response"] = {"instructions": command.instructions}
        case CancelResponse():
            kind, fields = "response.cancel", {"response_id": command.response_id}
        case TruncateItem():
            kind = "conversation.item.truncate"
            fields = {
                "item_id": command.item_id,
                "content_index": command.content_index,
                "audio_end_ms": command.audio_end_ms,
            }
        case DeleteItem():
            kind, fields = "conversation.item.delete", {"item_id": command.item_id}
        case _:
            assert_never(command)
    return kind, _encode({"type": kind, "event_id": command.event_id, **fields}).decode()
