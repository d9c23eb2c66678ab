"""What the caller said, and when, by the model's account of it.

The model tells times in its count of appended audio, moved back by the padding that it keeps before speech
(`audio_start_ms`) and with the silence that it waited for still in it (`audio_end_ms`). The words come from another
model, later, often after the answer has begun; the item they belong to says where in the conversation they stand.
"""

from engine.core.audio import samples_of
from engine.core.conversation import Conversation, Item
from engine.core.events import CallerTranscript, SpeechStarted, SpeechStopped
from engine.core.session import ModelSession
from engine.core.settings import Vad


class CallerTurns:
    """Writes the caller's speech into the conversation."""

    def __init__(self, conversation: Conversation, session: ModelSession, vad: Vad) -> None:
        self._conversation = conversation
        self._session = session
        self._vad = vad
        self.latest: list[Item] = []
        """What the caller said since the assistant last said something, or else what that was said to."""
        self.is_answered = True
        """Whether anything was said to that."""
        self.is_speaking = False

    def started(self, event: SpeechStarted, now: int) -> int:
        """The caller began to speak; returns when, in stream samples, never later than `now`."""
        onset_at = self._session.input.stream_of(samples_of(event.audio_start_ms + self._vad.prefix_padding_ms))
        started_at = now if onset_at is None else min(onset_at, now)
        self.is_speaking = True
        if self.is_answered:
            self.is_answered = False
            self.latest.clear()
        if event.item_id:
            item = self._conversation.item(event.item_id)
            item.role, item.started_at = "user", started_at
            self.latest.append(item)
        return started_at

    def stopped(self, event: SpeechStopped) -> None:
        """The caller fell silent: not later than in the last audio that the model was given."""
        self.is_speaking = False
        if not event.item_id:
            return
        item = self._conversation.item(event.item_id)
        item.role = "user"
        ended_at = samples_of(event.audio_end_ms - self._vad.silence_duration_ms)
        item.ended_at = self._session.input.stream_of(min(ended_at, self._session.input.appended))

    def transcribed(self, event: CallerTranscript) -> None:
        """Words of the caller, or all of them."""
        item = self._conversation.item(event.item_id)
        item.role = "user"
        item.transcript = event.text if event.final else item.transcript + event.text
        item.transcript_final = event.final

    def lost(self) -> int | None:
        """The session is gone that heard the caller. Returns from when on, in stream samples, the next one should hear
        the caller again, because nobody knows the words: None if they are known, or there are none."""
        self.is_speaking = False
        begins_at = [item.started_at for item in self.latest if item.started_at is not None]
        if not begins_at or all(item.transcript_final for item in self.latest):
            return None
        return max(0, min(begins_at) - samples_of(self._vad.prefix_padding_ms))
