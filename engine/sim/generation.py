"""One response of the simulated model, from `response.created` to `response.done`.

It follows its script (`reply`), one stroke at a time. Cancelled, it drops what is left of the script, lets the planned
number of late deltas through, and closes what is open: audio, transcript, part, item (`incomplete`), response.
"""

from base64 import b64encode
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from engine.sim.conversation import Conversation, Remembered
from engine.sim.machine import NS_PER_MS
from engine.sim.reply import Reply, Stroke, script

_SAMPLES_PER_TOKEN = 400
"""Billing: an audio token is 50 ms of the assistant."""


class Server(Protocol):
    """What a generation needs of the model."""

    conversation: Conversation
    session: dict[str, Any]

    @property
    def now_ns(self) -> int: ...
    def send(self, kind: str, **fields: object) -> None: ...
    def send_delta(self, head: str, payload: str) -> None: ...
    def plan_at(self, at_ns: int, act: Callable[[], None]) -> None: ...
    def done(self, generation: "Generation") -> None: ...


class Generation:
    """`status` is the vendor's: in_progress, completed, cancelled."""

    def __init__(self, server: Server, number: int, reply: Reply) -> None:
        self.response_id = f"resp_{number:04d}"
        self.status = "in_progress"
        self.is_cancelled = False
        self.items: list[Remembered] = []
        self._server = server
        self._number = number
        self._reply = reply
        self._strokes = deque(script(reply))
        self._cut_item: Remembered | None = None
        self._created_ns = 0
        self._plans = 0

    def start(self) -> None:
        """Begin, now."""
        self._created_ns = self._server.now_ns
        self._server.send("response.created", response=self._response(None))
        self._plan_next()

    def cancel(self, reason: str) -> None:
        """Stop generating, for `reason`: turn_detected or client_cancelled."""
        self.is_cancelled = True
        self._plans += 1
        late: list[Stroke] = []
        if self.items and not self.items[-1].done:
            number = len(self.items) - 1
            late = [stroke for stroke in self._strokes if stroke.kind == "audio" and stroke.item == number]
            late = late[: self._reply.late_deltas]
        self._strokes.clear()
        every_ns, now_ns = self._reply.late_every_ms * NS_PER_MS, self._server.now_ns
        for count, stroke in enumerate(late, 1):
            self._server.plan_at(now_ns + count * every_ns, partial(self._speak, stroke))
        if late:
            self._server.plan_at(now_ns + (len(late) + 1) * every_ns, partial(self._end, "cancelled", reason))
        else:
            self._end("cancelled", reason)

    def _plan_next(self) -> None:
        if self._strokes:
            due_ns = self._created_ns + self._strokes[0].at_ns
            self._server.plan_at(due_ns, partial(self._next, self._plans))
        else:
            self._end("completed", None)

    def _next(self, plan: int) -> None:
        if plan != self._plans:
            return
        stroke = self._strokes.popleft()
        match stroke.kind:
            case "begin":
                self._begin_item(stroke)
            case "text":
                self._write(stroke)
            case "audio":
                self._speak(stroke)
            case "end":
                self._end_item("completed")
        self._plan_next()

    def _begin_item(self, stroke: Stroke) -> None:
        item_id = f"item_reply{self._number:03d}_{stroke.item + 1}"
        audio = self._reply.items[stroke.item].audio
        self.items.append(Remembered(item_id, "assistant", self.response_id, audio=audio))
        before = self._server.conversation.add(self.items[-1])
        item = self._item("in_progress", self.items[-1], content=[])
        self._server.send(
            "response.output_item.added", response_id=self.response_id, output_index=stroke.item, item=item
        )
        self._server.send("conversation.item.added", previous_item_id=before, item=item)
        self._server.send("response.content_part.added", **self._where(), part={"type": "audio", "transcript": ""})

    def _write(self, stroke: Stroke) -> None:
        self.items[-1].text += stroke.text
        self._server.send(
            "response.output_audio_transcript.delta", **self._where(), delta=stroke.text, obfuscation="aZ"
        )

    def _speak(self, stroke: Stroke) -> None:
        item = self.items[-1]
        item.generated_samples = stroke.end
        head = (
            f'"response_id":"{self.response_id}","item_id":"{item.item_id}",'
            f'"output_index":{stroke.item},"content_index":0,'
        )
        self._server.send_delta(head, b64encode(item.audio[stroke.begin : stroke.end]).decode())

    def _end_item(self, status: str) -> None:
        item, send, where = self.items[-1], self._server.send, self._where()
        item.done = True
        part = {"type": "audio", "transcript": item.text}
        whole = self._item(status, item)
        send("response.output_audio.done", **where)
        send("response.output_audio_transcript.done", **where, transcript=item.text)
        send("response.content_part.done", **where, part=part)
        send("conversation.item.done", previous_item_id=None, item=whole)
        send("response.output_item.done", response_id=self.response_id, output_index=len(self.items) - 1, item=whole)

    def _end(self, status: str, reason: str | None) -> None:
        if self.items and not self.items[-1].done:
            self._cut_item = self.items[-1]
            self._end_item("incomplete")
        self.status = status
        self._server.send("response.done", response=self._response(reason))
        limit = {"name": "tokens", "limit": 40_000, "remaining": 39_000, "reset_seconds": 1.5}
        self._server.send("rate_limits.updated", rate_limits=[limit])
        self._server.done(self)

    def _where(self) -> dict[str, object]:
        return {
            "response_id": self.response_id,
            "item_id": self.items[-1].item_id,
            "output_index": len(self.items) - 1,
            "content_index": 0,
        }

    def _item(self, status: str, item: Remembered, content: list[object] | None = None) -> dict[str, object]:
        if content is None:
            content = [{"type": "output_audio", "transcript": item.text}]
        # `phase` is not documented and is there.
        return {
            "id": item.item_id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "phase": "final_answer",
            "content": content,
        }

    def _response(self, reason: str | None) -> dict[str, object]:
        sound = self._server.session["audio"]["output"]
        is_over = self.status != "in_progress"
        audio_tokens = sum(-(-item.generated_samples // _SAMPLES_PER_TOKEN) for item in self.items)
        output = [self._item("incomplete" if item is self._cut_item else "completed", item) for item in self.items]
        return {
            "object": "realtime.response",
            "id": self.response_id,
            "status": self.status,
            "status_details": {"type": self.status, "reason": reason} if reason else None,
            "output": output if is_over else [],
            "conversation_id": "conv_0001",
            "output_modalities": ["audio"],
            "max_output_tokens": "inf",
            "audio": {"output": {"format": sound["format"], "voice": sound["voice"]}},
            "usage": {"output_tokens": audio_tokens} if is_over else None,
            "metadata": None,
        }
