"""One entry of a call's log, and the two cuts that make the log small without losing a byte.

**Audio is cut out of frames.** A media frame is some JSON around base64. `split` takes the base64 out, leaving an empty
string literal in its place, and decodes it; `rebuild` puts it back into the first empty string literal of the body. A
frame for which that would not give back every byte (unusual base64, another empty string before it) is kept whole.

**Audio that is passed on is not stored twice.** A command that carries another entry's audio names that entry (`cause`)
and the bytes it takes (`audio_from`, `audio_to`).

Frames are cut before they are decoded, so that the live bridge and the replay hand the core the very same thing.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from typing import Literal

import msgspec

FORMAT = 1
"""How to read a log. Kept in SQLite's `user_version`."""

Kind = Literal["input", "command", "fault"]
Leg = Literal["caller", "model", "engine"]

HOLE = '""'
APPEND_BODY = '{"type":"input_audio_buffer.append","audio":""}'
"""The one frame that is sent fifty times a second and never differs: a log stores its body as NULL."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One row of the log.

    `leg` is `caller` or `model` for frames, verbatim but for their audio; `engine` for everything that is not a frame
    (a leg opening or closing, a timer), whose body is JSON of our own. `type` is the frame's own `event` or `type`.
    `cause` is the entry that brought this about: for a command that passes audio on, the entry that brought the audio.
    """

    seq: int
    at_ns: int
    kind: Kind
    leg: Leg
    type: str
    body: str
    audio: bytes | None = None
    cause: int | None = None
    audio_from: int | None = None
    audio_to: int | None = None


_BRACKETS_OR_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_CALLER_KEY = '"payload":"'
_CALLER_AUDIO = re.compile(r'"payload"\s*:\s*"([^"\\]+)"')
_MODEL_AUDIO = re.compile(r'"delta"\s*:\s*"([^"\\]+)"')
_MODEL_AUDIO_TYPE = re.compile(r'"type"\s*:\s*"response\.(?:output_)?audio\.delta"')
_APPEND_AUDIO = re.compile(r'"audio"\s*:\s*"([^"\\]+)"')
_APPEND_TYPE = re.compile(r'"type"\s*:\s*"input_audio_buffer\.append"')


def split(leg: Leg, frame: str) -> tuple[str, bytes | None]:
    """Cut the audio out of a frame that was received: its body and its audio, or the whole frame and None."""
    return _cut(frame, *_span(leg, frame))


def split_sent(leg: Leg, frame: str) -> tuple[str, bytes | None]:
    """The same for a frame that was sent: by another bridge, for the core's own commands point at the audio instead."""
    if leg == "caller":
        return split(leg, frame)
    found = _APPEND_AUDIO.search(frame) if _APPEND_TYPE.search(frame) else None
    return _cut(frame, *found.span(1)) if found is not None else (frame, None)


def _cut(frame: str, start: int, end: int) -> tuple[str, bytes | None]:
    if start >= end:
        return frame, None
    body, text = frame[:start] + frame[end:], frame[start:end]
    try:
        audio = a2b_base64(text)
    except (Base64Error, ValueError):
        return frame, None
    if body.find(HOLE) != start - 1 or b2a_base64(audio, newline=False).decode() != text:
        return frame, None
    return body, audio


def _span(leg: Leg, frame: str) -> tuple[int, int]:
    """Where the base64 is; an empty span if there is none."""
    if leg == "caller":
        # Fifty times a second, and nearly always written like this.
        start = frame.find(_CALLER_KEY) + len(_CALLER_KEY)
        if start >= len(_CALLER_KEY):
            return start, frame.find('"', start)
        found = _CALLER_AUDIO.search(frame)
    else:
        found = _MODEL_AUDIO.search(frame) if _MODEL_AUDIO_TYPE.search(frame) else None
    return found.span(1) if found is not None else (0, 0)


DEPTH_MAX = 64
"""No frame of either vendor nests a tenth of this. The decoder's own limit depends on how deep its caller already is,
and so could differ between a live call and its replay."""


def is_too_deep(body: str) -> bool:
    """Whether JSON nests deeper than any honest frame does, decided by nothing but the frame."""
    if body.count("[") + body.count("{") <= DEPTH_MAX:
        return False
    depth = 0
    for token in _BRACKETS_OR_STRING.findall(body):
        if token in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                return True
        elif token in "]}":
            depth -= 1
    return False


def rebuild(body: str, audio: bytes | None) -> str:
    """The frame that `split` cut, byte for byte."""
    if audio is None:
        return body
    hole = body.index(HOLE) + 1
    return body[:hole] + b2a_base64(audio, newline=False).decode() + body[hole:]
