"""Placing a call as Twilio does: ask the number's webhook what to do with it, and do that.

The webhook is a signed form over HTTP. Of its answer only `<Connect><Stream>` is understood here: the stream's address
is dialled, and its parameters come back in `start`. What is signed are the public addresses; what is dialled is where
the bridge really listens, as if a proxy stood between that strips the path of the public address.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import h11
import msgspec
import trio
from twilio.request_validator import RequestValidator

from engine.sim.edge import EdgePlan, TwilioEdge
from engine.sim.fronts import Front, dial_edge
from engine.sim.link import LinkPlan

ANSWER_SECONDS = 15.0
"""Twilio waits so long for a webhook (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides)."""
_RECEIVE_BYTES = 4096
_WEBSOCKET = {"http": "ws", "https": "wss"}


class NotConnectedError(Exception):
    """The webhook did not say to connect the call to a stream. `status` and `text` are its answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"status {status}: {text}")
        self.status = status
        self.text = text


class Connect(NamedTuple):
    """What a webhook answered: where the stream is, as the public knows it, and what `start` is to give back."""

    url: str
    parameters: dict[str, str]


def webhook_fields(plan: EdgePlan) -> dict[str, str]:
    """What Twilio tells a webhook about an incoming call."""
    return {
        "AccountSid": plan.account_sid,
        "ApiVersion": "2010-04-01",
        "CallSid": plan.call_sid,
        "CallStatus": "ringing",
        "Called": "+15550199",
        "Caller": "+15550100",
        "Direction": "inbound",
        "From": "+15550100",
        "To": "+15550199",
    }


async def ask_webhook(
    stream: trio.abc.Stream, url: str, fields: Mapping[str, str], auth_token: str | None = None
) -> Connect:
    """POST `fields` to the webhook that the public knows as `url`, over `stream`, which is closed. Raises
    NotConnectedError, trio.TooSlowError, or what the stream raises."""
    parts = urlsplit(url)
    body = urlencode(fields).encode()
    headers = {
        "Host": parts.netloc,
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    if auth_token is not None:
        headers["X-Twilio-Signature"] = RequestValidator(auth_token).compute_signature(url, dict(fields))
    async with stream:
        with trio.fail_after(ANSWER_SECONDS):
            return connect_of(*await post(stream, parts.path, headers, body))


async def post(stream: trio.abc.Stream, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
    """One POST; the status and the text of its answer."""
    client = h11.Connection(h11.CLIENT)
    request = client.send(h11.Request(method="POST", target=path, headers=list(headers.items())))
    await stream.send_all((request or b"") + (client.send(h11.Data(data=body)) or b""))
    client.send(h11.EndOfMessage())
    status, text = 0, b""
    while True:
        event = client.next_event()
        match event:
            case h11.NEED_DATA:
                client.receive_data(bytes(await stream.receive_some(_RECEIVE_BYTES)))
            case h11.Response():
                status = event.status_code
            case h11.Data():
                text += event.data
            case _:
                return status, text.decode()


def connect_of(status: int, text: str) -> Connect:
    """What an answer says about the call. Raises NotConnectedError."""
    if status != 200:
        raise NotConnectedError(status, text)
    stream = ET.fromstring(text).find("Connect/Stream")
    if stream is None:
        raise NotConnectedError(status, text)
    parameters = {each.attrib["name"]: each.attrib["value"] for each in stream.iter("Parameter")}
    return Connect(stream.attrib["url"], parameters)


async def place_call(
    base_url: str,
    edge: TwilioEdge,
    *,
    auth_token: str | None = None,
    public_url: str | None = None,
    delays: tuple[LinkPlan, LinkPlan] | None = None,
    task_status: trio.TaskStatus[Front] = trio.TASK_STATUS_IGNORED,
) -> Front:
    """Call the bridge that is at `base_url` (http) and known as `public_url` (default: the same), and run the call to
    its end. `edge` must not have been opened. Raises NotConnectedError, and what `dial_edge` raises."""
    public_url = (public_url or base_url).rstrip("/")
    base, public = urlsplit(base_url), urlsplit(public_url)
    assert base.hostname is not None
    stream = await trio.open_tcp_stream(base.hostname, base.port or 80)
    told = await ask_webhook(stream, f"{public_url}/twiml", webhook_fields(edge.plan), auth_token)
    edge.plan = msgspec.structs.replace(edge.plan, parameters=edge.plan.parameters | told.parameters)
    path = urlsplit(told.url).path.removeprefix(public.path)
    return await dial_edge(
        f"{_WEBSOCKET[base.scheme]}://{base.netloc}{base.path}{path}",
        edge,
        auth_token=auth_token,
        signed_url=told.url,
        delays=delays,
        task_status=task_status,
    )
