"""What a page tells at once: call, verdict, turns, interruptions, problems. Small, and never packed.

Texts are cut into words here, by the same rules as everywhere (`replay.spoken`), each with how it was heard and when:
an assistant's word when it was at the ear, or would have been; a caller's, of which nobody knows the time, by its share
of the turn.
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import msgspec

from engine.core.report import Turn
from replay.data import divergence_data, ended_of
from replay.metrics.measures import CallMeasures, TurnMeasures
from replay.metrics.problems import Problem
from replay.repairs import told_in
from replay.rows import Log
from replay.runner import Result
from replay.spoken import OURS, doubt, how_far, how_heard, how_much, is_ours, places, unit
from replay.view.lanes import Places, interruption

HEARD, PARTLY, UNHEARD = "heard", "partly", "unheard"
Piece = tuple[str, str, str, int | None, int | None]
"""A word: what stands before it, itself, how it was heard, and from when to when."""


def facts(
    log: Log, result: Result, measured: CallMeasures, problems: list[Problem], ear: Places, ends_ms: int
) -> dict[str, Any]:
    """See above. `ends_ms`: of the stream, as far as the log goes."""
    report, counts = result.report, result.counts
    turns = {turn.item_id: turn for turn in report.turns}
    by_item = {each.item_id: each for each in measured.turns}
    return {
        "call_sid": log.head.call_sid,
        "stream_sid": log.head.stream_sid,
        "started_at": log.head.started_at,
        "file": log.path.name,
        "ended": ended_of(log, result),
        "reason": report.reason,
        "cut": result.cut,
        "ends_ms": ends_ms,
        "format": log.head.format,
        "rules": log.settings.rules,
        "engine_version": log.head.engine_version,
        "counts": msgspec.to_builtins(counts),
        "verdict": result.verdict,
        "why": result.reason,
        "divergence": divergence_data(result.divergence),
        "turns": [_turn(number, turn, by_item[turn.item_id], ear) for number, turn in enumerate(report.turns, 1)],
        "interruptions": _interruptions(log, result, measured, turns, ear),
        "model_away": msgspec.to_builtins(report.model_away),
        "problems": [msgspec.to_builtins(problem) for problem in problems],
    }


def _interruptions(
    log: Log, result: Result, measured: CallMeasures, turns: dict[str, Turn], ear: Places
) -> list[dict[str, Any]]:
    told = told_in(log)
    found = [interruption(cut, turns, ear, told) for cut in result.report.interruptions]
    for cut, each in zip(found, measured.barge_ins, strict=False):
        cut |= {"seq": each.seq, "by": each.by, "stop_ms": each.stop_ms, "parts": each.parts}
    return found


def _turn(number: int, turn: Turn, measures: TurnMeasures, ear: Places) -> dict[str, Any]:
    return {
        "number": number,
        "speaker": turn.speaker,
        "item_id": turn.item_id,
        "start_ms": turn.start_ms,
        "end_ms": turn.end_ms,
        "would_end_ms": ear.ms(turn.item_id, turn.generated_ms) if turn.interrupted else None,
        "interrupted": turn.interrupted,
        "generated_ms": turn.generated_ms,
        "heard_ms": turn.heard_ms,
        "pieces": list(_of_caller(turn) if turn.speaker == "caller" else _of_assistant(turn, ear)),
        "notes": list(_notes(turn)),
        "seq": measures.seq,
        "outcome": measures.outcome,
        "answers": measures.answers,
        "latency_ms": measures.latency_ms,
        "wait_ms": measures.wait_ms,
        "follows": measures.follows,
        "parts": measures.parts,
    }


def _notes(turn: Turn) -> Iterator[str]:
    """What `replay` says of a turn that was not heard to its end, or that no model made."""
    if is_ours(turn):
        yield OURS
    if turn.speaker == "caller" or (turn.heard_ms >= turn.generated_ms and not turn.interrupted):
        return
    if turn.heard_max_ms == 0:
        yield f"heard nothing of {turn.generated_ms} ms"
        return
    yield f"heard {how_much(turn)}"
    yield from filter(None, (doubt(turn, unit(turn)), how_far(turn)))


def _of_caller(turn: Turn) -> Iterator[Piece]:
    words = turn.heard_text.split()
    if turn.start_ms is None or turn.end_ms is None:
        yield from ((" ", word, HEARD, None, None) for word in words)
        return
    ends = list(accumulate(len(word) + 1 for word in words))
    length_ms = turn.end_ms - turn.start_ms
    for word, end in zip(words, ends, strict=True):
        begin = end - len(word) - 1
        from_ms, to_ms = (turn.start_ms + length_ms * at // ends[-1] for at in (begin, end))
        yield " ", word, HEARD, from_ms, to_ms


def _of_assistant(turn: Turn, ear: Places) -> Iterator[Piece]:
    text, end = turn.generated_text, 0
    for index, (word, (begin, word_end)) in enumerate(zip(turn.words, places(turn), strict=True)):
        if begin == word_end:
            continue
        how = how_heard(turn, index)
        from_ms = ear.ms(turn.item_id, word.start_ms) if word.from_ms is None else word.from_ms
        to_ms = ear.ms(turn.item_id, word.end_ms) if word.to_ms is None else word.to_ms
        yield text[end:begin], text[begin:word_end], how, from_ms, to_ms
        end = word_end
    if not turn.words and turn.heard_text:
        yield "", turn.heard_text, HEARD, turn.start_ms, turn.end_ms
        end = len(turn.heard_text)
    if text[end:].strip():
        yield "", text[end:], HEARD if turn.heard_text == text else UNHEARD, None, None
