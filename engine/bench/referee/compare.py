"""`make referee`: our alignment against the referee's, and both against the truth where it is known."""

from collections.abc import Callable, Sequence
from functools import cache
from multiprocessing import Pool
from pathlib import Path

from engine.bench.referee.sphinx import Readings, Referee
from engine.bench.words.corpus import SpeechError, TrueWord, Utterance, read_folder
from engine.bench.words.scores import Score, pool, score
from engine.core.heard import align
from engine.core.heard.tokens import tokens

LANG = "en"
"""What the referee's model and dictionary speak."""
OURS, THEIRS, AGREEMENT = "ours, against the truth", "the referee's, against the truth", "ours, against the referee's"


def measure(folder: Path, jobs: int, say: Callable[[str], None]) -> None:
    """Print the comparison. Raises SpeechError."""
    utterances = read_folder(folder)
    english = [each for each in utterances if each.lang == LANG and each.text.strip()]
    if not english:
        raise SpeechError(f"nothing in {folder} is English (`lang` en), and the referee knows nothing else.")
    with Pool(jobs) as workers:
        compared = workers.map(_compared, english, chunksize=4)
    could = [each for each in compared if each is not None]
    failed = len(english) - len(could)
    say(f"{len(english)} of {len(utterances)} utterances are English; the referee could not align {failed} of them")
    say(f"\n{'':<36}{'n':>5}{'same':>8}{'<=1':>8}{'p50 ms':>9}{'p90 ms':>9}{'bias ms':>9}")
    for name in (AGREEMENT, THEIRS, OURS):
        those = [each[name] for each in could if name in each]
        if those:
            _say_row(name, len(those), pool(those), say)


@cache
def _referee() -> Referee:
    """One for each process."""
    return Referee()


def _compared(utterance: Utterance) -> dict[str, Score] | None:
    theirs = _referee().align(utterance.pcmu, utterance.text, readings(utterance))
    if theirs is None:
        return None
    ours = align(utterance.pcmu, utterance.text)
    as_truth = [TrueWord(word.text, word.start_ms, word.end_ms) for word in theirs.words]
    scores = {AGREEMENT: score(as_truth, ours)}
    if utterance.words:
        scores |= {THEIRS: score(utterance.words, theirs), OURS: score(utterance.words, ours)}
    return scores


def readings(utterance: Utterance) -> Sequence[Readings]:
    """Of each token: what was really read, where that is known, or else every way in which it may be read."""
    if not utterance.spoken:
        return [token.readings for token in tokens(utterance.text).tokens]
    read: list[list[str]] = [[] for _ in utterance.text.split()]
    for each in utterance.spoken:
        read[each.word].append(each.w)
    return [[tuple(words)] for words in read]


def _say_row(name: str, count: int, row: Score, say: Callable[[str], None]) -> None:
    shares = f"{row.share(row.exact):>8.3f}{row.share(row.within_one):>8.3f}"
    say(f"{name:<36}{count:>5}{shares}{row.off_ms(0.5):>9.0f}{row.off_ms(0.9):>9.0f}{row.bias_ms:>+9.1f}")
