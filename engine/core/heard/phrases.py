"""Readings while they are being made: strings of spoken words, in lists with the likeliest first."""

from collections.abc import Callable

READINGS_MAX = 8
"""How many ways of saying one token are tried. More cost time, and rarely hold the right one when eight do not."""


def words(text: str) -> list[str]:
    """A list, as it is read best."""
    return text.split()


def table(text: str) -> dict[str, str]:
    """Entries with a comma between them: a key, and what it stands for. Several readings have "|" between them."""
    return {key: value for key, _, value in (entry.partition(" ") for entry in text.split(", "))}


def each(*choices: list[str]) -> list[str]:
    """Every way of taking one phrase from each list, the likeliest first, and no more than are tried anyway."""
    ways = [""]
    for phrases in choices:
        ways = [f"{way} {phrase}".strip() for way in ways for phrase in phrases]
        ways = ways[: 2 * READINGS_MAX]
    return ways


def one_by_one(digits: str, names: list[str]) -> str:
    """The name of each digit."""
    return " ".join(names[int(digit)] for digit in digits)


def of_pairs(digits: str, name: Callable[[str], str]) -> str:
    """Two digits at a time, by `name`."""
    return " ".join(name(digits[at : at + 2]) for at in range(0, len(digits), 2))
