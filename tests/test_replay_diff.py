"""Differences for people: by path, both sides named, nothing hidden."""

import pytest
from msgspec.structs import replace

from engine.core import Entry
from replay.compare.diff import Difference, differences, summary

TRUNCATE = Entry(
    9,
    5_000_000,
    "command",
    "model",
    "conversation.item.truncate",
    '{"type":"conversation.item.truncate","item_id":"a","audio_end_ms":1200}',
    cause=8,
)


def told(recorded: str, replayed: str) -> list[str]:
    return [str(each) for each in differences(replace(TRUNCATE, body=recorded), replace(TRUNCATE, body=replayed))]


def test_equal_entries_do_not_differ() -> None:
    assert differences(TRUNCATE, TRUNCATE) == []


@pytest.mark.parametrize(
    ("recorded", "replayed", "expected"),
    [
        ('{"item_id":"a"}', '{"item_id":"b"}', ['item_id: recorded "a", replayed "b"']),
        ('{"audio_end_ms":1200}', '{"audio_end_ms":1180}', ["audio_end_ms: recorded 1200, replayed 1180"]),
        ('{"a":{"b":[1,{"c":2}]}}', '{"a":{"b":[1,{"c":3}]}}', ["a.b[1].c: recorded 2, replayed 3"]),
        ('{"a":[1]}', '{"a":[1,2]}', ["a: recorded [1], replayed [1,2]"]),
        ('{"a":1}', '{"b":1}', ["a: recorded 1, replayed nothing", "b: recorded nothing, replayed 1"]),
        ('{"a":1}', '{"a":"1"}', ['a: recorded 1, replayed "1"']),
        ('{"a":true}', '{"a":1}', ["a: recorded true, replayed 1"]),
        ('{"a": 1}', '{"a":1}', ['body: recorded {"a": 1}, replayed {"a":1}']),
        ("oops", '{"a":1}', ['body: recorded oops, replayed {"a":1}']),
        ("1", "2", ["body: recorded 1, replayed 2"]),
    ],
)
def test_bodies_are_compared_by_path(recorded: str, replayed: str, expected: list[str]) -> None:
    assert told(recorded, replayed) == expected


def test_every_field_of_an_entry_is_compared() -> None:
    other = Entry(10, 6_000_000, "fault", "engine", "fault", TRUNCATE.body, cause=7, audio_from=0, audio_to=160)
    assert [str(each) for each in differences(TRUNCATE, other)] == [
        "seq: recorded 9, replayed 10",
        "at_ns: recorded 5000000, replayed 6000000",
        'kind: recorded "command", replayed "fault"',
        'leg: recorded "model", replayed "engine"',
        'type: recorded "conversation.item.truncate", replayed "fault"',
        "cause: recorded 8, replayed 7",
        "audio_from: recorded null, replayed 0",
        "audio_to: recorded null, replayed 160",
    ]


def test_an_entry_on_one_side_only_is_the_one_difference() -> None:
    assert differences(TRUNCATE, None) == [Difference("entry", summary(TRUNCATE), "nothing")]
    assert differences(None, TRUNCATE) == [Difference("entry", "nothing", summary(TRUNCATE))]
    assert summary(TRUNCATE) == f"command model conversation.item.truncate {TRUNCATE.body}"


def test_of_audio_the_size_and_a_hash_are_told() -> None:
    some = replace(TRUNCATE, audio=b"\xff" * 160)
    silence = "160 bytes, sha256 0052516839b94ee3"
    assert [str(each) for each in differences(TRUNCATE, some)] == [f"audio: recorded nothing, replayed {silence}"]
    assert differences(some, some) == []


def test_two_logs_have_sides_of_other_names() -> None:
    assert Difference("audio_end_ms", "1200", "1180").said("A", "B") == "audio_end_ms: A 1200, B 1180"


def test_a_body_that_nests_without_end_is_compared_as_text() -> None:
    deep = "[" * 100_000
    assert told(deep, "1") == [f"body: recorded {deep}, replayed 1"]
