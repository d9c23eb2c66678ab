"""The faults that a call can have, each with the ends that a call may come to because of it.

A table of names, so that a soak can say how often it met each. `HUNG_UP` among the ends says: a call that gets over it
must be allowed to. What is worse than that (a call without an end, a call that ends in a fault of the core) fits none.
"""

from collections.abc import Callable
from math import inf
from random import Random

from msgspec.structs import replace

from engine.sim.reply import ReplyItem
from engine.sim.ruler import ITEMS_MAX, ruler
from engine.sim.toxics import Bandwidth, HalfOpen, Latency, LimitData, Reset, Slicer, Stall, Toxic
from engine.soak.calls import HUNG_UP, CallPlan

Fault = Callable[[Random, CallPlan], CallPlan]
Toxics = list[Toxic]
Network = Callable[[Random, CallPlan], tuple[int, Toxics, Toxics]]
"""A fault of the network to a peer: when it begins, what is on the way there, and on the way back."""

LIMIT = frozenset({"limit"})
DROPPED = frozenset({"dropped"})
MODEL_GONE = frozenset({"model_failed", "model_closed"})
TOO_LARGE = {"caller": 96 * 1024, "model": 5 * 2**20}
"""Over `caller_frame_bytes_max` and `model_frame_bytes_max`."""
LONG_ANSWER_MS = 40_000
"""More, as frames, than an outbox of the simulated server holds."""
FRAME_RATE = 10
"""A flood: so many times what Twilio sends."""


def _on_leg(leg: str, make: Network, ends: frozenset[str]) -> Fault:
    def fault(random: Random, call: CallPlan) -> CallPlan:
        at_ms, there, back = make(random, call)
        ways = {f"to_{leg}": tuple(there), f"from_{leg}": tuple(back)}
        return replace(call, at_ms=at_ms, ends=HUNG_UP | ends, **ways)

    return fault


def _moment(random: Random, call: CallPlan) -> int:
    return random.randrange(200, call.lasts_ms)


def _latency(random: Random, call: CallPlan) -> tuple[int, Toxics, Toxics]:
    there, back = (Latency(random.uniform(100, 400), random.uniform(0, 100)) for _ in range(2))
    return 0, [there], [back]


def _bandwidth(random: Random, call: CallPlan) -> tuple[int, Toxics, Toxics]:
    """From less than speech needs to twice that, as base64 in JSON."""
    return 0, [Bandwidth(random.uniform(6_000, 30_000))], [Bandwidth(random.uniform(20_000, 60_000))]


def _slices(random: Random, call: CallPlan) -> tuple[int, Toxics, Toxics]:
    size = random.choice((30, 200, 1_500))
    return 0, [Slicer(size, random.choice((0, 1)))], [Slicer(size)]


def _stall(random: Random, call: CallPlan) -> tuple[int, Toxics, Toxics]:
    at_ms = _moment(random, call)
    stall = Stall(at_ms=at_ms, for_ms=random.choice((300, 1_500, 6_000, 20_000)))
    ways = random.choice((([stall], []), ([], [stall]), ([stall], [stall])))
    return at_ms, list(ways[0]), list(ways[1])


def _reset(random: Random, call: CallPlan) -> tuple[int, Toxics, Toxics]:
    at_ms = _moment(random, call)
    return at_ms, [Reset(at_ms)], []


def _half_open(random: Random, call: CallPlan) -> tuple[int, Toxics, Toxics]:
    at_ms = _moment(random, call)
    return at_ms, [HalfOpen(at_ms)], [HalfOpen(at_ms)]


def _mute(random: Random, call: CallPlan) -> tuple[int, Toxics, Toxics]:
    at_ms = _moment(random, call)
    return at_ms, [], [HalfOpen(at_ms)]


def _limit_data(random: Random, call: CallPlan) -> tuple[int, Toxics, Toxics]:
    return 0, [LimitData(random.randint(100, 60_000))], []


_NETWORK = {
    "latency": (_latency, frozenset[str](), frozenset[str]()),
    "bandwidth": (_bandwidth, LIMIT | DROPPED, MODEL_GONE | LIMIT),
    "slices": (_slices, frozenset[str](), frozenset[str]()),
    "stall": (_stall, LIMIT | DROPPED, MODEL_GONE | LIMIT),
    "reset": (_reset, DROPPED, MODEL_GONE),
    "half-open": (_half_open, LIMIT | DROPPED, MODEL_GONE | LIMIT),
    "mute": (_mute, LIMIT | DROPPED, MODEL_GONE | LIMIT),
    "limit data": (_limit_data, DROPPED, MODEL_GONE),
}


def _garbage(random: Random) -> str:
    """Text that no peer would send."""
    odd = (
        "",
        "{",
        "null",
        "[]",
        '{"event":"media"}',
        '{"type":"response.done"}',
        '{"event":7}',
        "\x00" * 9,
        '"\ud7ff"',
    )
    return random.choice(odd)


def _caller_garbage(random: Random, call: CallPlan) -> CallPlan:
    times = sorted(_moment(random, call) for _ in range(random.randint(1, 20)))
    return replace(call, at_ms=times[0], caller_says=tuple((at_ms, _garbage(random)) for at_ms in times))


def _model_garbage(random: Random, call: CallPlan) -> CallPlan:
    times = sorted(_moment(random, call) for _ in range(random.randint(1, 20)))
    return replace(call, at_ms=times[0], model_says=tuple((at_ms, _garbage(random)) for at_ms in times))


def _caller_too_large(random: Random, call: CallPlan) -> CallPlan:
    at_ms = random.randrange(200, 2_500)
    return replace(call, at_ms=at_ms, ends=LIMIT, caller_says=((at_ms, "x" * TOO_LARGE["caller"]),))


def _model_too_large(random: Random, call: CallPlan) -> CallPlan:
    at_ms = random.randrange(200, 2_500)
    ends = HUNG_UP | LIMIT | MODEL_GONE
    return replace(call, at_ms=at_ms, ends=ends, model_says=((at_ms, "x" * TOO_LARGE["model"]),))


def _flood(random: Random, call: CallPlan) -> CallPlan:
    """Ten times the frames that Twilio sends, for some seconds."""
    at_ms, seconds = random.randrange(500, 2_500), random.randint(1, 6)
    payload = "f" * (160 * 4 // 3 + 3)
    frames = []
    for number in range(50 * FRAME_RATE * seconds):
        frame_ms = at_ms + number * 20 // FRAME_RATE
        media = f'{{"track":"inbound","chunk":"{number}","timestamp":"{frame_ms}","payload":"{payload}"}}'
        frame = f'{{"event":"media","sequenceNumber":"{number}","streamSid":"{call.edge.stream_sid}","media":{media}}}'
        frames.append((frame_ms, frame))
    return replace(call, at_ms=at_ms, ends=HUNG_UP | LIMIT, caller_says=tuple(frames))


def _takes_nothing(random: Random, call: CallPlan) -> CallPlan:
    """A socket that is open and not read, while a long answer comes: there is an end to what is kept for it."""
    long = ReplyItem("A long answer.", ruler(ITEMS_MAX - 1, LONG_ANSWER_MS))
    reply = replace(call.model.replies[0], items=(long,), speed=20.0)
    model = replace(call.model, replies=(reply, *call.model.replies[1:]))
    ways: dict[str, object] = {"to_caller": (Stall(at_ms=500, for_ms=inf),), "model": model}
    return replace(call, at_ms=500, ends=LIMIT, **ways)


def _no_stop(random: Random, call: CallPlan) -> CallPlan:
    return replace(call, at_ms=call.lasts_ms, ends=DROPPED, edge=replace(call.edge, sends_stop=False))


def _drops(random: Random, call: CallPlan) -> CallPlan:
    at_ms = random.randrange(100, call.lasts_ms)
    return replace(call, at_ms=at_ms, drops_ms=at_ms, ends=HUNG_UP | MODEL_GONE)


def _expires(random: Random, call: CallPlan) -> CallPlan:
    at_ms = random.randrange(500, call.lasts_ms)
    first = replace(call.model, session_ms_max=at_ms)
    return replace(call, at_ms=at_ms, first_model=first, ends=HUNG_UP | MODEL_GONE)


def _bad_key(random: Random, call: CallPlan) -> CallPlan:
    return replace(call, model=replace(call.model, key_is_invalid=True), ends=MODEL_GONE)


def _refuses_update(random: Random, call: CallPlan) -> CallPlan:
    return replace(call, model=replace(call.model, refuses_update=True), ends=MODEL_GONE)


def _dial(how: str) -> Fault:
    def fault(random: Random, call: CallPlan) -> CallPlan:
        return replace(call, dial=how, ends=MODEL_GONE | HUNG_UP)

    return fault


def _door(how: str, ends: frozenset[str]) -> Fault:
    def fault(random: Random, call: CallPlan) -> CallPlan:
        return replace(call, door=how, ends=ends)

    return fault


NO_LOG = frozenset({""})
"""Refused before there was a call."""
REFUSED = frozenset({"refused"})

FAULTS: dict[str, Fault] = {
    **{f"caller leg: {name}": _on_leg("caller", make, ends) for name, (make, ends, _) in _NETWORK.items()},
    **{f"model leg: {name}": _on_leg("model", make, ends) for name, (make, _, ends) in _NETWORK.items()},
    "caller sends garbage": _caller_garbage,
    "caller sends too large a frame": _caller_too_large,
    "caller sends ten times the frames": _flood,
    "caller leg: takes nothing": _takes_nothing,
    "caller is gone without stop": _no_stop,
    "model sends garbage": _model_garbage,
    "model sends too large a frame": _model_too_large,
    "model drops the call": _drops,
    "model's session expires": _expires,
    "model refuses the key": _bad_key,
    "model refuses the session": _refuses_update,
    "model is not to be reached": _dial("fails"),
    "model answers 503": _dial("503"),
    "model answers 401": _dial("401"),
    "model never answers": _dial("hangs"),
    "upgrade without a signature": _door("unsigned", NO_LOG),
    "upgrade with a wrong signature": _door("wrong signature", NO_LOG),
    "upgrade that never ends": _door("slow loris", NO_LOG),
    "stream without start": _door("no start", NO_LOG),
    "start without a token": _door("no token", NO_LOG | REFUSED),
    "start with a foreign token": _door("foreign token", NO_LOG | REFUSED),
    "start with a used token": _door("used token", HUNG_UP),
}
