"""Room for those who have not yet shown what they are, so that a flood of them takes nothing from the calls.

Two waits come before a call, and anybody can begin one: a connection that has not said what it wants, and an upgrade
that has not sent `start` (its signature is that of /media, the same for every call, so it can be replayed). Each is
bounded in number by a gate of its own: a flood of the first, which needs nothing but a port, must not push out the
second. `calls_max` counts neither; it counts calls that have started.

**When a gate is full, whoever has waited longest goes,** not the one that comes. Twilio says what it wants with its
first packet, and sends `start` right after the upgrade, so it needs its place for a round trip. With 256 places, a
flood has to come with thousands of connections a second before a place is lost within that. A slow loris gains nothing
by saying a byte now and then: only age counts.

Nothing is bounded by address. Behind a proxy all come from one, and would share its bound with the flood; without a
proxy, Twilio comes from many, and so does a flood.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import trio

CONNECTIONS_MAX = 256
"""That are not calls: what they have sent of a request takes up to 80 KiB each, and each has a file descriptor."""
CALLS_WITHOUT_START_MAX = 64
"""What a call may send before `start` is kept, and can be 3 MiB if somebody tries (`frames_before_start_max`,
`caller_frame_bytes_max`)."""


class Place:
    """One place at a gate. `leave` it, and it can be lost no more."""

    def __init__(self, taken: dict["Place", None]) -> None:
        self.is_lost = False
        self.scope = trio.CancelScope()
        self._taken = taken

    def leave(self) -> None:
        """It has shown what it is."""
        self._taken.pop(self, None)

    def lose(self) -> None:
        """Another needs it more."""
        self.is_lost = True
        self.leave()
        self.scope.cancel()


class Gate:
    """At most `places_max` wait here at once."""

    def __init__(self, places_max: int) -> None:
        self._places_max = places_max
        self._taken: dict[Place, None] = {}

    def __len__(self) -> int:
        return len(self._taken)

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A place for the block, which is cancelled if the place is lost."""
        if len(self._taken) >= self._places_max:
            next(iter(self._taken)).lose()
        place = Place(self._taken)
        self._taken[place] = None
        try:
            with place.scope:
                yield place
        finally:
            place.leave()
