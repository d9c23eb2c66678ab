"""What was refused: counted, every one; said on stderr, as much of it as a person can read.

Who is flooded needs to know by what, not ten thousand times. Of each kind some lines are said as they come; what comes
beyond that is summed, and said in one line when its time is over. /healthz has the whole number.
"""

from collections import Counter

import trio

from engine.say import say

LINES_MAX = 10
"""Of a kind, in a window."""
WINDOW_SECONDS = 10.0


class Refusals:
    """`run` it, or what is beyond the lines of the first window is never said."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """By HTTP status, and by name for what is refused in another way."""
        self._told: Counter[tuple[str, str]] = Counter()
        self._begun = trio.Event()

    def add(self, fact: str, kind: str, /, **fields: object) -> None:
        """Count a refusal of that kind, and say it if there is room."""
        self.counts[kind] += 1
        self.tell(fact, kind, **fields)

    def tell(self, fact: str, kind: str, /, **fields: object) -> None:
        """Say what is no refusal, but may come as often."""
        self._told[fact, kind] += 1
        self._begun.set()
        if self._told[fact, kind] <= LINES_MAX:
            say(fact, **fields)

    async def run(self) -> None:
        """Say what could not be said line by line, once in a while and at the end."""
        try:
            while True:
                await self._begun.wait()
                await trio.sleep(WINDOW_SECONDS)
                self._sum_up()
        finally:
            self._sum_up()

    def _sum_up(self) -> None:
        for (fact, kind), times in self._told.items():
            if times > LINES_MAX:
                say(f"{fact}.more", kind=kind, times=times - LINES_MAX, within_seconds=f"{WINDOW_SECONDS:g}")
        self._told.clear()
        self._begun = trio.Event()
