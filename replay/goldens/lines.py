"""The lines of a golden log, and the entries that they stand for. See `golden` for why they look as they do."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from typing import Annotated

import msgspec

from engine.core import Entry, Leg
from engine.core.audio import SILENCE
from engine.core.entries import APPEND_BODY, Kind
from replay.goldens.fold import Pattern, Run, unfold

AUDIO_BYTES_MAX = 16 * 2**20
"""Of one entry: half an hour of speech. A line that says more asks for memory that nobody needs."""
MS_MAX = 1e12
"""Of a time: thirty years, as of Twilio's own clock (`wire_caller`)."""
_HASH_LETTERS = 16
_encode = msgspec.json.Encoder().encode


_Ms = Annotated[float, msgspec.Meta(ge=-MS_MAX, le=MS_MAX)]


class SoundMissing(ValueError):
    """What a line says of its audio is not what is in the side file."""


class _Audio(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`bytes` of one entry, `sha256` of it or of the whole run. `at`: where they are in the side file, if kept."""

    bytes: Annotated[int, msgspec.Meta(ge=0, le=AUDIO_BYTES_MAX)]
    sha256: str
    at: int | None = None


class _EntryLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry. No body: that of an append, as in the table."""

    seq: int
    at_ms: _Ms
    kind: Kind
    leg: Leg
    type: str
    body: dict[str, object] | str | None = None
    audio: _Audio | None = None
    cause: int | None = None
    audio_from: int | None = None
    audio_to: int | None = None


class _Times(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Times that follow each other regularly."""

    first: _Ms
    every: _Ms


class _PatternLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of a unit. `cause_back`: how many entries before it its cause is. See `fold` for what `12(+1)` says."""

    kind: Kind
    leg: Leg
    type: str
    body: dict[str, object] | str | None = None
    audio: _Audio | None = None
    cause_back: str | None = None
    audio_from: str | None = None
    audio_to: str | None = None


class _RunLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Entries `seq`, `seq` + 1 …: a unit, of one or two entries, for each letter of `run`."""

    run: str
    seq: int
    at_ms: _Times | list[_Ms]
    units: dict[str, list[_PatternLine]]


def dump_line(part: Entry | Run, keep: frozenset[int], kept: bytearray) -> str:
    """The line of an entry or a run. The audio of entries whose `seq` is in `keep` is added to `kept`."""
    return _encode(_of_run(part) if isinstance(part, Run) else _of_entry(part, keep, kept)).decode()


def load_line(line: str, kept: bytes) -> Iterator[Entry]:
    """The entries of a line, with the side file's audio or silence. Raises ValueError for what is no such line,
    SoundMissing where the audio is another one."""
    if not line.startswith('{"run":'):
        yield _to_entry(msgspec.json.decode(line, type=_EntryLine), kept)
        return
    yield from unfold(_to_run(msgspec.json.decode(line, type=_RunLine)))


def _of_entry(entry: Entry, keep: frozenset[int], kept: bytearray) -> _EntryLine:
    audio = None
    if entry.audio is not None:
        audio = _Audio(len(entry.audio), _hash(entry.audio), len(kept) if entry.seq in keep else None)
        if audio.at is not None:
            kept += entry.audio
    return _EntryLine(
        entry.seq,
        _ms(entry.at_ns),
        entry.kind,
        entry.leg,
        entry.type,
        _nested(entry.body),
        audio,
        entry.cause,
        entry.audio_from,
        entry.audio_to,
    )


def _to_entry(line: _EntryLine, kept: bytes) -> Entry:
    audio = None if line.audio is None else _sound(line.audio, kept)
    return Entry(
        line.seq,
        _ns(line.at_ms),
        line.kind,
        line.leg,
        line.type,
        _flat(line.body),
        audio,
        line.cause,
        line.audio_from,
        line.audio_to,
    )


def _of_run(run: Run) -> _RunLine:
    units = {letter: [_of_pattern(pattern) for pattern in unit] for letter, unit in run.units.items()}
    return _RunLine(run.order, run.seq, _of_times(run.at_ns), units)


def _of_pattern(pattern: Pattern) -> _PatternLine:
    audio = None if pattern.audio is None else _Audio(len(pattern.audio[0]), _hash(b"".join(pattern.audio)))
    back, begin, end = (None if part == "None" else part for part in pattern.origin.split())
    return _PatternLine(pattern.kind, pattern.leg, pattern.type, _nested(pattern.body), audio, back, begin, end)


def _of_times(at_ns: list[int]) -> _Times | list[float]:
    steps = {later - earlier for earlier, later in pairwise(at_ns)}
    return _Times(_ms(at_ns[0]), _ms(steps.pop())) if len(steps) == 1 else [_ms(each) for each in at_ns]


def _to_run(line: _RunLine) -> Run:
    at_ns = _to_times(line.at_ms, len(line.run))
    if len(at_ns) != len(line.run) or not set(line.run) <= line.units.keys():
        raise ValueError("a run needs a time and a unit for each of its letters")
    units = {letter: [_to_pattern(each, len(line.run)) for each in unit] for letter, unit in line.units.items()}
    return Run(line.run, line.seq, at_ns, units)


def _to_pattern(line: _PatternLine, times: int) -> Pattern:
    audio = None if line.audio is None else [_sound(line.audio, b"")] * times
    origin = f"{line.cause_back} {line.audio_from} {line.audio_to}"
    return Pattern(line.kind, line.leg, line.type, _flat(line.body), origin, audio)


def _to_times(times: _Times | list[float], count: int) -> list[int]:
    if isinstance(times, _Times):
        first_ns, every_ns = _ns(times.first), _ns(times.every)
        return [first_ns + index * every_ns for index in range(count)]
    return [_ns(time) for time in times]


def _nested(body: str) -> dict[str, object] | str | None:
    """The body as JSON, if that gives back every byte."""
    if body == APPEND_BODY:
        return None
    try:
        made = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
    return made if isinstance(made, dict) and _encode(made).decode() == body else body


def _flat(body: dict[str, object] | str | None) -> str:
    if body is None:
        return APPEND_BODY
    return body if isinstance(body, str) else _encode(body).decode()


def _sound(audio: _Audio, kept: bytes) -> bytes:
    if audio.at is None:
        return bytes([SILENCE]) * audio.bytes
    found = kept[audio.at : audio.at + audio.bytes]
    if _hash(found) != audio.sha256:
        raise SoundMissing
    return found


def _hash(audio: bytes) -> str:
    return sha256(audio).hexdigest()[:_HASH_LETTERS]


def _ms(ns: int) -> float:
    """Milliseconds without loss: a float holds every nanosecond of three months."""
    return ns // 1_000_000 if ns % 1_000_000 == 0 else ns / 1_000_000


def _ns(ms: float) -> int:
    return round(ms * 1_000_000)
