"""Names for marks and for the frames that the model may refer back to. Counted, not drawn: a replay finds the same.

A mark's name is never used twice in a call. Twilio echoes names verbatim and in the end only the name tells which
place in which playout came back; constant names are the root of a whole family of bugs.
"""

import msgspec


class Names(msgspec.Struct):
    """Counters of one call."""

    marks: int = 0
    events: int = 0
    words: int = 0

    def mark(self, prefix: str) -> str:
        self.marks += 1
        return f"{prefix}-{self.marks}"

    def word(self) -> str:
        """An item that is no model's: what the caller is told while the model is away."""
        self.words += 1
        return f"word-{self.words}"

    def event(self, prefix: str) -> str:
        self.events += 1
        return f"{prefix}-{self.events}"
