"""Twilio Media Streams, both ways: frames to events, commands to frames.

Facts: https://www.twilio.com/docs/voice/media-streams/websocket-messages. Counters and timestamps are strings on the
wire. An extra key in what we send is a protocol violation (https://www.twilio.com/docs/api/errors/31951), so frames are
exactly what the page shows.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import Any, assert_never

import msgspec

from engine.core import events as ev
from engine.core.commands import CallerCommand, ClearPlayout, PlaceMark, PlayAudio

TIMESTAMP_DIGITS_MAX = 12
"""Thirty years: a longer stream is no stream."""


class _Format(msgspec.Struct):
    encoding: str
    sampleRate: int
    channels: int


class _Start(msgspec.Struct):
    callSid: str
    mediaFormat: _Format
    streamSid: str = ""
    accountSid: str = ""
    customParameters: Any = None


class _Media(msgspec.Struct, gc=False):
    timestamp: str
    payload: str
    track: str = "inbound"


class _Mark(msgspec.Struct):
    name: str


class _Dtmf(msgspec.Struct):
    digit: str


class _Tagged(msgspec.Struct, tag_field="event"):
    pass


class _ConnectedFrame(_Tagged, tag="connected"):
    pass


class _StartFrame(_Tagged, tag="start"):
    start: _Start
    streamSid: str = ""


class _MediaFrame(_Tagged, tag="media"):
    media: _Media


class _MarkFrame(_Tagged, tag="mark"):
    mark: _Mark


class _DtmfFrame(_Tagged, tag="dtmf"):
    dtmf: _Dtmf


class _StopFrame(_Tagged, tag="stop"):
    pass


class _AnyFrame(msgspec.Struct):
    event: str


_decode = msgspec.json.Decoder(
    _MediaFrame | _MarkFrame | _StartFrame | _StopFrame | _DtmfFrame | _ConnectedFrame
).decode
_decode_any = msgspec.json.Decoder(_AnyFrame).decode
_KNOWN = frozenset({"connected", "start", "media", "mark", "dtmf", "stop"})


def decode(body: str, audio: bytes | None) -> tuple[str, ev.AnyEvent]:
    """The frame's type and the event it stands for. `audio` is what `entries.split` cut out of it. Never raises."""
    try:
        frame = _decode(body)
    except ev.UNREADABLE as error:
        return _decode_other(body, str(error))
    if type(frame) is _MediaFrame:
        return "media", _decode_media(frame.media, audio)
    if type(frame) is _MarkFrame:
        return "mark", ev.MarkEchoed(frame.mark.name)
    if type(frame) is _StartFrame:
        start, media = frame.start, frame.start.mediaFormat
        return "start", ev.StreamStarted(
            stream_sid=start.streamSid or frame.streamSid,
            call_sid=start.callSid,
            account_sid=start.accountSid,
            encoding=media.encoding,
            sample_rate=media.sampleRate,
            channels=media.channels,
            parameters=_parameters(start.customParameters),
        )
    if type(frame) is _DtmfFrame:
        return "dtmf", ev.DtmfPressed(frame.dtmf.digit)
    if type(frame) is _StopFrame:
        return "stop", ev.StreamStopped()
    return "connected", ev.Ignored("connected")


def _parameters(said: Any) -> dict[str, str]:
    """What the TwiML gave to the stream, as far as it is text."""
    return {name: text for name, text in said.items() if isinstance(text, str)} if isinstance(said, dict) else {}


def _decode_media(media: _Media, audio: bytes | None) -> ev.AnyEvent:
    if media.track != "inbound":
        return ev.Ignored("media")
    if audio is None:
        try:
            audio = a2b_base64(media.payload, strict_mode=True) if media.payload else b""
        except (Base64Error, ValueError) as error:
            return ev.Malformed("caller", f"media payload is not base64: {error}")
    timestamp = media.timestamp
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= TIMESTAMP_DIGITS_MAX):
        return ev.Malformed("caller", "media timestamp is not a number of milliseconds")
    return ev.CallerAudio(int(timestamp), audio)


def _decode_other(body: str, reason: str) -> tuple[str, ev.AnyEvent]:
    try:
        event = _decode_any(body).event
    except ev.UNREADABLE:
        return "malformed", ev.Malformed("caller", reason)
    if event in _KNOWN:
        return event, ev.Malformed("caller", f"{event}: {reason}")
    return event, ev.Ignored(event)


_encode = msgspec.json.Encoder().encode


def _quoted(text: str) -> str:
    return _encode(text).decode()


def encode(command: CallerCommand) -> tuple[str, str]:
    """The frame's type and body; a media body has a hole where its audio goes."""
    sid = _quoted(command.stream_sid)
    match command:
        case PlayAudio():
            return "media", f'{{"event":"media","streamSid":{sid},"media":{{"payload":""}}}}'
        case PlaceMark():
            return "mark", f'{{"event":"mark","streamSid":{sid},"mark":{{"name":{_quoted(command.name)}}}}}'
        case ClearPlayout():
            return "clear", f'{{"event":"clear","streamSid":{sid}}}'
        case _:
            assert_never(command)
