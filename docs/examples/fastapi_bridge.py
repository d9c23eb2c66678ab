"""A bridge as most people have it (FastAPI, asyncio, two tasks), and the seven lines that record calls: `# recorder`.

    pip install fastapi 'uvicorn[standard]' websockets
    OPENAI_API_KEY=sk-… uvicorn fastapi_bridge:app --port 5050
    replay import recordings/*.jsonl && replay audit last

Its interruptions are the usual ones too, with the usual mistakes: what the caller heard is taken from Twilio's clock
since the item began, marks are counted and not looked at, one item is truncated, late audio is played. That is what an
audit is for.
"""

import asyncio
import json
import os
from typing import Any

import websockets
from fastapi import FastAPI, Request, Response, WebSocket

from engine.recorder import Recorder  # recorder

MODEL_URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"
SESSION = {
    "type": "realtime",
    "instructions": "You sell bread on the phone. Be brief.",
    "output_modalities": ["audio"],
    "audio": {
        # An audit counts bytes as samples of mu-law, so it needs this format both ways.
        "input": {"format": {"type": "audio/pcmu"}, "turn_detection": {"type": "server_vad"}},
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
    },
}

app = FastAPI()


@app.post("/incoming-call")
async def incoming_call(request: Request) -> Response:
    stream = f"wss://{request.url.hostname}/media-stream"
    return Response(f'<Response><Connect><Stream url="{stream}"/></Connect></Response>', media_type="text/xml")


@app.websocket("/media-stream")
async def media_stream(caller: WebSocket) -> None:
    await caller.accept()
    key = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    with Recorder(folder="recordings") as recorder:  # recorder
        async with websockets.connect(MODEL_URL, additional_headers=key) as model:
            bridge = Bridge(caller, model, recorder)
            await bridge.to_model({"type": "session.update", "session": SESSION})
            await asyncio.gather(bridge.listen_to_caller(), bridge.listen_to_model())


class Bridge:
    """One call."""

    def __init__(self, caller: WebSocket, model: Any, recorder: Recorder) -> None:
        self.caller, self.model = caller, model
        self.recorder = recorder  # recorder
        self.stream_sid = ""
        self.latest_ms = 0
        self.item_id: str | None = None
        self.item_started_ms = 0
        self.marks = 0

    async def to_caller(self, frame: dict[str, Any]) -> None:
        text = json.dumps({**frame, "streamSid": self.stream_sid})
        self.recorder.caller_out(text)  # recorder
        await self.caller.send_text(text)

    async def to_model(self, frame: dict[str, Any]) -> None:
        text = json.dumps(frame)
        self.recorder.model_out(text)  # recorder
        await self.model.send(text)

    async def listen_to_caller(self) -> None:
        async for text in self.caller.iter_text():
            self.recorder.caller_in(text)  # recorder
            frame = json.loads(text)
            if frame["event"] == "start":
                self.stream_sid = frame["start"]["streamSid"]
            elif frame["event"] == "media":
                self.latest_ms = int(frame["media"]["timestamp"])
                await self.to_model({"type": "input_audio_buffer.append", "audio": frame["media"]["payload"]})
            elif frame["event"] == "mark":
                self.marks -= 1
            elif frame["event"] == "stop":
                break
        await self.model.close()

    async def listen_to_model(self) -> None:
        async for text in self.model:
            self.recorder.model_in(text)  # recorder
            event = json.loads(text)
            if event["type"] == "response.output_audio.delta":
                await self.play(event["item_id"], event["delta"])
            elif event["type"] == "input_audio_buffer.speech_started":
                await self.interrupt()

    async def play(self, item_id: str, payload: str) -> None:
        if item_id != self.item_id:
            self.item_id, self.item_started_ms = item_id, self.latest_ms
        await self.to_caller({"event": "media", "media": {"payload": payload}})
        await self.to_caller({"event": "mark", "mark": {"name": "part"}})
        self.marks += 1

    async def interrupt(self) -> None:
        if self.item_id is None or self.marks <= 0:
            return
        heard_ms = self.latest_ms - self.item_started_ms
        truncate = {"item_id": self.item_id, "content_index": 0, "audio_end_ms": heard_ms}
        await self.to_model({"type": "conversation.item.truncate", **truncate})
        await self.to_caller({"event": "clear"})
        self.item_id = None
