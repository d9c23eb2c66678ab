"""A simulated call, as data: who does what, over which network."""

from typing import Literal

import msgspec

from engine.core.settings import CallSettings
from engine.sim.edge import EdgePlan
from engine.sim.link import LinkPlan
from engine.sim.model import ModelPlan


class Dial(msgspec.Struct, frozen=True):
    """How dialling the model goes. With a `failure` the dials of the numbers `fails` (None: all) do not lead to a
    WebSocket; `status` is the HTTP answer's."""

    latency_ms: int = 150
    failure: str | None = None
    status: int | None = None
    fails: tuple[int, ...] | None = None

    def is_failing(self, number: int) -> bool:
        """Whether that dial of a call fails; the first is 1."""
        return self.failure is not None and (self.fails is None or number in self.fails)


class Drop(msgspec.Struct, frozen=True):
    """A leg's connection breaks: no close, and what was under way is lost."""

    leg: Literal["caller", "model"]
    at_ms: int


class Injection(msgspec.Struct, frozen=True):
    """A frame that neither machine would send arrives at the bridge; on leg `engine`, an input of the shell's."""

    leg: Literal["caller", "model", "engine"]
    at_ms: int
    body: str


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One call. The same scenario and the same seed give the same entries."""

    name: str
    edge: EdgePlan = EdgePlan()
    model: ModelPlan = ModelPlan()
    settings: CallSettings = CallSettings()
    word: bytes = b""
    """What the caller is told while the model is away, as mu-law."""
    dial: Dial = Dial()
    caller_in: LinkPlan = LinkPlan()
    """From the caller to the bridge. The other three likewise."""
    caller_out: LinkPlan = LinkPlan()
    model_in: LinkPlan = LinkPlan()
    model_out: LinkPlan = LinkPlan()
    drops: tuple[Drop, ...] = ()
    injections: tuple[Injection, ...] = ()
    ends_ms: int = 30_000
    """The caller hangs up then, if not before."""
    conditions: frozenset[str] = frozenset()
    """What is unusual about it: see `scenarios`."""

    @property
    def is_calm(self) -> bool:
        """Nothing is stalled, nothing runs dry, no echo is lost or late: a position must be exact."""
        return not self.conditions & {"stall", "underrun", "echoes"}
