"""A peer that sends too much, or what cannot be: refused by name, within bounds of memory, and nothing is raised."""

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import repeat

import pytest
import trio
import trio.testing
from trio_websocket import ConnectionClosed

from engine.bridge import WireLimits
from engine.core import CallSettings
from engine.core.settings import Limits
from engine.sim.toxics import Bandwidth, Stall
from engine.websocket import FRAMES_IN_A_ROW_MAX
from tests.bridge_peers import CONNECTED, STOP, Model, media, start
from tests.bridge_rig import Rig
from tests.wire_rig import head, masked, on_the_wire

MIB = 1 << 20
PIECE = b"x" * 65536
TEXT, PART, LAST, PING, PONG = 0x81, 0x00, 0x80, 0x89, 0x8A
MAX = {"caller": 64 * 1024, "model": MIB}
MASK = {"caller": 0x80, "model": 0}


def frame(leg: str, first: int, payload: bytes = b"") -> bytes:
    """A frame as the peer of that leg sends it."""
    return masked(first, payload) if leg == "caller" else head(first, len(payload)) + payload


def bytes_of(rig: Rig, leg: str) -> trio.abc.Stream:
    """The peer's end of a leg, under its WebSocket."""
    return rig.far_stream if leg == "caller" else rig.model.socket._stream


def in_one_frame(leg: str) -> list[bytes]:
    return [head(TEXT, 10 * MIB, MASK[leg]) + bytes(4 if leg == "caller" else 0), *repeat(PIECE, 160)]


def in_fragments(leg: str) -> list[bytes]:
    return [frame(leg, 0x01, PIECE), *repeat(frame(leg, PART, PIECE), 159)]


async def pour(stream: trio.abc.Stream, pieces: Iterable[bytes], every_seconds: float = 0.1) -> bool:
    """Send them, one after the other. Whether all were taken before the other side closed."""
    try:
        for piece in pieces:
            await stream.send_all(piece)
            await trio.sleep(every_seconds)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return False
    return True


@pytest.mark.parametrize("leg", ["caller", "model"])
@pytest.mark.parametrize("pieces", [in_one_frame, in_fragments])
async def test_a_message_of_10_mib_is_refused_by_the_name_of_its_limit(
    autojump_clock: trio.testing.MockClock, leg: str, pieces: Callable[[str], list[bytes]]
) -> None:
    async with on_the_wire() as rig:
        await rig.begin()
        assert not await pour(bytes_of(rig, leg), pieces(leg))
        reached = rig.log.body("limit.reached")
        assert (reached["limit"], reached["max"]) == (f"{leg}_frame_bytes_max", MAX[leg])
        assert MAX[leg] < int(str(reached["value"])) <= MAX[leg] + len(PIECE)
        assert leg in [body["leg"] for body in rig.log.bodies("leg.closed")]
        if leg == "model":
            await rig.caller.send(STOP)
        await rig.end()
        assert max(len(entry.body) for entry in rig.log.entries) < 2000


async def test_a_message_in_small_parts_costs_no_more_than_its_bytes(autojump_clock: trio.testing.MockClock) -> None:
    """Each kept for itself, a text of two bytes would take sixty."""
    async with on_the_wire() as rig:
        await rig.begin()
        await rig.far_stream.send_all(masked(0x01, b"x") + masked(PART, b"xy") * 1000)
        await trio.testing.wait_all_tasks_blocked()
        assert sys.getsizeof(rig.bridge._legs["caller"]._begun) < 3000
        await rig.far_stream.send_all(masked(LAST, b"!"))
        await trio.testing.wait_all_tasks_blocked()
        assert rig.log.entries[-1].body == "x" + "xy" * 1000 + "!"
        await rig.caller.send(STOP)
        await rig.end()


async def test_letters_of_more_than_one_byte_survive_being_cut_in_two(autojump_clock: trio.testing.MockClock) -> None:
    async with on_the_wire() as rig:
        await rig.begin()
        text = '{"event":"größer ⇒ 🙂"}'
        data = text.encode()
        for at in range(1, len(data)):
            await rig.far_stream.send_all(masked(0x01, data[:at]) + masked(LAST, data[at:]))
        await trio.testing.wait_all_tasks_blocked()
        assert [entry.body for entry in rig.log.entries[8:]] == [text] * (len(data) - 1)
        await rig.caller.send(STOP)
        await rig.end()


async def test_frames_at_ten_times_the_usual_rate_end_the_call_by_the_name_of_the_limit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The usual rate is half of what may be: here five frames a second, so that there need not be thousands."""
    async with on_the_wire(settings=CallSettings(limits=Limits(frames_per_second_max=10))) as rig:
        await rig.begin()
        with suppress(ConnectionClosed):
            for number in range(1, 1000):
                await rig.caller.send(media(number))
                await trio.sleep(0.02)
        await rig.end()
        ended = rig.log.body("end_call")
        assert (ended["ended"], str(ended["reason"]).partition(":")[0]) == ("limit", "frames_per_second_max")
        assert rig.log.entries[-1].at_ns < 6_000_000_000


@pytest.mark.parametrize("leg", ["caller", "model"])
@pytest.mark.parametrize(
    "flood", [(PING, b"still there?"), (PONG, b""), (PART, b"")], ids=["pings", "pongs", "parts of nothing"]
)
async def test_a_flood_of_frames_that_carry_nothing_is_cut_off(
    autojump_clock: trio.testing.MockClock, leg: str, flood: tuple[int, bytes]
) -> None:
    """They are no frames of the call, so no limit of the core sees them. A proxy sends one in ten seconds."""
    async with on_the_wire() as rig:
        await rig.begin()
        if flood[0] == PART:
            await bytes_of(rig, leg).send_all(frame(leg, 0x01, b'{"event":'))
        await bytes_of(rig, leg).send_all(frame(leg, *flood) * 90)
        await trio.sleep(5)
        assert rig.log.bodies("leg.closed") == []
        await bytes_of(rig, leg).send_all(frame(leg, *flood) * 61)
        await trio.sleep(1)
        assert rig.log.bodies("leg.closed")[0] == {
            "type": "leg.closed",
            "leg": leg,
            "code": None,
            "reason": "the peer sent over 10 pings or empty frames a second, for seconds",
        }
        if leg == "model":
            await rig.caller.send(STOP)
        await rig.end()


@pytest.mark.parametrize("leg", ["caller", "model"])
@pytest.mark.parametrize(
    ("first", "payload", "code", "reason"),
    [
        (0xC1, b"\xaa\x56\x4a\x04\x00", 1002, "Reserved bit set unexpectedly"),
        (TEXT, b"\xff\xfe", 1007, "codec can't decode"),
        (LAST, b"and so on", 1002, "unexpected CONTINUATION"),
        (0x83, b"", 1002, "Invalid opcode 0x3"),
        (PING, bytes(126), 1002, "Control frame with payload len > 125"),
        (0x09, b"", 1002, "Invalid attempt to fragment control frame"),
    ],
    ids=["compressed", "not-utf-8", "nothing-begun", "unknown-kind", "large-ping", "ping-in-parts"],
)
async def test_frames_that_cannot_be_close_the_leg_with_the_code_for_it(
    autojump_clock: trio.testing.MockClock, leg: str, first: int, payload: bytes, code: int, reason: str
) -> None:
    async with on_the_wire() as rig:
        await rig.begin()
        await bytes_of(rig, leg).send_all(frame(leg, first, payload))
        await trio.sleep(3)
        closed = rig.log.bodies("leg.closed")[0]
        assert (closed["leg"], closed["code"]) == (leg, code)
        assert reason.lower() in str(closed["reason"]).lower()
        if leg == "model":
            await rig.caller.send(STOP)
        await rig.end()


async def test_a_peer_that_goes_on_after_our_close_is_cut_off(autojump_clock: trio.testing.MockClock) -> None:
    """What was on its way is still taken down, not what a peer sends that does not care."""
    async with on_the_wire() as rig:
        await rig.begin()
        rig.bridge.hang_up("operator")
        await rig.far_stream.send_all(b"".join(masked(TEXT, media(number).encode()) for number in range(1, 400)))
        await rig.end()
        assert sum(entry.type == "media" for entry in rig.log.entries) == 200
        assert rig.log.entries[-1].at_ns == 0
        reasons = {body["leg"]: body["reason"] for body in rig.log.bodies("leg.closed")}
        assert reasons["caller"] == "the peer sent over 200 frames after our close"


async def test_hundreds_of_frames_in_one_piece_do_not_hold_up_the_others(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with on_the_wire() as rig:
        await rig.begin()
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        async with trio.open_nursery() as nursery:
            frames = masked(TEXT, b'{"event":"x"}') * 200  # what one read gives: 4096 bytes
            await rig.far_stream.send_all(frames)
            nursery.start_soon(other)
            while len(rig.log.entries) < 208:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        assert turns >= 200 // FRAMES_IN_A_ROW_MAX - 2  # the first and the last come when they may
        await rig.caller.send(STOP)
        await rig.end()


class Refusing(Model):
    """Refuses the handshake, and does not come to an end."""

    async def serve(self, stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
        assert not await pour(stream, repeat(b"sorry " * 10_000))


async def test_a_refusal_without_an_end_is_read_to_a_length(autojump_clock: trio.testing.MockClock) -> None:
    async with on_the_wire(model_peer=Refusing()) as rig:
        await rig.caller.send(CONNECTED, start())
        await trio.sleep(0.1)
        failed = rig.log.bodies("leg.failed")[0]
        assert failed["status"] == 503
        assert str(failed["reason"]).startswith("refused with status 503: sorry sorry")
        await rig.caller.send(STOP)
        await rig.end()


async def test_a_caller_that_reads_slowly_ends_its_call_once_the_outbox_is_full(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Speech comes faster than it is played, and is taken slower: what waits is bounded, and the core decides."""
    async with on_the_wire(caller=([Bandwidth(1000)], []), limits=WireLimits(outbox_bytes_max=200_000)) as rig:
        await rig.begin()
        outbox = rig.bridge._legs["caller"]._outbox
        deltas = 0
        while not rig.log.bodies("outbox.full"):
            assert sum(map(len, outbox._waiting)) <= 200_000
            await rig.model.send(rig.model.speaks("item_1", bytes(8000))[1])
            await trio.testing.wait_all_tasks_blocked()
            deltas += 1
        # 200 kB in the outbox, 64 kB in the sockets between, a piece on its way from one to the other.
        assert 200_000 < deltas * 8000 * 4 / 3 < 350_000
        assert rig.log.body("outbox.full") == {"type": "outbox.full", "leg": "caller"}
        await rig.end()
        assert rig.log.body("end_call")["reason"] == "outbox full: the caller leg reads too slowly"
        assert rig.log.bodies("leg.closed")[0]["reason"] == "the peer did not take what it was sent"


async def test_a_model_that_reads_slowly_is_told_of_once_its_outbox_is_full(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The core gives that leg up; the call goes on with the next."""
    limits = WireLimits(outbox_bytes_max=150_000)  # the next session takes ten seconds at once
    async with on_the_wire(model=([Stall(at_ms=10)], []), limits=limits) as rig:
        await rig.begin()
        await trio.sleep(0.1)
        for number in range(1, 1_000):
            await rig.caller.send(media(number))
        await trio.testing.wait_all_tasks_blocked()
        assert rig.log.body("outbox.full") == {"type": "outbox.full", "leg": "model"}
        assert rig.log.bodies("leg.closed")[0]["reason"] == "the peer did not take what it was sent"
        await rig.caller.send(STOP)
        await rig.end()
        assert rig.log.body("end_call")["ended"] == "stop"
