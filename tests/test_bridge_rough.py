"""Peers that keep neither to HTTP nor to WebSocket, or do things in the one moment in which they hurt.

Whatever they do is theirs alone: the call ends with a reason in its log, and nothing is raised.
"""

import pytest
import trio
import trio.testing
from trio_websocket import wrap_server_stream

from engine.bridge import Bridge, WireLimits
from engine.core import Call, CallSettings
from engine.core.settings import Limits
from engine.dial import Dialled, Upgrade
from tests.bridge_peers import CONNECTED, STOP, MemoryLog, Model, start
from tests.bridge_rig import BEGINNING, Rig, align_at_once, bridged

HEAD = (
    b"GET /media HTTP/1.1\r\nHost: bridge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
NOT_A_HANDSHAKE = "the answer was not a WebSocket handshake"


def masked(first: int, payload: bytes = b"") -> bytes:
    """A frame as a client sends it, with a mask that changes nothing. `first` has its FIN bit and its opcode."""
    assert len(payload) < 126
    return bytes([first, 0x80 | len(payload)]) + bytes(4) + payload


class Deaf(Model):
    """Accepts, and from then on neither reads nor answers. What it sends is up to the test."""

    async def serve(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        async with trio.open_nursery() as nursery:
            await (await wrap_server_stream(nursery, stream)).accept()
            nursery.cancel_scope.cancel()
        await trio.sleep_forever()


class Answering(Model):
    """Answers the handshake with these bytes."""

    def __init__(self, answer: bytes, closes: bool) -> None:
        super().__init__()
        self._answer, self._closes = answer, closes

    async def serve(self, stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(self._answer)
        if self._closes:
            await stream.aclose()
        await trio.sleep_forever()


async def test_a_ping_is_answered(autojump_clock: trio.testing.MockClock) -> None:
    async with bridged() as rig:
        await rig.begin()
        await rig.caller.socket.ping()
        await rig.model.socket.ping()
        await rig.caller.send(STOP)
        await rig.end()


async def test_a_ping_between_our_close_and_its_answer(autojump_clock: trio.testing.MockClock) -> None:
    """No pong may be sent any more. The close goes its way: here it is not answered, and two seconds later cut off."""
    model = Deaf()
    async with bridged(model=model) as rig:
        await rig.caller.send(CONNECTED, start())
        await trio.testing.wait_all_tasks_blocked()
        await rig.caller.send(STOP)
        await trio.testing.wait_all_tasks_blocked()
        await model.stream.send_all(b"\x89\x00")
        assert (await rig.end())[-1] == "command engine end_call"
        assert rig.log.bodies("leg.closed")[1]["reason"] == "the close was not answered"
        assert rig.log.body("end_call")["ended"] == "stop"
        assert rig.log.entries[-1].at_ns == 2_000_000_000


@pytest.mark.parametrize("closes", [False, True], ids=["stays", "closes"])
@pytest.mark.parametrize(
    ("answer", "status", "reason", "waits_seconds"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", None, NOT_A_HANDSHAKE, 0),
        (SWITCHING + b"Sec-WebSocket-Accept: no\r\n\r\n", None, NOT_A_HANDSHAKE, 0),
        (SWITCHING + b"Sec-WebSocket-Protocol: \xff\r\n\r\n", None, NOT_A_HANDSHAKE, 0),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", 302, "refused with status 302: no explanation", 5),
        (b"HTTP/1.1 500 Oops\r\n\r\nout of order", 500, "refused with status 500: out of order", 5),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 100, "refused with status 100: no explanation", 0),
    ],
    ids=["not-http", "wrong-token", "not-ascii", "302-without-end", "500-without-end", "100"],
)
async def test_a_model_that_answers_the_handshake_wrongly(
    autojump_clock: trio.testing.MockClock,
    answer: bytes,
    status: int | None,
    reason: str,
    waits_seconds: int,
    closes: bool,
) -> None:
    """A body without a length lasts until the server closes, or until our patience ends; the status is known before."""
    async with bridged(model=Answering(answer, closes)) as rig:
        await rig.caller.send(CONNECTED, start())
        await rig.end()
        failed = {"type": "leg.failed", "leg": "model", "status": status, "reason": reason, "code": None}
        assert rig.log.bodies("leg.failed")[0] == failed
        assert rig.log.first("leg.failed").at_ns == (0 if closes else waits_seconds * 1_000_000_000)
        assert rig.log.body("end_call")["ended"] == "model_failed"


async def test_a_model_that_closes_instead_of_shaking_hands(autojump_clock: trio.testing.MockClock) -> None:
    async with bridged(model=Answering(b"", closes=True)) as rig:
        await rig.caller.send(CONNECTED, start())
        await rig.end()
        said = "the connection broke off before the WebSocket handshake was done"
        assert rig.log.bodies("leg.failed")[0]["reason"] == said


async def test_the_caller_hangs_up_during_the_handshake(autojump_clock: trio.testing.MockClock) -> None:
    """The stream to the model is open, its WebSocket is not. No five seconds went by, so none are told of."""
    async with bridged(model=Answering(b"", closes=False)) as rig:
        await rig.caller.send(CONNECTED, start())
        await trio.testing.wait_all_tasks_blocked()
        await rig.caller.send(STOP)
        await rig.end()
        assert rig.log.body("leg.failed")["reason"] == "given up: the call ended first"
        assert rig.log.entries[-1].at_ns == 0


async def test_the_dial_succeeds_in_the_moment_in_which_it_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    """Cancelled too late to be stopped: the stream is there. No frame may go over it, it is closed, the call ends."""
    ours, theirs = trio.testing.memory_stream_pair()
    rigs: list[Rig] = []

    async def dial(model: str) -> Dialled:
        await trio.sleep(0.5)
        rigs[0].bridge.hang_up("operator")
        return Dialled(ours, Upgrade("model", "/", []))

    async with bridged(dial=dial) as rig:
        rigs.append(rig)
        await rig.caller.send(CONNECTED, start())
        assert (await rig.end())[3:] == [
            "command engine dial_model",
            "input engine operator.hang_up",
            "command engine close_leg",
            "command engine close_leg",
            "input engine leg.failed",
            "input engine leg.closed",
            "command engine end_call",
        ]
        assert await theirs.receive_some() == b""
        assert rig.log.body("leg.failed")["reason"] == "given up: the call ended first"


async def talked_to(received: bytes, limits: WireLimits | None = None) -> tuple[MemoryLog, bytes]:
    """What a call logs and what a caller is sent who says all of this in one breath, and nothing more."""
    log = MemoryLog()
    ours, theirs = trio.testing.memory_stream_pair()
    call = Call(CallSettings(limits=Limits(start_ms_max=500)))
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            await Bridge(call, log, Model().dial(nursery), limits or WireLimits(), align_at_once).run(ours, received)
            nursery.cancel_scope.cancel()
    return log, bytes(await theirs.receive_some())


async def test_frames_in_one_piece_with_the_upgrade(autojump_clock: trio.testing.MockClock) -> None:
    """They are read at once, not with the next frame; and who says no more is not waited for longer than others."""
    log, answer = await talked_to(HEAD + masked(0x81, CONNECTED.encode()))
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert [(entry.at_ns // 1_000_000, entry.type) for entry in log.entries] == [
        (0, "leg.opened"),
        (0, "connected"),
        (500, "timer.due"),
        (500, "close_leg"),
        (2500, "leg.closed"),
        (2500, "end_call"),
    ]
    assert log.body("end_call")["reason"] == "start_ms_max: no start within 500 ms"


async def test_no_frames_in_one_piece_with_the_upgrade(autojump_clock: trio.testing.MockClock) -> None:
    log, _ = await talked_to(HEAD + b"\xff" * 40)
    assert log.story() == ["input engine leg.opened", "input engine leg.closed", "command engine end_call"]
    assert log.body("leg.closed")["code"] == 1002


@pytest.mark.parametrize(
    ("head", "outbox_bytes_max"),
    [
        (b"garbage\r\n\r\n", 10),
        (HEAD, 10),
        (HEAD.replace(b"Connection: Upgrade", b"Connection: Upgrade, \xff"), 10_000),
    ],
    ids=["no-room-to-refuse", "no-room-to-accept", "not-ascii"],
)
async def test_an_upgrade_that_comes_to_nothing(
    autojump_clock: trio.testing.MockClock, head: bytes, outbox_bytes_max: int
) -> None:
    """There was no call, so there is nothing to log."""
    log, answer = await talked_to(head, WireLimits(outbox_bytes_max=outbox_bytes_max))
    assert log.entries == []
    assert b" 101 " not in answer


async def test_parts_of_nothing_are_not_kept(autojump_clock: trio.testing.MockClock) -> None:
    """A message may have any number of empty parts, and no limit on bytes would ever end it."""
    async with bridged() as rig:
        await rig.begin()
        send = rig.caller.socket._stream.send_all
        await send(masked(0x01, b'{"event":') + masked(0x00) * 50)
        await trio.testing.wait_all_tasks_blocked()
        assert rig.bridge._legs["caller"]._begun == b'{"event":'
        await send(masked(0x80, b'"later"}'))
        await trio.testing.wait_all_tasks_blocked()
        assert rig.log.story() == [*BEGINNING, "input caller later"]
        assert rig.log.entries[-1].body == '{"event":"later"}'
        await rig.caller.send(STOP)
        await rig.end()
