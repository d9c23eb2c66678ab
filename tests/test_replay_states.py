"""The core's state as data, and what changed in it: nothing is missing, nothing twice, and the past does not change."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core import RULES_OVERHEARD, Call, CallSettings, Overheard
from engine.core.barge_in import Interruption
from engine.core.conversation import Conversation, Item, Repair
from engine.core.hearing import Hearing
from engine.core.overheard import Interruptions
from engine.core.session import ModelSession
from replay.goldens.golden import read_golden
from replay.state.states import HOMES, LEFT_OUT, Change, JsonObject, States, changes, state_data
from replay.walk import Walk
from tests.replay_calls import bakery, log_of

GOLDEN = sorted((Path(__file__).resolve().parents[1] / "fixtures" / "golden").glob("*.jsonl"))

AT_THE_START = {
    "call": {
        "call_sid": "CA0123456789abcdef0123456789abcdef",
        "stream_sid": "MZ0123456789abcdef0123456789abcdef",
        "account_sid": "AC0123456789abcdef0123456789abcdef",
        "state": "LIVE",
        "how_ended": None,
        "why_ended": "",
        "malformed": {"caller": 0, "model": 0, "engine": 0},
        "errors": [],
        "at_ns": 0,
        "heard_caller_ns": 0,
        "idle_ns_max": 30_000_000_000,
        "start_refusal": None,
        "seq": 3,
    },
    "legs": {"caller": "OPEN", "model": "DIALLING"},
    "bounds": {
        "before_start": 1,
        "before_start_max": 50,
        "per_second_max": 100,
        "frame_ns": 10_000_000,
        "paid_ns": 20_000_000,
    },
    "names": {"marks": 0, "events": 0, "words": 0},
    "conversation": {"items": {}, "order": [], "responses": {}, "session": 1},
    "hearing": {
        "stream": {
            **dict.fromkeys(("newest", "arrived_ns", "shift"), 0),
            "flow": 5,
            "has_gaps": False,
            **dict.fromkeys(("shown", "frames", "slack_min", "slack_max", "before_min", "before_max"), 0),
        },
        "playout": {
            "state": "SILENT",
            "sent": 0,
            "pieces": [],
            "marked": 0,
            "marks": {},
            "begun_at": 0,
            "proven": 0,
            "line": None,
            "line_min": 0,
            "line_max": None,
            "underruns": 0,
            "flush": None,
        },
        "flushing": [],
        "probes": {},
        "round_trips": [],
        "underruns": 0,
        "rules": 2,
    },
    "session": {
        "state": "NONE",
        "interrupts": False,
        "input": {"appended": 0, "segments": []},
        "pending": [],
        "pending_samples": 0,
        "dropped_samples": 0,
    },
    "model_leg": {
        "socket": "DIALLING",
        "is_redialled": True,
        "absences": [],
        "why_away": "",
        "losses": 0,
        "ready_by_ns": 10_000_000_000,
        "redial_at_ns": None,
        "word_at_ns": None,
        "renew_at_ns": None,
        "renew_by_ns": 0,
        "failures": 0,
    },
    "turns": {"latest": [], "is_answered": True, "is_speaking": False},
    "barge_in": {
        "interruptions": [],
        "unsettled": [],
        "owed": {},
    },
    "words": {"open": {}, "asked": {}, "found": {}, "rates": {}, "is_ending": False, "by_ns": None},
    "speaker": {"sparse": 1600, "dense": 320, "begun": 0},
    "restoring": {"is_answer_owed": False, "asked_after": None, "is_unfinished": False},
    "comeback": {"again": []},
}
"""All but the settings, once Twilio has said which call it is."""


def walk_to(seq: int) -> Call:
    """The core after the step of that entry, in the bakery."""
    walk = Walk(log_of(bakery()))
    next(moment for moment in walk if moment.entries[-1].seq >= seq)
    assert isinstance(walk.call, Call)
    return walk.call


def apply(state: Any, found: list[Change]) -> Any:
    """A state with changes made to it, one by one, as a page does."""
    state = json.loads(msgspec.json.encode(state))
    for change in found:
        way, last = change.path[:-1], cast(Any, change.path[-1])
        held: Any = state
        for key in way:
            held = held[key]
        if change.after is msgspec.UNSET:
            assert held.pop(last) == plain(change.before)
        elif change.before is msgspec.UNSET and isinstance(held, list):
            held.insert(last, plain(change.after))
        else:
            assert (last in held if isinstance(held, dict) else last < len(held)) is (
                change.before is not msgspec.UNSET
            )
            held[last] = plain(change.after)
    return state


def plain(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


class TestTheWholeState:
    def test_at_the_start_of_a_call(self) -> None:
        state = state_data(walk_to(3))
        assert state["settings"] == msgspec.to_builtins(CallSettings())
        assert {part: data for part, data in state.items() if part != "settings"} == AT_THE_START

    def test_an_item_says_what_it_is_and_what_of_it_was_heard(self) -> None:
        item = state_data(walk_to(212))["conversation"]["items"]["item_1"]
        words = item.pop("alignment").pop("words")
        assert [word["text"] for word in words] == ["Cash", "or", "credit?", "We", "have", "a", "discount."]
        assert item == {
            "item_id": "item_1",
            "kind": "message",
            "role": "assistant",
            "session": 1,
            "restored_in": 0,
            "is_unsaid": False,
            "is_resent": False,
            "function": None,
            "response_id": "resp_1",
            "content_index": 0,
            "transcript": "Cash or credit? We have a discount.",
            "transcript_final": True,
            "parts": {"0": {"text": "Cash or credit? We have a discount.", "final": True}},
            "is_done": True,
            "is_whole": True,
            "is_cut": True,
            "generated_samples": 8000,
            "sent_samples": 8000,
            "proven_samples": 3200,
            "tail_samples": 960,
            "tail_low": 0,
            "tail_high": 1120,
            "tail_reach": 1600,
            "features": {"frames": 50},
            "anchors": [[320 * n, 800 + 320 * n] for n in range(1, 11)],
            "started_at": 800,
            "ended_at": 4960,
            "repair": {"action": "truncate", "audio_end_ms": 520, "outcome": "ok", "event_id": "truncate-1"},
            "heard_samples": 4160,
            "heard_samples_min": 3200,
            "heard_samples_max": 4320,
        }

    def test_what_stands_elsewhere_is_pointed_at(self) -> None:
        state = state_data(walk_to(116))
        assert state["conversation"]["order"] == ["-> item_1", "-> item_u1"]
        assert state["conversation"]["responses"]["resp_1"]["items"] == ["-> item_1"]
        assert state["hearing"]["flushing"] == ["-> barge_in.interruptions.0.playout"]
        assert state["barge_in"]["unsettled"] == ["-> barge_in.interruptions.0"]
        (interruption,) = state["barge_in"]["interruptions"]
        assert interruption["items"] == ["-> item_1"]
        assert interruption["playout"]["pieces"] == [{"item": "-> item_1", "begin": 3200, "end": 8000}]
        assert state["words"]["open"] == {"item_1": "-> item_1"}

    def test_of_audio_that_waits_the_size_is_told(self) -> None:
        call = walk_to(5)
        call.session.pending.append((9, 160, bytes(160)))
        assert state_data(call)["session"]["pending"] == [[9, 160, "160 bytes"]]

    def test_a_bug_in_the_core_is_no_reason_not_to_show_it(self) -> None:
        """A clear that belongs to no interruption."""
        call = walk_to(52)
        call.hearing.sent_clear("sentinel-99", call.at_ns)
        assert state_data(call)["hearing"]["flushing"] == ["-> nowhere"]


def walk_under(path: Path, rules: int) -> Walk:
    """A walk over a golden log, also as if another bridge had made the call."""
    log = read_golden(path)
    return Walk(replace(log, settings=replace(log.settings, rules=rules)))


def everything(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from everything(each)


@pytest.mark.parametrize("rules", [1, RULES_OVERHEARD], ids=["decided", "overheard"])
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
class TestEveryGoldenLog:
    def test_what_is_kept_from_step_to_step_is_what_is_there(self, path: Path, rules: int) -> None:
        """The state that is made anew where it changed equals the one that is made from nothing; the changes lead from
        one to the next; and no state that was given out is written into."""
        walk = walk_under(path, rules)
        states = States(walk.call)
        before = states.data()
        frozen = json.dumps(before)
        for number, moment in enumerate(walk):
            if moment.entries[0].type == "media" and number % 25:
                continue
            after = states.data()
            assert after == state_data(walk.call)
            assert json.dumps(before) == frozen
            assert apply(before, changes(before, after)) == plain(after)
            before, frozen = after, json.dumps(after)

    def test_nothing_is_missing_and_nothing_is_there_twice(self, path: Path, rules: int) -> None:
        walk = walk_under(path, rules)
        assert sum(1 for _ in walk)
        call, state = walk.call, state_data(walk.call)
        assert list(state["conversation"]["items"]) == list(call.conversation.items)
        for item_id, item in state["conversation"]["items"].items():
            assert set(item) >= set(Item.__struct_fields__)
            assert item["transcript"] == call.conversation.items[item_id].transcript
        fields = Counter(name for each in everything(state) if isinstance(each, dict) for name in each)
        assert fields["is_cut"] == len(call.conversation.items)
        assert fields["was_cut"] == len(call.conversation.responses)
        assert fields["begun_at"] == 1 + len(call.barge_in.interruptions), "playouts"
        assert fields["onset_at"] == len(call.barge_in.interruptions)


def test_the_fields_in_the_tables_are_fields_of_the_core() -> None:
    """A name that the core does not know any more would make something stand in two places, or in none."""
    known = {
        kind.__name__: set(kind.__struct_fields__)
        for kind in (Conversation, Hearing, Interruption, Interruptions, ModelSession)
    }
    ours, others = Call(CallSettings()), Overheard(CallSettings(rules=RULES_OVERHEARD))
    for each in (ours.barge_in, ours._dialogue, ours._comeback, others.overhearing, others.provenance):
        known[type(each).__name__] = set(vars(each))
    places = [place.split(".") for homes in HOMES.values() for place in homes]
    places += [[holder, name] for holder, names in LEFT_OUT.items() for name in names]
    assert [(holder, name) for holder, name in places if name not in known[holder]] == []


class TestStates:
    def test_what_did_not_change_is_the_same_object(self) -> None:
        call = walk_to(52)
        states = States(call)
        before = states.data()
        call.hearing.round_trips.append(7)
        after = states.data()
        assert after["conversation"] is before["conversation"]
        assert after["hearing"]["playout"] is before["hearing"]["playout"]
        assert after["hearing"]["round_trips"] == [*before["hearing"]["round_trips"], 7]

    def test_what_was_replaced_by_its_equal_is_watched_from_then_on(self) -> None:
        call = walk_to(116)
        states = States(call)
        item = call.conversation.items["item_1"]
        item.repair = Repair("truncate", 520, "pending", "truncate-1")
        states.data()
        item.repair = Repair("truncate", 520, "pending", "truncate-1")
        states.data()
        item.repair.outcome = "error"
        assert states.data()["conversation"]["items"]["item_1"]["repair"]["outcome"] == "error"


class TestChanges:
    def test_each_is_a_path_with_what_was_there_and_what_is(self) -> None:
        before = {"a": 1, "b": {"c": None, "gone": [1]}, "same": "x"}
        after = {"a": 2, "b": {"c": 0, "new": "y"}, "same": "x"}
        found = changes(before, after)
        assert found == [
            Change(("a",), 1, 2),
            Change(("b", "c"), None, 0),
            Change(("b", "new"), after="y"),
            Change(("b", "gone"), before=[1]),
        ]
        assert json.loads(msgspec.json.encode(found)) == [
            {"path": ["a"], "before": 1, "after": 2},
            {"path": ["b", "c"], "before": None, "after": 0},
            {"path": ["b", "new"], "after": "y"},
            {"path": ["b", "gone"], "before": [1]},
        ]

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            ([1, 2], [1, 2, 3], [Change(("l", 2), after=3)]),
            ([1, 2, 3], [2, 3], [Change(("l", 0), before=1)]),
            ([1, 2, 3], [1, 9, 3], [Change(("l", 1), 2, 9)]),
            ([1, 2, 3, 4], [1, 4], [Change(("l", 1), before=2), Change(("l", 1), before=3)]),
            ([1, 1], [1, 1, 1], [Change(("l", 2), after=1)]),
            ([{"a": 1}, {"a": 2}], [{"a": 5}, {"a": 2}], [Change(("l", 0, "a"), 1, 5)]),
            ([], [1, 2], [Change(("l", 0), after=1), Change(("l", 1), after=2)]),
        ],
    )
    def test_of_a_list_only_what_is_another(self, before: list[Any], after: list[Any], expected: list[Change]) -> None:
        assert changes({"l": before}, {"l": after}) == expected

    @given(st.data())
    def test_made_one_by_one_they_lead_from_any_state_to_any_other(self, data: st.DataObject) -> None:
        values = st.recursive(
            st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from("ab"),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
            max_leaves=12,
        )
        states = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
        before, after = data.draw(states), data.draw(states)
        assert apply(before, changes(before, after)) == after


def test_a_state_and_the_next_of_a_live_call_are_json_as_they_are() -> None:
    state: JsonObject = state_data(walk_to(116))
    assert json.loads(json.dumps(state)) == json.loads(msgspec.json.encode(state))
