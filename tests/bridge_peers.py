"""The two peers of a bridge, over any stream: a Twilio and a model that do what a test tells them, and no more.

For what the real ones do by themselves (playing, echoing, hearing speech) there is `engine/sim`. Here the point is what
a socket does: closes, breaks off, refuses, talks nonsense.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress

import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream, wrap_server_stream

from engine.core import Entry
from engine.dial import Dialled, Upgrade
from engine.log.reader import CallRow

CALL_SID = "CA" + "1" * 32
STREAM_SID = "MZ" + "2" * 32
CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'
STOP = json.dumps({"event": "stop", "sequenceNumber": "9", "streamSid": STREAM_SID, "stop": {"callSid": CALL_SID}})
SESSION_CREATED = '{"type":"session.created","event_id":"event_1","session":{}}'
APPEND = "input_audio_buffer.append"


def start(
    call_sid: str = CALL_SID, encoding: str = "audio/x-mulaw", parameters: Mapping[str, str] | None = None
) -> str:
    """Twilio's `start` message."""
    return json.dumps(
        {
            "event": "start",
            "sequenceNumber": "1",
            "streamSid": STREAM_SID,
            "start": {
                "streamSid": STREAM_SID,
                "accountSid": "AC" + "3" * 32,
                "callSid": call_sid,
                "tracks": ["inbound"],
                "customParameters": dict(parameters or {}),
                "mediaFormat": {"encoding": encoding, "sampleRate": 8000, "channels": 1},
            },
        }
    )


def media(number: int) -> str:
    """20 ms of caller audio; each frame's samples are its own number."""
    payload = b64encode(bytes([number % 256]) * 160).decode()
    frame = {"track": "inbound", "chunk": str(number), "timestamp": str(number * 20), "payload": payload}
    return json.dumps({"event": "media", "sequenceNumber": str(number + 1), "streamSid": STREAM_SID, "media": frame})


class MemoryLog:
    """The log of one call, in memory. One list per append: what one transaction held."""

    def __init__(self) -> None:
        self.call: CallRow | None = None
        self.appends: list[list[Entry]] = []

    def open(self, call: CallRow) -> None:
        self.call = call

    def append(self, entries: Sequence[Entry]) -> None:
        self.appends.append(list(entries))

    @property
    def entries(self) -> list[Entry]:
        return [entry for entries in self.appends for entry in entries]

    def story(self) -> list[str]:
        """Every entry as `kind leg type`, media and appends left out: they are in every test and tell nothing."""
        return [
            f"{entry.kind} {entry.leg} {entry.type}"
            for entry in self.entries
            if entry.type not in ("media", APPEND, "mark")
        ]

    def bodies(self, type_: str) -> list[dict[str, object]]:
        """What all entries of that type say."""
        return [json.loads(entry.body) for entry in self.entries if entry.type == type_]

    def first(self, type_: str) -> Entry:
        """The first entry of that type."""
        return next(entry for entry in self.entries if entry.type == type_)

    def body(self, type_: str) -> dict[str, object]:
        """What the only entry of that type says."""
        (found,) = self.bodies(type_)
        return found


class Peer:
    """One end of a WebSocket. What it received is in `frames`; `closed` once the other side is gone."""

    def __init__(self) -> None:
        self.frames: list[str | bytes] = []
        self.closed = trio.Event()
        self.socket: WebSocketConnection
        self._more = trio.Event()

    async def send(self, *frames: str | bytes) -> None:
        for frame in frames:
            await self.socket.send_message(frame)

    async def received(self, count: int) -> None:
        """Wait until that many frames have come."""
        while len(self.frames) < count:
            await self._more.wait()

    def types(self) -> list[str]:
        return [(body := json.loads(frame)).get("event") or body["type"] for frame in self.frames]

    async def close_reason(self) -> tuple[int, str | None]:
        """How the other side closed, once it has."""
        await self.closed.wait()
        assert self.socket.closed is not None
        return int(self.socket.closed.code), self.socket.closed.reason

    async def read(self) -> None:
        try:
            while True:
                frame = await self.socket.get_message()
                self.frames.append(frame)
                await self.react(frame)
                self._more.set()
                self._more = trio.Event()
        except ConnectionClosed:
            self.closed.set()

    async def react(self, frame: str | bytes) -> None:
        pass


class Caller(Peer):
    """Twilio's end."""

    async def connect(
        self, nursery: trio.Nursery, stream: trio.abc.Stream, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        self.socket = await wrap_client_stream(
            nursery,
            stream,  # type: ignore[arg-type]  # any stream will do, whatever the library says
            "bridge",
            "/media",
            extra_headers=list(headers),
        )
        nursery.start_soon(self._read_and_leave, stream)

    async def _read_and_leave(self, stream: trio.abc.Stream) -> None:
        async with stream:
            await self.read()

    async def say(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            await self.send(media(number))


class Model(Peer):
    """The model's end: accepts the session that it is told to have, and speaks when a test makes it."""

    def __init__(self, accepts: bool = True, first: str = SESSION_CREATED) -> None:
        super().__init__()
        self.accepts = accepts
        self.first = first
        self.connections = 0
        self.resource = ""
        self.headers: dict[bytes, bytes] = {}

    async def serve(self, stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)
            self.connections += 1
            self.resource, self.headers = request.path, dict(request.headers)
            if not self.accepts:
                words = b'{"error": {"message": "Incorrect API key provided: sk-abc***xyz."}}'
                await request.reject(401, body=words)
                await stream.aclose()
                return
            self.socket = await request.accept()
            with suppress(ConnectionClosed):
                await self.send(self.first)
            await self.read()

    async def react(self, frame: str | bytes) -> None:
        body = json.loads(frame)
        if body["type"] == "session.update":
            await self.send(json.dumps({"type": "session.updated", "event_id": "event_2", "session": body["session"]}))

    def speaks(self, item_id: str, audio: bytes) -> list[str]:
        """The frames of a reply of one item whose audio comes in one piece."""
        response = {"response_id": "resp_1", "item_id": item_id, "output_index": 0, "content_index": 0}
        return [
            '{"type":"response.created","event_id":"event_3","response":{"id":"resp_1"}}',
            json.dumps({"type": "response.output_audio.delta", **response, "delta": b64encode(audio).decode()}),
        ]

    def dial(self, nursery: trio.Nursery) -> "MemoryDial":
        return MemoryDial(self, nursery)


class MemoryDial:
    """Dials the model over a pair of memory streams."""

    def __init__(self, model: Model, nursery: trio.Nursery) -> None:
        self._model = model
        self._nursery = nursery

    async def __call__(self, model: str) -> Dialled:
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self._model.serve, theirs)
        return Dialled(ours, Upgrade("model", f"/v1/realtime?model={model}", []))
