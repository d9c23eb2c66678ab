"""What was played, against what the engine says of it and what the model keeps of it.

`engine.sim.oracle` and `engine.sim.stated` hold single calls against these laws, over links that only delay. Here a
call may have lost either leg, at any moment, so a law may ask only what could still be known.
"""

import sys
from collections.abc import Iterator, Sequence

import msgspec

from engine.core import Call, Entry
from engine.core.audio import SAMPLES_PER_MS, ms_of, samples_of
from engine.core.conversation import Item
from engine.sim.oracle import CALM_MS_MAX, UNHEARD_MS
from engine.sim.playback import Played
from engine.sim.truth import truths_of
from engine.soak.simulation import SimulatedCall

CLOSE_LEG = "close_leg"


def stepped(core: Call, entries: Sequence[Entry]) -> Iterator[str]:
    """Every step once more, on a new `core`: where an item is heard or sent for longer than it is sent or generated."""
    for entry in entries:
        if entry.kind != "input":
            continue
        core.step(entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio)
        if entry.type == "media":
            continue  # the caller's audio makes no item longer
        for item in core.conversation.order:
            if not item.heard_samples <= item.sent_samples <= item.generated_samples:
                yield f"entry {entry.seq}, {item.item_id}: {_lengths(item)}"
                return


def misheard(core: Call, entries: Sequence[Entry], call: SimulatedCall) -> Iterator[str]:
    """Where what the edge played of an item is not within the bounds that `core` states at the end.

    A call that the bridge ends, or that breaks off, goes on for a moment where the caller is. What was played is then
    something between what the bridge can know of and all that the edge played, and the bounds must meet that.
    """
    # A later session is told of what was said before, by the same names: what it has of it are words.
    made = [item for model in call.models for item in model.conversation.items if item.audio]
    played = call.caller.edge.played
    try:
        truths = truths_of(played, made)
        known = {item.item_id: item.heard_samples for item in truths_of(_until(played, _known(entries)), made)}
    except ValueError as error:
        yield str(error)
        return
    items = {item.item_id: item for item in core.conversation.order}
    for truth in truths:
        item, least, most = items.get(truth.item_id), known[truth.item_id], truth.heard_samples
        if item is None:
            if least:
                yield f"{truth.item_id} is not in the log, and {least} samples of it were played"
        elif least > item.heard_samples_max or most < item.heard_samples_min:
            yield f"{truth.item_id}: {least} to {most} samples were played; {_lengths(item)}"
        elif item.generated_samples > truth.generated_samples:
            yield f"{truth.item_id}: {truth.generated_samples} samples were generated; {_lengths(item)}"


def misremembered(call: SimulatedCall) -> Iterator[str]:
    """Where a model, at the end of a call without faults, keeps more or less of an item than was played of it."""
    for model in call.models:
        truths = truths_of(call.caller.edge.played, model.conversation.items)
        for truth in truths:
            heard_ms, error_ms = ms_of(truth.heard_samples), (truth.kept_samples - truth.heard_samples) / SAMPLES_PER_MS
            if not truth.in_conversation:
                if heard_ms > UNHEARD_MS:
                    yield f"{truth.item_id} is deleted, and {heard_ms} ms of it were heard"
            elif abs(error_ms) > CALM_MS_MAX and truth is not truths[-1]:
                yield f"{truth.item_id}: {error_ms:+.0f} ms more are kept than were heard"


def ended_by_caller(entries: Sequence[Entry]) -> bool:
    """Whether the caller said `stop`: nothing is played after that."""
    return any(entry.kind == "input" and entry.leg == "caller" and entry.type == "stop" for entry in entries)


class _Media(msgspec.Struct):
    timestamp: str


class _MediaFrame(msgspec.Struct):
    media: _Media


def _known(entries: Sequence[Entry]) -> int:
    """How far the caller's stream had come by the last frame of it before the bridge let it go, in samples: of what an
    edge plays after that, the bridge does not ask."""
    if ended_by_caller(entries):
        return sys.maxsize
    known = 0
    for entry in entries:
        if entry.type == CLOSE_LEG and '"caller"' in entry.body:
            break
        if entry.kind == "input" and entry.leg == "caller" and entry.type == "media" and entry.audio is not None:
            frame = msgspec.json.decode(entry.body, type=_MediaFrame)
            known = samples_of(int(frame.media.timestamp)) + len(entry.audio)
    return known


def _until(played: list[Played], samples: int) -> list[Played]:
    """What was played by then."""
    return [Played(p.at_samples, p.audio[: samples - p.at_samples]) for p in played if p.at_samples < samples]


def _lengths(item: Item) -> str:
    bounds = f"{item.heard_samples_min} to {item.heard_samples_max}"
    return f"heard {item.heard_samples} ({bounds}), sent {item.sent_samples}, generated {item.generated_samples}"
