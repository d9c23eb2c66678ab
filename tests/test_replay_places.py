"""Places in a call, as people name them: which step each means, from which side, and what is said where none is."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from msgspec.structs import replace

from engine.sim.scenarios import random_scenario
from engine.sim.world import run
from replay.commands.common import PlaceName
from replay.goldens.golden import read_golden
from replay.places import Place, PlaceError, Side, Timeline, parse, timeline
from tests import build
from tests.build import Harness
from tests.replay_calls import bakery, log_of, renumbered

GOLDEN = Path(__file__).resolve().parents[1] / "fixtures" / "golden"
BAKERY = timeline(log_of(bakery()))
"""Turn 1 was heard from 100 to 620 ms, turn 2 spoken from 600 to 880 ms; entries 1 to 213; mark-12 was flushed."""


class TestNames:
    @pytest.mark.parametrize(
        ("text", "place", "shown"),
        [
            ("83.4", Place("time", 83_400), "1:23.400"),
            ("83.4s", Place("time", 83_400), "1:23.400"),
            ("1:23.4", Place("time", 83_400), "1:23.400"),
            ("01:23", Place("time", 83_000), "1:23.000"),
            ("83400ms", Place("time", 83_400), "1:23.400"),
            ("0", Place("time", 0), "0:00.000"),
            ("seq:812", Place("seq", 812), "seq:812"),
            ("turn:3", Place("turn", 3), "turn:3"),
            ("mark:probe-2", Place("mark", name="probe-2"), "mark:probe-2"),
            ("mark:a: b", Place("mark", name="a: b"), "mark:a: b"),
            ("start", Place("start"), "start"),
            ("end", Place("end"), "end"),
        ],
    )
    def test_every_form(self, text: str, place: Place, shown: str) -> None:
        assert parse(text) == place
        assert str(place) == shown

    @pytest.mark.parametrize(
        "text", ["", "soon", "-1", "1:2:3", "1:99", "0:60", "seq:", "seq:x", "turn:-1", "mark:", "1e3", "5m"]
    )
    def test_what_is_none_is_answered_with_what_would_be(self, text: str) -> None:
        with pytest.raises(ValueError, match="is no place in a call") as caught:
            parse(text)
        forms = "83.4s, 1:23.4, seq:812, turn:3, mark:NAME, start or end"
        assert str(caught.value) == f"{text!r} is no place in a call. Places are {forms}"

    def test_as_an_option_of_a_command(self) -> None:
        option = PlaceName()
        assert option.convert("turn:3", None, None) == Place("turn", 3)
        assert option.convert(Place("end"), None, None) == Place("end")
        with pytest.raises(click.BadParameter, match="'soon' is no place in a call"):
            option.convert("soon", None, None)


class TestSteps:
    """A step is its input and what that led to: at 23 the first audio, played as 24 to 50; at 116 the barge-in."""

    @pytest.mark.parametrize(
        ("text", "at", "begin", "end"),
        [
            ("start", 1, 1, 1),
            ("end", 212, 212, 213),
            ("seq:1", 1, 1, 1),
            ("seq:30", 23, 23, 50),
            ("seq:118", 116, 116, 118),
            ("seq:213", 212, 212, 213),
            ("mark:probe-1", 53, 53, 53),
            ("mark:sentinel-15", 122, 122, 124),
            ("turn:1", 53, 17, 125),
            ("turn:2", 112, 112, 153),
            ("0", 8, 1, 8),
            ("100ms", 53, 17, 53),
            ("101ms", 53, 54, 53),
            ("0.62", 125, 114, 125),
            ("1.4s", 212, 204, 213),
        ],
    )
    def test_from_every_side(self, text: str, at: int, begin: int, end: int) -> None:
        sides: tuple[Side, ...] = ("at", "from", "to")
        assert [BAKERY.seq_of(parse(text), side) for side in sides] == [at, begin, end]

    def test_a_time_beyond_the_end_is_where_a_stretch_ends_and_nowhere_else(self) -> None:
        assert BAKERY.seq_of(parse("9:00"), "to") == 213
        for side in ("at", "from"):
            with pytest.raises(PlaceError, match=r"there is no 9:00.000 in the call: its last step is at 0:01.400"):
                BAKERY.seq_of(parse("9:00"), side)

    def test_times_are_those_that_are_shown(self) -> None:
        """To the millisecond, by rounding as the views do: what one copies from a view leads back to its step."""
        for name in ("two_barge_ins_in_a_row", "twilio_omits_frames_of_silence"):
            where = timeline(read_golden(GOLDEN / f"{name}.jsonl"))
            for seq in where.seqs:
                shown = Place("time", where.stream_ms(seq))
                assert where.seq_of(shown, "from") <= seq <= where.seq_of(shown, "at")
                assert where.stream_ms(where.seq_of(shown, "at")) == shown.value

    def test_a_turn_that_was_never_heard_is_where_its_item_was_first_named(self) -> None:
        call = Harness()
        call.engine(build.leg_opened("caller"))
        call.caller(build.connected(), build.started())
        call.model(build.session_created(), build.session_updated(), build.response_created())
        call.model(build.response_item_added(), build.item_words("Hello."))
        entries = renumbered(call.entries)
        (named,) = (entry.seq for entry in entries if entry.type == "response.output_item.added")
        where = timeline(log_of(entries))
        assert [where.seq_of(parse("turn:1"), side) for side in ("at", "from", "to")] == [named] * 3

    def test_a_mark_is_where_it_first_came_back_else_where_it_was_sent(self) -> None:
        """In this call every mark comes back twice; in that, most never do."""
        for name in ("every_mark_comes_back_twice", "most_marks_never_come_back"):
            log = read_golden(GOLDEN / f"{name}.jsonl")
            where = timeline(log)
            rows = [row for row in log.rows() if row[3] == "caller" and row[4] == "mark"]
            for mark in where.marks:
                kinds = {kind: seq for seq, _, kind, _, _, body, *_ in reversed(rows) if f'"{mark}"' in (body or "")}
                expected = kinds.get("input", kinds["command"])
                assert where.seq_of(Place("mark", name=mark), "at") <= expected
                assert where.seq_of(Place("mark", name=mark), "to") >= expected


def simulated(seed: int) -> Timeline:
    outcome = run(random_scenario(seed), seed)
    return timeline(log_of(outcome.entries, outcome.scenario.settings))


class TestFromTurnToTurn:
    def test_what_nobody_heard_is_behind_what_was_heard_before_it(self) -> None:
        """Turn 10 was made while turn 9 was still being played, and was cut before the ear came to it."""
        where = simulated(2)
        heard, unheard = where.turns[8:10]
        assert (heard.start_ms, unheard.start_ms) == (23_947, None)
        assert where.seq_of(parse("turn:10"), "at") < where.seq_of(parse("turn:9"), "from")
        assert where.seq_of(parse("turn:10"), "to") == where.seq_of(parse("turn:9"), "to")

    def test_a_turn_shorter_than_a_step(self) -> None:
        """It was heard for three milliseconds, in which there was no step."""
        where = simulated(54)
        assert (where.turns[7].start_ms, where.turns[7].end_ms) == (16_452, 16_455)
        assert where.between(parse("turn:8"), parse("turn:8")) == (2135, 2135)

    @pytest.mark.parametrize("seed", [11, 54, 69, 86])
    def test_from_is_never_after_to(self, seed: int) -> None:
        where = simulated(seed)
        turns = [Place("turn", number + 1) for number in range(len(where.turns))]
        assert len(turns) > 8
        for number, turn in enumerate(turns):
            assert all(where.between(before, turn) for before in turns[: number + 1])

    def test_the_other_way_round_there_is_nothing(self) -> None:
        with pytest.raises(PlaceError, match=r"^turn:1 is before 0:01\.200: there is nothing between them$"):
            BAKERY.between(parse("1.2s"), parse("turn:1"))


class TestNoSuchPlace:
    def said(self, where: Timeline, text: str) -> str:
        with pytest.raises(PlaceError) as caught:
            where.seq_of(parse(text))
        return str(caught.value)

    def test_each_says_what_there_is(self) -> None:
        assert self.said(BAKERY, "seq:0") == "there is no entry 0: the log has 1 to 213"
        assert self.said(BAKERY, "seq:214") == "there is no entry 214: the log has 1 to 213"
        assert self.said(BAKERY, "turn:0") == "there is no turn 0: the call has 2 turns"
        assert self.said(BAKERY, "turn:3") == "there is no turn 3: the call has 2 turns"
        near = "Is it mark-14 or mark-13 or mark-12?"
        assert self.said(BAKERY, "mark:mark-1x") == f"there is no mark 'mark-1x': there are 15. {near}"
        names = "probe-1, mark-2, mark-3, mark-4, mark-5, …"
        assert self.said(BAKERY, "mark:xyz") == f"there is no mark 'xyz': there are 15: {names}"

    def test_of_a_call_with_little_in_it(self) -> None:
        opened = timeline(log_of(bakery()[:1]))
        assert self.said(opened, "mark:a") == "there is no mark 'a': the call has none"
        assert self.said(opened, "turn:1") == "there is no turn 1: the call has no turns"
        with_one = timeline(log_of(bakery()[:60]))
        assert self.said(with_one, "turn:2") == "there is no turn 2: the call has one turn"
        assert [self.said(timeline(log_of([])), text) for text in ("start", "end", "0")] == (
            ["the log has no entries"] * 3
        )

    def test_names_of_marks_come_from_strangers(self) -> None:
        """Nothing in them reaches a terminal as it is; and a frame that names no mark is none."""

        def odd() -> Iterator[str]:
            yield build.echo("\x1b]0;owned\x07")
            yield build.frame(event="mark", mark={})

        call = Harness()
        call.engine(build.leg_opened("caller"))
        call.caller(build.connected(), build.started(), *odd())
        where = timeline(log_of(renumbered(call.entries)))
        assert self.said(where, "mark:q") == "there is no mark 'q': there are 1: \\x1b]0;owned\\x07"
        assert where.seq_of(Place("mark", name="\x1b]0;owned\x07")) == 5


def test_a_place_of_a_log_with_holes_is_the_step_around_it() -> None:
    """Entries 19 to 29 are lost: a place in the hole is the last step before it."""
    entries = bakery()
    holed = timeline(log_of([*entries[:18], *(replace(entry) for entry in entries[29:])]))
    assert holed.seq_of(parse("seq:25")) == 17
