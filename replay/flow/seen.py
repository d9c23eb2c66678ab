"""The entries of a log as a person looks at them: when it was in the call, who told whom, and whose audio it was.

An entry by itself says little of this. A played stretch names the entry that brought its audio and not the item; a mark
does not say whether it was played; that a frame is malformed, only its decoder knows. A `Look` goes through a log once,
with the core beside it, and adds what is missing.

For the directions there are three parties, and the engine's own entries belong to a fourth, our own shell: what it
tells the bridge (a leg opened, a timer is due) and what the bridge asks of it.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
from msgspec.structs import replace

from engine.core import RULES_OVERHEARD, AnyCall, Entry, wire_caller, wire_engine, wire_model, wire_sent
from engine.core import events as ev
from engine.core.conversation import NO_SESSION
from engine.core.machines import Socket
from engine.log.reader import Row
from replay.flow.marks import Mark, Marks
from replay.rows import Log
from replay.walk import Moment, Walk

Party = Literal["caller", "bridge", "model", "engine"]

AUDIO_DELTAS = frozenset({"response.output_audio.delta", "response.audio.delta"})
WORD_DELTAS = frozenset(
    {
        "response.output_audio_transcript.delta",
        "response.audio_transcript.delta",
        "conversation.item.input_audio_transcription.delta",
    }
)
APPEND = "input_audio_buffer.append"
CREATE = "conversation.item.create"
ITEM_NEWS = frozenset({"conversation.item.added", "conversation.item.created", "conversation.item.done"})
WORD = "word.loaded"


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One entry. `item_id`: whose audio or words it carries, where that is known, or which item of an earlier session a
    new one is told of; `begin` and `samples`: which of that item's audio, as generated (a delta) or as sent (a
    stretch), and for the caller's audio how much of it."""

    entry: Entry
    stream_ms: int
    item_id: str = ""
    begin: int = 0
    samples: int = 0
    mark: Mark | None = None
    malformed: str = ""
    """Why it is, if it is."""
    is_held: bool = False
    """Audio that its own step did not pass on to the other side; of an append, that it passes on what had waited. Not
    known of another bridge, whose frames have no causes."""
    is_away: bool = False
    """The model was lost then, and there was no socket to it."""

    @property
    def source(self) -> Party:
        return self.entry.leg if self.entry.kind == "input" else "bridge"

    @property
    def target(self) -> Party:
        return self.entry.leg if self.entry.kind == "command" else "bridge"


class _OfItem(msgspec.Struct):
    item_id: str = ""


_decode = msgspec.json.Decoder(_OfItem).decode


class _Created(msgspec.Struct):
    id: str


class _Creates(msgspec.Struct):
    item: _Created


_decode_created = msgspec.json.Decoder(_Creates).decode


class Look:
    """One pass over a log. `walk`: one that somebody else takes, and shows here moment by moment with `see`."""

    def __init__(self, log: Log, walk: Walk | None = None) -> None:
        self._walk = walk or Walk(log)
        self.marks = Marks()
        self._malformed_count = 0
        self._has_causes = log.settings.rules != RULES_OVERHEARD
        self._items: dict[int, str] = {}
        """By the entry that brought audio of an item."""
        self._spoken = ""
        """The item that was played last."""
        self._generated: dict[str, int] = {}
        self._sent: dict[str, int] = {}
        self._frames: dict[int, int] = {}
        """Samples of the caller's frames that have not been passed on."""
        self._passed: dict[int, int] = {}
        """Of those that have been: they may be once more, to another session."""
        self._restored: set[str] = set()
        """Items that a new session was told of."""

    @property
    def call(self) -> AnyCall:
        """The core after the step of the entry that came last."""
        return self._walk.call

    def __iter__(self) -> Iterator[Seen]:
        return self.take(self._walk.log.rows())

    def take(self, rows: Iterable[Row]) -> Iterator[Seen]:
        """More of the log, up to between two steps: for one that still grows."""
        for moment in self._walk.take(rows):
            yield from self.see(moment)

    def see(self, moment: Moment) -> Iterator[Seen]:
        """The entries of the moment to which the walk has just come."""
        self.marks.note(moment, self._walk.call)
        count, before = sum(self._walk.call.malformed.values()), self._malformed_count
        self._malformed_count = count
        is_away = _is_away(self._walk.call)
        for entry in moment.entries:
            why = self._malformed(entry, moment) if count > before else ""
            seen = Seen(entry, moment.stream_ms, malformed=why) if why else self._see(entry, moment)
            yield replace(seen, is_away=True) if is_away else seen

    def _malformed(self, entry: Entry, moment: Moment) -> str:
        """Why an entry is malformed, in a step in which one was. What this bridge sends never is."""
        if self._has_causes and entry.seq != moment.seq:
            return ""
        what = wire_sent.decode(entry) if entry.kind == "command" else decoded(entry)
        if isinstance(what, ev.Malformed):
            return what.reason
        return "not where it may come" if self._has_causes else ""

    def _see(self, entry: Entry, moment: Moment) -> Seen:
        stream_ms, kind = moment.stream_ms, entry.type
        if entry.kind == "command" and entry.leg == "caller" and kind == "media":
            return self._played(entry, stream_ms)
        if kind == "media":
            self._frames[entry.seq] = samples = len(entry.audio or b"")
            return Seen(entry, stream_ms, samples=samples, is_held=self._has_causes and len(moment.entries) == 1)
        if kind == APPEND and entry.kind == "command":
            cause = entry.cause or 0
            known = self._passed.get(cause, len(entry.audio or b""))
            passed = self._passed[cause] = self._frames.pop(cause, known)
            return Seen(entry, stream_ms, samples=passed, is_held=self._has_causes and entry.cause != moment.seq)
        if kind == "mark":
            return Seen(entry, stream_ms, self._spoken, mark=self.marks.of.get(entry.seq))
        if kind in AUDIO_DELTAS:
            return self._generated_audio(entry, moment)
        if kind in WORD_DELTAS:
            return Seen(entry, stream_ms, _item_id(entry))
        if kind == WORD:
            return self._word(entry, moment)
        if kind == CREATE or kind in ITEM_NEWS:
            return Seen(entry, stream_ms, self._restored_id(entry))
        return Seen(entry, stream_ms)

    def _played(self, entry: Entry, stream_ms: int) -> Seen:
        if entry.audio_from is not None and entry.audio_to is not None:
            samples = entry.audio_to - entry.audio_from
        else:
            samples = len(entry.audio or b"")
        self._spoken = item_id = self._items.get(entry.cause or 0, "")
        begin = self._sent.get(item_id, 0)
        self._sent[item_id] = begin + samples
        return Seen(entry, stream_ms, item_id, begin, samples)

    def _generated_audio(self, entry: Entry, moment: Moment) -> Seen:
        item_id, samples = _item_id(entry), len(entry.audio or b"")
        self._items[entry.seq] = item_id
        if self._has_causes:
            self._spoken = item_id
        begin = self._generated.get(item_id, 0)
        self._generated[item_id] = begin + samples
        is_held = self._has_causes and not any(other.type == "media" for other in moment.entries)
        return Seen(entry, moment.stream_ms, item_id, begin, samples, is_held=is_held)

    def _word(self, entry: Entry, moment: Moment) -> Seen:
        """What the caller is told while the model is away: an item of the bridge's own, which the core has named."""
        samples = len(entry.audio or b"")
        is_held = not any(other.type == "media" for other in moment.entries)
        if not is_held:
            said = (item.item_id for item in self.call.conversation.items.values() if item.session == NO_SESSION)
            self._spoken = self._items[entry.seq] = list(said)[-1]
        return Seen(entry, moment.stream_ms, "" if is_held else self._spoken, samples=samples, is_held=is_held)

    def _restored_id(self, entry: Entry) -> str:
        """Of ours, which item a new session is told of, or says that it has now."""
        try:
            item_id = _decode_created(entry.body).item.id
        except ev.UNREADABLE:
            return ""
        if entry.kind == "command" and self._has_causes:
            self._restored.add(item_id)
        return item_id if item_id in self._restored else ""


def _is_away(call: AnyCall) -> bool:
    """Whether the model was lost, and there is no socket to it."""
    return bool(call.absences) and call.absences[-1].back_at is None and call.model is not Socket.OPEN


def decoded(entry: Entry) -> ev.AnyEvent:
    """What an input says, as the core reads it."""
    if entry.leg == "caller":
        return wire_caller.decode(entry.body, entry.audio)[1]
    if entry.leg == "model":
        return wire_model.decode(entry.body, entry.audio)[1]
    return wire_engine.decode(entry.body, entry.audio)[1]


def _item_id(entry: Entry) -> str:
    try:
        return _decode(entry.body).item_id
    except ev.UNREADABLE:
        return ""
