"""What the model was told about each item, and what it answered: as recorded, whatever this version would do.

The core that is replayed knows its own commands. Where it decides otherwise than the bridge did, those were never sent,
and no answer in the log is an answer to them. What the model came to believe stands in the log's own entries.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

import msgspec
from msgspec.structs import replace

from engine.core import Entry
from engine.core import commands as cmd
from engine.core import events as ev
from engine.core.asked import Requests
from engine.core.conversation import Conversation, Outcome
from engine.core.reading import read
from engine.core.report import InterruptedItem
from engine.log.errors import LogError
from replay.rows import Log, entry_of

_TYPES = frozenset(
    {
        "conversation.item.truncate",
        "conversation.item.truncated",
        "conversation.item.delete",
        "conversation.item.deleted",
        "response.cancel",
        "response.done",
        "error",
    }
)
"""A cancel too: an error that names no request may be the answer to one."""


class Told(msgspec.Struct, frozen=True):
    """The last that the model was told about an item, by entry `seq`, and what it answered."""

    seq: int
    action: Literal["truncate", "delete"]
    audio_end_ms: int | None
    outcome: Outcome


class Repairs:
    """Tell it every entry."""

    def __init__(self) -> None:
        self._requests = Requests(Conversation())

    def take(self, entry: Entry) -> None:
        """What of it is about items."""
        if entry.type not in _TYPES:
            return
        match read(entry):
            case cmd.TruncateItem() | cmd.DeleteItem() | cmd.CancelResponse() as request:
                self._requests.ask(entry.seq, 0, request)
            case ev.ItemTruncated() as done:
                self._requests.truncated(done.item_id, done.audio_end_ms)
            case ev.ItemDeleted() as done:
                self._requests.deleted(done.item_id)
            case ev.ResponseDone(reason="client_cancelled") as done:
                self._requests.cancelled(done.response_id)
            case ev.ModelError() as error:
                self._requests.refused(error)

    def told(self) -> dict[str, Told]:
        """By item, so far."""
        found: dict[str, Told] = {}
        for each in self._requests.asked:
            match each.request:
                case cmd.TruncateItem(item_id=item_id, audio_end_ms=end_ms):
                    found[item_id] = Told(each.seq, "truncate", end_ms, each.outcome)
                case cmd.DeleteItem(item_id=item_id):
                    found[item_id] = Told(each.seq, "delete", None, each.outcome)
        return found


def told_in(log: Log) -> dict[str, Told]:
    """The same of a whole log, as far as it can be read."""
    repairs = Repairs()
    with suppress(LogError):
        for row in log.rows():
            if row[4] in _TYPES:
                repairs.take(entry_of(row))
    return repairs.told()


def as_recorded(item: InterruptedItem, told: Mapping[str, Told]) -> InterruptedItem:
    """An interrupted item, of which is known what this version does, with what was done at the time."""
    found = told.get(item.item_id)
    if found is not None:
        return replace(item, action=found.action, audio_end_ms=found.audio_end_ms, outcome=found.outcome)
    return item if item.action == "none" else replace(item, action="none", audio_end_ms=None, outcome="ok")
