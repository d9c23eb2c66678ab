"""A recorded call under other settings: the same inputs through two cores, side by side.

One core has the settings of the log and does what was recorded; the other one has other settings, from some entry on.
What the second is handed is what was recorded, but for four kinds of input that the core itself brings about:

**Timers.** A `timer.due` comes because the core asked for it. As long as both cores want to be woken at the same
moment, both are woken as recorded, however late that was. When they do not, the recorded one is not handed over and
the second core is woken when it asks for it.

**Searches for words** are done again, as in any replay. An answer comes when the recorded one came, or at once where
none was asked for when it was recorded.

**The word** that the caller is told while the model is away comes when the recorded one came, or at once where none was
asked for then; it says the same. Where none was recorded, nobody knows what it would have said, and none comes.

**Echoes.** The core counts its marks, so one mark more or less gives all that follow another name. An echo tells when
the ear was at a place in the audio, whatever the mark there is called: it is handed over under the name of the mark
that the second core has at that place, and left out if it has none.

What `session.updated` says in answer to another configuration is taken for granted (`engine.core.reconfigure`).
Whatever else a peer would have said otherwise is not invented: see `evidence`.
"""

from collections import Counter
from typing import Literal, NamedTuple

import msgspec

from engine.core import Call, CallSettings, Command, Entry, Leg, Step, record, wire_caller, wire_engine
from engine.core import commands as cmd
from engine.core import events as ev
from engine.core.audio import ms_of
from engine.core.heard import Work
from engine.core.reconfigure import grant, reconfigure
from replay.rows import Log, entry_of

By = Literal["input", "timer", "answer", "settings"]
TIMER = "timer.due"
WORD = "word.loaded"
ANSWERS = ("item.aligned", "item.unaligned")
TIMER_BODY = msgspec.json.encode({"type": TIMER}).decode()
Key = tuple[str, ...]
Place = tuple[str, str, str]
"""Where a mark stands: its kind, and the audio before it, as the entry that brought it and how much of that."""

_SUBJECTS = ("item_id", "response_id", "leg")


class Commanded(NamedTuple):
    """A command, and when it is sent: on the recorded input `step`, or after it, `by` something that was not recorded.
    `key` makes it the same command; `subject` is what it is about, where it is one of few about that."""

    entry: Entry
    step: int
    by: By
    stream_ms: int
    key: Key
    subject: Key | None


class Outcome(NamedTuple):
    """Both cores at the end of the log. `lost_echoes`: how many were left out."""

    recorded: "Core"
    what_if: "Core"
    lost_echoes: int

    def unequal_audio(self) -> set[str]:
        """Entries whose audio the two do not play equally far, however they cut it."""
        one, other = self.recorded.played, self.what_if.played
        return {source for source in one | other if one[source] != other[source]}


class Core:
    """One of the two cores, and what it did."""

    def __init__(self, settings: CallSettings) -> None:
        self.call = Call(settings)
        self.commanded: list[Commanded] = []
        self.searches: dict[str, Work] = {}
        """Those that wait for an answer."""
        self.words_asked = 0
        """Words for the caller, which wait for theirs."""
        self.names: dict[Place, str] = {}
        self.places: dict[str, Place] = {}
        self.wake_at_ns: int | None = None
        self.woken = 0
        self.played: Counter[str] = Counter()
        """How much of the audio of each entry was played."""
        self.at = 0
        """What the stream's clock showed at the newest input, in samples."""
        self._spoken = ("", "")

    def take(self, seq: int, at_ns: int, leg: Leg, body: str, audio: bytes | None = None, by: By = "input") -> None:
        """An input."""
        self.note(self.call.step(seq, at_ns, leg, body, audio), seq, at_ns, by)

    def note(self, step: Step, seq: int, at_ns: int, by: By) -> None:
        """What a step led to."""
        self.wake_at_ns = step.wake_at_ns
        self.woken += step.type == TIMER
        self.at = max(self.at, self.call.hearing.stream.peek(at_ns))
        rows = record(step.commands, seq + 1, at_ns, seq)
        for row, command in zip(rows, step.commands, strict=True):
            key, subject = self._key(row, command)
            self.commanded.append(Commanded(row, seq, by, ms_of(self.at), key, subject))

    def _key(self, row: Entry, command: Command) -> tuple[Key, Key | None]:
        match command:
            case cmd.PlayAudio():
                self.played[str(command.source)] += command.end - command.begin
                self._spoken = str(command.source), str(command.end)
                return ("media", str(command.source), str(command.begin), str(command.end)), None
            case cmd.PlaceMark():
                place = (command.name.rpartition("-")[0], *self._spoken)
                self.names[place], self.places[command.name] = command.name, place
                return ("mark", *place), None
            case cmd.AppendAudio():
                return ("append", str(command.source)), None
            case cmd.AlignItem():
                self.searches[command.item_id] = command.work
            case cmd.LoadWord():
                self.words_asked += 1
        about = next((getattr(command, name) for name in _SUBJECTS if hasattr(command, name)), "")
        if isinstance(command, cmd.CreateItem):
            about = str(command.item["id"])
        event_id = getattr(command, "event_id", "")
        return (row.type, row.body.replace(f'"event_id":"{event_id}",', "")), (row.type, about)


def what_if(log: Log, settings: CallSettings, from_seq: int) -> Outcome:
    """Run a log under its own settings and under `settings` from entry `from_seq` on: a log whose replay is the same,
    for else the difference would not be that of the settings. Raises LogError where it cannot be read."""
    run = _Run(log, settings, from_seq)
    for row in log.rows():
        if row[2] == "input":
            run.take(entry_of(row))
    return Outcome(run.recorded, run.what_if, run.lost_echoes)


class _Item(msgspec.Struct):
    item_id: str


_decode_item = msgspec.json.Decoder(_Item).decode


_WORD_ROW = ("input", "engine", WORD)


class _Run:
    """The two cores, step by step."""

    def __init__(self, log: Log, after: CallSettings, from_seq: int) -> None:
        before = log.settings
        self.recorded, self.what_if = Core(before), Core(before)
        self.lost_echoes = 0
        self._is_redacted = log.head.is_redacted
        self._before, self._after, self._from_seq = before, after, from_seq
        self._is_changed = False
        self._seq = 0
        self._word: Entry | None = next((entry_of(row) for row in log.rows() if row[2:5] == _WORD_ROW), None)

    def take(self, entry: Entry) -> None:
        """A recorded input."""
        recorded, what_if = self.recorded, self.what_if
        self._wake(entry.at_ns)
        if not self._is_changed and entry.seq >= self._from_seq:
            self._is_changed = True
            what_if.note(reconfigure(what_if.call, self._after, entry.at_ns), entry.seq, entry.at_ns, "settings")
        is_woken = what_if.wake_at_ns == recorded.wake_at_ns
        item_id = _decode_item(entry.body).item_id if entry.type in ANSWERS else ""
        recorded.searches.pop(item_id, None)
        recorded.words_asked -= entry.type == WORD
        recorded.take(entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio)
        body: str | None = entry.body
        if entry.type == TIMER:
            body = body if is_woken else None
        elif entry.type in ANSWERS:
            body = self._answer(entry, item_id)
        elif entry.type == "mark":
            body = self._echo(entry)
        elif entry.type == WORD:
            body = body if what_if.words_asked else None
            what_if.words_asked -= what_if.words_asked > 0
        self._seq = entry.seq
        if body is not None:
            self._tell(entry.at_ns, entry.leg, body, entry.audio, "input")
        if entry.type == "session.updated" and self._is_changed:
            grant(what_if.call, self._before)

    def _wake(self, at_ns: int) -> None:
        """What the core wants to be woken for until then, where that is not what was recorded."""
        core = self.what_if
        while (due_ns := core.wake_at_ns) is not None and due_ns <= at_ns and due_ns != self.recorded.wake_at_ns:
            self._tell(max(due_ns, core.call.at_ns), "engine", TIMER_BODY, None, "timer")

    def _tell(self, at_ns: int, leg: Leg, body: str, audio: bytes | None, by: By) -> None:
        """An input to the second core, and the answers to searches for which none was recorded."""
        core = self.what_if
        core.at = max(core.at, self.recorded.at)  # a call that has ended looks at no clock
        core.take(self._seq, at_ns, leg, body, audio, by)
        while item_ids := [item_id for item_id in core.searches if item_id not in self.recorded.searches]:
            answer = wire_engine.aligned(item_ids[0], core.searches.pop(item_ids[0]).done())
            core.take(self._seq, at_ns, "engine", answer, None, "answer")
        while core.words_asked > max(self.recorded.words_asked, 0) and self._word is not None:
            core.words_asked -= 1
            core.take(self._seq, at_ns, "engine", self._word.body, self._word.audio, "answer")

    def _answer(self, entry: Entry, item_id: str) -> str | None:
        """What the second core is told when an answer was recorded. Nothing, if it did not ask."""
        work = self.what_if.searches.pop(item_id, None)
        if work is None or entry.type != "item.aligned" or self._is_redacted:
            return None if work is None else entry.body
        return wire_engine.aligned(item_id, work.done())

    def _echo(self, entry: Entry) -> str | None:
        """The echo of the mark at the same place. Nothing, if there is none."""
        event = wire_caller.decode(entry.body, None)[1]
        place = self.recorded.places.get(event.name) if isinstance(event, ev.MarkEchoed) else None
        if place is None:
            return entry.body
        name = self.what_if.names.get(place)
        if name is None:
            self.lost_echoes += 1
            return None
        return msgspec.json.encode({"event": "mark", "mark": {"name": name}}).decode()
