"""The moments that a person should look at: each kind has its call, and its sentence."""

from pathlib import Path

import pytest

from engine.core.settings import CallSettings, Limits, Vad
from engine.sim.caller import Cue
from engine.sim.ruler import place
from engine.sim.world import run
from replay.metrics.measures import measure
from replay.metrics.problems import KINDS, Problem, problems, survey
from replay.sources import open_log
from tests import build
from tests.build import Harness, in_call
from tests.measured_calls import answers, calls_a_function, greeted, hangs_up, problems_of, says
from tests.replay_calls import bakery, log_of
from tests.stories_told import call as simulated
from tests.stories_told import says as reply

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "fixtures" / "golden"
SILENT, LAST = "the assistant fell silent", "after the caller's last word"


def told(call: Harness) -> list[tuple[int, int, str, str]]:
    """The problems of a call, without their entries."""
    return [(each.stream_ms, each.severity, each.kind, each.what) for each in problems_of(call)]


def of_golden(name: str) -> list[Problem]:
    with open_log(GOLDEN / f"{name}.jsonl") as log:
        return problems(log)


def test_a_call_without_one() -> None:
    assert of_golden("caller_interrupts_mid_generation") == []


def test_the_bakery_whole() -> None:
    log = log_of(bakery())
    measured, found = survey(log)
    assert measured == measure(log)
    assert found == [Problem(152, 880, "unanswered", "turn 2: the model made no response to it", 2)]


def test_a_stuck_line_whole() -> None:
    """The clear does not arrive for two seconds, nor does the answer."""
    assert of_golden("the_clear_is_stuck_for_two_seconds_while_twilio_plays") == [
        Problem(330, 1890, "slow_stop", f"{SILENT} 1,700 ms after the caller began: detect 90, effective 1,610", 1),
        Problem(350, 2060, "slow_turn", f"turn 3 came 1,440 ms {LAST}: vad 550, generate 250, play 640", 2),
        Problem(572, 3500, "slow_line", "a mark that had nothing to wait for came back after 1,610 ms", 1),
        Problem(575, 3500, "slow_line", "a mark that had nothing to wait for came back after 640 ms", 1),
    ]


def test_what_the_log_says_in_so_many_words() -> None:
    """Frames that cannot be read, errors of the model (one that a race explains), responses that fail."""
    call = in_call()
    call.caller("[]")
    call.model(build.model_error("any", "no\x1b[2J", "truncate-1"), build.model_error("response_cancel_not_active"))
    call.model(build.response_done("resp_1", "failed", {"error": {"code": "rate_limit"}}))
    call.model(build.response_done("resp_2", "incomplete", {"reason": "max_output_tokens"}))
    call.engine(build.frame(type="limit.reached", limit="frame_bytes_max", value=2, max=1))
    assert told(call) == [
        (100, 2, "malformed", "malformed frame: caller leg: Expected `object`, got `array`"),
        (100, 2, "model_error", "model error: any: no\\x1b[2J (to our truncate-1)"),
        (100, 1, "model_error", "model error: response_cancel_not_active:"),
        (100, 3, "response_failed", "response failed: resp_1: rate_limit"),
        (100, 2, "response_incomplete", "response incomplete: resp_2: max_output_tokens"),
        (100, 3, "limit", "limit reached: frame_bytes_max: 2, at most 1"),
    ]


def test_a_bug_in_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError("of course")

    monkeypatch.setattr("engine.core.turns.CallerTurns.started", breaks)
    call = in_call()
    call.model(build.speech_started())
    call.engine(build.leg_closed("model"), build.leg_closed("caller"))
    assert told(call) == [
        (100, 3, "fault", "fault: ZeroDivisionError: of course"),
        (100, 3, "bad_end", "the call ended: fault (a bug in the core)"),
    ]


def test_a_model_that_cannot_be_reached() -> None:
    assert of_golden("the_model_cannot_be_reached") == [
        Problem(19, 300, "leg_failed", "leg failed: model leg: HTTP 401, HTTP 401", 3),
        Problem(25, 380, "bad_end", "the call ended: model_failed (the model cannot be reached: HTTP 401)", 3),
    ]


def test_a_caller_who_speaks_long_before_the_model_is_ready() -> None:
    call = Harness(CallSettings(limits=Limits(pending_audio_ms_max=200)))
    call.engine(build.leg_opened("caller"))
    call.caller(build.started())
    call.run(500)
    why = "300 ms of the caller were dropped: the model was not ready, and no more is kept"
    assert told(call) == [(220, 2, "dropped_audio", why)]


class TestTurns:
    def test_that_nobody_answers(self) -> None:
        """No response; a response with nothing in it to hear; one that the caller cut off by speaking on."""
        call = in_call()
        says(call, 300, 700)
        says(call, 1_400, 1_800, "item_u2")
        calls_a_function(call)
        says(call, 2_500, 2_900, "item_u3")
        call.model(*build.reply_begun(0, "item_2", "resp_2"))
        says(call, 3_500, 3_900, "item_u4")
        call.model(*build.reply_done("item_2", "resp_2", "cancelled"), build.deleted("item_2"))
        answers(call, 300, "item_3", "resp_3")
        hangs_up(call, 5_000)
        assert told(call) == [
            (700, 2, "unanswered", "turn 1: the model made no response to it"),
            (1_800, 2, "unanswered", "turn 2: there was a response, and nothing in it to hear"),
            (2_900, 1, "spoke_on", "turn 3: the answer was cut before any of it was heard: the turn had not been over"),
            (4_400, 1, "deleted", "item_2 was taken back: nobody had heard any of it"),
        ]


class TestInterruptions:
    def test_without_words_and_without_proof(self) -> None:
        call = greeted(delay_ms=50)
        call.model(*build.reply(2_000))
        call.run(600)
        call.model(build.speech_started(200))
        call.ear.lost |= {name for _, name in call.ear.echoes}
        call.run(1_700)
        call.wake()
        call.model(build.truncated(audio_end_ms=500), build.caller_words(" "))
        assert told(call) == [
            (550, 2, "estimate", "nothing came back of the clear, so what was heard is an estimate"),
            (550, 2, "false_interruption", "the assistant was stopped, and no words followed"),
        ]

    def test_whose_repair_fails(self) -> None:
        """One is refused, one never answered; and of one the echoes were lost, so that its bounds are wide."""
        call = greeted()
        call.model(*build.reply_begun(400), build.item_done())
        call.model(build.response_item_added("item_2"), build.item_added("item_2", "item_1"))
        call.model(build.item_audio(600, "item_2"), build.item_done("item_2"), build.response_done())
        call.run(300)
        call.model(build.speech_started(0))
        call.run(320)
        call.model(build.model_error("any", "no", event_id="truncate-1"), build.caller_words("Wait."))
        assert told(call) == [
            (300, 3, "repair_refused", "the model refused to truncate item_1 (heard 200 ms) and remembers all of it"),
            (300, 2, "repair_pending", "the model never answered the delete of item_2 (heard 0 ms)"),
            (320, 2, "model_error", "model error: any: no (to our truncate-1)"),
        ]
        call = greeted()
        call.model(*build.reply(3_000))
        call.ear.lost |= {name for _, name in call.ear.echoes[5:]}
        call.run(1_500)
        call.model(build.speech_started(1_200))
        call.run(1_600)
        call.model(build.truncated(audio_end_ms=1_400), build.caller_words("Wait."))
        assert told(call) == [(1_500, 1, "doubt", "what was heard of item_1 is only known to 1,260 ms")]


class TestTheFloor:
    def test_both_speak_for_long(self) -> None:
        """News of the caller comes when it is all over."""
        call = greeted()
        call.model(*build.reply(1_000))
        call.run(1_300)
        call.model(build.speech_started(-100))
        call.run(1_900)
        call.model(build.speech_stopped(1_900), *build.reply(200, "item_2", "resp_2"))
        assert told(call) == [
            (200, 2, "missed", "the caller spoke 900 ms over the assistant, though the model had noticed"),
            (200, 2, "talk_over", "both spoke for 900 ms; the caller began while the other spoke"),
        ]

    def test_a_caller_whom_the_model_does_not_hear(self) -> None:
        cues = (Cue(0, after=place(0, 500), audio=b"\x4f" * 8 * 1_000),)
        settings = CallSettings(greeting="Greet.", vad=Vad(threshold=1.0))
        outcome = run(simulated(reply(0, 3_000), cues=cues, settings=settings, ends_ms=4_000), seed=1)
        (found,) = problems(log_of(outcome.entries, settings))
        assert found.what == "the caller spoke 1,000 ms over the assistant, and the model did not notice"

    def test_nobody_speaks(self) -> None:
        """Over two seconds; over five; and as long as the caller likes."""
        call = in_call()
        says(call, 300, 700)
        answers(call, 300, after_ms=2_000)
        says(call, 4_000, 4_500, "item_u2")
        answers(call, 300, "item_2", "resp_2", after_ms=5_000)
        hangs_up(call, 13_000)
        slow = "the model had nothing to say, or took so long to say it"
        assert told(call) == [
            (700, 2, "dead_air", f"nobody spoke for 2,500 ms: {slow}"),
            (700, 2, "slow_turn", f"turn 2 came 2,500 ms {LAST}: vad 500, generate 2,000"),
            (4_500, 3, "dead_air", f"nobody spoke for 5,500 ms: {slow}"),
            (4_500, 2, "slow_turn", f"turn 4 came 5,500 ms {LAST}: vad 500, generate 5,000"),
            (10_300, 1, "dead_air", "nobody spoke for 2,700 ms: it was the caller's turn"),
        ]

    def test_the_ear_runs_dry(self) -> None:
        assert [each.what for each in of_golden("generation_is_slower_than_playback")] == [
            f"the caller waited {ms} ms in the middle of item_reply001_1 for more of it" for ms in (167, 166, 167, 167)
        ]


def test_a_line_that_stands_still() -> None:
    found = of_golden("what_twilio_sends_is_stuck_for_two_seconds_while_it_plays")
    assert found == [
        Problem(248, 2060, "slow_turn", f"turn 3 came 1,480 ms {LAST}: vad 1,150, generate 250, play 80", 2),
        Problem(248, 1140, "stall", "what Twilio sent came 2,000 ms late", 1),
        Problem(472, 3210, "slow_stop", f"{SILENT} 1,485 ms after the caller began: detect 1,410, effective 75", 1),
    ]


def test_a_model_that_was_away() -> None:
    """One that comes back is wrong; one that does not has broken the call."""
    found = of_golden("the_caller_is_asked_to_wait_while_the_model_is_dialled")
    why = "the model's socket closed (None): the connection broke off"
    assert [(each.what, each.severity) for each in found if each.kind == "model_away"] == [
        (f"the model was away for 2425 ms: {why}; 4 dials, 2 items restored", 2)
    ]
    call = in_call()
    call.engine(build.leg_closed("model", None, "gone"))
    call.caller(build.stopped())
    assert [(each.what, each.severity) for each in problems_of(call) if each.kind == "model_away"] == [
        ("the model was away from then on: the model's socket closed (None): gone; 1 dial", 3)
    ]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.jsonl")), ids=lambda path: path.stem)
def test_of_every_golden_log_they_are_known_kinds_in_order(path: Path) -> None:
    with open_log(path) as log:
        found = problems(log)
    assert {each.kind for each in found} <= KINDS.keys()
    assert [each.seq for each in found] == sorted(each.seq for each in found)
