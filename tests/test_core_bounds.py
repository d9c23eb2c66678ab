"""The bounds that the core states of what was heard: what was played lies within them, whatever the line did.

Calls that once broke them, each by its seed; some more of every kind; and by hand, what each sort of evidence bounds.
The law over thousands: `python -m engine.bench oracle`.
"""

from collections.abc import Callable

import msgspec
import pytest

from engine.bench import accuracy
from engine.core.conversation import Item
from engine.core.echoes import GRAIN, Bounds, Dated, Echo, bounds_of_clear
from engine.core.hearing import Hearing
from engine.core.playout import Playout
from engine.core.stream_clock import StreamClock
from engine.sim.oracle import judge
from engine.sim.scenarios import random_scenario
from engine.sim.stated import Stated, stated
from engine.sim.world import run
from tests.build import MS

ONCE_BROKEN = (193, 194, 238, 303, 357, 520, 5211, 5972)
"""A mark flushed at the very end was taken to be played (193, 194, 238, 520), echoes were lost (357), the line or the
clear was stuck (303), and frames were left out besides (5211, 5972)."""
SAMPLE = range(14)


@pytest.mark.parametrize("seed", ONCE_BROKEN)
def test_what_was_played_lies_within_the_bounds_of_a_call_that_once_broke_them(seed: int) -> None:
    said = stated(run(random_scenario(seed), seed))
    assert [str(each) for each in said if each.breach_ms] == []
    assert {each.when for each in said} > {"end"}


def test_what_was_played_lies_within_the_bounds_and_they_are_of_use() -> None:
    said = [each for seed in SAMPLE for each in stated(run(random_scenario(seed), seed))]
    assert [str(each) for each in said if each.breach_ms] == []
    widths = sorted(each.width_ms for each in said)
    assert widths[len(widths) // 2] <= 100
    assert widths[len(widths) * 9 // 10] <= 250


def test_the_bench_tells_of_every_breach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the mark before the one that did not come back for certain, as was done once."""
    monkeypatch.setattr(
        "engine.core.playout.bounds_of_clear", lambda echoes, *rest: Bounds(max(each.position for each in echoes), 0)
    )
    told: list[str] = []
    outcome = run(random_scenario(3), 3)
    call = accuracy.Told(3, frozenset(), judge(outcome), stated(outcome), (2, 1))
    assert accuracy.say_stated([call], told.append)
    assert told[2].split()[:4] == ["none", "of", "these", "1"]
    assert any(line.startswith("underruns: 1; counted by the core: 2; calls in which") for line in told)
    assert any(line.startswith("  seed 3: item_reply") and "were played" in line for line in told)


def test_a_breach_is_told_in_words() -> None:
    assert str(Stated("item_1", "proof", 800, 960, 1_200, 400)) == (
        "item_1 (proof): heard 120.0 ms, 100.0 to 150.0, but 50.0 were played"
    )


# What a date is worth


def clock(until_ms: int, late_ms: Callable[[int], int] = lambda at_ms: 0) -> StreamClock:
    """One that has seen a frame each 20 ms, each `late_ms` after its end."""
    made = StreamClock()
    for begin_ms in range(0, until_ms, 20):
        made.frame(begin_ms, 160, (begin_ms + 20 + late_ms(begin_ms)) * MS)
    return made


def between(made: StreamClock, at_ms: int) -> tuple[float, float]:
    earliest, latest = made.bounds(at_ms * MS)
    return earliest / 8, latest / 8


def test_an_echo_left_after_the_newest_frame_and_before_the_next() -> None:
    made = clock(1_000, late_ms=lambda at_ms: at_ms // 20 % 3 * 10)
    assert between(made, 1_005) == (1_000, 1_015), "the quickest frame took nothing, and what travels alone may be so"
    assert between(made, 1_039) == (1_000, 1_020)


def test_a_frame_that_is_overdue_may_never_have_been_sent() -> None:
    made = clock(1_000)
    assert between(made, 1_020) == (1_000, 1_020)
    assert between(made, 1_200) == (1_000, 1_200), "or the line is stuck: nobody knows"


def test_where_frames_were_left_out_the_next_one_dates_nothing() -> None:
    made = clock(1_000, late_ms=lambda at_ms: at_ms // 20 % 3 * 10)
    made.frame(2_000, 160, 2_020 * MS)
    assert between(made, 2_045) == (2_020, 2_055)


@pytest.mark.parametrize(
    ("sent_ms", "dated"),
    [(None, (1_020, 1_020)), (0, (1_020, 1_020)), (1_021, (1_200, 1_200))],
)
def test_an_echo_of_a_mark_that_was_sent_later_than_the_frame_is_no_echo_from_before(
    sent_ms: int | None, dated: tuple[int, int]
) -> None:
    sent_at = None if sent_ms is None else sent_ms * 8
    assert clock(1_000).date(1_200 * MS, sent_at) == (dated[0] * 8, dated[1] * 8)


def test_where_frames_were_left_out_before_one_that_is_late_was_left_out_too() -> None:
    made = clock(1_000)
    for begin_ms in range(2_000, 2_200, 20):
        made.frame(begin_ms, 160, (begin_ms + 20) * MS)
    assert made.date(2_300 * MS) == (2_220 * 8, 2_220 * 8)
    assert made.date(2_300 * MS, 0) == (2_300 * 8, 2_300 * 8)


# What a clear leaves open. Positions and dates in samples; audio was sent into silence at 0 and is 8,000 long.


def echo(position: int, earliest: int, latest: int) -> Echo:
    date = Dated(earliest, latest)
    return Echo(position, date, date)


def cleared(*echoes: Echo, latest: int = 9_000) -> tuple[int, int]:
    return tuple(bounds_of_clear(echoes, 2_000, latest, line_min=0, proven=800, sent=8_000))  # type: ignore[return-value]


def test_without_news_the_ear_is_where_real_time_can_have_brought_it() -> None:
    assert cleared(latest=3_000) == (800, 3_000 + GRAIN)
    assert cleared(latest=9_000) == (800, 8_000), "and no further than what was sent"


def test_an_echo_that_came_before_its_mark_can_have_been_reached_dates_the_clear() -> None:
    assert cleared(echo(4_800, 2_400, 2_560)) == (800, 2_560 + GRAIN)
    assert cleared(echo(2_700, 2_400, 2_560)) == (800, 8_000), "Twilio is not to be taken at the sample"


def test_an_echo_that_may_have_been_flushed_proves_nothing() -> None:
    assert cleared(echo(1_600, 2_400, 2_560), latest=2_600) == (800, 2_600 - (2_400 - 1_600) + GRAIN)


def test_an_echo_older_than_the_clear_can_be_was_played() -> None:
    assert cleared(echo(1_600, 1_700, 1_800), latest=2_600)[0] == 1_600, "it left before the clear was sent"
    assert cleared(echo(1_600, 2_400, 2_560), echo(2_000, 2_640, 2_800), latest=2_800)[0] == 1_600, (
        "what a clear flushes leaves at once, and the next one left later"
    )


# Underruns


def playing(sent: list[int]) -> tuple[Hearing, Item]:
    """An item sent in stretches of so many samples, with a mark after each, into silence at 0."""
    hearing, item = Hearing(), Item("item_1", generated_samples=sum(sent))
    hearing.sent_mark("p", 0)
    for number, samples in enumerate(sent):
        hearing.sent_audio(item, samples)
        hearing.sent_mark(str(number), 0)
    return hearing, item


def come_back(hearing: Hearing, **at_ms: int) -> int:
    """Echoes of marks (`_0`: of "0"), on a line that takes no time. Returns the underruns that they prove."""
    for name, ms in at_ms.items():
        for begin_ms in range(hearing.stream.newest // 8, ms - 19, 20):
            hearing.stream.frame(begin_ms, 160, (begin_ms + 20) * MS)
        hearing.echoed(name.strip("_"), ms * MS)
    return hearing.underruns


def test_an_echo_that_is_later_than_it_can_be_without_a_pause_tells_of_an_underrun() -> None:
    hearing, _ = playing([800] * 5)
    assert come_back(hearing, p=100, _0=200, _1=300) == 0
    assert come_back(hearing, _2=640) == 1
    assert come_back(hearing, _3=740, _4=840) == 1, "one pause delays all that follow, and is one"


def test_what_frames_cannot_tell_from_jitter_is_no_underrun() -> None:
    hearing, _ = playing([800] * 5)
    assert come_back(hearing, p=100, _0=200, _1=330) == 0


def test_one_pause_with_a_mark_in_the_middle_of_it_is_one() -> None:
    """The mark came late, and the audio behind it later."""
    hearing, _ = playing([800] * 5)
    assert come_back(hearing, p=100, _0=200, _1=400, _2=700, _3=800) == 1
    assert come_back(hearing, _4=1_000) == 2


def test_a_pause_before_an_item_or_perhaps_at_its_end_is_none_in_the_middle_of_one() -> None:
    for sent, at_ms in (([800], 600), ([800, 800], 900)):
        hearing, _ = playing(sent)
        hearing.sent_audio(Item("item_2", generated_samples=800), 800)
        hearing.sent_mark("a", 0)
        assert come_back(hearing, p=100, _0=200, a=at_ms) == 0, "where a second mark was, its echo is lost"


def test_an_item_that_goes_on_when_all_of_it_had_been_played_has_paused() -> None:
    hearing, item = playing([800])
    assert come_back(hearing, p=100, _0=200) == 0
    hearing.sent_audio(item, 800)
    assert hearing.underruns == 1


def test_an_item_begins_no_earlier_than_its_audio_was_sent() -> None:
    """No frame comes since 1,000 ms, and the probe's echo is dated by the one that should have."""
    playout = Playout()
    playout.begin(1_600)
    item = Item("item_1", generated_samples=1_600)
    playout.mark("p")
    playout.add(item, 1_600)
    playout.mark("a")
    for name, late in (("p", 0), ("a", 1_600)):
        playout.echo(name, Dated(800 + late, 960 + late), Dated(0, 9_999), 0)
    assert item.started_at == 1_600
    assert msgspec.structs.asdict(item)["ended_at"] == 3_200
