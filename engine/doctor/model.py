"""The model, dialled as a call dials it, up to the first event of its session. Nothing is asked of it, so it costs
nothing."""

import time
from collections.abc import Iterator

import msgspec
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, HandshakeError, WebSocketConnection

from engine.config import Config
from engine.dial import Dialer, DialFailed, refused, shake_hands
from engine.doctor.asking import unix_seconds
from engine.doctor.findings import Finding, bad, ok
from engine.doctor.reach import clock

READY_SECONDS = 10.0
"""For the WebSocket's handshake and the first event."""


class _Event(msgspec.Struct):
    type: str


def check_model(config: Config) -> list[Finding]:
    return trio.run(_check, config)


async def _check(config: Config) -> list[Finding]:
    url, model = config.model_url, config.settings.model
    fix = "See OPENAI_API_KEY, OPENAI_REALTIME_URL and OPENAI_MODEL; callers would hear silence, then be hung up"
    began = trio.current_time()
    try:
        with trio.fail_after(READY_SECONDS):
            first, date = await _first_event(config)
    except DialFailed as error:
        return [bad("model", f"{url} with {model}: {error.reason}", fix)]
    except trio.TooSlowError:
        return [bad("model", f"{url} with {model}: nothing came within {READY_SECONDS:g} s", fix)]
    if first != "session.created":
        return [bad("model", f"{url} with {model}: the first event is {first}, not session.created", fix)]
    took_ms = (trio.current_time() - began) * 1000
    return [ok("model", f"{url} with {model}: a session after {took_ms:.0f} ms"), *_clock(url, date)]


def _clock(url: str, date: str | None) -> Iterator[Finding]:
    seconds = unix_seconds(date)
    if seconds is not None:
        yield clock(url, seconds, time.time())


async def _first_event(config: Config) -> tuple[str, str | None]:
    """The type of the first event, and the Date of the handshake. Raises DialFailed."""
    dialled = await Dialer(config.model_url, config.api_key)(config.settings.model)
    failures: list[Exception] = []
    try:
        async with dialled.stream, trio.open_nursery() as nursery:
            socket = await shake_hands(nursery, dialled)
            first = await _read(socket)
            headers = {name.lower(): value for name, value in socket.handshake_headers}
            nursery.cancel_scope.cancel()
    except* (HandshakeError, ConnectionClosed) as group:
        failures += group.exceptions
    if failures:
        error = failures[0]
        raise refused(error) if isinstance(error, ConnectionRejected) else DialFailed(None, type(error).__name__)
    return first, headers.get(b"date", b"").decode("latin-1") or None


async def _read(socket: WebSocketConnection) -> str:
    try:
        return msgspec.json.decode(await socket.get_message(), type=_Event).type
    except msgspec.MsgspecError:
        return "unreadable"
