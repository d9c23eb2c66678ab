"""As much HTTP as a webhook, a health check and an upgrade need: one request a connection, parsed with h11, bounded in
bytes and in time. An upgrade is only looked at: the bytes read go on to trio-websocket, which shakes hands itself.
"""

from http import HTTPStatus

import h11
import msgspec
import trio

HEAD_BYTES_MAX = 16 * 1024
"""Twilio's heads are below 2 KiB; proxies add some."""
BODY_BYTES_MAX = 64 * 1024
"""A webhook's form is below 4 KiB."""
REQUEST_BYTES_MAX = HEAD_BYTES_MAX + BODY_BYTES_MAX
"""As read: a chunked body can be nothing but what stands between its chunks."""
REQUEST_SECONDS = 10.0
"""For a whole request. A peer that sends a byte now and then is not waited for."""
LINGER_SECONDS = 1.0
LINGER_BYTES = 256 * 1024
"""Read on, that much, after an answer to a request that was not read to its end: else the kernel drops the answer."""
_RECEIVE_BYTES = 4096


class Request(msgspec.Struct, frozen=True):
    """What was asked. `raw` is every byte read of an upgrade, for who takes it over. Header names are in lower case; a
    header that came more than once is one, its values joined by commas."""

    method: str
    path: str
    headers: dict[str, str]
    query: str = ""
    body: bytes = b""
    raw: bytes = b""

    @property
    def asks_for_websocket(self) -> bool:
        """Whether this is an upgrade that a WebSocket server can answer."""
        tokens = [token.strip() for token in self.headers.get("connection", "").lower().split(",")]
        return self.headers.get("upgrade", "").lower() == "websocket" and "upgrade" in tokens


class Refused(Exception):
    """A request that cannot be answered as asked: the status, words for who asked, and headers to send along."""

    def __init__(self, status: int, words: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.headers = headers


class Answer(msgspec.Struct, frozen=True):
    """What is answered."""

    status: int
    text: str
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


async def read_request(stream: trio.abc.ReceiveStream) -> Request | None:
    """One request; None if the peer went away without one. Raises Refused, or what the stream raises."""
    with trio.move_on_after(REQUEST_SECONDS):
        try:
            return await _read(stream)
        except h11.RemoteProtocolError as error:
            raise Refused(error.error_status_hint, _words(error)) from error
    raise Refused(408, f"the request was not complete after {REQUEST_SECONDS:g} s")


async def _read(stream: trio.abc.ReceiveStream) -> Request | None:
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
    raw, body = bytearray(), bytearray()
    left = REQUEST_BYTES_MAX
    head: Request | None = None
    while True:
        event = parser.next_event()
        match event:
            case h11.NEED_DATA:
                data = bytes(await stream.receive_some(_RECEIVE_BYTES))
                left -= len(data)
                if left < 0:
                    raise Refused(413, f"the request is over {REQUEST_BYTES_MAX} bytes")
                if head is None or head.asks_for_websocket:
                    raw += data
                parser.receive_data(data)
            case h11.Request():
                head = _head(event)
                if not head.asks_for_websocket:
                    raw.clear()
            case h11.Data():
                body += event.data
                if len(body) > BODY_BYTES_MAX:
                    raise Refused(413, f"the body is over {BODY_BYTES_MAX} bytes")
            case h11.EndOfMessage() if head is not None:
                return msgspec.structs.replace(head, body=bytes(body), raw=bytes(raw))
            case _:
                return None


def _head(head: h11.Request) -> Request:
    path, _, query = head.target.decode("ascii", "replace").partition("?")
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(method=head.method.decode("ascii"), path=path, headers=headers, query=query)


def _words(error: h11.RemoteProtocolError) -> str:
    if error.error_status_hint == 431:
        return f"the request's head is over {HEAD_BYTES_MAX} bytes"
    return "not an HTTP request"  # h11's own words quote the line, and a signature may be in it


async def answer(stream: trio.abc.Stream, what: Answer, *, to: Request | None = None) -> None:
    """Answer and close. A peer that is gone by now is no error."""
    body = b"" if to is not None and to.method == "HEAD" else what.text.encode()
    head = [f"HTTP/1.1 {what.status} {HTTPStatus(what.status).phrase}", f"Content-Type: {what.content_type}"]
    head += [f"Content-Length: {len(what.text.encode())}", "Connection: close"]
    head += [f"{name}: {value}" for name, value in what.headers]
    try:
        with trio.move_on_after(REQUEST_SECONDS):
            await stream.send_all("\r\n".join([*head, "", ""]).encode() + body)
        if to is None and isinstance(stream, trio.abc.HalfCloseableStream):
            await _linger(stream)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    await trio.aclose_forcefully(stream)


async def _linger(stream: trio.abc.HalfCloseableStream) -> None:
    await stream.send_eof()
    left = LINGER_BYTES
    with trio.move_on_after(LINGER_SECONDS):
        while left > 0 and (data := await stream.receive_some(_RECEIVE_BYTES)):
            left -= len(data)
