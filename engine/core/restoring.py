"""What a new session of the model is told of the call so far: the conversation as the caller heard it.

A new session is empty. It gets one `conversation.item.create` for each item, in order: what the caller said, by its
transcript; of what the assistant said only what was heard, for the rest was never said; a function call if its output
is known too. Text, because a client cannot create audio of an assistant
(https://platform.openai.com/docs/api-reference/realtime-client-events/conversation/item/create). Items keep their ids.

An item that is still playing, or of which it is not judged yet how much was heard, follows when that is known, at its
place. An item without any heard words is left out.

Then the model is asked to speak, if its last response was cut off by the loss, or if the caller waits for one. But
where the words of the caller's last turn are not known, that turn is handed over as audio once more, and the model
answers it by itself.
"""

from engine.core.barge_in import BargeIn
from engine.core.commands import Command, CreateItem, CreateResponse
from engine.core.conversation import Conversation, Item
from engine.core.hearing import Hearing
from engine.core.names import Names
from engine.core.words import Words

ROOT = "root"
"""The vendor's name for the place before the first item."""


class Restoring:
    """See above."""

    def __init__(
        self,
        conversation: Conversation,
        hearing: Hearing,
        barge_in: BargeIn,
        words: Words,
        names: Names,
    ) -> None:
        self.conversation = conversation
        self.hearing = hearing
        self._barge_in = barge_in
        self._words = words
        self._names = names
        self._is_answer_owed = False
        self._asked_after: int | None = None
        """How many responses there had been when the model was asked to speak."""
        self.is_unfinished = False
        """Whether there is more to tell, once more is known."""

    @property
    def is_owing(self) -> bool:
        """Whether the model is to be asked to speak, or was asked and has not begun."""
        return self._is_answer_owed or self._asked_after == len(self.conversation.responses)

    def owe_answer(self, is_owed: bool) -> None:
        """Whether the model is to be asked to speak, once it knows all. The caller who speaks first gets an answer by
        that."""
        self._is_answer_owed, self._asked_after = is_owed, None

    def begin(self) -> list[Command]:
        """A new session is ready: tell it what is known."""
        return [*self._tell(is_first=True), *self._ask()]

    def go_on(self) -> list[Command]:
        """More may be known of what was heard."""
        return [*self._tell(is_first=False), *self._ask()]

    def _tell(self, *, is_first: bool) -> list[Command]:
        conversation = self.conversation
        playing = self.hearing.playout.items()
        commands: list[Command] = []
        self.is_unfinished = False
        before = ROOT
        for item in conversation.order:
            if conversation.is_at_model(item) or item.restored_in == conversation.session:
                was_deleted = item.repair is not None and item.repair.action == "delete"
                before = before if item.is_unsaid or was_deleted else item.item_id
            elif item in playing or self._barge_in.is_unsettled(item):
                self.is_unfinished = True
            else:
                content = self._content(item)
                item.restored_in, item.is_unsaid = conversation.session, content is None
                if content is not None:
                    # One that the vendor refuses must not take those with it that would have named it.
                    place = None if is_first else before
                    commands.append(CreateItem(self._names.event("restore"), {"id": item.item_id, **content}, place))
                    before = item.item_id
        return commands

    def _ask(self) -> list[Command]:
        if not self._is_answer_owed or self.is_unfinished:
            return []
        self._is_answer_owed, self._asked_after = False, len(self.conversation.responses)
        return [CreateResponse(self._names.event("resume"), None)]

    def _content(self, item: Item) -> dict[str, object] | None:
        """The item as it is to be created, but for its id. None: there is nothing to tell."""
        if item.function is not None:
            return self._function(item)
        if item.role == "user":
            text, kind = ("" if item.is_resent else item.transcript.strip()), "input_text"
        elif item.is_speech:
            text, kind = (self._words.heard_of(item).text if item.heard_samples else ""), "output_text"
        else:
            return None
        if not text:
            return None
        role = item.role or "assistant"
        return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}

    def _function(self, item: Item) -> dict[str, object] | None:
        said = item.function
        assert said is not None
        wanted = "function_call_output" if item.kind == "function_call" else "function_call"
        others = (other for other in self.conversation.order if other.kind == wanted and other.function is not None)
        if not any(other.function is not None and other.function.call_id == said.call_id for other in others):
            return None
        if item.kind == "function_call":
            return {"type": item.kind, "call_id": said.call_id, "name": said.name, "arguments": said.arguments}
        return {"type": item.kind, "call_id": said.call_id, "output": said.output}
