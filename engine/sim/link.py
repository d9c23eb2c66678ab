"""One direction of a leg: what is sent arrives later, and in order."""

from random import Random

import msgspec

from engine.sim.machine import NS_PER_MS


class LinkPlan(msgspec.Struct, frozen=True):
    """A delay of `base_ms`, and up to `jitter_ms` more. In a stall [from_ms, to_ms) of the call nothing gets through;
    what would have arrived then arrives at its end."""

    base_ms: float = 20.0
    jitter_ms: float = 0.0
    stalls: tuple[tuple[int, int], ...] = ()


class Link:
    """A WebSocket keeps its order, so a frame that is delayed delays all that follow."""

    def __init__(self, plan: LinkPlan, random: Random) -> None:
        self._base_ns = round(plan.base_ms * NS_PER_MS)
        self._jitter_ns = round(plan.jitter_ms * NS_PER_MS)
        self._stalls = [(begin * NS_PER_MS, end * NS_PER_MS) for begin, end in plan.stalls]
        self._random = random
        self._last_ns = 0

    def arrival_ns(self, sent_ns: int) -> int:
        """When a frame sent now arrives. To be asked once for each frame."""
        arrival_ns = sent_ns + self._base_ns
        if self._jitter_ns:
            arrival_ns += int(self._random.random() * self._jitter_ns)
        arrival_ns = max(arrival_ns, self._last_ns)
        for begin_ns, end_ns in self._stalls:
            if begin_ns <= arrival_ns < end_ns:
                arrival_ns = end_ns
        self._last_ns = arrival_ns
        return arrival_ns
