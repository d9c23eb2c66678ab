"""A log as lines of text: what a review can read, a diff can show and git can keep.

The first line says what the story is and why it is as it is; then one line per entry, or per run of alike entries
(`fold`). Bodies stand as JSON where the JSON gives back every byte, else as a string. Times are milliseconds.

Audio is its length and a hash. On reading, silence of that length takes its place, which decides the same, since the
core counts samples; only where its words are depends on how an item sounds. So the audio of items that were heard, or
whose words were looked for, is kept, in a file of the same name that ends in `.ulaw`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec.structs import astuple

from engine.core import FORMAT, Call, CallSettings, Entry, report, wire_model
from engine.core import events as ev
from engine.core.commands import AlignItem
from engine.log.errors import LogDamagedError, LogError, LogFormatError
from engine.log.folder import private
from engine.log.reader import Row
from replay.goldens.fold import fold
from replay.goldens.lines import SoundMissing, dump_line, load_line
from replay.rows import Head, Log

SUFFIX = ".jsonl"
AUDIO_SUFFIX = ".ulaw"


class Golden(NamedTuple):
    """A golden log as it is written: its lines, and the audio for its side file."""

    text: str
    audio: bytes


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line. `title` says in a sentence what happens; `reason`, why the log was last blessed."""

    title: str
    reason: str
    head: Head
    settings: CallSettings


class _AnyHead(msgspec.Struct):
    format: int


class _AnyHeader(msgspec.Struct):
    """What every format says first."""

    head: _AnyHead


def make_golden(header: Header, entries: Sequence[Entry], *, is_silent: bool = False) -> Golden:
    """The golden log of a call. `is_silent`: there is no sound in it that says where words are, so none is kept."""
    keep = frozenset[int]() if is_silent else _needed_audio(header.settings, entries)
    audio = bytearray()
    # Whatever the call was read from: a golden log is never encrypted.
    head = msgspec.structs.replace(header.head, format=FORMAT)
    lines = [msgspec.json.encode(msgspec.structs.replace(header, head=head)).decode()]
    lines += [dump_line(part, keep, audio) for part in fold(entries)]
    return Golden("\n".join(lines) + "\n", bytes(audio))


def write_golden(path: Path, golden: Golden) -> None:
    """Write a golden log and, if it has audio, its side file. Raises OSError."""
    with open(path, "w", encoding="utf-8", opener=private) as text:
        text.write(golden.text)
    side = path.with_suffix(AUDIO_SUFFIX)
    if golden.audio:
        with open(side, "wb", opener=private) as audio:
            audio.write(golden.audio)
    else:
        side.unlink(missing_ok=True)


def read_golden(path: Path) -> Log:
    """A golden log, as any other log. Raises LogError; LogFormatError for what is not one, or is newer."""
    side = path.with_suffix(AUDIO_SUFFIX)
    with _told(path):
        first, *lines = path.read_text(encoding="utf-8").split("\n")
        audio = side.read_bytes() if side.exists() else None
    header = read_header(path, first)
    return Log(path, header.head, header.settings, lambda: _rows(path, lines, audio))


def header_of(path: Path) -> Header:
    """What the golden log at `path` says of itself. Raises as `read_golden` does."""
    with _told(path), path.open(encoding="utf-8") as file:
        line = file.readline()
    return read_header(path, line)


def read_header(path: Path, line: str) -> Header:
    """The first line of the golden log at `path`. Raises LogFormatError."""
    if not line:
        raise LogFormatError(f"{path} is not a golden log: it is empty")
    try:
        version = msgspec.json.decode(line, type=_AnyHeader).head.format
        if version > FORMAT:
            raise LogFormatError(
                f"{path} has log format {version}, this version reads up to {FORMAT}: upgrade playhead"
            )
        return msgspec.json.decode(line, type=Header)
    except msgspec.MsgspecError as error:
        raise LogFormatError(f"{path} is not a golden log: {error}") from error


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LogError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LogFormatError(f"{path} is not a golden log: it is not text") from error


def _needed_audio(settings: CallSettings, entries: Sequence[Entry]) -> frozenset[int]:
    """The entries whose sound says where words are: the audio of items that were heard or searched, and of what we told
    the caller ourselves."""
    call = Call(settings)
    ours: list[int] = []
    bringers: dict[str, list[int]] = {}
    needed: set[str] = set()
    for entry in entries:
        if entry.kind == "input":
            step = call.step(entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio)
            needed |= {command.item_id for command in step.commands if isinstance(command, AlignItem)}
            event = wire_model.decode(entry.body, entry.audio)[1] if entry.leg == "model" else None
            if isinstance(event, ev.ItemAudio):
                bringers.setdefault(event.item_id, []).append(entry.seq)
            elif entry.type == "word.loaded":
                ours.append(entry.seq)
    needed |= {turn.item_id for turn in report(call).turns if turn.heard_max_ms}
    return frozenset([*ours, *(seq for item_id in needed for seq in bringers.get(item_id, []))])


def _rows(path: Path, lines: list[str], audio: bytes | None) -> Iterator[Row]:
    for number, line in enumerate(lines, 2):
        if not line:
            continue
        try:
            yield from map(astuple, load_line(line, audio or b""))
        except SoundMissing as error:
            side = path.with_suffix(AUDIO_SUFFIX)
            why = "which is not there" if audio is None else "and is not, or is another one"
            raise LogDamagedError(f"{path}, line {number}: its audio should be in {side}, {why}") from error
        except ValueError as error:
            raise LogDamagedError(f"{path}, line {number}: {error}") from error
