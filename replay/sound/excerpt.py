"""Which part of a call's sound a person means: from place to place, or a turn."""

from engine.core.audio import SAMPLE_RATE, ms_of, samples_of
from replay.places import Place, PlaceError, Side, timeline
from replay.rows import Log
from replay.sound.ear import stretches
from replay.text import clock

AROUND = SAMPLE_RATE
"""Heard before a turn and after it: how it came about, and what the other one did then."""


def between(log: Log, begin: Place, end: Place, samples: int) -> tuple[int, int]:
    """The part from one place to another, of a sound that is so long. Raises PlaceError."""
    first, last = _sample(log, begin, "from"), samples if end.kind == "end" else _sample(log, end, "to")
    if first >= min(last, samples):
        raise PlaceError(f"from {begin} to {end} there is no sound: the call is {clock(ms_of(samples))} long")
    return first, min(last, samples)


def around_turn(log: Log, number: int, samples: int, *, generated: bool) -> tuple[int, int]:
    """A turn, of a sound that is so long, and what was said around it. `generated`: with what nobody heard of it.
    Raises PlaceError."""
    places, place = timeline(log), Place("turn", number)
    seq = places.seq_of(place)
    turn = places.turns[number - 1]
    spans = [
        (each.at, each.at + each.end - each.begin)
        for each in stretches(log)
        if each.item_id == turn.item_id and (each.heard or generated)
    ]
    if not spans and turn.start_ms is not None:
        end_ms = places.stream_ms(places.last_seq) if turn.end_ms is None else turn.end_ms
        spans = [(samples_of(turn.start_ms), samples_of(end_ms))]
    elif not spans and generated:
        # It was never sent: it would have been heard from about where it came.
        at = samples_of(places.stream_ms(seq))
        spans = [(at, at + samples_of(turn.generated_ms))]
    elif not spans:
        raise PlaceError(f"of {place} nothing was heard: --generated adds what was cut off")
    begin, end = min(first for first, _ in spans), max(last for _, last in spans)
    return max(0, begin - AROUND), min(samples, end + AROUND)


def _sample(log: Log, place: Place, side: Side) -> int:
    if place.kind == "start":
        return 0
    if place.kind == "time":
        return samples_of(place.value)
    places = timeline(log)
    return samples_of(places.stream_ms(places.seq_of(place, side)))
