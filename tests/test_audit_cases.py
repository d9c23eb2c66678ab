"""What an audit makes of single things that bridges do, each in a call of a few frames."""

from typing import Any

import pytest

from engine.core import Entry
from engine.log.errors import LogError
from replay.audit.auditing import audit
from replay.audit.findings import Audit
from tests.overheard_rig import SETTINGS, Rig, audio_of, begun
from tests.replay_calls import log_of

CANCELLED = {"status": "cancelled", "status_details": {"reason": "turn_detected"}}


def speaking(*lengths_ms: int) -> Rig:
    """At 1,000 ms one response came, of items of these lengths, in deltas of 500 ms with a mark behind each; it is
    done. The call goes on for a second, and the marks come back."""
    rig = begun()
    rig.model(type="response.created", response={"id": "resp_0"})
    for item, length in enumerate(lengths_ms):
        added = {"id": f"item_{item}", "type": "message", "role": "assistant"}
        rig.model(type="response.output_item.added", response_id="resp_0", item=added)
        for begin in range(0, length, 500):
            rig.generates(item, begin, min(length, begin + 500), response=0)
            rig.plays(audio_of(item, begin, min(length, begin + 500)))
            rig.marks("responsePart")
        rig.model(type="conversation.item.done", item={**added, "status": "completed"})
    rig.model(type="response.done", response={"id": "resp_0", "status": "completed"})
    for _ in range(min(2, sum(-(-length // 500) for length in lengths_ms))):
        rig.run(rig.now_ms + 500)
        rig.echo("responsePart")
    return rig


def truncates(rig: Rig, item: int | str, ms: int, refused: str = "") -> None:
    """The model agrees, unless it is said what it answers."""
    item_id = item if isinstance(item, str) else f"item_{item}"
    rig.to_model("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=ms)
    if refused:
        rig.model(type="error", error={"code": "invalid_value", "message": refused})
    else:
        rig.model(type="conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=ms)


def deletes(rig: Rig, item: int) -> None:
    rig.to_model("conversation.item.delete", item_id=f"item_{item}")
    rig.model(type="conversation.item.deleted", item_id=f"item_{item}")


def breaks_in(rig: Rig, *, marks: int) -> None:
    """The caller speaks, Twilio is cleared at once, and gives back what is left."""
    rig.speech_started()
    rig.clears()
    rig.run(rig.now_ms + 20)
    rig.echo(*["responsePart"] * marks)


def audited(rig: Rig) -> Audit:
    rig.run(rig.now_ms + 3_000)
    return audit(log_of(rig.entries, SETTINGS))


def found(rig: Rig) -> list[tuple[str, str | None, str]]:
    """Every finding: its cause, its item, and why."""
    return [(each.cause, each.item_id, each.because) for each in audited(rig).findings]


# What is right


def test_cut_where_the_ear_was() -> None:
    rig = speaking(3_000)
    rig.run(2_200)
    breaks_in(rig, marks=4)
    truncates(rig, 0, 1_200)
    assert found(rig) == []
    (barge_in,) = audited(rig).barge_ins
    (item,) = barge_in.items
    assert (barge_in.at_ms, barge_in.clear_sent_ms, barge_in.clear_effective_ms, barge_in.basis) == (
        2_200,
        2_200,
        2_220,
        "echoes",
    )
    assert (item.heard_ms, item.heard_min_ms, item.heard_max_ms, item.kept_ms) == (1_220, 1_160, 1_280, 1_200)


def test_an_item_that_nobody_heard_may_also_be_truncated_at_0() -> None:
    rig = speaking(1_500, 1_000)
    rig.run(2_200)
    breaks_in(rig, marks=3)
    truncates(rig, 0, 1_200)
    truncates(rig, 1, 0)
    assert found(rig) == []


def test_what_was_nearly_over_may_play_to_its_end() -> None:
    rig = speaking(1_200)
    rig.speech_started()
    rig.run(2_300)
    rig.echo("responsePart")
    assert found(rig) == []


def test_the_caller_speaks_when_nothing_plays() -> None:
    rig = speaking(1_000)
    rig.run(4_000)
    rig.speech_started()
    rig.clears()
    assert audited(rig).barge_ins == []


def test_a_cancel_that_crosses_the_end_of_its_response_is_nobodys_fault() -> None:
    rig = speaking(3_000)
    rig.model(type="response.created", response={"id": "resp_9"})
    rig.to_model("response.cancel", response_id="resp_9")
    rig.model(type="response.done", response={"id": "resp_9", "status": "completed"})
    rig.model(type="error", error={"code": "response_cancel_not_active", "message": "No."})
    assert found(rig) == []


def test_a_cancel_without_an_id_that_hits_what_it_should_is_right() -> None:
    rig = begun()
    rig.model(type="response.created", response={"id": "resp_0"})
    rig.forwards(0, 0, 1_000)
    rig.run(1_500)
    rig.clears()
    rig.to_model("response.cancel")
    details = {"reason": "client_cancelled"}
    rig.model(type="response.done", response={"id": "resp_0", "status": "cancelled", "status_details": details})
    truncates(rig, 0, 500)
    assert found(rig) == []


def test_a_request_that_was_not_answered_is_taken_to_hold() -> None:
    rig = speaking(3_000)
    rig.run(2_200)
    breaks_in(rig, marks=4)
    rig.to_model("conversation.item.truncate", item_id="item_0", content_index=0, audio_end_ms=1_200)
    assert found(rig) == []


def test_asking_for_more_afterwards_changes_nothing() -> None:
    rig = speaking(3_000)
    rig.run(2_200)
    breaks_in(rig, marks=4)
    truncates(rig, 0, 1_200)
    rig.to_model("conversation.item.truncate", item_id="item_0", content_index=0, audio_end_ms=2_000)
    assert found(rig) == []


def test_what_is_shorter_than_a_word_is_not_worth_a_finding() -> None:
    rig = speaking(1_500, 40)
    rig.run(2_200)
    breaks_in(rig, marks=2)
    truncates(rig, 0, 1_200)
    assert found(rig) == []


# What belongs together


def test_a_bridge_with_an_ear_of_its_own_acts_before_the_model_says_that_the_caller_speaks() -> None:
    rig = speaking(3_000)
    rig.run(2_200)
    truncates(rig, 0, 1_200)
    rig.clears()
    rig.run(2_400)
    rig.speech_started()
    (barge_in,) = audited(rig).barge_ins
    assert (barge_in.at_ms, barge_in.findings) == (2_200, [])


def test_a_slow_bridge_may_deal_with_an_item_when_the_caller_has_begun_again() -> None:
    rig = speaking(3_000)
    rig.run(2_200)
    breaks_in(rig, marks=4)
    rig.run(2_900)
    rig.speech_started(item_id="item_u2")
    truncates(rig, 0, 1_200)
    made = audited(rig)
    assert (len(made.barge_ins), made.findings) == (1, [])


def test_two_clears_with_an_answer_between_are_two_interruptions() -> None:
    """Though the model never says that the caller speaks."""
    rig = speaking(3_000)
    rig.run(2_200)
    rig.clears()
    rig.run(2_220)
    rig.echo(*["responsePart"] * 4)
    truncates(rig, 0, 1_200)
    rig.forwards(1, 0, 2_000)
    rig.run(2_800)
    rig.clears()
    truncates(rig, 1, 580)
    made = audited(rig)
    assert ([barge_in.at_ms for barge_in in made.barge_ins], made.findings) == ([2_200, 2_800], [])


def test_what_happens_much_later_is_another_matter() -> None:
    rig = speaking(3_000)
    rig.run(2_200)
    breaks_in(rig, marks=4)
    truncates(rig, 0, 1_200)
    rig.run(9_000)
    truncates(rig, 0, 1_100)
    assert [barge_in.at_ms for barge_in in audited(rig).barge_ins] == [2_200, 9_000]


# What is wrong


def test_an_item_that_does_not_exist() -> None:
    rig = speaking(1_000)
    rig.run(4_000)
    rig.speech_started()
    truncates(rig, "resp_0", 900, refused="Item with item_id not found: resp_0")
    assert found(rig) == [("wrong_item", "resp_0", "there is no item resp_0")]


def test_the_error_that_says_so_is_told() -> None:
    rig = speaking(1_000)
    rig.run(4_000)
    rig.speech_started()
    rig.to_model("conversation.item.truncate", item_id="resp_0", content_index=0, audio_end_ms=900)
    refusal = {"code": "item_truncate_invalid_item_id", "message": "Item with item_id not found: resp_0"}
    rig.model(type="error", error=refusal)
    because = "there is no item resp_0. The model refused: Item with item_id not found: resp_0"
    assert found(rig) == [("wrong_item", "resp_0", because)]


def test_what_was_heard_to_its_end_is_deleted() -> None:
    rig = speaking(1_000)
    rig.run(4_000)
    rig.speech_started()
    deletes(rig, 0)
    assert found(rig) == [("zero", "item_0", "all 1000 ms of item_0 had been heard, and it was deleted")]


def test_what_was_heard_in_part_is_deleted() -> None:
    rig = speaking(3_000)
    rig.run(2_200)
    breaks_in(rig, marks=4)
    deletes(rig, 0)
    assert found(rig) == [("zero", "item_0", "1220 ms of it had been heard, and it was deleted")]
    assert audited(rig).barge_ins[0].items[0].error_ms == -1_220


def test_a_right_truncate_is_spoilt_by_a_second_one() -> None:
    """pipecat, with deltas in flight: the position began anew in between."""
    rig = speaking(3_000)
    rig.run(2_200)
    breaks_in(rig, marks=4)
    truncates(rig, 0, 1_200)
    truncates(rig, 0, 2)
    assert found(rig) == [("zero", "item_0", "2 ms is as good as nothing; 1220 ms had been heard")]


def test_what_was_settled_is_cut_once_more_in_vain() -> None:
    """Harmless if the model takes it; an error if it asks for more than is left."""
    rig = speaking(3_000)
    rig.run(2_200)
    breaks_in(rig, marks=4)
    truncates(rig, 0, 1_200)
    rig.run(4_000)
    rig.speech_started(item_id="item_u2")
    truncates(rig, 0, 1_200)
    rig.run(6_000)
    rig.speech_started(item_id="item_u3")
    truncates(rig, 0, 2_500, refused="Audio content of 1200ms is already shorter than 2500ms")
    assert found(rig) == [
        (
            "unexplained",
            "item_0",
            "2500 ms is nothing that there was to be counted; 1220 ms had been heard. The model refused: Audio content"
            " of 1200ms is already shorter than 2500ms",
        )
    ]


def test_deltas_that_come_before_anything_was_played() -> None:
    """The caller spoke before the answer had begun; the bridge played what still came of it."""
    rig = begun()
    rig.model(type="response.created", response={"id": "resp_0"})
    rig.speech_started()
    rig.forwards(0, 0, 800)
    rig.model(type="response.done", response={"id": "resp_0", **CANCELLED})
    rig.run(1_800)
    rig.echo("responsePart")
    assert found(rig) == [("late_deltas", None, "800 ms of resp_0 were sent after speech_started, and heard")]


def test_a_cancel_that_comes_when_the_next_answer_is_already_playing() -> None:
    """It is an answer to the interruption, however late, and no interruption of its own."""
    rig = speaking(3_000)
    rig.run(2_200)
    breaks_in(rig, marks=4)
    truncates(rig, 0, 1_200)
    rig.model(type="response.created", response={"id": "resp_1"})
    rig.forwards(1, 0, 500)
    rig.run(3_000)
    rig.to_model("response.cancel")
    cancelled = {"id": "resp_1", "status": "cancelled", "status_details": {"reason": "client_cancelled"}}
    rig.model(type="response.done", response=cancelled)
    assert found(rig) == [("blind_cancel", None, "without an id, it stopped resp_1, which had only begun")]
    assert len(audited(rig).barge_ins) == 1


def test_an_item_that_has_no_audio_yet_cannot_be_truncated() -> None:
    """livekit/agents once did so."""
    rig = begun()
    rig.model(type="response.created", response={"id": "resp_0"})
    added = {"id": "item_0", "type": "message", "role": "assistant"}
    rig.model(type="response.output_item.added", response_id="resp_0", item=added)
    rig.speech_started()
    rig.to_model("conversation.item.truncate", item_id="item_0", content_index=0, audio_end_ms=0)
    told = "Only model output audio messages can be truncated"
    rig.model(type="error", error={"code": "unsupported_content_type", "message": told})
    assert found(rig) == [("zero", "item_0", f"item_0 was truncated at 0 ms. The model refused: {told}")]


def test_what_had_been_sent_when_more_had_come() -> None:
    rig = begun()
    rig.forwards(0, 0, 1_000)
    rig.generates(0, 1_000, 3_000)
    rig.run(1_500)
    rig.speech_started()
    truncates(rig, 0, 3_000)
    rig.clears()
    assert found(rig) == [("sent", "item_0", "3000 ms is what had come of it; 500 ms had been heard")]


def test_a_response_is_taken_for_an_item_while_one_is_playing() -> None:
    rig = speaking(3_000)
    rig.run(2_200)
    breaks_in(rig, marks=4)
    truncates(rig, "resp_0", 1_200, refused="Item with item_id not found: resp_0")
    because = "resp_0 was truncated at 1200 ms; item_0 was playing, 1220 of 3000 ms heard, and was left whole"
    assert found(rig) == [("wrong_item", "resp_0", because)]


def test_the_item_before_is_deleted_and_the_one_that_plays_is_left() -> None:
    rig = speaking(500, 3_000)
    rig.run(2_200)
    breaks_in(rig, marks=5)
    deletes(rig, 0)
    because = "item_0 was deleted; item_1 was playing, 720 of 3000 ms heard, and was left whole"
    assert found(rig) == [("wrong_item", "item_0", because)]


def test_an_item_that_waits_is_cut_as_if_it_had_been_heard() -> None:
    rig = speaking(1_500, 1_000)
    rig.run(2_200)
    breaks_in(rig, marks=3)
    truncates(rig, 0, 1_200)
    truncates(rig, 1, 700)
    assert found(rig) == [
        ("unexplained", "item_1", "700 ms is nothing that there was to be counted; 0 ms had been heard")
    ]


# What limits it


def test_notes_say_what_is_not_known() -> None:
    rig = begun()
    rig.plays(audio_of(9, 0, 300))
    rig.generates(0, 0, 3_000)
    rig.plays(audio_of(0, 0, 3_000))
    rig.run(2_000)
    rig.speech_started()
    truncates(rig, 0, 700)
    rig.clears()
    rig.entries.append(Entry(9_999, 0, "fault", "engine", "log.gap", '{"first":1,"last":2,"reason":"full"}'))
    made = audited(rig)
    assert (made.findings, made.notes) == (
        [],
        [
            "entries are missing from the log in one place: what happened there is not known",
            "300 ms of what was sent to Twilio are no item's audio: the bridge's own sounds",
            "what was heard at one interruption is estimated from when the audio was sent: the bridge places no marks",
        ],
    )


def test_marks_that_tell_nothing_are_another_reason_for_an_estimate() -> None:
    rig = begun()
    rig.forwards(0, 0, 3_000)
    rig.run(2_000)
    breaks_in(rig, marks=1)
    truncates(rig, 0, 1_000)
    rig.forwards(1, 0, 3_000)
    rig.run(3_000)
    rig.speech_started(item_id="item_u2")
    rig.clears()
    truncates(rig, 1, 980)
    assert audited(rig).notes == [
        "what was heard at 2 interruptions is estimated from when the audio was sent: no mark had come back that tells"
        " more"
    ]


def test_a_call_in_wide_band_cannot_be_audited() -> None:
    rig = begun()
    wide: dict[str, Any] = {"audio": {"output": {"format": {"type": "audio/pcm", "rate": 24_000}}}}
    rig.model(type="session.updated", session=wide)
    with pytest.raises(LogError, match=r"cannot be heard: the model's output is audio/pcm"):
        audited(rig)


def test_a_recording_that_breaks_off_is_audited_as_far_as_it_goes() -> None:
    rig = speaking(3_000)
    rig.run(2_200)
    rig.speech_started()
    truncates(rig, 0, 3_000)
    rig.clears()
    (finding,) = audit(log_of(rig.entries, SETTINGS)).findings
    assert (finding.cause, finding.because) == ("sent", "3000 ms is what had been sent of it; 1200 ms had been heard")
