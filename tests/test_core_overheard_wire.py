"""Frames that a bridge sent, read back as what they carry; and what a session says of itself."""

import json
from base64 import b64encode
from typing import Any

import msgspec
import pytest

from engine.core import Entry, Leg
from engine.core import commands as cmd
from engine.core import events as ev
from engine.core.entries import split_sent
from engine.core.reading import read
from engine.core.session import session_config
from engine.core.settings import CallSettings
from engine.core.wire_sent import decode
from engine.core.wire_session import SessionSaid, said, samples_in
from engine.core.wire_session import decode as decode_session
from tests import build

SOUND = bytes(range(160))
PAYLOAD = b64encode(SOUND).decode()


def sent(leg: Leg, frame: str, *, is_cut: bool = True) -> object:
    """What a frame that was sent on that leg is read as, entry 7 of its log. Its audio is cut out, or is not."""
    body, audio = split_sent(leg, frame) if is_cut else (frame, None)
    named = json.loads(frame)
    return decode(Entry(7, 0, "command", leg, str(named.get("event") or named.get("type")), body, audio))


def to_caller(**fields: Any) -> object:
    return sent("caller", json.dumps({"streamSid": "MZ1", **fields}))


def to_model(kind: str, **fields: Any) -> object:
    return sent("model", json.dumps({"type": kind, **fields}))


@pytest.mark.parametrize("is_cut", [True, False])
def test_audio_is_read_whether_it_was_cut_out_or_not(is_cut: bool) -> None:
    media = json.dumps({"event": "media", "streamSid": "MZ1", "media": {"payload": PAYLOAD}})
    append = json.dumps({"event_id": "e", "type": "input_audio_buffer.append", "audio": PAYLOAD})
    assert sent("caller", media, is_cut=is_cut) == cmd.PlayAudio("MZ1", SOUND, 7, 0, 160)
    assert sent("model", append, is_cut=is_cut) == cmd.AppendAudio(SOUND, 7)


def test_what_twilio_is_told() -> None:
    assert to_caller(event="mark", mark={"name": "responsePart"}) == cmd.PlaceMark("MZ1", "responsePart")
    assert to_caller(event="clear") == cmd.ClearPlayout("MZ1")
    assert to_caller(event="media", media={"payload": ""}) == cmd.PlayAudio("MZ1", b"", 7, 0, 0)
    assert to_caller(event="something") == ev.Ignored("something")


def test_what_the_model_is_asked() -> None:
    assert to_model("session.update", session={"type": "realtime"}) == cmd.UpdateSession("", {"type": "realtime"})
    assert to_model("response.create") == cmd.CreateResponse("", "")
    assert to_model("response.create", response={"instructions": "Greet."}) == cmd.CreateResponse("", "Greet.")
    assert to_model("response.cancel") == cmd.CancelResponse("", "")
    assert to_model("response.cancel", event_id="e", response_id="r") == cmd.CancelResponse("e", "r")
    truncate = to_model("conversation.item.truncate", item_id="i", content_index=0, audio_end_ms=1240.7)
    assert truncate == cmd.TruncateItem("", "i", 0, 1240)
    assert to_model("conversation.item.delete", item_id="i") == cmd.DeleteItem("", "i")
    assert to_model("conversation.item.create", item={}) == ev.Ignored("conversation.item.create")


@pytest.mark.parametrize(
    ("leg", "frame"),
    [
        ("caller", {"event": "mark"}),
        ("caller", {"event": "media", "media": {"payload": "?"}}),
        ("caller", {"type": "clear"}),
        ("model", {"type": "conversation.item.truncate", "item_id": "i"}),
        ("model", {"type": "conversation.item.truncate", "item_id": "i", "audio_end_ms": 1e400}),
        ("model", {"event": "clear"}),
        ("engine", {"type": "end_call"}),
    ],
)
def test_what_no_peer_would_take_is_malformed(leg: Leg, frame: dict[str, Any]) -> None:
    body = json.dumps(frame).replace("Infinity", "1e400")
    found = decode(Entry(7, 0, "command", leg, str(frame.get("type")), body))
    assert isinstance(found, ev.Malformed)
    assert found.leg == leg


def test_the_end_of_a_call_is_read_from_either_log() -> None:
    body = '{"type":"end_call","ended":"stop","reason":"Twilio said stop"}'
    assert decode(Entry(7, 0, "command", "engine", "end_call", body)) == cmd.EndCall("stop", "Twilio said stop")
    assert decode(Entry(7, 0, "command", "engine", "dial_model", "{}")) == ev.Ignored("dial_model")


def test_a_command_of_ours_points_at_the_audio_that_it_passes_on() -> None:
    media = '{"event":"media","streamSid":"MZ1","media":{"payload":""}}'
    play = decode(Entry(7, 0, "command", "caller", "media", media, None, 3, 160, 480))
    assert play == cmd.PlayAudio("MZ1", b"", 3, 160, 480)
    append = '{"type":"input_audio_buffer.append","audio":""}'
    assert decode(Entry(8, 0, "command", "model", "input_audio_buffer.append", append, None, 3)) == cmd.AppendAudio(
        b"", 3
    )


def test_any_entry_is_read_as_what_it_was() -> None:
    assert read(Entry(1, 0, "input", "caller", "mark", build.echo("m"))) == ev.MarkEchoed("m")
    assert read(Entry(1, 0, "input", "model", "response.created", build.response_created())) == ev.ResponseCreated(
        "resp_1"
    )
    assert read(Entry(1, 0, "input", "engine", "leg.opened", build.leg_opened("caller"))) == ev.LegOpened("caller")
    assert read(Entry(1, 0, "command", "caller", "clear", '{"event":"clear"}')) == cmd.ClearPlayout("")
    assert read(Entry(1, 0, "fault", "engine", "log.gap", "{}")) == ev.Ignored("log.gap")


def test_a_session_of_today_says_all_of_it() -> None:
    session = session_config(CallSettings())
    assert said(session) == SessionSaid("audio/pcmu", "audio/pcmu", 300, 500, True)
    assert decode_session(msgspec.json.encode({"session": session}).decode()) == said(session)


def test_a_session_of_the_beta_says_it_elsewhere() -> None:
    turns = {"type": "server_vad", "prefix_padding_ms": 200.4, "silence_duration_ms": 700, "interrupt_response": None}
    session = {"input_audio_format": "g711_ulaw", "output_audio_format": "pcm16", "turn_detection": turns}
    assert said(session) == SessionSaid("audio/pcmu", "audio/pcm", 200, 700, True)


def test_a_session_says_only_what_it_changes() -> None:
    assert said({}) == SessionSaid()
    assert said({"audio": {"output": {"voice": "marin"}}}) == SessionSaid()
    assert said({"turn_detection": None}) == SessionSaid(interrupts=False)
    manual = {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "interrupt_response": False}}}}
    assert said(manual) == SessionSaid(interrupts=False)


def test_what_is_no_session_says_nothing() -> None:
    assert said({"audio": "loud"}) is None
    assert decode_session("{}") is None
    assert decode_session("[") is None


def test_audio_is_counted_in_samples_of_the_phone() -> None:
    assert samples_in(160, "audio/pcmu") == 160
    assert samples_in(960, "audio/pcm") == 160
    assert samples_in(160, "audio/of-tomorrow") == 160
