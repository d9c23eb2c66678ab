"""One call, without sockets: `step(input) -> commands`. The live bridge and the replay run this same object.

A step decodes one input to an event, hands it to the part that it concerns, and returns what is to be done, in order.
It awaits nothing, reads no clock, draws no lot: the same inputs give the same commands, byte for byte, in any
process.

The parts: `session` (the model is configured, the caller's audio goes in), `dialogue` (what the model says, its audio
going out), `hearing` (what of it reached the ear), `barge_in` (what an interruption asks for), `comeback` (the model
leg is lost and dialled again), `conversation` (all items). This file holds the rest: routing, the caller leg, the
timers and the end.

A bug in here must not take the evidence with it: whatever a step raises becomes a `Fault`, the call ends, and a replay
of the log meets the same fault at the same entry.
"""

import re

import msgspec

from engine.core import events as ev
from engine.core import wire_caller, wire_engine, wire_model
from engine.core.barge_in import MS, BargeIn
from engine.core.bounds import CallerBounds
from engine.core.comeback import Comeback
from engine.core.commands import CloseLeg, Command, EndCall, Fault
from engine.core.conversation import Conversation
from engine.core.dialogue import Dialogue
from engine.core.entries import Leg, is_too_deep
from engine.core.hearing import Hearing
from engine.core.machines import CALL, SOCKET, CallFact, Calling, Socket, SocketFact, after, is_over
from engine.core.model_leg import CLOSE_NORMAL, EXPIRED, FATAL_CODES, Absence, ModelLeg, is_fatal
from engine.core.names import Names
from engine.core.restoring import Restoring
from engine.core.session import SESSION_EVENT_ID, ModelSession
from engine.core.settings import CallSettings
from engine.core.talking import Speaker
from engine.core.turns import CallerTurns
from engine.core.words import Words

CALL_SID = re.compile(r"CA[0-9A-Za-z]{32}")
"""A call's SID becomes a file name, so nothing else passes (https://www.twilio.com/docs/glossary/what-is-a-sid)."""
ENCODING, SAMPLE_RATE, CHANNELS = "audio/x-mulaw", 8000, 1

CLOSE_CODES = {"refused": 1008, "fault": 1011, "model_failed": 1011}
"""How the caller's socket is closed, by how the call ended (https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1)."""


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
        self.caller = Socket.ABSENT
        self.how_ended: str | None = None
        self.why_ended = ""
        self.malformed: dict[str, int] = {"caller": 0, "model": 0, "engine": 0}
        self.errors: list[str] = []
        self.at_ns, self._seq, self._heard_caller_ns = 0, 0, 0
        self._bounds = CallerBounds(settings)
        self._idle_ns_max = settings.limits.idle_ms_max * MS
        self._start_refusal: str | None = None
        names = self._names = Names()
        self.conversation, self.hearing = Conversation(), Hearing(rules=settings.rules)
        self.session, self.model_leg = ModelSession(settings), ModelLeg(settings)
        self.turns = CallerTurns(self.conversation, self.session, settings.vad)
        self.barge_in = BargeIn(self.hearing, self.conversation, names, settings.limits)
        self.words = Words(self.conversation, self.barge_in.is_unsettled, settings.limits)
        self._speaker = Speaker(self.hearing, names.mark, settings.mark_every_ms)
        self._dialogue = Dialogue(self.conversation, self.turns, self.barge_in, self.words, self._speaker, self.errors)
        self._restoring = Restoring(self.conversation, self.hearing, self.barge_in, self.words, names)
        self._comeback = Comeback(self.model_leg, self.session, self.turns, self.barge_in, self._restoring)

    @property
    def model(self) -> Socket:
        """The model leg's socket."""
        return self.model_leg.socket

    @property
    def absences(self) -> list[Absence]:
        """The times without the model."""
        return self.model_leg.absences

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
            if leg == "caller" and self._bounds.is_flood(at_ns):
                commands = self._end("limit", self._bounds.flood)
            elif leg == "model" and self._comeback.is_given_up(at_ns) and self.state is Calling.LIVE:
                commands = []
            else:
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
        return wire_model.decode(body, audio) if leg == "model" else wire_engine.decode(body, audio)

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
                return self._limit(event.leg, f"outbox full: the {event.leg} leg reads too slowly")
            case ev.LimitReached():
                return self._limit(event.limit.partition("_")[0], f"{event.limit}: {event.value} is over {event.max}")
            case ev.StartRefused():
                self._start_refusal = event.reason
                return []
            case ev.TimerDue():
                return [*self._timer_due(), *self.words.due()]
            case ev.ItemAligned() | ev.ItemUnaligned():
                self.errors += self.words.answered(event)
                return [*self.words.due(), *self._over()]
        if self.state is not Calling.LIVE:
            return self._before_start()
        return [*self._live(event), *self._comeback.go_on(), *self.words.due()]

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
                return self._speech_started(event, stream_sid)
            case ev.DtmfPressed() | ev.OperatorInterrupted() if self.hearing.playout.is_unplayed:
                return self.barge_in.interrupt(stream_sid, at_ns, None, model_cancels=False)
            case ev.SpeechStopped():
                self.turns.stopped(event)
                return self.barge_in.speech_stopped(at_ns)
            case ev.ItemAudio():
                return self._dialogue.audio(event, stream_sid, self._seq, at_ns)
            case ev.ResponseDone():
                return self._dialogue.response_done(event, stream_sid, at_ns)
            case ev.ItemDone():
                return self._dialogue.item_done(event, stream_sid, at_ns)
            case ev.SessionCreated():
                return self.session.created()
            case ev.SessionUpdated():
                return self._session_updated(event)
            case ev.ModelError():
                return self._model_error(event)
            case ev.WordLoaded():
                return self._say_word(event.audio)
        self._dialogue.news(event)
        return []

    def _speech_started(self, event: ev.SpeechStarted, stream_sid: str) -> list[Command]:
        onset_at = self.turns.started(event, self.hearing.stream.now(self.at_ns))
        if not self._comeback.spoke(onset_at):
            return []
        return self.barge_in.interrupt(stream_sid, self.at_ns, onset_at, model_cancels=self.session.interrupts)

    def _finish(self) -> list[Command]:
        return self._speaker.finish(self.stream_sid, self.at_ns) if self.stream_sid is not None else []

    def _session_updated(self, event: ev.SessionUpdated) -> list[Command]:
        refusal = self.session.refusal(event)
        if refusal is not None:
            return self._end("model_failed", refusal)
        return self._comeback.back(self.at_ns) if self.session.updated(event) else []

    def _model_error(self, event: ev.ModelError) -> list[Command]:
        self.errors.append(f"{event.code}: {event.message}")
        if event.code in FATAL_CODES or (event.event_id == SESSION_EVENT_ID and not self.session.is_ready):
            return self._end("model_failed", f"{event.code}: {event.message}")
        if event.code == EXPIRED and self.model_leg.is_redialled:
            return self._lost(f"{event.code}: {event.message}", close=True)
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
        if self._start_refusal is not None:
            return self._end("refused", self._start_refusal)
        self.state = after(CALL, self.state, CallFact.STARTED)
        return self.model_leg.dial(self.at_ns)

    def _before_start(self) -> list[Command]:
        """A frame that says nothing while the call is not up: before it, such frames are bounded."""
        if self.state is not Calling.AWAITING_START:
            return []
        refusal = self._bounds.before_start()
        return [] if refusal is None else self._end("refused", refusal)

    def _timer_due(self) -> list[Command]:
        limits, at_ns = self.settings.limits, self.at_ns
        if self.state is Calling.AWAITING_START and at_ns >= limits.start_ms_max * MS:
            return self._end("refused", f"start_ms_max: no start within {limits.start_ms_max} ms")
        if self.state is not Calling.LIVE:
            self.errors += self.words.late(at_ns)
            return self._over()
        if at_ns >= self._heard_caller_ns + self._idle_ns_max:
            return self._end("limit", f"idle_ms_max: no frame from Twilio for {limits.idle_ms_max} ms")
        if self.model_leg.is_late(at_ns):
            why = f": {self.model_leg.why_away}" if self.model_leg.why_away else ""
            late = f"ready_ms_max: the model was not ready within {limits.ready_ms_max} ms{why}"
            return self._end("model_failed", late)
        commands = [*self.barge_in.timer_due(at_ns), *self._comeback.go_on()]
        if self.model_leg.is_old(at_ns, is_quiet=self._comeback.is_quiet):
            return [*commands, *self._lost("renew_ms: its session is old", close=True)]
        return [*commands, *self.model_leg.due(at_ns, is_silent=not self.hearing.playout.is_unplayed)]

    def _wake_at_ns(self) -> int | None:
        if self.state is Calling.LIVE:
            wake_at_ns = self._heard_caller_ns + self._idle_ns_max
            due_ns, deadline_ns = self.model_leg.deadline_ns, self.barge_in.deadline_ns
            if due_ns is not None and due_ns < wake_at_ns:
                wake_at_ns = due_ns
            if deadline_ns is not None and deadline_ns < wake_at_ns:
                wake_at_ns = deadline_ns
            return wake_at_ns
        is_awaiting = self.state is Calling.AWAITING_START
        return self.settings.limits.start_ms_max * MS if is_awaiting else self.words.deadline_ns

    def _leg(self, event: ev.LegOpened | ev.LegClosed | ev.LegFailed) -> list[Command]:
        if event.leg != "caller":
            return self._model_leg(event)
        if isinstance(event, ev.LegOpened):
            self.caller = after(SOCKET, self.caller, SocketFact.OPENED)
            return []
        self.caller = after(SOCKET, self.caller, SocketFact.GONE)
        code = event.code if isinstance(event, ev.LegClosed) else None
        return self._end("dropped", f"the caller's socket closed ({code}) without stop")

    def _model_leg(self, event: ev.LegOpened | ev.LegClosed | ev.LegFailed) -> list[Command]:
        leg = self.model_leg
        if isinstance(event, ev.LegOpened):
            leg.opened(self.at_ns)
            return []
        was_given_up = leg.socket is Socket.CLOSING
        leg.gone()
        if isinstance(event, ev.LegFailed):
            ended, reason = "model_failed", f"the model cannot be reached: {event.reason}"
        else:
            ended, reason = "model_closed", f"the model's socket closed ({event.code}): {event.reason}"
        if self.state is not Calling.LIVE or not leg.is_redialled or (is_fatal(event) and not was_given_up):
            self.session.lost()
            return self._end(ended, reason)
        is_abrupt = isinstance(event, ev.LegClosed) and event.code is None
        commands = [] if was_given_up else self._lost(reason, is_abrupt=is_abrupt)
        return commands if self.how_ended is not None else [*commands, *leg.redial(self.at_ns)]

    def _lost(self, reason: str, *, close: bool = False, is_abrupt: bool = False) -> list[Command]:
        """The model leg is gone, or (`close`) is not worth keeping, while the call goes on."""
        leg = self.model_leg
        if close and leg.socket is not Socket.OPEN:
            return []
        self._comeback.lose(self._seq, self.at_ns, reason, is_abrupt=is_abrupt)
        self.errors.append(f"the model leg was lost: {reason}")
        if leg.losses > self.settings.limits.model_losses_max:
            return self._end("model_closed", f"model_losses_max: lost {leg.losses} times: {reason}")
        return [*self._finish(), *(leg.close("") if close else [])]

    def _limit(self, leg: str, reason: str) -> list[Command]:
        """A bound of the shell bit. The call can do without its model leg for a while."""
        if leg == "model" and self.model_leg.is_redialled and self.state is Calling.LIVE:
            return self._lost(reason, close=True, is_abrupt=True)
        return self._end("limit", reason)

    def _say_word(self, audio: bytes) -> list[Command]:
        item = self._comeback.word(self._names.word(), audio)
        if item is None or self.stream_sid is None:
            return []
        self.words.touch(item)
        return [*self._speaker.play(self.stream_sid, item, audio, self._seq, self.at_ns), *self._finish()]

    def _end(self, ended: str, reason: str) -> list[Command]:
        """Bring the call to its end. The first reason stands."""
        if self.how_ended is not None:
            return self._over()
        self.hearing.hang_up(self.at_ns, is_stop=ended == "stop")
        return [*self.words.end(self.at_ns), *self._close(ended, reason)]

    def _close(self, ended: str, reason: str) -> list[Command]:
        """Close the legs that are open; when none is left the call is over. Reads nothing that a bug can have bent."""
        commands: list[Command] = []
        if self.how_ended is None:
            self.how_ended, self.why_ended = ended, reason
            self.state = after(CALL, self.state, CallFact.ENDING)
            commands += self.model_leg.close("")
            if self.caller is Socket.OPEN:
                self.caller = after(SOCKET, self.caller, SocketFact.CLOSE_ASKED)
                commands.append(CloseLeg("caller", CLOSE_CODES.get(ended, CLOSE_NORMAL), ended))
        return [*commands, *self._over()]

    def _over(self) -> list[Command]:
        if self.how_ended is None or not is_over(self.state, self.caller, self.model, self.words.is_searching):
            return []
        self.state = after(CALL, self.state, CallFact.OVER)
        return [EndCall(self.how_ended, self.why_ended)]
