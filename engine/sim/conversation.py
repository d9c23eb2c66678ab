"""What the simulated model remembers: the conversation's items, and how much of each it keeps.

This is the other half of the truth: the edge knows what was heard, this knows what the model believes was heard.
Refusals carry the vendor's codes and wording, as reported from live calls.
"""

import msgspec

from engine.core.audio import SAMPLES_PER_MS


class Refused(Exception):
    """The model answers a client's event with an `error`."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


class Remembered(msgspec.Struct):
    """An item of the conversation. `audio` is all that its script holds; `generated_samples` of it exist."""

    item_id: str
    role: str
    response_id: str | None = None
    text: str = ""
    audio: bytes = b""
    generated_samples: int = 0
    truncated_samples: int | None = None
    done: bool = False
    deleted: bool = False
    is_told: bool = False
    """A client made it."""

    @property
    def kept_samples(self) -> int:
        """What the model believes was heard."""
        return self.generated_samples if self.truncated_samples is None else self.truncated_samples

    @property
    def in_conversation(self) -> bool:
        """The model still knows of it."""
        return not self.deleted


class Conversation:
    """Items in order, the deleted ones too."""

    def __init__(self) -> None:
        self.items: list[Remembered] = []

    def add(self, item: Remembered) -> str | None:
        """Append an item; the one before it."""
        before = next((other.item_id for other in reversed(self.items) if not other.deleted), None)
        self.items.append(item)
        return before

    def create(self, item: Remembered, previous_item_id: str | None) -> str | None:
        """Put an item that a client made behind another (None: last; `root`: first); the one before it."""
        if self._find(item.item_id) is not None:
            raise Refused("item_create_duplicate_item_id", f"There is an item {item.item_id} already.", "item.id")
        if previous_item_id is None:
            return self.add(item)
        if previous_item_id == "root":
            self.items.insert(0, item)
            return None
        before = self._find(previous_item_id)
        if before is None:
            message = f"Error adding item: the previous item with id '{previous_item_id}' does not exist."
            raise Refused("item_create_invalid_previous_item_id", message, "previous_item_id")
        self.items.insert(self.items.index(before) + 1, item)
        return previous_item_id

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Forget an item's audio after `audio_end_ms`. Audio generated after that is forgotten too: whether the vendor
        would append it is not known."""
        item = self._find(item_id)
        if item is None:
            raise Refused("item_truncate_invalid_item_id", f"Item with item_id not found: {item_id}", "item_id")
        if item.role != "assistant" or content_index != 0 or item.generated_samples == 0:
            raise Refused("unsupported_content_type", "Only model output audio messages can be truncated")
        if audio_end_ms * SAMPLES_PER_MS > item.kept_samples:
            length_ms = item.kept_samples // SAMPLES_PER_MS
            message = f"Audio content of {length_ms}ms is already shorter than {audio_end_ms}ms"
            raise Refused("invalid_value", message, "audio_end_ms")
        item.truncated_samples = audio_end_ms * SAMPLES_PER_MS

    def delete(self, item_id: str) -> None:
        """Forget an item. One that is still being generated cannot be deleted: the vendor's answer to that is not
        known, so nobody should rely on one."""
        item = self._find(item_id)
        if item is None:
            message = f"Error deleting item: the item with id '{item_id}' does not exist."
            raise Refused("item_delete_invalid_item_id", message, "item_id")
        if not item.done:
            raise Refused("invalid_value", f"Item {item_id} is still being generated", "item_id")
        item.deleted = True

    def _find(self, item_id: str) -> Remembered | None:
        return next((item for item in self.items if item.item_id == item_id and not item.deleted), None)
