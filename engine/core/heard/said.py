"""A token of the transcript as it may sound: its readings, in units."""

from collections.abc import Sequence

import msgspec

from engine.core.heard.letters import WILDCARD, letters
from engine.core.heard.tokens import Token

PHRASE_END = 133
"""Per cent of its usual time that a word takes before punctuation."""


class Said(msgspec.Struct, frozen=True):
    """`readings[i]` are the spoken words of a reading, `units[i]` the units of each of them. Not said: no readings."""

    punctuation: int
    readings: list[list[str]]
    units: list[list[str]]

    @property
    def length(self) -> int:
        """Letters of it, on average over its readings."""
        return round(sum(len(word) for reading in self.units for word in reading) / max(1, len(self.units)))

    @property
    def unknown(self) -> int:
        """How many of the letters cannot be told."""
        return sum(word.count(WILDCARD) for word in self.units[0]) if self.units else 0

    @property
    def weight(self) -> int:
        """How long it takes, against others."""
        return self.length * (PHRASE_END if self.punctuation else 100)

    def likeliest(self) -> "Said":
        """The same, said in one way only."""
        return Said(self.punctuation, self.readings[:1], self.units[:1])


def said(token: Token, language: str) -> Said:
    """A token in units, without words that come to nothing and readings that come to the same."""
    made = Said(token.punctuation, [], [])
    for reading in token.readings:
        sounding = [(word, sound) for word in reading if (sound := letters(word, language))]
        units = [sound for _, sound in sounding]
        if units and units not in made.units:
            made.readings.append([word for word, _ in sounding])
            made.units.append(units)
    return made


def length(text: Sequence[Said]) -> int:
    """Letters of all of it."""
    return sum(each.length for each in text)
