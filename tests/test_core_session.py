"""The model leg from its opening to the first word, and what the caller says meanwhile."""

import json

from engine.core import CallSettings, commands
from engine.core.session import session_config
from engine.core.settings import Limits, Vad
from engine.core.stream_clock import InputClock
from tests import build
from tests.build import MS, Harness, in_call


def dialling(settings: CallSettings | None = None) -> Harness:
    """Twilio has said `start`; the model's socket is not open yet."""
    harness = Harness(settings)
    harness.engine(build.leg_opened("caller"))
    harness.caller(build.connected(), build.started())
    return harness


def appended(harness: Harness) -> list[int]:
    """First bytes of what the model was appended: builders of these tests number frames by their samples."""
    return [each.command.audio[0] for each in harness.sent if isinstance(each.command, commands.AppendAudio)]


def test_the_session_is_configured_before_a_word_is_passed_on() -> None:
    """created -> update -> updated -> what the caller said meanwhile, in its order -> the greeting -> live audio."""
    harness = dialling(CallSettings(greeting="Greet the caller."))
    assert harness.take("nothing") == ["dial gpt-realtime-2.1"]
    harness.caller(build.media(0, code=1), build.media(20, code=2))
    harness.engine(build.leg_opened("model"))
    harness.caller(build.media(40, code=3))
    assert harness.take("nothing") == []

    harness.model(build.session_created())
    assert [each.command for each in harness.sent][1:] == [
        commands.UpdateSession("session", session_config(harness.call.settings))
    ]
    harness.caller(build.media(60, code=4))
    harness.model(build.session_created())
    assert harness.take("nothing") == ["update session"], "once"

    harness.model(build.session_updated())
    assert harness.take("nothing") == ["respond Greet the caller.", *["append 20"] * 4]
    assert harness.sent[-5].command == commands.CreateResponse("greeting", "Greet the caller.")
    harness.caller(build.media(80, code=5))
    harness.model(build.session_updated())
    assert harness.take("nothing") == ["append 20"], "a second session.updated greets nobody"
    assert appended(harness) == [1, 2, 3, 4, 5]


def test_audio_passed_on_names_the_entry_that_brought_it() -> None:
    harness = dialling()
    harness.caller(build.media(0, code=1))
    source = harness.entries[-1].seq
    harness.engine(build.leg_opened("model"))
    harness.model(build.session_created(), build.session_updated())
    row = harness.entries[-1]
    assert (row.type, row.cause, row.audio) == ("input_audio_buffer.append", source, None)


def test_without_a_greeting_the_caller_speaks_first() -> None:
    harness = dialling()
    harness.model(build.session_created(), build.session_updated())
    assert harness.take("nothing") == ["dial gpt-realtime-2.1", "update session"]


def test_what_waits_for_the_model_is_bounded_and_the_oldest_goes_first() -> None:
    harness = dialling(CallSettings(limits=Limits(pending_audio_ms_max=60)))
    harness.caller(*(build.media(number * 20, code=number) for number in range(5)))
    session = harness.call.session
    assert (session.pending_samples, session.dropped_samples) == (60 * 8, 40 * 8)
    harness.model(build.session_created(), build.session_updated())
    assert appended(harness) == [2, 3, 4]
    # The model counts from what it got: its 0 is the caller's 40 ms.
    assert (session.input.stream_of(0), session.input.appended) == (40 * 8, 60 * 8)
    assert (len(session.pending), session.pending_samples) == (0, 0)


def test_a_frame_longer_than_the_bound_is_dropped_whole() -> None:
    harness = dialling(CallSettings(limits=Limits(pending_audio_ms_max=60)))
    harness.caller(build.media(0, ms=80))
    assert (harness.call.session.pending_samples, harness.call.session.dropped_samples) == (0, 80 * 8)


def test_frames_without_audio_are_not_appended() -> None:
    harness = in_call()
    harness.caller(build.media(100, ms=0))
    assert harness.last.commands == []


def test_the_other_track_is_not_the_callers() -> None:
    harness = in_call()
    harness.caller(build.media(100).replace('"inbound"', '"outbound"'))
    assert harness.last.commands == []


def test_a_session_in_another_format_ends_the_call() -> None:
    for formats in (("audio/pcm", "audio/pcmu"), ("audio/pcmu", "audio/pcma")):
        harness = dialling()
        harness.engine(build.leg_opened("model"))
        harness.model(build.session_created())
        harness.take()
        harness.model(build.session_updated(*formats))
        assert harness.take() == ["close model 1000", "close caller 1011 model_failed"]
        why = f"the model's session has audio {formats[0]} in and {formats[1]} out, not audio/pcmu"
        assert (harness.call.how_ended, harness.call.why_ended) == ("model_failed", why)


def test_an_updated_session_that_nobody_created_does_not_count_as_ready() -> None:
    """And the wait for readiness goes on, so that the caller is not left in silence."""
    harness = dialling()
    harness.model(build.session_updated())
    harness.caller(build.media(0))
    assert not harness.call.session.is_ready
    assert harness.wake_ms == 10_000


def test_a_refused_session_update_ends_the_call() -> None:
    harness = dialling()
    harness.engine(build.leg_opened("model"))
    harness.model(build.session_created())
    harness.take()
    harness.model(build.model_error("invalid_value", "no such voice", event_id="session"))
    assert harness.take() == ["close model 1000", "close caller 1011 model_failed"]
    assert harness.call.why_ended == "invalid_value: no such voice"


def test_other_errors_are_kept_and_the_call_goes_on() -> None:
    harness = in_call()
    harness.model(
        build.model_error("response_cancel_not_active", "nothing to cancel"),
        build.model_error("invalid_value", "too late to matter", event_id="session"),
        build.model_error("invalid_value", "whose?", event_id="not-ours"),
    )
    assert harness.take() == []
    assert harness.call.errors == [
        "response_cancel_not_active: nothing to cancel",
        "invalid_value: too late to matter",
        "invalid_value: whose?",
    ]


def test_an_account_that_may_not_speak_ends_the_call() -> None:
    for code in ("invalid_api_key", "insufficient_quota", "account_deactivated", "model_not_found"):
        harness = in_call()
        harness.model(build.model_error(code, "sorry"))
        assert harness.take() == ["close model 1000", "close caller 1011 model_failed"]
        assert harness.call.why_ended == f"{code}: sorry"


def test_a_response_that_failed_is_an_error_of_the_call() -> None:
    harness = in_call()
    details = {"type": "failed", "error": {"type": "server_error", "code": "inference_rate_limit_exceeded"}}
    harness.model(build.response_created(), build.response_done(status="failed", details=details))
    assert harness.take() == []
    assert harness.call.errors == ["response failed: inference_rate_limit_exceeded"]


def test_who_cancels_is_read_from_the_session_not_from_our_wish() -> None:
    harness = in_call(CallSettings(vad=Vad(interrupt_response=True)), interrupt_response=False)
    assert harness.call.session.interrupts is False
    harness.model(build.session_updated(interrupt_response=True))
    assert harness.call.session.interrupts is True


def test_the_configuration_leaves_out_what_is_not_wanted() -> None:
    audio = json.loads(json.dumps(session_config(CallSettings(transcription_model=None, language="en"))))["audio"]
    assert (audio["input"]["transcription"], audio["input"]["noise_reduction"]) == (None, None)


# Where in the stream the model heard the caller


def test_the_callers_onset_is_found_through_what_was_appended() -> None:
    """The model was ready 200 ms into the stream, and Twilio left out 300 ms of silence later."""
    harness = dialling(CallSettings(limits=Limits(pending_audio_ms_max=40)))
    for begin_ms in range(0, 200, 20):
        harness.wait(begin_ms + 20)
        harness.caller(build.media(begin_ms))
    harness.model(build.session_created(), build.session_updated())
    for begin_ms in (*range(200, 300, 20), *range(600, 900, 20)):
        harness.wait(begin_ms + 20)
        harness.caller(build.media(begin_ms))
    # Appended: stream 160 to 300, then 600 to 900. The model's 0 is 160; its 140 is 600.
    assert harness.call.session.input == InputClock(440 * 8, harness.call.session.input.segments)
    harness.model(build.speech_started(0), build.speech_stopped(440 + 500))
    item = harness.call.conversation.items["item_u1"]
    # Moved forward by the 300 ms of padding, back by the 500 ms of silence.
    assert (item.role, item.started_at, item.ended_at) == ("user", 760 * 8, 900 * 8)


def test_an_onset_is_never_later_than_the_news_of_it() -> None:
    harness = in_call()
    harness.model(build.speech_started(9_000))
    assert harness.call.conversation.items["item_u1"].started_at == harness.at_ns // MS * 8


def test_an_onset_before_anything_was_appended_is_now() -> None:
    harness = dialling()
    harness.model(build.session_created(), build.session_updated())
    harness.model(build.speech_started(0), build.speech_stopped(0))
    item = harness.call.conversation.items["item_u1"]
    assert (item.started_at, item.ended_at) == (0, None)


def test_what_the_session_does_not_say_is_what_was_asked_for() -> None:
    """An update that repeats only what changed is an answer, too."""
    harness = Harness()
    harness.engine(build.leg_opened("caller"))
    harness.caller(build.connected(), build.started())
    harness.engine(build.leg_opened("model"))
    harness.model(build.session_created(), '{"type":"session.updated","session":{"type":"realtime"}}')
    assert harness.call.session.is_ready
    assert harness.call.session.interrupts
    harness.model('{"type":"session.updated","session":{"audio":{"input":{"turn_detection":null}}}}')
    assert not harness.call.session.interrupts, "nothing listens for the caller any more, so nothing interrupts"
