"""The same over real sockets, where the kernel says what it takes: one who does not read, one who reads beside it."""

from base64 import b64decode
from contextlib import suppress
from json import loads
from pathlib import Path

import pytest
import trio
from trio_websocket import ConnectionClosed

from engine.bridge import WireLimits
from tests.bridge_peers import CONNECTED, STOP, Caller, Model, media, start
from tests.server_rig import SIGNED, end_of, listening, serving

SECOND = bytes(8000)


class Session(Model):
    """One session, which tells when it is set up."""

    def __init__(self) -> None:
        super().__init__()
        self.is_ready = trio.Event()

    async def react(self, frame: str | bytes) -> None:
        await super().react(frame)
        self.is_ready.set()


class Sessions(Model):
    """A model that takes several calls; the first is that of `sessions[0]`."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.sessions = [Session() for _ in range(count)]
        self._next = iter(self.sessions)

    async def serve(self, stream: trio.abc.Stream) -> None:
        await next(self._next).serve(stream)


class Unreading(Caller):
    """Takes one frame, and no more."""

    async def react(self, frame: str | bytes) -> None:
        await trio.sleep_forever()


def sid(number: int) -> str:
    return f"CA{number:032}"


def heard(caller: Caller) -> int:
    """Samples that it was sent."""
    told = [loads(frame) for frame in caller.frames]
    return sum(len(b64decode(frame["media"]["payload"])) for frame in told if frame["event"] == "media")


async def test_a_caller_that_does_not_read_ends_its_own_call_and_no_other(
    tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel keeps some megabytes, then our outbox fills, then the core ends that call."""
    monkeypatch.setattr("engine.health.CALL_ROOM_BYTES", 1)
    model = Sessions(2)
    good_session, bad_session = model.sessions
    limits = WireLimits(outbox_bytes_max=100_000)
    async with serving(tmp_path, model_url=await listening(nursery, model), wire_limits=limits) as rig:
        good = await rig.caller()
        await good.send(CONNECTED, start(call_sid=sid(1)))
        await good_session.is_ready.wait()

        stream = await rig.connect()
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
        bad = Unreading()
        await bad.connect(nursery, stream, SIGNED)
        await bad.send(CONNECTED, start(call_sid=sid(2)))
        await bad_session.is_ready.wait()

        spoken = 0
        while not bad_session.closed.is_set():
            with suppress(ConnectionClosed):  # once the bridge has had enough
                await bad_session.send(model.speaks("item_1", SECOND * 20)[1])
            await good_session.send(model.speaks("item_1", SECOND)[1])
            await good.send(media(spoken))
            spoken += 1
            with trio.move_on_after(0.01):
                await bad_session.closed.wait()
        await good_session.received(1 + spoken)
        await good.send(STOP)
        assert await good.close_reason() == (1000, "stop")
        assert heard(good) == spoken * len(SECOND)
        await rig.server.all_over()
        assert {path.stem: end_of(path) for path in rig.logs()} == {
            sid(1): ("stop", "Twilio said stop"),
            sid(2): ("limit", "outbox full: the caller leg reads too slowly"),
        }
    nursery.cancel_scope.cancel()
