"""A call over a bad network, on either leg: what gets through is whole and in order, what does not is told of."""

from base64 import b64decode
from collections.abc import Sequence
from contextlib import suppress
from json import loads

import pytest
import trio
import trio.testing
from trio_websocket import ConnectionClosed

from engine.sim.toxics import Bandwidth, Latency, LimitData, Reset, Slicer, Stall, Toxic
from tests.bridge_peers import APPEND, STOP, Model, media
from tests.wire_rig import NONE, Toxics, on_the_wire

FRAMES = 50

BAD = [
    [Latency(300)],
    [Latency(100, jitter_ms=100)],
    [Bandwidth(20_000)],
    [Slicer(60, gap_ms=1)],
    [Stall(at_ms=1500, for_ms=4000)],
    [Stall(after_bytes=3000, for_ms=4000)],
    [Latency(50, jitter_ms=40), Slicer(500), Bandwidth(40_000), Stall(at_ms=1200, for_ms=500)],
]
IDS = ["latency", "jitter", "bandwidth", "slices", "stall", "stall-within-a-frame", "all"]


def heard_by(model: Model) -> list[int]:
    """The numbers of the caller's frames that reached the model, in the order in which they did."""
    appends = [loads(frame) for frame in model.frames if APPEND in str(frame)]
    return [b64decode(body["audio"])[0] for body in appends]


@pytest.mark.parametrize("leg", ["caller", "model"])
@pytest.mark.parametrize("toxics", BAD, ids=IDS)
async def test_a_bad_line_loses_no_frame_and_keeps_their_order(
    autojump_clock: trio.testing.MockClock, leg: str, toxics: Sequence[Toxic]
) -> None:
    both = (toxics, toxics)
    async with on_the_wire(both if leg == "caller" else NONE, both if leg == "model" else NONE) as rig:
        await rig.begin()
        for number in range(1, FRAMES + 1):
            await rig.caller.send(media(number))
            await trio.sleep(0.02)
            if number == FRAMES // 2:
                await rig.model.send(*rig.model.speaks("item_1", bytes(range(200)) * 8))
        await trio.sleep(15)
        assert heard_by(rig.model) == list(range(1, FRAMES + 1))
        spoken = [body["media"]["payload"] for body in map(loads, rig.caller.frames) if body["event"] == "media"]
        assert b"".join(map(b64decode, spoken)) == bytes(range(200)) * 8
        await rig.caller.send(STOP)
        await rig.end()
        assert rig.log.body("end_call")["ended"] == "stop"
        assert rig.log.bodies("limit.reached") == rig.log.bodies("outbox.full") == []


@pytest.mark.parametrize(
    "toxics",
    [([Reset(1500)], []), ([], [LimitData(8000)]), ([LimitData(8000)], [])],
    ids=["reset", "limit-in", "limit-out"],
)
async def test_a_caller_leg_that_breaks_off_ends_the_call_at_once(
    autojump_clock: trio.testing.MockClock, toxics: Toxics
) -> None:
    async with on_the_wire(caller=toxics) as rig:
        await rig.begin()
        await rig.model.send(*rig.model.speaks("item_1", bytes(16_000)))
        with suppress(ConnectionClosed):
            for number in range(1, 200):
                await rig.caller.send(media(number))
                await trio.sleep(0.02)
        await rig.end()
        closed = next(body for body in rig.log.bodies("leg.closed") if body["leg"] == "caller")
        assert (closed["code"], closed["reason"]) == (None, "the connection broke off")
        assert rig.log.body("end_call")["ended"] == "dropped"
        told_at = next(entry.at_ns for entry in rig.log.entries if entry.body.startswith('{"type":"leg.closed"'))
        assert rig.log.entries[-1].at_ns == told_at


@pytest.mark.parametrize(
    "toxics",
    [([Reset(500)], []), ([], [LimitData(3000)]), ([LimitData(9000)], [])],
    ids=["reset", "limit-in", "limit-out"],
)
async def test_a_model_leg_that_breaks_off_is_told_of_and_the_caller_stays(
    autojump_clock: trio.testing.MockClock, toxics: Toxics
) -> None:
    async with on_the_wire(model=toxics) as rig:
        await rig.begin()
        with suppress(ConnectionClosed):
            await rig.model.send(*rig.model.speaks("item_1", bytes(4000)))
        for number in range(1, FRAMES + 1):
            await rig.caller.send(media(number))
            await trio.sleep(0.02)
        closed = rig.log.bodies("leg.closed")[0]
        assert (closed["leg"], closed["code"], closed["reason"]) == ("model", None, "the connection broke off")
        await rig.caller.send(STOP)
        await rig.end()
        assert rig.log.body("end_call")["ended"] == "stop"
