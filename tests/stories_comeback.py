"""Stories of a model leg that is lost in the middle of a call and comes back."""

import msgspec

from engine.core.audio import SAMPLES_PER_MS
from engine.sim.ruler import ruler
from engine.sim.scenario import Dial, Drop
from engine.sim.speech import load
from tests.stories_calls import from_the_order_on
from tests.stories_told import FIRST, FIRST_AND_MORE, SECOND, Stories, Told, call, hangs_up, interrupts, ms, says, tells

STORIES: Stories = {}
LINE, ANSWER = says(0, 2_000), says(1, 700, "Good.")
WORD = ruler(9, 400)
SHORT = call(LINE, ANSWER, cues=(interrupts(0, 1_000), hangs_up(1, 500)))
ANSWER_PLAYS_MS = 10_900
"""The caller has talked over the offer of a discount, and hears the answer to that."""


@tells(STORIES, call(LINE, drops=(Drop("model", 1_500),), ends_ms=5_000))
def the_model_leg_drops_in_mid_sentence(told: Told) -> None:
    """The caller hears the sentence to its end, for it was generated. The new session knows it, and waits."""
    assert len(told.outcome.models) == 2
    assert told.restored() == [("assistant", "One two three four five six.")]
    told.never_sends("clear", "conversation.item.truncate", "conversation.item.delete")
    assert told.turn(FIRST).heard_ms == told.turn(FIRST).generated_ms == 2_000
    assert told.truths[FIRST].heard_samples == 2_000 * SAMPLES_PER_MS
    told.ends("stop")


@tells(STORIES, msgspec.structs.replace(from_the_order_on(), drops=(Drop("model", ANSWER_PLAYS_MS),)))
def a_new_session_is_told_what_the_caller_heard(told: Told) -> None:
    """In real speech: of the offer, which the caller talked over, the new session is told the words that were heard."""
    told.is_interrupted(times=1)
    told.truncates(FIRST_AND_MORE)
    total = load("bakery_total")
    price, offer = total.split(next(number for number, word in enumerate(total.words) if word.w == "We"))
    heard = told.turn(FIRST_AND_MORE).heard_text
    assert 0 < len(heard) < len(offer.text)
    assert offer.text.startswith(heard)
    said = [turn.generated_text for turn in told.report.turns if turn.speaker == "caller"]
    assert told.restored() == [("user", said[0]), ("assistant", price.text), ("assistant", heard), ("user", said[1])]
    told.ends("stop")


@tells(
    STORIES,
    call(
        LINE,
        word=WORD,
        drops=(Drop("model", 2_500),),
        dial=Dial(failure="no answer", fails=(2, 3, 4)),
        ends_ms=7_500,
    ),
)
def the_caller_is_asked_to_wait_while_the_model_is_dialled(told: Told) -> None:
    """Three dials fail. A second after the loss the caller is told, once, and the new session knows that too."""
    (away,) = told.report.model_away
    assert (away.dials, away.restored) == (4, 2)
    (loaded,) = told.inputs("word.loaded")
    assert 1_000 <= ms(loaded) - 2_500 <= 1_100
    assert told.restored() == [("assistant", "One two three four five six."), ("assistant", "One moment, please.")]
    word = told.turn("word-1")
    assert (word.speaker, word.heard_text, word.heard_ms) == ("assistant", "One moment, please.", 400)
    told.ends("stop")


@tells(
    STORIES,
    msgspec.structs.replace(SHORT, model=msgspec.structs.replace(SHORT.model, session_ms_max=1_700)),
    errors=("session_expired",),
)
def the_session_expires_while_the_caller_speaks(told: Told) -> None:
    """The turn's words are not known yet, so the new session hears it once more, from its beginning, and answers."""
    told.is_interrupted(times=1)
    assert [turn.speaker for turn in told.report.turns] == ["assistant", "caller", "assistant"]
    assert len(told.outcome.models) >= 2
    told.says_nothing_about(SECOND)
    told.ends("stop")
