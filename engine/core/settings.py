"""What a call is told before it begins. Written once into its log, so that a replay decides under the same settings.

Every number that bounds a call is here, named, with its reason. Nothing here is secret: keys and tokens belong to the
shell and never reach the core or the log.
"""

from typing import Literal

import msgspec

RULES = 1
"""How the core decides. A change of decisions takes a new number; a log keeps the number it was recorded under."""


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
    """From `start` to a configured model: longer, and the caller hears a silence that nobody will end."""
    idle_ms_max: int = 30_000
    """Without any frame from Twilio. `stop` is not guaranteed, and some calls carry no frames in silence."""
    pending_audio_ms_max: int = 10_000
    """Caller audio kept while the model is not ready; the oldest goes first."""
    settle_ms: int = 1_000
    """From `clear` to a truncate by estimate, when the sentinel's echo does not come."""
    align_ms_max: int = 2_000
    """From the end of a call to a log that does without the words of its last item. All calls that end at once share
    one process that looks for them, which takes some hundredths of a second for each."""


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
    limits: Limits = Limits()
    rules: int = RULES
