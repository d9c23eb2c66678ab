"""How far a set of word times is from the true ones.

What counts is what is asked of an alignment: how many words had been heard after T ms. It is asked every 5 ms from the
start to the end of the last word, and the answer compared with the true one: a word is heard when its end was played.
A long utterance is asked more often than a short one, and all answers weigh the same. Boundary errors are estimate less
truth, over the starts and ends of all words.
"""

from collections.abc import Iterable, Sequence

import msgspec

from engine.bench.words.corpus import TrueWord
from engine.core.heard import Alignment, heard

GRID_MS = 5


class Score(msgspec.Struct, frozen=True):
    """Answers compared, and how they came out. `errors_ms` of boundaries, where they mean something."""

    asked: int = 0
    exact: int = 0
    within_one: int = 0
    words_off: int = 0
    words_over: int = 0
    """Words too many less words too few."""
    errors_ms: tuple[float, ...] = ()

    def share(self, count: int) -> float:
        """Of the answers."""
        return count / max(1, self.asked)

    @property
    def bias_ms(self) -> float:
        """The mean boundary error."""
        return sum(self.errors_ms) / max(1, len(self.errors_ms))

    def off_ms(self, share: float) -> float:
        """The boundary error, whatever its sign, that this share of the boundaries does not exceed."""
        errors = sorted(map(abs, self.errors_ms))
        return errors[min(len(errors) - 1, int(len(errors) * share))] if errors else 0.0


def score(words: Sequence[TrueWord], alignment: Alignment) -> Score:
    """One alignment against the true times of the same words."""
    assert [word.text for word in alignment.words] == [word.w for word in words], "not the same words"
    asked = range(0, int(words[-1].end_ms) + 1, GRID_MS)
    counts = score_counts((heard(alignment, at_ms).words, true_count(words, at_ms)) for at_ms in asked)
    return msgspec.structs.replace(counts, errors_ms=boundary_errors(words, alignment))


def score_counts(answers: Iterable[tuple[int, int]]) -> Score:
    """Pairs of (words said to have been heard, words heard)."""
    over = [said - true for said, true in answers]
    off = [abs(each) for each in over]
    return Score(len(off), off.count(0), off.count(0) + off.count(1), sum(off), sum(over))


def boundary_errors(words: Sequence[TrueWord], alignment: Alignment) -> tuple[float, ...]:
    """Of every start and every end."""
    pairs = list(zip(alignment.words, words, strict=True))
    starts = [ours.start_ms - true.start_ms for ours, true in pairs]
    return (*starts, *(ours.end_ms - true.end_ms for ours, true in pairs))


def true_count(words: Sequence[TrueWord], at_ms: float) -> int:
    """How many of them end by then."""
    return sum(word.end_ms <= at_ms for word in words)


def pool(scores: Iterable[Score]) -> Score:
    """All answers and all boundaries together."""
    every = list(scores)
    return Score(
        asked=sum(each.asked for each in every),
        exact=sum(each.exact for each in every),
        within_one=sum(each.within_one for each in every),
        words_off=sum(each.words_off for each in every),
        words_over=sum(each.words_over for each in every),
        errors_ms=tuple(error for each in every for error in each.errors_ms),
    )
