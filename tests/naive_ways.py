"""Other ways to forward audio, none of them wrong: without marks, with one for a response, in frames of 20 ms."""

from base64 import b64decode, b64encode
from typing import Any

from tests.naive_bridge import MARK, Bridge, Speaking

FRAME_BYTES = 160


class NoMarks(Bridge):
    """Nothing but the audio."""

    def play(self, speaking: Speaking, payload: str, size: int) -> None:
        self.to_caller("media", media={"payload": payload})


class MarksOnce(NoMarks):
    """A mark when a response is complete."""

    def from_model(self, kind: str, message: dict[str, Any]) -> None:
        super().from_model(kind, message)
        if kind == "response.done" and message["response"]["status"] == "completed":
            self.to_caller("mark", mark={"name": MARK})


class Recuts(Bridge):
    """Frames of 20 ms, across deltas; the end of an item is a shorter one. Every fifth frame has a mark behind it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.rest = b""
        self.frames = 0

    def play(self, speaking: Speaking, payload: str, size: int) -> None:
        self.rest += b64decode(payload)
        while len(self.rest) >= FRAME_BYTES:
            self._forward(self.rest[:FRAME_BYTES])
            self.rest = self.rest[FRAME_BYTES:]

    def item_done(self, item_id: str) -> None:
        if self.rest:
            self._forward(self.rest)
        self.rest = b""
        super().item_done(item_id)

    def speech_started(self) -> None:
        super().speech_started()
        self.rest = b""

    def _forward(self, frame: bytes) -> None:
        self.to_caller("media", media={"payload": b64encode(frame).decode()})
        self.frames += 1
        if self.frames % 5 == 0:
            self.to_caller("mark", mark={"name": f"frame-{self.frames}"})
