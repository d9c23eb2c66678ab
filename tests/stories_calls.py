"""Stories of how calls begin, are disturbed, and end; and one in real speech."""

import msgspec

from engine.core.audio import FRAME_MS
from engine.core.settings import CallSettings
from engine.sim.bakery import bakery
from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan
from engine.sim.model import ModelPlan
from engine.sim.ruler import place
from engine.sim.scenario import Dial, Injection, Scenario
from engine.sim.scenarios import speech
from engine.sim.speech import load
from tests.stories_told import (
    CALLER_LINE,
    EXACT_MS,
    FIRST,
    FIRST_AND_MORE,
    MODEL_LINE,
    SECOND,
    Stories,
    Told,
    call,
    hangs_up,
    interrupts,
    ms,
    says,
    tells,
)

STORIES: Stories = {}

LINE, ANSWER = says(0, 2_000), says(1, 500, "Good.")
CUES = (interrupts(0, 700), hangs_up(1, 500))
TO_NOBODY_KNOWN = Injection("caller", 1_330, '{"event":"vendor.invented.this.yesterday","streamSid":"MZ"}')
GARBAGE = (
    Injection("caller", 1_010, "garbage"),
    Injection("caller", 1_050, '{"event":"media","media":{"timestamp":"soon","payload":"/w=="}}'),
    Injection("caller", 1_090, '{"event":"mark"}'),
    Injection("engine", 1_130, '{"type":"frame.binary","leg":"caller","audio":"AAEC"}'),
    Injection("model", 1_170, '{"type":'),
    Injection("model", 1_210, '{"type":"response.output_audio.delta","delta":7}'),
    Injection("model", 1_250, '["a list"]'),
    Injection("engine", 1_290, '{"type":"frame.binary","leg":"model","audio":"AAEC"}'),
    TO_NOBODY_KNOWN,
    Injection("model", 1_370, '{"type":"response.invented.yesterday","event_id":"event_1"}'),
)


def from_the_order_on() -> Scenario:
    """The bakery call without its greeting: the caller orders at once, and goes when the discount is explained."""
    whole = bakery()
    order, price_is_heard, _, _ = whole.edge.cues
    discount = load("bakery_discount")
    cues = (
        Cue(100, audio=order.audio),
        price_is_heard,
        Cue(0, after=discount.until(discount.words[4].end_ms - 20), hang_up=True),
    )
    replies = (msgspec.structs.replace(reply, delta_samples=(6_000,)) for reply in whole.model.replies[1:])
    return msgspec.structs.replace(
        whole,
        edge=EdgePlan(cues=cues),
        model=ModelPlan(replies=tuple(replies), caller_words=whole.model.caller_words),
        settings=CallSettings(instructions="You sell bread."),
        caller_in=CALLER_LINE,
        caller_out=CALLER_LINE,
        model_in=MODEL_LINE,
        model_out=MODEL_LINE,
    )


@tells(STORIES, from_the_order_on())
def caller_talks_over_the_price_at_the_bakery(told: Told) -> None:
    """In real speech: the offer of a discount was generated whole, and heard up to "store"; the price, another item of
    the same response, was heard to its end."""
    told.is_interrupted(times=1)
    told.leaves(FIRST)
    told.truncates(FIRST_AND_MORE)
    total = load("bakery_total")
    _, offer = total.split(next(number for number, word in enumerate(total.words) if word.w == "We"))
    told.is_heard_in_words(FIRST_AND_MORE, offer)
    said = [turn.generated_text for turn in told.report.turns if turn.speaker == "caller"]
    assert said == ["Two croissants and a baguette, please.", "Wait, what discount?"]
    told.ends("stop")


@tells(
    STORIES,
    call(
        says(0, 700),
        ANSWER,
        cues=(Cue(400, audio=speech(1_100)), hangs_up(1, 500)),
        dial=Dial(latency_ms=900),
    ),
)
def caller_speaks_before_the_model_is_ready(told: Told) -> None:
    """What was said meanwhile goes to the model in order and whole, so the onset is right. The greeting is asked for
    before it: a caller who is already speaking cuts the greeting off, and is answered once."""
    ready = told.inputs("session.updated")[0]
    appends = told.commands("input_audio_buffer.append")
    kept = [entry for entry in appends if entry.at_ns == ready.at_ns]
    assert len(kept) * FRAME_MS >= 900
    assert [entry.cause for entry in appends] == [entry.seq for entry in told.inputs("media")]
    assert told.commands("response.create")[0].seq < kept[0].seq
    onset_ms = next(turn.start_ms for turn in told.report.turns if turn.speaker == "caller")
    assert onset_ms is not None
    assert abs(onset_ms - 400) <= EXACT_MS, onset_ms
    told.is_interrupted(times=0)
    assert told.report.turns[1:] == [told.turn(SECOND)]
    told.leaves(SECOND)
    told.ends("stop")


@tells(
    STORIES,
    call(LINE, edge=EdgePlan(cues=(Cue(0, after=place(0, 900), hang_up=True),), sends_stop=False)),
)
def twilio_closes_without_saying_stop(told: Told) -> None:
    """The socket's end is the call's, and the report ends where the ear was."""
    told.ends("dropped", because="without stop")
    assert told.inputs("stop") == []
    heard_ms = told.truths[FIRST].heard_samples / 8
    assert abs(told.turn(FIRST).heard_ms - heard_ms) <= EXACT_MS
    told.never_sends("clear", "conversation.item.truncate")


@tells(STORIES, call(LINE, ANSWER, cues=CUES, injections=GARBAGE))
def garbage_arrives_on_both_legs(told: Told) -> None:
    """It is logged and counted, and nothing else: the barge-in after it is as exact as ever. Types that nobody knows
    are no garbage."""
    assert told.outcome.call.malformed == {"caller": 4, "model": 4, "engine": 0}
    assert told.report.malformed == 8
    told.is_interrupted(times=1)
    told.truncates(FIRST)
    told.leaves(SECOND)
    told.ends("stop")


@tells(
    STORIES,
    call(LINE, ANSWER, cues=CUES, model=ModelPlan(replies=(LINE, ANSWER), caller_words=("Wait.",), beta_names=True)),
)
def the_model_speaks_in_beta_event_names(told: Told) -> None:
    """`response.audio.delta` and its like are the same events by older names."""
    assert told.inputs("response.output_audio.delta") == []
    assert told.inputs("response.audio.delta") != []
    told.is_interrupted(times=1)
    told.truncates(FIRST)
    told.leaves(SECOND)
    told.ends("stop")


@tells(STORIES, call(model=ModelPlan(key_is_invalid=True)), errors=("invalid_api_key",))
def the_model_refuses_the_key(told: Told) -> None:
    """The WebSocket opens and an error comes in place of a session: the caller is not kept waiting."""
    told.ends("model_failed", because="invalid_api_key")
    told.never_sends("session.update", "input_audio_buffer.append", "media")
    assert ms(told.outcome.entries[-1]) < 1_000


@tells(STORIES, call(dial=Dial(latency_ms=300, failure="HTTP 401", status=401)))
def the_model_cannot_be_reached(told: Told) -> None:
    """The dial fails: the call ends at once."""
    told.ends("model_failed", because="the model cannot be reached: HTTP 401")
    assert ms(told.outcome.entries[-1]) < 1_000


@tells(STORIES, call(edge=EdgePlan(encoding="audio/x-l16", sample_rate=16_000)))
def the_stream_is_in_another_codec(told: Told) -> None:
    """Its samples would be counted wrong, so the call is refused before the model is dialled, saying what was sent."""
    told.ends("refused", because="audio/x-l16, 16000 Hz")
    told.never_sends("dial_model")


@tells(
    STORIES,
    call(
        says(0, 2_000),
        injections=(Injection("engine", 1_300, '{"type":"operator.interrupt"}'),),
        cues=(Cue(1_200, after=place(0, 100), hang_up=True),),
    ),
)
def an_operator_interrupts(told: Told) -> None:
    """Somebody at the bridge stops the assistant: cut as if the caller had spoken, and nobody's onset is reported."""
    told.is_interrupted(times=1)
    told.truncates(FIRST)
    assert told.report.interruptions[0].caller_onset_ms is None
    told.ends("stop")
