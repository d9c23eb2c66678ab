"""One simulated caller, and the model that answers: drawn from chance, without a fault yet.

A call is short and has one point: a first word, replies of one or two items, a barge-in somewhere in them, a hang-up.
Items are rulers, so what was heard of them is exact to the sample.
"""

from random import Random

import msgspec
from msgspec.structs import replace

from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan
from engine.sim.model import ModelPlan
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import place, ruler
from engine.sim.scenarios import speech
from engine.sim.toxics import Toxic

BEGIN_MS_MAX = 2_500
"""All calls of a run begin within this time, so that they meet."""
MORE_REPLIES = 4
"""Beyond the two that a caller waits for: for what a model that was lost says when it is back."""
HUNG_UP = frozenset({"stop"})
REPLY_WORDS = "We have fresh bread and two kinds of cake today"


class CallPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One caller. Times of faults count from the beginning of the call."""

    number: int
    begins_ms: int
    lasts_ms: int
    """The caller hangs up then, if not before."""
    edge: EdgePlan
    model: ModelPlan
    first_model: ModelPlan | None = None
    """What it is at the first dial, if that is something else."""
    fault: str | None = None
    at_ms: int = 0
    ends: frozenset[str] = HUNG_UP
    """How a call with this fault may end."""
    door: str = "token"
    """How the caller comes in: see `doors`."""
    dial: str = "answers"
    """What dialling the model comes to: see `simulation`."""
    to_caller: tuple[Toxic, ...] = ()
    """Toxics on what the bridge sends there. The other three likewise."""
    from_caller: tuple[Toxic, ...] = ()
    to_model: tuple[Toxic, ...] = ()
    from_model: tuple[Toxic, ...] = ()
    caller_says: tuple[tuple[int, str], ...] = ()
    """Frames that no Twilio would send, and when."""
    model_says: tuple[tuple[int, str], ...] = ()
    drops_ms: int | None = None
    """The model closes the WebSocket of its first session then."""

    @property
    def call_sid(self) -> str:
        return self.edge.call_sid

    @property
    def is_far(self) -> bool:
        """Whether the fault is on the way between the caller and the bridge."""
        return bool(self.to_caller or self.from_caller)

    @property
    def tries_again(self) -> bool:
        """Whether somebody connects with its token when it is over: that is a log of its own."""
        return self.door == "used token"

    @property
    def is_healthy(self) -> bool:
        return self.fault is None


def draw_call(random: Random, seed: int, number: int) -> CallPlan:
    """A call without a fault."""
    lengths_ms = [random.randint(800, 3_500) for _ in range(random.randint(1, 2))]
    second_ms = random.randint(400, 1_500)
    lasts_ms = 3_500 + sum(lengths_ms) + second_ms
    sid = f"{seed % 16**16:016x}{number:016x}"
    return CallPlan(
        number=number,
        begins_ms=random.randrange(BEGIN_MS_MAX),
        lasts_ms=lasts_ms,
        edge=EdgePlan(
            call_sid="CA" + sid,
            stream_sid="MZ" + sid,
            cues=(*_cues(random, lengths_ms, second_ms), Cue(lasts_ms, hang_up=True)),
        ),
        model=_model(random, lengths_ms, second_ms),
    )


def _cues(random: Random, lengths_ms: list[int], second_ms: int) -> list[Cue]:
    """The caller speaks first, talks over the reply, and hangs up after the next, if it is heard."""
    item = random.randrange(len(lengths_ms))
    here = place(item, random.randint(1, lengths_ms[item]))
    return [
        Cue(random.randint(400, 900), audio=speech(random.randint(200, 600))),
        Cue(random.choice((0, 0, random.randint(0, 300))), after=here, audio=speech(random.randint(150, 500))),
        Cue(random.randint(0, 500), after=place(len(lengths_ms), second_ms), hang_up=True),
    ]


def _model(random: Random, lengths_ms: list[int], second_ms: int) -> ModelPlan:
    """Its first reply has items of these lengths, the others one each."""
    more_ms = [second_ms, *(random.randint(300, 1_200) for _ in range(MORE_REPLIES))]
    items = [ReplyItem(_text(random, ms), ruler(number, ms)) for number, ms in enumerate([*lengths_ms, *more_ms])]
    reply = Reply(
        items=tuple(items[: len(lengths_ms)]),
        speed=random.uniform(2, 20),
        latency_ms=random.randint(100, 500),
        text_lead_ms=random.randint(0, 100),
        delta_samples=(random.choice((400, 1_600, 2_000, 3_200)),),
        late_deltas=random.choice((0, 0, 1, 3)),
    )
    others = tuple(replace(reply, items=(item,)) for item in items[len(lengths_ms) :])
    return ModelPlan(replies=(reply, *others), caller_words=("Hello.",) * 8)


def _text(random: Random, ms: int) -> str:
    words = REPLY_WORDS.split()
    return " ".join(random.choice(words) for _ in range(1 + ms * 3 // 1_000)).capitalize() + "."
