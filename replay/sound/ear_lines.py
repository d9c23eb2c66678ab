"""Where the ear was in one playout, and when: every echo of it looked at together.

`engine.core.playout` tells the theory. There the line on which the ear moves is narrowed echo by echo, and what was
dated before stays as it was; so stretches that follow each other would gap or overlap by some samples. Here a *run*,
all that was played without a pause, has one line, in the dates of all its echoes at once.

A new run begins where audio was sent into silence, and where an echo comes later than the line allows: playback had run
dry. It runs dry where audio came too late, so between two sendings. When a sending arrived is foretold: it left us at a
known time and made the quickest journey seen. Echoes say whether there was a pause and how long it was; the forecast,
before which sending. Where no echo came, it says both.

A clear cuts the playout where the ear was when it took effect. Which echoes a clear brought back and which were played
is for the core to tell; the date is taken of them together, and without any it is the forecast. After the last word
from Twilio nothing was played. Where Twilio's last word is missing (a call that goes on, a connection that broke), its
newest frame is taken.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

from engine.core.stream_clock import NS_PER_SAMPLE
from replay.sound.ear_clock import Span
from replay.sound.ear_runs import Evidence, Run, runs_of
from replay.sound.ear_wire import Echo, Played, Sent, When, Wire


class Placed(NamedTuple):
    """Audio that was sent, with the stream sample that it begins at and how many samples of it were heard."""

    sent: Sent
    at: int
    heard: int


class Lines:
    """One playout. `free_at`: when the ear was done with what was sent before it."""

    def __init__(self, wire: Wire, played: Played, free_at: int) -> None:
        self._wire = wire
        self._played = played
        self._free_at = free_at
        since = played.echoes_since
        self._flushed = since[len(since) - played.ledger.flushed_echoes :]
        self._all_is_back = played.cleared is not None and not played.ledger.is_unplayed and not self._flushed
        """Every mark came back, and seemed to come in time."""
        self._news = self._news_of_clear()
        self._echoes = [*played.echoes, *filter(self._is_older, since)]

    def placed(self) -> list[Placed]:
        """What became of each sending."""
        forecast = [self._foretold(index, sent) for index, sent in enumerate(self._played.sent)]
        silences = [index for index, sent in enumerate(self._played.sent) if sent.into_silence]
        runs = runs_of(silences, self._evidence(), forecast)
        starts = self._starts(runs, lambda run: run.line)
        position = max([self._position(runs, starts), *(echo.position for echo in self._echoes)])
        return [
            Placed(sent, at, min(max(0, position - sent.position), len(sent.audio)))
            for sent, at in zip(self._played.sent, starts, strict=True)
        ]

    # Echoes

    def _news_of_clear(self) -> When | None:
        """What tells that a clear had taken effect: the first mark that was flushed; or else the sentinel; or if every
        mark came in time, the last of them, for it may have been flushed after all."""
        if self._flushed:
            return self._flushed[0].when
        return self._played.echoes_since[-1].when if self._all_is_back else self._played.sentinel

    def _is_older(self, echo: Echo) -> bool:
        """Whether an echo left Twilio before the news of the clear. One that left with it says nothing."""
        return self._news is None or self._date(echo.when).latest < self._date(self._news).earliest

    def _evidence(self) -> list[Evidence]:
        made: list[Evidence] = []
        positions, marked = [sent.position for sent in self._played.sent], 0
        for echo in self._echoes:
            date, index = self._date(echo.when), bisect_left(positions, echo.position)
            if echo.is_probe and index < len(positions):
                # What follows it may have been slower on its way.
                slowest = date.latest + self._wire.clock.jitter_ns(echo.when.seq)
                made.append(Evidence(index, _up(date.earliest) - echo.position, _up(slowest) - echo.position))
            elif echo.position > marked:
                made.append(Evidence(index - 1, _down(date.earliest) - echo.position, _up(date.latest) - echo.position))
            marked = echo.position
        return made

    def _foretold(self, index: int, sent: Sent) -> Evidence:
        """The line of a sending if it was played at once when it arrived."""
        arrival = self._wire.arrival(sent.when)
        return Evidence(index, _up(arrival.earliest) - sent.position, _up(arrival.latest) - sent.position)

    def _date(self, when: When) -> Span:
        """When what came then left Twilio."""
        return self._wire.clock.date(when.seq, when.at_ns)

    # Where the ear stopped

    def _position(self, runs: list[Run], starts: list[int]) -> int:
        """How far the ear came, by the dates."""
        cleared, over = self._played.cleared, self._wire.over
        stop = self._newest() if cleared is None else self._effective(cleared)
        if over is not None and (cleared is None or self._date(over).latest <= stop.latest):
            stop = self._date(over)
        elif self._all_is_back:
            return self._reached(self._starts(runs, lambda run: run.low), _down(stop.latest))
        return min(self._reached(starts, _down(stop.middle)), self._bound())

    def _bound(self) -> int:
        """What the ear cannot have passed: a mark that was flushed, or one that has not come back, if any do."""
        if self._flushed:
            return self._flushed[0].position
        ledger = self._played.ledger
        return ledger.next_mark() if self._echoes and self._played.cleared is None else ledger.sent

    def _newest(self) -> Span:
        """When Twilio was last heard of."""
        newest_ns = self._wire.hearing.stream.newest * NS_PER_SAMPLE
        return Span(newest_ns, newest_ns)

    def _effective(self, cleared: When) -> Span:
        """When a clear took effect."""
        foretold = self._wire.arrival(cleared)
        if self._news is None:
            return foretold
        date = self._date(self._news)
        for echo in self._flushed:
            date = date.also(self._date(echo.when))
        # What was sent behind the clear, as the sentinel, may have come later than it.
        return date if self._flushed else Span(min(date.earliest, foretold.earliest), date.latest)

    # Positions and dates

    def _starts(self, runs: list[Run], line_of: Callable[[Run], int]) -> list[int]:
        """When each sending began to be played, on these lines. The ear does not go back."""
        starts: list[int] = []
        free_at, number = self._free_at, 0
        for index, sent in enumerate(self._played.sent):
            if number + 1 < len(runs) and runs[number + 1].first <= index:
                number += 1
            starts.append(max(free_at, line_of(runs[number]) + sent.position))
            free_at = starts[-1] + len(sent.audio)
        return starts

    def _reached(self, starts: list[int], at: int) -> int:
        """The position of the ear at a date."""
        reached = 0
        for sent, start in zip(self._played.sent, starts, strict=True):
            if start >= at:
                break
            reached = sent.position + min(len(sent.audio), at - start)
        return reached


def _down(at_ns: int) -> int:
    return at_ns // NS_PER_SAMPLE


def _up(at_ns: int) -> int:
    return -(-at_ns // NS_PER_SAMPLE)
