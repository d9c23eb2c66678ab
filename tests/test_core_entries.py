"""Audio is cut out of frames and put back without losing a byte, whatever the frame looks like."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import Entry, Leg, commands, frame_text, rebuild, record, split
from engine.core.entries import APPEND_BODY, split_sent
from tests import build

DELTA = "response.output_audio.delta"


def test_a_media_frame_is_cut_at_its_payload() -> None:
    body, audio = split("caller", '{"event":"media","media":{"timestamp":"5","payload":"f39/fw=="}}')
    assert (body, audio) == ('{"event":"media","media":{"timestamp":"5","payload":""}}', b"\x7f\x7f\x7f\x7f")


@pytest.mark.parametrize("name", [DELTA, "response.audio.delta"])
def test_an_audio_delta_is_cut_under_either_name(name: str) -> None:
    body, audio = split("model", f'{{"type":"{name}","item_id":"i","delta":"f39/fw=="}}')
    assert (body, audio) == (f'{{"type":"{name}","item_id":"i","delta":""}}', b"\x7f\x7f\x7f\x7f")


@pytest.mark.parametrize(
    ("leg", "frame"),
    [
        ("caller", '{ "event" : "media",\n  "media" : { "payload"  :\t"f39/fw==" , "timestamp" : "5" } }'),
        ("model", '{"delta" :\n "f39/fw==", "type" : "response.audio.delta"}'),
        ("caller", '{"media":{"payload":"f39/fw==","track":""},"event":"media"}'),
    ],
    ids=["odd spacing", "delta before type", "an empty string after the audio"],
)
def test_spacing_and_order_do_not_matter(leg: Leg, frame: str) -> None:
    body, audio = split(leg, frame)
    assert (body, audio) == (frame.replace("f39/fw==", ""), b"\x7f\x7f\x7f\x7f")
    assert rebuild(body, audio) == frame


@pytest.mark.parametrize(
    ("leg", "frame"),
    [
        ("caller", '{"event":"media","media":{"payload":"f39-fw=="}}'),
        ("caller", '{"event":"media","media":{"payload":"f39/fw"}}'),
        ("caller", '{"event":"media","media":{"payload":"f39/fx=="}}'),
        ("caller", '{"event":"media","media":{"payload":"f39/ fw=="}}'),
        ("caller", '{"event":"media","media":{"payload":"f39\\/fw=="}}'),
        ("caller", '{"event":"media","media":{"payload":"f39é"}}'),
        ("caller", '{"event":"media","streamSid":"","media":{"payload":"f39/fw=="}}'),
        ("caller", '{"event":"media","media":{"payload":""}}'),
        ("caller", '{"event":"mark","mark":{"name":"he said \\"payload\\": \\"f39/fw==\\""}}'),
        ("caller", "payload"),
        ("model", '{"type":"response.output_audio_transcript.delta","delta":"f39/fw=="}'),
        ("model", f'{{"type":"{DELTA}","delta":""}}'),
        ("model", f'{{"type":"{DELTA}","obfuscation":"","delta":"f39/fw=="}}'),
        (
            "model",
            '{"type":"error","error":{"message":"\\"type\\":\\"response.audio.delta\\",\\"delta\\":\\"f39/\\""}}',
        ),
        ("engine", '{"type":"frame.binary","leg":"caller","audio":"f39/fw=="}'),
    ],
    ids=[
        "base64 of URLs",
        "no padding",
        "padding bits set",
        "a space in it",
        "an escaped slash",
        "not ASCII",
        "an empty string before the audio",
        "no audio",
        "escaped quotes in a mark's name",
        "not JSON",
        "a transcript that looks like base64",
        "an empty delta",
        "an empty string before the delta",
        "an error that quotes a delta",
        "an input of our own",
    ],
)
def test_a_frame_that_would_not_come_back_is_kept_whole(leg: Leg, frame: str) -> None:
    assert split(leg, frame) == (frame, None)
    assert rebuild(frame, None) == frame


@given(leg=st.sampled_from(["caller", "model"]), audio=st.binary(min_size=1, max_size=40), name=st.text(max_size=20))
def test_whatever_is_cut_comes_back(leg: Leg, audio: bytes, name: str) -> None:
    frames = {
        "caller": build.frame(event="media", streamSid=name, media={"payload": b64encode(audio).decode()}),
        "model": build.frame(type=DELTA, item_id=name, delta=b64encode(audio).decode()),
    }
    body, cut = split(leg, frames[leg])
    assert rebuild(body, cut) == frames[leg]
    assert cut in (audio, None)
    assert cut is not None or not name, "only an empty string before the audio keeps it in"


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"input_audio_buffer.append","audio":"f39/fw=="}',
        '{"audio": "f39/fw==", "event_id": "e1", "type": "input_audio_buffer.append"}',
        '{"event":"media","streamSid":"MZ1","media":{"payload":"f39/fw=="}}',
    ],
)
def test_audio_that_another_bridge_sent_is_cut_too(frame: str) -> None:
    body, audio = split_sent("caller" if "media" in frame else "model", frame)
    assert (body, audio) == (frame.replace("f39/fw==", ""), b"\x7f\x7f\x7f\x7f")
    assert rebuild(body, audio) == frame


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"input_audio_buffer.append","audio":""}',
        '{"type":"input_audio_buffer.append","audio":"f39-fw=="}',
        '{"type":"input_audio_buffer.append","event_id":"","audio":"f39/fw=="}',
        '{"type":"input_audio_buffer.append"}',
        '{"type":"conversation.item.create","item":{"content":[{"audio":"f39/fw=="}]}}',
        f'{{"type":"{DELTA}","delta":"f39/fw=="}}',
    ],
    ids=["no audio", "base64 of URLs", "an empty string before it", "no key", "an item", "what nobody sends"],
)
def test_what_was_sent_and_would_not_come_back_is_kept_whole(frame: str) -> None:
    assert split_sent("model", frame) == (frame, None)


def test_commands_become_rows_that_point_at_the_audio_they_pass_on() -> None:
    issued: list[commands.Command] = [
        commands.PlayAudio("MZ1", b"\x7f" * 4, source=7, begin=2, end=6),
        commands.PlaceMark("MZ1", 'a "mark"'),
        commands.AppendAudio(b"\x7f" * 4, source=3),
        commands.TruncateItem("truncate-1", "item_1", 0, 340),
        commands.EndCall("stop", "Twilio said stop"),
        commands.Fault("boom"),
    ]
    rows = record(issued, seq=11, at_ns=5, cause=10)
    play = '{"event":"media","streamSid":"MZ1","media":{"payload":""}}'
    mark = '{"event":"mark","streamSid":"MZ1","mark":{"name":"a \\"mark\\""}}'
    cut = (
        '{"type":"conversation.item.truncate","event_id":"truncate-1","item_id":"item_1","content_index":0,'
        '"audio_end_ms":340}'
    )
    end = '{"type":"end_call","ended":"stop","reason":"Twilio said stop"}'
    assert rows == [
        Entry(11, 5, "command", "caller", "media", play, None, 7, 2, 6),
        Entry(12, 5, "command", "caller", "mark", mark, None, 10),
        Entry(13, 5, "command", "model", "input_audio_buffer.append", APPEND_BODY, None, 3),
        Entry(14, 5, "command", "model", "conversation.item.truncate", cut, None, 10),
        Entry(15, 5, "command", "engine", "end_call", end, None, 10),
        Entry(16, 5, "fault", "engine", "fault", '{"type":"fault","reason":"boom"}', None, 10),
    ]
    assert [frame_text(row, command) for row, command in zip(rows[:4], issued[:4], strict=True)] == [
        play.replace('""', '"f39/fw=="'),
        mark,
        '{"type":"input_audio_buffer.append","audio":"f39/fw=="}',
        cut,
    ]
