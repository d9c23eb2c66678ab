"""Dialling the model: a name, a connection, TLS. The WebSocket handshake on top of it is the leg's.

Whatever fails is told in one sentence that a person can act on and that holds no secret: it goes into the call's log.
"""

import os
import re
import socket
import ssl
from contextlib import suppress
from typing import NamedTuple, cast
from urllib.parse import quote, urlsplit

import msgspec
import trio
from trio_websocket import ConnectionRejected, WebSocketConnection, wrap_client_stream

from engine.hiding import shown

CONNECT_SECONDS = 5.0
"""For name, TCP and TLS together. The caller hears silence meanwhile; `ready_ms_max` bounds the whole."""
REFUSAL_CHARS_MAX = 300
"""Of what the model's server said when it refused us."""
_KEY = re.compile(r"\b(sk|ek)[-_][\w*.-]+")
"""OpenAI's refusal of a key quotes a part of that key."""


class DialFailed(Exception):
    """The model leg could not be opened. `status` is that of the HTTP answer, if there was one; `code` is OpenAI's name
    for what is wrong, if it gave one."""

    def __init__(self, status: int | None, reason: str, code: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.code = code


class Upgrade(NamedTuple):
    """What a client asks for in its WebSocket handshake. `host` goes into the Host header."""

    host: str
    resource: str
    headers: list[tuple[bytes, bytes]]


class Dialled(NamedTuple):
    """An open stream to the model, and what the WebSocket handshake on it is to ask for."""

    stream: trio.abc.Stream
    request: Upgrade


class Dialer:
    """Opens streams to `url` (ws or wss, without a query). The TLS context is made once: it takes 20 ms."""

    def __init__(self, url: str, api_key: str | None) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._hostname = parts.hostname
        self._context = ssl.create_default_context() if parts.scheme == "wss" else None
        self._port = parts.port or (443 if self._context else 80)
        self._host = parts.netloc.rpartition("@")[2]
        self._path = parts.path or "/"
        self._headers = [(b"Authorization", f"Bearer {api_key}".encode())] if api_key else []

    async def __call__(self, model: str) -> Dialled:
        """Raises DialFailed."""
        where = f"{self._hostname}:{self._port}"
        try:
            with trio.fail_after(CONNECT_SECONDS):
                stream = await self._connect()
        except trio.TooSlowError:
            raise DialFailed(None, f"{where} did not answer within {CONNECT_SECONDS:g} s") from None
        except socket.gaierror as error:
            raise DialFailed(None, f"no address for {self._hostname}: {error.strerror}") from error
        except UnicodeError as error:  # a label of over 63 characters, say: not even asked for
            raise DialFailed(None, f"no address for {self._hostname}: not a host name") from error
        except (OSError, trio.BrokenResourceError, ssl.SSLError) as error:
            raise DialFailed(None, f"no connection to {where}: {_cause(error)}") from error
        return Dialled(stream, Upgrade(self._host, f"{self._path}?model={quote(model, safe='')}", self._headers))

    async def _connect(self) -> trio.abc.Stream:
        if self._context is None:
            return await trio.open_tcp_stream(self._hostname, self._port)
        stream = await trio.open_ssl_over_tcp_stream(
            self._hostname, self._port, ssl_context=self._context, https_compatible=True
        )
        try:
            await stream.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return stream


async def shake_hands(nursery: trio.Nursery, dialled: Dialled) -> WebSocketConnection:
    """The library's own WebSocket on a dialled stream, for who is not in a hurry. Raises HandshakeError."""
    stream = cast(trio.SocketStream, dialled.stream)  # any stream will do, whatever the library says
    host, resource, headers = dialled.request
    return await wrap_client_stream(nursery, stream, host, resource, extra_headers=headers)


def refused(refusal: ConnectionRejected) -> DialFailed:
    """What the model's server answered instead of a WebSocket."""
    body = refusal.body or b""
    text, code = body.decode("utf-8", "replace"), None
    with suppress(msgspec.MsgspecError, UnicodeError):  # not OpenAI's own words: a proxy's page, perhaps
        error = msgspec.json.decode(body, type=_Refusal).error
        text, code = error.message, error.code and _plain(error.code)
    return DialFailed(refusal.status_code, f"refused with status {refusal.status_code}: {_plain(text)}", code)


def _plain(text: str) -> str:
    text = shown(_KEY.sub(r"\1-…", " ".join(text.split())))
    return text[:REFUSAL_CHARS_MAX] or "no explanation"


class _Error(msgspec.Struct):
    message: str
    code: str | None = None


class _Refusal(msgspec.Struct):
    error: _Error


def _cause(error: BaseException) -> str:
    """The innermost reason: trio wraps the system's own error in one of its own."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, BaseExceptionGroup):
        return _cause(error.exceptions[0])
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)  # trio's own words repeat the address
    return str(error) or type(error).__name__
