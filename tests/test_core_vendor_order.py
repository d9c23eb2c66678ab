"""News from the model in an order, or a shape, that nobody promised not to send."""

import pytest

from engine.core import events
from engine.core.entries import DEPTH_MAX, is_too_deep
from engine.core.wire_model import decode
from tests import build
from tests.build import CLEARED, Harness, in_call, talked_over


def played(harness: Harness) -> list[str]:
    """What went to Twilio as audio since the last look."""
    return [text for text in harness.take() if text.startswith("play")]


def test_a_response_that_is_never_done_is_mended_all_the_same() -> None:
    """The model leaves the cut response open for ever; what was not heard must not stay with it."""
    frames = [*build.reply_begun(1_000), build.response_item_added("item_2"), build.item_audio(500, "item_2")]
    harness = talked_over(frames=frames, at_ms=610)
    assert harness.take() == CLEARED
    harness.run(800)
    assert harness.take() == [], "settled, but more of it could still come"
    harness.run(2_700)
    harness.wake()
    assert [text.split()[0] for text in harness.take()] == ["truncate", "delete"]


def test_news_of_the_cancel_before_news_of_the_speech() -> None:
    """An item without audio goes at once; one that is playing is cut when the speech is told, at what was heard."""
    harness = in_call()
    harness.model(*build.reply_begun(1_000), build.response_item_added("item_2"))
    harness.run(610)
    harness.take()
    harness.model(*build.reply_done(status="cancelled"))
    assert [text.split()[:2] for text in harness.take()] == [["delete", "item_2"]]
    harness.model(build.item_audio(800, "item_3"), build.speech_started(0))
    assert played(harness) == [], "nothing more of a cancelled response is played"
    harness.run(800)
    sent = harness.take()
    assert [text.split()[:2] for text in sent if text not in CLEARED] == [["truncate", "item_1"]]


def test_an_item_that_begins_after_a_cut_response_was_done_is_never_played() -> None:
    harness = talked_over(frames=build.reply_begun(1_000), at_ms=610)
    harness.model(*build.reply_done(status="cancelled"))
    harness.take()
    harness.model(build.item_audio(800, "item_2"))
    assert played(harness) == []


def test_an_item_announced_again_stays_cut() -> None:
    harness = talked_over(frames=build.reply(1_000), at_ms=610)
    harness.model(build.response_item_added("item_1"))
    harness.run(800)
    assert [text.split()[0] for text in harness.take() if text not in CLEARED] == ["truncate"]


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        ('{"type":"input_audio_buffer.speech_started"}', events.SpeechStarted(0, "")),
        (
            '{"type":"input_audio_buffer.speech_started","audio_start_ms":100.5,"item_id":null}',
            events.SpeechStarted(100, ""),
        ),
        (
            '{"type":"response.done","response":{"id":"r","status":null,"status_details":{"error":{"code":429}}}}',
            events.ResponseDone("r", "", "429"),
        ),
        ('{"type":"error","error":{"code":401,"message":"no"}}', events.ModelError("401", "no", None)),
        ('{"type":"response.output_item.done","item":{"id":"i"}}', events.ItemDone("i", True)),
        ('{"type":"response.output_item.done","item":{"id":"i","status":"incomplete"}}', events.ItemDone("i", False)),
        (
            '{"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"////"}',
            events.ItemAudio("r", "i", 0, b"\xff\xff\xff"),
        ),
    ],
)
def test_what_no_rule_needs_may_be_missing(frame: str, event: events.AnyEvent) -> None:
    assert decode(frame, None)[1] == event


def test_speech_without_an_item_still_interrupts() -> None:
    harness = in_call()
    harness.model(*build.reply(1_000))
    harness.run(610)
    harness.take()
    harness.model('{"type":"input_audio_buffer.speech_started"}', '{"type":"input_audio_buffer.speech_stopped"}')
    assert harness.take()[:2] == CLEARED
    assert "" not in harness.call.conversation.items


def test_an_item_announced_for_no_response_makes_none() -> None:
    harness = in_call()
    harness.model('{"type":"response.output_item.added","item":{"id":"i","type":"message"}}')
    assert harness.call.conversation.responses == {}


def test_how_deep_a_frame_may_nest_is_decided_by_the_frame_alone() -> None:
    """Else a frame could be read in a live call and not in its replay, whose stack is another."""
    allowed = "[" * DEPTH_MAX + "]" * DEPTH_MAX
    assert not is_too_deep(allowed)
    assert is_too_deep(f"[{allowed}]")
    assert not is_too_deep("[" + "[],{}," * 200 + "1]"), "many, and none deep"
    assert not is_too_deep('["' + "[{" * 200 + '\\" ["]'), "brackets in a string are words"
    harness = in_call()
    harness.caller("[" * 986 + "]" * 986)
    assert harness.last.type == "malformed"
    assert harness.call.malformed["caller"] == 1
