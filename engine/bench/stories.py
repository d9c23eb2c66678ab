"""The conversations that the bench measures: somebody asks, is answered at length, interrupts, asks again."""

from engine.core.audio import SAMPLES_PER_MS
from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan
from engine.sim.link import LinkPlan
from engine.sim.model import ModelPlan
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import place, ruler
from engine.sim.scenario import Scenario
from engine.sim.scenarios import speech

TURN_S = 10
ANSWER_MS = 6_000
HEARD_MS = 4_000
NETWORK = LinkPlan(base_ms=40, jitter_ms=20)
ITEMS_MAX = 128
"""Rulers can tell so many items apart; longer calls use them again."""


def turn_cues(seconds: int) -> tuple[Cue, ...]:
    """A caller who interrupts every answer after HEARD_MS, and hangs up after `seconds`."""
    turns = max(1, seconds // TURN_S)
    cues = [Cue(1_000, audio=speech(600))]
    for turn in range(min(turns, ITEMS_MAX)):
        cues.append(Cue(0, after=place(turn, HEARD_MS), audio=speech(600, 3_000, 500)))
    return (*cues, Cue(seconds * 1_000, hang_up=True))


def replies(seconds: int) -> tuple[Reply, ...]:
    """An answer for every turn, and some to spare."""
    text = "We have fresh bread and two kinds of cake today and would be glad to keep some of it for you until six."
    count = min(ITEMS_MAX, 2 * seconds // TURN_S + 2)
    return tuple(Reply(items=(ReplyItem(text, ruler(number, ANSWER_MS)),)) for number in range(count))


def long_call(seconds: int) -> Scenario:
    """A call of so many seconds."""
    assert len(ruler(0, ANSWER_MS)) == ANSWER_MS * SAMPLES_PER_MS
    return Scenario(
        name="long call",
        edge=EdgePlan(cues=turn_cues(seconds)),
        model=ModelPlan(replies=replies(seconds), caller_words=("And what about the cake?",) * 200),
        caller_in=NETWORK,
        caller_out=NETWORK,
        model_in=NETWORK,
        model_out=NETWORK,
        ends_ms=seconds * 1_000 + 1_000,
    )
