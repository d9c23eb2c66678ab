"""What a call is told before it begins. Written once into its log, so that a replay decides under the same settings.

Every number that bounds a call is here, named, with its reason. Nothing here is secret: keys and tokens belong to the
shell and never reach the core or the log.
"""

from typing import Literal

import msgspec

RULES = 2
"""How the core decides. A change of decisions takes a new number; a log keeps the number it was recorded under.

1: a model leg that is lost ends the call, and frames may come at any rate.
2: it is dialled again, and the conversation restored as it was heard; caller frames are bounded in their rate.
"""
RULES_REDIALLING = 2


class Vad(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Turn detection at the model. The vendor's defaults differ from model to model, so every number is always sent
    (https://platform.openai.com/docs/guides/realtime-vad)."""

    type: Literal["server_vad"] = "server_vad"
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    create_response: bool = True
    interrupt_response: bool = True


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bounds of one call. When one bites, the log says which."""

    start_ms_max: int = 10_000
    """From the caller leg's opening to Twilio's `start`."""
    frames_before_start_max: int = 50
    """Twilio sends one (`connected`); more means that the peer is not Twilio."""
    ready_ms_max: int = 10_000
    """From `start`, or from the loss of the model leg, to a configured model: longer, and the caller hears a silence
    that nobody will end."""
    frames_per_second_max: int = 100
    """Twilio sends 50, and an echo for each mark. What a stalled line delivers at once is no flood: the bound is on 15
    seconds' worth."""
    model_losses_max: int = 10
    """Times that a call's model leg may be lost after it was ready. A leg that breaks off more often is not worth its
    restoring, which is paid for."""
    renew_ms: int = 3_000_000
    """From the opening of the model leg to a new one, at the next moment in which nobody speaks. The vendor ends a
    session after 60 minutes (https://platform.openai.com/docs/guides/realtime-conversations)."""
    renew_ms_max: int = 3_480_000
    """The same, whoever speaks."""
    idle_ms_max: int = 30_000
    """Without any frame from Twilio. `stop` is not guaranteed, and some calls carry no frames in silence."""
    pending_audio_ms_max: int = 10_000
    """Caller audio kept while the model is not ready; the oldest goes first."""
    settle_ms: int = 1_000
    """From `clear` to a truncate by estimate, when the sentinel's echo does not come."""
    align_ms_max: int = 2_000
    """From the end of a call to a log that does without the words of its last item. All calls that end at once share
    one process that looks for them, which takes some hundredths of a second for each."""


class Away(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the caller hears while the model is away, once it has been away for `after_ms` and nothing is playing."""

    words: str = "One moment, please."
    """Empty: nothing is said."""
    audio: str | None = None
    """A WAV file of those words (8 kHz, mono). None: the one that comes with the program, which speaks the default."""
    after_ms: int = 1_000


class CallSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the core may know about how a call is to be run."""

    model: str = "gpt-realtime-2.1"
    instructions: str = "You are a helpful agent on a phone call. Be brief."
    voice: str = "marin"
    greeting: str | None = None
    """Instructions for a first response, made as soon as the model is ready. None: the caller speaks first."""
    transcription_model: str | None = "gpt-realtime-whisper"
    language: str | None = None
    """ISO-639-1, a hint for the transcription of the caller."""
    noise_reduction: Literal["near_field", "far_field"] | None = None
    vad: Vad = Vad()
    mark_every_ms: int = 200
    """Longest stretch of audio between two marks in the playout."""
    away: Away = Away()
    limits: Limits = Limits()
    rules: int = RULES
