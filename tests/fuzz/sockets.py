"""Any bytes on a socket: of either leg, or of whoever finds the port. In virtual time, through the real bridge and the
real server.

Whatever they are, the connection comes to an end, and no exception with it; the call, if it became one, ends with an
`end_call`, its log replays as it was lived, and the server goes on answering.

`leg` takes a line that says how, then the bytes: `caller`, `model`, or `answer` (what the model's server says to the
upgrade), how many bytes are sent at a time, and `closes` if the peer goes away with its last byte.
"""

import io
import json
import re
from base64 import b64encode
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from hashlib import sha1
from pathlib import Path
from shutil import rmtree
from typing import Any, TypeVar, TypeVarTuple
from unittest.mock import patch
from zlib import crc32

import trio
import trio.testing

from engine.bridge import Bridge, WireLimits
from engine.core import Call, CallSettings
from engine.core.settings import Limits
from engine.dial import DialFailed, Dialled, Upgrade
from engine.legs import CLOSE_SECONDS, HANDSHAKE_SECONDS
from engine.server import Server
from engine.soak.chance import seeded
from replay.compare.verify import judge
from replay.runner import replay
from tests.bridge_peers import CONNECTED, STOP, MemoryLog, media, start
from tests.bridge_rig import align_at_once
from tests.fuzz.reading import scratch
from tests.replay_calls import log_of
from tests.server_rig import config

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

PIECES_MAX = 64
"""However short they are asked for: each costs a turn of the event loop."""
SECONDS_MAX = 600
"""Of virtual time, for anything: the longest limit of a call is a tenth of it."""
CLOSING_NS_MAX = round((HANDSHAKE_SECONDS + CLOSE_SECONDS) * 1e9)
SETTINGS = CallSettings(greeting="Greet.", limits=Limits(settle_ms=300))
SMALL = WireLimits(caller_frame_bytes_max=1_000, model_frame_bytes_max=2_000, outbox_bytes_max=8_000)
"""So that a short input can reach them."""
UPGRADE = (
    b"GET /media HTTP/1.1\r\nHost: bridge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ACCEPT = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n"
)
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: bridge\r\n\r\n"


def masked(text: str) -> bytes:
    """A text frame as a client sends it, under a mask that changes nothing."""
    payload = text.encode()
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + payload


def unmasked(text: str) -> bytes:
    """The same as a server sends it."""
    payload = text.encode()
    size = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return b"\x81" + size + payload


class Talker:
    """Sends some bytes, in pieces, and then perhaps goes away."""

    def __init__(self, how: bytes, said: bytes) -> None:
        words = how.decode("ascii", "replace").split()
        sizes = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 6]
        self._size = max([1, *sizes[:1], -(-len(said) // PIECES_MAX)])
        self._said = said
        self._closes = "closes" in words

    async def talk(self, stream: trio.abc.Stream) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            for at in range(0, len(self._said), self._size):
                await stream.send_all(self._said[at : at + self._size])
                await trio.testing.wait_all_tasks_blocked()
            if self._closes:
                await stream.aclose()


class _Model:
    """Takes the first dial, and no other; shakes hands, unless how it answers is what is tried."""

    def __init__(self, talker: Talker | None, is_answer: bool) -> None:
        self.streams: list[trio.abc.Stream] = []
        self.has_talked = trio.Event()
        self._talker = talker
        self._is_answer = is_answer

    async def dial(self, model: str) -> Dialled:
        await trio.lowlevel.checkpoint()
        if self.streams:
            raise DialFailed(503, "once is enough")
        ours, theirs = trio.testing.memory_stream_pair()
        self.streams.append(theirs)
        trio.lowlevel.spawn_system_task(self._serve, theirs)
        return Dialled(ours, Upgrade("model", "/v1/realtime", []))

    async def _serve(self, stream: trio.abc.Stream) -> None:
        head = bytes(await stream.receive_some())
        key = re.search(rb"(?i)sec-websocket-key: *([^\r]*)", head)
        assert key is not None
        if not self._is_answer:
            token = b64encode(sha1(key[1] + GUID).digest()).decode()
            with suppress(trio.BrokenResourceError):
                await stream.send_all(ACCEPT.format(token).encode())
        if self._talker is not None:
            await self._talker.talk(stream)
        self.has_talked.set()


def leg(data: bytes) -> None:
    """Any bytes on one leg of a call; see above."""
    how, _, said = data.partition(b"\n")
    in_virtual_time(_call, how, said)


async def _call(how: bytes, said: bytes) -> None:
    talker, log, call = Talker(how, said), MemoryLog(), Call(SETTINGS)
    is_caller = not how.startswith((b"model", b"answer"))
    model = _Model(None if is_caller else talker, how.startswith(b"answer"))
    ours, theirs = trio.testing.memory_stream_pair()
    bridge = Bridge(call, log, model.dial, SMALL, align_at_once)

    async def be_caller() -> None:
        if is_caller:
            await talker.talk(theirs)
            return
        with suppress(trio.BrokenResourceError):
            await theirs.send_all(b"".join(map(masked, (CONNECTED, start(), media(0)))))
            with trio.move_on_after(1):
                await model.has_talked.wait()
            await theirs.send_all(masked(media(1)))
            await trio.sleep(1)
            await theirs.send_all(masked(STOP))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(be_caller)
        await bridge.run(ours, UPGRADE)
        nursery.cancel_scope.cancel()
    for far in (theirs, *model.streams):
        assert await _is_closed(far), "a socket was left open"
    if log.entries:
        assert [entry.type for entry in log.entries].count("end_call") == 1
        assert log.entries[-1].type == "end_call"
        _check_closings(log)
        result = replay(log_of(log.entries, call.settings))
        assert result.verdict == "same", f"{result.reason}: {result.divergence}"


def _check_closings(log: MemoryLog) -> None:
    """A leg that is told to close is gone soon after, also if it was still being dialled."""
    asked: dict[str, int] = {}
    for entry in log.entries:
        leg = json.loads(entry.body).get("leg", "") if entry.leg == "engine" else ""
        if entry.type == "close_leg":
            asked[leg] = entry.at_ns
        elif entry.type in ("leg.closed", "leg.failed") and leg in asked:
            assert entry.at_ns - asked.pop(leg) <= CLOSING_NS_MAX, f"the {leg} leg stayed"
    assert asked == {}, "never closed"


async def _is_closed(far: trio.abc.SendStream) -> bool:
    try:
        await far.send_all(b"?")
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return True
    return False


def web(data: bytes) -> None:
    """Any bytes on the server's port, from a request's first to whatever follows it."""
    folder = scratch() / "calls"
    rmtree(folder, ignore_errors=True)
    folder.mkdir()
    in_virtual_time(_connection, data, folder)
    assert not list(folder.glob("live/*")), "a log was not sealed"
    for path in folder.glob("20*/*.db"):
        judged = judge(path)
        assert judged.verdict == "same", judged.reason


async def _connection(data: bytes, folder: Path) -> None:
    settings = config(folder, auth_token=None, settings=SETTINGS, wire_limits=SMALL)
    model = _Model(None, is_answer=False)
    server = Server(settings, align=align_at_once, run_sync=run_here, dial=model.dial)
    how = (b"4096", b"7 closes", b"64")[len(data) % 3]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.run)
        answered = await _ask(server, Talker(how, data))
        assert not answered or answered.startswith(b"HTTP/1.1 "), answered
        health = await _ask(server, Talker(b"4096", HEALTH))
        assert health.startswith(b"HTTP/1.1 200 "), health
        status = answered[9:12].decode()
        assert status < "400" or status in json.loads(health.partition(b"\r\n\r\n")[2])["refused"], (
            "refused, not counted"
        )
        server.stop()
        server.stop()


async def _ask(server: Server, talker: Talker) -> bytes:
    """What is answered, by the time the server has closed."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(talker.talk, theirs)
        await server.serve_stream(ours)
        nursery.cancel_scope.cancel()
    answered = b""
    with suppress(trio.ClosedResourceError):
        while more := await theirs.receive_some():
            answered += more
    return answered


async def run_here(function: Callable[[*Arguments], Result], /, *arguments: *Arguments) -> Result:
    """What a worker thread would do, at once: virtual time does not wait for threads."""
    await trio.lowlevel.checkpoint()
    return function(*arguments)


def in_virtual_time(task: Callable[..., Any], *arguments: Any) -> None:
    """Run it to its end, which must come, and without a word about a bug."""

    async def bounded() -> None:
        with trio.fail_after(SECONDS_MAX):
            await task(*arguments)

    def told(fact: str, error: BaseException, *_: Any, **__: Any) -> None:
        raise AssertionError(fact) from error

    # The order of tasks that are ready differs from input to input, and not from one run of an input to the next.
    order = crc32(b"".join(each for each in arguments if isinstance(each, bytes)))
    with redirect_stderr(io.StringIO()), patch("engine.server.say_error", told), seeded(order):
        trio.run(bounded, clock=trio.testing.MockClock(autojump_threshold=0))
