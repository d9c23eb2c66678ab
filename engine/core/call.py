"""One call, without sockets: `step(input) -> commands`. The live bridge and the replay run this same object.

A step decodes one input to an event, hands it to the part that it concerns, and returns what is to be done, in order.
It awaits nothing, reads no clock, draws no lot: the same inputs give the same commands, byte for byte, in any
process.

The parts: `session` (the model is configured, the caller's audio goes in), `talking` (the model's audio goes out),
`hearing` (what of it reached the ear), `barge_in` (what an interruption asks for), `conversation` (all items). This
file holds the rest: routing, the legs, the timers and the end.

A bug in here must not take the evidence with it: whatever a step raises becomes a `Fault`, the call ends, and a replay
of the log meets the same fault at the same entry.
"""

import re

import msgspec

from engine.core import events as ev
from engine.core import wire_caller, wire_engine, wire_model
from engine.core.barge_in import MS, BargeIn
from engine.core.commands import CloseLeg, Command, DialModel, EndCall, Fault
from engine.core.conversation import Conversation
from engine.core.entries import Leg, is_too_deep
from engine.core.hearing import Hearing
from engine.core.machines import (
    CALL,
    SOCKET,
    CallFact,
    Calling,
    ResponseFact,
    Socket,
    SocketFact,
    after,
    is_over,
)
from engine.core.names import Names
from engine.core.session import SESSION_EVENT_ID, ModelSession
from engine.core.settings import CallSettings
from engine.core.talking import Speaker
from engine.core.turns import CallerTurns
from engine.core.words import Words

CALL_SID = re.compile(r"CA[0-9A-Za-z]{32}")
"""A call's SID becomes a file name, so nothing else passes (https://www.twilio.com/docs/glossary/what-is-a-sid)."""
ENCODING, SAMPLE_RATE, CHANNELS = "audio/x-mulaw", 8000, 1

CLOSE_NORMAL = 1000
CLOSE_CODES = {"refused": 1008, "fault": 1011, "model_failed": 1011}
"""How the caller's socket is closed, by how the call ended (https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)."""

FATAL_CODES = frozenset(
    {"invalid_api_key", "insufficient_quota", "account_deactivated", "billing_hard_limit_reached", "model_not_found"}
)
"""Errors after which the model will never speak."""


class Step(msgspec.Struct, gc=False):
    """What one input led to. `type` is the input's type, for the log. `wake_at_ns`: ask again then, at the latest."""

    type: str
    commands: list[Command]
    wake_at_ns: int | None


class Call:
    """See above. `call_sid`, `stream_sid`, `account_sid` are known after Twilio's `start`."""

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
        self.at_ns = 0
        self._frames_before_start = 0
        self._heard_caller_ns = 0
        self._idle_ns_max = settings.limits.idle_ms_max * MS
        self._ready_by_ns: int | None = None
        self._seq = 0
        names = Names()
        self.conversation = Conversation()
        self.hearing = Hearing()
        self.session = ModelSession(settings)
        self.turns = CallerTurns(self.conversation, self.session, settings.vad)
        self.barge_in = BargeIn(self.hearing, self.conversation, names, settings.limits)
        self.words = Words(self.conversation, self.barge_in.is_unsettled, settings.limits)
        self._speaker = Speaker(self.hearing, names.mark, settings.mark_every_ms)

    @property
    def ended(self) -> bool:
        """Whether `EndCall` has been issued."""
        return self.state is Calling.ENDED

    def step(self, seq: int, at_ns: int, leg: Leg, body: str, audio: bytes | None = None) -> Step:
        """Take one input in: entry `seq`, `at_ns` nanoseconds after the call opened. Never raises."""
        self.at_ns, self._seq = at_ns, seq
        kind = "unreadable"
        try:
            kind, event = self._decode(leg, body, audio)
            commands = self._caller_audio(event) if type(event) is ev.CallerAudio else self._route(event)
        except Exception as error:
            self.words.give_up()
            commands = [Fault(f"{type(error).__name__}: {error}"), *self._close("fault", "a bug in the core")]
        return Step(kind, commands, self._wake_at_ns())

    def _decode(self, leg: Leg, body: str, audio: bytes | None) -> tuple[str, ev.AnyEvent]:
        if leg == "caller":
            self._heard_caller_ns = self.at_ns
        if is_too_deep(body):
            return "malformed", ev.Malformed(leg, "nested too deeply")
        if leg == "caller":
            return wire_caller.decode(body, audio)
        return wire_model.decode(body, audio) if leg == "model" else wire_engine.decode(body)

    def _caller_audio(self, event: ev.CallerAudio) -> list[Command]:
        if self.state is not Calling.LIVE:
            return self._before_start()
        begin = self.hearing.stream.frame(event.timestamp_ms, len(event.audio), self.at_ns)
        if not event.audio:
            return []
        command = self.session.caller_audio(self._seq, begin, event.audio)
        return [command] if command is not None else []

    def _route(self, event: ev.AnyEvent) -> list[Command]:
        match event:
            case ev.LegOpened() | ev.LegClosed() | ev.LegFailed():
                return self._leg(event)
            case ev.Malformed():
                self.malformed[event.leg] = self.malformed.get(event.leg, 0) + 1
                return self._before_start() if event.leg == "caller" else []
            case ev.StreamStarted():
                return self._started(event)
            case ev.StreamStopped():
                return self._end("stop", "Twilio said stop")
            case ev.HangUpAsked():
                return self._end("shutdown" if event.reason == "shutdown" else "hangup", event.reason)
            case ev.OutboxFull():
                return self._end("limit", f"outbox full: the {event.leg} leg reads too slowly")
            case ev.LimitReached():
                return self._end("limit", f"{event.limit}: {event.value} is over {event.max}")
            case ev.TimerDue():
                return [*self._timer_due(), *self.words.due()]
            case ev.ItemAligned() | ev.ItemUnaligned():
                self.errors += self.words.answered(event)
                return [*self.words.due(), *self._over()]
        return [*self._live(event), *self.words.due()] if self.state is Calling.LIVE else self._before_start()

    def _live(self, event: ev.AnyEvent) -> list[Command]:
        """Speech, and the echoes of speech: what matters only while the call is up."""
        at_ns, stream_sid = self.at_ns, self.stream_sid or ""
        match event:
            case ev.MarkEchoed():
                flushed = self.hearing.echoed(event.name, at_ns)
                if flushed is None:
                    return []
                for item in flushed.items():
                    self.words.touch(item)
                return self.barge_in.echoed(flushed, at_ns)
            case ev.SpeechStarted():
                onset_at = self.turns.started(event, self.hearing.stream.now(at_ns))
                return self.barge_in.interrupt(stream_sid, at_ns, onset_at, model_cancels=self.session.interrupts)
            case ev.DtmfPressed() | ev.OperatorInterrupted() if self.hearing.playout.is_unplayed:
                return self.barge_in.interrupt(stream_sid, at_ns, None, model_cancels=False)
            case ev.SpeechStopped():
                self.turns.stopped(event)
                return self.barge_in.speech_stopped(at_ns)
            case ev.ItemAudio():
                return self._item_audio(event)
            case ev.ResponseDone():
                return self._response_done(event)
            case ev.SessionCreated():
                return self.session.created()
            case ev.SessionUpdated():
                return self._session_updated(event)
            case ev.ModelError():
                return self._model_error(event)
        return self._conversation_news(event)

    def _conversation_news(self, event: ev.AnyEvent) -> list[Command]:
        """The conversation as the model keeps it."""
        conversation = self.conversation
        match event:
            case ev.CallerTranscript():
                self.turns.transcribed(event)
            case ev.ItemTranscript():
                _, item = conversation.response_item(event.response_id, event.item_id)
                item.say(event.content_index, event.text, event.final)
                self.words.touch(item)
            case ev.ItemAdded():
                item = conversation.item(event.item_id)
                item.kind, item.role = event.kind, event.role
                conversation.place(item, event.previous_item_id)
            case ev.ResponseItemAdded() if event.response_id:
                response, item = conversation.response_item(event.response_id, event.item_id)
                item.kind, item.is_cut = event.kind, item.is_cut or response.was_cut
            case ev.ItemDone():
                item = conversation.item(event.item_id)
                return [*self._finish(), *self.barge_in.item_done(item, is_whole=event.is_whole)]
            case ev.ItemTruncated():
                self.barge_in.answered(event.item_id, event.audio_end_ms)
            case ev.ItemDeleted():
                self.barge_in.answered(event.item_id, None)
            case ev.ResponseCreated():
                conversation.response(event.response_id)
        return []

    def _item_audio(self, event: ev.ItemAudio) -> list[Command]:
        response, item = self.conversation.response_item(event.response_id, event.item_id)
        if not item.generated_samples:
            item.content_index = event.content_index
        item.grow(event.audio)
        self.words.touch(item)
        item.is_cut = item.is_cut or response.was_cut
        if item.is_cut or self.stream_sid is None:
            return []
        return self._speaker.play(self.stream_sid, item, event.audio, self._seq, self.at_ns)

    def _response_done(self, event: ev.ResponseDone) -> list[Command]:
        response = self.conversation.response(event.response_id)
        if event.status == "cancelled":
            # News of the cancel can come before news of the speech that caused it.
            response.fact(ResponseFact.CUT)
            for item in response.items:
                item.is_cut = item.is_cut or not item.sent_samples
        response.fact(ResponseFact.DONE)
        response.status, response.reason = event.status, event.reason
        if event.status == "failed":
            self.errors.append(f"response failed: {event.reason}")
        return [*self._finish(), *self.barge_in.response_done(response)]

    def _finish(self) -> list[Command]:
        return self._speaker.finish(self.stream_sid, self.at_ns) if self.stream_sid is not None else []

    def _session_updated(self, event: ev.SessionUpdated) -> list[Command]:
        refusal = self.session.refusal(event)
        if refusal is not None:
            return self._end("model_failed", refusal)
        commands = self.session.updated(event)
        if self.session.is_ready:
            self._ready_by_ns = None
        return commands

    def _model_error(self, event: ev.ModelError) -> list[Command]:
        self.errors.append(f"{event.code}: {event.message}")
        if event.code in FATAL_CODES or (event.event_id == SESSION_EVENT_ID and not self.session.is_ready):
            return self._end("model_failed", f"{event.code}: {event.message}")
        self.barge_in.refused(event.event_id)
        return []

    def _started(self, event: ev.StreamStarted) -> list[Command]:
        if self.state is not Calling.AWAITING_START:
            self.malformed["caller"] += 1
            return []
        if not CALL_SID.fullmatch(event.call_sid) or not event.stream_sid:
            return self._end("refused", "start without a call SID and a stream SID")
        self.call_sid, self.stream_sid, self.account_sid = event.call_sid, event.stream_sid, event.account_sid
        if (event.encoding, event.sample_rate, event.channels) != (ENCODING, SAMPLE_RATE, CHANNELS):
            sent = f"{event.encoding}, {event.sample_rate} Hz, {event.channels} channel(s)"
            return self._end("refused", f"the stream is {sent}; only {ENCODING}, {SAMPLE_RATE} Hz, mono can be counted")
        self.state = after(CALL, self.state, CallFact.STARTED)
        self.model = after(SOCKET, self.model, SocketFact.DIALLED)
        self._ready_by_ns = self.at_ns + self.settings.limits.ready_ms_max * MS
        return [DialModel(self.settings.model)]

    def _before_start(self) -> list[Command]:
        """A frame that says nothing while the call is not up: before it, such frames are bounded."""
        if self.state is not Calling.AWAITING_START:
            return []
        self._frames_before_start += 1
        if self._frames_before_start > self.settings.limits.frames_before_start_max:
            return self._end("refused", f"frames_before_start_max: {self._frames_before_start} frames and no start")
        return []

    def _timer_due(self) -> list[Command]:
        limits, at_ns = self.settings.limits, self.at_ns
        if self.state is Calling.AWAITING_START and at_ns >= limits.start_ms_max * MS:
            return self._end("refused", f"start_ms_max: no start within {limits.start_ms_max} ms")
        if self.state is not Calling.LIVE:
            self.errors += self.words.late(at_ns)
            return self._over()
        if at_ns >= self._heard_caller_ns + self._idle_ns_max:
            return self._end("limit", f"idle_ms_max: no frame from Twilio for {limits.idle_ms_max} ms")
        if self._ready_by_ns is not None and at_ns >= self._ready_by_ns:
            return self._end("model_failed", f"ready_ms_max: the model was not ready within {limits.ready_ms_max} ms")
        return self.barge_in.timer_due(at_ns)

    def _wake_at_ns(self) -> int | None:
        if self.state is Calling.LIVE:
            wake_at_ns = self._heard_caller_ns + self._idle_ns_max
            ready_by_ns, deadline_ns = self._ready_by_ns, self.barge_in.deadline_ns
            if ready_by_ns is not None and ready_by_ns < wake_at_ns:
                wake_at_ns = ready_by_ns
            if deadline_ns is not None and deadline_ns < wake_at_ns:
                wake_at_ns = deadline_ns
            return wake_at_ns
        is_awaiting = self.state is Calling.AWAITING_START
        return self.settings.limits.start_ms_max * MS if is_awaiting else self.words.deadline_ns

    def _leg(self, event: ev.LegOpened | ev.LegClosed | ev.LegFailed) -> list[Command]:
        fact = SocketFact.OPENED if isinstance(event, ev.LegOpened) else SocketFact.GONE
        if event.leg == "caller":
            self.caller = after(SOCKET, self.caller, fact)
        else:
            self.model = after(SOCKET, self.model, fact)
            if fact is SocketFact.GONE:
                self.session.lost()
        match event:
            case ev.LegOpened():
                return []
            case ev.LegFailed():
                return self._end("model_failed", f"the model cannot be reached: {event.reason}")
            case ev.LegClosed() if event.leg == "caller":
                return self._end("dropped", f"the caller's socket closed ({event.code}) without stop")
            case _:
                return self._end("model_closed", f"the model's socket closed ({event.code}): {event.reason}")

    def _end(self, ended: str, reason: str) -> list[Command]:
        """Bring the call to its end. The first reason stands."""
        if self.how_ended is not None:
            return self._over()
        self.hearing.hang_up(self.at_ns)
        return [*self.words.end(self.at_ns), *self._close(ended, reason)]

    def _close(self, ended: str, reason: str) -> list[Command]:
        """Close the legs that are open; when none is left the call is over. Reads nothing that a bug can have bent."""
        commands: list[Command] = []
        if self.how_ended is None:
            self.how_ended, self.why_ended = ended, reason
            self.state = after(CALL, self.state, CallFact.ENDING)
            if self.model in (Socket.DIALLING, Socket.OPEN):
                self.model = after(SOCKET, self.model, SocketFact.CLOSE_ASKED)
                commands.append(CloseLeg("model", CLOSE_NORMAL, ""))
            if self.caller is Socket.OPEN:
                self.caller = after(SOCKET, self.caller, SocketFact.CLOSE_ASKED)
                commands.append(CloseLeg("caller", CLOSE_CODES.get(ended, CLOSE_NORMAL), ended))
        return [*commands, *self._over()]

    def _over(self) -> list[Command]:
        if self.how_ended is None or not is_over(self.state, self.caller, self.model, self.words.is_searching):
            return []
        self.state = after(CALL, self.state, CallFact.OVER)
        return [EndCall(self.how_ended, self.why_ended)]
