"""Whoever finds the port says anything at all, before, within and behind a request. `tests.fuzz.sockets.web` says what
must hold: an answer or a closed connection, nothing raised, every call that began sealed, and a server that goes on."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.bridge_peers import CONNECTED, STOP, start
from tests.fuzz import sockets
from tests.fuzz.sockets import HEALTH, UPGRADE, masked

methods = st.sampled_from([b"GET", b"POST", b"HEAD", b"PUT", b"get", b"", b"\x16\x03\x01"])
paths = st.sampled_from(
    [b"/media", b"/twiml", b"/healthz", b"/healthz?a=b", b"/media/", b"*", b"http://x/", b"/\xff", b"//"]
)
versions = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b""])
header_lines = st.sampled_from(
    [
        *(b"Host: bridge", b"Host: xn--\xff", b"Host: a, b", b"Connection: Upgrade", b"Connection: close, upgrade"),
        *(b"Upgrade: websocket", b"Upgrade: h2c", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8"),
        *(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Protocol: \xe4"),
        *(b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover", b"X-Twilio-Signature: x"),
        *(b"Content-Length: 3", b"Content-Length: 99999", b"Content-Length: -1", b"Content-Length: 3, 3"),
        *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Expect: 100-continue"),
        *(b"Content-Type: application/x-www-form-urlencoded", b"Content-Type: text/\xff", b" folded: yes", b"no colon"),
        *(b"X-Long: " + b"x" * 20_000, b"\x00: \x00"),
    ]
)
bodies = st.sampled_from(
    [
        *(b"", b"a=b", b"CallSid=CA1&From=%2B1", b"%zz=%ff", b"3\r\na=b\r\n0\r\n\r\n", b"ffffffff\r\n", b"-1\r\n\r\n"),
        *(HEALTH, UPGRADE, masked(CONNECTED) + masked(start()) + masked(STOP), b"\x88\x80\0\0\0\0", b"x" * 90_000),
    ]
)


@settings(max_examples=40)
@given(
    before=st.sampled_from([b"", b"", b"", b"\r\n", b"\x00", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"]),
    method=methods,
    path=paths,
    version=versions,
    lines=st.lists(header_lines, max_size=8),
    body=bodies,
    behind=bodies,
)
def test_a_request_that_is_nearly_one(
    before: bytes, method: bytes, path: bytes, version: bytes, lines: list[bytes], body: bytes, behind: bytes
) -> None:
    sockets.web(before + b"\r\n".join([b" ".join([method, path, version]), *lines, b"", body]) + behind)


@settings(max_examples=15)
@given(lines=st.lists(header_lines, max_size=3), said=bodies)
@example(lines=[], said=masked(CONNECTED) + masked(start()) + masked(STOP))
def test_an_upgrade_with_more_in_its_head_and_anything_behind_it(lines: list[bytes], said: bytes) -> None:
    sockets.web(UPGRADE[:-2] + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + said)


@settings(max_examples=15)
@given(data=st.binary(max_size=200))
def test_no_request_at_all(data: bytes) -> None:
    sockets.web(data)
