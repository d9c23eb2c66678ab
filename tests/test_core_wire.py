"""Both wires: every frame of either vendor becomes the event that it stands for, and every frame that we send is one
that the vendor would take. What is unknown is ignored, what is broken is counted, nothing raises."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent, RealtimeSessionCreateRequest
from openai.types.realtime.session_update_event import SessionUpdateEvent
from pydantic import BaseModel, TypeAdapter

from engine.core import CallSettings, Leg, commands, events, frame_text, rebuild, record, split, wire_model
from engine.core import wire_caller as caller
from engine.core import wire_engine as own
from engine.core.session import session_config
from engine.core.settings import Vad

FRAMES = Path(__file__).resolve().parents[1] / "fixtures" / "frames"
RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "recordings" / "openai_realtime"
HELLO = "Hello there."
QUIET = b"\x7f" * 4

FROM_TWILIO: dict[str, events.AnyEvent] = {
    "connected": events.Ignored("connected"),
    "start": events.StreamStarted(
        stream_sid="MZ0123456789abcdef0123456789abcdef",
        call_sid="CA5f0cf0b1a2a34d0ab6d4a3f7f41b2c0d",
        account_sid="AC2f3e0a9d51c94bb28fd23e6a8c9d10e4",
        encoding="audio/x-mulaw",
        sample_rate=8000,
        channels=1,
        parameters={"order": "bakery"},
    ),
    "media": events.CallerAudio(5, QUIET),
    "mark": events.MarkEchoed("my label"),
    "dtmf": events.DtmfPressed("1"),
    "stop": events.StreamStopped(),
}
TO_TWILIO: dict[str, commands.Command] = {
    "sent_media": commands.PlayAudio("MZ0123456789abcdef0123456789abcdef", QUIET, 1, 0, 4),
    "sent_mark": commands.PlaceMark("MZ0123456789abcdef0123456789abcdef", "my label"),
    "sent_clear": commands.ClearPlayout("MZ0123456789abcdef0123456789abcdef"),
}
BOTH_NAMES: dict[str, events.AnyEvent] = {
    ".delta": events.ItemAudio("resp_001", "item_002", 0, QUIET),
    "_transcript.delta": events.ItemTranscript("resp_001", "item_002", 0, "Hello", False),
    "_transcript.done": events.ItemTranscript("resp_001", "item_002", 0, HELLO, True),
}
FROM_MODEL: dict[str, events.AnyEvent] = {
    "session.created": events.SessionCreated(),
    "session.updated": events.SessionUpdated("audio/pcmu", "audio/pcmu", True),
    "conversation.item.added": events.ItemAdded("item_002", "item_001", "message", "assistant"),
    "conversation.item.created": events.ItemAdded("item_002", "item_001", "message", "assistant"),
    "conversation.item.done": events.ItemDone("item_002", True),
    "conversation.item.truncated": events.ItemTruncated("item_002", 1500),
    "conversation.item.deleted": events.ItemDeleted("item_002"),
    "conversation.item.input_audio_transcription.delta": events.CallerTranscript("item_001", "Hi", False),
    "conversation.item.input_audio_transcription.completed": events.CallerTranscript("item_001", "Hi there.", True),
    "input_audio_buffer.speech_started": events.SpeechStarted(1460, "item_001"),
    "input_audio_buffer.speech_stopped": events.SpeechStopped(4256, "item_001"),
    "response.created": events.ResponseCreated("resp_001"),
    "response.output_item.added": events.ResponseItemAdded("resp_001", "item_002", "message"),
    "response.output_item.done": events.ItemDone("item_002", True),
    "response.done": events.ResponseDone("resp_001", "cancelled", "turn_detected"),
    "error": events.ModelError(
        "invalid_value", "Audio content of 9250ms is already shorter than 57340ms", "truncate-3"
    ),
    **{f"response.output_audio{end}": event for end, event in BOTH_NAMES.items()},
    **{f"response.audio{end}": event for end, event in BOTH_NAMES.items()},
}
"""Frames that mean something to the core. All others are ignored."""

BETA_ONLY = {"transcription_session.updated"}


def decode(leg: Leg, frame: str) -> tuple[str, events.AnyEvent]:
    body, audio = split(leg, frame)
    return {"caller": caller.decode, "model": wire_model.decode}[leg](body, audio)


def paths(vendor: str) -> list[Path]:
    return sorted((FRAMES / vendor).glob("*.json"))


# Caller leg


def test_there_is_a_frame_of_every_type_that_twilio_has() -> None:
    assert {path.stem for path in paths("twilio")} == FROM_TWILIO.keys() | TO_TWILIO.keys()


@pytest.mark.parametrize("name", FROM_TWILIO)
def test_every_frame_from_twilio_decodes(name: str) -> None:
    assert decode("caller", (FRAMES / "twilio" / f"{name}.json").read_text()) == (name, FROM_TWILIO[name])


@pytest.mark.parametrize("name", TO_TWILIO)
def test_every_frame_to_twilio_has_its_keys_and_no_other(name: str) -> None:
    (row,) = record([TO_TWILIO[name]], seq=2, at_ns=0, cause=1)
    expected = json.loads((FRAMES / "twilio" / f"{name}.json").read_text())
    assert json.loads(frame_text(row, TO_TWILIO[name])) == expected
    assert row.type == expected["event"]


MEDIA = '{"event":"media","media":{"timestamp":"5","payload":"f39/fw=="}}'


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ('{"event":"later","new":1}', ("later", events.Ignored("later"))),
        (MEDIA.replace("}}", ',"more":{"a":[]}},"x":null}'), ("media", events.CallerAudio(5, QUIET))),
        (MEDIA.replace('"payload', '"track":"outbound","payload'), ("media", events.Ignored("media"))),
        (MEDIA.replace("f39/fw==", ""), ("media", events.CallerAudio(5, b""))),
        (MEDIA.replace("f39/fw==", "f39\\/fw=="), ("media", events.CallerAudio(5, QUIET))),
        ('{"event":"mark","mark":{"name":"\\"é\\""}}', ("mark", events.MarkEchoed('"é"'))),
    ],
    ids=["unknown type", "unknown fields", "the other track", "no audio", "audio that was not cut", "a mark's name"],
)
def test_what_twilio_may_also_send(frame: str, expected: tuple[str, events.AnyEvent]) -> None:
    assert decode("caller", frame) == expected


def test_a_start_may_name_the_stream_inside_or_outside() -> None:
    frame = json.loads((FRAMES / "twilio" / "start.json").read_text())
    del frame["start"]["streamSid"]
    assert decode("caller", json.dumps(frame)) == ("start", FROM_TWILIO["start"])


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ("", "malformed"),
        ("hello", "malformed"),
        ("[]", "malformed"),
        ('{"event":7}', "malformed"),
        ('{"type":"media"}', "malformed"),
        ('{"event":"\ud800"}', "malformed"),
        ('{"event":"media"}', "media"),
        ('{"event":"mark","mark":"a"}', "mark"),
        ('{"event":"start","start":{"callSid":"CA"}}', "start"),
        (MEDIA.replace("f39/fw==", "f39"), "media"),
        (MEDIA.replace("f39/fw==", "é"), "media"),
        (MEDIA.replace('"5"', '"-5"'), "media"),
        (MEDIA.replace('"5"', '"\u0665"'), "media"),
        (MEDIA.replace('"5"', '"1234567890123456"'), "media"),
        (MEDIA.replace('"5"', "5"), "media"),
    ],
)
def test_a_broken_frame_from_twilio_is_malformed(frame: str, kind: str) -> None:
    found, event = decode("caller", frame)
    assert (found, type(event)) == (kind, events.Malformed)


# Model leg


@pytest.mark.parametrize("path", paths("openai"), ids=lambda path: path.stem)
def test_every_frame_from_the_model_decodes(path: Path) -> None:
    frame = path.read_text()
    assert decode("model", frame) == (path.stem, FROM_MODEL.get(path.stem, events.Ignored(path.stem)))
    is_beta = path.stem in BETA_ONLY or path.stem.startswith(("response.audio", "response.text"))
    if not is_beta:
        TypeAdapter[Any](RealtimeServerEvent).validate_json(frame)


def test_there_is_a_frame_of_every_type_that_the_model_has() -> None:
    declared = {
        branch["properties"]["type"]["const"]
        for branch in TypeAdapter[Any](RealtimeServerEvent).json_schema()["$defs"].values()
        if "const" in branch.get("properties", {}).get("type", {}) and "event_id" in branch["properties"]
    }
    assert declared <= {path.stem for path in paths("openai")}
    assert FROM_MODEL.keys() <= {path.stem for path in paths("openai")}


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (
            {"input_audio_format": "g711_ulaw", "output_audio_format": "pcm16", "turn_detection": None},
            events.SessionUpdated("audio/pcmu", "audio/pcm", False),
        ),
        (
            {"input_audio_format": "g711_alaw", "output_audio_format": "g711_ulaw", "turn_detection": {}},
            events.SessionUpdated("audio/pcma", "audio/pcmu", True),
        ),
        ({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}, events.SessionUpdated("audio/pcmu", "", None)),
        (
            {"audio": {"input": {"turn_detection": {"interrupt_response": False}}, "output": {}}},
            events.SessionUpdated("", "", False),
        ),
        (
            {"audio": {"input": {"turn_detection": {"interrupt_response": None}}}},
            events.SessionUpdated("", "", True),
        ),
        ({}, events.SessionUpdated("", "", None)),
    ],
    ids=["beta", "beta with defaults", "no turn detection", "no interrupting", "interrupting by default", "nothing"],
)
def test_a_session_may_say_less(session: dict[str, Any], expected: events.SessionUpdated) -> None:
    frame = json.dumps({"type": "session.updated", "session": session})
    assert decode("model", frame) == ("session.updated", expected)


def test_why_a_response_failed_is_read_from_wherever_it_stands() -> None:
    def reason(details: dict[str, Any] | None) -> str:
        response = {"id": "r", "status": "failed", "status_details": details}
        _, event = decode("model", json.dumps({"type": "response.done", "response": response}))
        assert isinstance(event, events.ResponseDone)
        return event.reason

    assert reason(None) == ""
    assert reason({}) == ""
    assert reason({"type": "incomplete", "reason": "max_output_tokens"}) == "max_output_tokens"
    assert reason({"error": {"type": "server_error", "code": "inference_rate_limit_exceeded"}}) == (
        "inference_rate_limit_exceeded"
    )
    assert reason({"error": {"type": "server_error"}}) == "server_error"
    assert reason({"error": {}}) == ""


def test_an_error_may_say_less() -> None:
    error = '{"type":"error","error":{"type":"server_error","code":null,"message":null,"event_id":null}}'
    assert decode("model", error) == ("error", events.ModelError("server_error", "", None))


def test_an_audio_delta_may_be_empty_or_oddly_written() -> None:
    def delta(text: str) -> events.AnyEvent:
        fields = '"response_id":"r","item_id":"i","content_index":0'
        return decode("model", f'{{"type":"response.audio.delta",{fields},"delta":"{text}"}}')[1]

    assert delta("") == events.ItemAudio("r", "i", 0, b"")
    assert delta("f39\\/fw==") == events.ItemAudio("r", "i", 0, QUIET)
    assert isinstance(delta("f39"), events.Malformed)
    assert isinstance(delta("é"), events.Malformed)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ("", "malformed"),
        ("\x00", "malformed"),
        ("null", "malformed"),
        ('{"type":null}', "malformed"),
        ('{"event":"media"}', "malformed"),
        ('{"type":"\udc80"}', "malformed"),
        ('{"type":"error"}', "error"),
        ('{"type":"response.done","response":{}}', "response.done"),
        ('{"type":"response.audio.delta","delta":"f39/fw=="}', "response.audio.delta"),
        ('{"type":"input_audio_buffer.speech_started","audio_start_ms":"0","item_id":"i"}', None),
    ],
)
def test_a_broken_frame_from_the_model_is_malformed(frame: str, kind: str | None) -> None:
    found, event = decode("model", frame)
    assert (found, type(event)) == (kind or "input_audio_buffer.speech_started", events.Malformed)


RESTORED: list[tuple[dict[str, object], str | None]] = [
    ({"id": "u", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Bread."}]}, None),
    ({"id": "a", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]}, "u"),
    ({"id": "f", "type": "function_call", "call_id": "c", "name": "price", "arguments": "{}"}, "root"),
    ({"id": "o", "type": "function_call_output", "call_id": "c", "output": "4"}, "f"),
]
"""Items as `core.restoring` makes them."""
ALL_MODEL_COMMANDS: list[commands.ModelCommand] = [
    commands.UpdateSession("session", session_config(CallSettings())),
    commands.UpdateSession(
        "session",
        session_config(
            CallSettings(
                transcription_model="gpt-realtime-whisper",
                language="en",
                noise_reduction="near_field",
                vad=Vad(interrupt_response=False, create_response=False),
            )
        ),
    ),
    commands.UpdateSession("session", session_config(CallSettings(transcription_model=None))),
    commands.AppendAudio(QUIET, 1),
    commands.CreateResponse("greeting", 'Say "hello".'),
    commands.CreateResponse("resume-1", None),
    *(commands.CreateItem(f"restore-{number}", item, place) for number, (item, place) in enumerate(RESTORED)),
    commands.CancelResponse("cancel-1", "resp_1"),
    commands.TruncateItem("truncate-2", "item_1", 0, 340),
    commands.DeleteItem("delete-3", "item_1"),
]


def undeclared(made: Any) -> Iterator[str]:
    """Fields that the package's types do not declare (they let any pass)."""
    if isinstance(made, BaseModel):
        yield from made.model_extra or {}
        for name in type(made).model_fields:
            yield from undeclared(getattr(made, name))


@pytest.mark.parametrize("command", ALL_MODEL_COMMANDS, ids=lambda command: type(command).__name__)
def test_every_frame_to_the_model_is_one_that_the_vendor_declares(command: commands.ModelCommand) -> None:
    (row,) = record([command], seq=2, at_ns=0, cause=1)
    made = TypeAdapter[Any](RealtimeClientEvent).validate_json(frame_text(row, command), strict=True)
    assert made.type == row.type
    assert list(undeclared(made)) == []


def test_the_session_is_a_realtime_session_with_every_vad_number() -> None:
    (row,) = record([ALL_MODEL_COMMANDS[1]], seq=2, at_ns=0, cause=1)
    session = SessionUpdateEvent.model_validate_json(row.body).session
    assert isinstance(session, RealtimeSessionCreateRequest)
    assert session.model_dump(exclude_unset=True) == {
        "type": "realtime",
        "instructions": CallSettings().instructions,
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "gpt-realtime-whisper", "language": "en"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "create_response": False,
                    "interrupt_response": False,
                },
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
        },
    }


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="recordings of real sessions are not part of the project")
def test_recorded_frames_decode_and_come_back() -> None:
    kinds = set()
    for path in sorted(RECORDINGS.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            if entry["way"] == "in":
                for text in (json.dumps(entry["frame"], separators=(",", ":")), json.dumps(entry["frame"])):
                    body, audio = split("model", text)
                    assert rebuild(body, audio) == text
                    kind, event = wire_model.decode(body, audio)
                    assert kind == entry["frame"]["type"]
                    assert not isinstance(event, events.Malformed), event
                    assert (audio is not None) == isinstance(event, events.ItemAudio)
                    kinds.add(type(event))
    assert {events.SessionUpdated, events.SpeechStarted, events.ItemAudio, events.ResponseDone} <= kinds


# Our own inputs


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ('{"type":"leg.opened","leg":"caller"}', events.LegOpened("caller")),
        ('{"type":"leg.closed","leg":"model","code":null,"reason":""}', events.LegClosed("model", None, "")),
        ('{"type":"leg.failed","leg":"model","status":401,"reason":"no"}', events.LegFailed("model", 401, "no", "")),
        ('{"type":"timer.due"}', events.TimerDue()),
        ('{"type":"outbox.full","leg":"caller"}', events.OutboxFull("caller")),
        (
            '{"type":"limit.reached","limit":"frame_bytes_max","value":9,"max":8}',
            events.LimitReached("frame_bytes_max", 9, 8),
        ),
        (
            '{"type":"frame.binary","leg":"caller","audio":"f39/fw=="}',
            events.Malformed("caller", "binary frame"),
        ),
        ('{"type":"operator.interrupt"}', events.OperatorInterrupted()),
        ('{"type":"operator.hang_up","reason":"shutdown"}', events.HangUpAsked("shutdown")),
    ],
)
def test_our_own_inputs_decode(body: str, event: events.AnyEvent) -> None:
    assert own.decode(body) == (json.loads(body)["type"], event)


@pytest.mark.parametrize("body", ["", "{}", '{"type":"leg.melted"}', '{"type":"leg.opened"}', '"\ud800"'])
def test_a_broken_input_of_our_own_is_malformed(body: str) -> None:
    kind, event = own.decode(body)
    assert (kind, type(event)) == ("malformed", events.Malformed)


def test_engine_commands_are_plain_json() -> None:
    assert [own.encode(command) for command in (commands.DialModel("m"), commands.CloseLeg("model", 1000, ""))] == [
        ("dial_model", '{"type":"dial_model","model":"m"}'),
        ("close_leg", '{"type":"close_leg","leg":"model","code":1000,"reason":""}'),
    ]


def test_a_frame_nested_beyond_reason_is_malformed() -> None:
    """The decoder gives up on it with an error of its own kind."""
    deep = '"deep":' + "[" * 100_000 + "]" * 100_000 + "}"
    assert isinstance(decode("caller", '{"event":"x",' + deep)[1], events.Malformed)
    assert isinstance(decode("model", '{"type":"x",' + deep)[1], events.Malformed)
    assert isinstance(own.decode('{"type":"timer.due",' + deep)[1], events.Malformed)
