"""Where the ear is at a moment: how much of each item the caller has heard by now, as near as that is known then.

The core keeps what is known for certain, and asks where the ear is only when an interruption makes it ask. A person who
looks at a moment wants to know it for that moment. So it is asked here, of the core's own ledgers and by their own
rules, but without leaving a trace: to ask a clock for the time changes what it says later, and to settle a playout what
becomes of it.
"""

import msgspec

from engine.core import AnyCall
from engine.core.audio import ms_of
from engine.core.conversation import Item
from engine.core.playout import Playout
from engine.core.words import heard_at


class AtEar(msgspec.Struct, frozen=True):
    """An item of which something was sent that is not proven heard: how much the caller has heard by now, with its
    bounds, and the words of that. `is_cleared`: a clear is on its way or has come, and no more of it will be heard.
    No length is more than `generated_ms`, which leaves out the fraction of a millisecond at an item's end."""

    item_id: str
    is_cleared: bool
    heard_ms: int
    heard_min_ms: int
    heard_max_ms: int
    sent_ms: int
    generated_ms: int
    heard_text: str
    generated_text: str

    @property
    def how_much(self) -> str:
        """`1442 of 2803 ms (500 to 1442)`."""
        bounds = f" ({self.heard_min_ms} to {self.heard_max_ms})" if self.heard_min_ms < self.heard_max_ms else ""
        return f"{self.heard_ms} of {self.generated_ms} ms{bounds}"


def at_ear_now(call: AnyCall) -> list[AtEar]:
    """What is at the ear after the step that `call` took last; nothing once the call has ended."""
    if call.how_ended is not None:
        return []
    hearing = call.hearing
    now, latest = hearing.stream.peek(call.at_ns), hearing.stream.latest(call.at_ns)
    return [each for playout in (*hearing.flushing, hearing.playout) for each in _at_ear(call, playout, now, latest)]


def _at_ear(call: AnyCall, playout: Playout, now: int, latest: int) -> list[AtEar]:
    if playout.flush is None:
        position = playout.position(now)
        low, high = playout.bounds(latest)
        ear = position, low, max(high, position)
    else:
        judged = playout.judge(now, latest)
        ear = judged.position, judged.low, judged.high
    return [_of_item(call, item, playout, ear) for item in playout.items()]


def _of_item(call: AnyCall, item: Item, playout: Playout, ear: tuple[int, int, int]) -> AtEar:
    heard, least, most = (item.proven_samples + _passed(item, playout, position) for position in ear)
    words = heard_at(item, call.words.alignment_of(item), heard)
    return AtEar(
        item_id=item.item_id,
        is_cleared=playout.flush is not None,
        heard_ms=_ms_of(heard, item),
        heard_min_ms=_ms_of(least, item),
        heard_max_ms=_ms_of(most, item),
        sent_ms=_ms_of(item.sent_samples, item),
        generated_ms=item.generated_ms(),
        heard_text=words.text,
        generated_text=item.transcript,
    )


def _ms_of(samples: int, item: Item) -> int:
    return min(ms_of(samples), item.generated_ms())


def _passed(item: Item, playout: Playout, position: int) -> int:
    """Samples of an item before a position of the playout, of those that are not proven heard."""
    pieces = (piece for piece in playout.pieces if piece.item is item)
    return sum(max(0, min(piece.end, position) - piece.begin) for piece in pieces)
