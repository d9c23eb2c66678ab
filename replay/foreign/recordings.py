"""Reads what a bridge wrote down of its frames: the JSON lines of `engine.recorder`, or those of any other program.

    {"playhead_recording": 1, "started_at": "2026-11-20T14:03:11.250+00:00"}
    {"at_ms": 12.4, "leg": "caller", "way": "in", "frame": "{\\"event\\":\\"connected\\", ...}"}
    {"at_ms": 81200.1, "closed": true}

Each line between stands for a frame: text, or the JSON object itself. Keys that are not known here mean nothing.
Without the first line, `at_ms` may be milliseconds since 1970, and says when the call began; if it counts from
somewhere else, the file's own date must do.

**What is mended, and what is not.** A process that was killed leaves half a line at the end: it is left out. If it
packed what it wrote, that has no end either, and is read as far as it goes. Several threads that write one file get in
each other's way by a hair: their lines are sorted. Anything else that is wrong is an error with the number of its line,
and nothing is made of the file: a judgement of a call must not rest on frames that were passed over in silence.
"""

import gzip
from datetime import UTC, datetime, timedelta
from io import BytesIO
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Literal
from zlib import error as ZlibError

import msgspec

from engine.core import events as ev
from engine.log.errors import LogError

VERSION = 1
"""Of the lines: `engine.recorder.VERSION`."""
DISORDER_MS_MAX = 1_000
"""What threads can do to the order of lines. More is two recordings in one file, or a clock that was set."""
CALL_MS_MAX = 86_400_000
"""Twilio ends any call after a day: https://www.twilio.com/docs/voice/twiml/dial#attributes-timelimit."""
SINCE_1970_MS_MIN, SINCE_1970_MS_MAX = 1e11, 1e13
"""From 1973 to 2286. What is below counts from the call's beginning, what is above is no milliseconds."""
LOST_MAX = CALL_MS_MAX
"""Frames that one line may say are lost: one each millisecond of the longest call, several times what all four ways of
a call carry. Their numbers are left free in the log, and those end somewhere."""
A_LINE = '{"at_ms": 12.4, "leg": "caller|model", "way": "in|out", "frame": "…"}'
_GZIP = b"\x1f\x8b"

Leg = Literal["caller", "model"]
_LEGS: dict[str, Leg] = {"caller": "caller", "model": "model"}


class Frame(msgspec.Struct, frozen=True):
    """A frame on its way in or out of the bridge; bytes if it was binary."""

    line: int
    at_ms: float
    leg: Leg
    is_sent: bool
    frame: str | bytes


class Lost(msgspec.Struct, frozen=True):
    """Here the recorder could not write so many frames."""

    line: int
    at_ms: float
    frames: int
    why: str


class Skipped(msgspec.Struct, frozen=True):
    """A line of which nothing is kept."""

    line: int
    why: str


class Recording(msgspec.Struct, frozen=True):
    """One file. `lines` are in the order of their `at_ms`, which counts from `started_at`, ISO 8601 in UTC.
    `is_closed`: the bridge has said that this is all. `notes` say in sentences what a reader should know."""

    path: Path
    started_at: str
    lines: list[Frame | Lost]
    is_closed: bool
    skipped: list[Skipped]
    notes: list[str]


class _Line(msgspec.Struct):
    """Any line; which one it is shows in what it has."""

    at_ms: float | None = None
    leg: str | None = None
    way: str | None = None
    frame: msgspec.Raw = msgspec.Raw(b"")
    binary: bytes | None = None
    lost: Annotated[int, msgspec.Meta(ge=1, le=LOST_MAX)] | None = None
    why: str = ""
    closed: bool = False
    playhead_recording: int | None = None
    started_at: str = ""


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_text = msgspec.json.Decoder(str).decode


def read_recording(path: Path) -> Recording:
    """Read a file of frames. Raises LogError, with the number of the line."""
    data, notes = _read(path)
    texts = data.split(b"\n")
    skipped: list[Skipped] = []
    if _is_cut(texts[-1]):
        texts.pop()
        skipped.append(Skipped(len(texts) + 1, "cut off in its middle: the process that wrote it was killed"))
    head, lines, is_closed = _Line(), list[Frame | Lost](), False
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            line = _decode_line(text)
            if line.closed:
                is_closed = True
            elif line.playhead_recording is None:
                lines.append(_frame_of(number, line))
            elif number == 1:
                head = line
                _check_version(line.playhead_recording)
            else:
                raise _Wrong("a second recording begins here. One file for each call: split it before this line")
        except msgspec.ValidationError as error:
            raise LogError(f"{path}, line {number}: {error}") from error
        except ev.UNREADABLE as error:
            raise LogError(f"{path}, line {number} is not JSON: {error}. A line is {A_LINE}") from error
        except _Wrong as error:
            raise LogError(f"{path}, line {number}: {error}") from error
    if not lines:
        raise LogError(f"{path} holds no frames: nothing was recorded. A line is {A_LINE}")
    return _in_order(path, head, lines, is_closed, skipped, notes)


class _Wrong(Exception):
    """What is wrong with a line."""


def _read(path: Path) -> tuple[bytes, list[str]]:
    """What is in a file, unpacked, and what a reader should know of that."""
    try:
        data = path.read_bytes()
        return _unpacked(data) if data.startswith(_GZIP) else (data, [])
    except IsADirectoryError as error:
        raise LogError(f"{path} is a folder: name the files in it, {path}/*.jsonl") from error
    except (EOFError, ZlibError, gzip.BadGzipFile) as error:
        raise LogError(f"{path} cannot be unpacked: {error}") from error
    except OSError as error:
        raise LogError(f"{path}: {error.strerror}") from error


def _unpacked(data: bytes) -> tuple[bytes, list[str]]:
    """As far as it goes. What is damaged is not cut: then nobody knows what of it is true."""
    parts: list[bytes] = []
    with gzip.GzipFile(fileobj=BytesIO(data)) as packed:
        try:
            while part := packed.read1():
                parts.append(part)
        except EOFError:
            if not parts:
                raise
            return b"".join(parts), ["the packed file is cut off: it is read as far as it goes"]
    return b"".join(parts), []


def _is_cut(last: bytes) -> bool:
    """Whether the text after the last newline, which a whole file has nothing of, is half a line."""
    if not last:
        return False
    try:
        msgspec.json.decode(last)
    except ev.UNREADABLE:
        return True
    return False


def _check_version(version: int) -> None:
    if version > VERSION:
        raise _Wrong(f"made by a newer recorder: version {version}, this reads up to {VERSION}. Upgrade playhead")


def _frame_of(number: int, line: _Line) -> Frame | Lost:
    """What a line tells. Raises _Wrong."""
    at_ms = line.at_ms
    if at_ms is None:
        raise _Wrong(f"there is no at_ms. A line is {A_LINE}")
    if line.lost is not None:
        return Lost(number, at_ms, line.lost, line.why)
    leg = _LEGS.get(line.leg or "")
    if leg is None:
        raise _Wrong(f"leg is {_shown(line.leg)}, and must be caller (frames of Twilio) or model (of the model)")
    if line.way not in ("in", "out"):
        raise _Wrong(f"way is {_shown(line.way)}, and must be in (received by the bridge) or out (sent)")
    is_sent = line.way == "out"
    if line.binary is not None:
        return Frame(number, at_ms, leg, is_sent, line.binary)
    raw = bytes(line.frame)
    if raw[:1] == b'"':
        return Frame(number, at_ms, leg, is_sent, _decode_text(raw))
    if raw[:1] == b"{":
        return Frame(number, at_ms, leg, is_sent, raw.decode())
    raise _Wrong("frame must be the frame's text, or the JSON object that it is")


def _shown(value: str | None) -> str:
    return "missing" if value is None else repr(value)


def _in_order(
    path: Path,
    head: _Line,
    lines: list[Frame | Lost],
    is_closed: bool,
    skipped: list[Skipped],
    notes: list[str],
) -> Recording:
    """The recording, on a clock that starts with it."""
    if moved := _out_of_order(path, lines):
        notes.append(
            f"{moved} of {len(lines)} lines stood out of the order of their at_ms, by less than a second: sorted"
        )
        lines = sorted(lines, key=attrgetter("at_ms"))
    first, last = lines[0], lines[-1]
    counts_from_1970 = first.at_ms >= SINCE_1970_MS_MIN
    zero_ms = 0.0 if head.playhead_recording and not counts_from_1970 else first.at_ms
    if not zero_ms <= first.at_ms <= last.at_ms <= min(zero_ms + CALL_MS_MAX, SINCE_1970_MS_MAX):
        shown = f"from {first.at_ms:g} to {last.at_ms:g}"
        raise LogError(f"{path}: at_ms goes {shown}, which is no call: milliseconds from its beginning are wanted")
    if head.playhead_recording:
        started_at = _utc(path, head.started_at)
    elif counts_from_1970:
        started_at = datetime.fromtimestamp(first.at_ms / 1e3, UTC)
    else:
        started_at = datetime.fromtimestamp(path.stat().st_mtime, UTC) - timedelta(milliseconds=last.at_ms - zero_ms)
        notes.append(
            f"nothing says when the call began: taken from the file's date, {started_at:%Y-%m-%d %H:%M:%S} UTC"
        )
    lines = [msgspec.structs.replace(line, at_ms=line.at_ms - zero_ms) for line in lines]
    return Recording(path, started_at.isoformat(), lines, is_closed, skipped, notes)


def _out_of_order(path: Path, lines: list[Frame | Lost]) -> int:
    """How many lines have an earlier time than one before them. Raises LogError if it is much earlier."""
    moved, latest_ms = 0, lines[0].at_ms
    for line in lines:
        if line.at_ms < latest_ms:
            moved += 1
            if line.at_ms < latest_ms - DISORDER_MS_MAX:
                back = f"goes back from {latest_ms:g} to {line.at_ms:g}"
                raise LogError(
                    f"{path}, line {line.line}: at_ms {back}. Two recordings in one file, or a clock that was set?"
                    " One file for each call, times from a monotonic clock"
                )
        latest_ms = max(latest_ms, line.at_ms)
    return moved


def _utc(path: Path, started_at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(started_at)
    except ValueError:
        raise LogError(f"{path}, line 1: started_at is not an ISO time: {started_at!r}") from None
    if moment.tzinfo is None:
        raise LogError(f"{path}, line 1: started_at has no time zone: {started_at!r}")
    return moment.astimezone(UTC)
