"""A call that another bridge made, as it is heard: the session learned from the wire, the conversation, the end."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import Call, Entry, Leg, Overheard, report
from engine.core.conversation import LOST
from engine.core.entries import Kind
from engine.core.machines import Calling, Generating, Session, Socket
from engine.core.report import Interrupted, InterruptedItem
from engine.sim.scenario import Scenario
from engine.sim.scenarios import random_scenario
from engine.sim.truth import item_truths
from replay.goldens.golden import read_golden
from replay.rows import entry_of
from tests import build
from tests.build import in_call
from tests.comeback_calls import come_back, lose
from tests.naive_bridge import Bridge, run_naive
from tests.naive_ways import MarksOnce, NoMarks, Recuts
from tests.overheard_rig import SETTINGS, Rig, audio_of, begun
from tests.test_core_laws import anything
from tests.test_golden import LOGS

PCMU = {"type": "audio/pcmu"}
FRAME_MS = 20


def session(output: str = "audio/pcmu", prefix_ms: int = 300, **turns: Any) -> dict[str, Any]:
    detection = {"type": "server_vad", "prefix_padding_ms": prefix_ms, **turns}
    heard = {"format": PCMU, "turn_detection": detection}
    return {"type": "realtime", "audio": {"input": heard, "output": {"format": {"type": output}}}}


# What it learns


def test_the_session_is_what_the_bridge_asked_for_and_the_server_says() -> None:
    rig = begun()
    rig.model(type="session.created", session=session("audio/pcm", prefix_ms=111))
    assert (rig.call.output_format, rig.call.session.state) == ("audio/pcm", Session.CREATED)
    rig.to_model("session.update", session=session(prefix_ms=200, silence_duration_ms=700, interrupt_response=False))
    assert (rig.call.output_format, rig.call.session.interrupts) == ("audio/pcmu", False)
    rig.model(type="session.updated", session=session(prefix_ms=240))
    vad = rig.call.settings.vad
    assert rig.call.session.state is Session.READY
    assert (vad.prefix_padding_ms, vad.silence_duration_ms, vad.interrupt_response) == (240, 700, True)
    rig.model(type="session.updated", session={"audio": "loud"})
    assert rig.call.settings.vad == vad
    assert rig.call.malformed == {"caller": 0, "model": 1, "engine": 0}


def test_the_caller_is_heard_to_begin_where_the_appended_audio_has_it() -> None:
    """The bridge dropped the first second; what it passes on is always what came last."""
    rig = begun()
    rig.to_model("session.update", session=session(prefix_ms=100))
    for count in range(1, 26):
        rig.run(1_000 + 20 * count)
        rig.to_model("input_audio_buffer.append", audio=build.base64_of(20))
    rig.speech_started(300)
    rig.model(type="input_audio_buffer.speech_stopped", audio_end_ms=1_000, item_id="item_u1")
    rig.model(type="conversation.item.input_audio_transcription.completed", item_id="item_u1", transcript="Wait, what?")
    turn = report(rig.call).turns[0]
    assert (turn.speaker, turn.start_ms, turn.end_ms, turn.heard_text) == ("caller", 1_400, 1_500, "Wait, what?")


def test_a_session_in_wide_band_still_tells_when_the_caller_began() -> None:
    """Its audio cannot be followed to the ear, and that is said; but it can be counted."""
    rig = begun()
    pcm = {"format": {"type": "audio/pcm", "rate": 24_000}}
    rig.to_model("session.update", session={"audio": {"input": pcm, "output": pcm}})
    for count in range(1, 26):
        rig.run(1_000 + 20 * count)
        rig.to_model("input_audio_buffer.append", audio=build.base64_of(120))
    rig.speech_started(0)
    assert rig.call.conversation.items["item_u1"].started_at == 1_300 * 8
    rig.generates(0, 0, 500)
    assert rig.call.conversation.items["item_0"].generated_samples == 0
    assert rig.call.deaf == (
        "the model's output is audio/pcm, and no phone's. What was heard can be followed only where the session asks "
        'for audio.output.format {"type":"audio/pcmu"} (beta: output_audio_format "g711_ulaw") and the bridge passes '
        "its bytes on as they are"
    )


def test_a_stream_in_another_codec_cannot_be_heard() -> None:
    rig = Rig()
    rig.starts(encoding="audio/x-l16", sample_rate=16_000)
    assert rig.call.deaf == (
        "Twilio's stream is audio/x-l16, 16000 Hz, 1 channel(s): only audio/x-mulaw, 8000 Hz, mono can be counted"
    )


def test_a_bridge_that_changes_the_audio_cannot_be_heard() -> None:
    rig = begun()
    rig.generates(0, 0, 2_000)
    rig.plays(audio_of(9, 0, 2_000))
    assert "0 ms are the model's audio byte for byte" in rig.call.deaf


# What was said and done


def test_a_call_from_its_first_frame_to_stop() -> None:
    rig = Rig()
    call = rig.call
    assert (call.state, call.caller, call.model, call.ended) == (
        Calling.AWAITING_START,
        Socket.ABSENT,
        Socket.ABSENT,
        False,
    )
    rig.starts()
    rig.model(type="response.created", response={"id": "resp_0"})
    assert (call.state, call.caller, call.model) == (Calling.LIVE, Socket.OPEN, Socket.OPEN)
    rig.run(1_000)
    item = {"id": "item_0", "type": "message", "role": "assistant"}
    rig.model(type="response.output_item.added", response_id="resp_0", item=item)
    rig.model(type="conversation.item.added", item=item, previous_item_id=None)
    rig.model(
        type="response.output_audio_transcript.done", response_id="resp_0", item_id="item_0", transcript="Good morning."
    )
    rig.forwards(0, 0, 1_000)
    rig.model(type="conversation.item.done", item={**item, "status": "completed"})
    rig.model(type="response.done", response={"id": "resp_0", "status": "completed"})
    rig.run(2_000)
    rig.echo("responsePart")
    rig.stops()
    assert (call.state, call.how_ended, call.ended) == (Calling.ENDED, "stop", True)
    made = report(call)
    assert (made.call_sid, made.ended, made.reason) == (build.CALL_SID, "stop", "Twilio said stop")
    assert [(turn.heard_text, turn.heard_ms, turn.start_ms, turn.interrupted) for turn in made.turns] == [
        ("Good morning.", 1_000, 1_000, False)
    ]


def test_an_interruption_as_it_is_reported() -> None:
    rig = begun()
    rig.forwards(0, 0, 1_000)
    rig.forwards(0, 1_000, 3_000)
    rig.run(2_000)
    rig.echo("responsePart")
    rig.run(2_400)
    rig.speech_started()
    rig.to_model("conversation.item.truncate", item_id="item_0", content_index=0, audio_end_ms=3_000)
    rig.clears()
    rig.model(type="conversation.item.truncated", item_id="item_0", content_index=0, audio_end_ms=3_000)
    rig.model(
        type="response.done",
        response={"id": "resp_0", "status": "cancelled", "status_details": {"reason": "turn_detected"}},
    )
    rig.run(2_440)
    rig.echo("responsePart")
    onset_ms = rig.call.conversation.items["item_u1"].started_at
    assert onset_ms is not None
    cut = InterruptedItem("item_0", 1_440, "truncate", 3_000, "ok")
    assert report(rig.call).interruptions == [Interrupted(2_400, onset_ms // 8, 2_400, 2_440, [cut])]
    response = rig.call.conversation.responses["resp_0"]
    assert (response.status, response.reason, response.was_cut) == ("cancelled", "turn_detected", True)


def test_a_bridge_with_an_ear_of_its_own_clears_before_the_model_knows() -> None:
    rig = begun()
    rig.forwards(0, 0, 3_000)
    rig.run(2_000)
    rig.clears()
    rig.run(2_300)
    rig.speech_started()
    assert rig.call.overhearing.clears[0].onset_at == rig.call.conversation.items["item_u1"].started_at


def test_a_start_of_speech_is_answered_once() -> None:
    rig = begun()
    rig.forwards(0, 0, 3_000)
    rig.run(1_500)
    rig.speech_started()
    rig.clears()
    rig.run(2_000)
    rig.forwards(1, 0, 3_000)
    rig.run(3_000)
    rig.clears()
    first, second = rig.call.overhearing.clears
    assert (first.onset_at, second.onset_at) == (rig.call.conversation.items["item_u1"].started_at, None)


def test_a_start_of_speech_is_not_answered_for_ever() -> None:
    rig = begun()
    rig.speech_started()
    rig.run(7_000)
    rig.forwards(0, 0, 3_000)
    rig.clears()
    assert rig.call.overhearing.clears[0].onset_at is None


def test_what_is_sent_after_the_clear_is_heard_as_a_sound() -> None:
    rig = begun()
    rig.forwards(0, 0, 2_000)
    rig.run(1_500)
    rig.clears()
    rig.forwards(0, 2_000, 2_400, mark="late")
    rig.run(1_920)
    rig.echo("late")
    item = rig.call.conversation.items["item_0"]
    (late,) = rig.call.provenance.out_of_order
    assert (late.item, late.begin // 8, late.counts_as.heard_samples // 8) == (item, 2_000, 400)
    assert item.heard_samples // 8 == 500
    assert item.is_cut


def test_an_item_that_was_never_sent_is_cut_with_its_response() -> None:
    rig = begun()
    rig.generates(0, 0, 500)
    rig.model(type="response.done", response={"id": "resp_0", "status": "cancelled"})
    rig.generates(0, 500, 600)
    item = {"id": "item_1", "type": "message", "role": "assistant"}
    rig.model(type="response.output_item.added", response_id="resp_0", item=item)
    items = rig.call.conversation.items
    assert (items["item_0"].is_cut, items["item_0"].is_done, items["item_1"].is_cut) == (True, True, True)


def test_what_went_wrong_at_the_model_is_told() -> None:
    rig = begun()
    rig.to_model("response.cancel")
    error = {"code": "response_cancel_not_active", "message": "Cancellation failed: no active response found"}
    rig.model(type="error", error=error)
    details = {"error": {"code": "rate_limit_exceeded"}}
    rig.model(type="response.done", response={"id": "resp_0", "status": "failed", "status_details": details})
    rig.to_model("response.cancel", response_id="resp_1")
    cancelled = {"id": "resp_1", "status": "cancelled", "status_details": {"reason": "client_cancelled"}}
    rig.model(type="response.done", response=cancelled)
    rig.to_model("conversation.item.delete", item_id="item_1")
    rig.model(type="conversation.item.deleted", item_id="item_1")
    assert rig.call.errors == [
        "response_cancel_not_active: Cancellation failed: no active response found",
        "response failed: rate_limit_exceeded",
    ]
    assert [asked.outcome for asked in rig.call.requests.asked] == ["error", "ok", "ok"]


def test_frames_that_nobody_can_read_are_counted() -> None:
    rig = begun()
    rig.put("input", "model", '{"type":"response.done"}')
    rig.put("command", "caller", '{"event":"mark"}')
    rig.put("input", "engine", '{"type":"frame.binary","leg":"caller"}')
    assert rig.call.malformed == {"caller": 2, "model": 1, "engine": 0}


def test_the_legs_as_a_log_tells_of_them() -> None:
    rig = Rig()
    call = rig.call
    rig.put("input", "engine", build.leg_opened("caller"))
    rig.put("input", "engine", build.leg_opened("model"))
    assert (call.caller, call.model) == (Socket.OPEN, Socket.OPEN)
    rig.put("input", "engine", build.leg_closed("model"))
    assert (call.model, call.ended) == (Socket.CLOSED, False)
    rig.put("input", "engine", build.leg_closed("caller"))
    assert (call.caller, call.how_ended) == (Socket.CLOSED, "dropped")
    rig.put("command", "engine", '{"type":"end_call","ended":"model_closed","reason":"the model went away"}')
    assert (call.how_ended, call.why_ended) == ("model_closed", "the model went away")


def test_a_leg_that_could_not_be_dialled_ends_nothing_here() -> None:
    rig = Rig()
    rig.put("input", "engine", '{"type":"leg.failed","leg":"caller","status":null,"reason":"odd"}')
    assert (rig.call.caller, rig.call.ended) == (Socket.CLOSED, False)


def test_what_was_being_generated_when_the_model_was_lost_is_done() -> None:
    """Else a later clear would seem to cut it."""
    rig = begun()
    rig.forwards(0, 0, 500)
    rig.put("input", "engine", build.leg_closed("model"))
    (response,) = rig.call.conversation.responses.values()
    item = rig.call.conversation.items["item_0"]
    assert (response.state, response.status, item.is_done, item.is_whole) == (Generating.DONE, LOST, True, False)
    rig.put("input", "engine", build.leg_opened("model"))
    rig.forwards(1, 0, 500)
    rig.clears()
    (cleared,) = rig.call.overhearing.clears
    assert [each.response_id for each in cleared.responses] == ["resp_1"]


def test_a_word_of_ours_that_was_not_played_is_no_item() -> None:
    """The model was back when it came."""
    call, heard = in_call(), Overheard(SETTINGS)
    lose(call)
    come_back(call)
    call.put("engine", '{"type":"word.loaded"}', build.audio(300))
    call.run(500)
    for entry in call.entries:
        heard.hear(entry)
    assert (list(heard.conversation.items), heard.malformed) == ([], {"caller": 0, "model": 0, "engine": 0})


# What holds for every call


@settings(max_examples=60)
@given(
    entries=st.lists(
        st.tuples(
            st.sampled_from(["input", "command", "fault"]), st.sampled_from(["caller", "model", "engine"]), anything
        ),
        max_size=8,
    )
)
def test_whatever_is_in_a_log_nothing_raises(entries: list[tuple[Kind, Leg, str]]) -> None:
    rig = begun()
    rig.forwards(0, 0, 300)
    for number, (kind, leg, body) in enumerate(entries, 1_000):
        rig.call.hear(Entry(number, round(rig.now_ms * 1_000_000), kind, leg, "odd", body))
    report(rig.call)


WAYS = (Bridge, NoMarks, MarksOnce, Recuts)
SEEDS = [seed for seed in range(40) if random_scenario(seed).is_calm][:14]


CALLS = [(way, seed) for number, seed in enumerate(SEEDS) for way in WAYS[number % 2 :: 2]]
"""Each call in two ways, by turns."""


@pytest.mark.parametrize(("way", "seed"), CALLS, ids=lambda each: getattr(each, "__name__", str(each)))
def test_what_is_said_to_be_heard_is_what_the_edge_played(way: type[Bridge], seed: int) -> None:
    """However a bridge forwards and marks. The truth lies within the bounds, and a frame."""
    scenario = random_scenario(seed)
    outcome = run_naive(scenario, seed, way(greets=scenario.settings.greeting is not None))
    call = Overheard(SETTINGS)
    for entry in outcome.entries:
        call.hear(entry)
    assert call.deaf == ""
    for truth in item_truths(outcome):
        item = call.conversation.items[truth.item_id]
        least, most = item.heard_samples_min - FRAME_MS * 8, item.heard_samples_max + FRAME_MS * 8
        assert least <= truth.heard_samples <= most, f"{truth}: {least} to {most}"
        assert abs(item.heard_samples - truth.heard_samples) <= _off_max(scenario) * 8, truth


def _off_max(scenario: Scenario) -> float:
    """On a calm line a frame; where it trembles, by how much it does."""
    return FRAME_MS + scenario.caller_in.jitter_ms


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_our_own_calls_are_heard_as_they_were_when_they_ran(path: Any) -> None:
    """By nothing but the wire: what was decided then is not looked at. Nor is why we took the model for lost."""
    log = read_golden(path)
    ran, heard = Call(log.settings), Overheard(log.settings)
    for entry in map(entry_of, log.rows()):
        if entry.kind == "input":
            ran.step(entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio)
        heard.hear(entry)
    errors = [told for told in ran.errors if not told.startswith("the model leg was lost")]
    assert (heard.how_ended, heard.errors, heard.malformed) == (ran.how_ended, errors, ran.malformed)
    at = [(each.at, each.onset_at) for each in ran.barge_in.interruptions]
    assert [(each.at, each.onset_at) for each in heard.barge_in.interruptions] == at
    for item_id, item in ran.conversation.items.items():
        other = heard.conversation.items[item_id]
        assert (other.sent_samples, other.transcript, other.role) == (item.sent_samples, item.transcript, item.role)
        if item.is_cut:
            assert other.heard_samples_min - 160 <= item.heard_samples <= other.heard_samples_max + 160, item_id
        if item.repair is not None and item.repair.action != "none":
            assert other.repair == item.repair
