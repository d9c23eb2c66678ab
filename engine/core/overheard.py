"""A call that another bridge made, heard: `hear(entry)` for every frame that it received and every frame that it sent.

`Call` is told what came and says what to do. Here it is known what was done, and nothing is decided: what is left is
what of it the caller heard, what the model was told about that, and what was said. Whoever reads a `Call` (the report,
the views of `replay`) can read this instead: the parts have the same names and say the same things. `AnyCall` is
either.

What our own bridge knows before the call begins is on the wire here: the session's formats and its VAD's numbers, as
the bridge asked for them and as the server says they are.

Audio can be followed only where it is counted in samples of the phone's own format and passed on as it came. Where that
is not so, `deaf` says why, and what was heard is not known.

Also a log of our own can be heard like this. Then nothing is taken from what was decided at the time.
"""

import msgspec
from msgspec.structs import replace

from engine.core import commands as cmd
from engine.core import events as ev
from engine.core import wire_session
from engine.core.asked import Requests
from engine.core.barge_in import MS
from engine.core.call import CHANNELS, ENCODING, SAMPLE_RATE, Call
from engine.core.conversation import Conversation, Item
from engine.core.entries import Entry
from engine.core.hearing import Hearing
from engine.core.machines import CALL, SOCKET, CallFact, Calling, ResponseFact, Session, Socket, SocketFact, after
from engine.core.model_leg import Absence
from engine.core.names import Names
from engine.core.overhearing import Cleared, Overhearing
from engine.core.provenance import Provenance
from engine.core.reading import What, read
from engine.core.session import PCMU, ModelSession
from engine.core.settings import CallSettings
from engine.core.turns import CallerTurns
from engine.core.words import Words

RULES_OVERHEARD = 0
"""Of a log that another bridge's frames were made into: no rules of ours decided it."""
SAME_BARGE_IN_NS = 5_000 * MS
"""A clear that comes no later than this after the caller began is an answer to that."""


class Interruptions(msgspec.Struct):
    """What `BargeIn` is in a call of ours, as far as there is something to read."""

    interruptions: list[Cleared]


class Overheard:
    """See above. `settings` are what is known of that bridge's."""

    def __init__(self, settings: CallSettings) -> None:
        self.settings = settings
        self.call_sid: str | None = None
        self.stream_sid: str | None = None
        self.account_sid: str | None = None
        self.state = Calling.AWAITING_START
        self.caller, self.model = Socket.ABSENT, Socket.ABSENT
        self.how_ended: str | None = None
        self.why_ended = ""
        self.malformed: dict[str, int] = {"caller": 0, "model": 0, "engine": 0}
        self.errors: list[str] = []
        self.absences: list[Absence] = []
        self.at_ns = 0
        self.input_format, self.output_format = PCMU, ""
        self.conversation = Conversation()
        self.overhearing = Overhearing()
        self.session = ModelSession(settings)
        self.turns = CallerTurns(self.conversation, self.session, settings.vad)
        self.requests = Requests(self.conversation)
        self.barge_in = Interruptions(self.overhearing.clears)
        self.words = Words(self.conversation, self.overhearing.is_unsettled, settings.limits)
        self.provenance = Provenance()
        self._stream_format = ""
        self._seq = 0
        self._frames: dict[int, tuple[int, int]] = {}
        """Of our own log: where in the stream a caller frame began, and its length, as an append names it."""
        self._loaded: dict[int, tuple[str, bytes]] = {}
        """Of our own log: what the caller may be told while the model is away, and what that is called if it is."""
        self._names = Names()
        self._last: Item | None = None
        """The item whose audio was sent last."""
        self._speech: tuple[int, int] | None = None
        """When the caller was last heard to begin: our time and stream samples."""

    @property
    def hearing(self) -> Hearing:
        """What the caller heard."""
        return self.overhearing.hearing

    @property
    def ended(self) -> bool:
        """Whether the call's end has been seen."""
        return self.state is Calling.ENDED

    @property
    def deaf(self) -> str:
        """Why this call cannot be heard, and what would help. Empty: it can."""
        if self._stream_format:
            return f"Twilio's stream is {self._stream_format}: only {ENCODING}, {SAMPLE_RATE} Hz, mono can be counted"
        if self.output_format not in (PCMU, ""):
            return (
                f"the model's output is {self.output_format}, and no phone's. What was heard can be followed only "
                'where the session asks for audio.output.format {"type":"audio/pcmu"} (beta: output_audio_format '
                '"g711_ulaw") and the bridge passes its bytes on as they are'
            )
        return self.provenance.doubt

    def hear(self, entry: Entry) -> What:
        """The next entry, input or command. Returns what it was. Never raises for what is in it."""
        self.at_ns, self._seq = entry.at_ns, entry.seq
        what = read(entry)
        if entry.kind == "input":
            self._seen(entry)
            self._received(what)
        else:
            self._sent(what)
        self.overhearing.tick(entry.at_ns)
        return what

    def _seen(self, entry: Entry) -> None:
        """What a frame tells by being there; a recording may begin after the legs have opened."""
        if entry.leg == "caller":
            self.caller = Socket.OPEN if self.caller is Socket.ABSENT else self.caller
        elif entry.leg == "model":
            self.model = Socket.OPEN if self.model is Socket.ABSENT else self.model
            if entry.type in ("session.created", "session.updated"):
                self.session.state = Session.READY if entry.type == "session.updated" else Session.CREATED
                self._session_is(wire_session.decode(entry.body))

    # What it received

    def _received(self, event: What) -> None:
        match event:
            case ev.CallerAudio():
                self._caller_audio(event)
            case ev.MarkEchoed():
                self.overhearing.echoed(event.name, self.at_ns)
            case ev.StreamStarted():
                self._started(event)
            case ev.StreamStopped():
                self._end("stop", "Twilio said stop")
            case ev.LegOpened() | ev.LegClosed() | ev.LegFailed():
                self._leg(event)
            case ev.Malformed():
                self.malformed[event.leg] = self.malformed.get(event.leg, 0) + 1
            case ev.SpeechStarted():
                self._speech_started(event)
            case ev.SpeechStopped():
                self.turns.stopped(event)
            case ev.WordLoaded():
                self._loaded[self._seq] = self._names.word(), event.audio
            case ev.ModelError():
                self.errors.append(f"{event.code}: {event.message}")
                self.requests.refused(event)
            case _:
                self._conversation_news(event)

    def _conversation_news(self, event: What) -> None:
        conversation = self.conversation
        match event:
            case ev.CallerTranscript():
                self.turns.transcribed(event)
            case ev.ItemTranscript():
                _, item = conversation.response_item(event.response_id, event.item_id)
                item.say(event.content_index, event.text, event.final)
            case ev.ItemAudio():
                self._item_audio(event)
            case ev.ItemAdded():
                item = conversation.item(event.item_id)
                item.kind, item.role = event.kind, event.role
                conversation.place(item, event.previous_item_id)
            case ev.ResponseItemAdded() if event.response_id:
                response, item = conversation.response_item(event.response_id, event.item_id)
                item.kind, item.is_cut = event.kind, item.is_cut or response.was_cut
            case ev.ItemDone():
                _done(conversation.item(event.item_id), is_whole=event.is_whole)
            case ev.ItemTruncated():
                self.requests.truncated(event.item_id, event.audio_end_ms)
            case ev.ItemDeleted():
                self.requests.deleted(event.item_id)
            case ev.ResponseCreated():
                conversation.response(event.response_id)
            case ev.ResponseDone():
                self._response_done(event)

    def _caller_audio(self, event: ev.CallerAudio) -> None:
        begin = self.hearing.stream.frame(event.timestamp_ms, len(event.audio), self.at_ns)
        if self.settings.rules != RULES_OVERHEARD:
            self._frames[self._seq] = begin, len(event.audio)

    def _item_audio(self, event: ev.ItemAudio) -> None:
        response, item = self.conversation.response_item(event.response_id, event.item_id)
        if self.output_format not in (PCMU, ""):
            return
        if not item.generated_samples:
            item.content_index = event.content_index
        item.grow(event.audio)
        item.is_cut = item.is_cut or response.was_cut
        self.provenance.generated(self._seq, item, event.audio)

    def _response_done(self, event: ev.ResponseDone) -> None:
        response = self.conversation.response(event.response_id)
        if event.status == "cancelled":
            response.fact(ResponseFact.CUT)
            for item in response.items:
                item.is_cut = item.is_cut or not item.sent_samples
            if event.reason == "client_cancelled":
                self.requests.cancelled(event.response_id)
        response.fact(ResponseFact.DONE)
        response.status, response.reason = event.status, event.reason
        if event.status == "failed":
            self.errors.append(f"response failed: {event.reason}")
        for item in response.items:
            _done(item, is_whole=True)

    def _speech_started(self, event: ev.SpeechStarted) -> None:
        onset_at = self.turns.started(event, self.hearing.stream.now(self.at_ns))
        self._speech = self.at_ns, onset_at
        last = self.overhearing.clears[-1] if self.overhearing.clears else None
        if last is not None and last.onset_at is None and last.settle_at > self.hearing.stream.newest:
            last.onset_at = onset_at  # that bridge heard the caller before the model did

    def _started(self, event: ev.StreamStarted) -> None:
        self.call_sid, self.stream_sid, self.account_sid = event.call_sid, event.stream_sid, event.account_sid
        if (event.encoding, event.sample_rate, event.channels) != (ENCODING, SAMPLE_RATE, CHANNELS):
            self._stream_format = f"{event.encoding}, {event.sample_rate} Hz, {event.channels} channel(s)"
        self.state = after(CALL, self.state, CallFact.STARTED)

    def _leg(self, event: ev.LegOpened | ev.LegClosed | ev.LegFailed) -> None:
        fact = SocketFact.OPENED if isinstance(event, ev.LegOpened) else SocketFact.GONE
        if event.leg == "caller":
            self.caller = after(SOCKET, self.caller, fact)
            if isinstance(event, ev.LegClosed):
                self._end("dropped", f"the caller's socket closed ({event.code}) without stop")
            return
        self.model = after(SOCKET, self.model, fact)
        if fact is SocketFact.GONE:
            self.session.lost()
            for item in (item for response in self.conversation.lost() for item in response.items):
                _done(item, is_whole=False)

    # What it sent

    def _sent(self, command: What) -> None:
        at_ns, overhearing = self.at_ns, self.overhearing
        match command:
            case cmd.PlayAudio():
                self._play(command)
            case cmd.PlaceMark():
                overhearing.sent_mark(command.name, self._last, at_ns)
            case cmd.ClearPlayout():
                self._clear()
            case cmd.AppendAudio():
                samples = wire_session.samples_in(len(command.audio), self.input_format)
                # What is passed on is what came last; a log of ours names it.
                newest = self.hearing.stream.newest - samples, samples
                self.session.input.append(*self._frames.pop(command.source, newest))
            case cmd.UpdateSession():
                self._session_is(wire_session.said(command.session))
            case cmd.TruncateItem() | cmd.DeleteItem() | cmd.CancelResponse():
                self.requests.ask(self._seq, self.hearing.stream.peek(at_ns), command)
            case cmd.EndCall():
                self._end(command.ended, command.reason)
                self.how_ended, self.why_ended = command.ended, command.reason
            case ev.Malformed():
                self.malformed[command.leg] = self.malformed.get(command.leg, 0) + 1

    def _play(self, command: cmd.PlayAudio) -> None:
        source = self.provenance
        if command.source in self._loaded:
            name, audio = self._loaded.pop(command.source)
            source.generated(command.source, self.conversation.said(name, self.settings.away.words, audio), audio)
        if command.audio:
            parts = source.find(command.audio)
        else:
            parts = [source.named(command.source, command.begin, command.end)]
        for part in parts:
            self._last = part.counts_as
            self.overhearing.sent_audio(part.counts_as, part.end - part.begin, self.at_ns)

    def _clear(self) -> None:
        onset_at = None
        if self._speech is not None and self.at_ns - self._speech[0] < SAME_BARGE_IN_NS:
            onset_at = self._speech[1]
        cleared = self.overhearing.sent_clear(self._seq, onset_at, self.at_ns)
        self.provenance.cleared([] if cleared is None else cleared.items)
        if cleared is None:
            return
        self._speech = None
        cleared.responses = [each for each in self.conversation.generating() if not each.was_cut]
        for response in cleared.responses:
            response.fact(ResponseFact.CUT)
        for item in [*cleared.items, *(item for response in cleared.responses for item in response.items)]:
            item.is_cut = True

    def _session_is(self, said: wire_session.SessionSaid | None) -> None:
        if said is None:
            return
        self.input_format = said.input_format or self.input_format
        self.output_format = said.output_format or self.output_format
        told = {
            "prefix_padding_ms": said.prefix_padding_ms,
            "silence_duration_ms": said.silence_duration_ms,
            "interrupt_response": said.interrupts,
        }
        vad = replace(self.settings.vad, **{name: value for name, value in told.items() if value is not None})
        self.settings = replace(self.settings, vad=vad)
        self.session.settings, self.session.interrupts = self.settings, vad.interrupt_response
        self.turns = CallerTurns(self.conversation, self.session, vad)

    def _end(self, ended: str, reason: str) -> None:
        """The first reason stands."""
        if self.how_ended is None:
            self.how_ended, self.why_ended = ended, reason
            self.overhearing.hang_up(self.at_ns, is_stop=ended == "stop")
            self.state = after(CALL, self.state, CallFact.OVER)


def _done(item: Item, *, is_whole: bool) -> None:
    """An item will not grow any more."""
    if not item.is_done:
        item.is_done, item.is_whole = True, is_whole and not item.is_cut


AnyCall = Call | Overheard
"""A call of ours or of another bridge."""
