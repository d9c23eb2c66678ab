"""What one entry, or one run, says to a person in a few words."""

from typing import Any

import pytest

from engine.core import Entry, Leg, wire_caller, wire_engine, wire_model
from engine.core import events as ev
from engine.core.entries import Kind
from engine.core.heard import Alignment, Word
from replay.flow.gist import gist, gist_of_run
from replay.flow.marks import Fate, Mark
from replay.flow.runs import Flow, Run
from replay.flow.seen import Look, Seen
from tests import build
from tests.replay_calls import log_of, renumbered

FOUND = Alignment("Cash or credit?", [Word("Cash", 0, 300), Word("or", 300, 400)], 1, 0.75, "letters", 3.6)


def seen(leg: Leg, body: str, kind: Kind = "input", **more: Any) -> Seen:
    decode = {"caller": wire_caller.decode, "model": wire_model.decode}
    type_, event = decode[leg](body, None) if leg in decode else wire_engine.decode(body)
    if isinstance(event, ev.Malformed):
        more["malformed"] = event.reason
    return Seen(Entry(7, 0, kind, leg, type_, body), 0, **more)


def commanded(type_: str, leg: Leg = "model", /, **fields: Any) -> Seen:
    return Seen(Entry(7, 0, "command", leg, type_, build.frame(type=type_, **fields)), 0)


CALLER = [
    (build.connected(), ""),
    (build.started(), f"{build.CALL_SID}, audio/x-mulaw 8000 Hz"),
    (build.dtmf("5"), "5"),
    (build.stopped(), ""),
    (build.frame(event="new.thing", streamSid="MZ"), '{"event":"new.thing","streamSid":"MZ"}'),
    (build.frame(event="mark"), 'malformed: mark: Object missing required field `mark`: {"event":"mark"}'),
    ("garbage", "JSON is malformed: invalid character (byte 0): garbage"),
]
MODEL = [
    (build.session_created(), ""),
    (build.session_updated(), "audio/pcmu in, audio/pcmu out, interrupts"),
    (
        build.session_updated(interrupt_response=False),
        "audio/pcmu in, audio/pcmu out, leaves interrupting to the bridge",
    ),
    (build.frame(type="session.updated", session={}), "unnamed in, unnamed out, says nothing of turns"),
    (build.model_error("bad", "No."), "bad: No."),
    (build.model_error("bad", "No.", "truncate-1"), "bad: No. (to our truncate-1)"),
    (build.speech_started(300), "from 300 ms of input, item_u1"),
    (build.speech_stopped(900), "at 900 ms of input, item_u1"),
    (build.item_added(), "assistant's message, item_1"),
    (build.item_added("item_f", "item_1", None, "function_call"), "function_call, item_f, after item_1"),
    (build.item_done(), "item_1"),
    (build.item_done().replace("completed", "incomplete"), "incomplete, item_1"),
    (build.truncated(audio_end_ms=520), "at 520 ms, item_1"),
    (build.deleted(), "item_1"),
    (build.caller_words("Cash."), '"Cash.", item_u1'),
    (build.item_words("Cash or"), '"Cash or", item_1'),
    (build.response_created(), "resp_1"),
    (build.response_item_added(), "item_1 of resp_1"),
    (build.response_done(), "completed, resp_1"),
    (
        build.response_done(status="cancelled", details={"type": "cancelled", "reason": "turn_detected"}),
        "cancelled, turn_detected, resp_1",
    ),
    (build.frame(type="response.content_part.added", item_id="item_1", response_id="resp_1"), "item_1, resp_1"),
    (build.frame(type="rate_limits.updated", rate_limits=[]), '{"type":"rate_limits.updated","rate_limits":[]}'),
    (build.frame(type="x", text="y" * 200), '{"type":"x","text":"' + "y" * 79 + "…"),
]
ENGINE = [
    (build.leg_opened("caller"), "caller"),
    (build.leg_closed("model", 1000, "bye"), "model, 1000, bye"),
    (build.leg_closed("caller", None), "caller, no code"),
    (build.leg_failed(401, "HTTP 401"), "model, HTTP 401, HTTP 401"),
    (build.leg_failed(), "model, refused"),
    (wire_engine.aligned("item_1", FOUND), "1 of 2 words, by letters, confidence 0.75, item_1"),
    (build.frame(type="item.unaligned", item_id="item_1", reason="too long"), "too long, item_1"),
    (build.timer_due(), ""),
    (build.frame(type="outbox.full", leg="caller"), "caller"),
    (build.frame(type="limit.reached", limit="frame_bytes_max", value=9, max=8), "frame_bytes_max: 9, at most 8"),
    (build.operator_interrupt(), ""),
    (build.operator_hang_up("lunch"), "lunch"),
]


class TestAnInput:
    @pytest.mark.parametrize(("body", "said"), CALLER)
    def test_from_the_caller(self, body: str, said: str) -> None:
        assert gist(seen("caller", body)) == said

    @pytest.mark.parametrize(("body", "said"), MODEL)
    def test_from_the_model(self, body: str, said: str) -> None:
        assert gist(seen("model", body)) == said

    @pytest.mark.parametrize(("body", "said"), ENGINE)
    def test_from_the_shell(self, body: str, said: str) -> None:
        assert gist(seen("engine", body)) == said

    def test_one_that_decodes_and_may_not_come_here(self) -> None:
        """A second `start`."""
        call = build.in_call()
        call.caller(build.started())
        [*_, again] = Look(log_of(renumbered(call.entries)))
        assert gist(again).startswith('malformed: not where it may come: {"event":"start",')

    def test_one_that_has_no_words_here_shows_its_frame(self) -> None:
        assert gist(seen("caller", build.echo("m-1"))) == build.echo("m-1")[:99] + "…"

    def test_nothing_in_it_reaches_a_terminal_raw(self) -> None:
        assert gist(seen("model", build.item_words("\x1b[31mred\n\u202e"))) == '"\\x1b[31mred \\u202e", item_1'


class TestACommand:
    @pytest.mark.parametrize(
        ("command", "said"),
        [
            (commanded("clear", "caller"), ""),
            (commanded("response.create", response={"instructions": "Greet."}), '"Greet."'),
            (commanded("response.create"), '{"type":"response.create"}'),
            (commanded("response.create", response=[]), '{"type":"response.create","response":[]}'),
            (commanded("conversation.item.truncate", item_id="item_1", audio_end_ms=520), "at 520 ms, item_1"),
            (commanded("conversation.item.delete", item_id="item_1"), "item_1"),
            (commanded("response.cancel", response_id="resp_1"), "resp_1"),
            (commanded("response.cancel"), '{"type":"response.cancel"}'),
            (commanded("dial_model", "engine", model="gpt"), "gpt"),
            (
                commanded("align_item", "engine", item_id="item_1", audio_ms=900, characters=28, complete=True),
                "28 characters in 900 ms, item_1",
            ),
            (
                commanded("align_item", "engine", item_id="item_1", audio_ms=900, characters=28, complete=False),
                "28 characters in 900 ms, cut off, item_1",
            ),
            (commanded("close_leg", "engine", leg="model", code=1000, reason=""), "model, 1000"),
            (commanded("end_call", "engine", ended="stop", reason="said so"), "stop: said so"),
            (commanded("session.update", session={}), '{"type":"session.update","session":{}}'),
        ],
    )
    def test_of_this_bridge(self, command: Seen, said: str) -> None:
        assert gist(command) == said

    @pytest.mark.parametrize("body", ["not JSON", "[1]"])
    def test_of_another_bridge_may_be_anything(self, body: str) -> None:
        assert gist(Seen(Entry(7, 0, "command", "model", "response.cancel", body), 0)) == body

    @pytest.mark.parametrize(("body", "said"), [('{"reason":"a bug"}', "a bug"), ("lost", "lost")])
    def test_a_fault_says_why(self, body: str, said: str) -> None:
        assert gist(Seen(Entry(7, 0, "fault", "engine", "fault", body), 0)) == said


class TestAudioAndMarks:
    def test_a_stretch_of_audio_is_told_by_its_place_in_the_item(self) -> None:
        call = build.in_call()
        call.model(*build.reply_begun(60))
        told = {each.entry.seq: (each.entry.type, gist(each)) for each in Look(log_of(renumbered(call.entries)))}
        frames = list(told.values())
        assert frames[8:10] == [("media", "20 ms"), ("input_audio_buffer.append", "20 ms of entry 9")]
        assert frames[-6:] == [
            ("response.output_audio.delta", "0 to 60 ms of item_1"),
            ("mark", "probe-1: not come back"),
            ("media", "0 to 40 ms of item_1"),
            ("mark", "mark-2: not come back"),
            ("media", "40 to 60 ms of item_1"),
            ("mark", "mark-3: not come back"),
        ]

    @pytest.mark.parametrize(
        ("fate", "kind", "said"),
        [
            ("played", "input", "m-1: played"),
            ("flushed", "input", "m-1: flushed"),
            ("cleared", "input", "m-1: cleared"),
            ("again", "input", "m-1: come back again"),
            ("unknown", "input", "m-1: never sent"),
            ("sentinel", "command", "m-1: sent after the clear"),
            ("sentinel", "input", "m-1: clear took effect"),
        ],
    )
    def test_a_mark_says_what_became_of_it(self, fate: Fate, kind: Kind, said: str) -> None:
        assert gist(seen("caller", build.echo("m-1"), kind, mark=Mark("m-1", fate))) == said


class TestARun:
    @pytest.mark.parametrize(
        ("samples", "passed", "waited", "said"),
        [
            (8000, 8000, 0, "1.00 s"),
            (8000, 0, 0, "1.00 s"),
            (0, 8000, 0, "1.00 s"),
            (160, 1760, 1600, "0.22 s, 0.20 s of it had waited"),
        ],
    )
    def test_of_the_callers_audio(self, samples: int, passed: int, waited: int, said: str) -> None:
        """Either leg may not be looked at: then it is as long as the other says."""
        assert gist_of_run(run("audio", samples=samples, passed=passed, waited=waited)) == said

    def test_of_audio_that_went_no_further(self) -> None:
        late = Seen(Entry(7, 0, "input", "model", "", ""), 0, "item_1", 8000, is_held=True)
        assert gist_of_run(run("generated", late, samples=800)) == "1000 to 1100 ms of item_1, never played"
        assert gist_of_run(run("audio", late, samples=800)) == "0.10 s, not passed on"

    @pytest.mark.parametrize(
        ("samples", "marks", "said"),
        [
            (800, 0, "0 to 100 ms of item_1"),
            (800, 1, "0 to 100 ms of item_1, m-1"),
            (800, 3, "0 to 100 ms of item_1, 3 marks m-1 to m-3"),
            (0, 1, "m-1"),
        ],
    )
    def test_of_what_is_played(self, samples: int, marks: int, said: str) -> None:
        sent = [Mark(f"m-{number + 1}", "sent") for number in range(marks)]
        first = Seen(Entry(7, 0, "command", "caller", "media", ""), 0, "item_1")
        assert gist_of_run(run("played", first, samples=samples, marks=sent)) == said

    def test_of_echoes(self) -> None:
        assert gist_of_run(run("echoes", marks=[Mark("m-1", "flushed"), Mark("m-2", "flushed")])) == (
            "m-1 to m-2: flushed"
        )

    def test_of_words(self) -> None:
        assert gist_of_run(run("words", text="Cash or\n\x07")) == '"Cash or \\x07"'


def run(flow: Flow, first: Seen | None = None, **more: Any) -> Run:
    first = first or Seen(Entry(7, 0, "input", "caller", "media", ""), 0)
    return Run(flow, first, 7, 0, **more)
