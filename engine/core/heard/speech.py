"""What is asked of a language: the words of a number module, and the token that they are wanted for."""

from typing import Protocol

import msgspec

from engine.core.heard import numbers_de, numbers_en, numbers_es
from engine.core.heard.languages import Language


class Speech(Protocol):
    """What a number module offers. Lists hold ways of saying it, the likeliest first."""

    MONTHS: list[str]
    SYMBOLS: dict[str, str]
    UNITS: dict[str, str]
    SCALE_WORDS: dict[str, str]
    KEYS: dict[str, str]
    DAYS: list[str]
    CAPITALS: dict[str, str]
    ABBREVIATIONS: dict[str, str]

    def cardinal(self, n: int) -> str: ...
    def grouped(self, n: int) -> list[str]: ...
    def digits(self, text: str) -> list[str]: ...
    def number(self, text: str) -> list[str]: ...
    def decimal(self, whole: str, fraction: str) -> list[str]: ...
    def ordinal(self, n: int) -> list[str]: ...
    def money(self, currency: str, whole: int, cents: int | None) -> list[str]: ...
    def clock(self, hour: int, minute: int) -> list[str]: ...
    def date(self, of_year: int | None, month: int, day: int) -> list[str]: ...
    def fraction(self, over: int, under: int) -> list[str]: ...
    def spell(self, letters: str) -> str: ...
    def plural_letters(self, letters: str) -> str: ...


SPEECH: dict[Language, Speech] = {"en": numbers_en, "es": numbers_es, "de": numbers_de}


class Asked(msgspec.Struct, frozen=True):
    """A token to be said. `before` and `after` are its neighbours, in lower case; `dotted`: a full stop follows it."""

    text: str
    language: Language
    before: str = ""
    after: str = ""
    dotted: bool = False

    @property
    def say(self) -> Speech:
        return SPEECH[self.language]

    def part(self, text: str) -> "Asked":
        """A piece of this token: said in the same language, with no neighbours."""
        return Asked(text, self.language)
