"""When the words of an item are looked for in its audio, and what was heard by them.

Finding words costs milliseconds, so the core does not do it: it commands it (`AlignItem`), and is told what was found
by an input (`item.aligned`). An item is *due*

- when it is done and was heard to its end,
- when it was cut, and every interruption that cut it has settled,
- when the call ends.

An item of which nobody can have heard a word is not searched, nor one that has no words or no audio. There is one
search of an item at a time. When its answer comes and the item is another by then, it is searched again: more words or
other words, more audio, generated to its end after all, or heard beyond what was searched. While an item is still being
generated its words come in dribs: what they were when it was due must do, until they are all there or the item is done.

A *complete* search is of all the audio for all the words, each of which must be in it: only of an item whose audio and
transcript were both generated to their end. Any other search is *open*: of the audio to a second beyond the ear, for
every word that is known, with an end that is not known. For that it helps to know the speaker's rate; it is taken from
the complete searches of the same call, which has one voice.

An answer that nobody waits for any more changes nothing.
"""

from collections.abc import Callable

import msgspec

from engine.core.audio import FRAME_SAMPLES, ms_of, samples_of
from engine.core.commands import AlignItem, Command
from engine.core.conversation import Conversation, Item
from engine.core.events import ItemAligned, ItemUnaligned
from engine.core.heard import Alignment, Heard, Work, heard
from engine.core.settings import Limits

MS = 1_000_000
LOOKAHEAD_MS = 1_000
"""Audio beyond the ear for an open search: with less the last words are worse, with more they are hardly better."""
WORD_MS_MIN = 100
"""No word of an item is over sooner."""
CHARACTERS_MAX = 10_000
"""Of a transcript that are looked for: ten minutes of speech. An item that says more than that was not spoken."""


class Search(msgspec.Struct, frozen=True):
    """What is looked for, and in how much of an item's audio."""

    transcript: str
    frames: int
    complete: bool

    def covers(self, other: "Search") -> bool:
        """Whether the other would find nothing that this does not."""
        same = self.transcript == other.transcript and self.complete == other.complete
        return same and self.frames >= other.frames


class Words:
    """See above. `is_unsettled` says whether it is still being judged what was heard of an item."""

    def __init__(self, conversation: Conversation, is_unsettled: Callable[[Item], bool], limits: Limits) -> None:
        self._conversation = conversation
        self._is_unsettled = is_unsettled
        self._limits = limits
        self._open: dict[str, Item] = {}
        """Items that may become due, or due again, without being touched."""
        self._asked: dict[str, Search] = {}
        self._found: dict[str, Search] = {}
        self._rates: dict[str, float] = {}
        self._is_ending = False
        self._by_ns: int | None = None

    @property
    def is_searching(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._asked)

    def touch(self, item: Item) -> None:
        """Something about an item has changed that its words may depend on."""
        if item.is_speech:
            self._open[item.item_id] = item

    def due(self) -> list[Command]:
        """Searches that are due now, and were not asked for."""
        commands: list[Command] = []
        for item in [*self._open.values()]:
            if item.item_id in self._asked or not self._is_due(item):
                continue
            search = self._search(item)
            if search is not None and self._is_news(item, search):
                self._asked[item.item_id] = search
                commands.append(AlignItem(item.item_id, self._work(item, search)))
            elif item.is_done or self._is_ending:
                del self._open[item.item_id]
        return commands

    def end(self, at_ns: int) -> list[Command]:
        """The call ends, and with it what can be known of any item: the last searches."""
        self._is_ending, self._by_ns = True, at_ns + self._limits.align_ms_max * MS
        for item in self._conversation.order:
            self.touch(item)
        return self.due()

    def answered(self, event: ItemAligned | ItemUnaligned) -> list[str]:
        """A search is over. Returns what went wrong with it. One that could not be done is tried again when there is
        news of the item, and at the end of the call."""
        item_id = event.item_id
        search = self._asked.get(item_id)
        if search is None:
            return []
        if isinstance(event, ItemUnaligned):
            del self._asked[item_id]
            self._open.pop(item_id, None)
            return [f"no words of {item_id}: {event.reason}"]
        alignment = event.alignment
        if search.transcript == alignment.transcript:
            self._found[item_id] = self._asked.pop(item_id)
            self._conversation.items[item_id].alignment = alignment
            if search.complete and alignment.frames_per_letter is not None:
                self._rates[item_id] = alignment.frames_per_letter
        return []

    @property
    def deadline_ns(self) -> int | None:
        """When the last words of a call that has ended will be `late`."""
        return self._by_ns if self._asked else None

    def late(self, at_ns: int) -> list[str]:
        """Give up what was not found in time, if that is so, and say so."""
        if self.deadline_ns is None or at_ns < self.deadline_ns:
            return []
        missing = ", ".join(self._asked)
        self.give_up()
        return [f"align_ms_max: no words of {missing} within {self._limits.align_ms_max} ms"]

    def give_up(self) -> None:
        """Ask for nothing and wait for nothing any more."""
        self._open.clear()
        self._asked.clear()

    def is_known(self, item: Item) -> bool:
        """Whether `heard_of` has nothing to look for."""
        search = self._search(item)
        return search is None or self._known(item, search) is not None

    def alignment_of(self, item: Item, *, search_now: bool = True) -> Alignment:
        """Where the words of an item are. What is not known is looked for here and now, which takes its time, or else
        there are none."""
        search = self._search(item)
        if search is not None and (found := self._known(item, search)):
            return found
        if search is None or not search_now:
            return Alignment(item.transcript, [], 0, 0.0, "none")
        return self._work(item, search).done()

    def heard_of(self, item: Item) -> Heard:
        """What was heard of an item, in words, by all that is known now."""
        return heard_at(item, self.alignment_of(item), item.heard_samples)

    def _known(self, item: Item, search: Search) -> Alignment | None:
        found = self._found.get(item.item_id)
        return item.alignment if found is not None and found.covers(search) else None

    def _is_due(self, item: Item) -> bool:
        if item.is_cut:
            return self._is_ending or not self._is_unsettled(item)
        return self._is_ending or (item.is_done and item.proven_samples >= item.generated_samples)

    def _is_news(self, item: Item, search: Search) -> bool:
        """Whether a search would tell more than the last one did."""
        found = self._found.get(item.item_id)
        if found is None or found.covers(search):
            return found is None
        return item.is_done or self._is_ending or (item.transcript_final and search.transcript != found.transcript)

    @staticmethod
    def _search(item: Item) -> Search | None:
        """The search that an item is worth now, if it is worth any."""
        frames, transcript = item.features.frames, item.transcript[:CHARACTERS_MAX]
        is_heard = item.reach_samples >= min(item.generated_samples, samples_of(WORD_MS_MIN))
        if not (frames and is_heard) or not transcript or transcript.isspace():
            return None
        complete = item.is_whole and item.transcript_final and len(item.transcript) <= CHARACTERS_MAX
        if not complete:
            frames = min(frames, -(-(item.reach_samples + samples_of(LOOKAHEAD_MS)) // FRAME_SAMPLES))
        return Search(transcript, frames, complete)

    def _work(self, item: Item, search: Search) -> Work:
        rate = None if search.complete else self._rate()
        return Work(search.transcript, item.features.snapshot(search.frames), search.complete, rate)

    def _rate(self) -> float | None:
        """The median of the rates that were measured."""
        rates = sorted(self._rates.values())
        half = len(rates) // 2
        return (rates[half] + rates[~half]) / 2 if rates else None


def heard_at(item: Item, alignment: Alignment, samples: int) -> Heard:
    """What was heard of an item when `samples` of it were, by an alignment of all its words. An item that was generated
    and heard to its end was heard to its last word, wherever the alignment has that."""
    if item.is_whole and samples >= item.generated_samples > 0:
        return Heard(item.transcript, len(alignment.words), None, alignment.method, alignment.confidence)
    return heard(alignment, min(ms_of(samples), item.generated_ms()))
