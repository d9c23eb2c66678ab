"""What the caller said and heard, and when: every sample at its place on the stream's clock.

The core keeps how much of an item was heard, and dates it well enough to decide. For sound that will not do: stretches
that are dated one by one gap and overlap. So the whole call is looked at again, with all the evidence there is in the
end: `ear_wire` reads what went over the caller's socket, `ear_clock` dates it, `ear_lines` says where the ear was.

**How exact this is.** On a line with a constant delay, however long, the samples are those that Twilio played, each in
its place. On a line that varies it is the same samples in the same order, a little off where the evidence leaves room.
Knowing more, this may also differ from what the core took for heard, and then the core had guessed.
"""

from collections.abc import Iterable

import msgspec

from engine.core.audio import SAMPLE_RATE, SILENCE
from engine.log.errors import LogError
from replay.rows import Log
from replay.sound.ear_ghosts import ghosts
from replay.sound.ear_lines import Lines, Placed
from replay.sound.ear_wire import Wire, read

HOURS_MAX = 8
"""Twice what Twilio lets a call last unless asked for more: https://www.twilio.com/docs/voice/api/call-resource."""


class Stretch(msgspec.Struct, frozen=True):
    """Samples [begin, end) of an item, at the ear from stream sample `at` on. `heard` False: they were sent to Twilio
    and not played, because of a clear or the end of the call, and `at` is when they would have been played. An item
    without a name is audio that is no item's: other bridges play such."""

    item_id: str
    begin: int
    end: int
    at: int
    heard: bool


class Tracks(msgspec.Struct):
    """A call as sound: mu-law, one byte a sample, all of the same length, index is the stream sample, silence is 0xFF.

    `caller`: what Twilio sent; frames that it left out are silence. `ear`: what the caller heard, when it was heard.
    `unheard`: what was generated and not heard, from where it would have been heard until the next answer begins: first
    what was sent and flushed, then what was never sent. After `end` the call is over, and there is nothing but that.
    """

    caller: bytes
    ear: bytes
    unheard: bytes
    end: int
    codec: str
    """What the stream was in, if not in mu-law. Then there is no sound here, only silence."""


def hear(log: Log) -> tuple[Tracks, list[Stretch]]:
    """`tracks` and `stretches`, from one reading of the log."""
    wire = read(log)
    placed = _placed(wire)
    return _tracks(log, wire, placed), _stretches(placed)


def stretches(log: Log) -> list[Stretch]:
    """Where each sample that was sent was at the ear, in the order sent. Raises LogError."""
    return _stretches(_placed(read(log)))


def tracks(log: Log) -> Tracks:
    """The call as sound. Raises LogError."""
    wire = read(log)
    return _tracks(log, wire, _placed(wire))


def _stretches(placed: list[Placed]) -> list[Stretch]:
    made: list[Stretch] = []
    for sent, at, heard in placed:
        middle, end = sent.begin + heard, sent.begin + len(sent.audio)
        _add(made, Stretch(sent.item_id, sent.begin, middle, at, heard=True))
        _add(made, Stretch(sent.item_id, middle, end, at + heard, heard=False))
    return made


def _tracks(log: Log, wire: Wire, placed: list[Placed]) -> Tracks:
    unheard = ghosts(wire, placed)
    end = max([wire.hearing.stream.newest, *(at + heard for _, at, heard in placed if heard)])
    length = max([end, *(at + len(audio) for at, audio in unheard)])
    hours = length // SAMPLE_RATE // 3600
    if hours >= HOURS_MAX:
        raise LogError(f"{log.path}: by its frames this call is {hours} hours long; no sound is made of so much")
    heard = [(at, sent.audio[:samples]) for sent, at, samples in placed]
    return Tracks(_track(length, wire.frames), _track(length, heard), _track(length, unheard), end, wire.codec)


def _track(length: int, pieces: Iterable[tuple[int, bytes]]) -> bytes:
    track = bytearray([SILENCE]) * length
    for at, audio in pieces:
        track[at : at + len(audio)] = audio
    return bytes(track)


def _placed(wire: Wire) -> list[Placed]:
    """All that was sent, in that order."""
    made: list[Placed] = []
    free_at = 0
    for played in wire.playouts:
        made += Lines(wire, played, free_at).placed()
        free_at = max([free_at, *(at + heard for _, at, heard in made if heard)])
    return made


def _add(made: list[Stretch], new: Stretch) -> None:
    """Put a stretch behind the others. One that goes on where the last ended makes that longer."""
    if new.begin == new.end:
        return
    if made:
        last = made[-1]
        goes_on = (last.item_id, last.heard, last.end, last.at + last.end - last.begin)
        if goes_on == (new.item_id, new.heard, new.begin, new.at):
            new = msgspec.structs.replace(made.pop(), end=new.end)
    made.append(new)
