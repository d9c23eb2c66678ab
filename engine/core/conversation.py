"""The conversation as the model keeps it, with what the caller got of it.

Items stand in the model's order, which is not the order in which news of them comes: a caller's words are transcribed
while the answer to them is already being spoken. Every item knows two lengths of itself and two texts: generated (what
the model made) and heard (what reached the ear). `heard <= sent <= generated`, always.

Some counts belong to the model's side (`generated_samples`: late audio that is never played still lengthens the item
there, and a truncate is measured against it), some to the ear's (`heard_samples` with its bounds). See `playout` for
the ear.
"""

from bisect import bisect_left, bisect_right
from typing import Literal

import msgspec

from engine.core.audio import SAMPLES_PER_MS, ms_of
from engine.core.events import FunctionPart
from engine.core.heard import Alignment, Features
from engine.core.machines import RESPONSE, Generating, ResponseFact, after

Action = Literal["truncate", "delete", "none"]
Outcome = Literal["ok", "error", "pending"]


NO_SESSION = 0
LOST = "lost"
"""The status of a response whose session ended before it did. The vendor's own words for a status are others."""


class Repair(msgspec.Struct):
    """What the model was told about an item that was not heard to its end."""

    action: Action
    audio_end_ms: int | None = None
    outcome: Outcome = "pending"
    event_id: str = ""


class PartText(msgspec.Struct):
    """What one part of an item says, so far or (`final`) in the end."""

    text: str = ""
    final: bool = False


class Item(msgspec.Struct, eq=False):
    """One item. Lengths in samples, dates (`*_at`) in stream samples."""

    item_id: str
    kind: str = "message"
    role: str | None = None
    session: int = 1
    """The model's session that it was made in; NO_SESSION for what no model made."""
    restored_in: int = 0
    """The last session that was told of it, as text."""
    is_unsaid: bool = False
    """There was nothing to tell of it then."""
    is_resent: bool = False
    """The caller's speech, handed to the next session once more: it is an item there."""
    function: FunctionPart | None = None
    """Of a function call, or of its output."""
    response_id: str | None = None
    content_index: int = 0
    """Of its first audio, as a truncate names it. All its audio, in the order of arrival, is one timeline."""
    transcript: str = ""
    """What its parts say, joined in their order."""
    transcript_final: bool = False
    """No words of it are still coming."""
    parts: dict[int, PartText] = {}
    """The words of each part that is spoken, by content index. A part of text alone is not spoken and is none."""
    is_done: bool = False
    """It will not grow any more."""
    is_whole: bool = False
    """It was generated to its end: its transcript and its audio say the same."""
    is_cut: bool = False
    """It was interrupted, or belongs to a response that was: it may have to be shortened at the model."""
    generated_samples: int = 0
    sent_samples: int = 0
    proven_samples: int = 0
    tail_samples: int = 0
    """Heard beyond what is proven, as judged at an interruption or at the call's end, with its bounds."""
    tail_low: int = 0
    tail_high: int = 0
    tail_reach: int = 0
    """Up to the mark that did not come back: words are looked for until there."""
    features: Features = msgspec.field(default_factory=Features)
    """What is kept of its audio, to find its words in."""
    alignment: Alignment | None = None
    """Where its words are in its audio, as far as that was last asked for (see `words`)."""
    anchors: list[tuple[int, int]] = []
    """Lengths of it that were proven heard, each with the date at which the ear was there; at most one for a mark."""
    started_at: int | None = None
    ended_at: int | None = None
    repair: Repair | None = None

    @property
    def heard_samples(self) -> int:
        """Best knowledge of what reached the ear."""
        return self.proven_samples + self.tail_samples

    @property
    def heard_samples_min(self) -> int:
        """What was heard at the least."""
        return min(self.proven_samples + self.tail_low, self.heard_samples)

    @property
    def heard_samples_max(self) -> int:
        """What can have been heard at the most."""
        return min(self.proven_samples + self.tail_high, self.generated_samples)

    @property
    def reach_samples(self) -> int:
        """Until where words are looked for in it, while it is not whole."""
        return min(self.proven_samples + self.tail_reach, self.generated_samples)

    @property
    def was_interrupted(self) -> bool:
        """Whether there is more of it than was heard, because it was cut."""
        return self.is_cut and self.heard_ms() < self.generated_ms()

    @property
    def is_speech(self) -> bool:
        """Whether this is something the assistant says."""
        return self.kind == "message" and self.role in (None, "assistant")

    def grow(self, audio: bytes) -> None:
        """The model generated more of it."""
        self.generated_samples += len(audio)
        self.features.take(audio)

    def say(self, content_index: int, text: str, final: bool) -> None:
        """Words of one of its parts: more of them, or (`final`) all of them, whatever was said of them before."""
        part = self.parts.setdefault(content_index, PartText())
        part.text, part.final = text if final else part.text + text, final
        self.transcript_final = all(each.final for each in self.parts.values())
        self.transcript = part.text if len(self.parts) == 1 else _joined(self.parts)

    def prove(self, samples: int, at: int) -> None:
        """The next `samples` of it are known to have been heard, the last of them at `at`."""
        self.proven_samples += samples
        self.ended_at = at
        # A line that is known better by now may say a little less than it did; the ear does not go back.
        self.anchors.append((self.proven_samples, max(at, self.anchors[-1][1] if self.anchors else at)))

    def ear_at(self, samples: int, *, is_end: bool) -> int:
        """When the ear came so far in it: to the end of something, or else to the beginning of what follows. Only of an
        item that was heard so far.

        The ear moves at one speed or stands still, and what makes it stand is that no more has come: it stands at the
        beginning of what came late. So it is dated from the next anchor backwards, and never before the last one.
        """
        assert self.started_at is not None
        find = bisect_left if is_end else bisect_right
        index = find(self.anchors, samples, key=lambda anchor: anchor[0])
        before, before_at = self.anchors[index - 1] if index else (0, self.started_at)
        if index == len(self.anchors):
            return before_at + samples - before
        after, after_at = self.anchors[index]
        return max(before_at, after_at - (after - samples))

    def guess(self, tail: int, low: int, high: int, reach: int, at: int) -> None:
        """Beyond what is known so far, `tail` more samples were heard, at least `low` and at most `high`; `reach` are
        those up to the next mark."""
        self.tail_samples += tail
        self.tail_low += low
        self.tail_high += high
        self.tail_reach += reach
        if tail:
            self.ended_at = at

    def forget_guess(self) -> None:
        """A better guess is coming."""
        self.tail_samples = self.tail_low = self.tail_high = self.tail_reach = 0

    def generated_ms(self) -> int:
        """Whole milliseconds of audio that the model has of it: the most that a truncate may ask for."""
        return self.generated_samples // SAMPLES_PER_MS

    def heard_ms(self) -> int:
        """Milliseconds of it that were heard, within what there is."""
        return min(ms_of(self.heard_samples), self.generated_ms())


def _joined(parts: dict[int, PartText]) -> str:
    """The texts in the order of their parts, with a space between two where there is none."""
    joined = ""
    for _, part in sorted(parts.items()):
        gap = " " if joined and part.text and not (joined[-1].isspace() or part.text[0].isspace()) else ""
        joined += gap + part.text
    return joined


class Response(msgspec.Struct, eq=False):
    """One generation; may hold several items."""

    response_id: str
    state: Generating = Generating.GENERATING
    was_cut: bool = False
    """Nothing that still comes of it is played, done or not."""
    items: list[Item] = []
    status: str = ""
    reason: str = ""

    def fact(self, fact: ResponseFact) -> None:
        self.state = after(RESPONSE, self.state, fact)
        self.was_cut = self.was_cut or self.state is Generating.CUT


class Conversation(msgspec.Struct):
    """All items, in the model's order, and all responses."""

    items: dict[str, Item] = {}
    order: list[Item] = []
    responses: dict[str, Response] = {}
    session: int = 1
    """The model's sessions are counted: one that is lost has a next one, which begins without any items."""

    def item(self, item_id: str) -> Item:
        """The item of that id; a new one, last in the order, if it was never heard of."""
        found = self.items.get(item_id)
        if found is None:
            found = self.items[item_id] = Item(item_id, session=self.session)
            self.order.append(found)
        return found

    def is_at_model(self, item: Item) -> bool:
        """Whether the model has the item itself, with its audio: what can be truncated and deleted."""
        return item.session == self.session

    def said(self, item_id: str, text: str, audio: bytes) -> Item:
        """A new item that no model made: what we say to the caller ourselves."""
        item = self.item(item_id)
        item.session, item.role = NO_SESSION, "assistant"
        item.say(0, text, final=True)
        item.grow(audio)
        item.is_done = item.is_whole = True
        return item

    def lost(self) -> list[Response]:
        """The session is gone. Returns the responses that it was still generating, which are done now."""
        self.session += 1
        responses = self.generating()
        for response in responses:
            response.fact(ResponseFact.DONE)
            response.status = LOST
        return responses

    def place(self, item: Item, previous_item_id: str | None) -> None:
        """Put an item behind the one it follows. Without a known predecessor it stays where it is; so does one of an
        earlier session, which has its place."""
        previous = self.items.get(previous_item_id or "")
        if previous is not None and previous is not item and self.is_at_model(item):
            self.order.remove(item)
            index = self.order.index(previous) + 1
            while index < len(self.order) and self._is_awaited(self.order[index]):
                index += 1
            self.order.insert(index, item)

    def _is_awaited(self, item: Item) -> bool:
        """Whether this is an item of an earlier session that this one does not know: later ones belong behind it."""
        return item.session < self.session and (item.restored_in < self.session or item.is_unsaid)

    def response(self, response_id: str) -> Response:
        """The response of that id, begun now if it was never heard of."""
        found = self.responses.get(response_id)
        if found is None:
            found = self.responses[response_id] = Response(response_id)
        return found

    def response_item(self, response_id: str, item_id: str) -> tuple[Response, Item]:
        """A response and an item that belongs to it."""
        response, item = self.response(response_id), self.item(item_id)
        if item.response_id is None:
            item.response_id = response_id
            response.items.append(item)
        return response, item

    def generating(self) -> list[Response]:
        """Responses that are not done, cut or not."""
        return [response for response in self.responses.values() if response.state is not Generating.DONE]
