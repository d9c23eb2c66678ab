"""The conversation as the model keeps it, with what the caller got of it.

Items stand in the model's order, which is not the order in which news of them comes: a caller's words are transcribed
while the answer to them is already being spoken. Every item knows two lengths of itself and two texts: generated (what
the model made) and heard (what reached the ear). `heard <= sent <= generated`, always.

Some counts belong to the model's side (`generated_samples`: late audio that is never played still lengthens the item
there, and a truncate is measured against it), some to the ear's (`heard_samples` with its bounds). See `playout` for
the ear.
"""

from typing import Literal

import msgspec

from engine.core.audio import FRAME_SAMPLES, SAMPLES_PER_MS, loudness, ms_of
from engine.core.machines import RESPONSE, Generating, ResponseFact, after

Action = Literal["truncate", "delete", "none"]
Outcome = Literal["ok", "error", "pending"]


class Repair(msgspec.Struct):
    """What the model was told about an item that was not heard to its end."""

    action: Action
    audio_end_ms: int | None = None
    outcome: Outcome = "pending"
    event_id: str = ""


class Item(msgspec.Struct, eq=False):
    """One item. Lengths in samples, dates (`*_at`) in stream samples."""

    item_id: str
    kind: str = "message"
    role: str | None = None
    response_id: str | None = None
    content_index: int = 0
    """Of its first audio. The vendor makes one part of audio an item; more would be counted as one."""
    transcript: str = ""
    transcript_final: bool = False
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
    envelope: bytearray = msgspec.field(default_factory=bytearray)
    """Loudness of each 20 ms of audio, 0 to 255: what heard text is derived from."""
    rest: bytes = b""
    """Audio of the last, unfinished 20 ms."""
    started_at: int | None = None
    ended_at: int | None = None
    repair: Repair | None = None

    @property
    def heard_samples(self) -> int:
        """Best knowledge of what reached the ear."""
        return self.proven_samples + self.tail_samples

    @property
    def is_speech(self) -> bool:
        """Whether this is something the assistant says."""
        return self.kind == "message" and self.role in (None, "assistant")

    def grow(self, audio: bytes) -> None:
        """The model generated more of it."""
        self.generated_samples += len(audio)
        audio = self.rest + audio
        whole = len(audio) - len(audio) % FRAME_SAMPLES
        for begin in range(0, whole, FRAME_SAMPLES):
            self.envelope.append(loudness(audio[begin : begin + FRAME_SAMPLES]))
        self.rest = audio[whole:]

    def prove(self, samples: int, at: int) -> None:
        """The next `samples` of it are known to have been heard, the last of them at `at`."""
        self.proven_samples += samples
        self.ended_at = at

    def guess(self, tail: int, low: int, high: int, at: int) -> None:
        """Beyond what is known so far, `tail` more samples were heard, at least `low` and at most `high`."""
        self.tail_samples += tail
        self.tail_low += low
        self.tail_high += high
        if tail:
            self.ended_at = at

    def forget_guess(self) -> None:
        """A better guess is coming."""
        self.tail_samples = self.tail_low = self.tail_high = 0

    def generated_ms(self) -> int:
        """Whole milliseconds of audio that the model has of it: the most that a truncate may ask for."""
        return self.generated_samples // SAMPLES_PER_MS

    def heard_ms(self) -> int:
        """Milliseconds of it that were heard, within what there is."""
        return min(ms_of(self.heard_samples), self.generated_ms())


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

    def item(self, item_id: str) -> Item:
        """The item of that id; a new one, last in the order, if it was never heard of."""
        found = self.items.get(item_id)
        if found is None:
            found = self.items[item_id] = Item(item_id)
            self.order.append(found)
        return found

    def place(self, item: Item, previous_item_id: str | None) -> None:
        """Put an item behind the one it follows. Without a known predecessor it stays where it is."""
        previous = self.items.get(previous_item_id or "")
        if previous is not None and previous is not item:
            self.order.remove(item)
            self.order.insert(self.order.index(previous) + 1, item)

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
