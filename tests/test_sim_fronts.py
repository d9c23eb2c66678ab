"""The simulators on real sockets, on loopback: each is talked to by a plain WebSocket client or server."""

import json
from base64 import b64encode
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
from trio_websocket import ConnectionRejected, WebSocketRequest, open_websocket_url, serve_websocket
from twilio.request_validator import RequestValidator

from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan, TwilioEdge
from engine.sim.fronts import Serving, dial_edge, serve_model
from engine.sim.link import LinkPlan
from engine.sim.model import ModelPlan, RealtimeModel
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import ruler

SAID = ruler(1, 100)
REPLY = Reply(items=(ReplyItem("Good.", SAID),), latency_ms=5, text_lead_ms=1)


def make_model() -> RealtimeModel:
    return RealtimeModel(ModelPlan(replies=(REPLY,)))


async def test_a_model_speaks_over_a_websocket(nursery: trio.Nursery) -> None:
    serving: Serving = await nursery.start(partial(serve_model, make_model, key="sk-test"))
    headers = [(b"Authorization", b"Bearer sk-test")]
    heard: list[dict[str, Any]] = []
    async with open_websocket_url(f"{serving.url}?model=gpt-realtime", extra_headers=headers) as socket:
        await socket.send_message('{"type":"response.create"}')
        while not heard or heard[-1]["type"] != "rate_limits.updated":
            heard.append(json.loads(await socket.get_message()))
    kinds = [event["type"] for event in heard]
    assert (kinds[0], kinds[1]) == ("session.created", "response.created")
    assert [event["delta"] for event in heard if event["type"] == "response.output_audio.delta"] == [
        b64encode(SAID).decode()
    ]
    # What the client saw is what the front wrote down.
    (session,) = serving.sessions
    assert [json.loads(kept.frame) for kept in session.frames if kept.way == "out"] == heard
    assert [kept.frame for kept in session.frames if kept.way == "in"] == ['{"type":"response.create"}']
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("query", "key", "status"),
    [("?model=m", "Bearer sk-other", b"401"), ("?model=m", "", b"401"), ("", "Bearer sk-test", b"400")],
)
async def test_a_model_refuses_a_wrong_key_and_a_missing_model(
    nursery: trio.Nursery, query: str, key: str, status: bytes
) -> None:
    serving: Serving = await nursery.start(partial(serve_model, make_model, key="sk-test"))
    port = urlsplit(serving.url).port
    assert port is not None
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        upgrade = (
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n"
        )
        request = f"GET /v1/realtime{query} HTTP/1.1\r\nHost: sim\r\nAuthorization: {key}\r\n{upgrade}\r\n"
        await stream.send_all(request.encode())
        assert (await stream.receive_some()).split()[1] == status
    assert serving.sessions == []
    nursery.cancel_scope.cancel()


async def test_an_edge_that_is_refused_says_so(nursery: trio.Nursery) -> None:
    async def refuse(request: WebSocketRequest) -> None:
        await request.reject(403)

    server = await nursery.start(partial(serve_websocket, refuse, "127.0.0.1", 0, ssl_context=None))
    with pytest.raises(ConnectionRejected) as refusal:
        await dial_edge(f"ws://127.0.0.1:{server.port}/media", TwilioEdge(EdgePlan()))
    assert refusal.value.status_code == 403
    nursery.cancel_scope.cancel()


class Bridge:
    """A server that plays one piece to whoever calls, and keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.signature = b""

    async def answer(self, request: WebSocketRequest) -> None:
        self.signature = dict(request.headers).get(b"x-twilio-signature", b"")
        socket = await request.accept()
        start: dict[str, Any] = {}
        while start.get("event") != "stop":
            start = json.loads(await socket.get_message())
            self.heard.append(start)
            if start["event"] == "start":
                sid = start["streamSid"]
                payload = b64encode(SAID).decode()
                await socket.send_message(f'{{"event":"media","streamSid":"{sid}","media":{{"payload":"{payload}"}}}}')
                await socket.send_message(f'{{"event":"mark","streamSid":"{sid}","mark":{{"name":"end"}}}}')


@pytest.mark.parametrize("delays", [None, (LinkPlan(20), LinkPlan(20))], ids=["near", "far"])
async def test_an_edge_calls_signed_plays_and_hangs_up(
    nursery: trio.Nursery, delays: tuple[LinkPlan, LinkPlan] | None
) -> None:
    bridge = Bridge()
    server = await nursery.start(partial(serve_websocket, bridge.answer, "127.0.0.1", 0, ssl_context=None))
    edge = TwilioEdge(EdgePlan(cues=(Cue(20, after=SAID[-16:], hang_up=True),)))
    public = "wss://bread.example/media"
    url = f"ws://127.0.0.1:{server.port}/media"
    front = await dial_edge(url, edge, auth_token="token", signed_url=public, delays=delays)
    assert RequestValidator("token").validate(public, {}, bridge.signature.decode())
    # The whole piece was played, the mark came back after it, and the caller hung up.
    assert b"".join(piece.audio for piece in edge.played) == SAID
    kinds = [event["event"] for event in bridge.heard]
    assert (kinds[:2], kinds[-1], kinds.count("mark")) == (["connected", "start"], "stop", 1)
    assert kinds.count("media") >= 4
    assert [kept.way for kept in front.frames].count("in") == 2
    assert [json.loads(kept.frame) for kept in front.frames if kept.way == "out"] == bridge.heard
    nursery.cancel_scope.cancel()
