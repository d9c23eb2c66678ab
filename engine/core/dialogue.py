"""What the model says: its items and responses into the conversation, its audio on to the caller.

The model's account of the conversation (items added, done, shortened, removed; words of either side) is written down;
audio of an item that was not cut is handed on at once. What an item's end asks for is `barge_in`'s to say.
"""

from engine.core import events as ev
from engine.core.barge_in import BargeIn
from engine.core.commands import Command
from engine.core.conversation import Conversation
from engine.core.machines import ResponseFact
from engine.core.talking import Speaker
from engine.core.turns import CallerTurns
from engine.core.words import Words


class Dialogue:
    """See above. `errors` is the call's list of what went wrong."""

    def __init__(
        self,
        conversation: Conversation,
        turns: CallerTurns,
        barge_in: BargeIn,
        words: Words,
        speaker: Speaker,
        errors: list[str],
    ) -> None:
        self._conversation = conversation
        self._turns = turns
        self._barge_in = barge_in
        self._words = words
        self._speaker = speaker
        self._errors = errors

    def audio(self, event: ev.ItemAudio, stream_sid: str, seq: int, at_ns: int) -> list[Command]:
        """A stretch of an item's audio, which entry `seq` brought."""
        response, item = self._conversation.response_item(event.response_id, event.item_id)
        if not item.generated_samples:
            item.content_index = event.content_index
        item.grow(event.audio)
        self._words.touch(item)
        item.is_cut = item.is_cut or response.was_cut
        if item.is_cut:
            return []
        commands = self._speaker.play(stream_sid, item, event.audio, seq, at_ns)
        self._turns.is_answered = self._turns.is_answered or bool(commands)
        return commands

    def response_done(self, event: ev.ResponseDone, stream_sid: str, at_ns: int) -> list[Command]:
        """A response ended, by itself or cancelled."""
        response = self._conversation.response(event.response_id)
        if event.status == "cancelled":
            # News of the cancel can come before news of the speech that caused it.
            response.fact(ResponseFact.CUT)
            for item in response.items:
                item.is_cut = item.is_cut or not item.sent_samples
        response.fact(ResponseFact.DONE)
        response.status, response.reason = event.status, event.reason
        if event.status == "failed":
            self._errors.append(f"response failed: {event.reason}")
        return [*self._speaker.finish(stream_sid, at_ns), *self._barge_in.response_done(response)]

    def item_done(self, event: ev.ItemDone, stream_sid: str, at_ns: int) -> list[Command]:
        """An item will not grow any more."""
        item = self._conversation.item(event.item_id)
        item.function = event.function
        return [*self._speaker.finish(stream_sid, at_ns), *self._barge_in.item_done(item, is_whole=event.is_whole)]

    def news(self, event: ev.AnyEvent) -> None:
        """What is only written down."""
        conversation = self._conversation
        match event:
            case ev.CallerTranscript():
                self._turns.transcribed(event)
            case ev.ItemTranscript():
                _, item = conversation.response_item(event.response_id, event.item_id)
                item.say(event.content_index, event.text, event.final)
                self._words.touch(item)
            case ev.ItemAdded():
                item = conversation.item(event.item_id)
                item.kind, item.role, item.function = event.kind, event.role, event.function
                conversation.place(item, event.previous_item_id)
            case ev.ResponseItemAdded() if event.response_id:
                response, item = conversation.response_item(event.response_id, event.item_id)
                item.kind, item.is_cut = event.kind, item.is_cut or response.was_cut
            case ev.ItemTruncated():
                self._barge_in.answered(event.item_id, event.audio_end_ms)
            case ev.ItemDeleted():
                self._barge_in.answered(event.item_id, None)
            case ev.ResponseCreated():
                conversation.response(event.response_id)
