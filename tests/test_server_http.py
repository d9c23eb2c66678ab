"""What the server answers to whoever connects, and what it says about it. Real sockets; requests that make no call."""

import json
from pathlib import Path

import msgspec
import pytest
import trio
import trio.testing

from engine import web
from engine.bridge import WireLimits
from engine.core.settings import Limits
from tests.server_rig import MEDIA_URL, PUBLIC_URL, TOKEN, UPGRADE, ask, read_answer, serving, signature

FORM = {"CallSid": "CA" + "1" * 32, "From": "+15550100", "Empty": ""}
BODY = b"CallSid=CA" + b"1" * 32 + b"&From=%2B15550100&Empty="
WEBHOOK = f"{PUBLIC_URL}/twiml"
CONNECT = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Response><Connect><Stream url="wss://calls.example.com/media"/></Connect></Response>'
)


def _unsigned(found: str, url: str) -> str:
    """What is said of a request that Twilio did not sign: the address that was checked, and nothing secret."""
    return f"X-Twilio-Signature {found}: it must be made with TWILIO_AUTH_TOKEN over {url} (from PUBLIC_URL)\n"


async def test_a_signed_webhook_is_told_where_to_connect(tmp_path: Path) -> None:
    async with serving(tmp_path) as rig:
        assert await rig.ask("POST", "/twiml", signature(WEBHOOK, FORM), BODY) == (200, CONNECT)


@pytest.mark.parametrize(
    ("public_url", "signed", "connects_to"),
    [
        ("https://calls.example.com/", "https://calls.example.com/twiml", "wss://calls.example.com/media"),
        ("http://calls.example.com", "http://calls.example.com/twiml", "ws://calls.example.com/media"),
        ("wss://calls.example.com", "https://calls.example.com/twiml", "wss://calls.example.com/media"),
        ("ws://127.0.0.1:9000/a", "http://127.0.0.1:9000/a/twiml", "ws://127.0.0.1:9000/a/media"),
        (
            "https://calls.example.com:8443",
            "https://calls.example.com:8443/twiml",
            "wss://calls.example.com:8443/media",
        ),
    ],
)
async def test_public_url_in_every_form(tmp_path: Path, public_url: str, signed: str, connects_to: str) -> None:
    """The webhook is signed over the http form, the stream is given in the WebSocket form."""
    async with serving(tmp_path, public_url=public_url) as rig:
        status, twiml = await rig.ask("POST", "/twiml", signature(signed, FORM), BODY)
        assert (status, f'<Stream url="{connects_to}"/>' in twiml) == (200, True)
        # The upgrade gets as far as its handshake: what is not 101 would have been said in words.
        assert await opens(rig.port, signature(connects_to))


async def opens(port: int, headers: dict[str, str], path: str = "/media") -> bool:
    """Whether /media takes the upgrade."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: x",
            *(f"{name}: {value}" for name, value in (UPGRADE | headers).items()),
        ]
        await stream.send_all("\r\n".join([*lines, "", ""]).encode())
        return (await stream.receive_some()).startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, "is missing"),
        ({"X-Twilio-Signature": ""}, "is not right"),
        ({"X-Twilio-Signature": "é"}, "is not right"),
        (signature(WEBHOOK, {}), "is not right"),
        (signature(WEBHOOK, FORM, "other"), "is not right"),
        (signature("wss://calls.example.com/twiml", FORM), "is not right"),
    ],
    ids=["missing", "empty", "not-ascii", "without-fields", "other-token", "other-scheme"],
)
async def test_a_webhook_that_is_not_signed_by_twilio(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], headers: dict[str, str], found: str
) -> None:
    async with serving(tmp_path) as rig:
        words = _unsigned(found, f"{PUBLIC_URL}/twiml")
        assert await rig.ask("POST", "/twiml", headers, BODY) == (403, words)
    said = capsys.readouterr().err
    assert " request.refused status=403 " in said
    assert TOKEN not in said
    assert "5550100" not in said


@pytest.mark.parametrize(
    ("headers", "opened"),
    [
        (signature(MEDIA_URL), True),
        (signature(MEDIA_URL + "/"), True),
        ({}, False),
        (signature("https://calls.example.com/media"), False),
        (signature(MEDIA_URL, FORM), False),
        (signature(MEDIA_URL, {}, "other"), False),
    ],
    ids=["right", "with-a-slash", "missing", "https-form", "with-fields", "other-token"],
)
async def test_the_upgrade_is_signed_over_the_websocket_form(
    tmp_path: Path, headers: dict[str, str], opened: bool
) -> None:
    """Wrong or missing: 403 in words, and no trace of a call anywhere."""
    async with serving(tmp_path) as rig:
        if opened:
            assert await opens(rig.port, headers)
            assert await opens(rig.port, headers, "/media/")
            return
        status, words = await rig.ask("GET", "/media", UPGRADE | headers)
        found = "is not right" if headers else "is missing"
        assert (status, words) == (403, _unsigned(found, MEDIA_URL))
        assert (await rig.health())["refused"] == {"403": 1}
        assert (await rig.health())["calls_taken"] == 0
        assert rig.logs() == rig.live() == []


async def test_insecure_takes_anyone(tmp_path: Path) -> None:
    async with serving(tmp_path, auth_token=None) as rig:
        assert await rig.ask("POST", "/twiml", {}, BODY) == (200, CONNECT)
        assert await opens(rig.port, {})


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "words"),
    [
        ("GET", "/", {}, 404, "not found: there are POST /twiml, /media (a WebSocket) and /healthz\n"),
        ("GET", "/metrics?x=1", {}, 404, "not found: there are POST /twiml, /media (a WebSocket) and /healthz\n"),
        ("GET", "/twiml", {}, 405, "/twiml takes POST\n"),
        ("POST", "/media", {}, 405, "/media takes GET\n"),
        ("DELETE", "/healthz", {}, 405, "/healthz takes GET or HEAD\n"),
        ("GET", "/media", {}, 426, "/media is a WebSocket: ask for an upgrade\n"),
        (
            "GET",
            "/media",
            {"Upgrade": "h2c", "Connection": "Upgrade"},
            426,
            "/media is a WebSocket: ask for an upgrade\n",
        ),
        ("GET", "/twiml", UPGRADE, 405, "/twiml takes POST\n"),
        (
            "GET",
            "/media",
            UPGRADE | {"Sec-WebSocket-Version": "8"} | signature(MEDIA_URL),
            426,
            "only WebSocket version 13 is spoken here\n",
        ),
        (
            "GET",
            "/media",
            UPGRADE | {"Sec-WebSocket-Protocol": "é"} | signature(MEDIA_URL),
            400,
            "the sec-websocket-protocol header cannot be read\n",
        ),
        ("GET", "/media", UPGRADE | {"Host": "é"} | signature(MEDIA_URL), 400, "the host header cannot be read\n"),
    ],
)
async def test_what_is_not_there(
    tmp_path: Path, method: str, path: str, headers: dict[str, str], status: int, words: str
) -> None:
    async with serving(tmp_path) as rig:
        assert await rig.ask(method, path, headers) == (status, words)
        assert (await rig.health())["refused"] == {str(status): 1}


async def test_a_head_without_an_end(tmp_path: Path) -> None:
    """It is read to 16 KiB, then answered; what follows is read off, so that the answer is not lost."""
    async with serving(tmp_path) as rig, await rig.connect() as stream:
        await stream.send_all(b"GET /media HTTP/1.1\r\nX: " + b"x" * 60_000)
        assert await read_answer(stream) == (431, "the request's head is over 16384 bytes\n")


async def test_a_body_without_an_end(tmp_path: Path) -> None:
    async with serving(tmp_path) as rig:
        assert await rig.ask("POST", "/twiml", {}, b"x" * 65_537) == (413, "the body is over 65536 bytes\n")


async def test_a_body_of_nothing_but_chunk_extensions(nursery: trio.Nursery) -> None:
    """Each chunk has one byte, and kilobytes that count for nothing. They are bounded too, and not kept."""
    ours, theirs = trio.testing.memory_stream_pair()

    async def pour() -> None:
        await theirs.send_all(b"POST /twiml HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            await theirs.send_all(b"1;" + b"x" * 15_000 + b"\r\nx\r\n")
        await theirs.send_all(b"0\r\n\r\n")

    nursery.start_soon(pour)
    with pytest.raises(web.Refused, match=r"^the request is over 81920 bytes$") as refusal:
        await web.read_request(ours)
    assert refusal.value.status == 413


async def test_only_an_upgrade_is_kept_as_it_came() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    upgrade = b"GET /media HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nframes"
    form = b"POST /twiml HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b"
    kept = []
    for data in (upgrade, form):
        await theirs.send_all(data)
        request = await web.read_request(ours)
        assert request is not None
        kept.append((request.body, request.raw))
    assert kept == [(b"", upgrade), (b"a=b", b"")]


@pytest.mark.parametrize(
    "head",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature : not-for-the-log\r\n\r\n",
    ],
    ids=["tls", "a-space-too-many"],
)
async def test_what_is_not_http(tmp_path: Path, capsys: pytest.CaptureFixture[str], head: bytes) -> None:
    """Nothing of it is quoted, neither to who sent it nor on stderr."""
    async with serving(tmp_path) as rig, await rig.connect() as stream:
        await stream.send_all(head)
        assert await read_answer(stream) == (400, "not an HTTP request\n")
    assert ' request.refused status=400 why="not an HTTP request" peer=' in capsys.readouterr().err


async def test_a_peer_that_says_nothing_and_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(tmp_path) as rig:
        await (await rig.connect()).aclose()
        assert (await rig.health())["refused"] == {}
    assert capsys.readouterr().err == ""


async def test_a_slow_head_is_not_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    """One byte a second, as a slow loris does: given up after ten seconds, not after the sixteen thousandth byte."""
    ours, theirs = trio.testing.memory_stream_pair()

    async def drip() -> None:
        for byte in b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 100:
            await theirs.send_all(bytes([byte]))
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip)
        began = trio.current_time()
        with pytest.raises(web.Refused) as refusal:
            await web.read_request(ours)
        assert trio.current_time() - began == 10
        assert (refusal.value.status, str(refusal.value)) == (408, "the request was not complete after 10 s")
        nursery.cancel_scope.cancel()


async def test_too_many_connections_that_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has waited longest goes, so a newcomer that knows what it wants is served."""
    monkeypatch.setattr("engine.server.CONNECTIONS_MAX", 2)
    async with serving(tmp_path) as rig, await rig.connect() as oldest, await rig.connect():
        await trio.testing.wait_all_tasks_blocked(0.01)
        health = await rig.health()
        assert await oldest.receive_some() == b""
        assert health["refused"] == {"connections_max": 1}


async def test_health(tmp_path: Path) -> None:
    async with serving(tmp_path) as rig:
        status, text = await rig.ask("GET", "/healthz")
        assert status == 200
        assert json.loads(text) == {
            "status": "ok",
            "calls": 0,
            "calls_without_start": 0,
            "calls_unsealed": 0,
            "calls_max": 5,
            "calls_taken": 0,
            "calls_ended": {},
            "refused": {},
            "log": "ok",
            "log_late_entries": 0,
            "log_dropped_entries": 0,
            "log_sync": "ok",
            "limits": msgspec.to_builtins(Limits()) | msgspec.to_builtins(WireLimits()),
        }
        assert await ask(await rig.connect(), "HEAD", "/healthz") == (200, "")
