"""The ledger of one playout: what was handed to Twilio since the last clear, and how far the caller's ear has come.

Twilio plays what it is sent in order, at 8,000 samples a second, and echoes a mark when everything before it has been
played. Since the socket is ordered, nothing after a mark can have been played when its echo leaves: if playback was
waiting, it was waiting right there. So an echo is exact: **at its date the position was the mark's.** Its date is known
within an interval (see `stream_clock`). While playback does not pause, date minus position is one constant, the *line*
on which the ear moves, and it lies in the intervals of all the echoes at once: each one narrows it. An echo that does
not fit the line says that playback had paused, and starts a new one.

Between echoes the position runs along the line with the stream clock, and never past the next mark that has not come
back (had it been played, its echo would be here). That bound is what survives a playout run dry.

After a clear, echoes prove less: Twilio gives back at once every mark that it flushed, and no field says which is
which. But nothing plays faster than real time. An echo that comes before the line can have reached its mark was
flushed, and dates the moment at which the clear took effect, better than anything sent after it could. Only when
nothing was left to flush does the sentinel (a mark sent right after the clear) have to date it. `judge` does this, over
all echoes since the clear, so it can be asked early (by estimate) and again when more is known.

Positions are samples from the playout's beginning; dates are stream time in samples.
"""

from typing import NamedTuple

import msgspec

from engine.core.audio import samples_of
from engine.core.conversation import Item
from engine.core.echoes import GRAIN, TOLERANCE, Bounds, Dated, Echo, bounds_at, bounds_of_clear
from engine.core.machines import Playing

LOST = samples_of(250)
"""A probe's echo that is overdue by more than any jitter that we mean to bear was lost."""


class Piece(msgspec.Struct, eq=False):
    """A stretch of an item's audio in the playout, as far as it is not yet proven heard."""

    item: Item
    begin: int
    end: int


class Flush(msgspec.Struct):
    """A clear on its way, and the echoes that came since."""

    sent_at: int
    sent_ns: int
    round_trip: int
    """The longest round trip to Twilio that is to be expected."""
    jitter: int
    sentinel: str
    echoes: list[Echo] = []
    sentinel_date: Dated | None = None
    effective_max: int | None = None
    """The clear had taken effect by then for certain."""


class Judgement(msgspec.Struct, frozen=True):
    """Where the ear was when the clear took effect: most likely (`position`), and within which bounds for certain.
    `reach`: the mark that it did not come to, if no echo is lost; words are looked for until there."""

    position: int
    low: int
    high: int
    effective_at: int
    is_estimate: bool
    reach: int


class _Likely(NamedTuple):
    """A judgement without its bounds."""

    position: int
    effective_at: int
    is_estimate: bool
    reach: int


class Playout(msgspec.Struct, eq=False):
    """See above."""

    state: Playing = Playing.SILENT
    sent: int = 0
    pieces: list[Piece] = []
    marked: int = 0
    """Position of the last mark that was sent."""
    marks: dict[str, int] = {}
    """Marks that have not come back, in the order sent, with their positions."""
    begun_at: int = 0
    """When audio was last sent into silence: it cannot have been played before."""
    proven: int = 0
    """How far the ear has come for certain."""
    line: Dated | None = None
    """Date of position 0, if any echo came back since audio was last sent into silence."""
    line_min: int = 0
    """The date of position 0 is no earlier than this, for certain."""
    line_max: int | None = None
    """No later than this, if playing has not paused since the echo that said so."""
    underruns: int = 0
    """Times that playing is known to have paused in the middle of an item."""
    flush: Flush | None = None

    @property
    def is_unplayed(self) -> bool:
        """Whether anything that was sent may not have been heard."""
        return bool(self.marks) or self.unmarked_samples > 0

    @property
    def flushed_echoes(self) -> int:
        """How many of the echoes since the clear, the last of them, are known to have come because of it."""
        if self.flush is None:
            return 0
        first = self._first_flushed(self.flush)
        return 0 if first is None else len(self.flush.echoes) - first

    @property
    def unmarked_samples(self) -> int:
        """What was sent since the last mark."""
        return self.sent - self.marked

    def position(self, now: int, round_trip: int = 0) -> int:
        """Best estimate of the ear's position while nothing has been cleared. Where no echo has come back, playing has
        not begun; or if they should have come by now, they were lost, and it began after a round trip."""
        if self.line is not None:
            return max(self.proven, min(now - self.line.middle, self.next_mark()))
        if now <= self.begun_at + round_trip + LOST:
            return self.proven
        return max(self.proven, min(now - self._earliest_line(round_trip).middle, self.sent))

    def date_of(self, position: int, round_trip: int) -> int:
        """Best estimate of when the ear came to a position that it has reached."""
        return position + self._earliest_line(round_trip).middle

    def begin(self, now: int) -> None:
        """Audio is about to be sent into silence."""
        self.begun_at, self.line, self.line_max = now, None, None
        if not self.is_unplayed:
            self.line_min = max(self.line_min, now - self.sent)

    def add(self, item: Item, samples: int) -> None:
        """Audio of an item was sent."""
        if self.pieces and self.pieces[-1].item is item and self.pieces[-1].end == self.sent:
            self.pieces[-1].end += samples
        else:
            self.pieces.append(Piece(item, self.sent, self.sent + samples))
        self.sent += samples

    def mark(self, name: str) -> None:
        """A mark was sent."""
        self.marks[name] = self.marked = self.sent

    def bounds(self, latest: int) -> Bounds:
        """Where the ear is, while nothing has been cleared, at a moment that is no later than `latest`."""
        return bounds_at(latest, self.line_min, self.proven, self.sent)

    def echo(self, name: str, date: Dated, sure: Dated, lag: int) -> bool:
        """A mark came back; False if it is none of this playout's that was awaited. Echoes come in order, so the echoes
        of marks before it were lost on the way."""
        position = self.marks.get(name)
        if position is None:
            return False
        names = list(self.marks)
        for earlier in names[: names.index(name) + 1]:
            del self.marks[earlier]
        echo = Echo(position, date, sure, lag)
        if self.flush is not None:
            self.flush.echoes.append(echo)
        else:
            self._prove(echo)
        return True

    def judge(self, now: int, latest: int) -> Judgement:
        """Where the ear was when the clear took effect, by all the evidence there is. Call only after a clear. It is
        `now`, and no later than `latest`."""
        flush = self.flush
        assert flush is not None
        position, effective_at, is_estimate, reach = self._likely(flush, now)
        effective_max = latest if flush.effective_max is None else flush.effective_max
        low, high = bounds_of_clear(flush.echoes, flush.sent_at, effective_max, self.line_min, self.proven, self.sent)
        return Judgement(position, min(low, position), max(high, position), effective_at, is_estimate, reach)

    def is_clear_late(self) -> bool:
        """Whether Twilio was seen playing after the clear should have reached it: then it is stuck in the network."""
        assert self.flush is not None
        expected_at = self.flush.sent_at + self.flush.round_trip + TOLERANCE
        return bool(self.flush.echoes) and self.flush.echoes[-1].date.earliest > expected_at

    def settle(self, judgement: Judgement) -> None:
        """Give the items what was heard of them. May be asked again when more is known."""
        for item in self.items():
            item.forget_guess()
        for piece in self.pieces:
            size = piece.end - piece.begin
            tail, low, high, reach = (
                max(0, min(size, at - piece.begin))
                for at in (judgement.position, judgement.low, judgement.high, judgement.reach)
            )
            if tail and piece.item.started_at is None:
                piece.item.started_at = judgement.effective_at - judgement.position + piece.begin
            piece.item.guess(tail, low, high, reach, judgement.effective_at)

    def items(self) -> list[Item]:
        """The items that are not proven heard, in the order played."""
        return list(dict.fromkeys(piece.item for piece in self.pieces))

    def next_mark(self) -> int:
        """Position of the first mark that has not come back: the ear has not passed it."""
        return next(iter(self.marks.values()), self.sent)

    def _prove(self, echo: Echo) -> None:
        self.line = echo.line if self.line is None else self.line.also(echo.line)
        if echo.position > self.proven:
            self._pace(echo)
        self.proven = max(self.proven, echo.position)
        self.line_min = max(self.line_min, echo.line_min)
        line = max(self.line_min, self.line.middle if self.line_max is None else min(self.line_max, self.line.middle))
        while self.pieces and self.pieces[0].begin < echo.position:
            piece = self.pieces[0]
            end = min(piece.end, echo.position)
            if piece.item.started_at is None:
                piece.item.started_at = piece.begin + line
            piece.item.prove(end - piece.begin, end + line)
            if end == piece.end:
                del self.pieces[0]
            else:
                piece.begin = end

    def _pace(self, echo: Echo) -> None:
        """Whether playing has paused since the last echo: then this one is later than it could be else. It can be a
        mark that came late itself, in the middle of a pause; so the next echo is not held against it."""
        line_max = echo.sure.latest - echo.position
        if self.line_max is None:
            self.line_max = line_max
        elif echo.line_min <= self.line_max + GRAIN:
            self.line_max = min(self.line_max, line_max)
        else:
            piece, self.line_max = self.pieces[0], None
            self.underruns += piece.end >= echo.position and piece.item.proven_samples > 0

    def _likely(self, flush: Flush, now: int) -> _Likely:
        flushed = self._first_flushed(flush)
        if flushed is not None:
            date = flush.echoes[flushed].date
            for echo in flush.echoes[flushed + 1 :]:
                date = date.also(echo.date) if echo.date.earliest <= date.latest else date
            return self._judged(date, flush.echoes[:flushed], high=flush.echoes[flushed].position)
        if not self.is_unplayed:
            line = flush.echoes[-1].line if flush.echoes else Dated(now, now)
            return _Likely(self.sent, line.middle + self.sent, is_estimate=False, reach=self.sent)
        if flush.sentinel_date is not None:
            # Marks that were still to come would have come before the sentinel: their echoes are lost.
            most = flush.sentinel_date.latest - self._earliest_line().earliest
            return self._judged(flush.sentinel_date, flush.echoes, high=max(self.proven, min(most, self.sent)))
        return self._estimated(flush, now)

    def _first_flushed(self, flush: Flush) -> int | None:
        """The first echo that came before its mark can have been played, and after which none came in time: then all
        came back at once. The newest echo has no such witness and must be early beyond doubt."""
        line, echoes = self._earliest_line(), flush.echoes
        for index, echo in enumerate(echoes):
            rest = echoes[index + 1 :]
            doubt = 0 if rest or flush.sentinel_date is not None else flush.jitter
            if echo.is_early(line, doubt) and all(later.is_early(line) for later in rest):
                return index
            line = echo.line if index == 0 and self.line is None else line.also(echo.line)
        return None

    def _judged(self, date: Dated, played: list[Echo], high: int) -> _Likely:
        """By the date at which the clear took effect. Echoes of that same moment may have been flushed too: they say
        nothing, and are no part of the line."""
        line, low = self.line, self.proven
        for echo in played:
            if echo.date.latest < date.earliest or echo.position <= low:
                line = echo.line if line is None else line.also(echo.line)
                low = max(low, echo.position)
            else:
                high = min(high, echo.position + date.latest - date.earliest)
        line, high = line or self._earliest_line(), max(low, high)
        least = max(low, min(date.earliest - line.latest, high))
        most = min(high, max(date.latest - line.earliest, low))
        return _Likely((least + most) // 2, date.middle, is_estimate=False, reach=high)

    def _estimated(self, flush: Flush, now: int) -> _Likely:
        line, low = self.line, self.proven
        for echo in flush.echoes:
            line, low = echo.line if line is None else line.also(echo.line), max(low, echo.position)
        line = line or self._earliest_line(flush.round_trip)
        effective_at = max(low + line.middle, flush.sent_at + flush.round_trip)
        position = min(effective_at - line.middle, self.sent)
        high = min(max(position, now - line.middle), self.sent)
        return _Likely(position, effective_at, is_estimate=True, reach=high)

    def _earliest_line(self, after: int = 0) -> Dated:
        """The line; before any echo, as if playing had begun `after` the audio was sent."""
        begun = self.begun_at + after - self.proven
        return self.line or Dated(begun, begun)
