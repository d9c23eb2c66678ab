"""The moments of a call that a person should look at: what the viewer's `n` key and the ladder step through.

What the log says in so many words (`trouble`), and what only measuring shows: a turn that let wait, both speaking,
nobody speaking, a caller who was not let in, a truncate that the model refused. `KINDS` lists every kind with its
severity, docs/METRICS.md says what each means, and `metrics.budgets` from which number on it counts. That a replay
diverges is not among them: whoever shows problems knows the verdict.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from engine.core import AnyCall
from engine.core.audio import ms_of, samples_of
from engine.core.model_leg import Absence
from engine.core.report import away_of
from replay.metrics import budgets
from replay.metrics.dates import Dates
from replay.metrics.measured import Cause
from replay.metrics.measures import BargeInMeasures, CallMeasures, TurnMeasures, gather, measures_of
from replay.metrics.wording import ms, told_parts
from replay.paint import visible
from replay.rows import Log
from replay.spoken import away_told
from replay.trouble import Trouble, troubles

KINDS: dict[str, int] = {
    "fault": 3,
    "leg_failed": 3,
    "limit": 3,
    "bad_end": 3,
    "model_away": 3,
    "response_failed": 3,
    "repair_refused": 3,
    "malformed": 2,
    "model_error": 2,
    "response_incomplete": 2,
    "dropped_audio": 2,
    "underrun": 2,
    "slow_turn": 2,
    "talk_over": 2,
    "dead_air": 2,
    "missed": 2,
    "false_interruption": 2,
    "unanswered": 2,
    "repair_pending": 2,
    "estimate": 2,
    "slow_stop": 1,
    "spoke_on": 1,
    "deleted": 1,
    "doubt": 1,
    "stall": 1,
    "slow_line": 1,
}
"""Every kind, and how bad it is: 1 worth a look, 2 wrong, 3 broken. Dead air is worse when it is very long, and only
worth a look when it was the caller's turn; so is an error of the model that a race explains, and a dial that failed if
a later one did not. A model that came back was not broken for good."""

_OF_TROUBLE = {
    "fault": "fault",
    "malformed frame": "malformed",
    "model error": "model_error",
    "response failed": "response_failed",
    "response incomplete": "response_incomplete",
    "leg failed": "leg_failed",
    "outbox full": "limit",
    "limit reached": "limit",
}
_UNANSWERED: dict[str, tuple[str, str]] = {
    "unanswered": ("unanswered", "the model made no response to it"),
    "no_audio": ("unanswered", "there was a response, and nothing in it to hear"),
    "spoke_on": ("spoke_on", "the answer was cut before any of it was heard: the turn had not been over"),
}
_CAUSES: dict[Cause, str] = {
    "start": "the model was not ready yet",
    "vad": "the model took so long to find that the caller had stopped",
    "model": "the model had nothing to say, or took so long to say it",
    "away": "the model was away",
    "tool": "a function call was awaited",
    "bridge": "the bridge held the answer back",
    "network": "the answer was on its way to Twilio",
    "underrun": "the ear had run out of audio",
    "caller": "it was the caller's turn",
}
GOOD_ENDS = ("stop", "hangup", "shutdown")
BENIGN_CODES = ("response_cancel_not_active",)
"""Errors of the model that a race explains: the response was over before our cancel came."""


class Problem(msgspec.Struct, frozen=True):
    """One such moment. `kind` is one of `KINDS`, `what` a sentence with the numbers, `severity` 1 to 3 (see there)."""

    seq: int
    stream_ms: int
    kind: str
    what: str
    severity: int


def problems(log: Log) -> list[Problem]:
    """All of them, in the order of the call. Raises LogError where its entries cannot be read."""
    return survey(log)[1]


def survey(log: Log) -> tuple[CallMeasures, list[Problem]]:
    """The measures and the problems of a call, in one go."""
    return survey_of(log, *gather(log))


def survey_of(log: Log, call: AnyCall, dates: Dates) -> tuple[CallMeasures, list[Problem]]:
    """The same of a log that somebody has walked: the core at its end, and what was taken down on the way."""
    measured = measures_of(call, dates)
    found = [
        *_troubles(troubles(log.rows()), dates, call.absences),
        *_turns(measured.turns, dates),
        *_barge_ins(measured.barge_ins),
        *_repairs(measured),
        *_floor(measured),
        *_line(measured),
        *_call(call, measured, dates),
    ]
    return measured, sorted(found, key=lambda problem: (problem.seq, -problem.severity, problem.kind))


def _troubles(found: Iterable[Trouble], dates: Dates, absences: Sequence[Absence]) -> Iterator[Problem]:
    for trouble in found:
        kind, at = _OF_TROUBLE[trouble.what], dates.at_of(trouble.seq)
        is_benign = kind == "model_error" and trouble.detail.startswith(BENIGN_CODES)
        came_back = kind == "leg_failed" and any(each.lost_at <= at <= (each.back_at or -1) for each in absences)
        severity = 1 if is_benign or came_back else None
        stream_ms = ms_of(at)
        yield _problem(kind, trouble.seq, stream_ms, f"{trouble.what}: {visible(trouble.detail)}", severity)


def _turns(turns: Iterable[TurnMeasures], dates: Dates) -> Iterator[Problem]:
    for turn in turns:
        if turn.latency_ms is not None and turn.start_ms is not None and turn.latency_ms > budgets.TURN_MS_MAX:
            begin_ms = turn.start_ms - turn.latency_ms
            told = (
                f"turn {turn.number} came {ms(turn.latency_ms)} after the caller's last word: {told_parts(turn.parts)}"
            )
            yield _problem("slow_turn", dates.seq_at(samples_of(begin_ms)), begin_ms, told)
        elif turn.outcome in _UNANSWERED:
            at_ms = turn.end_ms if turn.end_ms is not None else ms_of(dates.at_of(turn.seq))
            seq = dates.seq_at(samples_of(at_ms))
            yield _problem(
                _UNANSWERED[turn.outcome][0], seq, at_ms, f"turn {turn.number}: {_UNANSWERED[turn.outcome][1]}"
            )


def _barge_ins(found: Iterable[BargeInMeasures]) -> Iterator[Problem]:
    for each in found:
        if each.by == "voice" and each.stop_ms is not None and each.stop_ms > budgets.STOP_MS_MAX:
            told = f"the assistant fell silent {ms(each.stop_ms)} after the caller began: {told_parts(each.parts)}"
            yield _problem("slow_stop", each.seq, each.at_ms, told)
        if each.is_false:
            yield _problem(
                "false_interruption", each.seq, each.at_ms, "the assistant was stopped, and no words followed"
            )
        if each.is_estimate:
            told = "nothing came back of the clear, so what was heard is an estimate"
            yield _problem("estimate", each.seq, each.at_ms, told)


def _repairs(measured: CallMeasures) -> Iterator[Problem]:
    estimated = {item_id for each in measured.barge_ins if each.is_estimate for item_id in each.item_ids}
    for each in measured.repairs:
        name, heard = visible(each.item_id), f"heard {ms(each.heard_ms)}"
        if each.outcome == "error":
            told = f"the model refused to {each.action} {name} ({heard}) and remembers all of it"
            yield _problem("repair_refused", each.seq, each.at_ms, told)
        elif each.outcome == "pending":
            told = f"the model never answered the {each.action} of {name} ({heard})"
            yield _problem("repair_pending", each.seq, each.at_ms, told)
        elif each.action == "delete":
            yield _problem("deleted", each.seq, each.at_ms, f"{name} was taken back: nobody had heard any of it")
        if each.doubt_ms > budgets.DOUBT_MS_MAX and each.item_id not in estimated:
            told = f"what was heard of {name} is only known to {ms(each.doubt_ms)}"
            yield _problem("doubt", each.seq, each.at_ms, told)


def _floor(measured: CallMeasures) -> Iterator[Problem]:
    for over in measured.talk_overs:
        if over.ms >= budgets.TALK_OVER_MS_MAX:
            told = f"both spoke for {ms(over.ms)}; the {over.by} began while the other spoke"
            yield _problem("talk_over", over.seq, over.at_ms, told)
    for gap in measured.silences:
        critical = gap.ms >= budgets.DEAD_AIR_MS_CRITICAL
        severity = 1 if gap.cause == "caller" else 3 if critical else None
        yield _problem("dead_air", gap.seq, gap.at_ms, f"nobody spoke for {ms(gap.ms)}: {_CAUSES[gap.cause]}", severity)
    for run in measured.underruns:
        told = f"the caller waited {ms(run.ms)} in the middle of {visible(run.item_id)} for more of it"
        yield _problem("underrun", run.seq, run.at_ms, told)
    for miss in measured.missed:
        why = "though the model had noticed" if miss.known else "and the model did not notice"
        yield _problem("missed", miss.seq, miss.at_ms, f"the caller spoke {ms(miss.ms)} over the assistant, {why}")


def _line(measured: CallMeasures) -> Iterator[Problem]:
    for stall in measured.line.stalls:
        yield _problem("stall", stall.seq, stall.at_ms, f"what Twilio sent came {ms(stall.ms)} late")
    for trip in measured.line.round_trips:
        if trip.ms > budgets.ROUND_TRIP_MS_MAX:
            told = f"a mark that had nothing to wait for came back after {ms(trip.ms)}"
            yield _problem("slow_line", trip.seq, trip.at_ms, told)


def _call(call: AnyCall, measured: CallMeasures, dates: Dates) -> Iterator[Problem]:
    if dates.dropped_seq is not None:
        told = f"{ms(measured.dropped_ms)} of the caller were dropped: the model was not ready, and no more is kept"
        yield _problem("dropped_audio", dates.dropped_seq, ms_of(dates.at_of(dates.dropped_seq)), told)
    for away in call.absences:
        back = away.back_at is not None
        told = visible(away_told(away_of(away)))
        yield _problem("model_away", away.seq, ms_of(away.lost_at), f"the model was away {told}", 2 if back else None)
    if measured.ended is not None and measured.ended not in GOOD_ENDS:
        seq = dates.seqs[-1]
        yield _problem(
            "bad_end", seq, measured.length_ms, f"the call ended: {measured.ended} ({visible(call.why_ended)})"
        )


def _problem(kind: str, seq: int, stream_ms: int, what: str, severity: int | None = None) -> Problem:
    return Problem(seq, stream_ms, kind, what, severity or KINDS[kind])
