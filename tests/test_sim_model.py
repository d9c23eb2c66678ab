"""The simulated model: turns, replies, what a barge-in does to them, and every error it can answer with."""

import json
from base64 import b64encode
from typing import Any

import pytest

from engine.core.audio import SILENCE
from engine.sim.machine import NS_PER_MS, Closing
from engine.sim.model import ModelPlan, RealtimeModel
from engine.sim.reply import Reply, ReplyItem, script, tokens
from engine.sim.ruler import ruler

SILENT = bytes([SILENCE]) * 160
LOUD = b"\x10\x90" * 80
VAD = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200}
SESSION = {
    "type": "realtime",
    "instructions": "Sell bread.",
    "audio": {
        "input": {"format": {"type": "audio/pcmu"}, "transcription": {"model": "whisper"}, "turn_detection": VAD},
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
    },
}
HELLO = ReplyItem("Hello there, dear.", ruler(1, 1000))
BREAD = ReplyItem("We have bread.", ruler(2, 600))


def ns(ms: float) -> int:
    return round(ms * NS_PER_MS)


class Line:
    """A client on a line without delay, which keeps what it hears."""

    def __init__(self, plan: ModelPlan, configured: bool = True) -> None:
        self.model = RealtimeModel(plan)
        self.now_ms = 0
        self.heard: list[dict[str, Any]] = []
        self.model.open(0)
        self.wait(0)
        if configured:
            self.say(type="session.update", session=SESSION)
            self.heard.clear()

    def say(self, **message: Any) -> list[dict[str, Any]]:
        """Send an event; the answer."""
        self.model.receive(ns(self.now_ms), json.dumps(message))
        return self.wait(0)

    def wait(self, ms: int) -> list[dict[str, Any]]:
        self.now_ms += ms
        events = [json.loads(frame) for frame in self.model.advance(ns(self.now_ms))]
        self.heard += events
        return events

    def speak(self, ms: int, frame: bytes = LOUD) -> list[dict[str, Any]]:
        """Append audio for so long; what the model says meanwhile."""
        said = []
        for _ in range(ms // 20):
            said += self.wait(20)
            text = f'{{"type":"input_audio_buffer.append","audio":"{b64encode(frame).decode()}"}}'
            self.model.receive(ns(self.now_ms), text)
            said += self.wait(0)
        return said

    def turn(self) -> list[dict[str, Any]]:
        """The caller says something and is done."""
        return self.speak(300) + self.speak(200, SILENT)


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def error_of(events: list[dict[str, Any]]) -> tuple[str, str, str | None, str | None]:
    (event,) = events
    error = event["error"]
    assert (event["type"], error["type"]) == ("error", "invalid_request_error")
    return error["code"], error["message"], error["param"], error["event_id"]


def test_a_session_begins_with_the_vendors_defaults_and_takes_an_update() -> None:
    line = Line(ModelPlan(), configured=False)
    (created,) = line.heard
    assert created["type"] == "session.created"
    assert created["session"]["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200
    assert created["session"]["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
    (updated,) = line.say(type="session.update", session=SESSION)
    # The whole session comes back: what was asked for, and what was not mentioned.
    assert updated["type"] == "session.updated"
    session = updated["session"]
    assert (session["instructions"], session["tool_choice"]) == ("Sell bread.", "auto")
    assert session["audio"]["input"] == {
        "format": {"type": "audio/pcmu"},
        "transcription": {"model": "whisper", "language": None, "prompt": None},
        "noise_reduction": None,
        "turn_detection": {**VAD, "idle_timeout_ms": None, "create_response": True, "interrupt_response": True},
    }
    assert session["audio"]["output"] == {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.0}


def test_a_turn_is_heard_committed_answered_and_transcribed() -> None:
    line = Line(ModelPlan(replies=(Reply(items=(HELLO,)),), caller_words=("Bread, please.",)))
    line.speak(400, SILENT)
    line.turn()
    line.wait(3000)
    order = list(dict.fromkeys(kinds(line.heard)))
    assert order == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    by_kind = {event["type"]: event for event in line.heard}
    # It spoke from 400 ms on, and was silent for 200 ms from 700 ms on.
    assert by_kind["input_audio_buffer.speech_started"]["audio_start_ms"] == 100
    assert by_kind["input_audio_buffer.speech_stopped"]["audio_end_ms"] == 900
    assert by_kind["conversation.item.input_audio_transcription.completed"]["transcript"] == "Bread, please."
    assert by_kind["response.output_audio_transcript.done"]["transcript"] == "Hello there, dear."
    response = by_kind["response.done"]["response"]
    assert (response["status"], response["status_details"], len(response["output"])) == ("completed", None, 1)
    caller, assistant = line.model.conversation.items
    assert (caller.role, caller.text) == ("user", "Bread, please.")
    assert (assistant.role, assistant.generated_samples, assistant.kept_samples) == ("assistant", 8000, 8000)


def test_soft_sounds_and_single_clicks_are_not_speech() -> None:
    line = Line(ModelPlan())
    assert line.speak(400, b"\xf0\x70" * 80) == []
    assert line.speak(20) + line.speak(20, SILENT) + line.speak(20) + line.speak(400, SILENT) == []
    # Pieces of any length are heard alike.
    for _ in range(10):
        line.model.receive(
            ns(line.now_ms), json.dumps({"type": "input_audio_buffer.append", "audio": b64encode(LOUD[:50]).decode()})
        )
    assert kinds(line.wait(0)) == ["input_audio_buffer.speech_started"]


def test_transcript_leads_and_audio_outruns_the_ear() -> None:
    reply = Reply(items=(HELLO, BREAD), speed=10, latency_ms=500, text_lead_ms=100, delta_samples=(2000, 1001))
    times = [(stroke.at_ns / NS_PER_MS, stroke.kind, stroke.item) for stroke in script(reply)]
    audio = [(stroke.item, stroke.begin, stroke.end) for stroke in script(reply) if stroke.kind == "audio"]
    first = [(0, 0, 2000), (0, 2000, 3001), (0, 3001, 5001), (0, 5001, 6002), (0, 6002, 8000)]
    assert audio == [*first, (1, 0, 1001), (1, 1001, 3001), (1, 3001, 4002), (1, 4002, 4800)]
    assert times[:2] == [(400, "begin", 0), (400, "text", 0)]
    assert next(time for time in times if time[1] == "audio") == (500, "audio", 0)
    last_text = max(time for time, kind, item in times if (kind, item) == ("text", 0))
    last_audio = max(time for time, kind, item in times if (kind, item) == ("audio", 0))
    assert (last_text < last_audio, last_audio) == (True, 575)
    assert times == sorted(times, key=lambda time: time[0])
    assert "".join(tokens("That will be $9.05. Cash?")) == "That will be $9.05. Cash?"


def test_generation_can_stall_in_the_middle() -> None:
    reply = Reply(items=(HELLO,), speed=1, latency_ms=0, text_lead_ms=0, stall_at_ms=600, stall_ms=700)
    audio = [stroke.at_ns // NS_PER_MS for stroke in script(reply) if stroke.kind == "audio"]
    assert audio == [0, 250, 1200, 1450]


def test_speech_cancels_the_response_and_late_deltas_still_come() -> None:
    line = Line(ModelPlan(replies=(Reply(items=(HELLO, BREAD), speed=0.5, late_deltas=2), Reply(items=(BREAD,)))))
    line.turn()
    line.wait(500)
    line.heard.clear()
    line.speak(40)
    line.wait(60)
    assert kinds(line.heard) == [
        "input_audio_buffer.speech_started",
        "response.output_audio.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    done = line.heard[-2]["response"]
    assert (done["status"], done["status_details"]) == ("cancelled", {"type": "cancelled", "reason": "turn_detected"})
    assert [item["status"] for item in done["output"]] == ["incomplete"]
    item = line.model.conversation.items[1]
    assert (item.generated_samples, item.done) == (6000, True)
    # The caller goes on; the next turn is answered with the next reply, and the second item never comes.
    line.speak(300, SILENT)
    line.wait(3000)
    ids = [item.item_id for item in line.model.conversation.items]
    assert ids == ["item_caller001", "item_reply001_1", "item_caller002", "item_reply002_1"]
    assert line.model.errors == []


def test_speech_cancels_a_response_that_has_said_nothing() -> None:
    line = Line(ModelPlan(replies=(Reply(items=(HELLO,)),)))
    line.turn()
    line.heard.clear()
    line.speak(40)
    assert kinds(line.heard) == ["input_audio_buffer.speech_started", "response.done", "rate_limits.updated"]
    assert line.heard[1]["response"]["output"] == []


def test_the_next_response_may_be_created_before_the_last_is_done() -> None:
    slow = Reply(items=(HELLO,), speed=0.5, late_deltas=2, late_every_ms=300)
    line = Line(ModelPlan(replies=(slow, Reply(items=(BREAD,), speed=1))))
    line.turn()
    line.wait(500)
    line.heard.clear()
    line.turn()
    line.wait(450)
    # The first is done by now, the second is not: it is the active one.
    assert [event["response"]["id"] for event in line.heard if event["type"] == "response.done"] == ["resp_0001"]
    assert error_of(line.say(type="response.create"))[0] == "conversation_already_has_active_response"
    line.wait(2000)
    order = [(event["type"], event["response"]["id"]) for event in line.heard if "response" in event]
    assert order == [
        ("response.created", "resp_0002"),
        ("response.done", "resp_0001"),
        ("response.done", "resp_0002"),
    ]


def test_nothing_is_cancelled_when_the_session_says_so() -> None:
    line = Line(ModelPlan(replies=(Reply(items=(HELLO,), speed=0.5),)))
    quiet = {
        "type": "realtime",
        "audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}},
    }
    line.say(type="session.update", session=quiet)
    line.turn()
    line.heard.clear()
    line.turn()
    assert [kind for kind in kinds(line.heard) if kind in ("response.done", "response.created")] == []
    answer = line.say(type="response.cancel", response_id="resp_0001")
    assert kinds(answer)[-2:] == ["response.done", "rate_limits.updated"]
    assert answer[-2]["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}


def test_an_item_is_truncated_only_to_less_and_deleted_only_once() -> None:
    line = Line(ModelPlan(replies=(Reply(items=(HELLO, BREAD)),)))
    line.say(type="response.create")
    line.wait(5000)
    item, unheard = line.model.conversation.items

    def truncate(audio_end_ms: int) -> list[dict[str, Any]]:
        return line.say(
            type="conversation.item.truncate", item_id=item.item_id, content_index=0, audio_end_ms=audio_end_ms
        )

    assert error_of(truncate(1001))[1] == "Audio content of 1000ms is already shorter than 1001ms"
    (answer,) = truncate(640)
    assert (answer["type"], answer["audio_end_ms"]) == ("conversation.item.truncated", 640)
    assert error_of(truncate(641)) == (
        "invalid_value",
        "Audio content of 640ms is already shorter than 641ms",
        "audio_end_ms",
        None,
    )
    assert kinds(truncate(0)) == ["conversation.item.truncated"]
    assert (item.generated_samples, item.kept_samples, item.in_conversation) == (8000, 0, True)
    delete = {"type": "conversation.item.delete", "item_id": unheard.item_id}
    assert kinds(line.say(**delete)) == ["conversation.item.deleted"]
    assert (unheard.kept_samples, unheard.in_conversation) == (4800, False)
    assert error_of(line.say(**delete))[0] == "item_delete_invalid_item_id"


ITEM = "item_reply001_1"
ERRORS: dict[str, tuple[dict[str, Any], str, str, str | None]] = {
    "truncate of an item without audio": (
        {"type": "conversation.item.truncate", "item_id": ITEM, "content_index": 0, "audio_end_ms": 0},
        "unsupported_content_type",
        "Only model output audio messages can be truncated",
        None,
    ),
    "truncate of what the caller said": (
        {"type": "conversation.item.truncate", "item_id": "item_caller001", "content_index": 0, "audio_end_ms": 0},
        "unsupported_content_type",
        "Only model output audio messages can be truncated",
        None,
    ),
    "truncate of a response": (
        {"type": "conversation.item.truncate", "item_id": "resp_0001", "content_index": 0, "audio_end_ms": 1},
        "item_truncate_invalid_item_id",
        "Item with item_id not found: resp_0001",
        "item_id",
    ),
    "truncate to nowhere": (
        {"type": "conversation.item.truncate", "item_id": ITEM, "content_index": 0},
        "missing_required_parameter",
        "Missing required parameter: 'audio_end_ms'.",
        "audio_end_ms",
    ),
    "truncate to a fraction": (
        {"type": "conversation.item.truncate", "item_id": ITEM, "content_index": 0, "audio_end_ms": 1.5},
        "invalid_type",
        "Invalid type for 'audio_end_ms': expected a whole number of at least 0.",
        "audio_end_ms",
    ),
    "delete of an item being generated": (
        {"type": "conversation.item.delete", "item_id": ITEM},
        "invalid_value",
        f"Item {ITEM} is still being generated",
        "item_id",
    ),
    "a second response": (
        {"type": "response.create"},
        "conversation_already_has_active_response",
        "Conversation already has an active response in progress: resp_0001. Wait until the response is finished before"
        " creating a new one.",
        None,
    ),
    "cancel of another response": (
        {"type": "response.cancel", "response_id": "resp_0009"},
        "response_cancel_not_active",
        "Cancellation failed: no active response found",
        None,
    ),
    "commit of nothing": (
        {"type": "input_audio_buffer.commit"},
        "input_audio_buffer_commit_empty",
        "buffer too small. Expected at least 100ms of audio, but buffer only has 0.00ms of audio",
        None,
    ),
    "audio that is not base64": (
        {"type": "input_audio_buffer.append", "audio": "?"},
        "invalid_value",
        "Invalid 'audio'. Expected base64-encoded audio bytes.",
        "audio",
    ),
    "a session without a type": (
        {"type": "session.update", "session": {"instructions": ""}},
        "missing_required_parameter",
        "Missing required parameter: 'session.type'.",
        "session.type",
    ),
    "a session with an unknown key": (
        {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"gain": 1}}}},
        "unknown_parameter",
        "Unknown parameter: 'session.audio.input.gain'.",
        "session.audio.input.gain",
    ),
    "an unknown event": (
        {"type": "conversation.forget"},
        "invalid_value",
        "Invalid value: 'conversation.forget'.",
        "type",
    ),
}


@pytest.mark.parametrize("case", ERRORS.values(), ids=ERRORS)
def test_errors_leave_the_session_as_it_was(case: tuple[dict[str, Any], str, str, str | None]) -> None:
    message, code, text, param = case
    line = Line(ModelPlan(replies=(Reply(items=(HELLO,)),)))
    line.turn()
    line.wait(300)
    before = line.model.session, [(item.item_id, item.kept_samples) for item in line.model.conversation.items]
    # A cancel that hits nothing has been seen without the id of the request.
    event_id = None if code == "response_cancel_not_active" else "mine"
    if message["type"] == "input_audio_buffer.append":
        event_id = "mine"
    assert error_of(line.say(**message, event_id="mine")) == (code, text, param, event_id)
    assert [error["code"] for error in line.model.errors] == [code]
    assert before == (
        line.model.session,
        [(item.item_id, item.kept_samples) for item in line.model.conversation.items],
    )
    # And the reply goes on.
    assert "response.done" in kinds(line.wait(3000))


def test_a_cancel_that_comes_too_late_is_an_error() -> None:
    line = Line(ModelPlan(replies=(Reply(items=(HELLO,), speed=0.5, late_deltas=1),)))
    assert error_of(line.say(type="response.cancel"))[0] == "response_cancel_not_active"
    line.turn()
    line.wait(500)
    line.speak(40)
    # Already cancelled by the caller's speech.
    assert error_of(line.say(type="response.cancel", response_id="resp_0001"))[0] == "response_cancel_not_active"


def test_the_voice_stays_once_the_model_spoke() -> None:
    line = Line(ModelPlan(replies=(Reply(items=(HELLO,)),)))
    voice = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}
    assert kinds(line.say(type="session.update", session=voice)) == ["session.updated"]
    line.turn()
    line.wait(3000)
    back = {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
    assert error_of(line.say(type="session.update", session=back))[0] == "cannot_update_voice"


def test_not_json_is_an_error() -> None:
    line = Line(ModelPlan())
    line.model.receive(0, "{")
    assert error_of(line.wait(0)) == ("invalid_json", "Could not parse the message as JSON.", None, None)


def test_beta_names_are_the_old_ones() -> None:
    line = Line(ModelPlan(replies=(Reply(items=(HELLO,)),), beta_names=True))
    line.turn()
    line.wait(3000)
    names = set(kinds(line.heard))
    assert {"response.audio.delta", "response.audio_transcript.delta", "conversation.item.created"} <= names
    assert not [name for name in names if "output_audio" in name or name.startswith("conversation.item.added")]


def test_after_the_last_reply_the_model_is_mute() -> None:
    line = Line(ModelPlan())
    assert kinds(line.say(type="response.create")) == ["response.created", "response.done", "rate_limits.updated"]


def test_a_model_that_refuses() -> None:
    refused = Line(ModelPlan(key_is_invalid=True), configured=False)
    assert error_of(refused.heard)[0] == "invalid_api_key"
    assert refused.model.closing == Closing(3000, "invalid_request_error.invalid_api_key")
    stubborn = Line(ModelPlan(refuses_update=True), configured=False)
    assert error_of(stubborn.say(type="session.update", session=SESSION))[0] == "invalid_value"
    short = Line(ModelPlan(session_ms_max=60_000))
    assert error_of(short.wait(60_000)) == (
        "session_expired",
        "Your session hit the maximum duration of 1 minutes.",
        None,
        None,
    )
    assert (short.model.closing, short.model.next_at_ns()) == (Closing(1001, ""), None)
    assert short.say(type="response.create") == []
