"""The model leg from its opening to the first word: the session is configured, then the caller's audio may flow.

A session begins with the vendor's defaults: 24 kHz PCM, VAD numbers that differ from model to model. So nothing is
appended before `session.updated` says that our own hold; what the caller says until then is kept, bounded, and goes in
first. Appended audio is counted, because the model tells times by that count.
"""

from collections import deque

import msgspec

from engine.core.audio import samples_of
from engine.core.commands import AppendAudio, Command, CreateResponse, UpdateSession
from engine.core.events import SessionUpdated
from engine.core.machines import SESSION, Session, SessionFact, after
from engine.core.settings import CallSettings
from engine.core.stream_clock import InputClock

PCMU = "audio/pcmu"
SESSION_EVENT_ID = "session"


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

    def lost(self) -> None:
        """The model leg is gone, and the session with it."""
        self.state = after(SESSION, self.state, SessionFact.LOST)

    def refusal(self, event: SessionUpdated) -> str | None:
        """Why a session with these formats cannot be used, or None."""
        if {event.input_format, event.output_format} <= {PCMU, ""}:
            return None
        return f"the model's session has audio {event.input_format} in and {event.output_format} out, not {PCMU}"

    def updated(self, event: SessionUpdated) -> list[Command]:
        """Our configuration holds: greet, and let the kept audio in. In this order: a caller who has already had a turn
        then interrupts the greeting, while a greeting asked for after that turn would meet the answer to it."""
        was_ready = self.is_ready
        self.state = after(SESSION, self.state, SessionFact.UPDATED)
        said = event.interrupt_response
        self.interrupts = self.settings.vad.interrupt_response if said is None else said
        if was_ready or not self.is_ready:
            return []
        commands: list[Command] = []
        if self.settings.greeting is not None:
            commands.append(CreateResponse("greeting", self.settings.greeting))
        commands += [self._append(*frame) for frame in self.pending]
        self.pending.clear()
        self.pending_samples = 0
        return commands

    def caller_audio(self, source: int, begin: int, audio: bytes) -> AppendAudio | None:
        """A caller frame: on to the model, or kept until it is ready, the oldest going first."""
        if self.state is Session.READY:
            return self._append(source, begin, audio)
        self.pending.append((source, begin, audio))
        self.pending_samples += len(audio)
        while self.pending_samples > samples_of(self.settings.limits.pending_audio_ms_max):
            lost = len(self.pending.popleft()[2])
            self.pending_samples -= lost
            self.dropped_samples += lost
        return None

    def _append(self, source: int, begin: int, audio: bytes) -> AppendAudio:
        self.input.append(begin, len(audio))
        return AppendAudio(audio, source)
