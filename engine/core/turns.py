"""What the caller said, and when, by the model's account of it.

The model tells times in its count of appended audio, moved back by the padding that it keeps before speech
(`audio_start_ms`) and with the silence that it waited for still in it (`audio_end_ms`). The words come from another
model, later, often after the answer has begun; the item they belong to says where in the conversation they stand.
"""

from engine.core.audio import samples_of
from engine.core.conversation import Conversation
from engine.core.events import CallerTranscript, SpeechStarted, SpeechStopped
from engine.core.session import ModelSession
from engine.core.settings import Vad


class CallerTurns:
    """Writes the caller's speech into the conversation."""

    def __init__(self, conversation: Conversation, session: ModelSession, vad: Vad) -> None:
        self._conversation = conversation
        self._session = session
        self._vad = vad

    def started(self, event: SpeechStarted, now: int) -> int:
        """The caller began to speak; returns when, in stream samples, never later than `now`."""
        onset_at = self._session.input.stream_of(samples_of(event.audio_start_ms + self._vad.prefix_padding_ms))
        started_at = now if onset_at is None else min(onset_at, now)
        if event.item_id:
            item = self._conversation.item(event.item_id)
            item.role, item.started_at = "user", started_at
        return started_at

    def stopped(self, event: SpeechStopped) -> None:
        """The caller fell silent."""
        if not event.item_id:
            return
        item = self._conversation.item(event.item_id)
        item.role = "user"
        item.ended_at = self._session.input.stream_of(samples_of(event.audio_end_ms - self._vad.silence_duration_ms))

    def transcribed(self, event: CallerTranscript) -> None:
        """Words of the caller, or all of them."""
        item = self._conversation.item(event.item_id)
        item.role = "user"
        item.transcript = event.text if event.final else item.transcript + event.text
