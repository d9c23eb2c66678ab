"""The engine's own inputs and commands as JSON. The shell writes these inputs, so one strict union suffices."""

from typing import assert_never

import msgspec

from engine.core import events as ev
from engine.core.commands import CloseLeg, DialModel, EndCall, EngineCommand, Fault


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
    | _TimerDue
    | _OutboxFull
    | _LimitReached
    | _BinaryFrame
    | _Interrupted
    | _HangUp
).decode


def decode(body: str) -> tuple[str, ev.AnyEvent]:
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
            return "leg.failed", ev.LegFailed(made.leg, made.status, made.reason)
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


def encode(command: EngineCommand) -> tuple[str, str]:
    """The command's type and body."""
    fields: dict[str, object]
    match command:
        case DialModel():
            kind, fields = "dial_model", {"model": command.model}
        case CloseLeg():
            kind, fields = "close_leg", {"leg": command.leg, "code": command.code, "reason": command.reason}
        case EndCall():
            kind, fields = "end_call", {"ended": command.ended, "reason": command.reason}
        case Fault():
            kind, fields = "fault", {"reason": command.reason}
        case _:
            assert_never(command)
    return kind, msgspec.json.encode({"type": kind, **fields}).decode()
