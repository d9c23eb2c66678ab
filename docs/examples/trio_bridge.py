"""The smallest bridge with trio, and the seven lines that record its calls: `# recorder`.

    OPENAI_API_KEY=sk-… python trio_bridge.py 5050

It stops playing when the caller speaks, and tells the model nothing of it, which then believes that all was heard.
`replay audit` says so of each interruption.
"""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, open_websocket_url, serve_websocket

from engine.recorder import Recorder  # recorder

MODEL_URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"
PCMU = {"format": {"type": "audio/pcmu"}}
SESSION = {"type": "realtime", "audio": {"input": PCMU, "output": {**PCMU, "voice": "marin"}}}


async def answer(request: WebSocketRequest) -> None:
    """One call."""
    caller = await request.accept()
    key = [("Authorization", f"Bearer {os.environ['OPENAI_API_KEY']}")]
    with Recorder(folder="recordings") as recorder:  # recorder
        async with open_websocket_url(MODEL_URL, extra_headers=key) as model, trio.open_nursery() as nursery:
            bridge = Bridge(caller, model, recorder)
            nursery.start_soon(bridge.listen_to_caller)
            nursery.start_soon(bridge.listen_to_model)


class Bridge:
    """One call. Either side that goes takes the other along."""

    def __init__(self, caller: WebSocketConnection, model: WebSocketConnection, recorder: Recorder) -> None:
        self.caller, self.model, self.stream_sid = caller, model, ""
        self.recorder = recorder  # recorder

    async def to_caller(self, **frame: object) -> None:
        text = json.dumps({**frame, "streamSid": self.stream_sid})
        self.recorder.caller_out(text)  # recorder
        with suppress(ConnectionClosed):
            await self.caller.send_message(text)

    async def to_model(self, **event: object) -> None:
        text = json.dumps(event)
        self.recorder.model_out(text)  # recorder
        with suppress(ConnectionClosed):
            await self.model.send_message(text)

    async def listen_to_caller(self) -> None:
        await self.to_model(type="session.update", session=SESSION)
        async for text in frames(self.caller):
            self.recorder.caller_in(text)  # recorder
            frame = json.loads(text)
            if frame["event"] == "start":
                self.stream_sid = frame["streamSid"]
            elif frame["event"] == "media":
                await self.to_model(type="input_audio_buffer.append", audio=frame["media"]["payload"])
        await self.model.aclose()

    async def listen_to_model(self) -> None:
        async for text in frames(self.model):
            self.recorder.model_in(text)  # recorder
            event = json.loads(text)
            if event["type"] == "response.output_audio.delta":
                await self.to_caller(event="media", media={"payload": event["delta"]})
            elif event["type"] == "input_audio_buffer.speech_started":
                await self.to_caller(event="clear")
        await self.caller.aclose()


async def frames(socket: WebSocketConnection) -> AsyncIterator[str | bytes]:
    with suppress(ConnectionClosed):
        while True:
            yield await socket.get_message()


if __name__ == "__main__":
    trio.run(partial(serve_websocket, answer, "127.0.0.1", int(sys.argv[1]), ssl_context=None))
