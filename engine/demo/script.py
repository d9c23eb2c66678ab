"""Who says what in the demo.

The bakery call of the simulators, up to the answer to the interruption: everything that is to be seen has happened by
then, and nobody watches a demo for longer. Each call has SIDs of its own, as on a real phone, so that every demo has a
log of its own.
"""

from secrets import token_hex

import msgspec

from engine.sim.bakery import bakery
from engine.sim.caller import Cue
from engine.sim.scenario import Scenario

TURNS = 2
"""Of the caller: the order, and the interruption."""
HANG_UP_AFTER_MS = 600


def demo_call() -> Scenario:
    """The call of the demo. Raises FileNotFoundError where the speech is not installed."""
    scenario = bakery()
    *_, thanks, _ = scenario.edge.cues
    answered = Cue(HANG_UP_AFTER_MS, after=thanks.after, hang_up=True)
    edge = msgspec.structs.replace(
        scenario.edge,
        cues=(*scenario.edge.cues[:TURNS], answered),
        call_sid=f"CA{token_hex(16)}",
        stream_sid=f"MZ{token_hex(16)}",
        account_sid=f"AC{token_hex(16)}",
    )
    return msgspec.structs.replace(scenario, edge=edge)
