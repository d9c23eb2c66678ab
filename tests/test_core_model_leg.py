"""The model leg is lost, dialled again, renewed, given up; and what the caller hears meanwhile."""

import pytest

from engine.core import CallSettings, commands, report
from engine.core.model_leg import REDIAL_MS
from engine.core.settings import Away, Limits
from tests import build
from tests.build import MS, SILENCE, VOICE, Harness, in_call
from tests.comeback_calls import SAID, assistant_says, caller_said, come_back, lose

PLAYING = ["probe", "play 40", "mark"]


def test_dials_that_fail_are_repeated_at_growing_intervals_until_the_time_is_over() -> None:
    harness = in_call(CallSettings(away=Away(words="")))
    begins_ms = harness.at_ns / MS
    lose(harness)
    for _ in range(3):
        harness.engine(build.leg_failed(None, "no answer"))
        harness.wake()
    dials = [each.at_ms - begins_ms for each in harness.sent if isinstance(each.command, commands.DialModel)][1:]
    assert dials == [0, 250, 750, 1_750]
    assert REDIAL_MS == (0, 250, 500, 1_000, 2_000)
    harness.take()
    harness.wake()
    assert harness.take()[-1] == "close caller 1011 model_failed"
    assert harness.call.why_ended == (
        "ready_ms_max: the model was not ready within 10000 ms: the model cannot be reached: no answer"
    )
    assert harness.at_ns / MS - begins_ms == 10_000


def test_a_first_dial_that_fails_is_repeated_too() -> None:
    harness = Harness()
    harness.engine(build.leg_opened("caller"))
    harness.caller(build.connected(), build.started())
    harness.engine(build.leg_failed(503, "busy"))
    assert harness.take() == ["dial gpt-realtime-2.1", "dial gpt-realtime-2.1"]
    assert come_back(harness) == []
    assert [each.reason for each in harness.call.model_leg.absences] == ["the model cannot be reached: busy"]
    assert harness.call.model_leg.losses == 0


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404])
def test_a_dial_that_can_never_succeed_ends_the_call(status: int) -> None:
    harness = in_call()
    lose(harness)
    harness.take()
    harness.engine(build.leg_failed(status, "refused"))
    assert harness.take() == ["close caller 1011 model_failed"]
    assert harness.call.why_ended == "the model cannot be reached: refused"


def test_the_vendors_name_for_a_lack_of_money_ends_the_call_whatever_the_status() -> None:
    harness = in_call()
    lose(harness)
    harness.take()
    harness.engine(build.frame(type="leg.failed", leg="model", status=429, reason="no", code="insufficient_quota"))
    assert harness.take() == ["close caller 1011 model_failed"]


@pytest.mark.parametrize("code", [3000, 4000])
def test_a_close_that_says_never_again_ends_the_call(code: int) -> None:
    harness = in_call()
    lose(harness, code)
    assert harness.take() == ["close caller 1000 model_closed"]


@pytest.mark.parametrize("code", ["invalid_api_key", "insufficient_quota", "model_not_found"])
def test_a_fatal_error_ends_the_call_and_the_close_behind_it_is_no_loss(code: str) -> None:
    harness = in_call()
    harness.model(build.model_error(code, "no"))
    lose(harness, 1000)
    assert harness.take() == ["close model 1000", "close caller 1011 model_failed"]
    assert harness.call.model_leg.absences == []


def test_a_session_that_expires_is_closed_and_begun_anew() -> None:
    harness = in_call()
    caller_said(harness)
    assistant_says(harness, 500)
    harness.run(3_000)
    harness.take()
    harness.model(build.model_error("session_expired", "Your session hit the maximum duration of 60 minutes."))
    assert harness.take() == ["close model 1000"]
    harness.model(build.speech_started(9_000, "item_u9"), *build.reply(400, "item_9", "resp_9"))
    assert harness.take() == [], "what the old session still says is not played"
    lose(harness, 1001)
    assert harness.take() == ["dial gpt-realtime-2.1"]
    assert come_back(harness) == ["restore item_u1: Two loaves, please.", "restore item_1: Good morning."]
    assert "item_9" not in harness.call.conversation.items


def test_a_session_is_renewed_before_the_vendor_ends_it_when_nobody_speaks() -> None:
    limits = Limits(renew_ms=5_000, renew_ms_max=60_000)
    harness = in_call(CallSettings(limits=limits))
    harness.run(4_500)
    assistant_says(harness, 2_000)
    harness.take()
    closed_at_ms = None
    while closed_at_ms is None:
        harness.run(harness.at_ns / MS + 100)
        if harness.last.wake_at_ns is not None and harness.last.wake_at_ns <= harness.at_ns:
            harness.engine(build.timer_due())
        closed_at_ms = harness.at_ns / MS if "close model 1000" in harness.take() else None
    assert 6_500 <= closed_at_ms <= 6_900, "as soon as the assistant has finished"
    lose(harness, 1000)
    assert harness.take() == ["dial gpt-realtime-2.1"]
    assert come_back(harness) == ["restore item_1: Good morning."]
    assert harness.call.errors == ["the model leg was lost: renew_ms: its session is old"]


def test_a_session_is_renewed_in_the_middle_of_speech_if_it_must_be() -> None:
    harness = in_call(CallSettings(limits=Limits(renew_ms=2_000, renew_ms_max=3_000)))
    harness.run(1_900)
    assistant_says(harness, 9_000)
    harness.take()
    while (wakes_ms := harness.wake_ms) is not None and wakes_ms < 3_000:
        harness.run(wakes_ms)
        harness.engine(build.timer_due())
        assert harness.take() == []
    harness.run(3_050)
    harness.engine(build.timer_due())
    assert harness.take() == ["close model 1000"]


def test_a_leg_that_keeps_breaking_off_is_not_restored_for_ever() -> None:
    harness = in_call(CallSettings(limits=Limits(model_losses_max=2)))
    for _ in range(2):
        lose(harness)
        come_back(harness)
    lose(harness)
    assert harness.take() == ["close caller 1000 model_closed"]
    assert harness.call.why_ended == "model_losses_max: lost 3 times: the model's socket closed (None): "


def test_a_model_that_reads_too_slowly_is_dialled_again_and_a_caller_is_hung_up_on() -> None:
    harness = in_call()
    harness.engine(build.frame(type="outbox.full", leg="model"))
    assert harness.take() == ["close model 1000"]
    harness.engine(build.frame(type="limit.reached", limit="model_frame_bytes_max", value=9, max=1))
    assert harness.take() == [], "it is being closed already"
    lose(harness, None)
    assert harness.take() == ["dial gpt-realtime-2.1"]
    harness.engine(build.frame(type="outbox.full", leg="caller"))
    assert harness.take() == ["close model 1000", "close caller 1000 limit"]


def test_a_message_of_the_model_that_is_too_large_costs_the_leg_and_not_the_call() -> None:
    harness = in_call()
    harness.engine(build.frame(type="limit.reached", limit="model_frame_bytes_max", value=9, max=1))
    assert harness.take() == ["close model 1000"]
    assert harness.call.errors == ["the model leg was lost: model_frame_bytes_max: 9 is over 1"]


def word_of(ms: int) -> bytes:
    return build.audio(ms, VOICE)


def load(harness: Harness, audio: bytes) -> None:
    """What the bridge answers to `load word`."""
    harness.last = harness.call.step(harness.seq, harness.at_ns, "engine", '{"type":"word.loaded"}', audio)
    harness.seq += 1 + len(harness.last.commands)
    for command in harness.last.commands:
        harness.sent.append(build.Sent(harness.at_ns / MS, "", command))
        harness.ear.take(command, harness.at_ns // build.NS_PER_SAMPLE)


def test_the_caller_is_told_when_it_takes_longer_than_a_second() -> None:
    harness = in_call()
    caller_said(harness)
    lose(harness)
    harness.take()
    begins_ms = harness.at_ns / MS
    harness.run(begins_ms + 1_000)
    harness.engine(build.timer_due())
    assert harness.take() == ["load word"]
    load(harness, word_of(40))
    assert harness.take() == PLAYING
    harness.run(begins_ms + 1_500)
    harness.engine(build.timer_due())
    assert harness.take() == [], "once"
    assert come_back(harness) == [
        "restore item_u1: Two loaves, please.",
        "restore word-1: One moment, please.",
        "respond None",
    ]
    turns = [(turn.speaker, turn.heard_text) for turn in report(harness.call).turns]
    assert turns == [("caller", SAID), ("assistant", "One moment, please.")]


def test_the_word_waits_for_what_is_playing() -> None:
    harness = in_call()
    assistant_says(harness, 3_000)
    harness.run(1_000)
    lose(harness)
    harness.take()
    told: list[str] = []
    while not told:
        harness.run(harness.at_ns / MS + 100)
        if harness.last.wake_at_ns is not None and harness.last.wake_at_ns <= harness.at_ns:
            harness.engine(build.timer_due())
        told = harness.take()
    assert told == ["load word"]
    assert 3_100 <= harness.at_ns / MS <= 3_500


@pytest.mark.parametrize("is_back", [True, False])
def test_no_word_is_said_when_the_model_is_back_or_there_is_none(is_back: bool) -> None:
    harness = in_call()
    lose(harness)
    harness.run(1_200)
    harness.engine(build.timer_due())
    assert "load word" in harness.take()
    if is_back:
        come_back(harness)
    load(harness, word_of(40) if is_back else b"")
    assert harness.take() == []


def test_without_words_nothing_is_loaded() -> None:
    harness = in_call(CallSettings(away=Away(words="")))
    lose(harness)
    harness.run(1_200)
    harness.engine(build.timer_due())
    assert harness.take() == ["dial gpt-realtime-2.1"]


def test_a_caller_who_talks_over_the_word_truncates_nothing() -> None:
    harness = in_call()
    lose(harness)
    harness.run(1_200)
    harness.engine(build.timer_due())
    load(harness, word_of(2_000))
    come_back(harness)
    harness.run(1_700)
    harness.model(build.speech_started(300, "item_u1"))
    assert harness.take() == build.CLEARED
    harness.run(2_000)
    told = harness.take()
    assert [each.partition(":")[0] for each in told] in ([], ["restore word-1 after root"])
    assert report(harness.call).interruptions[0].items[0].action == "none"


def test_hanging_up_while_the_model_is_away_ends_the_call() -> None:
    harness = in_call()
    lose(harness)
    harness.engine(build.leg_failed(None, "no answer"))
    harness.take()
    harness.caller(build.stopped())
    assert harness.take() == ["close caller 1000 stop"]
    harness.engine(build.leg_closed("caller"))
    assert harness.take() == ["end stop: Twilio said stop"]


def test_under_the_first_rules_a_lost_leg_ends_the_call() -> None:
    """Logs of that time replay as they were decided."""
    harness = in_call(CallSettings(rules=1))
    lose(harness)
    assert harness.take() == ["close caller 1000 model_closed"]
    harness = in_call(CallSettings(rules=1))
    harness.engine(build.frame(type="outbox.full", leg="model"))
    assert harness.take() == ["close model 1000", "close caller 1000 limit"]
    harness = in_call(CallSettings(rules=1))
    harness.model(build.model_error("session_expired"))
    assert harness.take() == []


def test_a_start_that_was_refused_ends_the_call_before_the_model_is_dialled() -> None:
    harness = Harness()
    harness.engine(build.leg_opened("caller"))
    harness.caller(build.connected())
    harness.engine(build.frame(type="start.refused", reason="no token"))
    harness.caller(build.started())
    assert harness.take() == ["close caller 1008 refused"]
    assert (harness.call.call_sid, harness.call.why_ended) == (build.CALL_SID, "no token")


@pytest.mark.parametrize(("per_second", "is_ended"), [(50, False), (90, False), (500, True)])
def test_frames_at_ten_times_the_usual_rate_end_the_call_within_four_seconds(per_second: int, is_ended: bool) -> None:
    harness = in_call()
    ends_at_ns = harness.at_ns + 4_000 * MS
    while harness.at_ns < ends_at_ns and not harness.call.how_ended:
        harness.at_ns += 1_000 * MS // per_second
        harness.put("caller", build.dtmf())
    assert (harness.call.how_ended == "limit") is is_ended
    if is_ended:
        expected = "frames_per_second_max: more than 100 frames a second, for seconds"
        assert (harness.call.why_ended, harness.take()) == (expected, ["close model 1000", "close caller 1000 limit"])


def test_what_a_stuck_line_delivers_at_once_is_no_flood() -> None:
    harness = in_call()
    harness.wait(12_000)
    for number in range(600):
        harness.put("caller", build.media(100 + number * 20, code=SILENCE))
    assert harness.call.how_ended is None
