"""Calls whose model leg is lost, for the tests of what `replay` shows of that."""

from pathlib import Path

from tests import build
from tests.build import Harness, in_call
from tests.comeback_calls import assistant_says, caller_said, come_back, lose

GOLDEN = Path(__file__).resolve().parents[1] / "fixtures" / "golden"
TOLD = GOLDEN / "a_new_session_is_told_what_the_caller_heard.jsonl"
WORD = GOLDEN / "the_caller_is_asked_to_wait_while_the_model_is_dialled.jsonl"
EXPIRES = GOLDEN / "the_session_expires_while_the_caller_speaks.jsonl"
DROPS = GOLDEN / "the_model_leg_drops_in_mid_sentence.jsonl"
ALL = (TOLD, WORD, EXPIRES, DROPS)


def load(call: Harness, ms: float = 400) -> None:
    """What the bridge answers when the core wants a word for the caller."""
    call.put("engine", '{"type":"word.loaded"}', build.audio(ms))


def away(call: Harness, until_ms: float) -> None:
    """The model is lost now, and back at that time."""
    lose(call)
    call.run(until_ms)
    come_back(call)


def has(item: str) -> str:
    """The model says that an item is whole."""
    body = {"id": item, "type": "message", "role": "assistant", "status": "completed"}
    return build.frame(type="conversation.item.done", item=body)


def answered_late(*, cut_off: bool = False) -> Harness:
    """The caller says something, and the model is lost before it answers, or (`cut_off`) in the middle of that. It is
    gone for a second. The next session is asked to answer, or to go on."""
    call = in_call()
    caller_said(call)
    call.run(1_300)
    if cut_off:
        call.model(*build.reply_begun(400), build.item_words("Good morning, we"))
        call.run(2_000)
    away(call, 3_000 if cut_off else 2_300)
    call.run(3_100)
    call.model(build.response_created("resp_2"))
    call.run(3_300)
    assistant_says(call, 500, "Nine euros.", number=2)
    call.run(5_000)
    return call


def many_items() -> Harness:
    """Twelve things are said before the model is lost, and restored; the new session says that it has them."""
    call = in_call()
    for number in range(1, 13):
        assistant_says(call, 100, f"Part {number}.", number)
        call.run(100 + 200 * number)
    away(call, 2_700)
    names = [f"item_{number}" for number in range(1, 13)]
    for before, name in zip([None, *names], names, strict=False):
        call.model(build.item_added(name, before, "assistant"), has(name))
    call.run(3_000)
    return call
