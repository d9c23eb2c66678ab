"""What differs between an entry as it was recorded and as it was replayed, field by field.

People who debug a divergence mix up which side is which, so both are always named: *recorded* is what the log holds,
*replayed* is what this version of the core commands. Bodies are compared as JSON, by path; where the JSON is the same
and the bytes are not, the bytes are shown.
"""

from collections.abc import Iterator

import msgspec

from engine.core.entries import Entry

ABSENT = "nothing"
"""Said of a side that has no such field, or no such entry."""


class Difference(msgspec.Struct, frozen=True):
    """One field that is not the same. The values are JSON, or the word "nothing"."""

    path: str
    recorded: str
    replayed: str

    def __str__(self) -> str:
        return f"{self.path}: recorded {self.recorded}, replayed {self.replayed}"


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
        found += _in_bodies(recorded.body, replayed.body)
    return found


def summary(entry: Entry | None) -> str:
    """An entry in a few words: its leg, its type and its body."""
    return ABSENT if entry is None else f"{entry.kind} {entry.leg} {entry.type} {entry.body}"


def _in_bodies(recorded: str, replayed: str) -> list[Difference]:
    try:
        found = list(_walk("", msgspec.json.decode(recorded), msgspec.json.decode(replayed)))
    except msgspec.DecodeError:
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
