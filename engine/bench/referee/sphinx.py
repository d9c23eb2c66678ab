"""Forced alignment with pocketsphinx: a grammar that allows exactly the tokens of a transcript, each with its readings.

Every spoken word gets a dictionary entry of its own, named by the token that it belongs to: the path through the
grammar then says which token each stretch of audio is. Silence may come between any two words, inside a token too.
"""

from collections.abc import Sequence
from typing import Any

import pocketsphinx

from engine.bench.referee.pronounce import from_letters, spelling
from engine.bench.referee.wideband import wideband
from engine.core.heard import Alignment, Word

FRAME_MS = 10
"""Of the recogniser."""
BEAMS = ((1e-48, 7e-29), (1e-64, 1e-48), (1e-80, 1e-64), (1e-120, 1e-100), (1e-30, 1e-20))
"""Of states and of word ends, tried in turn: a wider one sometimes fails where a narrow one finds the end."""

Readings = Sequence[tuple[str, ...]]
"""The ways in which one token may be read, each the words spoken. `()` is not read at all."""


class Referee:
    """Aligns English. Making one loads nothing; each beam loads the model once, when it is first needed."""

    def __init__(self) -> None:
        self._decoders: dict[int, Any] = {}

    def align(self, pcmu: bytes, transcript: str, readings: Sequence[Readings]) -> Alignment | None:
        """The words of `transcript`, token by token read in one of its ways. None: no beam found a path to the end."""
        audio = wideband(pcmu)
        for beam in range(len(BEAMS)):
            spans = _search(self._decoder(beam), audio, readings)
            if spans is not None:
                return _alignment(transcript, spans)
        return None

    def _decoder(self, beam: int) -> Any:
        if beam not in self._decoders:
            states, exits = BEAMS[beam]
            self._decoders[beam] = pocketsphinx.Decoder(
                lm=None, samprate=16000, cmn="batch", beam=states, pbeam=states, wbeam=exits, loglevel="FATAL"
            )
        return self._decoders[beam]


def _search(decoder: Any, audio: bytes, readings: Sequence[Readings]) -> dict[int, tuple[int, int]] | None:
    """First and last frame of every token that was read."""
    grammar = _grammar(decoder, readings)
    if not grammar:
        return {}
    final = max(arc[1] for arc in grammar)
    decoder.add_fsg("tokens", decoder.create_fsg("tokens", 0, final, grammar))
    decoder.activate_search("tokens")
    decoder.start_utt()
    decoder.process_raw(audio, no_search=False, full_utt=True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return None
    spans: dict[int, tuple[int, int]] = {}
    for segment in decoder.seg():
        token, underscore, _ = segment.word.partition("_")
        if underscore:
            first, _ = spans.get(int(token), (segment.start_frame, 0))
            spans[int(token)] = (first, segment.end_frame)
    needed = {number for number, ways in enumerate(readings) if _spelled(ways) and () not in _spelled(ways)}
    return spans if needed <= spans.keys() else None


def _grammar(decoder: Any, readings: Sequence[Readings]) -> list[tuple[int, int, float, str] | tuple[int, int, float]]:
    """Arcs from state to state. The tokens meet in states; the words of a reading have states of their own between."""
    arcs: list[tuple[int, int, float, str] | tuple[int, int, float]] = []
    here, free = 0, 1
    for number, ways in enumerate(readings):
        spelled = _spelled(ways)
        if spelled in ([], [()]):
            continue
        there, free = free, free + 1
        for way in spelled:
            at = here
            for word in way[:-1]:
                arcs.append((at, free, 1.0, _entry(decoder, number, word)))
                at, free = free, free + 1
            arcs.append((at, there, 1.0, _entry(decoder, number, way[-1])) if way else (at, there, 1.0))
        here = there
    return [*arcs, (here, free, 1.0)] if arcs else []


def _spelled(ways: Readings) -> list[tuple[str, ...]]:
    """The different readings, as the dictionary spells them."""
    return list(dict.fromkeys(tuple(filter(None, map(spelling, way))) for way in ways))


def _entry(decoder: Any, number: int, word: str) -> str:
    """The name of this word in this token, in the dictionary from now on with all its pronunciations."""
    name = f"{number}_{word}"
    if decoder.lookup_word(name) is None:
        known = decoder.lookup_word(word)
        decoder.add_word(name, known or from_letters(word) or "AH", False)
        other = 2
        while known and (sounds := decoder.lookup_word(f"{word}({other})")):
            decoder.add_word(f"{name}({other})", sounds, False)
            other += 1
    return name


def _alignment(transcript: str, spans: dict[int, tuple[int, int]]) -> Alignment:
    words, end_ms = [], 0
    for number, token in enumerate(transcript.split()):
        start_ms = end_ms
        if number in spans:
            first, last = spans[number]
            start_ms, end_ms = first * FRAME_MS, (last + 1) * FRAME_MS
        words.append(Word(token, start_ms, end_ms))
    return Alignment(transcript, words, len(words), 0.0, "letters")
