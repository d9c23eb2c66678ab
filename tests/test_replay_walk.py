"""A log step by step: what a view is told of each, and that to look changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core import RULES_OVERHEARD, Call, CallSettings, Entry, Overheard, record
from engine.core.stream_clock import StreamClock
from engine.log.errors import LogError
from engine.log.reader import Row
from replay.goldens.golden import read_golden
from replay.rows import Log, entry_of
from replay.runner import replay
from replay.walk import Moment, Walk, stream_ms_of
from tests.replay_calls import bakery, log_of

GOLDEN = sorted((Path(__file__).resolve().parents[1] / "fixtures" / "golden").glob("*.jsonl"))


class TestSteps:
    def test_each_is_an_input_and_what_it_led_to(self) -> None:
        moments = {moment.seq: moment for moment in Walk(log_of(bakery()))}
        assert [entry.type for entry in moments[116].entries] == ["input_audio_buffer.speech_started", "clear", "mark"]
        assert (moments[116].at, moments[116].stream_ms) == (4960, 620)
        assert moments[1] == Moment([bakery()[0]], 0)
        assert [entry for moment in moments.values() for entry in moment.entries] == bakery()

    def test_the_core_is_beside_it_as_it_was_then(self) -> None:
        walk = Walk(log_of(bakery()))
        assert (walk.call.at_ns, walk.call.ended) == (0, False)
        heard = {moment.seq: item.heard_ms() for moment in walk for item in walk.call.conversation.order[:1]}
        assert [heard[seq] for seq in (51, 116, 122)] == [0, 400, 520]
        assert walk.call.ended

    def test_when_the_step_of_an_entry_was_is_told_without_reading_on(self) -> None:
        def rows() -> Iterator[Row]:
            yield from log_of(bakery()[:130]).rows()
            raise LogError("torn")

        torn = replace(log_of([]), rows=rows)
        assert [stream_ms_of(torn, seq) for seq in (0, 1, 116, 118, 123)] == [0, 0, 620, 620, 620]

    def test_a_log_may_begin_or_end_anywhere(self) -> None:
        """A fault before any input, a command at the very end: they are shown, and the core is not asked."""
        fault = Entry(1, 0, "fault", "engine", "log.gap", '{"type":"log.gap"}')
        assert [moment.entries for moment in Walk(log_of([fault]))] == [[fault]]
        cut = [moment.entries[-1].type for moment in Walk(log_of(bakery()[:117]))]
        assert cut[-1] == "clear"
        assert list(Walk(log_of([]))) == []

    def test_what_was_decided_under_rules_of_tomorrow_is_not_shown_under_todays(self) -> None:
        with pytest.raises(LogError, match="recorded under rules 3; this version decides under rules up to 2"):
            Walk(log_of([], CallSettings(rules=3)))

    def test_of_a_log_that_grows_the_rest_is_taken_later(self) -> None:
        whole = list(Walk(log_of(bakery())))
        walk = Walk(log_of([]))
        rows = list(log_of(bakery()).rows())
        first = list(walk.take(rows[:115]))
        assert first + list(walk.take(rows[115:])) == whole


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
class TestEveryGoldenLog:
    def test_time_never_steps_back_and_no_entry_is_lost(self, path: Path) -> None:
        log = read_golden(path)
        moments = list(Walk(log))
        ats = [moment.at for moment in moments]
        assert ats == sorted(ats)
        assert [entry for moment in moments for entry in moment.entries] == list(map(entry_of, log.rows()))

    def test_a_call_of_another_bridge_is_heard_the_same_way(self, path: Path) -> None:
        log = read_golden(path)
        walk = Walk(replace(log, settings=replace(log.settings, rules=RULES_OVERHEARD)))
        ats = [moment.at for moment in walk]
        assert ats == sorted(ats)
        assert isinstance(walk.call, Overheard)
        assert walk.call.conversation.items.keys() == replayed_items(log)

    def test_to_ask_what_time_it_is_changes_nothing(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A call whose clock is asked at every step, many times, decides the same; and the clock says the same."""
        log = read_golden(path)
        assert commands(log, peeks=3) == commands(log, peeks=0)
        step = Call.step

        def asked(call: Call, *args: object) -> object:
            call.hearing.stream.peek(call.at_ns + 40_000_000)
            return step(call, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(Call, "step", asked)
        assert replay(log).verdict == "same"


def replayed_items(log: Log) -> set[str]:
    walk = Walk(log)
    assert sum(len(moment.entries) for moment in walk)
    return set(walk.call.conversation.items)


def commands(log: Log, peeks: int) -> list[Entry]:
    """What the core decides."""
    call, made = Call(log.settings), []
    for entry in map(entry_of, log.rows()):
        if entry.kind == "input":
            step = call.step(entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio)
            made += record(step.commands, entry.seq + 1, entry.at_ns, entry.seq)
            for later in range(peeks):
                call.hearing.stream.peek(entry.at_ns + later * 20_000_000)
    return made


class TestTheClock:
    def test_a_look_says_what_would_be_said_and_says_nothing(self) -> None:
        clock = StreamClock()
        clock.frame(0, 160, 20_000_000)
        before = clock.shown
        assert clock.peek(30_000_000) == 240
        assert clock.peek(25_000_000) == 200
        assert clock.shown == before
        assert clock.now(30_000_000) == 240
        assert clock.peek(25_000_000) == 240, "what was said counts"
