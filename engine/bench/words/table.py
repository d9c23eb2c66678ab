"""`make words`: the table of how right the heard words are on a folder of speech, and whether the targets are met."""

from collections.abc import Callable, Sequence
from multiprocessing import Pool
from pathlib import Path
from statistics import median

import msgspec

from engine.bench.words.corpus import Utterance, read_scored
from engine.bench.words.cost import Cost, measure_cost
from engine.bench.words.open_end import LAGS_MS, LOOKAHEAD_MS, score_open
from engine.bench.words.others import OTHERS
from engine.bench.words.scores import Score, pool, score
from engine.core.audio import SAMPLE_RATE
from engine.core.heard import align

COST_LENGTHS_S = (10, 30)

Say = Callable[[str], None]


class Scored(msgspec.Struct, frozen=True):
    """One utterance, complete."""

    ours: Score
    others: dict[str, Score]
    method: str
    frames_per_letter: float | None


class Target(msgspec.Struct, frozen=True):
    """What a figure must be. The figures are named as `measure` names them."""

    figure: str
    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, value: float) -> bool:
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


TARGETS = (
    Target("en exact", at_least=0.91),
    Target("en within one", at_least=0.995),
    Target("en median ms", at_most=17),
    Target("en p90 ms", at_most=65),
    Target("es exact", at_least=0.93),
    Target("de exact", at_least=0.93),
    Target("en open end exact", at_least=0.90),
    Target("en open end within one", at_least=0.985),
    Target("CPU ms a frame", at_most=0.08),
    Target("CPU ms at an interruption, 10 s", at_most=20),
)
"""Set for 210 utterances in English and 44 each in Spanish and German, on a quiet core. Fewer may miss by chance."""


def measure(folder: Path, jobs: int, say: Say) -> bool:
    """Print the table; True if a target was missed. Raises SpeechError."""
    utterances = read_scored(folder)
    seconds = sum(len(each.pcmu) for each in utterances) / SAMPLE_RATE
    say(f"{len(utterances)} utterances, {seconds / 60:.1f} minutes; heard words compared every 5 ms, boundaries in ms;")
    say(f"open: generation in progress, {LOOKAHEAD_MS / 1000:g} s of audio after the moment that is asked about")
    say(f"\n{'':<40}{'n':>5}{'exact':>8}{'<=1':>8}{'|words|':>9}{'bias':>8}{'p50':>7}{'p90':>7}{'p99':>7}{'bias':>7}")
    with Pool(jobs) as workers:
        tried = list(zip(utterances, workers.map(_scored, utterances, chunksize=4), strict=True))
        utterances, scored = [each for each, its in tried if its], [its for _, its in tried if its]
        rates = _rates_of_others(utterances, [each.frames_per_letter for each in scored])
        opened = workers.map(_opened, list(zip(utterances, rates, strict=True)), chunksize=4)
    figures: dict[str, float] = {}
    for lang in dict.fromkeys(each.lang for each in utterances):
        those = [at for at, each in enumerate(utterances) if each.lang == lang]
        figures |= _say_complete(lang, [utterances[at] for at in those], [scored[at] for at in those], say)
        figures |= _say_open(lang, [opened[at] for at in those], say)
    if len(scored) < len(tried):
        say(f"\nleft out, in a script without spaces: {len(tried) - len(scored)}")
    figures |= _say_cost(measure_cost([each for each in utterances if each.lang == "en"], COST_LENGTHS_S), say)
    return _say_targets(figures, say)


def _scored(utterance: Utterance) -> Scored | None:
    """None: its script has no spaces between words, so that its unit is not the word."""
    alignment = align(utterance.pcmu, utterance.text)
    if alignment.method == "characters":
        return None
    others = {name: score(utterance.words, way(utterance.pcmu, utterance.text)) for name, way in OTHERS.items()}
    return Scored(score(utterance.words, alignment), others, alignment.method, alignment.frames_per_letter)


def _rates_of_others(utterances: Sequence[Utterance], rates: Sequence[float | None]) -> list[float | None]:
    """For each utterance what a call would remember of its voice: the median rate of all the others in that voice."""
    remembered = []
    for at, utterance in enumerate(utterances):
        voice = (utterance.engine, utterance.voice)
        others = [
            rate
            for number, (other, rate) in enumerate(zip(utterances, rates, strict=True))
            if number != at and rate is not None and (other.engine, other.voice) == voice
        ]
        remembered.append(median(others) if others else None)
    return remembered


def _opened(case: tuple[Utterance, float | None]) -> dict[str, Score]:
    utterance, rate = case
    rows = {}
    for name, lag_ms in LAGS_MS.items():
        rows[f"open: {name}"] = score_open(utterance, lag_ms, None)
        rows[f"open: {name}, rate remembered"] = score_open(utterance, lag_ms, rate)
    return rows


def _say_complete(lang: str, utterances: list[Utterance], scored: list[Scored], say: Say) -> dict[str, float]:
    ours = pool(each.ours for each in scored)
    say("")
    _say_row(lang, len(scored), ours, say)
    kinds = {kind: [getattr(each, kind) for each in utterances] for kind in ("engine", "style")}
    for kind, names in (kinds | {"method": [each.method for each in scored]}).items():
        for name in sorted(set(names)) if len(set(names)) > 1 else ():
            those = [each.ours for each, its in zip(scored, names, strict=True) if its == name]
            _say_row(f"  {kind} {name}", len(those), pool(those), say)
    for name in OTHERS:
        _say_row(f"  instead: {name}", len(scored), pool(each.others[name] for each in scored), say)
    return {
        f"{lang} exact": ours.share(ours.exact),
        f"{lang} within one": ours.share(ours.within_one),
        f"{lang} median ms": ours.off_ms(0.5),
        f"{lang} p90 ms": ours.off_ms(0.9),
    }


def _say_open(lang: str, opened: list[dict[str, Score]], say: Say) -> dict[str, float]:
    rows = {name: pool(each[name] for each in opened) for name in opened[0]}
    for name, row in rows.items():
        _say_row(f"  {name}", row.asked, row, say)
    asked = rows["open: all text"]
    return {
        f"{lang} open end exact": asked.share(asked.exact),
        f"{lang} open end within one": asked.share(asked.within_one),
    }


def _say_row(name: str, count: int, row: Score, say: Say) -> None:
    asked = max(1, row.asked)
    shares = f"{row.share(row.exact):>8.3f}{row.share(row.within_one):>8.3f}"
    words = f"{row.words_off / asked:>9.3f}{row.words_over / asked:>+8.3f}"
    marks = "".join(f"{row.off_ms(share):>7.0f}" for share in (0.5, 0.9, 0.99)) + f"{row.bias_ms:>+7.1f}"
    say(f"{name:<40}{count:>5}{shares}{words}{marks if row.errors_ms else ''}")


def _say_cost(cost: Cost, say: Say) -> dict[str, float]:
    """CPU times are of this machine as busy as it is now."""
    if not cost.complete_ms:
        return {}
    say(f"\nCPU: {cost.frame_ms:.3f} ms for each 20 ms frame that arrives; then, once, to align")
    for length_s in cost.complete_ms:
        say(f"  {length_s} s: {cost.complete_ms[length_s]:.1f} ms complete, {cost.open_ms[length_s]:.1f} ms open end")
    return {"CPU ms a frame": cost.frame_ms, "CPU ms at an interruption, 10 s": cost.open_ms.get(10, 0.0)}


def _say_targets(figures: dict[str, float], say: Say) -> bool:
    known = [target for target in TARGETS if target.figure in figures]
    missed = [target for target in known if not target.is_met(figures[target.figure])]
    say(f"\ntargets met: {len(known) - len(missed)} of {len(known)}")
    for target in missed:
        say(f"  missed: {target.figure} {figures[target.figure]:.3f}, not {_bound(target)}")
    return bool(missed)


def _bound(target: Target) -> str:
    return f">= {target.at_least}" if target.at_least is not None else f"<= {target.at_most}"
