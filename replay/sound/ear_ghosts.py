"""What was generated and nobody heard, where the caller would have heard it.

What was sent and flushed has its place: right behind what was heard. What was never sent, because its response was cut
by then, would have been sent when it came from the model; it follows what there is of its response, or stands alone.

A ghost is silent from where another response begins, for by then the talk has gone on. What of it would have come after
that is there to be read, not to be heard.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from engine.core.stream_clock import NS_PER_SAMPLE
from replay.sound.ear_lines import Placed
from replay.sound.ear_wire import Wire


class Ghost(NamedTuple):
    """Audio, with the stream sample that it would have begun at."""

    at: int
    audio: bytes


class _Piece(NamedTuple):
    """Audio of a response, as entry `seq` sent it or brought it. `heard`: samples of it that were."""

    seq: int
    response_id: str
    at: int
    heard: int
    audio: bytes
    was_sent: bool


class _Answer(msgspec.Struct):
    """One response: when it began at the ear, or would have, and where what there is of it ends."""

    begin: int
    end: int
    ghosts: list[Ghost] = []


def ghosts(wire: Wire, placed: list[Placed]) -> list[Ghost]:
    """All of them, none over another of another response."""
    answers: dict[str, _Answer] = {}
    for piece in _in_order([*_sent(wire, placed), *_unsent(wire, placed)]):
        answer = answers.setdefault(piece.response_id, _Answer(piece.at, piece.at))
        at = piece.at if piece.was_sent else max(piece.at, answer.end)
        answer.begin, answer.end = min(answer.begin, at), at + len(piece.audio)
        if piece.heard < len(piece.audio):
            answer.ghosts.append(Ghost(at + piece.heard, piece.audio[piece.heard :]))
    made: list[Ghost] = []
    until = max((answer.end for answer in answers.values()), default=0)
    for response_id, answer in reversed(answers.items()):
        made += [Ghost(at, audio[: max(0, until - at)]) for at, audio in answer.ghosts]
        # A sound that is no response's, as other bridges play, ends nothing.
        until = min(until, answer.begin) if response_id else until
    return [ghost for ghost in made if ghost.audio]


def _in_order(pieces: list[_Piece]) -> list[_Piece]:
    """Response by response; of each first what was sent."""
    first: dict[str, int] = {}
    for piece in pieces:
        first[piece.response_id] = min(piece.seq, first.get(piece.response_id, piece.seq))
    return sorted(pieces, key=lambda piece: (first[piece.response_id], not piece.was_sent, piece.seq))


def _sent(wire: Wire, placed: list[Placed]) -> Iterator[_Piece]:
    responses = {delta.item_id: delta.response_id for delta in wire.deltas.values()}
    for sent, at, heard in placed:
        yield _Piece(sent.when.seq, responses.get(sent.item_id, ""), at, heard, sent.audio, was_sent=True)


def _unsent(wire: Wire, placed: list[Placed]) -> Iterator[_Piece]:
    """What came from the model and was never sent, with the time at which it would have arrived at Twilio. Of our own
    words, one that was not wanted any more is nobody's loss."""
    was_sent: dict[str, bytearray] = {}
    for delta in wire.deltas.values():
        was_sent.setdefault(delta.item_id, bytearray()).extend(bytes(len(delta.audio)))
    for sent, _, _ in placed:
        if sent.item_id:
            was_sent[sent.item_id][sent.begin : sent.begin + len(sent.audio)] = b"\1" * len(sent.audio)
    for delta in [delta for delta in wire.deltas.values() if delta.response_id]:
        at = wire.arrival(delta.when).latest // NS_PER_SAMPLE
        for begin, end in _zeros(was_sent[delta.item_id], delta.begin, delta.begin + len(delta.audio)):
            audio = delta.audio[begin - delta.begin : end - delta.begin]
            yield _Piece(delta.when.seq, delta.response_id, max(0, at), 0, audio, was_sent=False)


def _zeros(flags: bytearray, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches of zeros in a part of some flags."""
    while (begin := flags.find(0, begin, end)) >= 0:
        found = flags.find(1, begin, end)
        stop = end if found < 0 else found
        yield begin, stop
        begin = stop
