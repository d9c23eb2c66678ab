"""What the caller heard of a call that another bridge made. `Hearing` does the work; here is what it needs beside.

Our own bridge makes it easy for itself: every mark has a name of its own, a probe goes before audio into silence, a
sentinel after a clear, and an interruption is settled in time for the next answer. Another bridge does as it likes:

- **Names repeat.** Twilio's sample calls every mark `responsePart`. Each gets another name in here, and an echo belongs
  to the oldest mark of its name that is still awaited.
- **No probe.** When audio goes into silence is known from what was sent: what Twilio holds is played in real time.
  *Due* is when something would be played if a frame took no time to Twilio. The difference between that and an echo is
  the round trip (what we see of Twilio's clock is one way old, and what is sent takes the other way).
- **No sentinel.** A clear is settled afterwards: when all that it flushed has come back, when an echo of what was sent
  after it shows that nothing else can come, after a second and a round trip, or at the end. There is no hurry, nothing
  depends on it. A mark that is sent right after a clear, before any audio, is a sentinel whoever sends it.
- **Few marks, or none.** Then the ear is where the audio is due: at the clear, the position that was due when it was
  sent, for the clear is on its way as long as the audio was. That is as good as the line is even, and `basis` says that
  it is no more. What is overdue by a second, without a mark in it, has been heard: as if a mark that was never sent had
  come back, its date as uncertain as the round trip is.
"""

from collections import deque
from typing import Literal

import msgspec

from engine.core.audio import FRAME_SAMPLES, samples_of
from engine.core.barge_in import STALL_MS_MAX, Interruption
from engine.core.conversation import Item
from engine.core.echoes import Dated
from engine.core.hearing import ROUND_TRIPS_MAX, Hearing
from engine.core.machines import PLAYOUT, PlayFact, after
from engine.core.playout import Judgement, Playout

GAP = 2 * FRAME_SAMPLES
"""Audio that is due later than this after the last has run out was sent into silence; less may be the line's doing."""
ROUND_TRIP_MAX = samples_of(1_000)
"""What was due so long ago has arrived, on any line that a call can be held on."""
ROUND_TRIP_GUESS = Dated(0, samples_of(400))
"""Until one was measured."""
LOST = samples_of(3_000)
"""An echo that is overdue by so much is not coming."""
SETTLE, STALL = samples_of(1_000), samples_of(STALL_MS_MAX)
DOUBT = samples_of(60)
"""How far the ear may be from where echoes put it, on a line that does not stall (see `make bench`)."""
DOUBT_WITHOUT_ECHOES = samples_of(120)

Basis = Literal["echoes", "sending"]


class Placed(msgspec.Struct, frozen=True, eq=False):
    """A mark that was sent. `key`: its name in here. `samples`: how much of `item`, the last before it, had been sent
    by then; `before`: the audio sent between the mark before and this one. `sent_at`, `due_at`: stream samples."""

    key: str
    playout: Playout
    position: int
    item: Item | None
    samples: int
    before: int
    sent_at: int
    due_at: int


class Cleared(Interruption, eq=False, kw_only=True):
    """A clear that threw something away, or may have. `due`: the position that was due when it was sent; `settle_at`:
    until when its echoes are waited for."""

    seq: int
    sentinel: str
    settle_at: int
    due: int
    proven: int
    is_dated: bool
    is_uneven: bool
    basis: Basis = "echoes"
    judgement: Judgement | None = None


class _Start(msgspec.Struct, frozen=True):
    """Audio was sent into silence, when the playout had come to `position`. `line`: where that puts the ear."""

    position: int
    at: int
    line: Dated


class Overhearing:
    """See above. Tell it what was sent and what came back, and `tick` it."""

    def __init__(self) -> None:
        self.hearing = Hearing()
        self.marks: list[Placed] = []
        self.echoes: list[Placed] = []
        """Those that came back, played or flushed, in the order in which they did."""
        self.clears: list[Cleared] = []
        self._awaited: dict[str, deque[Placed]] = {}
        self._unsettled: list[Cleared] = []
        self._counted = 0
        self._names_repeat = False
        self._due_at: int | None = None
        """When what was sent will all have been played, if it took no time to Twilio."""
        self._start: _Start | None = None
        self._is_dated = False
        """An echo came back since audio was sent into silence, and dates what was sent since."""
        self._is_uneven = False
        """Playback paused on the way."""

    def is_unsettled(self, item: Item) -> bool:
        """Whether it is still to be judged what was heard of an item."""
        return any(item in each.items for each in self._unsettled)

    def unplayed_samples(self, at_ns: int) -> int:
        """Of what was sent, how much is not due yet."""
        return 0 if self._due_at is None else max(0, self._due_at - self.hearing.stream.peek(at_ns))

    def sent_audio(self, item: Item, samples: int, at_ns: int) -> None:
        """A stretch of an item's audio went out."""
        hearing, now = self.hearing, self.hearing.stream.now(at_ns)
        if self._due_at is None or now > self._due_at + GAP:
            is_overdue = self._due_at is not None and now > self._due_at + ROUND_TRIP_MAX
            if is_overdue or not hearing.playout.marks:
                self._suppose()
            self._begin(now)
        hearing.sent_audio(item, samples)
        self._due_at = max(self._due_at or 0, now) + samples

    def sent_mark(self, name: str, item: Item | None, at_ns: int) -> None:
        """A mark went out, behind `item`."""
        hearing, playout, now = self.hearing, self.hearing.playout, self.hearing.stream.now(at_ns)
        last = self.marks[-1] if self.marks and self.marks[-1].playout is playout else None
        self._counted += 1
        cleared = self._unsettled[-1] if self._unsettled else None
        is_sentinel = cleared is not None and not playout.sent and last is None
        key = cleared.sentinel if cleared is not None and is_sentinel else f"{name}#{self._counted}"
        if not is_sentinel:
            hearing.sent_mark(key, at_ns)
        due_at = max(now, self._due_at or 0)
        before = playout.sent - (last.position if last else 0)
        item = item if playout.sent else None  # a mark before any audio tells of none
        samples = item.sent_samples if item else 0
        placed = Placed(key, playout, playout.sent, item, samples, before, now, due_at)
        self.marks.append(placed)
        awaited = self._awaited.setdefault(name, deque())
        awaited.append(placed)
        self._names_repeat = self._names_repeat or len(awaited) > 1

    def echoed(self, name: str, at_ns: int) -> None:
        """A mark came back."""
        mark = self._take(name)
        if mark is None:
            return
        hearing, playout = self.hearing, mark.playout
        date = Dated(*hearing.stream.date(at_ns))
        self.echoes.append(mark)
        line = playout.line
        flushing = hearing.echoed(mark.key, at_ns)
        if flushing is not None:
            self._flushed(mark, flushing, at_ns)
        elif playout is hearing.playout:
            self._played(mark, date, line)
            for cleared in [*self._unsettled]:
                self._settle(cleared, at_ns)

    def sent_clear(self, seq: int, onset_at: int | None, at_ns: int) -> Cleared | None:
        """A clear went out. None if there was nothing for it to throw away."""
        hearing, playout, now = self.hearing, self.hearing.playout, self.hearing.stream.now(at_ns)
        unplayed = self.unplayed_samples(at_ns)
        if not unplayed and not playout.marks:
            self._suppose()
        if not playout.is_unplayed:
            return None
        self._counted += 1
        cleared = Cleared(
            at=now,
            onset_at=onset_at,
            playout=playout,
            deadline_ns=at_ns,
            items=[item for item in playout.items() if item.item_id],
            seq=seq,
            sentinel=f"clear#{self._counted}",
            settle_at=now + self._round_trip().latest + SETTLE,
            due=playout.sent - unplayed,
            proven=playout.proven,
            is_dated=self._is_dated,
            is_uneven=self._is_uneven,
        )
        hearing.sent_clear(cleared.sentinel, at_ns)
        self.clears.append(cleared)
        self._unsettled.append(cleared)
        self._due_at, self._start, self._is_dated, self._is_uneven = None, None, False, False
        return cleared

    def tick(self, at_ns: int) -> None:
        """Time goes on: what is overdue is settled, or taken to have been heard."""
        for cleared in [*self._unsettled]:
            if self._is_over(cleared, at_ns):
                self._settle(cleared, at_ns)
        playout = self.hearing.playout
        if self._due_at is not None and playout.is_unplayed:
            overdue = self.hearing.stream.peek(at_ns) - self._due_at
            if overdue >= (LOST if playout.marks else ROUND_TRIP_MAX):
                self._suppose()

    def hang_up(self, at_ns: int, *, is_stop: bool = False) -> None:
        """The stream is over, by Twilio's `stop` or in another way."""
        for cleared in [*self._unsettled]:
            self._settle(cleared, at_ns)
        self.hearing.hang_up(at_ns, is_stop=is_stop)

    def _take(self, name: str) -> Placed | None:
        """The oldest mark of that name that can still come back. Those before it in a playout came back with it."""
        awaited = self._awaited.get(name)
        while awaited:
            mark = awaited.popleft()
            if mark.key in mark.playout.marks or any(mark.key == each.sentinel for each in self._unsettled):
                return mark
        return None

    def _played(self, mark: Placed, date: Dated, line: Dated | None) -> None:
        """The echo of a mark in what is being played."""
        start, playout = self._start, mark.playout
        if start is not None and mark.position <= start.position and mark.sent_at + GAP < start.at:
            playout.line = start.line  # it tells of what was played before the silence
            return
        if self._is_dated:
            was, now = line or date, Dated(date.earliest - mark.position, date.latest - mark.position)
            self._is_uneven = self._is_uneven or was.latest < now.earliest - GAP
        elif start is not None and mark.position > start.position:
            hearing = self.hearing
            round_trip = max(0, date.middle - mark.due_at)
            hearing.round_trips = [*hearing.round_trips[1 - ROUND_TRIPS_MAX :], round_trip]
        self._is_dated = True

    def _flushed(self, mark: Placed, playout: Playout, at_ns: int) -> None:
        """The echo of a mark in what is being cleared: when it is the last that can come, the clear is settled."""
        cleared = next(each for each in self._unsettled if each.playout is playout)
        is_last = not playout.marks and not self.hearing.judge(playout, at_ns).is_estimate
        if mark.key == cleared.sentinel or is_last:
            self._settle(cleared, at_ns)

    def _is_over(self, cleared: Cleared, at_ns: int) -> bool:
        """Whether all that can tell about it has come: Twilio's clock has gone on since, and it is not seen playing
        what the clear should have stopped. But no line is waited for for ever."""
        stream, playout = self.hearing.stream, cleared.playout
        if stream.peek(at_ns) >= cleared.settle_at + STALL:
            return True
        return stream.newest >= cleared.settle_at and not (playout.marks and playout.is_clear_late())

    def _settle(self, cleared: Cleared, at_ns: int) -> None:
        hearing, playout = self.hearing, cleared.playout
        judgement = hearing.judge(playout, at_ns)
        position, low, high = judgement.position, judgement.low, max(judgement.high, judgement.reach)
        effective_at, doubt = judgement.effective_at, DOUBT
        # Where an echo of several marks of one name is lost, those after it are taken for the marks before their own.
        is_shifted = self._names_repeat and bool(playout.marks)
        if judgement.is_estimate or is_shifted or not cleared.is_dated:
            # Echoes are lost, or cannot be told from flushed ones: that takes a date that was not a guess.
            cleared.basis, position, doubt = "sending", cleared.due, DOUBT_WITHOUT_ECHOES
            low, high = cleared.proven, playout.sent
        if judgement.is_estimate:
            effective_at = cleared.at + self._round_trip().middle
        position, doubt = max(low, min(position, high)), doubt + hearing.stream.jitter
        # An echo that came after the clear may have been flushed by it at the very end.
        low = max(cleared.proven, min(low, cleared.due - doubt))
        if not cleared.is_uneven and abs(position - cleared.due) <= 2 * doubt:
            low, high = max(low, position - doubt), min(high, position + doubt)
        cleared.judgement = Judgement(position, low, high, effective_at, judgement.is_estimate, reach=high)
        cleared.effective_at = effective_at
        hearing.settle(playout, cleared.judgement)
        if playout in hearing.flushing:
            hearing.flushing.remove(playout)
        self._unsettled.remove(cleared)

    def _begin(self, now: int) -> None:
        """Audio is about to be sent into silence."""
        playout, trip = self.hearing.playout, self._round_trip()
        playout.begin(now)
        playout.line = Dated(now + trip.earliest - playout.sent, now + trip.latest - playout.sent)
        self._start, self._is_dated, self._is_uneven = _Start(playout.sent, now, playout.line), False, False

    def _suppose(self) -> None:
        """All that was sent has been heard: as if a mark behind it had come back."""
        playout, due_at = self.hearing.playout, self._due_at
        if due_at is None or not playout.is_unplayed:
            return
        trip = self._round_trip()
        self._counted += 1
        key = f"supposed#{self._counted}"
        playout.mark(key)
        supposed = Dated(due_at + trip.earliest, due_at + trip.latest)
        playout.echo(key, supposed, supposed, 0)
        playout.state = after(PLAYOUT, playout.state, PlayFact.DRAINED)

    def _round_trip(self) -> Dated:
        """How long from here to Twilio and back."""
        trips, jitter = self.hearing.round_trips, self.hearing.stream.jitter
        return Dated(max(0, min(trips) - jitter), max(trips) + jitter) if trips else ROUND_TRIP_GUESS
