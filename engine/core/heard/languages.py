"""Which language a text is in: English, Spanish, German, or another. Nobody says, so it is guessed.

Small words give a language away, and letters that only one language writes. What depends on it: how a number is said,
and whether a final e is mute. Text without any evidence ("Perfect!", "555-0142") is taken for English, at low odds:
then numbers are also given in the other languages, and the aligner finds out by ear.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

Language = Literal["en", "es", "de", "other"]

WORDS: dict[Language, str] = {
    "en": "the of and to is are was were you your we our i it that this for with on at be have has had can could would "
    "will please my me not do does did what which how when where there here from by an if or but so just let get "
    "they he she yes no okay ok thanks thank hello hi sorry sure i'm i'll we'll it's that's you're we're don't "
    "press call number english name account order "
    "about any all more one's as than then been am in a up out now its",
    "es": "el la los las de del que y en un una unos unas por para con su sus es son está están le les lo se no sí si "
    "al como más pero o mi me te usted ustedes tiene puede gracias hola buenos días favor qué cuál cómo cuándo dónde "
    "muy este esta hay a desea quiere ha he nos señor señora entonces claro nuestro nuestra también ya oprima",
    "de": "der die das den dem des und ist sind ein eine einen einem einer nicht ich sie wir ihr ihre ihren ihnen mit "
    "für auf zu zum zur von vom im in an am um bei aus nach es auch oder aber wie was wann wo kann können bitte danke "
    "hallo ja nein haben hat wird werden noch so dann uhr unser unsere mein dass wenn sehr guten tag gern herr frau",
    "other": "le la les des du et est vous nous je ce cette pour avec dans une votre pas sur au aux qui oui bonjour "
    "merci il elle di che per non sono è un con della nel alla grazie os um uma não você para em com obrigado "
    "obrigada het een van ik niet voor met op dat we jouw uw graag dank wij naar nie na się jest z do że "
    "proszę och att det är som på jag för med til og jeg ikke ve bir bu için mi ne da je ja va nu și este să mais seu",
}
MARKS: dict[Language, str] = {
    "es": "ñ¿¡",
    "de": "ß",
    "other": "çàèùâêîôûœãõøåæłśżźćńęąőűğışţțșăčřšžěůďťðþ",
}
"""Letters that one of the three, or none of them, writes; each as good as two words. ä ö ü é í ó á ú are weaker."""
LEANING: dict[Language, str] = {"es": "áéíóú", "de": "äöü", "other": "áéíóúäöü"}


def _by_word() -> dict[str, list[tuple[Language, float]]]:
    """A word that several languages have counts for each of them by half."""
    found: dict[str, list[Language]] = {}
    for language, words in WORDS.items():
        for word in words.split():
            languages = found.setdefault(word, [])
            if language not in languages:
                languages.append(language)
    return {word: [(language, 1.0 if len(langs) == 1 else 0.5) for language in langs] for word, langs in found.items()}


BY_WORD = _by_word()
BY_MARK = {mark: language for language, marks in MARKS.items() for mark in marks}
WORDS_MAX = 400
"""A text is known by its first words."""


class Guess(msgspec.Struct, frozen=True):
    """`language`, the most likely; and all that the numbers are to be read in, the likeliest first."""

    language: Language
    numbers: tuple[Language, ...]


def decide(votes: dict[Language, float]) -> Guess:
    """The language that the evidence is for."""
    ranked: list[Language] = sorted(votes, key=lambda language: -votes[language])
    best = votes[ranked[0]]
    if best == 0:
        return Guess("en", ("en", "es", "de"))
    if best < 1:
        # A single accent, as in "café", is no language yet.
        return Guess("en", ("en", *(language for language in ranked if language in ("es", "de") and votes[language])))
    if ranked[0] == "other":
        return Guess("other", ("other",))
    return Guess(
        ranked[0], tuple(language for language in ranked if votes[language] * 2 >= best and language != "other")
    )


def count(words: Iterable[str]) -> dict[Language, float]:
    """The evidence for each language, from the words of a text in lower case."""
    votes: dict[Language, float] = {"en": 0.0, "es": 0.0, "de": 0.0, "other": 0.0}
    for number, word in enumerate(words):
        if number == WORDS_MAX:
            break
        for language, weight in BY_WORD.get(word, ()):
            votes[language] += weight
        if not word.isascii():
            _count_letters(word[:40], votes)
    return votes


def _count_letters(word: str, votes: dict[Language, float]) -> None:
    for letter in word:
        if letter in BY_MARK:
            votes[BY_MARK[letter]] += 2
        elif letter > "\u02ff" and letter.isalpha():
            votes["other"] += 0.5
        else:
            for language, letters in LEANING.items():
                if letter in letters:
                    votes[language] += 0.5
