"""`replay what-if`: a recorded call under other settings. What changes, and how far what was recorded is evidence.

The golden logs are asked what they would be under settings that matter to their stories. Where a what-if knows nothing
(a model that was told something else), it must say so; where it knows (a timer, a mark left out), it must be right.
"""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from replay.goldens.golden import read_golden
from replay.runner import OF_ANOTHER
from tests.replay_calls import bakery, call_row, write_sealed, write_story
from tests.what_if_calls import GOLDEN, SENTINEL, changes, run

SID = "CA55555555555555555555555555555555"

TRUNCATE = (
    '{"type":"conversation.item.truncate","event_id":"truncate-1","item_id":"item_reply001_1","content_index":0,'
    '"audio_end_ms":1365}'
)
ALIGN = (
    '{"type":"align_item","item_id":"item_reply001_1","audio_ms":3000,"characters":28,"complete":true,'
    '"frames_per_letter":null}'
)


class TestTheSentinelThatNeverComesBack:
    """The settling waits for the caller to stop, 720 ms after the clear, as `settle_ms` is longer."""

    def test_a_shorter_wait_truncates_sooner_by_a_timer_that_was_not_recorded(self) -> None:
        done = run(SENTINEL, "settle_ms=300")
        assert (done.exit_code, done.stderr) == (1, "")
        assert (
            done.stdout
            == f"""\
{SID}   {SENTINEL}
  limits.settle_ms: recorded 1000, what if 300
  from entry 1 on, 0:00.000 of the stream

Commands
  moved  conversation.item.truncate (item_reply001_1)
    recorded  entry 400, 0:02.610
    what if   by a timer after entry 355, 0:02.190
    {TRUNCATE}
  moved  align_item (item_reply001_1)
    recorded  entry 401, 0:02.610
    what if   by a timer after entry 355, 0:02.190
    {ALIGN}

Interruptions   what was heard, and what the model was told
  at 0:01.890  item_reply001_1
    both      heard 1365 ms (1250 to 1390); truncate at 1365 ms

Evidence   how far the recorded inputs tell what would have been
  the model   to entry 355, 0:02.190. Later frames are those of a model to which conversation.item.truncate \
(item_reply001_1) was sent at 0:02.610, and would be at 0:02.190
  the caller  to entry 439, 0:02.860. From there on he hears, and answers, that model
  echoes      to entry 439, 0:02.860. From there on they are of that model's audio
  What is shown beyond is what the core does if it sees what was recorded all the same.
  Woken by a timer: recorded never, what if once.

changed: of 279 commands, 2 moved
"""
        )

    def test_fewer_marks_say_less_and_their_echoes_are_evidence_all_the_same(self) -> None:
        """The marks that stay stand at places where there was one, and under other names."""
        done = run(SENTINEL, "mark_every_ms=400")
        assert done.exit_code == 1
        assert (
            done.stdout
            == f"""\
{SID}   {SENTINEL}
  mark_every_ms: recorded 200, what if 400
  from entry 1 on, 0:00.000 of the stream

Commands
  media: 10 added, 20 removed, from entry 103 on, 0:00.588; the same audio, cut at other places
  mark: 10 removed, from entry 103 on, 0:00.588

Interruptions   what was heard, and what the model was told
  at 0:01.890  item_reply001_1
    both      heard 1365 ms (1250 to 1390); truncate at 1365 ms

Evidence   how far the recorded inputs tell what would have been
  All of them: nobody outside would have seen a difference.
  Echoes left out, of marks that would not have been sent: 10.

changed: of 279 commands, 10 added, 30 removed
"""
        )

    def test_more_marks_have_no_echoes_that_could_be_evidence(self) -> None:
        done = run(SENTINEL, "mark_every_ms=60")
        assert done.exit_code == 1
        assert (
            done.stdout.partition("Interruptions")[2]
            == """\
   what was heard, and what the model was told
  at 0:01.890  item_reply001_1   beyond the evidence of echoes
    both      heard 1365 ms (1250 to 1390); truncate at 1365 ms

Evidence   how far the recorded inputs tell what would have been
  echoes      to entry 88, 0:00.556. Then mark was not sent, and would be
  What is shown beyond is what the core does if it sees what was recorded all the same.
  Echoes left out, of marks that would not have been sent: 10.

changed: of 279 commands, 1 moved, 97 added, 32 removed
"""
        )

    def test_a_model_that_is_told_other_numbers_from_the_callers_turn_on(self) -> None:
        done = run(SENTINEL, "vad.silence_ms=300", options=["--from", "turn:2"])
        (told,) = json.loads(run(SENTINEL, "silence=300", options=["--from", "turn:2", "--json"]).stdout)["changes"]
        heard = told["what_if"]["body"]["session"]["audio"]["input"]
        assert heard["turn_detection"]["silence_duration_ms"] == 300
        assert (done.exit_code, done.stderr) == (1, "")
        lines = done.stdout.splitlines()
        assert lines.pop(7).startswith('    {"type":"session.update","event_id":"session","session":{')
        assert (
            "\n".join(lines)
            == f"""\
{SID}   {SENTINEL}
  vad.silence_duration_ms: recorded 500, what if 300
  from entry 299 on, 0:01.800 of the stream

Commands
  added  session.update
    what if   with the settings, before entry 299, 0:01.800

Interruptions   what was heard, and what the model was told
  at 0:01.890  item_reply001_1   beyond the evidence of the model
    both      heard 1365 ms (1250 to 1390); truncate at 1365 ms

Evidence   how far the recorded inputs tell what would have been
  the model   to entry 299, 0:01.800. Later frames are those of a model to which session.update was not sent, and \
would be
  the caller  to entry 439, 0:02.860. From there on he hears, and answers, that model
  echoes      to entry 439, 0:02.860. From there on they are of that model's audio
  What is shown beyond is what the core does if it sees what was recorded all the same.

changed: of 279 commands, 1 added"""
        )

    def test_a_setting_that_makes_no_difference(self) -> None:
        done = run(SENTINEL, "limits.idle_ms_max=5000", "align_ms=3000")
        assert (done.exit_code, done.stderr) == (0, "")
        assert (
            done.stdout
            == f"""\
{SID}   {SENTINEL}
  limits.idle_ms_max: recorded 30000, what if 5000
  limits.align_ms_max: recorded 2000, what if 3000
  from entry 1 on, 0:00.000 of the stream

Interruptions   what was heard, and what the model was told
  at 0:01.890  item_reply001_1
    both      heard 1365 ms (1250 to 1390); truncate at 1365 ms

Evidence   how far the recorded inputs tell what would have been
  All of them: nobody outside would have seen a difference.

same: every command is the one that was recorded; to this call these settings make no difference
"""
        )

    def test_json(self) -> None:
        done = run(SENTINEL, "settle_ms=300", options=["--json", "--from", "0.5s"])
        assert (done.exit_code, done.stderr) == (1, "")
        made = json.loads(done.stdout)
        align, truncate = (made["changes"].pop() for _ in range(2))
        assert align["recorded"]["type"] == "align_item"
        sent = {
            "leg": "model",
            "type": "conversation.item.truncate",
            "body": json.loads(TRUNCATE),
            "audio_from": None,
            "audio_to": None,
        }
        assert truncate == {
            "way": "moved",
            "recorded": {"seq": 400, "step": 399, "by": "input", "stream_ms": 2610, "cause": 399, **sent},
            "what_if": {"seq": None, "step": 355, "by": "timer", "stream_ms": 2190, "cause": 355, **sent},
            "fields": [],
        }
        heard = {
            "heard_ms": 1365,
            "heard_min_ms": 1250,
            "heard_max_ms": 1390,
            "heard_text": "One two three four",
            "action": "truncate",
            "audio_end_ms": 1365,
        }
        cut = {"at_ms": 1890, "item_id": "item_reply001_1", "recorded": heard, "what_if": heard}
        told = "Later frames are those of a model to which conversation.item.truncate (item_reply001_1) was sent at "
        model = {
            "witness": "model",
            "to_seq": 355,
            "stream_ms": 2190,
            "why": f"{told}0:02.610, and would be at 0:02.190",
        }
        later = {"to_seq": 439, "stream_ms": 2860}
        caller = {"witness": "caller", **later, "why": "From there on he hears, and answers, that model"}
        echoes = {"witness": "echoes", **later, "why": "From there on they are of that model's audio"}
        assert made == {
            "verdict": "changed",
            "reason": "of 279 commands, 2 moved",
            "call_sid": SID,
            "path": str(SENTINEL),
            "settings": [{"key": "limits.settle_ms", "recorded": 1000, "what_if": 300}],
            "from": {"seq": 65, "stream_ms": 500},
            "counts": {"recorded": 279, "what_if": 279, "changed": 0, "moved": 2, "added": 0, "removed": 0},
            "changes": [],
            "interruptions": [{**cut, "beyond_evidence_of": []}],
            "evidence": [model, caller, echoes],
            "timers": {"recorded": 0, "what_if": 1},
            "echoes_left_out": 0,
            "ended": {"recorded": "stop", "what_if": "stop"},
        }


@pytest.mark.parametrize(
    ("number", "path"), [*enumerate(sorted(GOLDEN.glob("*.jsonl")))], ids=lambda each: getattr(each, "stem", "")
)
def test_settings_that_are_what_they_were_change_nothing(number: int, path: Path) -> None:
    """In no call, from nowhere: the way that timers, answers and echoes take makes no difference by itself. Every call
    is asked from its start or its middle, by turns, and some from their end."""
    log = read_golden(path)
    places = ["start" if number % 2 else f"seq:{len(list(log.rows())) // 2}", *(["end"] if number % 4 == 0 else [])]
    for place in places:
        done = run(path, f"mark_every_ms={log.settings.mark_every_ms}", options=["--from", place, "--json"])
        made = json.loads(done.stdout)
        assert (done.exit_code, made["changes"], made["echoes_left_out"]) == (0, [], 0)
        assert made["timers"]["recorded"] == made["timers"]["what_if"]


class TestTheModelIsToldSomethingElse:
    def test_what_it_grants_is_taken_for_granted(self) -> None:
        """A model that does not cancel by itself is told to, at the next interruption."""
        done = run(GOLDEN / "caller_interrupts_mid_generation.jsonl", "interrupt_response=false")
        assert done.exit_code == 1
        assert (
            done.stdout.partition("Commands\n")[2]
            == """\
  changed  session.update
    recorded  entry 15, 0:00.175
    what if   after entry 14, 0:00.175
    session.audio.input.turn_detection.interrupt_response: recorded true, what if false
  added  response.cancel (resp_0001)
    what if   after entry 229, 0:01.490
    {"type":"response.cancel","event_id":"cancel-1","response_id":"resp_0001"}

Interruptions   what was heard, and what the model was told
  at 0:01.490  item_reply001_1   beyond the evidence of the model, the caller, echoes
    both      heard 965 ms (890 to 990); truncate at 965 ms

Evidence   how far the recorded inputs tell what would have been
  the model   to entry 14, 0:00.175. Later frames are those of a model to which session.update was sent with \
session.audio.input.turn_detection.interrupt_response true, and would be with false
  the caller  to entry 67, 0:00.525. From there on he hears, and answers, that model
  echoes      to entry 67, 0:00.525. From there on they are of that model's audio
  What is shown beyond is what the core does if it sees what was recorded all the same.

changed: of 235 commands, 1 changed, 1 added
"""
        )

    def test_the_same_from_the_middle_of_the_call(self) -> None:
        path = GOLDEN / "caller_interrupts_mid_generation.jsonl"
        done = run(path, "interrupt_response=false", options=["--from", "turn:1", "--json"])
        assert changes(done) == [("added", "session.update"), ("added", "response.cancel")]

    def test_a_model_that_does_cancel_by_itself(self) -> None:
        done = run(
            GOLDEN / "the_model_leaves_cancelling_to_the_engine.jsonl", "interrupt_response=true", options=["--json"]
        )
        assert changes(done) == [("changed", "session.update"), ("removed", "response.cancel")]

    @pytest.mark.parametrize(
        ("text", "way", "kind", "why"),
        [
            (
                "greeting=none",
                "removed",
                "response.create",
                "Later frames are those of a model to which response.create was sent, and would not be",
            ),
            (
                "model=gpt-other",
                "changed",
                "dial_model",
                'Then dial_model was commanded with model "gpt-realtime-2.1", and would be with "gpt-other"',
            ),
            (
                "instructions=" + "Sell bread. " * 10,
                "changed",
                "session.update",
                "Later frames are those of a model to which session.update was sent with session.instructions "
                f'"You sell bread.", and would be with "{"Sell bread. " * 5}…'[:-2]
                + "…",
            ),
        ],
    )
    def test_why_its_frames_are_no_evidence(self, text: str, way: str, kind: str, why: str) -> None:
        done = run(SENTINEL, text, options=["--json"])
        assert changes(done) == [(way, kind)]
        assert json.loads(done.stdout)["evidence"][0]["why"] == why

    def test_it_is_sent_less_of_the_caller(self) -> None:
        path = GOLDEN / "caller_speaks_before_the_model_is_ready.jsonl"
        done = run(path, "pending_audio_ms=100")
        (told,) = [line for line in done.stdout.splitlines() if "append:" in line]
        assert told.startswith("  input_audio_buffer.append: ")
        assert "removed, from entry" in told
        assert "Later frames are those of a model to which input_audio_buffer.append was sent, and would not be" in (
            done.stdout
        )

    def test_it_is_told_less_where_an_estimate_would_have_waited_for_proof(self) -> None:
        done = run(GOLDEN / "a_late_proof_shortens_what_was_estimated.jsonl", "settle_ms=3000")
        commands = done.stdout.partition("Commands\n")[2].partition("\n\n")[0]
        assert [line for line in commands.splitlines() if "{" not in line] == [
            "  removed  conversation.item.truncate (item_reply001_1)",
            "    recorded  entry 375, 0:02.579",
            "  moved  align_item (item_reply001_1)",
            "    recorded  entry 376, 0:02.579",
            "    what if   after entry 426, 0:02.942",
        ]
        assert "  Woken by a timer: recorded once, what if never.\n" in done.stdout

    def test_a_wait_that_is_too_short_leaves_the_model_with_less_than_was_heard(self) -> None:
        """Twilio played on for two seconds: the truncate by estimate cannot be taken back."""
        path = GOLDEN / "the_clear_is_stuck_for_two_seconds_while_twilio_plays.jsonl"
        done = run(path, "settle_ms=1")
        assert done.stdout.partition("Interruptions")[2].splitlines()[1:4] == [
            "  at 0:01.890  item_reply001_1",
            "    recorded  heard 2895 ms (2890 to 2920); truncate at 2895 ms",
            "    what if   heard 2895 ms (2890 to 2920); truncate at 1365 ms",
        ]


class TestItCannotTell:
    def test_a_log_that_does_not_replay(self, tmp_path: Path) -> None:
        spoilt = [
            replace(each, body=each.body.replace(":520", ":400")) if each.seq == 123 else each for each in bakery()
        ]
        done = run(write_story(tmp_path / "a.jsonl", spoilt), "settle_ms=1")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == (
            "replay: recorded and replayed part at entry 123, without other settings (see `replay diff`): "
            "what those change could not be told\n"
        )

    def test_a_call_of_another_bridge(self, tmp_path: Path) -> None:
        done = run(write_sealed(tmp_path, bakery(), call_row(rules=0)), "settle_ms=1")
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"replay: {OF_ANOTHER}\n")

    @pytest.mark.parametrize(
        ("options", "why"),
        [
            (["--from", "turn:9"], "replay: there is no turn 9: the call has 3 turns\n"),
            (["--from", "noon"], "'noon' is no place in a call. Places are 83.4s"),
        ],
    )
    def test_no_such_place(self, options: list[str], why: str) -> None:
        done = run(SENTINEL, "settle_ms=1", options=options)
        assert (done.exit_code, done.stdout) == (2, "")
        assert why in done.stderr

    def test_nothing_asked(self) -> None:
        done = run(SENTINEL)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "Missing option '--set'" in done.stderr
