"""What an audit comes to, as data."""

from typing import Literal

import msgspec

from engine.core.conversation import Action, Outcome


class Finding(msgspec.Struct, frozen=True):
    """Something that a bridge got wrong. `cause`: a name from `causes`. `because`: the arithmetic that shows it.
    `could_be`: other causes that would lead to the same."""

    cause: str
    item_id: str | None
    because: str
    could_be: list[str] = []


class HeardItem(msgspec.Struct, frozen=True):
    """An item at an interruption: what was heard of it, and what the model was told.

    `kept_ms`: what the model remembers of it; None if it was deleted. `error_ms`: by how much that is more than was
    heard, where it is out of bounds; else 0. `kept_text`: words that the model remembers and nobody heard;
    `lost_text`: words that were heard and it forgets.
    """

    item_id: str
    generated_ms: int
    heard_ms: int
    heard_min_ms: int
    heard_max_ms: int
    heard_text: str
    action: Action
    audio_end_ms: int | None
    outcome: Outcome | None
    refusal: str
    kept_ms: int | None
    error_ms: int
    kept_text: str
    lost_text: str


class BargeIn(msgspec.Struct, frozen=True):
    """One interruption. Times are stream_ms.

    `at_ms`: when the bridge was told of it, or did the first thing. `playing_ms`: how far the ear was in the item
    `playing_item_id` when the caller began. `basis`: how it is known what was heard: by echoes of marks, or only by
    when the audio was sent; None: nothing was cleared.
    """

    number: int
    seq: int
    at_ms: int
    caller_onset_ms: int | None
    playing_item_id: str | None
    playing_ms: int | None
    clear_sent_ms: int | None
    clear_effective_ms: int | None
    basis: Literal["echoes", "sending"] | None
    items: list[HeardItem]
    findings: list[Finding]


class Audit(msgspec.Struct, frozen=True):
    """The whole call. `notes`: what limits the audit, or is worth knowing and no mistake."""

    barge_ins: list[BargeIn]
    notes: list[str]
    is_ours: bool

    @property
    def findings(self) -> list[Finding]:
        """All of them, in the order of the call."""
        return [finding for barge_in in self.barge_ins for finding in barge_in.findings]
