"""The best way through the graph for some audio, and what it says: when each word was spoken, and how well it fits."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from engine.core.audio import FRAME_MS
from engine.core.heard.alignment import Part, Word
from engine.core.heard.features import SPEECH, Vectors
from engine.core.heard.graph import FILLER, Graph, Row, build
from engine.core.heard.letters import SILENCE, WILDCARD
from engine.core.heard.said import Said, length
from engine.core.heard.search import Corridor, Stay, search
from engine.core.heard.table import TABLE
from engine.core.heard.units import Table

TRUST = 0.4
"""How much a frame's likelihood counts against durations and transitions: neighbouring frames are not independent."""
SOME_LETTER = 2.2
"""By how much less a frame fits "some letter" than the letter that it fits best: log of how many it might be."""
CORRIDOR = 0.0, 250, 250
OPEN_CORRIDOR = 0.25, 75, 150
"""How far a letter may be from where the speaker's rate would have it, in frames of speech: by which part of the way,
and by how much more ahead of that or behind it. A rate that was measured on this audio adds no doubt of its own."""
ROWS_MANY = 2_000
"""Some minutes of speech, or one of nothing but numbers. From here on each is read in its likeliest way alone."""
MISFIT_MAX = -2.0
"""What a frame can take from the confidence: one crack on the line says nothing about the words."""
FILLER_WORSE = 0.5
"""And speech that is in no transcript yet fits worse than that, or it would take words for itself."""


class Found(msgspec.Struct, frozen=True):
    """A way through the audio. `confidence`: by how much its letters fit better than any would, a frame, on average."""

    graph: Graph
    table: Table
    way: list[Stay]
    confidence: float
    audio_ms: int


def find(text: Sequence[Said], audio: Vectors, rate: float, complete: bool, table: Table = TABLE) -> Found | None:
    """Search `audio` for `text`, spoken at `rate` frames a letter. None if there is no room for it."""
    graph = build(text, rate, complete, table)
    if len(graph.rows) > ROWS_MANY:
        graph = build([each.likeliest() for each in text], rate, complete, table)
    fits = {name: unit.fit(audio.rows) for name, unit in table.units.items()}
    best = list(map(max, *(fit for name, fit in fits.items() if name != SILENCE)))
    some = [level - SOME_LETTER for level in best]
    fits[WILDCARD] = some
    worth = {name: [TRUST * level for level in fit] for name, fit in fits.items()}
    worth[FILLER] = [TRUST * (level - FILLER_WORSE) for level in some]
    way = search(graph, worth, len(audio.rows), complete, _corridor(text, audio, rate, complete))
    if way is None:
        return None
    return Found(graph, table, way, _confidence(graph, way, fits, some), len(audio.rows) * FRAME_MS)


def _corridor(text: Sequence[Said], audio: Vectors, rate: float, complete: bool) -> Corridor:
    """Where a letter can be at all, by how much speech there is before it. Pauses, of any length, do not count.
    Speech that is not known yet may go on to the end."""
    spoken = [0, *accumulate(level > SPEECH for level in audio.loudness)]
    pace = spoken[-1] / max(1, length(text)) if complete else rate
    doubt, ahead, behind = CORRIDOR if complete else OPEN_CORRIDOR

    def walls(row: Row) -> tuple[int, int]:
        if row.unit == FILLER:
            return 0, len(audio.rows)
        usual = row.place * pace
        low, high = usual * (1 - doubt) - ahead, usual * (1 + doubt) + behind
        return bisect_left(spoken, low), bisect_right(spoken, high) - 1

    return walls


def _confidence(graph: Graph, way: list[Stay], fits: dict[str, list[float]], some: list[float]) -> float:
    total, frames = 0.0, 0
    for stay in way:
        unit = graph.rows[stay.row].unit
        if unit in (SILENCE, FILLER):
            continue
        fit = fits[unit]
        for at in range(stay.begin, stay.end):
            total += max(fit[at] - some[at], MISFIT_MAX)
        frames += stay.end - stay.begin
    return round(total / frames, 3) if frames else 0.0


def words(found: Found, texts: Sequence[str], text: Sequence[Said], complete: bool) -> tuple[list[Word], int]:
    """Every token with its times, and how many of them end in the audio. Times never go backwards."""
    rows, audio_ms = found.graph.rows, found.audio_ms
    stays: dict[int, list[int]] = {}
    for at, stay in enumerate(found.way):
        stays.setdefault(rows[stay.row].token, []).append(at)
    reached = max(stays)
    is_cut = not complete and rows[found.way[-1].row].token == reached
    made: list[Word] = []
    finished, end_ms = 0, 0
    for token, name in enumerate(texts):
        if token > reached and text[token].units:
            made.extend(Word(rest, audio_ms, audio_ms) for rest in texts[token:])
            break
        start_ms, parts = end_ms, list[Part]()
        if token in stays:
            start_ms = max(end_ms, _boundary(found, stays[token][0]))
            end_ms = audio_ms if is_cut and token == reached else max(start_ms, _boundary(found, stays[token][-1] + 1))
            parts = _parts(found, stays[token], text[token], is_cut and token == reached)
        made.append(Word(name, start_ms, end_ms, parts))
        finished += not (is_cut and token >= reached)
    return made, finished


def _boundary(found: Found, at: int) -> int:
    """When stay `at` begins and the one before it ends, in ms. Frames are coarse; on average this is nearer."""
    is_end = at == len(found.way)
    ms = (found.way[-1].end if is_end else found.way[at].begin) * FRAME_MS
    before = at > 0 and not _is_silent(found, at - 1)
    after = not is_end and not _is_silent(found, at)
    if before:
        ms += found.table.between_words_ms if after else found.table.before_silence_ms
    return min(ms, found.audio_ms)


def _is_silent(found: Found, at: int) -> bool:
    return found.graph.rows[found.way[at].row].unit == SILENCE


def _parts(found: Found, stays: list[int], said: Said, is_cut: bool) -> list[Part]:
    """The spoken words of a token, where there are several."""
    rows, way = found.graph.rows, found.way
    last = rows[way[stays[-1]].row]
    spoken = said.readings[last.reading]
    if len(spoken) == 1:
        return []
    ends = {rows[way[at].row].part: at + 1 for at in stays if not _is_silent(found, at)}
    # What a silence follows has ended, even if nothing else came.
    under_way = last.part if is_cut and last.unit != SILENCE else None
    heard = {part: _boundary(found, at) for part, at in ends.items() if part != under_way}
    return [Part(word.replace(WILDCARD, ""), heard.get(part)) for part, word in enumerate(spoken)]
