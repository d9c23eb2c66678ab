"""What differs between two entries, field by field.

People who debug a divergence mix up which side is which, so both are always named: *recorded* is what the log holds,
*replayed* is what this version of the core commands. (Of two logs both are recorded: there the sides are *A* and *B*.)
Bodies are compared as JSON, by path; where the JSON is the same and the bytes are not, the bytes are shown.
"""

from collections.abc import Iterator
from hashlib import sha256

import msgspec

from engine.core.entries import Entry
from engine.core.events import UNREADABLE

ABSENT = "nothing"
"""Said of a side that has no such field, or no such entry."""
_HASH_LETTERS = 16


class Difference(msgspec.Struct, frozen=True):
    """One field that is not the same. The values are JSON, or the word "nothing"."""

    path: str
    recorded: str
    replayed: str

    def __str__(self) -> str:
        return self.said("recorded", "replayed")

    def said(self, one: str, other: str) -> str:
        """The same, with the sides called by these names."""
        return f"{self.path}: {one} {self.recorded}, {other} {self.replayed}"


def differences(recorded: Entry | None, replayed: Entry | None) -> list[Difference]:
    """Every field in which the two differ. Where only one side has an entry, that is the one difference."""
    if recorded is None or replayed is None:
        return [Difference("entry", summary(recorded), summary(replayed))]
    found = [
        Difference(field, _json(mine), _json(other))
        for field in ("seq", "at_ns", "kind", "leg", "type", "cause", "audio_from", "audio_to")
        if (mine := getattr(recorded, field)) != (other := getattr(replayed, field))
    ]
    if recorded.body != replayed.body:
        found += in_bodies(recorded.body, replayed.body)
    if recorded.audio != replayed.audio:
        found.append(Difference("audio", _sound(recorded.audio), _sound(replayed.audio)))
    return found


def summary(entry: Entry | None) -> str:
    """An entry in a few words: its leg, its type and its body."""
    return ABSENT if entry is None else f"{entry.kind} {entry.leg} {entry.type} {entry.body}"


def in_bodies(recorded: str, replayed: str) -> list[Difference]:
    """The differences of two bodies, which are not the same."""
    try:
        found = list(_walk("", msgspec.json.decode(recorded), msgspec.json.decode(replayed)))
    except UNREADABLE:
        found = []
    return found or [Difference("body", recorded, replayed)]


def _walk(path: str, recorded: object, replayed: object) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        for key in recorded | replayed:
            inner = f"{path}.{key}" if path else str(key)
            if key not in recorded:
                yield Difference(inner, ABSENT, _json(replayed[key]))
            elif key not in replayed:
                yield Difference(inner, _json(recorded[key]), ABSENT)
            else:
                yield from _walk(inner, recorded[key], replayed[key])
    elif isinstance(recorded, list) and isinstance(replayed, list) and len(recorded) == len(replayed):
        for index, (mine, other) in enumerate(zip(recorded, replayed, strict=True)):
            yield from _walk(f"{path}[{index}]", mine, other)
    elif _json(recorded) != _json(replayed):
        yield Difference(path or "body", _json(recorded), _json(replayed))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _sound(audio: bytes | None) -> str:
    return ABSENT if audio is None else f"{len(audio)} bytes, sha256 {sha256(audio).hexdigest()[:_HASH_LETTERS]}"
