"""When things became known, gathered in one walk over a log: what the core does not keep, since no decision needs it.

The core says when the caller spoke and what was at the ear when; it forgets when the *news* of it came, when a response
began, when its first audio came and went out. Each such date is the stream time that our clock showed (`replay.walk`).

**What a response answers** no frame says. One that we asked for answers what we asked it for. One that the model makes
by itself answers what happened last: the caller fell silent, or a function was called. What a response was made for
that was cut off when the model was lost, the next session is asked for again; but where some of it was played already,
what comes then follows that.
"""

from bisect import bisect_right
from typing import Any

import msgspec

from engine.core import AnyCall, Entry, wire_model
from engine.core import events as ev
from engine.core.audio import FRAME_SAMPLES, loudness
from engine.core.conversation import LOST, Item
from replay.metrics.budgets import VOICE_LOUDNESS
from replay.metrics.line import Line
from replay.metrics.measured import Follows
from replay.repairs import Repairs
from replay.walk import Moment

_TOLD_TYPES = frozenset(
    {
        "response.output_audio.delta",
        "response.audio.delta",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "response.created",
        "response.output_item.done",
        "conversation.item.input_audio_transcription.completed",
        "error",
    }
)


class Due(msgspec.Struct, frozen=True):
    """What a response is made for. `item_id`: of the caller's turn, of the function call, or of the item that was lost.
    `caller`: the item of the
    caller that is answered in the end, through whatever function calls."""

    follows: Follows = "nothing"
    item_id: str = ""
    caller: str = ""


class ResponseDates(msgspec.Struct, frozen=True):
    """A response: when we asked for it, if we did; when news of it came, and what it is made for."""

    created_at: int
    due: Due
    asked_at: int | None = None


class ItemDates(msgspec.Struct):
    """An item of either party, as far as each is told."""

    seq: int
    """First entry that tells of it."""
    stopped_at: int | None = None
    """News that the caller had stopped."""
    audio_at: int | None = None
    sent_at: int | None = None
    silent_samples: int = 0
    """At the head of its audio, so far."""
    has_voice: bool = False


class ToolDates(msgspec.Struct, frozen=True):
    """A function call: when it was whole, and how many responses there were by then."""

    seq: int
    done_at: int
    responses: int


class _Asked(msgspec.Struct, frozen=True):
    """A response that we asked for and that has not begun."""

    event_id: str
    at: int
    due: Due


class _RequestFrame(msgspec.Struct):
    event_id: Any = None


_decode_request = msgspec.json.Decoder(_RequestFrame).decode


class ClearDates(msgspec.Struct, frozen=True):
    """An interruption: when the news came that led to it, when the clear went out, and whose words (item) it was."""

    seq: int
    type: str
    told_at: int
    clear_at: int
    item_id: str


class Dates:
    """Tell it every moment, with the core after it."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.ats: list[int] = []
        self.items: dict[str, ItemDates] = {}
        self.responses: dict[str, ResponseDates] = {}
        self.clears: list[ClearDates] = []
        self.tools: dict[str, ToolDates] = {}
        self.words: dict[str, str] = {}
        """Of the caller, by item, once they are whole."""
        self.ready_at: int | None = None
        self.dropped_seq: int | None = None
        """First entry at which audio of the caller had to be dropped."""
        self.faults = 0
        self.line = Line()
        self.repairs = Repairs()
        self._due = Due()
        self._asked: list[_Asked] = []
        self._spoke = ("", 0)
        """Item of the caller who spoke last, and when the news of it came."""
        self._unsent: list[Item] = []
        self._session = 1
        self._cut_off: set[str] = set()
        """Responses in which the model was lost."""

    def take(self, moment: Moment, call: AnyCall) -> None:
        """What happened, and what the core made of it."""
        self.seqs.append(moment.seq)
        self.ats.append(moment.at)
        if len(call.conversation.items) > len(self.items):
            for item_id in list(call.conversation.items)[len(self.items) :]:
                self.items[item_id] = ItemDates(moment.seq)
        for entry in moment.entries:
            self.repairs.take(entry)
            if entry.kind == "input":
                self._input(entry, moment.at, call)
            elif entry.type == "response.create":
                self._ask(entry, _at(moment, call, "response.create"), call)
            elif entry.kind == "fault":
                self.faults += 1
        if call.conversation.session != self._session:
            self._session = call.conversation.session
            self._lost(call)
        if self.ready_at is None and call.session.is_ready:
            self.ready_at = moment.at
        if self.dropped_seq is None and call.session.dropped_samples:
            self.dropped_seq = moment.seq
        self._sent(moment, call)
        self._cleared(moment, call)
        self.line.heard_back(moment, call.hearing.round_trips)

    def seq_at(self, at: int) -> int:
        """The first entry of the last step before stream time `at`."""
        return self.seqs[max(0, bisect_right(self.ats, at) - 1)]

    def at_of(self, seq: int) -> int:
        """Stream time of an entry."""
        return self.ats[bisect_right(self.seqs, seq) - 1]

    def _input(self, entry: Entry, at: int, call: AnyCall) -> None:
        if entry.type == "media":
            self.line.frame(entry, call.hearing.stream)
        elif entry.leg == "model" and entry.type in _TOLD_TYPES:
            self._told(wire_model.decode(entry.body, entry.audio)[1], at, call)

    def _told(self, event: ev.AnyEvent, at: int, call: AnyCall) -> None:
        """What the core did not take in, as after the end of a call, is not known here either."""
        match event:
            case ev.ItemAudio() if event.item_id in self.items:
                self._audio(event, at, call)
            case ev.SpeechStarted():
                self._spoke = event.item_id, at
            case ev.SpeechStopped() if event.item_id in self.items:
                self.items[event.item_id].stopped_at = at
                self._due = Due("caller", event.item_id, event.item_id)
            case ev.ResponseCreated() if event.response_id in call.conversation.responses:
                if event.response_id not in self.responses:
                    self.responses[event.response_id] = self._created(at)
            case ev.ItemDone() if event.item_id in self.items:
                item = call.conversation.items[event.item_id]
                if item.kind == "function_call":
                    within = self.responses.get(item.response_id or "")
                    self.tools[event.item_id] = ToolDates(self.seqs[-1], at, len(self.responses))
                    self._due = Due("tool", event.item_id, within.due.caller if within is not None else "")
            case ev.CallerTranscript():
                self.words[event.item_id] = event.text
            case ev.ModelError():
                self._asked = [asked for asked in self._asked if asked.event_id != event.event_id]

    def _created(self, at: int) -> ResponseDates:
        if self._asked:
            asked = self._asked.pop(0)
            return ResponseDates(at, asked.due, asked.at)
        due, self._due = self._due, Due()
        return ResponseDates(at, due)

    def _ask(self, entry: Entry, at: int, call: AnyCall) -> None:
        """We asked for a response: before any other, it is the greeting."""
        is_first = self._due.follows == "nothing" and not call.conversation.responses
        due, self._due = Due("greeting") if is_first else self._due, Due()
        self._asked.append(_Asked(str(_decode_request(entry.body).event_id), at, due))

    def _lost(self, call: AnyCall) -> None:
        """The session is gone. What it was asked for, and what it was cut off in, is due once more."""
        dues = [asked.due for asked in self._asked]
        self._asked.clear()
        for response in call.conversation.responses.values():
            made = self.responses.get(response.response_id)
            if response.status != LOST or response.was_cut or made is None or response.response_id in self._cut_off:
                continue
            self._cut_off.add(response.response_id)
            played = [item for item in response.items if item.is_speech and item.sent_samples]
            dues.append(Due("lost", played[-1].item_id, made.due.caller) if played else made.due)
        if dues and self._due.follows == "nothing":
            self._due = dues[-1]

    def _audio(self, event: ev.ItemAudio, at: int, call: AnyCall) -> None:
        dates = self.items[event.item_id]
        if dates.audio_at is None:
            dates.audio_at = at
            self._unsent.append(call.conversation.items[event.item_id])
        for begin in range(0, 0 if dates.has_voice else len(event.audio), FRAME_SAMPLES):
            frame = event.audio[begin : begin + FRAME_SAMPLES]
            dates.has_voice = loudness(frame) >= VOICE_LOUDNESS
            if dates.has_voice:
                break
            dates.silent_samples += len(frame)

    def _sent(self, moment: Moment, call: AnyCall) -> None:
        for item in [item for item in self._unsent if item.sent_samples]:
            self.items[item.item_id].sent_at = _at(moment, call, "media")
            self._unsent.remove(item)

    def _cleared(self, moment: Moment, call: AnyCall) -> None:
        for each in call.barge_in.interruptions[len(self.clears) :]:
            item_id, told_at = self._spoke if each.onset_at is not None else ("", moment.at)
            clear_at = _at(moment, call, "clear")
            self.clears.append(ClearDates(moment.seq, moment.entries[0].type, told_at, clear_at, item_id))


def _at(moment: Moment, call: AnyCall, type_: str) -> int:
    """When the first command of that type went out: ours with what caused it, another bridge's perhaps later."""
    sent = next((entry for entry in moment.entries if entry.kind == "command" and entry.type == type_), None)
    return moment.at if sent is None else max(moment.at, call.hearing.stream.peek(sent.at_ns))
