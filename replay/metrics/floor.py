"""Who had the floor: talk-over, dead air, underruns, and callers who were not let in.

Found by laying the spans of both speakers (`spans`) over one another. What a silence was spent on is told by what ended
it: an answer, by the longest part of its wait; or the caller, who may take any time to think. But where the model was
lost for half of it or more, that was it.

A caller was *missed* whom the model's turn detection noticed and nobody stopped for, or whom it did not notice at all:
then only the loudness of the caller's frames tells of it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from engine.core import AnyCall
from engine.core.audio import ms_of, samples_of
from engine.core.conversation import Item
from replay.metrics.budgets import DEAD_AIR_MS, MISSED_MS, PAUSE_MS_MAX
from replay.metrics.dates import Dates
from replay.metrics.measured import Cause, Missed, Part, Party, Silence, TalkOver, TurnMeasures, Underrun
from replay.metrics.spans import Span, at_the_ear, of_caller
from replay.metrics.turns import overlap, times_away

_CAUSES: dict[Part, Cause] = {
    "ready": "start",
    "tool": "tool",
    "vad": "vad",
    "away": "away",
    "respond": "model",
    "generate": "model",
    "send": "bridge",
    "play": "network",
}


class Floor:
    """The spans of a call, and what they come to."""

    def __init__(self, call: AnyCall, dates: Dates, turns: Sequence[TurnMeasures]) -> None:
        self._dates = dates
        self._items = call.conversation.items
        self._turns = {turn.item_id: turn for turn in turns}
        self.ends_at = dates.ats[-1] if dates.ats else 0
        items = call.conversation.order
        self._away = times_away(call, dates)
        said = [item for item in items if item.role == "user" and not item.is_resent]
        self._caller = _by_time(span for item in said for span in of_caller(item, self._gone_at(item)))
        heard = [at_the_ear(item) for item in items if item.is_speech]
        self._assistant = _by_time(span for spans, _ in heard for span in spans)
        self._pauses = _by_time(pause for _, pauses in heard for pause in pauses)

    def _gone_at(self, item: Item) -> int:
        """When the model could say no more of a caller's turn: at the end, or when it was lost with that."""
        begin_ms = ms_of(item.started_at or 0)
        return next((samples_of(since) for since, _ in self._away if since >= begin_ms), self.ends_at)

    def talk_overs(self) -> list[TalkOver]:
        """Where both spoke. Who began later spoke over the other."""
        found = []
        for ours in self._assistant:
            for theirs in self._caller:
                begin, end = max(ours.begin, theirs.begin), min(ours.end, theirs.end)
                if begin < end:
                    by: Party = "assistant" if ours.begin > theirs.begin else "caller"
                    found.append(TalkOver(self._dates.seq_at(begin), ms_of(begin), _length_ms(begin, end), by))
        return found

    def underruns(self) -> list[Underrun]:
        """Where the ear waited in the middle of an item."""
        return [
            Underrun(self._dates.seq_at(each.begin), ms_of(each.begin), _length_ms(each.begin, each.end), each.item_id)
            for each in self._pauses
        ]

    def silences(self) -> list[Silence]:
        """Where neither spoke for longer than `DEAD_AIR_MS`."""
        found = []
        begin, before = 0, None
        nobody = Span(self.ends_at, self.ends_at, "caller", "")
        for span in [*_by_time([*self._assistant, *self._caller]), nobody]:
            if span.begin - begin > samples_of(DEAD_AIR_MS):
                after = span if span is not nobody else None
                cause = self._cause(before, after, begin, span.begin)
                found.append(Silence(self._dates.seq_at(begin), ms_of(begin), _length_ms(begin, span.begin), cause))
            if span.end > begin:
                begin, before = span.end, span
        return found

    def _cause(self, before: Span | None, after: Span | None, begin: int, end: int) -> Cause:
        if 2 * overlap(self._away, ms_of(begin), ms_of(end)) >= _length_ms(begin, end):
            return "away"
        if after is not None and after.speaker == "assistant":
            if any(pause.begin == begin and pause.end == end for pause in self._pauses):
                return "underrun"
            return _cause_of(self._turns[after.item_id])
        if before is not None:
            return "model" if before.speaker == "caller" else "caller"
        if self._dates.ready_at is None or self._dates.ready_at >= end:
            return "start"
        is_greeting_due = any(each.due.follows == "greeting" for each in self._dates.responses.values())
        return "model" if is_greeting_due else "caller"

    def missed(self) -> list[Missed]:
        """Callers who spoke over the assistant, and were not let in."""
        known = [
            Missed(
                self._dates.seq_at(theirs.begin),
                ms_of(theirs.begin),
                _length_ms(theirs.begin, end),
                not overlap(self._away, ms_of(theirs.begin), ms_of(theirs.begin) + 1),
            )
            for ours in self._assistant
            for theirs in self._caller
            if ours.begin <= theirs.begin < ours.end and not self._items[ours.item_id].is_cut
            if (end := min(ours.end, theirs.end)) - theirs.begin >= samples_of(MISSED_MS)
        ]
        unknown = [
            Missed(self._dates.seq_at(frames[0][0]), ms_of(frames[0][0]), _length_ms(0, voiced), False)
            for frames in self._unnoticed()
            if (voiced := sum(end - begin for begin, end in frames)) >= samples_of(MISSED_MS)
        ]
        return sorted([*known, *unknown], key=lambda each: each.at_ms)

    def _unnoticed(self) -> Iterator[list[tuple[int, int]]]:
        """The caller's audible frames while the assistant spoke and the model noticed nobody, by stretches."""
        stretch: list[tuple[int, int]] = []
        for begin, end in self._dates.line.voiced:
            if not _covers(self._assistant, begin) or _covers(self._caller, begin):
                continue
            if stretch and begin - stretch[-1][1] > samples_of(PAUSE_MS_MAX):
                yield stretch
                stretch = []
            stretch.append((begin, end))
        if stretch:
            yield stretch


def _by_time(spans: Iterable[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span.begin, span.end))


def _length_ms(begin: int, end: int) -> int:
    return ms_of(end) - ms_of(begin)


def _covers(spans: Sequence[Span], at: int) -> bool:
    place = bisect_right(spans, at, key=lambda span: span.begin) - 1
    return place >= 0 and at < spans[place].end


def _cause_of(turn: TurnMeasures) -> Cause:
    """What the wait for a turn was mostly spent on."""
    if turn.follows == "tool" and "tool" not in turn.parts:
        return "tool"
    longest = max(turn.parts, key=lambda part: turn.parts[part], default=None)
    return "model" if longest is None else _CAUSES[longest]
