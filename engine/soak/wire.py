"""What the two ends of a leg saw, against what the log says of it.

Nothing leaves before it is logged, so whatever a far end received is in the log, in that order: its frames are the
first of those that the log says were sent. Nothing is made up either: what the log says came in is what that end sent,
as far as it got.

A leg of the model may be opened several times in a call. Each opening is a stretch of the log, and belongs to one far
end; a far end that accepted a connection of which the bridge never learned belongs to none.
"""

from collections.abc import Sequence

import msgspec

from engine.core import Entry, rebuild
from engine.sim.fronts import Front

AUDIO = frozenset({"media", "input_audio_buffer.append"})
OPENED = "leg.opened"
UNWRITTEN_MAX = 1
"""A front writes a frame down once it was sent: the last may have arrived and not be there."""


class Stretch(msgspec.Struct):
    """What the log says of one opening of a leg."""

    sent: list[str] = []
    came: list[str] = []


class _Opened(msgspec.Struct):
    leg: str


def stretches(entries: Sequence[Entry], leg: str) -> list[Stretch]:
    """The frames on a leg, by its openings."""
    by_seq = {entry.seq: entry for entry in entries}
    found: list[Stretch] = []
    for entry in entries:
        if entry.leg == leg and entry.kind == "command":
            is_audio = entry.type in AUDIO and entry.cause is not None
            source = by_seq[entry.cause].audio if is_audio and entry.cause in by_seq else None
            frame = rebuild(entry.body, None if source is None else source[entry.audio_from : entry.audio_to])
            if found:
                found[-1].sent.append(frame)
        elif entry.leg == leg and entry.kind == "input":
            if found:
                found[-1].came.append(rebuild(entry.body, entry.audio))
        elif entry.type == OPENED and msgspec.json.decode(entry.body, type=_Opened).leg == leg:
            found.append(Stretch())
    return found


def differences(entries: Sequence[Entry], leg: str, fronts: Sequence[Front]) -> list[str]:
    """Where the far ends of a leg saw anything else than the log says. Nothing, if all is well."""
    left, told = stretches(entries, leg), []
    for number, front in enumerate(fronts, 1):
        whys = [_difference(front, stretch) for stretch in left]
        if None in whys:
            del left[: whys.index(None) + 1]
        elif received(front):
            told.append(f"{leg} leg, connection {number}: {whys[0] if whys else 'what it saw is not in the log'}")
    return told


def received(front: Front) -> list[str | bytes]:
    """What a far end was sent, as far as it got there."""
    return [kept.frame for kept in front.frames if kept.way == "in"]


def _difference(front: Front, stretch: Stretch) -> str | None:
    saw, gave = received(front), [kept.frame for kept in front.frames if kept.way == "out"]
    for number, (frame, logged) in enumerate(zip(saw, stretch.sent, strict=False), 1):
        if frame != logged:
            return f"frame {number} that left is {_short(frame)}; the log has {_short(logged)}"
    if len(saw) > len(stretch.sent):
        return (
            f"frame {len(stretch.sent) + 1} of {len(saw)} that left is not in the log: {_short(saw[len(stretch.sent)])}"
        )
    for number, (frame, logged) in enumerate(zip(gave, stretch.came, strict=False), 1):
        if frame != logged:
            return f"frame {number} that came is {_short(frame)}; the log has {_short(logged)}"
    if len(stretch.came) > len(gave) + UNWRITTEN_MAX:
        return f"the log has {len(stretch.came)} frames that came, and only {len(gave)} were sent"
    return None


def _short(frame: str | bytes) -> str:
    return repr(frame[:90])
