"""Making the table of units anew from a folder of speech: `make fit SPEECH=folder`.

Every unit's frames are found with the table there is, and the next table is made from what was found. The first one
comes from no table: each letter takes an even share of its word.

With word times each word is searched for within its own, so the letters are all that is left to find, and by how much
the search puts boundaries wrong on average can be measured. Without them words are spread over the voiced time at
first, in proportion to their letters; from the second round on the whole utterance is searched.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from statistics import fmean, median

import msgspec

from engine.bench.words.corpus import SpeechError, Utterance, read_folder
from engine.core.audio import FRAME_MS
from engine.core.heard.aligner import measured_rate
from engine.core.heard.features import Features, Vectors
from engine.core.heard.found import find, words
from engine.core.heard.letters import SILENCE, UNITS
from engine.core.heard.proportion import spread
from engine.core.heard.said import Said, length, said
from engine.core.heard.table import TABLE
from engine.core.heard.tokens import tokens
from engine.core.heard.units import Table, Unit

TABLE_FILE = Path("engine/core/heard/table.py")
ROUNDS = 4
SLACK_FRAMES = 1
"""True word times are rounded too: a word is looked for this far outside of its own."""
FRAMES_MIN = 30
"""A unit of which less was found is taken to be like any letter."""
VARIANCE_MIN = 0.05

Stretch = tuple[str, int, int]
"""A unit, and the frames that it was found in: from, to."""


class Lesson(msgspec.Struct, frozen=True):
    """An utterance to learn from. `spans`: each token's frames, from to; true ones where `is_labelled`."""

    utterance: Utterance
    texts: list[str]
    spoken: list[Said]
    audio: Vectors
    spans: list[tuple[int, int]]
    is_labelled: bool

    @property
    def rate(self) -> float:
        return measured_rate(self.audio, self.spoken)


def measure(folder: Path, lang: str, output: Path, jobs: int, say: Callable[[str], None]) -> None:
    """Fit on the utterances of a language, and write the table as a Python module. Raises SpeechError."""
    chosen = [each for each in read_folder(folder) if each.lang == lang]
    if not chosen:
        raise SpeechError(f"{folder} has no utterance with lang {lang!r}")
    with Pool(jobs) as pool:
        lessons = [lesson for lesson in pool.map(_lesson, chosen) if lesson is not None]
        labelled = sum(lesson.is_labelled for lesson in lessons)
        say(f"{len(lessons)} utterances, {labelled} of them with word times")
        table = _table(lessons, map(_even, lessons), TABLE)
        for number in range(ROUNDS):
            table = _table(lessons, pool.map(partial(_searched, table=table), lessons), table)
            say(f"round {number + 1} of {ROUNDS} done")
        errors = [errors for lesson in pool.map(partial(_errors, table=table), lessons) for errors in lesson]
    between = [error for kind, error in errors if kind == "between words"]
    before = [error for kind, error in errors if kind == "before silence"]
    if between and before:
        table = table._replace(between_words_ms=-round(median(between)), before_silence_ms=-round(median(before)))
    output.write_text(module(table, f"{len(lessons)} utterances in {lang!r}, {labelled} with word times"))
    say(f"written to {output}")


def _lesson(utterance: Utterance) -> Lesson | None:
    """None for an utterance that says nothing that can be read."""
    text = tokens(utterance.text)
    spoken = [said(token, text.language) for token in text.tokens]
    features = Features()
    features.take(utterance.pcmu)
    audio = features.vectors()
    if text.unit != "word" or not length(spoken) or not audio.rows:
        return None
    if utterance.words:
        times = [(word.start_ms, word.end_ms) for word in utterance.words]
    else:
        times = [*spread([each.weight for each in spoken], audio.loudness, None)[0]]
    spans = [(round(start / FRAME_MS), round(end / FRAME_MS)) for start, end in times]
    return Lesson(utterance, [token.text for token in text.tokens], spoken, audio, spans, bool(utterance.words))


def _even(lesson: Lesson) -> list[Stretch]:
    """Every letter of a word takes as long as the others; what is between the words is silence."""
    made: list[Stretch] = []
    for each, (begin, end) in zip(lesson.spoken, lesson.spans, strict=True):
        units = "".join(each.units[0]) if each.units else ""
        places = [begin + (end - begin) * at // len(units) for at in range(len(units))]
        made += zip(units, places, [*places[1:], end], strict=True)
    return [*made, *_silences(lesson)]


def _silences(lesson: Lesson) -> Iterator[Stretch]:
    ends = [0, *(end for _, end in lesson.spans)]
    begins = [*(begin for begin, _ in lesson.spans), len(lesson.audio.rows)]
    return ((SILENCE, end, begin) for end, begin in zip(ends, begins, strict=True) if end < begin)


def _searched(lesson: Lesson, table: Table) -> list[Stretch]:
    if not lesson.is_labelled:
        found = find(lesson.spoken, lesson.audio, lesson.rate, True, table)
        return [(found.graph.rows[stay.row].unit, stay.begin, stay.end) for stay in found.way] if found else []
    made = [*_silences(lesson)]
    for each, (begin, end) in zip(lesson.spoken, lesson.spans, strict=True):
        begin, end = max(0, begin - SLACK_FRAMES), end + SLACK_FRAMES
        word = Vectors(lesson.audio.rows[begin:end], lesson.audio.loudness[begin:end], 0)
        found = find([each], word, lesson.rate, True, table) if each.units and word.rows else None
        if found is not None:
            stays = [(found.graph.rows[stay.row].unit, stay) for stay in found.way]
            made += [(unit, begin + stay.begin, begin + stay.end) for unit, stay in stays if unit != SILENCE]
    return made


def _table(lessons: Sequence[Lesson], found: Iterator[list[Stretch]] | list[list[Stretch]], old: Table) -> Table:
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in (SILENCE, *UNITS)}
    lengths: dict[str, list[int]] = {name: [] for name in rows}
    for lesson, stretches in zip(lessons, found, strict=True):
        for unit, begin, end in stretches:
            if begin < end and unit in rows:
                rows[unit] += lesson.audio.rows[begin:end]
                lengths[unit].append(end - begin)
    any_rows = [row for name in UNITS for row in rows[name]]
    any_lengths = [each for name in UNITS for each in lengths[name]]
    return old._replace(
        units={
            name: _unit(rows[name], lengths[name]) if len(rows[name]) >= FRAMES_MIN else _unit(any_rows, any_lengths)
            for name in rows
        }
    )


def _unit(rows: list[tuple[float, ...]], lengths: list[int]) -> Unit:
    columns = list(zip(*rows, strict=True))
    means = [fmean(column) for column in columns]
    variances = [
        max(fmean((value - mean) ** 2 for value in column), VARIANCE_MIN)
        for column, mean in zip(columns, means, strict=True)
    ]
    return Unit(
        round(fmean(lengths), 2), tuple(round(mean, 2) for mean in means), tuple(round(each, 2) for each in variances)
    )


def _errors(lesson: Lesson, table: Table) -> list[tuple[str, float]]:
    """By how much the ends of words lie off, in ms, by what follows them."""
    if not lesson.is_labelled:
        return []
    plain = table._replace(between_words_ms=0, before_silence_ms=0)
    found = find(lesson.spoken, lesson.audio, lesson.rate, True, plain)
    if found is None:
        return []
    made, _ = words(found, lesson.texts, lesson.spoken, True)
    return [
        ("between words" if after.start_ms == word.end_ms else "before silence", word.end_ms - true.end_ms)
        for word, after, true in zip(made, made[1:], lesson.utterance.words, strict=False)
        if word.start_ms < word.end_ms
    ]


def module(table: Table, source: str) -> str:
    """The table as Python."""
    lines = [
        f'    "{name}": Unit({unit.frames}, {unit.means}, {unit.variances}),'.replace("'", '"')
        for name, unit in table.units.items()
    ]
    return "\n".join(
        [
            '"""What letters are like: made by `make fit`, see engine/bench/fitting.py.',
            "",
            f"From {source}. For each unit: frames of 20 ms; then the means and the variances of",
            "loudness, five numbers for the shape of the spectrum, and the change of loudness.",
            '"""',
            "",
            "from engine.core.heard.units import Table, Unit",
            "",
            "# fmt: off",
            "UNITS = {",
            *lines,
            "}",
            "# fmt: on",
            f"TABLE = Table(UNITS, {table.between_words_ms}, {table.before_silence_ms})",
            "",
        ]
    )
