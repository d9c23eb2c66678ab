"""What there is to see of a call at a moment: a pure function of a `Call`.

Between two echoes of marks the ear moves on, so the words being heard are a little ahead of what is proven. That
position is the core's own (`Playout.position`), asked for the time of the newest caller frame: the call on the screen
then moves with the phone's clock and not with ours.

Which words these are is looked for when an item was cut or is over. Until then they are shown at an even pace, which is
good enough to read along with and costs nothing.
"""

from collections import Counter
from typing import Literal

import msgspec

from engine.core import Call
from engine.core.audio import ms_of, samples_of
from engine.core.conversation import Item
from engine.core.machines import Calling, Playing, Socket
from engine.core.report import Interrupted, interrupted, was_said

LETTER_MS = 65
"""A usual rate of speech, for words whose audio has not all been generated."""


class Spoken(msgspec.Struct, frozen=True):
    """One turn. `unheard`: generated and not heard, or not yet; never, once `is_cut`. `start_ms` is stream time."""

    speaker: Literal["caller", "assistant"]
    start_ms: int | None
    heard: str
    unheard: str = ""
    is_cut: bool = False


class Reach(msgspec.Struct, frozen=True):
    """How far the newest response has come: at the model, to Twilio, to the ear."""

    generated_ms: int
    sent_ms: int
    heard_ms: int
    is_cut: bool


class View(msgspec.Struct, frozen=True):
    """`at_ms` is stream time: what a recording of the call shows."""

    at_ms: int
    state: str
    is_caller_speaking: bool
    spoken: list[Spoken]
    reach: Reach | None
    interruption: Interrupted | None
    """The newest one."""


def view(call: Call) -> View:
    """The call as it stands."""
    ear = _ear(call)
    spoken = [_spoken(call, item, ear[item.item_id]) for item in call.conversation.order if was_said(item)]
    interruptions = call.barge_in.interruptions
    return View(
        at_ms=now_ms(call),
        state=_state(call),
        is_caller_speaking=any(_is_speaking(item) for item in call.conversation.order),
        spoken=spoken,
        reach=_reach(call, ear),
        interruption=interrupted(interruptions[-1]) if interruptions else None,
    )


def now_ms(call: Call) -> int:
    """Stream time of the newest thing that came."""
    stream = call.hearing.stream
    return ms_of(max(stream.newest, stream.shown))


def _state(call: Call) -> str:
    if call.state is Calling.LIVE:
        if call.session.is_ready:
            return "live"
        return "model connected" if call.model is Socket.OPEN else "dialling the model"
    return {
        Calling.AWAITING_START: "ringing",
        Calling.ENDING: "hanging up",
    }.get(call.state, f"ended: {call.how_ended}")


def _ear(call: Call) -> Counter[str]:
    """Samples of each item that the ear has passed beyond what the item itself knows, while they are being played.

    Between a clear and its effect the ear is shown where it was when the clear was sent: the rest is for the core to
    judge, in a moment.
    """
    beyond: Counter[str] = Counter()
    if call.state is not Calling.LIVE:
        return beyond
    hearing = call.hearing
    moments = [(hearing.playout, hearing.stream.newest)]
    for playout in hearing.flushing:
        if playout.state is Playing.FLUSHING and playout.flush is not None:
            moments.append((playout, playout.flush.sent_at))
    for playout, at in moments:
        position = playout.position(at)
        for piece in playout.pieces:
            beyond[piece.item.item_id] += max(0, min(piece.end, position) - piece.begin)
    return beyond


def _spoken(call: Call, item: Item, beyond: int) -> Spoken:
    start_ms = None if item.started_at is None else ms_of(item.started_at)
    if item.role == "user":
        return Spoken("caller", start_ms, item.transcript.strip())
    is_judged = not beyond and call.words.is_known(item)
    heard = call.words.heard_of(item).text if is_judged else _evenly(item, item.heard_samples + beyond)
    return Spoken("assistant", start_ms, heard, item.transcript[len(heard) :], item.was_interrupted)


def _evenly(item: Item, samples: int) -> str:
    """The whole words of an item that are over after so many samples, if all letters take the same time."""
    total = item.generated_samples
    if not item.is_done:
        total = max(total, samples_of(LETTER_MS * len(item.transcript)))
    end = len(item.transcript) * samples // max(total, 1)
    if end >= len(item.transcript):
        return item.transcript
    while end and not item.transcript[end].isspace():
        end -= 1
    return item.transcript[:end]


def _is_speaking(item: Item) -> bool:
    return item.role == "user" and item.started_at is not None and item.ended_at is None


def _reach(call: Call, ear: Counter[str]) -> Reach | None:
    newest = next((item for item in reversed(call.conversation.order) if item.sent_samples), None)
    if newest is None or newest.response_id is None:
        return None
    items: list[Item] = [item for item in call.conversation.responses[newest.response_id].items if item.is_speech]
    return Reach(
        generated_ms=ms_of(sum(item.generated_samples for item in items)),
        sent_ms=ms_of(sum(item.sent_samples for item in items)),
        heard_ms=ms_of(sum(item.heard_samples + ear[item.item_id] for item in items)),
        is_cut=any(item.is_cut for item in items),
    )
