"""What the index page tells of one call. Made together with the call's page, of what was found for it.

Of each number that has percentiles, the row has every value with its moment: the index pools the values of all calls,
never percentiles of calls, and its maxima are links.
"""

from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from replay.metrics.measures import CallMeasures
from replay.runner import Verdict
from replay.view.facts import Piece
from replay.view.page import Made

METRICS_SHOWN = (
    *("turn_latency", "turn_vad", "turn_respond", "turn_generate", "turn_send", "turn_play", "turn_away"),
    *("stop", "talk_over", "dead_air", "model_away", "underrun", "doubt"),
)
"""By their keys in `replay.metrics.stats.METRICS`."""
SEVERITIES = (3, 2, 1)

Value = tuple[int, int]
"""A number of milliseconds, and at which millisecond of the stream what it measures begins."""
Run = tuple[str, str, int | None, int | None]
"""Words one after the other that were heard alike: the text, how it was heard, from when to when."""
SaidTurn = tuple[str, int | None, list[Run]]
"""Who spoke, from when, and what."""


class Spot(msgspec.Struct, frozen=True):
    """A moment to look at, and why."""

    at_ms: int
    what: str


class Row(msgspec.Struct, frozen=True):
    """One call. `worst` is the longest latency; `problems` how many of severity 3, 2 and 1, `spot` the worst."""

    page: str
    name: str
    call_sid: str | None
    started_at: str
    length_ms: int
    turns: int
    interruptions: int
    worst: Value | None
    problems: list[int]
    spot: Spot | None
    ended: str | None
    verdict: Verdict
    why: str
    said: list[SaidTurn]
    values: dict[str, list[Value]]


def row_of(page: str, log: Path, made: Made) -> Row:
    """The row of a call whose page has been made."""
    facts, values = made.facts, _values(made.measured)
    return Row(
        page=page,
        name=readable(log.stem),
        call_sid=facts["call_sid"],
        started_at=facts["started_at"],
        length_ms=facts["ends_ms"],
        turns=len(facts["turns"]),
        interruptions=len(facts["interruptions"]),
        worst=max(values["turn_latency"], key=lambda value: value[0], default=None),
        problems=[sum(each["severity"] == severity for each in facts["problems"]) for severity in SEVERITIES],
        spot=_spot(facts["problems"]),
        ended=facts["ended"],
        verdict=facts["verdict"],
        why=facts["why"],
        said=[_said(turn) for turn in facts["turns"] if turn["pieces"]],
        values=values,
    )


def readable(name: str) -> str:
    """The name of a file as text that can be stored: a file may be called by any bytes."""
    return name.encode("utf-8", "replace").decode()


def _spot(problems: list[dict[str, Any]]) -> Spot | None:
    worst = max(problems, key=lambda problem: problem["severity"], default=None)
    return None if worst is None else Spot(worst["stream_ms"], worst["what"])


def _said(turn: dict[str, Any]) -> SaidTurn:
    """What stands between words that were not heard alike is of those before: no space at the beginning of a run."""
    pieces: list[Piece] = turn["pieces"]
    after = [*(piece[0] for piece in pieces[1:]), ""]
    runs: list[Run] = []
    for how, group in groupby(zip(pieces, after, strict=True), key=lambda each: each[0][2]):
        alike = list(group)
        (first, _), (last, _) = alike[0], alike[-1]
        before = "" if runs else first[0].lstrip()
        runs.append((before + "".join(piece[1] + space for piece, space in alike), how, first[3], last[4]))
    return turn["speaker"], turn["start_ms"], runs


def _values(measured: CallMeasures) -> dict[str, list[Value]]:
    found: dict[str, list[Value]] = {key: [] for key in METRICS_SHOWN}
    for turn in measured.turns:
        if turn.latency_ms is None:
            continue
        at_ms = (turn.start_ms or 0) - turn.latency_ms
        found["turn_latency"].append((turn.latency_ms, at_ms))
        for part, length_ms in turn.parts.items():
            found[f"turn_{part}"].append((length_ms, at_ms))
            at_ms += length_ms
    found["stop"] = [
        (each.stop_ms, each.onset_ms)
        for each in measured.barge_ins
        if each.stop_ms is not None and each.onset_ms is not None
    ]
    for key, stretches in (
        ("talk_over", measured.talk_overs),
        ("dead_air", measured.silences),
        ("underrun", measured.underruns),
    ):
        found[key] = [(each.ms, each.at_ms) for each in stretches]
    found["model_away"] = [
        (each.to_ms - each.from_ms, each.from_ms) for each in measured.model_away if each.to_ms is not None
    ]
    found["doubt"] = [(each.doubt_ms, each.at_ms) for each in measured.repairs]
    return found
