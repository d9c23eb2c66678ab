"""What went over the caller's socket, both ways: who sent what when, from the log alone.

The frames that were sent are taken as recorded, not as the core would send them now: what reached the ear does not
depend on what this version would decide. They are told to an observer of their own (`engine.core.hearing`), which knows
of marks, echoes and clears all that the live one knew, and goes on where the core stops listening: when a call is being
ended Twilio still plays, until its socket closes.

A log of ours names the audio that was sent: the model's, or our own, which the caller is told while the model is away.
In that of another bridge it is known by its bytes
(`engine.core.provenance`), and marks that have the same name are told apart by their order.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import NamedTuple

import msgspec

from engine.core import RULES_OVERHEARD, Entry, wire_caller, wire_engine, wire_model, wire_sent, wire_session
from engine.core import events as ev
from engine.core.audio import SILENCE
from engine.core.call import CHANNELS, ENCODING, SAMPLE_RATE
from engine.core.commands import ClearPlayout, PlaceMark, PlayAudio
from engine.core.conversation import Item
from engine.core.hearing import Hearing
from engine.core.names import Names
from engine.core.playout import Playout
from engine.core.provenance import Provenance
from engine.core.session import PCMU
from engine.core.stream_clock import NS_PER_SAMPLE
from replay.rows import Log, entry_of
from replay.sound.ear_clock import EarClock, Span

_SESSION_TYPES = frozenset({"session.created", "session.updated"})
_AUDIO_TYPES = frozenset({"response.output_audio.delta", "response.audio.delta"})
_SILENCE = bytes([SILENCE])


class When(NamedTuple):
    """An entry, and the time on our clock."""

    seq: int
    at_ns: int


class Delta(NamedTuple):
    """Audio of an item, as it came: from sample `begin` of the item on. Of no response, it is not the model's."""

    when: When
    response_id: str
    item_id: str
    begin: int
    audio: bytes


class Sent(NamedTuple):
    """Audio that was handed to Twilio at `position` of its playout: an item's, from its sample `begin` on, or nobody's.
    `into_silence`: all that was sent before was known to have been played."""

    when: When
    item_id: str
    begin: int
    audio: bytes
    position: int
    into_silence: bool


class Echo(NamedTuple):
    """The mark at `position` of its playout came back. A probe was sent into silence: it had nothing to wait for."""

    when: When
    position: int
    is_probe: bool


class Played(msgspec.Struct):
    """All that was sent between two clears, and what is known of it. `ledger`: as the core keeps it."""

    ledger: Playout
    sent: list[Sent] = []
    echoes: list[Echo] = []
    cleared: When | None = None
    echoes_since: list[Echo] = []
    """The clear. They are `ledger.flush.echoes`, one for one."""
    sentinel: When | None = None
    """The mark right behind the clear came back."""


class Wire:
    """See above. Made by `read`."""

    def __init__(self, is_ours: bool) -> None:
        self._is_ours = is_ours
        self.clock = EarClock()
        self.frames: list[tuple[int, bytes]] = []
        """The caller's audio, each frame with the stream sample that it begins at."""
        self.codec = ""
        """Of the stream, if it is not ours."""
        self.deltas: dict[int, Delta] = {}
        """By entry."""
        self.hearing = Hearing()
        self.playouts = [Played(self.hearing.playout)]
        self.round_trip_ns: int | None = None
        """The quickest: from a mark that had nothing to wait for to its echo, or what is left for the journey when the
        time that it took to play what came before a mark is taken off."""
        self.over: When | None = None
        """Twilio's last word: `stop`, or that it closed the socket."""
        self.last = When(0, 0)
        self._format = PCMU
        """Of the model's audio. In any other it cannot be told what of it was sent."""
        self._items: dict[str, Item] = {}
        self._names = Names()
        self._provenance = Provenance()
        self._probes: dict[str, int] = {}
        """Marks that had nothing to wait for and have not come back, with the time they were sent."""
        self._marks_sent: Counter[str] = Counter()
        self._marks_come: Counter[str] = Counter()
        self._sentinel_is_next = False
        self._first: Sent | None = None
        """What was last sent into silence."""
        self._is_silent = True

    def take(self, entry: Entry, after: Entry | None) -> None:
        """The next entry, and the one that follows it."""
        self.last = When(entry.seq, entry.at_ns)
        if entry.kind != "input":
            if entry.leg == "caller":
                self._to_twilio(entry, after)
        elif entry.leg == "caller":
            self._from_twilio(wire_caller.decode(entry.body, entry.audio)[1])
        elif entry.type in _AUDIO_TYPES:
            self._generated(wire_model.decode(entry.body, entry.audio)[1])
        elif entry.type in _SESSION_TYPES and not self._is_ours:
            said = wire_session.decode(entry.body)
            self._format = (said and said.output_format) or self._format
        elif entry.type == "leg.closed":
            self._closed(wire_engine.decode(entry.body)[1])
        elif entry.type == "word.loaded" and entry.audio:
            # Named as the core names it: one that it did not play has a name, too.
            self.deltas[entry.seq] = Delta(self.last, "", self._names.word(), 0, entry.audio)

    def arrival(self, when: When) -> Span:
        """When what was sent then arrived at Twilio, in nanoseconds of the stream, if it was about as quick as anything
        was. How much the way there varies is not known; the way back is taken for it."""
        at_ns = when.at_ns + (self.round_trip_ns or 0) - self.clock.quickest_ns(when.seq)
        return Span(at_ns - self.clock.jitter_ns(when.seq), at_ns)

    # What came

    def _from_twilio(self, event: ev.AnyEvent) -> None:
        match event:
            case ev.CallerAudio():
                stream = self.hearing.stream
                begin = stream.frame(event.timestamp_ms, len(event.audio), self.last.at_ns)
                self.clock.frame(self.last.seq, stream.newest, self.last.at_ns)
                if not self.codec:
                    self.frames.append((begin, event.audio))
            case ev.MarkEchoed():
                self._echoed(_nth(event.name, self._marks_come))
            case ev.StreamStarted():
                self.clock.opened_ns = self.last.at_ns
                if (event.encoding, event.sample_rate, event.channels) != (ENCODING, SAMPLE_RATE, CHANNELS):
                    self.codec = f"{event.encoding}, {event.sample_rate} Hz, {event.channels} channel(s)"
            case ev.StreamStopped():
                self.over = self.over or self.last

    def _echoed(self, name: str) -> None:
        sent_ns = self._probes.pop(name, None)
        if sent_ns is not None:
            self._journey(self.last.at_ns - sent_ns)
        for played in self.playouts:
            flush, position = played.ledger.flush, played.ledger.marks.get(name)
            if flush is not None and name == flush.sentinel:
                played.sentinel = self.last
            elif position is not None and flush is not None:
                played.echoes_since.append(Echo(self.last, position, sent_ns is not None))
            elif position is not None:
                played.echoes.append(Echo(self.last, position, sent_ns is not None))
                if self._first is not None and position > self._first.position:
                    playing_ns = (position - self._first.position) * NS_PER_SAMPLE
                    self._journey(self.last.at_ns - self._first.when.at_ns - playing_ns)
        self.hearing.echoed(name, self.last.at_ns)

    def _journey(self, ns: int) -> None:
        self.round_trip_ns = max(0, ns if self.round_trip_ns is None else min(ns, self.round_trip_ns))

    def _closed(self, event: ev.AnyEvent) -> None:
        # Without a code nobody closed it: the connection broke, and Twilio cannot say when.
        if isinstance(event, ev.LegClosed) and event.leg == "caller" and event.code is not None:
            self.over = self.over or self.last

    def _generated(self, event: ev.AnyEvent) -> None:
        if isinstance(event, ev.ItemAudio) and self._format == PCMU:
            item = self._items.setdefault(event.item_id, Item(event.item_id))
            self.deltas[self.last.seq] = Delta(
                self.last, event.response_id, event.item_id, item.generated_samples, event.audio
            )
            item.generated_samples += len(event.audio)
            if not self._is_ours:
                self._provenance.generated(self.last.seq, item, event.audio)

    # What was sent

    def _to_twilio(self, entry: Entry, after: Entry | None) -> None:
        match wire_sent.decode(entry):
            case PlayAudio() as command:
                for item_id, begin, audio in self._parts(command):
                    self._sent(item_id, begin, audio)
            case PlaceMark() if self._sentinel_is_next:
                self._sentinel_is_next = False
            case PlaceMark(name=name):
                self._marked(_nth(name, self._marks_sent))
            case ClearPlayout() if self.hearing.playout.is_unplayed:
                behind = None if after is None else wire_sent.decode(after)
                self._sentinel_is_next = isinstance(behind, PlaceMark)
                self._provenance.cleared(self.hearing.playout.items())
                self._cleared(_nth(behind.name, self._marks_sent) if isinstance(behind, PlaceMark) else "")

    def _parts(self, command: PlayAudio) -> Iterator[tuple[str, int, bytes]]:
        """Whose audio it is, and from which sample on: as the log says, or in another bridge's by its bytes."""
        if self._is_ours:
            delta = self.deltas.get(command.source, Delta(self.last, "", "", 0, b""))
            audio = delta.audio[command.begin : command.end]
            yield delta.item_id, delta.begin + command.begin, audio.ljust(command.end - command.begin, _SILENCE)
            return
        begin = 0
        for part in self._provenance.find(command.audio):
            end = begin + part.end - part.begin
            yield "" if part.item is None else part.item.item_id, part.begin, command.audio[begin:end]
            begin = end

    def _sent(self, item_id: str, begin: int, audio: bytes) -> None:
        hearing = self.hearing
        into_silence = self._is_silent or not hearing.playout.is_unplayed
        sent = Sent(self.last, item_id, begin, audio, hearing.playout.sent, into_silence)
        self.playouts[-1].sent.append(sent)
        self._first = sent if into_silence else self._first
        hearing.sent_audio(self._items.setdefault(item_id, Item(item_id)), len(audio))
        self._is_silent = False

    def _marked(self, name: str) -> None:
        if not self.hearing.playout.is_unplayed:
            self._is_silent, self._probes[name] = True, self.last.at_ns
        self.hearing.sent_mark(name, self.last.at_ns)

    def _cleared(self, sentinel: str) -> None:
        self.playouts[-1].cleared = self.last
        self.hearing.sent_clear(sentinel, self.last.at_ns)
        self._probes[sentinel] = self.last.at_ns
        self.playouts.append(Played(self.hearing.playout))
        self._is_silent, self._first = True, None


def read(log: Log) -> Wire:
    """All of a log. Raises LogError."""
    wire = Wire(is_ours=log.settings.rules != RULES_OVERHEARD)
    entries = chain(map(entry_of, log.rows()), [None])
    for entry, after in pairwise(entries):
        assert entry is not None
        wire.take(entry, after)
    return wire


def _nth(name: str, counts: Counter[str]) -> str:
    """A name for the n-th mark of a name: bridges that ask only whether all was played call every mark the same."""
    counts[name] += 1
    return f"{name} {counts[name]}"
