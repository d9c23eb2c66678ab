"""Turns, measured: what each came after, how long it let wait and on what, and how it came out.

A wait is a chain of dates in stream time, each the moment at which something was known here, but for its two ends:
the caller's last speech and the first sample at the ear are Twilio's own. A part is a link of the chain. The ends are
known to a frame, no better, so a date may seem to lie outside them; it then counts as the end. So no part is negative,
and all parts add up to the whole. Time in which the model was lost is taken out of whatever part it fell into, and is
one of its own.
"""

from collections.abc import Sequence

from engine.core import AnyCall
from engine.core.audio import ms_of
from engine.core.conversation import Item, Response
from engine.core.machines import Generating
from engine.core.report import Turn
from replay.metrics.dates import Dates, Due, ResponseDates, ToolDates
from replay.metrics.measured import Outcome, Part, Tool, TurnMeasures

Links = list[tuple[Part, int | None]]
Times = Sequence[tuple[int, int]]


def chain(begin: int, links: Links, end: tuple[Part, int], away: Times = ()) -> tuple[int, dict[Part, int]]:
    """From stream sample `begin` to the date of `end`: the whole in ms, and its parts. A link that nobody dated is in
    the one after it. `away`: from when to when, in ms, the model was lost."""
    parts: dict[Part, int] = {}
    begin_ms, last_ms = ms_of(begin), max(ms_of(begin), ms_of(end[1]))
    at_ms = begin_ms
    for part, date in [*links, end]:
        if date is not None:
            next_ms = max(at_ms, min(ms_of(date), last_ms))
            lost_ms = overlap(away, at_ms, next_ms)
            if lost_ms:
                parts["away"] = parts.get("away", 0) + lost_ms
            parts[part], at_ms = next_ms - at_ms - lost_ms, next_ms
    return last_ms - begin_ms, parts


def overlap(times: Times, begin: int, end: int) -> int:
    """How much of [begin, end) is within some of `times`."""
    return sum(max(0, min(end, to) - max(begin, since)) for since, to in times)


def times_away(call: AnyCall, dates: Dates) -> list[tuple[int, int]]:
    """From when to when the model was lost, in ms."""
    ends_at = dates.ats[-1] if dates.ats else 0
    return [(ms_of(each.lost_at), ms_of(ends_at if each.back_at is None else each.back_at)) for each in call.absences]


class TurnMeasurer:
    """The turns of a call, as far as it has come."""

    def __init__(self, call: AnyCall, dates: Dates, turns: Sequence[Turn]) -> None:
        self._items = call.conversation.items
        self._responses = call.conversation.responses
        self._dates = dates
        self._turns = turns
        self._numbers = {turn.item_id: number for number, turn in enumerate(turns, 1)}
        self._away = times_away(call, dates)
        self._ending: Outcome = "call_ended" if call.ended else "log_ended"
        self._answers: dict[str, list[Response]] = {}
        for response_id, made in dates.responses.items():
            self._answers.setdefault(made.due.caller, []).append(self._responses[response_id])

    def measures(self) -> list[TurnMeasures]:
        """All of them, in the order of the conversation."""
        return [
            self._caller(number, turn) if turn.speaker == "caller" else self._assistant(number, turn)
            for number, turn in enumerate(self._turns, 1)
        ]

    def _caller(self, number: int, turn: Turn) -> TurnMeasures:
        item, dates = self._items[turn.item_id], self._dates.items[turn.item_id]
        delay_ms = None
        if item.ended_at is not None and dates.stopped_at is not None:
            delay_ms, _ = chain(item.ended_at, [], ("vad", dates.stopped_at))
        return TurnMeasures(
            number=number,
            speaker="caller",
            item_id=turn.item_id,
            seq=dates.seq,
            start_ms=turn.start_ms,
            end_ms=turn.end_ms,
            interrupted=False,
            outcome=self._outcome_of_caller(turn.item_id),
            end_of_turn_ms=delay_ms,
        )

    def _assistant(self, number: int, turn: Turn) -> TurnMeasures:
        item, dates = self._items[turn.item_id], self._dates.items[turn.item_id]
        due = self._due(item)
        whole_ms, parts = self._wait(item, due)
        is_answer = due.follows == "caller"
        return TurnMeasures(
            number=number,
            speaker="assistant",
            item_id=turn.item_id,
            seq=dates.seq,
            start_ms=turn.start_ms,
            end_ms=turn.end_ms,
            interrupted=turn.interrupted,
            outcome=self._outcome(item),
            follows=due.follows,
            answers=self._numbers.get(due.caller),
            latency_ms=whole_ms if is_answer else None,
            wait_ms=None if is_answer else whole_ms,
            parts=parts,
            silent_start_ms=ms_of(dates.silent_samples) if dates.has_voice else None,
            generated_ms=turn.generated_ms,
            heard_ms=turn.heard_ms,
        )

    def _due(self, item: Item) -> Due:
        """What an item came after. One whose response began before the log did comes after nothing that is known."""
        made = self._dates.responses.get(item.response_id or "")
        if made is None:
            return Due()
        before = [each for each in self._responses[item.response_id or ""].items if each.is_speech]
        place = before.index(item)
        return Due("item", before[place - 1].item_id) if place else made.due

    def _wait(self, item: Item, due: Due) -> tuple[int | None, dict[Part, int]]:
        """How long an item let wait, and on what. Of one that nobody heard, nothing."""
        dates, made = self._dates.items[item.item_id], self._dates.responses.get(item.response_id or "")
        if made is None or item.started_at is None or not item.heard_samples:
            return None, {}
        begin, links = self._beginning(due, made)
        if begin is None:
            return None, {}
        end: tuple[Part, int] = ("play", item.started_at)
        if due.follows == "item":
            return chain(begin, [], end)[0], {}
        return chain(begin, [*links, ("generate", dates.audio_at), ("send", dates.sent_at)], end, self._away)

    def _beginning(self, due: Due, made: ResponseDates) -> tuple[int | None, Links]:
        """Where a wait begins, and the links up to the response."""
        created: tuple[Part, int] = ("respond", made.created_at)
        match due.follows:
            case "caller":
                stopped_at = self._dates.items[due.item_id].stopped_at
                return self._items[due.item_id].ended_at, [("vad", stopped_at), created]
            case "greeting":
                return 0, [("ready", self._dates.ready_at), created]
            case "tool":
                return self._dates.tools[due.item_id].done_at, [("tool", made.asked_at), created]
            case "item" | "lost":
                before = self._items[due.item_id]
                return before.ear_at(before.heard_samples, is_end=True) if before.heard_samples else None, [created]
            case _:
                return made.created_at, []

    def _outcome(self, item: Item) -> Outcome:
        response = self._responses.get(item.response_id or "")
        if item.is_cut and not item.heard_samples:
            return "unheard"
        if item.was_interrupted:
            return "interrupted"
        if response is not None and response.status in ("failed", "incomplete"):
            return "failed" if response.status == "failed" else "incomplete"
        if not item.generated_samples and item.is_done:
            return "no_audio"
        return "completed" if item.generated_samples and item.heard_ms() >= item.generated_ms() else self._ending

    def _outcome_of_caller(self, item_id: str) -> Outcome:
        if self._dates.items[item_id].stopped_at is None:
            return "open"
        answers = self._answers.get(item_id, [])
        if not answers:
            is_last = self._turns[-1].item_id == item_id
            return "log_ended" if is_last and self._ending == "log_ended" else "unanswered"
        items = [item for response in answers for item in response.items if item.is_speech]
        if any(item.heard_samples for item in items):
            return "answered"
        last = answers[-1]
        if last.status in ("failed", "incomplete"):
            return "failed" if last.status == "failed" else "incomplete"
        if last.was_cut:
            return "spoke_on"
        is_silent = last.state is Generating.DONE and not any(item.generated_samples for item in items)
        return "no_audio" if is_silent else self._ending

    def tools(self) -> list[Tool]:
        """Every function call, and how long until the next response, and until the caller heard something of it."""
        return [self._tool(item_id, called) for item_id, called in self._dates.tools.items()]

    def _tool(self, item_id: str, called: ToolDates) -> Tool:
        later = list(self._dates.responses)[called.responses :]
        if not later:
            return Tool(called.seq, ms_of(called.done_at), item_id, None, None)
        respond_ms, _ = chain(called.done_at, [], ("respond", self._dates.responses[later[0]].created_at))
        starts = [item.started_at for item in self._responses[later[0]].items if item.heard_samples]
        heard_ms = chain(called.done_at, [], ("play", starts[0]))[0] if starts and starts[0] is not None else None
        return Tool(called.seq, ms_of(called.done_at), item_id, respond_ms, heard_ms)
