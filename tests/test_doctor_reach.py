"""`bridge doctor`, when it asks: the server, what stands in front of it, and the model. Real sockets."""

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import trio

from engine.doctor.findings import Finding, Level, bad, ok, warn
from engine.doctor.model import check_model
from engine.doctor.reach import check_server, clock
from engine.sim.fronts import Serving, serve_model
from engine.sim.model import ModelPlan, RealtimeModel
from tests.bridge_peers import Model
from tests.server_rig import Rig, config, listening, serving


@asynccontextmanager
async def running(calls_dir: Path, **changes: object) -> AsyncIterator[tuple[Rig, str]]:
    """A server without a proxy in front, and its PUBLIC_URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    public = f"http://127.0.0.1:{port}"
    async with serving(calls_dir, **({"port": port, "public_url": public} | changes)) as rig:
        yield rig, public


async def asked(rig: Rig, public_url: str, **changes: object) -> list[Finding]:
    """What the doctor finds when it asks."""
    settings = config(rig.calls_dir, port=rig.port, public_url=public_url, **changes)
    return await trio.to_thread.run_sync(check_server, settings)


async def test_a_server_as_twilio_finds_it(tmp_path: Path) -> None:
    """Where it listens, then through PUBLIC_URL. The signatures are asked both ways, and no call is taken."""
    async with running(tmp_path, token_seconds_max=60, calls_max=1) as (rig, public):
        assert await asked(rig, public) == [
            finding
            for check in ("server", "public url")
            for finding in (
                ok(check, f"{public} answers, and is well"),
                ok(check, f"a webhook signed for {public}/twiml connects the call"),
                ok(check, f"an upgrade signed for ws://127.0.0.1:{rig.port}/media gets through"),
            )
        ]
        health = await rig.health()
        assert (health["calls_taken"], health["refused"]) == (0, {"403": 2, "426": 2})
        assert rig.live() == rig.logs() == []


async def test_a_server_with_a_shared_key(tmp_path: Path) -> None:
    async with running(tmp_path, auth_token=None, signature_key="s3cret-s3cret") as (rig, public):
        found = await asked(rig, public, auth_token=None, signature_key="s3cret-s3cret")
        assert {finding.level for finding in found} == {Level.OK}


SAME = "Start `bridge serve` with the same keys and PUBLIC_URL as `bridge doctor`"


async def test_a_server_with_another_key(tmp_path: Path) -> None:
    async with running(tmp_path) as (rig, public):
        found = await asked(rig, public, auth_token="f" * 32)
    said = "X-Twilio-Signature is not right: it must be made with TWILIO_AUTH_TOKEN over"
    stream = public.replace("http", "ws")
    assert found[1:3] == [
        bad(
            "server",
            f"a webhook signed for {public}/twiml is answered with 403: {said} {public}/twiml (from PUBLIC_URL)",
            SAME,
        ),
        bad(
            "server",
            f"an upgrade signed for {stream}/media is answered with 403: {said} {stream}/media (from PUBLIC_URL)",
            SAME,
        ),
    ]


async def test_a_server_that_lets_anyone_in(tmp_path: Path) -> None:
    """And believes in another PUBLIC_URL: it would connect calls to where it is not."""
    async with running(tmp_path, auth_token=None, public_url="https://old.example.com") as (rig, _):
        found = await asked(rig, f"http://127.0.0.1:{rig.port}")
    assert found[1:3] == [
        bad(
            "server",
            "a webhook with a wrong signature is answered with 200",
            "Restart `bridge serve` without --insecure, or let nothing but the bridge answer there",
        ),
        bad(
            "server",
            f"a webhook signed for http://127.0.0.1:{rig.port}/twiml is told to connect the call somewhere else",
            "Restart `bridge serve` with the PUBLIC_URL of here",
        ),
    ]


async def test_a_server_that_takes_no_calls_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as (rig, public):
        monkeypatch.setattr("engine.health.CALL_ROOM_BYTES", 2**60)
        found = await asked(rig, public)
    assert [finding.level for finding in found[:3]] == [Level.WARN, Level.WARN, Level.OK]
    assert found[0].found.startswith(f"{public} answers: degraded; log: CALLS_DIR ")
    assert found[1].found == f"a webhook signed for {public}/twiml is turned away"


class Proxy(BaseHTTPRequestHandler):
    """A server that is set up wrong."""

    answers: ClassVar[dict[str, tuple[int, str]]] = {}

    def do_GET(self) -> None:
        status, text = self.answers[self.path]
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def proxy(healthz: tuple[int, str], twiml: tuple[int, str], media: tuple[int, str]) -> Iterator[str]:
    handler = type("Handler", (Proxy,), {"answers": {"/healthz": healthz, "/twiml": twiml, "/media": media}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


WELL = (200, '{"status":"ok","calls_max":5,"log":"ok"}')


def through(public: str, tmp_path: Path) -> list[Finding]:
    """What is found behind a PUBLIC_URL, of a server that nobody knows where to find."""
    here, *there = check_server(config(tmp_path, port=0, public_url=public))
    assert here == warn("server", "PORT is 0, so nobody knows where it listens", "Set PORT")
    return there


def test_a_proxy_that_leads_somewhere_else(tmp_path: Path) -> None:
    with proxy((404, "<html>no such page"), (404, ""), (404, "")) as public:
        assert through(public, tmp_path)[0] == bad(
            "public url",
            f"{public}/healthz answers with status 404, and not as a bridge does",
            "Let the proxy pass /twiml, /media and /healthz to the bridge, with their paths",
        )


def test_a_proxy_that_knows_no_websockets(tmp_path: Path) -> None:
    with proxy(WELL, (502, "Bad\nGateway"), (426, "/media is a WebSocket: ask for an upgrade\n")) as public:
        found = through(public, tmp_path)
    stream = public.replace("http", "ws")
    assert found[2:] == [
        bad("public url", "a webhook with a wrong signature is answered with 502", found[2].fix),
        bad(
            "public url",
            f"a webhook signed for {public}/twiml is answered with 502: Bad Gateway",
            "Look at the proxy's own log",
        ),
        bad(
            "public url",
            f"an upgrade signed for {stream}/media arrives as no upgrade",
            "Let the proxy pass the Upgrade and Connection headers of /media",
        ),
    ]
    with proxy(WELL, (403, ""), (400, "")) as public:
        assert through(public, tmp_path)[-1] == bad(
            "public url",
            f"an upgrade signed for {public.replace('http', 'ws')}/media is answered with 400: nothing",
            "See whether the proxy changes the request",
        )


@pytest.mark.parametrize(
    ("public", "why"),
    [
        ("http://127.0.0.1:9", "Connection refused"),
        ("https://nowhere.invalid", "no address for nowhere.invalid: "),
        (f"https://{'a' * 64}.invalid", "UnicodeError"),
    ],
)
def test_an_address_that_leads_nowhere(tmp_path: Path, public: str, why: str) -> None:
    (found,) = through(public, tmp_path)
    assert found.level is Level.BAD
    assert found.found.startswith(f"{public} cannot be reached from here: {why}")


def test_an_address_without_tls(tmp_path: Path) -> None:
    with proxy(WELL, WELL, WELL) as public:
        (found,) = through(public.replace("http:", "https:"), tmp_path)
    assert "cannot be reached from here: no TLS there: " in found.found


def test_a_server_that_is_not_started(tmp_path: Path) -> None:
    found = check_server(config(tmp_path, port=9, host="::1", public_url="http://127.0.0.1:9"))
    assert found[0].level is Level.WARN
    assert found[0].found.startswith("nobody at http://[::1]:9: ")
    assert found[0].fix == "Start `bridge serve` and ask again"


def test_clocks() -> None:
    assert clock("https://x", 100.0, 109.0) == ok("clock", "agrees with that of https://x")
    assert clock("https://x", 100.0, 160.0) == bad(
        "clock", "this clock is 60 s ahead of that of https://x", "Set it (NTP)"
    )
    assert clock("https://x", 160.0, 100.0).found == "this clock is 60 s behind that of https://x"


# The model


async def dialled(tmp_path: Path, url: str, key: str = "sk-secret") -> Finding:
    (found,) = await trio.to_thread.run_sync(check_model, config(tmp_path, model_url=url, api_key=key))
    return found


async def test_a_model_that_answers(tmp_path: Path, nursery: trio.Nursery) -> None:
    """Up to its first event: nothing is asked of it."""
    make_model = partial(RealtimeModel, ModelPlan())
    model: Serving = await nursery.start(partial(serve_model, make_model, key="sk-secret"))
    found = await dialled(tmp_path, model.url)
    assert (found.level, found.check) == (Level.OK, "model")
    assert found.found.startswith(f"{model.url} with gpt-realtime-2.1: a session after ")
    assert [frame.way for frame in model.sessions[0].frames] == ["out"]
    wrong = await dialled(tmp_path, model.url, "sk-wrong")
    assert wrong.level is Level.BAD
    assert wrong.found.endswith("refused with status 401: Incorrect API key provided.")
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ('{"type":"error","error":{}}', "the first event is error, not session.created"),
        ("hello", "the first event is unreadable, not session.created"),
    ],
)
async def test_a_model_that_says_something_else(tmp_path: Path, nursery: trio.Nursery, first: str, said: str) -> None:
    found = await dialled(tmp_path, await listening(nursery, Model(first=first)))
    assert (found.level, found.found.rpartition(": ")[2]) == (Level.BAD, said)
    nursery.cancel_scope.cancel()


async def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    found = await dialled(tmp_path, "ws://127.0.0.1:9/v1")
    assert found.found == "ws://127.0.0.1:9/v1 with gpt-realtime-2.1: no connection to 127.0.0.1:9: Connection refused"
