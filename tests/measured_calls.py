"""Calls to be measured: the harness of the core's tests, with the answers of a model that takes its time.

Times are those of an even line: what Twilio sends arrives at once, unless a test says otherwise.
"""

from typing import Any

from engine.core import CallSettings, Entry
from replay.metrics.measures import CallMeasures, TurnMeasures, measure
from replay.metrics.problems import Problem, problems
from tests import build
from tests.build import Harness, in_call
from tests.replay_calls import log_of

SILENCE_MS = 500
"""What the model waits for at the end of a turn; it is in the end that it reports."""
PADDING_MS = 300
"""What it keeps before the beginning; the beginning that it reports is earlier by so much."""


def measured(call: Harness) -> CallMeasures:
    return measure(log_of(call.entries, call.call.settings))


def problems_of(call: Harness) -> list[Problem]:
    return problems(log_of(call.entries, call.call.settings))


def turns_of(call: Harness) -> list[TurnMeasures]:
    return measured(call).turns


def greeted(**options: Any) -> Harness:
    """A call that is up, and whose greeting we have just asked for."""
    return in_call(CallSettings(greeting="Greet the caller."), **options)


def says(call: Harness, begin_ms: int, end_ms: int, item: str = "item_u1", text: str | None = "Hello.") -> None:
    """The caller speaks; the model notices each edge at once, the end after its silence. Now is the news of the end."""
    call.run(begin_ms)
    call.model(build.speech_started(begin_ms - PADDING_MS, item))
    call.run(end_ms + SILENCE_MS)
    call.model(build.speech_stopped(end_ms + SILENCE_MS, item))
    call.model(build.item_added(item, None, "user"))
    if text is not None:
        call.model(build.caller_words(text, item))


def answers(call: Harness, ms: int, item: str = "item_1", response: str = "resp_1", after_ms: int = 200) -> None:
    """The model begins a response now; its audio comes a while later, all at once."""
    begun, added, known, audio = build.reply_begun(ms, item, response)
    call.model(begun, added, known)
    call.run(call.at_ns // build.MS + after_ms)
    call.model(audio, *build.reply_done(item, response))


def hangs_up(call: Harness, at_ms: int) -> None:
    call.run(at_ms)
    call.caller(build.stopped())
    call.engine(build.leg_closed("model"), build.leg_closed("caller"))


def asks(call: Harness, event_id: str = "ask-1") -> None:
    """The bridge asks for a response now, as another bridge than ours may."""
    body = build.frame(type="response.create", event_id=event_id)
    call.entries.append(Entry(call.seq, call.at_ns, "command", "model", "response.create", body))
    call.seq += 1


def calls_a_function(call: Harness, item: str = "item_f", response: str = "resp_1") -> None:
    """The model begins a response now, in which it only calls a function."""
    call.model(build.response_created(response), build.response_item_added(item, response, "function_call"))
    call.model(build.item_added(item, None, None, "function_call"), build.item_done(item, response, "function_call"))
    call.model(build.response_done(response))
