"""Twenty calls that are well, beside everything that can go wrong on a wire: they do not feel it.

Whatever they say and are told arrives, and who interrupts the assistant is heard at once. The faulty ones each end with
a reason in a sealed log, or are counted where there is no call.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import repeat
from pathlib import Path

import pytest
import trio
import trio.testing
from trio_websocket import ConnectionClosed

from engine.bridge import WireLimits
from engine.core import CallSettings
from engine.core.heard import Alignment, Work
from engine.core.settings import Away, Limits
from engine.sim.toxics import Bandwidth, HalfOpen, Latency, Reset, Slicer, Stall
from tests.bridge_peers import APPEND, CONNECTED, STOP, Caller, Model, media, start
from tests.server_rig import end_of, sealed
from tests.wire_rig import NONE, Line, Site, Toxics, head, masked, site

CALLS = 20
CLEAR_SECONDS_MAX = 0.020
TALK_SECONDS = 8
SETTINGS = CallSettings(away=Away(words=""), limits=Limits(idle_ms_max=6000, frames_per_second_max=10))
"""As ever, but sooner, and for callers that send five frames a second."""
PIECE = b"x" * 65536


class Listening(Caller):
    """Remembers when it was told to be silent."""

    def __init__(self) -> None:
        super().__init__()
        self.cleared_at: list[float] = []

    async def react(self, frame: str | bytes) -> None:
        if json.loads(frame)["event"] == "clear":
            self.cleared_at.append(trio.current_time())


class Talk:
    """A call from its start to its `stop`, and what is to be true of it."""

    def __init__(self, at: Site, call_sid: str) -> None:
        self.call_sid = call_sid
        self.caller, self.line = Listening(), Line()
        self.asked_at: list[float] = []
        self._at = at
        self._said = 0
        self._answers = 0

    @property
    def model(self) -> Model:
        """The first that was dialled."""
        return self.line.models[0]

    async def begin(self, toxics: Toxics = NONE) -> None:
        await self._at.upgrade(self.caller, toxics, self.line)
        await self.caller.send(CONNECTED, start(call_sid=self.call_sid))
        await self.line.dialled.wait()
        await self.model.received(1)

    async def say(self, frames: int) -> None:
        for _ in range(frames):
            self._said += 1
            await self.caller.send(media(self._said))
            await trio.sleep(0.2)

    async def answer(self, audio: bytes) -> None:
        """The assistant says something of that length."""
        self._answers += 1
        names = {"response_id": f"resp_{self._answers}", "item_id": f"item_{self._answers}"}
        delta = {"output_index": 0, "content_index": 0, "delta": b64encode(audio).decode()}
        await self.model.send(
            json.dumps({"type": "response.created", "event_id": "event_3", "response": {"id": names["response_id"]}}),
            json.dumps({"type": "response.output_audio.delta", "event_id": "event_4", **names, **delta}),
        )

    async def interrupt(self) -> None:
        """The model hears the caller speak."""
        self.asked_at.append(trio.current_time())
        onset = {"audio_start_ms": self._said * 20, "item_id": f"caller_{self._answers}"}
        await self.model.send(json.dumps({"type": "input_audio_buffer.speech_started", "event_id": "event_5", **onset}))

    async def run(self) -> None:
        for _ in range(TALK_SECONDS // 2):
            await self.say(3)
            await self.answer(bytes(16_000))
            await self.say(4)
            await self.interrupt()
            await self.say(3)
        await self.caller.send(STOP)
        await self.caller.closed.wait()

    def check(self) -> None:
        appended = [b64decode(json.loads(frame)["audio"])[0] for frame in self.model.frames if APPEND in str(frame)]
        assert appended == [number % 256 for number in range(1, self._said + 1)]
        spoken = [json.loads(frame) for frame in self.caller.frames]
        told = sum(len(b64decode(frame["media"]["payload"])) for frame in spoken if frame["event"] == "media")
        assert told == 16_000 * self._answers
        assert len(self.caller.cleared_at) == len(self.asked_at) == TALK_SECONDS // 2


Fault = Callable[[Talk], Coroutine[object, object, None]]


async def on_the_line(call: Talk, caller: Toxics = NONE, model: Toxics = NONE, answers: int = 2) -> None:
    """Talks for a while over a line like that."""
    call.line.toxics = model
    await call.begin(caller)
    with suppress(ConnectionClosed):
        await call.say(6)
        for _ in range(answers):
            await call.answer(bytes(8000))
    with suppress(ConnectionClosed):
        await call.say(40)
        await call.caller.send(STOP)


async def pour(call: Talk, stream: trio.abc.Stream, *pieces: bytes) -> None:
    """The peer of one leg sends these bytes, and the caller hangs up a while later."""
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        for piece in pieces:
            await stream.send_all(piece)
            await trio.sleep(0.01)
    await trio.sleep(2)
    with suppress(ConnectionClosed):
        await call.caller.send(STOP)


async def from_the_caller(call: Talk, *pieces: bytes) -> None:
    await call.begin()
    await pour(call, call.caller.socket._stream, *pieces)


async def from_the_model(call: Talk, *pieces: bytes) -> None:
    await call.begin()
    await pour(call, call.model.socket._stream, *pieces)


MIB_10 = (head(0x81, 10 << 20), *repeat(PIECE, 160))
GONE: Toxics = ([HalfOpen(1000)], [HalfOpen(1000)])
UNREAD: Toxics = ([Stall(at_ms=1000)], [])
BAD: Toxics = ([Latency(80, 60), Slicer(900)], [Latency(80, 60), Slicer(900), Bandwidth(100_000)])

FAULTS: dict[str, tuple[Fault, str]] = {
    "the caller is gone without a word": (lambda call: on_the_line(call, GONE), "limit idle_ms_max"),
    "the caller does not read": (lambda call: on_the_line(call, UNREAD, answers=14), "limit outbox full"),
    "the caller's connection is reset": (lambda call: on_the_line(call, ([Reset(2000)], [])), "dropped the caller's"),
    "the caller's line is bad": (lambda call: on_the_line(call, BAD), "stop Twilio said stop"),
    "the caller sends 10 MiB": (
        lambda call: from_the_caller(call, head(0x81, 10 << 20, 0x80) + bytes(4), *repeat(PIECE, 160)),
        "limit caller_frame_bytes_max",
    ),
    "the caller sends 10 MiB in parts": (
        lambda call: from_the_caller(call, masked(0x01, PIECE[:9000]), *repeat(masked(0x00, PIECE), 159)),
        "limit caller_frame_bytes_max",
    ),
    "the caller sends ten times too fast": (
        lambda call: from_the_caller(call, *repeat(masked(0x81, media(1).encode()), 200)),
        "limit frames_per_second_max",
    ),
    "the caller pings without end": (
        lambda call: from_the_caller(call, *repeat(masked(0x89, b"?") * 5, 50)),
        "dropped the caller's",
    ),
    "the caller sends a compressed frame": (lambda call: from_the_caller(call, masked(0xC1, b"x")), "dropped the"),
    "the caller sends no text": (lambda call: from_the_caller(call, masked(0x81, b"\xff")), "dropped the caller's"),
    "the model is gone without a word": (lambda call: on_the_line(call, model=GONE), "stop Twilio said stop"),
    "the model does not read": (lambda call: on_the_line(call, model=UNREAD), "stop Twilio said stop"),
    "the model's connection is reset": (
        lambda call: on_the_line(call, model=([Reset(2000)], [])),
        "stop Twilio said stop",
    ),
    "the model's line is bad": (lambda call: on_the_line(call, model=BAD), "stop Twilio said stop"),
    "the model sends 10 MiB": (lambda call: from_the_model(call, *MIB_10), "stop Twilio said stop"),
    "the model pings without end": (
        lambda call: from_the_model(call, *repeat(b"\x89\x00" * 5, 50)),
        "stop Twilio said stop",
    ),
    "the model sends a compressed frame": (lambda call: from_the_model(call, b"\xc1\x01x"), "stop Twilio said stop"),
}
"""What goes wrong, and how that call ends."""


async def floods(at: Site) -> None:
    """Silent connections, a thousand a second, upgrades letter by letter, and upgrades without a `start`."""
    for _ in range(5):
        for _ in range(60):
            at.connect()
            await trio.sleep(0.001)
        slow = [at.connect() for _ in range(5)]
        for _ in range(10):
            await at.caller()
        for letter in b"GET /media":
            await trio.sleep(0.1)
            for stream in slow:
                with suppress(trio.BrokenResourceError):
                    await stream.send_all(bytes([letter]))


async def without_words(work: Work) -> Alignment:
    """Which words were heard takes longer to find out than all the rest."""
    raise RuntimeError("not looked for")


def sid(number: int) -> str:
    return f"CA{number:032}"


async def test_twenty_calls_do_not_feel_what_goes_wrong_beside_them(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.health.CALL_ROOM_BYTES", 1)
    monkeypatch.setattr("os.fsync", lambda fileno: None)  # the disk is not the point, and so many logs are slow
    monkeypatch.setattr("engine.server.CONNECTIONS_MAX", 40)
    monkeypatch.setattr("engine.server.CALLS_WITHOUT_START_MAX", 20)
    limits = WireLimits(outbox_bytes_max=30_000, model_silent_seconds_max=4)
    changes = {"settings": SETTINGS, "wire_limits": limits, "calls_max": CALLS + len(FAULTS), "log_sync_seconds": 99.0}
    async with site(tmp_path, without_words, **changes) as at:
        talks = [Talk(at, sid(number)) for number in range(CALLS)]
        faulty = {name: Talk(at, sid(100 + number)) for number, name in enumerate(FAULTS)}
        for talk in talks:
            await talk.begin()
        async with trio.open_nursery() as nursery:
            for talk in talks:
                nursery.start_soon(talk.run)
            nursery.start_soon(floods, at)
            for name, (fault, _) in FAULTS.items():
                nursery.start_soon(fault, faulty[name])
                await trio.sleep(0.1)
        await at.server.all_over()

        for talk in talks:
            talk.check()
        delays = sorted(
            cleared_at - asked_at
            for talk in talks
            for asked_at, cleared_at in zip(talk.asked_at, talk.caller.cleared_at, strict=True)
        )
        assert delays[len(delays) * 99 // 100] <= CLEAR_SECONDS_MAX
        ends = {path.stem: " ".join(end_of(path)) for path in sealed(tmp_path)}
        assert [ends[talk.call_sid] for talk in talks] == ["stop Twilio said stop"] * CALLS
        assert {name: ends[call.call_sid][: len(FAULTS[name][1])] for name, call in faulty.items()} == {
            name: end for name, (_, end) in FAULTS.items()
        }
        assert not list((tmp_path / "live").glob("*.db*"))
        refused = await at.refused()
        assert refused["connections_max"] > 200
        assert refused["calls_without_start_max"] == 30
