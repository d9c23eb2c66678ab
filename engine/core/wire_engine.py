"""The engine's own inputs and commands as JSON. The shell writes these inputs, so one strict union suffices."""

from typing import assert_never

import msgspec

from engine.core import events as ev
from engine.core.audio import FRAME_MS
from engine.core.commands import AlignItem, CloseLeg, DialModel, EndCall, EngineCommand, Fault, LoadWord
from engine.core.heard import Alignment


class _Tagged(msgspec.Struct, tag_field="type"):
    pass


class _LegOpened(_Tagged, tag="leg.opened"):
    leg: str


class _LegClosed(_Tagged, tag="leg.closed"):
    leg: str
    code: int | None
    reason: str


class _LegFailed(_Tagged, tag="leg.failed"):
    leg: str
    status: int | None
    reason: str
    code: str | None = None


class _ItemAligned(_Tagged, tag="item.aligned"):
    item_id: str
    alignment: Alignment


class _ItemUnaligned(_Tagged, tag="item.unaligned"):
    item_id: str
    reason: str


class _StartRefused(_Tagged, tag="start.refused"):
    reason: str


class _WordLoaded(_Tagged, tag="word.loaded"):
    pass


class _TimerDue(_Tagged, tag="timer.due"):
    pass


class _OutboxFull(_Tagged, tag="outbox.full"):
    leg: str


class _LimitReached(_Tagged, tag="limit.reached"):
    limit: str
    value: int
    max: int


class _BinaryFrame(_Tagged, tag="frame.binary"):
    leg: str


class _Interrupted(_Tagged, tag="operator.interrupt"):
    pass


class _HangUp(_Tagged, tag="operator.hang_up"):
    reason: str


_decode = msgspec.json.Decoder(
    _LegOpened
    | _LegClosed
    | _LegFailed
    | _ItemAligned
    | _ItemUnaligned
    | _StartRefused
    | _WordLoaded
    | _TimerDue
    | _OutboxFull
    | _LimitReached
    | _BinaryFrame
    | _Interrupted
    | _HangUp
).decode


def decode(body: str, audio: bytes | None = None) -> tuple[str, ev.AnyEvent]:
    """The input's type and event. Never raises: a log from a damaged disk is read by the same code."""
    try:
        made = _decode(body)
    except ev.UNREADABLE as error:
        return "malformed", ev.Malformed("engine", str(error))
    match made:
        case _LegOpened():
            return "leg.opened", ev.LegOpened(made.leg)
        case _LegClosed():
            return "leg.closed", ev.LegClosed(made.leg, made.code, made.reason)
        case _LegFailed():
            return "leg.failed", ev.LegFailed(made.leg, made.status, made.reason, made.code or "")
        case _ItemAligned():
            return "item.aligned", _aligned(made)
        case _ItemUnaligned():
            return "item.unaligned", ev.ItemUnaligned(made.item_id, made.reason)
        case _StartRefused():
            return "start.refused", ev.StartRefused(made.reason)
        case _WordLoaded():
            return "word.loaded", ev.WordLoaded(audio or b"")
        case _TimerDue():
            return "timer.due", ev.TimerDue()
        case _OutboxFull():
            return "outbox.full", ev.OutboxFull(made.leg)
        case _LimitReached():
            return "limit.reached", ev.LimitReached(made.limit, made.value, made.max)
        case _BinaryFrame():
            return "frame.binary", ev.Malformed(made.leg, "binary frame")
        case _Interrupted():
            return "operator.interrupt", ev.OperatorInterrupted()
    return "operator.hang_up", ev.HangUpAsked(made.reason)


def _aligned(made: _ItemAligned) -> ev.AnyEvent:
    """The event, if the words are those of the transcript, in their order, and in an order of time."""
    alignment, at, end_ms = made.alignment, 0, 0
    for word in alignment.words:
        at = alignment.transcript.find(word.text, at)
        if at < 0 or not end_ms <= word.start_ms <= word.end_ms:
            return ev.Malformed("engine", "item.aligned: words that are not where they are said to be")
        at, end_ms = at + len(word.text), word.end_ms
    if not 0 <= alignment.finished <= len(alignment.words):
        return ev.Malformed("engine", "item.aligned: more words finished than there are")
    return ev.ItemAligned(made.item_id, alignment)


def aligned(item_id: str, alignment: Alignment) -> str:
    """The input that tells what a search for words gave: the same body whoever did the search."""
    return msgspec.json.encode({"type": "item.aligned", "item_id": item_id, "alignment": alignment}).decode()


def encode(command: EngineCommand) -> tuple[str, str]:
    """The command's type and body."""
    fields: dict[str, object]
    match command:
        case DialModel():
            kind, fields = "dial_model", {"model": command.model}
        case AlignItem():
            kind, fields = "align_item", _searched(command)
        case LoadWord():
            kind, fields = "load_word", {}
        case CloseLeg():
            kind, fields = "close_leg", {"leg": command.leg, "code": command.code, "reason": command.reason}
        case EndCall():
            kind, fields = "end_call", {"ended": command.ended, "reason": command.reason}
        case Fault():
            kind, fields = "fault", {"reason": command.reason}
        case _:
            assert_never(command)
    return kind, msgspec.json.encode({"type": kind, **fields}).decode()


def _searched(command: AlignItem) -> dict[str, object]:
    work = command.work
    return {
        "item_id": command.item_id,
        "audio_ms": work.features.frames * FRAME_MS,
        "characters": len(work.transcript),
        "complete": work.complete,
        "frames_per_letter": work.frames_per_letter,
    }
