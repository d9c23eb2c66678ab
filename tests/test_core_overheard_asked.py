"""What a bridge asked of the model, and which answer belongs to which request."""

from engine.core.asked import Requests
from engine.core.commands import CancelResponse, DeleteItem, TruncateItem
from engine.core.conversation import Conversation, Outcome, Repair
from engine.core.events import ModelError

TOO_SHORT = "Audio content of 4000ms is already shorter than 5060ms"


class Asked:
    """A conversation of two items, and what is asked about them."""

    def __init__(self, *requests: TruncateItem | DeleteItem | CancelResponse) -> None:
        self.conversation = Conversation()
        self.item = self.conversation.item("item_0")
        self.conversation.item("item_1")
        self.requests = Requests(self.conversation)
        for seq, request in enumerate(requests):
            self.requests.ask(seq, 0, request)

    @property
    def outcomes(self) -> list[Outcome]:
        return [each.outcome for each in self.requests.asked]


def cut(item_id: str, ms: int, event_id: str = "") -> TruncateItem:
    return TruncateItem(event_id, item_id, 0, ms)


def test_an_answer_belongs_to_the_request_that_it_repeats() -> None:
    asked = Asked(cut("item_0", 100), cut("item_1", 100), DeleteItem("", "item_0"), DeleteItem("", "item_1"))
    asked.requests.truncated("item_1", 100)
    asked.requests.deleted("item_1")
    asked.requests.truncated("item_1", 999)
    asked.requests.deleted("item_9")
    assert asked.outcomes == ["pending", "ok", "pending", "ok"]


def test_an_item_shows_what_was_asked_of_it_last() -> None:
    asked = Asked(cut("item_0", 900), cut("item_0", 100), cut("item_9", 5))
    asked.requests.truncated("item_0", 900)
    assert asked.item.repair == Repair("truncate", 100, "pending", "")
    asked.requests.truncated("item_0", 100)
    assert asked.item.repair == Repair("truncate", 100, "ok", "")
    assert asked.outcomes == ["ok", "ok", "pending"]


def test_an_error_that_names_a_frame_is_about_that_frame() -> None:
    asked = Asked(cut("item_0", 900, "event_a"), DeleteItem("event_b", "item_0"))
    asked.requests.refused(ModelError("invalid_value", "The item is still being generated", "event_b"))
    asked.requests.refused(ModelError("invalid_value", TOO_SHORT, "event_of_another_frame"))
    assert asked.outcomes == ["pending", "error"]
    assert asked.item.repair == Repair("delete", None, "error", "event_b")


def test_an_error_that_names_none_is_about_the_oldest_that_it_can_be_about() -> None:
    asked = Asked(
        cut("item_0", 100), cut("item_1", 100), DeleteItem("", "item_0"), CancelResponse("", ""), CancelResponse("", "")
    )
    for code in (
        "unsupported_content_type",
        "item_truncate_invalid_item_id",
        "item_truncate_invalid_item_id",
        "item_delete_invalid_item_id",
        "response_cancel_not_active",
        "rate_limit_exceeded",
    ):
        asked.requests.refused(ModelError(code, "No.", None))
    assert asked.outcomes == ["error", "error", "error", "error", "pending"]
    refusal = asked.requests.asked[3].refusal
    assert refusal is not None
    assert refusal.code == "response_cancel_not_active"


def test_of_several_truncates_the_one_is_meant_that_the_error_quotes() -> None:
    asked = Asked(cut("item_0", 100), cut("item_1", 5_060))
    asked.requests.refused(ModelError("invalid_value", TOO_SHORT, None))
    assert asked.outcomes == ["pending", "error"]


def test_a_cancel_is_answered_by_the_end_of_the_response() -> None:
    asked = Asked(CancelResponse("", "resp_7"), CancelResponse("", ""), cut("item_0", 100))
    asked.requests.cancelled("resp_8")
    assert asked.outcomes == ["pending", "ok", "pending"]
    asked.requests.cancelled("resp_7")
    asked.requests.cancelled("resp_7")
    assert asked.outcomes == ["ok", "ok", "pending"]
