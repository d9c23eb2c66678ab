"""The call of the demo: somebody orders at a bakery, and talks over the price.

In real speech. "We also have a store discount" is generated long before the caller says "Wait, what discount?", so what
the model has said and what the caller has heard are two things.
"""

from engine.core.settings import CallSettings
from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan
from engine.sim.link import LinkPlan
from engine.sim.model import ModelPlan
from engine.sim.reply import Reply
from engine.sim.scenario import Scenario
from engine.sim.speech import Speech, load

NETWORK = LinkPlan(base_ms=40, jitter_ms=20)


def bakery(offer_is_an_item: bool = True) -> Scenario:
    """The call. `offer_is_an_item`: the price and the offer are two items of one response. Raises FileNotFoundError
    where the speech is not installed."""
    greeting, total = load("bakery_greeting"), load("bakery_total")
    discount, goodbye = load("bakery_discount"), load("bakery_goodbye")
    order, interrupts, thanks = load("caller_order"), load("caller_interrupts"), load("caller_thanks")
    price, offer = total.split(next(number for number, word in enumerate(total.words) if word.w == "We"))
    store = next(word for word in total.words if word.w == "store")
    cues = (
        _after(greeting, 700, audio=order.audio),
        # In the middle of "discount".
        Cue(150, after=total.until(store.end_ms - 20), audio=interrupts.audio),
        _after(discount, 1_000, audio=thanks.audio),
        _after(goodbye, 900, hang_up=True),
    )
    totals = (price.item, offer.item) if offer_is_an_item else (total.item,)
    replies = ((greeting.item,), totals, (discount.item,), (goodbye.item,))
    return Scenario(
        name="bakery",
        edge=EdgePlan(cues=cues),
        model=ModelPlan(
            replies=tuple(Reply(items=items) for items in replies),
            caller_words=(order.text, interrupts.text, thanks.text),
        ),
        settings=CallSettings(instructions="You sell bread on the phone.", greeting="Greet the caller."),
        caller_in=NETWORK,
        caller_out=NETWORK,
        model_in=NETWORK,
        model_out=NETWORK,
        ends_ms=60_000,
    )


def _after(line: Speech, delay_ms: int, audio: bytes = b"", hang_up: bool = False) -> Cue:
    """When the last word of `line` has been heard, and a moment to think."""
    return Cue(delay_ms, after=line.until(line.words[-1].end_ms - 20), audio=audio, hang_up=hang_up)
