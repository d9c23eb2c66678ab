"""What the model was told about each item: taken from the log, also where this version would tell it something else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.core import Entry
from engine.core.report import InterruptedItem
from engine.log.errors import LogError
from engine.log.reader import Row
from replay.data import call_data
from replay.goldens.golden import read_golden
from replay.metrics.measures import measure
from replay.paint import plain
from replay.repairs import Told, as_recorded, told_in
from replay.rows import Log
from replay.runner import replay
from replay.text import call_lines
from tests import build
from tests.replay_calls import bakery, log_of

GOLDEN = sorted((Path(__file__).resolve().parents[1] / "fixtures" / "golden").glob("*.jsonl"))
EARLY = Path(__file__).resolve().parents[1] / "fixtures" / "golden" / "caller_interrupts_before_any_audio.jsonl"


def recorded_otherwise() -> list[Entry]:
    """The bakery's bridge had another idea of what was heard, told the model so, and the model agreed."""
    return [
        replace(entry, body=entry.body.replace('"audio_end_ms":520', '"audio_end_ms":400'))
        if entry.type.startswith("conversation.item.truncate")
        else entry
        for entry in bakery()
    ]


def asked(seq: int, type_: str, **fields: Any) -> Entry:
    return Entry(seq, 0, "command", "model", type_, build.frame(type=type_, **fields))


def answered(seq: int, body: str) -> Entry:
    return Entry(seq, 0, "input", "model", json.loads(body)["type"], body)


class TestWhatIsInTheLog:
    def test_of_each_item_the_last_that_was_asked_and_its_answer(self) -> None:
        truncate, delete = "conversation.item.truncate", "conversation.item.delete"
        entries = [
            asked(1, truncate, event_id="a", item_id="item_1", content_index=0, audio_end_ms=900),
            answered(2, build.truncated("item_1", 900)),
            asked(3, truncate, event_id="b", item_id="item_1", content_index=0, audio_end_ms=700),
            asked(4, delete, event_id="c", item_id="item_2"),
            answered(5, build.deleted("item_2")),
            asked(6, delete, event_id="d", item_id="item_3"),
            asked(7, "response.cancel", event_id="e", response_id="resp_1"),
            answered(8, build.model_error("any", "no", event_id="d")),
            answered(9, build.response_done("resp_1", "cancelled", details={"reason": "client_cancelled"})),
            answered(10, build.response_done("resp_2")),
        ]
        assert told_in(log_of(entries)) == {
            "item_1": Told(3, "truncate", 700, "pending"),
            "item_2": Told(4, "delete", None, "ok"),
            "item_3": Told(6, "delete", None, "error"),
        }

    def test_as_far_as_it_can_be_read(self) -> None:
        def rows() -> Iterator[Row]:
            yield from log_of(bakery()[:123]).rows()
            raise LogError("torn")

        whole = log_of(bakery())
        log = Log(whole.path, whole.head, whole.settings, rows)
        assert told_in(log) == {"item_1": Told(123, "truncate", 520, "pending")}

    def test_where_nothing_was_asked(self) -> None:
        told = InterruptedItem("item_1", 500, "truncate", 500, "pending")
        assert as_recorded(told, {}) == InterruptedItem("item_1", 500, "none", None, "ok")
        left = InterruptedItem("item_1", 500, "none", None, "pending")
        assert as_recorded(left, {}) is left

    @pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
    def test_is_what_the_core_says_where_nothing_diverges(self, path: Path) -> None:
        log = read_golden(path)
        told = told_in(log)
        items = [item for cut in replay(log).report.interruptions for item in cut.items]
        assert [as_recorded(item, told) for item in items] == items


class TestACallThatIsDecidedOtherwiseNow:
    LOG = log_of(recorded_otherwise())

    def test_is_told_as_this_version_understands_it_with_what_was_recorded_beside(self) -> None:
        told = plain(call_lines(self.LOG, replay(self.LOG)))
        assert told.count("\n  as this version understands it: the log parts from it at entry 123\n") == 2
        outcome = "this version: truncate at 520 ms; recorded: truncate at 400 ms: ok"
        assert f"\n     item_1   heard 520 of 1000 ms (400 to 540); {outcome}\n" in told

    def test_has_both_in_its_json(self) -> None:
        (cut,) = call_data(self.LOG, replay(self.LOG))["interruptions"]
        assert cut["items"] == [
            {
                "item_id": "item_1",
                "heard_ms": 520,
                "action": "truncate",
                "audio_end_ms": 520,
                "outcome": "pending",
                "recorded": {"action": "truncate", "audio_end_ms": 400, "outcome": "ok"},
            }
        ]

    def test_is_measured_by_what_the_model_was_told(self) -> None:
        (repair,) = measure(self.LOG).repairs
        assert (repair.seq, repair.outcome, repair.heard_ms, repair.kept_ms) == (123, "ok", 520, 400)


def test_what_nobody_heard_is_said_to_be_deleted_though_nothing_was_interrupted() -> None:
    """The caller spoke before any of the answer had been sent: nothing was playing, so there was nothing to clear."""
    log = read_golden(EARLY)
    told = plain(call_lines(log, replay(log)))
    assert "Interruptions" not in told
    assert "  [One two]\n                       item_reply001_1: heard nothing of 0 ms; deleted: ok\n" in told
