"""The words between two places of an item: what a model remembers and nobody heard, or the other way round."""

from engine.core import Overheard
from engine.core.conversation import Item
from engine.core.heard import Alignment, Work, heard


class Quotes:
    """Looks for the words of items, each once."""

    def __init__(self, call: Overheard) -> None:
        self._call = call
        self._alignments: dict[str, Alignment] = {}

    def heard(self, item: Item) -> str:
        """What was heard of it, as every report says it."""
        return self._call.words.heard_of(item).text

    def between(self, item: Item, from_ms: int, to_ms: int) -> str:
        """The words of the item that end after the one and not after the other."""
        begin = len(self.heard(item)) if from_ms == item.heard_ms() else self._length(item, from_ms)
        end = len(self.heard(item)) if to_ms == item.heard_ms() else self._length(item, to_ms)
        return item.transcript[begin:end].strip()

    def _length(self, item: Item, ms: int) -> int:
        """How many characters of its transcript were spoken by then."""
        if ms >= item.generated_ms():
            return len(item.transcript)
        alignment = self._alignments.get(item.item_id)
        if alignment is None:
            features = item.features.snapshot(item.features.frames)
            is_complete = item.is_whole and item.transcript_final
            alignment = self._alignments[item.item_id] = Work(item.transcript, features, is_complete, None).done()
        return len(heard(alignment, ms).text)
