"""What the two simulators have in common: the far end of a WebSocket, as a pure state machine in virtual time.

A machine never waits, sleeps, or asks what time it is. Whoever drives it (the virtual world, or a front over a real
WebSocket) hands it the frames that arrive, asks when it next wants to act, and lets it act then. All times are
nanoseconds on one clock, that of the driver. Chance, where there is any, is a `random.Random` or a list handed in.
"""

from typing import Protocol

import msgspec

NS_PER_MS = 1_000_000
NS_PER_SAMPLE = 125_000
"""8,000 samples a second divide a second into whole nanoseconds, so nothing here is ever rounded twice."""


class Closing(msgspec.Struct, frozen=True):
    """A machine wants its WebSocket closed, after the frames that it has sent."""

    code: int
    reason: str


class Machine(Protocol):
    """A simulated peer. Calls come in the order of their times."""

    closing: Closing | None
    """Set once the machine is done; whoever drives it closes the WebSocket."""

    def open(self, at_ns: int) -> None:
        """The WebSocket is open."""

    def receive(self, at_ns: int, frame: str | bytes) -> None:
        """A frame arrives: text, or binary."""

    def next_at_ns(self) -> int | None:
        """When the machine next wants to act: now or later, or None for not of itself."""

    def advance(self, at_ns: int) -> list[str]:
        """Act up to and including `at_ns`; the frames that it sends, in order."""

    def close(self, at_ns: int) -> None:
        """The WebSocket is gone. Nothing is sent or received any more."""
