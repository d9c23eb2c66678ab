"""What the caller heard: an observer of the wire in both directions.

It is told what was sent to Twilio and what came back, and knows from that how much of which item reached the ear. It
decides nothing and sends nothing, so frames that any other bridge exchanged can be heard by the same code.

There is one playout that audio is added to, and any number of older ones whose clear has not been settled yet: on a
slow line the next answer is under way before Twilio's answer to the clear is back.
"""

import msgspec

from engine.core.conversation import Item
from engine.core.echoes import Dated
from engine.core.machines import PLAYOUT, PlayFact, Playing, after
from engine.core.playout import Flush, Judgement, Playout
from engine.core.settings import RULES
from engine.core.stream_clock import StreamClock

RULES_OMITTED = 2
"""From these rules on it is reckoned with that frames and echoes are left out: a frame that is late may never have been
sent, and what is taken at the end to have been heard, without any echo, has its words looked for."""

ROUND_TRIPS_MAX = 5
"""Probes that the round trip is taken from: enough to have seen the jitter, few enough to follow a change of route."""


class Hearing(msgspec.Struct):
    """See above. Positions and dates are samples (see `playout`)."""

    stream: StreamClock = msgspec.field(default_factory=StreamClock)
    playout: Playout = msgspec.field(default_factory=Playout)
    flushing: list[Playout] = []
    probes: dict[str, int] = {}
    """Marks sent into silence, with the stream time seen then: their echo measures the round trip."""
    round_trips: list[int] = []
    underruns: int = 0
    """Times that the ear is known to have waited in the middle of an item: all that was sent of it had been played, or
    an echo came later than it can have come without a pause."""
    rules: int = RULES

    def sent_audio(self, item: Item, samples: int) -> None:
        """A stretch of an item's audio went out."""
        if self.playout.state is Playing.SILENT and item.sent_samples:
            self.underruns += 1
        item.sent_samples += samples
        self.playout.add(item, samples)
        self._fact(self.playout, PlayFact.SENT)

    def sent_mark(self, name: str, at_ns: int) -> None:
        """A mark went out."""
        if not self.playout.is_unplayed:
            self.probes[name] = self.stream.now(at_ns)
            self.playout.begin(self.probes[name])
        self.playout.mark(name)

    def sent_clear(self, sentinel: str, at_ns: int) -> Playout:
        """A clear went out, and the mark `sentinel` behind it. Returns the playout that is being flushed."""
        cleared, self.playout = self.playout, Playout()
        now = self.stream.now(at_ns)
        jitter = self.stream.jitter
        cleared.flush = Flush(now, at_ns, max(self.round_trips, default=0) + jitter, jitter, sentinel)
        self._fact(cleared, PlayFact.CLEARED)
        self.flushing.append(cleared)
        self.probes[sentinel] = now
        return cleared

    def echoed(self, name: str, at_ns: int) -> Playout | None:
        """A mark came back. Returns the playout being flushed that it tells something about."""
        sent_at, lag = self.probes.pop(name, None), 0
        date, sure = self._date(at_ns, sent_at or 0), Dated(*self.stream.bounds(at_ns))
        if sent_at is not None:
            lag = self.stream.jitter
            self.round_trips = [*self.round_trips[1 - ROUND_TRIPS_MAX :], max(0, date.latest - sent_at)]
        known = self.playout.underruns
        if self.playout.echo(name, date, sure, lag):
            self.underruns += self.playout.underruns - known
            if not self.playout.is_unplayed:
                self._fact(self.playout, PlayFact.DRAINED)
            return None
        for playout in self.flushing:
            assert playout.flush is not None
            if name == playout.flush.sentinel:
                playout.flush.sentinel_date, playout.flush.effective_max = date, sure.latest
                return playout
            if playout.echo(name, date, sure, lag):
                return playout
        return None

    def judge(self, playout: Playout, at_ns: int) -> Judgement:
        """Where the ear was when the playout was cleared, by what is known now."""
        return playout.judge(self.stream.now(at_ns), self.stream.latest(at_ns))

    def is_stalled(self, playout: Playout, at_ns: int) -> bool:
        """Whether the line to Twilio is stuck, so that waiting will tell more than guessing."""
        return self.stream.is_mute(at_ns) or playout.is_clear_late()

    def settle(self, playout: Playout, judgement: Judgement) -> None:
        """Give the items of a cleared playout what was heard of them."""
        playout.settle(judgement)
        self._fact(playout, PlayFact.TIMED_OUT if judgement.is_estimate else PlayFact.PROVED)
        if not judgement.is_estimate:
            self.flushing.remove(playout)

    def hang_up(self, at_ns: int, *, is_stop: bool = False) -> None:
        """The stream is over: what was playing was heard as far as the ear had come. After `stop` nothing is played;
        whoever else ends a call, Twilio plays on until it hears of it."""
        for playout in [*self.flushing]:
            self.settle(playout, self.judge(playout, at_ns))
        playout, round_trip = self.playout, max(self.round_trips, default=0)
        now = self._date(at_ns, 0).middle
        latest = self.stream.bounds(at_ns)[1]
        if not is_stop:
            latest = self.stream.latest(at_ns) + round_trip + self.stream.jitter
        position = playout.position(now, round_trip)
        low, high = playout.bounds(latest)
        reach = playout.next_mark() if self.rules < RULES_OMITTED else max(position, playout.next_mark())
        at = min(now, playout.date_of(position, round_trip))
        playout.settle(Judgement(position, low, max(high, position), at, is_estimate=True, reach=reach))

    def _date(self, at_ns: int, sent_at: int) -> Dated:
        return Dated(*self.stream.date(at_ns, sent_at if self.rules >= RULES_OMITTED else None))

    @staticmethod
    def _fact(playout: Playout, fact: PlayFact) -> None:
        playout.state = after(PLAYOUT, playout.state, fact)
