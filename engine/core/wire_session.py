"""What a session object says of itself, whoever sent it: a client in `session.update`, the server in its answers.

For calls that another bridge made: its session is nobody's configuration here, so all that is known of it is on the
wire. Two shapes are in use, GA (`audio.input.turn_detection`) and beta (`turn_detection`), see
https://platform.openai.com/docs/api-reference/realtime-sessions. An update names only what it changes.
"""

from collections.abc import Mapping

import msgspec

from engine.core.audio import SAMPLES_PER_MS
from engine.core.events import UNREADABLE
from engine.core.wire_model import BETA_FORMATS

BYTES_PER_MS = {"audio/pcmu": 8, "audio/pcma": 8, "audio/pcm": 48}
"""Of the formats that the API has; PCM is 16 bits at 24 kHz."""


class _Format(msgspec.Struct):
    type: str = ""


class _Turns(msgspec.Struct):
    prefix_padding_ms: float | None = None
    silence_duration_ms: float | None = None
    interrupt_response: bool | None = True


class _AudioIn(msgspec.Struct):
    format: _Format | None = None
    turn_detection: _Turns | msgspec.UnsetType | None = msgspec.UNSET


class _AudioOut(msgspec.Struct):
    format: _Format | None = None


class _Audio(msgspec.Struct):
    input: _AudioIn | None = None
    output: _AudioOut | None = None


class _Session(msgspec.Struct):
    audio: _Audio | None = None
    input_audio_format: str | None = None
    output_audio_format: str | None = None
    turn_detection: _Turns | msgspec.UnsetType | None = msgspec.UNSET


class _Frame(msgspec.Struct):
    session: dict[str, object]


class SessionSaid(msgspec.Struct, frozen=True):
    """As far as it is said. Formats by their GA names. `interrupts`: whether the model cancels its own response when
    the caller speaks; without turn detection it never does."""

    input_format: str | None = None
    output_format: str | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    interrupts: bool | None = None


_decode = msgspec.json.Decoder(_Frame).decode


def decode(body: str) -> SessionSaid | None:
    """What a `session.created` or `session.updated` says. None for what is none. Never raises."""
    try:
        return said(_decode(body).session)
    except UNREADABLE:
        return None


def said(session: Mapping[str, object]) -> SessionSaid | None:
    """What the session object of a `session.update` says. None for what is none. Never raises."""
    try:
        return _said(msgspec.convert(session, _Session))
    except UNREADABLE:
        return None


def _said(session: _Session) -> SessionSaid:
    audio = session.audio or _Audio()
    heard, spoken = audio.input or _AudioIn(), audio.output or _AudioOut()
    turns = session.turn_detection if heard.turn_detection is msgspec.UNSET else heard.turn_detection
    formats = (
        heard.format.type if heard.format else session.input_audio_format,
        spoken.format.type if spoken.format else session.output_audio_format,
    )
    input_format, output_format = (BETA_FORMATS.get(name, name) if name else None for name in formats)
    if turns is msgspec.UNSET:
        return SessionSaid(input_format, output_format)
    if turns is None:
        return SessionSaid(input_format, output_format, interrupts=False)
    return SessionSaid(
        input_format,
        output_format,
        None if turns.prefix_padding_ms is None else round(turns.prefix_padding_ms),
        None if turns.silence_duration_ms is None else round(turns.silence_duration_ms),
        turns.interrupt_response is not False,
    )


def samples_in(size: int, audio_format: str) -> int:
    """Samples at 8 kHz that `size` bytes of audio of that format last."""
    return size * SAMPLES_PER_MS // BYTES_PER_MS.get(audio_format, SAMPLES_PER_MS)
