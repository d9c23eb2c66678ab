"""A call from its first frame to its end: who may speak when, what is refused, and how every call comes to an end."""

import pytest

from engine.core import Call, CallSettings, Step
from engine.core.machines import Calling, Socket
from engine.core.settings import Limits
from tests import build
from tests.build import Harness, in_call


def opened(settings: CallSettings | None = None) -> Harness:
    """A socket that may be Twilio's."""
    harness = Harness(settings)
    harness.engine(build.leg_opened("caller"))
    return harness


def ended(harness: Harness) -> tuple[str | None, str]:
    return harness.call.how_ended, harness.call.why_ended


def test_start_says_whose_call_it_is_and_dials_the_model() -> None:
    harness = opened(CallSettings(model="gpt-realtime-2.1-mini"))
    assert (harness.call.state, harness.call.caller, harness.call.model) == (
        Calling.AWAITING_START,
        Socket.OPEN,
        Socket.ABSENT,
    )
    harness.caller(build.connected(), build.started())
    assert harness.take() == ["dial gpt-realtime-2.1-mini"]
    call = harness.call
    assert (call.call_sid, call.stream_sid, call.account_sid) == (build.CALL_SID, build.STREAM_SID, build.ACCOUNT_SID)
    assert (call.state, call.caller, call.model) == (Calling.LIVE, Socket.OPEN, Socket.DIALLING)


@pytest.mark.parametrize(
    "call_sid", ["", "CA", "../../etc/passwd", build.CALL_SID + "0", build.CALL_SID + "\n", "MZ" + build.CALL_SID[2:]]
)
def test_a_call_sid_that_is_not_one_is_refused(call_sid: str) -> None:
    """It would become a file name."""
    harness = opened()
    harness.caller(build.started(call_sid=call_sid))
    assert harness.take() == ["close caller 1008 refused"]
    assert ended(harness) == ("refused", "start without a call SID and a stream SID")
    assert harness.call.call_sid is None


def test_a_start_without_a_stream_is_refused() -> None:
    harness = opened()
    harness.caller(build.started(stream_sid=""))
    assert harness.take() == ["close caller 1008 refused"]


@pytest.mark.parametrize(
    ("encoding", "sample_rate", "channels", "said"),
    [
        ("audio/x-alaw", 8000, 1, "audio/x-alaw, 8000 Hz, 1 channel(s)"),
        ("audio/x-mulaw", 16000, 1, "audio/x-mulaw, 16000 Hz, 1 channel(s)"),
        ("audio/x-mulaw", 8000, 2, "audio/x-mulaw, 8000 Hz, 2 channel(s)"),
    ],
)
def test_a_format_that_cannot_be_counted_is_refused(encoding: str, sample_rate: int, channels: int, said: str) -> None:
    harness = opened()
    harness.caller(build.started(encoding=encoding, sample_rate=sample_rate, channels=channels))
    assert harness.take() == ["close caller 1008 refused"]
    assert ended(harness) == ("refused", f"the stream is {said}; only audio/x-mulaw, 8000 Hz, mono can be counted")
    assert harness.call.call_sid == build.CALL_SID, "the log still gets its name"


def test_a_second_start_changes_nothing() -> None:
    harness = in_call()
    harness.caller(build.started(call_sid="CA" + "f" * 32))
    assert harness.take() == []
    assert (harness.call.call_sid, harness.call.malformed["caller"]) == (build.CALL_SID, 1)


@pytest.mark.parametrize("frame", [build.media(0), build.connected(), "garbage", '{"event":"later"}', build.echo("a")])
def test_frames_before_start_are_bounded(frame: str) -> None:
    harness = opened(CallSettings(limits=Limits(frames_before_start_max=3)))
    harness.caller(frame, frame, frame)
    assert harness.take() == []
    harness.caller(frame)
    assert harness.take() == ["close caller 1008 refused"]
    assert ended(harness) == ("refused", "frames_before_start_max: 4 frames and no start")
    harness.caller(frame)
    assert harness.take() == []


def test_what_is_malformed_is_counted_by_leg() -> None:
    harness = in_call()
    harness.caller("garbage")
    harness.model("{}", '{"type":"error"}')
    harness.engine("?", build.frame(type="frame.binary", leg="caller", audio="f39/fw=="))
    assert harness.take() == []
    assert harness.call.malformed == {"caller": 2, "model": 2, "engine": 1}


def test_the_type_of_a_step_is_the_frames_own() -> None:
    harness = in_call()
    for leg, text, kind in (
        ("caller", build.media(0), "media"),
        ("caller", '{"event":"later"}', "later"),
        ("caller", "garbage", "malformed"),
        ("model", '{"type":"rate_limits.updated"}', "rate_limits.updated"),
        ("engine", build.timer_due(), "timer.due"),
    ):
        harness.put(leg, text)  # type: ignore[arg-type]  # one of the three legs, from the table above
        assert harness.last.type == kind


# Timers


def test_no_start_within_its_time_is_refused() -> None:
    harness = opened()
    assert harness.wake_ms == 10_000
    harness.wait(9_999)
    harness.engine(build.timer_due())
    assert (harness.take(), harness.wake_ms) == ([], 10_000)
    harness.wake()
    assert harness.take() == ["close caller 1008 refused"]
    assert ended(harness) == ("refused", "start_ms_max: no start within 10000 ms")
    assert harness.last.wake_at_ns is None


def test_a_model_that_is_not_ready_in_its_time_fails() -> None:
    harness = opened()
    harness.wait(500)
    harness.caller(build.started())
    assert harness.wake_ms == 10_500
    harness.run(10_400)
    harness.wake()
    assert harness.take() == ["dial gpt-realtime-2.1", "close model 1000", "close caller 1011 model_failed"]
    assert ended(harness) == ("model_failed", "ready_ms_max: the model was not ready within 10000 ms")


def test_a_ready_model_is_not_waited_for() -> None:
    harness = in_call()
    assert harness.wake_ms == 100 + 30_000


def test_a_caller_leg_that_says_nothing_at_all_is_given_up() -> None:
    """Twilio's `stop` is not guaranteed."""
    harness = in_call()
    harness.run(1_000)
    harness.model(build.response_created())
    assert harness.wake_ms == 31_000, "what the model sends is no sign of life of Twilio's"
    harness.wake()
    assert harness.take() == ["close model 1000", "close caller 1000 limit"]
    assert ended(harness) == ("limit", "idle_ms_max: no frame from Twilio for 30000 ms")


def test_a_timer_that_is_early_does_nothing() -> None:
    harness = in_call()
    harness.engine(build.timer_due())
    assert harness.take() == []


# The end


def test_stop_closes_both_legs_and_the_call_ends_when_both_are_gone() -> None:
    harness = in_call()
    harness.caller(build.stopped())
    assert harness.take() == ["close model 1000", "close caller 1000 stop"]
    assert (harness.call.state, harness.last.wake_at_ns, harness.call.ended) == (Calling.ENDING, None, False)
    harness.engine(build.leg_closed("model"))
    assert harness.take() == []
    harness.engine(build.leg_closed("caller"))
    assert harness.take() == ["end stop: Twilio said stop"]
    assert (harness.call.state, harness.call.ended) == (Calling.ENDED, True)
    # Nothing comes after the end.
    harness.engine(build.leg_closed("caller"), build.timer_due(), build.operator_hang_up())
    harness.caller(build.media(100), build.started(), "garbage")
    harness.model(build.item_audio(100))
    assert harness.take() == []


def test_nothing_is_decided_while_the_legs_are_closing() -> None:
    harness = in_call()
    harness.model(build.response_created(), build.item_audio(100))
    harness.caller(build.stopped())
    harness.take()
    harness.model(build.item_audio(100), build.speech_started(), build.response_done())
    harness.caller(build.dtmf(), build.echo("mark-2"), build.media(100), build.stopped())
    harness.engine(build.operator_interrupt(), build.timer_due())
    assert harness.take() == []
    assert ended(harness) == ("stop", "Twilio said stop"), "the first reason stands"


def test_a_caller_who_is_gone_without_stop_was_dropped() -> None:
    harness = in_call()
    harness.engine(build.leg_closed("caller", code=1006))
    assert harness.take() == ["close model 1000"]
    harness.engine(build.leg_closed("model"))
    assert harness.take() == ["end dropped: the caller's socket closed (1006) without stop"]


def test_a_model_that_closes_for_good_ends_the_call() -> None:
    harness = in_call()
    harness.engine(build.leg_closed("model", code=4000, reason="beta_api_shape_disabled"))
    assert harness.take() == ["close caller 1000 model_closed"]
    harness.engine(build.leg_closed("caller"))
    assert harness.take() == ["end model_closed: the model's socket closed (4000): beta_api_shape_disabled"]


def test_a_model_that_cannot_be_reached_ends_the_call() -> None:
    harness = opened()
    harness.caller(build.started())
    harness.take()
    harness.engine(build.leg_failed(401, "401 Unauthorized"))
    assert harness.take() == ["close caller 1011 model_failed"]
    harness.engine(build.leg_closed("caller"))
    assert harness.take() == ["end model_failed: the model cannot be reached: 401 Unauthorized"]


def test_a_caller_who_hangs_up_while_the_model_is_dialled() -> None:
    """The dial is given up; should it succeed all the same, the socket counts as closing."""
    harness = opened()
    harness.caller(build.started(), build.stopped())
    assert harness.take() == ["dial gpt-realtime-2.1", "close model 1000", "close caller 1000 stop"]
    harness.engine(build.leg_closed("caller"), build.leg_opened("model"))
    assert (harness.take(), harness.call.model) == ([], Socket.CLOSING)
    harness.engine(build.leg_failed(reason="given up"))
    assert harness.take() == ["end stop: Twilio said stop"]


def test_a_socket_that_closes_before_start_ends_at_once() -> None:
    harness = opened()
    harness.engine(build.leg_closed("caller", code=None))
    assert harness.take() == ["end dropped: the caller's socket closed (None) without stop"]


@pytest.mark.parametrize(
    ("body", "how", "why"),
    [
        (build.operator_hang_up("enough"), "hangup", "enough"),
        (build.operator_hang_up("shutdown"), "shutdown", "shutdown"),
        (build.frame(type="outbox.full", leg="caller"), "limit", "outbox full: the caller leg reads too slowly"),
        (
            build.frame(type="limit.reached", limit="frame_bytes_max", value=9, max=8),
            "limit",
            "frame_bytes_max: 9 is over 8",
        ),
    ],
)
def test_what_else_ends_a_call(body: str, how: str, why: str) -> None:
    harness = in_call()
    harness.engine(body)
    assert harness.take() == ["close model 1000", f"close caller 1000 {how}"]
    assert ended(harness) == (how, why)


def test_a_hang_up_before_the_leg_is_open_ends_at_once() -> None:
    harness = Harness()
    harness.engine(build.operator_hang_up())
    assert harness.take() == ["end hangup: done"]


# Faults


def boom(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a bug")


@pytest.mark.parametrize(
    ("method", "leg", "text"),
    [
        ("_live", "model", build.speech_started()),
        ("_caller_audio", "caller", build.media(100)),
        ("_timer_due", "engine", build.timer_due()),
    ],
)
def test_a_bug_becomes_a_fault_and_the_call_ends(
    monkeypatch: pytest.MonkeyPatch, method: str, leg: str, text: str
) -> None:
    harness = in_call()
    monkeypatch.setattr(Call, method, boom)
    harness.put(leg, text)  # type: ignore[arg-type]  # one of the three legs, from the table above
    assert harness.take() == [
        "fault ZeroDivisionError: a bug",
        "close model 1000",
        "close caller 1011 fault",
    ]
    assert (harness.entries[-3].kind, harness.entries[-3].leg) == ("fault", "engine")
    harness.engine(build.leg_closed("model"), build.leg_closed("caller"))
    assert harness.take() == ["end fault: a bug in the core"]


def test_a_bug_at_the_end_of_a_call_still_lets_it_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even what is computed for the end may be broken; the legs are closed all the same."""
    harness = in_call()
    monkeypatch.setattr(type(harness.call.hearing), "hang_up", boom)
    harness.caller(build.stopped())
    sent = harness.take()
    assert sent[0] == "fault ZeroDivisionError: a bug"
    assert [text.rsplit(" 1", 1)[0] for text in sent[1:]] == ["close model", "close caller"]
    harness.engine(build.leg_closed("model"), build.leg_closed("caller"))
    assert harness.call.ended


def test_a_bug_in_a_decoder_is_a_fault_too(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = in_call()
    monkeypatch.setattr("engine.core.wire_caller.decode", boom)
    harness.caller(build.media(100))
    assert harness.take()[0] == "fault ZeroDivisionError: a bug"


def test_a_step_is_a_plain_value() -> None:
    assert Step("media", [], None) == Step("media", [], None)
