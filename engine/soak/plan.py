"""What happens in one simulated run, drawn from its seed.

About half of the calls of a run have one fault each (`faults`), and the others must not feel it. Besides, a run can
have a full disk, a flood of connections, or be told to stop.
"""

from random import Random

import msgspec
from msgspec.structs import replace

from engine.soak.calls import BEGIN_MS_MAX, CallPlan, draw_call
from engine.soak.faults import FAULTS

FAULTY = 0.5
FULL_DISK = FLOOD = STOP = 0.2
"""Shares: of calls with a fault, and of runs with each of the faults that concern all."""
DISK_NOTICED_MS = 2_000
"""Until a server has seen that there is room again."""
FLOOD_LASTS_MS = 11_000
"""Connections that say nothing are closed after 10 s."""


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a server."""

    seed: int
    calls: tuple[CallPlan, ...]
    full_disk_ms: tuple[int, int] | None = None
    """Nothing can be written in this time."""
    flood_at_ms: int | None = None
    stop_at_ms: int | None = None
    stops_twice: bool = False

    def is_closed_at(self, at_ms: int) -> bool:
        """Whether a call that begins then may be turned away, by a server that is stopping, has no disk, or is flooded
        with connections."""
        stop, full, flood = self.stop_at_ms, self.full_disk_ms, self.flood_at_ms
        return (
            (stop is not None and stop <= at_ms)
            or (full is not None and full[0] <= at_ms <= full[1] + DISK_NOTICED_MS)
            or (flood is not None and flood <= at_ms <= flood + FLOOD_LASTS_MS)
        )

    def story(self) -> list[str]:
        """What goes wrong, in order of time."""
        told = [
            (call.begins_ms + call.at_ms, f"call {call.number:2}: {call.fault}")
            for call in self.calls
            if call.fault is not None
        ]
        if self.full_disk_ms is not None:
            told += [(self.full_disk_ms[0], "the disk is full"), (self.full_disk_ms[1], "the disk has room again")]
        if self.flood_at_ms is not None:
            told.append((self.flood_at_ms, "a flood of connections that say nothing"))
        if self.stop_at_ms is not None:
            told.append((self.stop_at_ms, "the server is stopped" + (", twice" if self.stops_twice else "")))
        return [f"{at_ms / 1000:8.3f} s  {what}" for at_ms, what in sorted(told)]


def draw(seed: int, calls: int) -> RunPlan:
    """Run number `seed`, of so many calls."""
    random = Random(seed)
    plans = []
    for number in range(calls):
        call = draw_call(random, seed, number)
        if random.random() < FAULTY:
            name = random.choice(sorted(FAULTS))
            call = replace(FAULTS[name](random, call), fault=name)
        plans.append(call)
    over_ms = max(call.begins_ms + call.lasts_ms for call in plans)
    full_at_ms, stop_at_ms = random.randrange(500, over_ms), random.randrange(BEGIN_MS_MAX, over_ms)
    full_for_ms = random.randint(200, 4_000)
    stops_twice = random.random() < 0.5
    return RunPlan(
        seed=seed,
        calls=tuple(plans),
        full_disk_ms=(full_at_ms, full_at_ms + full_for_ms) if random.random() < FULL_DISK else None,
        flood_at_ms=random.randrange(0, over_ms) if random.random() < FLOOD else None,
        stop_at_ms=stop_at_ms if random.random() < STOP else None,
        stops_twice=stops_twice,
    )
