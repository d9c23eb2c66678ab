"""For scale: the least that joins the two sockets, on the same WebSocket library.

No log, no marks, no positions, no truncates; `clear` when the caller speaks, and that is all. `python -m
engine.bench.relay MODEL_URL PORT` serves it; what the bridge costs beyond this is what it does beyond this.
"""

import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketRequest,
    open_websocket_url,
    serve_websocket,
)

from engine.core import CallSettings
from engine.core.session import session_config

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.encode


async def _relay(model_url: str, request: WebSocketRequest) -> None:
    caller = await request.accept()
    async with open_websocket_url(f"{model_url}?model=bench") as model, trio.open_nursery() as nursery:
        await model.send_message(_text({"type": "session.update", "session": session_config(CallSettings())}))
        stream_sid = ""

        async def speak() -> None:
            while True:
                frame = _decode(await model.get_message())
                if frame["type"] == "response.output_audio.delta":
                    await caller.send_message(_media(stream_sid, frame["delta"]))
                elif frame["type"] == "input_audio_buffer.speech_started":
                    await caller.send_message(_text({"event": "clear", "streamSid": stream_sid}))

        nursery.start_soon(_until_closed, speak)
        try:
            while True:
                frame = _decode(await caller.get_message())
                if frame["event"] == "media":
                    payload = frame["media"]["payload"]
                    await model.send_message(_text({"type": "input_audio_buffer.append", "audio": payload}))
                stream_sid = frame.get("streamSid", "")
        except ConnectionClosed:
            nursery.cancel_scope.cancel()


async def _until_closed(act: Callable[[], Awaitable[None]]) -> None:
    with suppress(ConnectionClosed):
        await act()


def _media(stream_sid: str, payload: str) -> str:
    return _text({"event": "media", "streamSid": stream_sid, "media": {"payload": payload}})


def _text(frame: object) -> str:
    return _encode(frame).decode()


async def _serve(model_url: str, port: int) -> None:
    async def answer(request: WebSocketRequest) -> None:
        await _relay(model_url, request)

    await serve_websocket(answer, "127.0.0.1", port, ssl_context=None)


if __name__ == "__main__":
    trio.run(_serve, sys.argv[1], int(sys.argv[2]))
