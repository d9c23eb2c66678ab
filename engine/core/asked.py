"""What a bridge asked of the model about items and responses, and what the model answered.

Our own bridge puts an `event_id` into everything that it asks, and an error names it. Others leave it out, and even
then an error may not say which request it means. So an answer belongs to the request that it names; else to the oldest
open one that it can be the answer to, for the model answers in order.
"""

import msgspec

from engine.core.commands import CancelResponse, DeleteItem, TruncateItem
from engine.core.conversation import Conversation, Outcome, Repair
from engine.core.events import ModelError

Request = TruncateItem | DeleteItem | CancelResponse

_REFUSALS: dict[str, type[Request]] = {
    "item_truncate_invalid_item_id": TruncateItem,
    "unsupported_content_type": TruncateItem,
    "item_delete_invalid_item_id": DeleteItem,
    "response_cancel_not_active": CancelResponse,
}
"""What an error that names no request can be the answer to."""
_TOO_SHORT = "already shorter than"
"""Of a truncate beyond the item's end. Its code, `invalid_value`, is that of any other mistake, too."""


class Asked(msgspec.Struct, eq=False):
    """One request. `at`: stream samples, as near as was known. `repair`: what it did to the item, where there is one.
    `refusal`: the error, where it was one."""

    seq: int
    at: int
    request: Request
    repair: Repair | None = None
    outcome: Outcome = "pending"
    refusal: ModelError | None = None


class Requests:
    """All of them, in order. An item's last one is its `repair`."""

    def __init__(self, conversation: Conversation) -> None:
        self.asked: list[Asked] = []
        self._conversation = conversation

    def ask(self, seq: int, at: int, request: Request) -> None:
        """A request was sent."""
        asked = Asked(seq, at, request)
        self.asked.append(asked)
        if isinstance(request, CancelResponse):
            return
        if isinstance(request, TruncateItem):
            asked.repair = Repair("truncate", request.audio_end_ms, event_id=request.event_id)
        else:
            asked.repair = Repair("delete", event_id=request.event_id)
        item = self._conversation.items.get(request.item_id)
        if item is not None:
            item.repair = asked.repair

    def truncated(self, item_id: str, audio_end_ms: int) -> None:
        """The model shortened an item."""
        for each in self._open():
            match each.request:
                case TruncateItem(item_id=asked_id, audio_end_ms=end_ms) if (asked_id, end_ms) == (
                    item_id,
                    audio_end_ms,
                ):
                    return _close(each, "ok")

    def deleted(self, item_id: str) -> None:
        """The model removed an item."""
        for each in self._open():
            match each.request:
                case DeleteItem(item_id=asked_id) if asked_id == item_id:
                    return _close(each, "ok")

    def cancelled(self, response_id: str) -> None:
        """A response ended because its client had asked for that."""
        for each in self._open():
            match each.request:
                case CancelResponse(response_id=asked_id) if asked_id in ("", response_id):
                    return _close(each, "ok")

    def refused(self, error: ModelError) -> None:
        """The model refused something; perhaps one of these."""
        if error.event_id:
            meant = [each for each in self._open() if each.request.event_id == error.event_id]
        else:
            kind = TruncateItem if _TOO_SHORT in error.message else _REFUSALS.get(error.code)
            meant = [each for each in self._open() if kind is not None and isinstance(each.request, kind)]
        # Of several truncates it is the one that it quotes: "already shorter than 57340ms".
        meant.sort(key=lambda each: not _is_quoted(each.request, error.message))
        for each in meant[:1]:
            each.refusal = error
            _close(each, "error")

    def _open(self) -> list[Asked]:
        return [each for each in self.asked if each.outcome == "pending"]


def _close(asked: Asked, outcome: Outcome) -> None:
    asked.outcome = outcome
    if asked.repair is not None:
        asked.repair.outcome = outcome


def _is_quoted(request: Request, message: str) -> bool:
    return isinstance(request, TruncateItem) and message.endswith(f" {request.audio_end_ms}ms")
