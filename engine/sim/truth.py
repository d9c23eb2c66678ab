"""What was really heard, by item, found without asking the engine.

The edge recorded the bytes that it played. The bytes of an item do not repeat, so each played piece is looked up in the
items' own audio: first where the last piece ended, then at the start of a later item, then anywhere.
"""

from itertools import pairwise

import msgspec

from engine.sim.conversation import Remembered
from engine.sim.playback import Played
from engine.sim.world import Outcome


class HeardRun(msgspec.Struct, frozen=True):
    """Samples [begin, end) of an item were played, from `at_samples` of stream time on."""

    item_id: str
    begin: int
    end: int
    at_samples: int


class ItemTruth(msgspec.Struct, frozen=True):
    """An item of the assistant: how much exists, was heard, and is kept by the model."""

    item_id: str
    generated_samples: int
    heard_samples: int
    kept_samples: int
    in_conversation: bool


def heard_runs(played: list[Played], items: list[Remembered]) -> list[HeardRun]:
    """Where each played piece comes from. Raises ValueError for bytes that no item holds."""
    runs: list[HeardRun] = []
    spoken = [item for item in items if item.audio]
    at, begin = 0, 0
    for piece in played:
        found = _find(spoken, at, begin, piece.audio)
        if found is None:
            raise ValueError(f"nobody said the {len(piece.audio)} bytes played at sample {piece.at_samples}")
        at, position = found
        begin = position + len(piece.audio)
        runs.append(HeardRun(spoken[at].item_id, position, begin, piece.at_samples))
    return runs


def truth_heard(outcome: Outcome) -> dict[str, int]:
    """Samples heard of each item that was heard at all. Raises ValueError if one was not played from its start, in
    order and without a hole."""
    return _heard(outcome.edge.played, outcome.items)


def _heard(played: list[Played], items: list[Remembered]) -> dict[str, int]:
    heard: dict[str, int] = {}
    for run in heard_runs(played, items):
        if run.begin != heard.get(run.item_id, 0):
            raise ValueError(f"{run.item_id} was played from {run.begin} after {heard.get(run.item_id, 0)}")
        heard[run.item_id] = run.end
    return heard


def item_truths(outcome: Outcome) -> list[ItemTruth]:
    """All items that the assistant generated, in the order of the conversation."""
    return truths_of(outcome.edge.played, outcome.items)


def truths_of(played: list[Played], items: list[Remembered]) -> list[ItemTruth]:
    """The same from what an edge played and a model remembers, however the two met."""
    heard = _heard(played, items)
    return [
        ItemTruth(
            item.item_id,
            item.generated_samples,
            heard.get(item.item_id, 0),
            item.kept_samples,
            item.in_conversation,
        )
        for item in items
        if item.response_id is not None
    ]


def underruns(outcome: Outcome) -> list[HeardRun]:
    """Where playing went on in the middle of an item after the buffer had run dry."""
    runs = heard_runs(outcome.edge.played, outcome.items)
    return [
        after
        for before, after in pairwise(runs)
        if after.item_id == before.item_id and after.at_samples > before.at_samples + before.end - before.begin
    ]


def _find(items: list[Remembered], at: int, begin: int, audio: bytes) -> tuple[int, int] | None:
    """The item and the place in it: where the last piece ended, else the start of a later item, else anywhere."""
    if items and items[at].audio.startswith(audio, begin):
        return at, begin
    for number in range(at, len(items)):
        if items[number].audio.startswith(audio):
            return number, 0
    places = ((number, items[number].audio.find(audio)) for number in (*range(at, len(items)), *range(at)))
    return next((found for found in places if found[1] >= 0), None)
