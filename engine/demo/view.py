"""What there is to see of a call at a moment: a pure function of a `Call`.

Between two echoes of marks the ear moves on, so the words being heard are a little ahead of what is proven. That
position is the core's own (`Playout.position`), asked for the time of the newest caller frame: the call on the screen
then moves with the phone's clock and not with ours.
"""

from collections import Counter
from typing import Literal

import msgspec

from engine.core import Call, report
from engine.core.audio import ms_of
from engine.core.conversation import Item
from engine.core.heard import heard_text
from engine.core.machines import Calling, Playing, Socket
from engine.core.report import Interrupted, Turn


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
    told = report(call)
    ear = _ear(call)
    spoken = [_spoken(call, turn, ear) for turn in told.turns]
    return View(
        at_ms=now_ms(call),
        state=_state(call),
        is_caller_speaking=any(_is_speaking(item) for item in call.conversation.order),
        spoken=spoken,
        reach=_reach(call, ear),
        interruption=told.interruptions[-1] if told.interruptions else None,
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


def _spoken(call: Call, turn: Turn, ear: Counter[str]) -> Spoken:
    if turn.speaker == "caller":
        return Spoken("caller", turn.start_ms, turn.heard_text)
    item, heard = call.conversation.items[turn.item_id], turn.heard_text
    if ear[item.item_id]:
        samples = item.heard_samples + ear[item.item_id]
        heard = heard_text(
            bytes(item.envelope), item.transcript, samples, item.generated_samples, complete=item.is_done
        ).text
    return Spoken("assistant", turn.start_ms, heard, turn.generated_text[len(heard) :], turn.interrupted)


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
