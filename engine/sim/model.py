"""The OpenAI Realtime server, in virtual time. It knows what the model believes was heard.

It hears the caller by loudness (`vad`), answers each turn with the next of its scripted replies (`reply`), cancels its
own response when the caller starts to speak, keeps the conversation (`conversation`), and answers what a client may ask
of it with the vendor's events or the vendor's errors. Only what a bridge on a phone call sends is simulated.
Facts: https://platform.openai.com/docs/api-reference/realtime-server-events.

A cancelled response is not silent at once: late deltas may come after `speech_started`, and `response.done` ends it.
The next response may be created before that. `ns` are the driver's clock.
"""

from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import Any

import msgspec

from engine.core.audio import SAMPLES_PER_MS, ms_of
from engine.sim.conversation import Conversation, Refused, Remembered
from engine.sim.created import client_item
from engine.sim.generation import Generation
from engine.sim.machine import NS_PER_MS, Closing
from engine.sim.reply import Reply, tokens
from engine.sim.session import default_session, updated_session
from engine.sim.vad import SILENT_WINDOW, EnergyVad, SpeechEdge

_APPEND = '{"type":"input_audio_buffer.append","audio":"'
_COMMIT_MS_MIN = 100
_BETA_NAMES = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
    "conversation.item.done": None,
}


class ModelPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the model says, what it understands, and how it refuses."""

    model: str = "gpt-realtime-2.1"
    replies: tuple[Reply, ...] = ()
    """One for each response, in order. After the last, responses are empty."""
    caller_words: tuple[str, ...] = ()
    """What the transcription makes of each of the caller's turns, in order."""
    transcription_ms: int = 300
    beta_names: bool = False
    key_is_invalid: bool = False
    refuses_update: bool = False
    session_ms_max: int | None = None


_SILENT_PAYLOAD = b64encode(SILENT_WINDOW).decode()
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def _required(message: dict[str, Any], name: str) -> Any:
    if name not in message:
        raise Refused("missing_required_parameter", f"Missing required parameter: '{name}'.", name)
    return message[name]


def _required_int(message: dict[str, Any], name: str) -> int:
    value = _required(message, name)
    if type(value) is not int or value < 0:
        raise Refused("invalid_type", f"Invalid type for '{name}': expected a whole number of at least 0.", name)
    return value


class RealtimeModel:
    """A `Machine`. Its session starts when it is opened. What `earlier`, the server of a session before it, has said
    and understood is not said and understood again; nothing else is carried over."""

    def __init__(self, plan: ModelPlan, earlier: "RealtimeModel | None" = None) -> None:
        self.plan = plan
        self._number: int = 1 if earlier is None else earlier._number + 1
        self._replies_before: int = 0 if earlier is None else earlier._replies_before + len(earlier.responses)
        self._turns_before: int = 0 if earlier is None else earlier._turns_before + earlier._turns_understood
        self._turns_understood: int = 0
        self._turns = 0
        self.closing: Closing | None = None
        self.errors: list[dict[str, Any]] = []
        self.conversation = Conversation()
        self.responses: list[Generation] = []
        self.session = default_session(f"sess_{self._number:04d}", plan.model)
        self._is_open = False
        self._now_ns = 0
        self._frames: list[str] = []
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._events_sent = self._planned = 0
        self._caller_items: int = 0 if earlier is None else earlier._caller_items
        self._vad: EnergyVad | None = None
        self._uncommitted_samples = 0
        self._speech_item_id = ""
        self._active: Generation | None = None
        self._answers: dict[str, Callable[[dict[str, Any]], None]] = {
            "session.update": self._update_session,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit_asked,
            "input_audio_buffer.clear": self._discard_input,
            "conversation.item.create": self._create_item,
            "conversation.item.truncate": self._truncate,
            "conversation.item.delete": self._delete,
            "response.create": self._create_asked,
            "response.cancel": self._cancel_asked,
        }

    def open(self, at_ns: int) -> None:
        self._is_open, self._now_ns = True, at_ns
        if self.plan.key_is_invalid:
            self._send_error(Refused("invalid_api_key", "Incorrect API key provided."), None)
            self.closing = Closing(3000, "invalid_request_error.invalid_api_key")
            return
        self.send("session.created", session=self.session)
        if self.plan.session_ms_max is not None:
            self.plan_at(at_ns + self.plan.session_ms_max * NS_PER_MS, self._expire)

    def receive(self, at_ns: int, frame: str | bytes) -> None:
        if not self._is_open or self.closing is not None:
            return
        self._run_to(at_ns)
        # The one frame that comes fifty times a second is taken apart by hand.
        if isinstance(frame, str) and frame.startswith(_APPEND) and frame.endswith('"}'):
            self._hear(frame[len(_APPEND) : -2], None)
            return
        try:
            message = _decode(frame)
        except (msgspec.MsgspecError, UnicodeError):
            self._send_error(Refused("invalid_json", "Could not parse the message as JSON."), None)
            return
        event_id = message.get("event_id")
        try:
            answer = self._answers.get(message.get("type", ""))
            if answer is None:
                raise Refused("invalid_value", f"Invalid value: '{message.get('type')}'.", "type")
            answer(message)
        except Refused as refusal:
            self._send_error(refusal, event_id)

    def next_at_ns(self) -> int | None:
        if self._frames:
            return self._now_ns
        return self._agenda[0][0] if self._agenda and self.closing is None else None

    def advance(self, at_ns: int) -> list[str]:
        self._run_to(at_ns)
        frames, self._frames = self._frames, []
        return frames

    def close(self, at_ns: int) -> None:
        self._run_to(at_ns)
        self.closing = self.closing or Closing(1000, "")
        self._frames.clear()

    # For a generation

    @property
    def now_ns(self) -> int:
        """The time of what is happening."""
        return self._now_ns

    def send(self, kind: str, **fields: object) -> None:
        """Send an event, under its GA name or its beta name."""
        name: str | None = _BETA_NAMES.get(kind, kind) if self.plan.beta_names else kind
        if name is not None:
            self._frames.append(_encode({"type": name, "event_id": self.event_id(), **fields}).decode())

    def send_delta(self, head: str, payload: str) -> None:
        """Send audio: `head` is the event from its third field up to the payload."""
        kind = "response.audio.delta" if self.plan.beta_names else "response.output_audio.delta"
        self._frames.append(f'{{"type":"{kind}","event_id":"{self.event_id()}",{head}"delta":"{payload}"}}')

    def event_id(self) -> str:
        """The next one."""
        self._events_sent += 1
        return f"event_{self._events_sent:05d}"

    def plan_at(self, at_ns: int, act: Callable[[], None]) -> None:
        """Do something later. What is due at one time happens in the order planned."""
        self._planned += 1
        heappush(self._agenda, (at_ns, self._planned, act))

    def done(self, generation: Generation) -> None:
        """A generation has sent its `response.done`."""
        if self._active is generation:
            self._active = None

    # What the client may ask

    def _update_session(self, message: dict[str, Any]) -> None:
        if self.plan.refuses_update:
            raise Refused("invalid_value", "The session cannot be updated like this.", "session")
        has_spoken = any(item.generated_samples for item in self.conversation.items)
        self.session = updated_session(self.session, message.get("session"), has_spoken)
        heard = self.session["audio"]["input"]
        turns = heard["turn_detection"]
        if turns is None or turns["type"] != "server_vad" or heard["format"]["type"] != "audio/pcmu":
            self._vad = None
        else:
            numbers = turns["threshold"], turns["prefix_padding_ms"], turns["silence_duration_ms"]
            self._vad = self._vad or EnergyVad()
            self._vad.configure(*numbers)
        self.send("session.updated", session=self.session)

    def _append(self, message: dict[str, Any]) -> None:
        self._hear(str(_required(message, "audio")), message.get("event_id"))

    def _hear(self, payload: str, event_id: str | None) -> None:
        try:
            audio = SILENT_WINDOW if payload == _SILENT_PAYLOAD else a2b_base64(payload, strict_mode=True)
        except (Base64Error, ValueError):
            problem = Refused("invalid_value", "Invalid 'audio'. Expected base64-encoded audio bytes.", "audio")
            self._send_error(problem, event_id)
            return
        self._uncommitted_samples += len(audio)
        for edge in self._vad.append(audio) if self._vad else ():
            self._hear_edge(edge)

    def _commit_asked(self, message: dict[str, Any]) -> None:
        buffered_ms = self._uncommitted_samples / SAMPLES_PER_MS
        if buffered_ms < _COMMIT_MS_MIN:
            text = f"Expected at least {_COMMIT_MS_MIN}ms of audio, but buffer only has {buffered_ms:.2f}ms of audio"
            raise Refused("input_audio_buffer_commit_empty", f"buffer too small. {text}")
        self._commit(self._new_caller_id())

    def _discard_input(self, message: dict[str, Any]) -> None:
        self._uncommitted_samples = 0
        self.send("input_audio_buffer.cleared")

    def _create_item(self, message: dict[str, Any]) -> None:
        item, told = client_item(_required(message, "item"))
        before = self.conversation.create(item, message.get("previous_item_id"))
        self.send("conversation.item.added", previous_item_id=before, item=told)
        self.send("conversation.item.done", previous_item_id=before, item=told)

    def _truncate(self, message: dict[str, Any]) -> None:
        item_id, content_index = str(_required(message, "item_id")), _required_int(message, "content_index")
        audio_end_ms = _required_int(message, "audio_end_ms")
        self.conversation.truncate(item_id, content_index, audio_end_ms)
        self.send(
            "conversation.item.truncated", item_id=item_id, content_index=content_index, audio_end_ms=audio_end_ms
        )

    def _delete(self, message: dict[str, Any]) -> None:
        item_id = str(_required(message, "item_id"))
        self.conversation.delete(item_id)
        self.send("conversation.item.deleted", item_id=item_id)

    def _create_asked(self, message: dict[str, Any]) -> None:
        if self._active is not None:
            text = f"Conversation already has an active response in progress: {self._active.response_id}."
            advice = "Wait until the response is finished before creating a new one."
            raise Refused("conversation_already_has_active_response", f"{text} {advice}")
        self._respond()

    def _cancel_asked(self, message: dict[str, Any]) -> None:
        wanted, active = message.get("response_id"), self._active
        if active is None or active.is_cancelled or wanted not in (None, active.response_id):
            # Seen without the event_id of the request that it answers.
            nothing = Refused("response_cancel_not_active", "Cancellation failed: no active response found")
            self._send_error(nothing, None)
            return
        active.cancel("client_cancelled")

    # What it does of itself

    def _hear_edge(self, edge: SpeechEdge) -> None:
        turns = self.session["audio"]["input"]["turn_detection"]
        if edge.started:
            self._speech_item_id = self._new_caller_id()
            self.send("input_audio_buffer.speech_started", audio_start_ms=edge.at_ms, item_id=self._speech_item_id)
            if turns["interrupt_response"] and self._active is not None and not self._active.is_cancelled:
                self._active.cancel("turn_detected")
            return
        self.send("input_audio_buffer.speech_stopped", audio_end_ms=edge.at_ms, item_id=self._speech_item_id)
        self._commit(self._speech_item_id)
        # A response that the caller may not interrupt keeps the next from being created.
        if turns["create_response"] and (self._active is None or self._active.is_cancelled):
            self._respond()

    def _commit(self, item_id: str) -> None:
        heard_ms, self._uncommitted_samples = ms_of(self._uncommitted_samples), 0
        before = self.conversation.add(Remembered(item_id, "user", done=True))
        self.send("input_audio_buffer.committed", previous_item_id=before, item_id=item_id)
        content = [{"type": "input_audio", "transcript": None}]
        item = {"id": item_id, "type": "message", "status": "completed", "role": "user", "content": content}
        self.send("conversation.item.added", previous_item_id=before, item=item)
        self.send("conversation.item.done", previous_item_id=before, item=item)
        if self.session["audio"]["input"]["transcription"] is not None:
            turn, self._turns = self._turns_before + self._turns, self._turns + 1
            words = self.plan.caller_words[turn] if turn < len(self.plan.caller_words) else ""
            due_ns = self._now_ns + self.plan.transcription_ms * NS_PER_MS
            self.plan_at(due_ns, partial(self._transcribe, self.conversation.items[-1], words, heard_ms))

    def _transcribe(self, item: Remembered, words: str, heard_ms: int) -> None:
        item.text = words
        self._turns_understood += 1
        kind = "conversation.item.input_audio_transcription"
        for piece in tokens(words):
            self.send(f"{kind}.delta", item_id=item.item_id, content_index=0, delta=piece, obfuscation="aZ")
        usage = {"type": "duration", "seconds": -(-heard_ms // 1000)}
        self.send(f"{kind}.completed", item_id=item.item_id, content_index=0, transcript=words, usage=usage)

    def _respond(self) -> None:
        number = self._replies_before + len(self.responses)
        reply = self.plan.replies[number] if number < len(self.plan.replies) else Reply(items=())
        self._active = Generation(self, number + 1, reply)
        self.responses.append(self._active)
        self._active.start()

    def _expire(self) -> None:
        minutes = (self.plan.session_ms_max or 0) // 60_000
        text = f"Your session hit the maximum duration of {minutes} minutes."
        self._send_error(Refused("session_expired", text), None)
        self.closing = Closing(1001, "")

    def _send_error(self, refusal: Refused, event_id: str | None) -> None:
        error = {
            "type": "invalid_request_error",
            "code": refusal.code,
            "message": refusal.message,
            "param": refusal.param,
            "event_id": event_id,
        }
        self.errors.append(error)
        self.send("error", error=error)

    def _new_caller_id(self) -> str:
        self._caller_items += 1
        return f"item_caller{self._caller_items:03d}"

    def _run_to(self, now_ns: int) -> None:
        while self._agenda and self._agenda[0][0] <= now_ns and self.closing is None:
            at_ns, _, act = heappop(self._agenda)
            self._now_ns = max(self._now_ns, at_ns)
            act()
        self._now_ns = max(self._now_ns, now_ns)
