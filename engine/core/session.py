"""The model leg from its opening to the first word: the session is configured, then the caller's audio may flow.

A session begins with the vendor's defaults: 24 kHz PCM, VAD numbers that differ from model to model. So nothing is
appended before `session.updated` says that our own hold; what the caller says until then is kept, bounded, and goes in
first. Appended audio is counted, because the model tells times by that count.
"""

from collections import deque

import msgspec

from engine.core.audio import SAMPLES_PER_MS, samples_of
from engine.core.commands import AppendAudio, Command, CreateResponse, UpdateSession
from engine.core.events import SessionUpdated
from engine.core.machines import SESSION, Session, SessionFact, after
from engine.core.settings import CallSettings
from engine.core.stream_clock import InputClock

PCMU = "audio/pcmu"
SESSION_EVENT_ID = "session"
FRAME_MS_MIN = 10
"""Twilio's frames are of 20 ms. Where many are shorter, fewer ms are kept: they cost what a frame costs."""


def session_config(settings: CallSettings) -> dict[str, object]:
    """The GA session object (https://platform.openai.com/docs/api-reference/realtime-client-events/session/update)."""
    transcription: dict[str, object] | None = None
    if settings.transcription_model is not None:
        transcription = {"model": settings.transcription_model}
        if settings.language is not None:
            transcription["language"] = settings.language
    reduction = None if settings.noise_reduction is None else {"type": settings.noise_reduction}
    return {
        "type": "realtime",
        "instructions": settings.instructions,
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": PCMU},
                "noise_reduction": reduction,
                "transcription": transcription,
                "turn_detection": msgspec.to_builtins(settings.vad),
            },
            "output": {"format": {"type": PCMU}, "voice": settings.voice},
        },
    }


class ModelSession(msgspec.Struct):
    """The model's session and the way of the caller's audio into it."""

    settings: CallSettings
    state: Session = Session.NONE
    interrupts: bool = False
    """Whether the model cancels its own response when the caller speaks."""
    input: InputClock = msgspec.field(default_factory=InputClock)
    pending: deque[tuple[int, int, bytes]] = msgspec.field(default_factory=deque)
    """Caller frames that wait for the session: (entry, stream time of its first sample, audio)."""
    pending_samples: int = 0
    recent: deque[tuple[int, int, bytes]] = msgspec.field(default_factory=deque)
    """The last caller frames that this session was given, as many as would be kept for it."""
    recent_samples: int = 0
    dropped_samples: int = 0

    @property
    def is_ready(self) -> bool:
        return self.state is Session.READY

    def created(self) -> list[Command]:
        """The session exists: configure it, once."""
        if self.state is not Session.NONE:
            return []
        self.state = after(SESSION, self.state, SessionFact.CREATED)
        return [UpdateSession(SESSION_EVENT_ID, session_config(self.settings))]

    def lost(self, again_from: int | None = None) -> None:
        """The model leg is gone, and the session with it. What the caller said from `again_from` on, in stream samples,
        is for the next one to hear."""
        self.state = after(SESSION, self.state, SessionFact.LOST)
        self.input = InputClock()
        again = [frame for frame in self.recent if again_from is not None and frame[1] + len(frame[2]) > again_from]
        self.recent.clear()
        self.recent_samples = 0
        self.pending.extendleft(reversed(again))
        self.pending_samples += sum(len(audio) for _, _, audio in again)
        self._keep_within()

    def refusal(self, event: SessionUpdated) -> str | None:
        """Why a session with these formats cannot be used, or None."""
        if {event.input_format, event.output_format} <= {PCMU, ""}:
            return None
        return f"the model's session has audio {event.input_format} in and {event.output_format} out, not {PCMU}"

    def updated(self, event: SessionUpdated) -> bool:
        """The session is as `event` says. Returns whether our configuration holds for the first time."""
        was_ready = self.is_ready
        self.state = after(SESSION, self.state, SessionFact.UPDATED)
        said = event.interrupt_response
        self.interrupts = self.settings.vad.interrupt_response if said is None else said
        return self.is_ready and not was_ready

    @property
    def kept_from(self) -> int | None:
        """The stream time at which the kept audio begins, if there is any."""
        return self.pending[0][1] if self.pending else None

    def greet(self) -> list[Command]:
        """Have the model speak first, if it is to."""
        greeting = self.settings.greeting
        return [] if greeting is None else [CreateResponse("greeting", greeting)]

    def let_in(self) -> list[Command]:
        """The kept audio. To be let in after the greeting was asked for: a caller who has already had a turn interrupts
        that. A greeting asked for after that turn would meet the answer to it."""
        commands: list[Command] = [self._append(*frame) for frame in self.pending]
        self.pending.clear()
        self.pending_samples = 0
        return commands

    def caller_audio(self, source: int, begin: int, audio: bytes) -> AppendAudio | None:
        """A caller frame: on to the model, or kept until it is ready, the oldest going first."""
        if self.state is Session.READY:
            return self._append(source, begin, audio)
        self.pending.append((source, begin, audio))
        self.pending_samples += len(audio)
        self._keep_within()
        return None

    def _keep_within(self) -> None:
        while self.pending_samples > samples_of(self.settings.limits.pending_audio_ms_max):
            lost = len(self.pending.popleft()[2])
            self.pending_samples -= lost
            self.dropped_samples += lost

    def _append(self, source: int, begin: int, audio: bytes) -> AppendAudio:
        self.input.append(begin, len(audio))
        recent, kept_ms = self.recent, self.settings.limits.pending_audio_ms_max
        recent.append((source, begin, audio))
        self.recent_samples += len(audio)
        while self.recent_samples > kept_ms * SAMPLES_PER_MS or len(recent) > kept_ms // FRAME_MS_MIN:
            self.recent_samples -= len(recent.popleft()[2])
        return AppendAudio(audio, source)
