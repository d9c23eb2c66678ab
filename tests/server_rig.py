"""A server on a real port of this machine, and the plainest of HTTP clients."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import h11
import trio
from twilio.request_validator import RequestValidator

from engine.bridge import WireLimits
from engine.config import Config
from engine.core import CallSettings, Entry
from engine.log.reader import read_call
from engine.server import Server
from tests.bridge_peers import Caller, Model
from tests.bridge_rig import align_at_once

TOKEN = "0123456789abcdef0123456789abcdef"
PUBLIC_URL = "https://calls.example.com"
MEDIA_URL = "wss://calls.example.com/media"
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def signature(url: str, fields: Mapping[str, str] | None = None, token: str = TOKEN) -> dict[str, str]:
    """The header with which Twilio signs a request."""
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, dict(fields or {}))}


SIGNED = [(name.encode(), value.encode()) for name, value in signature(MEDIA_URL).items()]


def config(calls_dir: Path, **changes: object) -> Config:
    """A server's settings: signed, on any port, with a model that nobody serves; without one-time tokens."""
    settings: dict[str, object] = {
        "settings": CallSettings(),
        "model_url": "ws://127.0.0.1:9/v1/realtime",
        "api_key": "sk-secret",
        "auth_token": TOKEN,
        "token_seconds_max": 0,
        "public_url": PUBLIC_URL,
        "host": "127.0.0.1",
        "port": 0,
        "calls_dir": calls_dir,
        "calls_max": 5,
        "drain_seconds": 60.0,
        "wire_limits": WireLimits(),
    }
    return Config(**(settings | changes))  # type: ignore[arg-type]  # one dict for fields of many types


class Rig:
    """A running server."""

    def __init__(self, server: Server, port: int, calls_dir: Path, nursery: trio.Nursery) -> None:
        self.server, self.port, self.calls_dir, self.nursery = server, port, calls_dir, nursery
        self.over = trio.Event()

    async def run(self) -> None:
        await self.server.run()
        self.over.set()

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, str]:
        """One request: the status and the text of its answer."""
        return await ask(await self.connect(), method, path, headers, body)

    async def health(self) -> dict[str, object]:
        _, text = await self.ask("GET", "/healthz")
        body: dict[str, object] = json.loads(text)
        return body

    async def caller(self, auth_token: str = TOKEN) -> Caller:
        """Twilio's end of a new call, rightly signed."""
        caller = Caller()
        signed = [(name.encode(), value.encode()) for name, value in signature(MEDIA_URL, token=auth_token).items()]
        await caller.connect(self.nursery, await self.connect(), signed)
        return caller

    async def refusal(self) -> tuple[int, str]:
        """How a rightly signed call is refused."""
        return await self.ask("GET", "/media", UPGRADE | signature(MEDIA_URL))

    def logs(self) -> list[Path]:
        """All sealed logs."""
        return sealed(self.calls_dir)

    def live(self) -> list[Path]:
        """What is in live/: logs, or what is left of them."""
        return sorted((self.calls_dir / "live").glob("*"))

    def holds(self, text: bytes) -> bool:
        """Whether any file in CALLS_DIR has these bytes in it."""
        return any(text in path.read_bytes() for path in self.calls_dir.rglob("*") if path.is_file())


@asynccontextmanager
async def serving(calls_dir: Path, **changes: object) -> AsyncIterator[Rig]:
    """A server with these settings, until the block ends."""
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            # Without a process of its own that looks for words: to start one takes longer than most tests.
            server = Server(config(calls_dir, **changes), align_at_once)
            rig = Rig(server, await server.listen(), calls_dir, nursery)
            nursery.start_soon(rig.run)
            yield rig
            server.stop()
            server.stop()
            await rig.over.wait()
            nursery.cancel_scope.cancel()


async def ask(
    stream: trio.abc.Stream, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> tuple[int, str]:
    """One request over `stream`: the status and the text of its answer."""
    client = h11.Connection(h11.CLIENT)
    all_headers = {"Host": "calls.example.com", "Content-Length": str(len(body))} | dict(headers or {})
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in all_headers.items()]
    request = h11.Request(method=method, target=path, headers=pairs)
    async with stream:
        await stream.send_all((client.send(request) or b"") + body)
        return await read_answer(stream, client)


async def listening(nursery: trio.Nursery, model: Model) -> str:
    """The address at which `model` takes calls."""
    listeners = await nursery.start(partial(trio.serve_tcp, model.serve, 0, host="127.0.0.1"))
    return f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/v1/realtime"


async def read_answer(stream: trio.abc.ReceiveStream, client: h11.Connection | None = None) -> tuple[int, str]:
    """The answer to what was sent, read until the server closes."""
    data = b""
    while more := await stream.receive_some():
        data += more
    head, _, text = data.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), text.decode()


def sealed(calls_dir: Path) -> list[Path]:
    """All sealed logs."""
    return sorted(calls_dir.glob("20*/*.db"))


def entries(path: Path) -> list[Entry]:
    """What a sealed log holds, once its pages and its hash were checked."""
    with read_call(path) as call:
        assert call.seal is not None
        call.verify()
        return list(call.entries())


def end_of(path: Path) -> tuple[str, str]:
    """How a sealed log says that its call ended, and why."""
    with read_call(path) as call:
        call.verify()
        assert call.seal is not None
        return call.seal.ended, call.seal.reason
