"""Where the ear is: the clocks, the ledger of a playout, and what echoes prove before and after a clear."""

import pytest

from engine.core.audio import loudness, ms_of, samples_of
from engine.core.commands import PlaceMark, PlayAudio
from engine.core.conversation import Item
from engine.core.echoes import GRAIN, Dated
from engine.core.hearing import Hearing
from engine.core.machines import Playing
from engine.core.names import Names
from engine.core.playout import Playout
from engine.core.stream_clock import InputClock, StreamClock
from engine.core.talking import Speaker
from tests import build
from tests.build import MS


def on_time(until_ms: int, clock: StreamClock | None = None) -> StreamClock:
    """A clock that has seen a frame each 20 ms, each at its end."""
    clock = clock or StreamClock()
    for begin_ms in range(clock.newest // 8, until_ms - 19, 20):
        clock.frame(begin_ms, 160, (begin_ms + 20) * MS)
    return clock


def dated(clock: StreamClock, at_ms: int) -> tuple[float, float]:
    """When an echo that comes then left Twilio, at the earliest and at the latest, in ms."""
    earliest, latest = clock.date(at_ms * MS)
    return earliest / 8, latest / 8


# Arithmetic


def test_milliseconds_are_made_of_samples_to_the_nearest() -> None:
    assert [ms_of(samples) for samples in (0, 3, 4, 11, 12, 8000)] == [0, 0, 1, 1, 2, 1000]
    assert [samples_of(ms) for ms in (0, 0.25, 20, 1000)] == [0, 2, 160, 8000]


def test_loudness_tells_speech_from_silence() -> None:
    assert [loudness(bytes([code]) * 160) for code in (0xFF, 0x7F, 0xF0, 0x80, 0x00)] == [0, 0, 0, 250, 250]
    assert loudness(b"") == 0


# The stream clock


def test_stream_time_is_the_end_of_the_newest_frame_and_runs_on_between_frames() -> None:
    clock = on_time(100)
    assert clock.newest == 800
    assert clock.now(100 * MS) == 800
    assert clock.now(110 * MS) == 880


def test_stream_time_before_any_frame_is_nothing() -> None:
    assert StreamClock().now(500 * MS) == 0


def test_stream_time_never_goes_back() -> None:
    clock = on_time(100)
    assert clock.now(150 * MS) == 1200
    assert clock.frame(100, 160, 155 * MS) == 800  # late by 35 ms
    assert clock.newest == 960
    assert clock.now(155 * MS) >= 1200


def test_stream_time_does_not_go_back_when_the_line_becomes_slower() -> None:
    """After some seconds the quickest frames are forgotten, and with them how early it might be."""
    clock, last = on_time(100), 0
    for begin_ms in range(100, 6_000, 20):
        clock.frame(begin_ms, 160, (begin_ms + 20 + 60) * MS)
        last, before = clock.now((begin_ms + 80) * MS), last
        assert last >= before
    assert last == 6_000 * 8


def test_a_gap_in_the_timestamps_is_taken_at_its_word() -> None:
    clock = on_time(100)
    assert clock.frame(500, 160, 520 * MS) == 4000
    assert clock.now(520 * MS) == 4160


def test_a_timestamp_that_steps_back_is_carried_on_from_where_the_clock_was() -> None:
    clock = on_time(100)
    assert clock.frame(0, 160, 120 * MS) == 800
    assert clock.frame(20, 160, 140 * MS) == 960
    assert clock.frame(60, 160, 180 * MS) == 1280, "a gap behind the step is still a gap"
    assert clock.newest == 1440


def test_an_echo_between_two_frames_is_dated_between_their_ends() -> None:
    clock = on_time(100)
    assert dated(clock, 107) == (107, 107)
    # The line is late, as it never was before: the echo still left before the next frame would have.
    assert dated(clock, 190) == (120, 120)


def test_on_a_jittery_line_an_echo_is_dated_by_its_neighbours() -> None:
    """Frames come in bursts of five, so when the echo came says little, and after which frame it came says most."""
    clock = StreamClock()
    for index in range(50):
        clock.frame(index * 20, 160, (index // 5 + 1) * 100 * MS)
    assert clock.newest == 1000 * 8
    assert dated(clock, 1000) == (1000, 1000), "together with the frame that was not late"
    assert dated(clock, 1050) == (1000, 1020), "before the next frame, which is late as usual"
    assert dated(clock, 1090) == (1010, 1020), "no frame was ever later than 80 ms"


def test_without_frames_our_own_clock_dates_an_echo() -> None:
    clock = on_time(100)
    assert not clock.is_mute(350 * MS)
    assert clock.is_mute(351 * MS)
    assert dated(clock, 600) == (600, 600)


def test_an_old_stall_is_forgotten() -> None:
    """After a stall of a second the clock knows in a few seconds again what an arrival is worth."""
    clock = on_time(100)
    for begin_ms in range(100, 1100, 20):
        clock.frame(begin_ms, 160, 1120 * MS)
    on_time(7000, clock)
    assert dated(clock, 7005) == (7005, 7005)


# The input clock


def test_appended_time_is_mapped_through_gaps() -> None:
    clock = InputClock()
    assert clock.stream_of(0) is None
    for begin_ms in (100, 120, 140):
        clock.append(begin_ms * 8, 160)
    for begin_ms in (1000, 1020):
        clock.append(begin_ms * 8, 160)
    assert clock.appended == 800
    assert len(clock.segments) == 2
    assert [clock.stream_of(ms * 8) for ms in (0, 59, 60, 100)] == [100 * 8, 159 * 8, 1000 * 8, 1040 * 8]
    assert clock.stream_of(-200 * 8) == 0, "nobody spoke before the stream began"


def test_timestamps_that_wobble_make_no_gap() -> None:
    clock = InputClock()
    for begin in (0, 165, 310, 480):
        clock.append(begin, 160)
    assert len(clock.segments) == 1


# Marks


def play(speaker: Speaker, item: Item, ms: float, at_ms: float = 0) -> list[str]:
    commands = speaker.play("MZ1", item, build.audio(ms), source=5, at_ns=round(at_ms * MS))
    assert all(command.stream_sid == "MZ1" for command in commands if isinstance(command, PlayAudio | PlaceMark))
    return [build.brief(command) for command in commands]


def test_marks_are_dense_where_a_playout_begins_and_sparse_later() -> None:
    hearing = Hearing()
    speaker = Speaker(hearing, Names().mark, mark_every_ms=200)
    item = Item("item_1")
    assert play(speaker, item, 50) == ["probe", "play 40", "mark", "play 10", "mark"]
    every_40 = ["play 40", "mark"] * 8
    assert play(speaker, item, 350) == [*every_40, "play 30", "mark"]
    assert play(speaker, item, 300) == ["play 160", "mark", "play 140", "mark"], "in equal parts"
    assert play(speaker, item, 70) == ["play 70"]
    assert play(speaker, item, 250) == ["play 140", "mark", "play 110", "mark"]
    assert item.sent_samples == hearing.playout.sent == 1020 * 8
    assert hearing.playout.state is Playing.PLAYING


def test_audio_is_cut_but_nothing_of_it_is_lost() -> None:
    audio = bytes(range(256)) * 20
    commands = Speaker(Hearing(), Names().mark, 200).play("MZ1", Item("item_1"), audio, source=5, at_ns=0)
    pieces = [command for command in commands if isinstance(command, PlayAudio)]
    assert b"".join(piece.audio for piece in pieces) == audio
    assert all(audio[piece.begin : piece.end] == piece.audio and piece.source == 5 for piece in pieces)
    assert isinstance(commands[-1], PlaceMark)


def test_what_was_sent_since_the_last_mark_is_marked_when_nothing_more_is_coming() -> None:
    hearing = Hearing()
    speaker = Speaker(hearing, Names().mark, mark_every_ms=200)
    play(speaker, Item("item_1"), 400)
    assert play(speaker, Item("item_1"), 50) == ["play 50"]
    assert speaker.finish("MZ1", 0) == [PlaceMark("MZ1", "mark-12")]
    assert speaker.finish("MZ1", 0) == []


def test_marks_may_be_asked_for_more_often_than_the_dense_ones() -> None:
    speaker = Speaker(Hearing(), Names().mark, mark_every_ms=20)
    assert play(speaker, Item("item_1"), 40) == ["probe", "play 20", "mark", "play 20", "mark"]


def test_no_audio_asks_for_nothing() -> None:
    hearing = Hearing()
    assert play(Speaker(hearing, Names().mark, 200), Item("item_1"), 0) == []
    assert not hearing.playout.is_unplayed


# The ledger


def heard_ms(*items: Item) -> list[tuple[float, float, float]]:
    """Of each: least, best guess, most."""
    return [
        (
            (item.proven_samples + item.tail_low) / 8,
            item.heard_samples / 8,
            (item.proven_samples + item.tail_high) / 8,
        )
        for item in items
    ]


def playing(*lengths_ms: int, mark_every_ms: int = 200) -> tuple[Hearing, list[Item]]:
    """Items sent at stream time 100 ms, marked `mark_every_ms` apart all along, the probe echoed at 100 ms."""
    hearing = Hearing(stream=on_time(100))
    items = []
    hearing.sent_mark("p", 100 * MS)
    for number, length_ms in enumerate(lengths_ms):
        items.append(Item(f"item_{number}", generated_samples=length_ms * 8))
        for end_ms in range(mark_every_ms, length_ms + 1, mark_every_ms):
            hearing.sent_audio(items[-1], mark_every_ms * 8)
            hearing.sent_mark(f"{number}-{end_ms}", 100 * MS)
    hear(hearing, "p", 100)
    return hearing, items


def hear(hearing: Hearing, name: str, at_ms: int) -> Playout | None:
    """The line runs until then, and brings an echo."""
    on_time(at_ms, hearing.stream)
    return hearing.echoed(name, at_ms * MS)


def test_the_position_runs_from_an_echo_to_the_next_mark_and_no_further() -> None:
    hearing, _ = playing(1000)
    playout = hearing.playout
    assert [playout.position(ms * 8) for ms in (90, 100, 250, 300, 900)] == [0, 0, 150 * 8, 200 * 8, 200 * 8]
    hear(hearing, "0-200", 300)
    assert playout.position(420 * 8) == 320 * 8
    assert playout.proven == 200 * 8


def test_before_the_first_echo_nothing_is_known() -> None:
    playout = Playout()
    playout.begin(800)
    playout.add(Item("item_1"), 800)
    playout.mark("a")
    assert (playout.position(2_800), playout.proven, playout.is_unplayed) == (0, 0, True)
    assert playout.bounds(1_200) == (0, 400 + GRAIN), "but nothing is played before it was sent"


def test_echoes_that_are_overdue_by_more_than_jitter_are_taken_to_be_lost() -> None:
    playout = Playout()
    playout.begin(800)
    playout.add(Item("item_1"), 16_000)
    playout.mark("a")
    assert playout.position(800 + 1_600 + 2_000, round_trip=1_600) == 0
    assert playout.position(800 + 1_600 + 2_001, round_trip=1_600) == 2_001
    assert playout.position(80_000) == 16_000


def test_echoes_prove_item_after_item() -> None:
    hearing, (first, second) = playing(400, 400)
    for name, at_ms in (("0-200", 300), ("0-400", 500), ("1-200", 700)):
        assert hear(hearing, name, at_ms) is None
    assert (first.proven_samples, second.proven_samples) == (400 * 8, 200 * 8)
    assert (first.started_at, first.ended_at, second.started_at, second.ended_at) == (800, 4000, 4000, 5600)
    assert hearing.playout.items() == [second]
    hear(hearing, "1-400", 900)
    assert not hearing.playout.is_unplayed
    assert hearing.playout.state is Playing.SILENT


def test_a_lost_echo_is_made_good_by_the_next() -> None:
    hearing, (item,) = playing(600)
    hear(hearing, "0-600", 700)
    assert (item.proven_samples, item.started_at, item.ended_at) == (600 * 8, 800, 5600)
    assert not hearing.playout.is_unplayed, "the lost ones are not waited for"


def test_a_second_echo_of_a_name_and_a_name_never_sent_prove_nothing() -> None:
    hearing, (item,) = playing(600)
    hear(hearing, "0-200", 300)
    for name in ("0-200", "p", "who?"):
        assert hear(hearing, name, 400) is None
    assert item.proven_samples == 200 * 8


def test_an_underrun_starts_a_new_run() -> None:
    """The model was slower than the ear: silence in the middle of an item is not playback."""
    hearing, (item,) = playing(200)
    hear(hearing, "0-200", 300)
    on_time(1000, hearing.stream)
    assert hearing.underruns == 0
    item.generated_samples += 1600
    hearing.sent_mark("p2", 1000 * MS)
    hearing.sent_audio(item, 1600)
    hearing.sent_mark("late", 1000 * MS)
    assert hearing.underruns == 1
    assert hearing.playout.position(9000) == 200 * 8, "not before its probe is back"
    hear(hearing, "p2", 1020)
    assert hearing.playout.position(1100 * 8) == 280 * 8
    hear(hearing, "late", 1220)
    assert (item.proven_samples, item.ended_at) == (400 * 8, 1220 * 8)


def test_every_echo_narrows_down_where_the_ear_is() -> None:
    """Each date is good to 20 ms; playback that does not pause fits them all at once."""
    playout = Playout()
    playout.begin(0)
    playout.add(Item("item_1"), 8_000)
    for name, position in (("a", 1_600), ("b", 3_200), ("c", 4_800), ("d", 8_000)):
        playout.marks[name] = position
    playout.echo("a", Dated(1_600 + 800, 1_600 + 960), Dated(1_600 + 800, 1_600 + 960), 0)
    assert playout.position(2_640) == 2_640 - 880
    playout.echo("b", Dated(3_200 + 920, 3_200 + 1_080), Dated(3_200 + 920, 3_200 + 1_080), 0)
    assert playout.position(4_240) == 4_240 - 940, "between 920 and 960"
    # An echo that does not fit: playback had paused, and goes on from there.
    playout.echo("c", Dated(4_800 + 2_000, 4_800 + 2_160), Dated(4_800 + 2_000, 4_800 + 2_160), 0)
    assert playout.position(7_000) == 7_000 - 2_080


# After a clear


def clear(hearing: Hearing, at_ms: int) -> Playout:
    on_time(at_ms, hearing.stream)
    return hearing.sent_clear("s", at_ms * MS)


def settle(hearing: Hearing, playout: Playout, at_ms: int) -> tuple[float, float, float, float, bool]:
    """Position, bounds and date in ms, and whether it is an estimate."""
    judged = hearing.judge(playout, at_ms * MS)
    hearing.settle(playout, judged)
    return judged.position / 8, judged.low / 8, judged.high / 8, judged.effective_at / 8, judged.is_estimate


def test_the_first_echo_that_came_too_early_dates_the_clear() -> None:
    hearing, (item,) = playing(1000)
    hear(hearing, "0-200", 300)
    playout = clear(hearing, 400)
    assert playout.flush is not None
    assert (playout.state, hearing.playout.is_unplayed) == (Playing.FLUSHING, False)
    # The mark at 400 ms comes back after 310 ms of playback, and all others with it: flushed.
    for name in ("0-400", "0-600", "0-800", "0-1000", "s"):
        assert hear(hearing, name, 410) is playout
    assert settle(hearing, playout, 410) == (310, 200, 330, 410, False)
    assert heard_ms(item) == [(200, 310, 330)]
    assert (playout.state, hearing.flushing) == (Playing.SETTLED, [])
    # What comes again finds nothing left to say.
    assert [hear(hearing, name, 410) for name in ("0-600", "s")] == [None, None]


def test_an_echo_that_came_in_time_was_played() -> None:
    """The clear takes 200 ms to get there; a mark is reached before it does."""
    hearing, (item,) = playing(1000)
    hear(hearing, "0-200", 300)
    playout = clear(hearing, 400)
    hear(hearing, "0-400", 500)
    for name in ("0-600", "0-800", "0-1000", "s"):
        hear(hearing, name, 600)
    assert settle(hearing, playout, 600) == (500, 400, 520, 600, False)
    assert heard_ms(item) == [(400, 500, 520)]


def test_when_all_was_played_before_the_clear_came_nothing_is_cut() -> None:
    hearing, (first, second) = playing(200, 200)
    hear(hearing, "0-200", 300)
    playout = clear(hearing, 450)
    assert hear(hearing, "1-200", 500) is playout
    assert settle(hearing, playout, 500) == (400, 200, 400, 500, False)
    # Or the clear came in that very moment, when playing had paused before.
    assert heard_ms(first, second) == [(200, 200, 200), (0, 200, 200)]


def test_the_sentinel_dates_a_clear_that_flushed_no_mark() -> None:
    """The flushed marks are lost; the sentinel behind the clear comes back."""
    hearing, (item,) = playing(1000)
    hear(hearing, "0-200", 300)
    playout = clear(hearing, 400)
    assert hear(hearing, "s", 420) is playout
    assert settle(hearing, playout, 420) == (320, 200, 340, 420, False), "nothing plays faster than real time"
    assert heard_ms(item) == [(200, 320, 340)]


def test_without_any_echo_the_clear_is_dated_by_the_round_trip() -> None:
    hearing, (item,) = playing(1000)
    hearing.round_trips = [800, 2000, 1600]
    hear(hearing, "0-200", 300)
    playout = clear(hearing, 400)
    on_time(1000, hearing.stream)
    # Sent at 400, there at 650 at the latest: 550 ms heard. Had it been stuck, it might be there only now.
    assert settle(hearing, playout, 1000) == (550, 200, 920, 650, True)
    assert heard_ms(item) == [(200, 550, 920)]
    assert (playout.state, hearing.flushing) == (Playing.ESTIMATED, [playout])


def test_late_proof_replaces_an_estimate() -> None:
    hearing, (item,) = playing(1000)
    hearing.round_trips = [2000]
    hear(hearing, "0-200", 300)
    playout = clear(hearing, 400)
    assert settle(hearing, playout, 400) == (550, 200, 550, 650, True)
    for name in ("0-400", "0-600", "0-800", "0-1000", "s"):
        hear(hearing, name, 440)
    assert settle(hearing, playout, 440) == (340, 200, 360, 440, False)
    assert heard_ms(item) == [(200, 340, 360)]
    assert (playout.state, hearing.flushing) == (Playing.SETTLED, [])


def test_an_interruption_before_the_first_echo_is_judged_by_the_echoes_that_follow() -> None:
    """A line of 250 ms each way, interrupted 300 ms into the first reply: the probe is not back yet."""
    hearing = Hearing(stream=on_time(100))
    item = Item("item_1", generated_samples=8000)
    hearing.sent_mark("p", 100 * MS)
    for number in range(25):
        hearing.sent_audio(item, 320)
        hearing.sent_mark(str(number), 100 * MS)
    # Sent at 100, there 250 ms later, and another 250 ms until that is seen: the same for the clear.
    playout = clear(hearing, 400)
    for name, at_ms in (("p", 600), ("0", 640), ("1", 680), ("2", 720), ("3", 760), ("4", 800), ("5", 840), ("6", 880)):
        assert hear(hearing, name, at_ms) is playout
        assert hearing.judge(playout, at_ms * MS).is_estimate, name
    for name in ("7", "8", "s"):
        assert hear(hearing, name, 900) is playout
    assert settle(hearing, playout, 900) == (300, 280, 320, 900, False)


def test_a_line_without_echoes_or_frames_is_stalled() -> None:
    hearing, _ = playing(1000)
    hear(hearing, "0-200", 300)
    playout = clear(hearing, 400)
    assert not hearing.is_stalled(playout, 600 * MS)
    assert hearing.is_stalled(playout, 700 * MS), "no frame for 300 ms"


def test_a_mark_played_long_after_the_clear_was_sent_shows_a_clear_that_is_stuck() -> None:
    hearing, _ = playing(2000)
    hear(hearing, "0-200", 300)
    playout = clear(hearing, 400)
    hear(hearing, "0-400", 500)
    assert hearing.is_stalled(playout, 500 * MS)


def test_hanging_up_leaves_what_was_heard_by_then() -> None:
    hearing, (item,) = playing(1000)
    hear(hearing, "0-200", 300)
    on_time(340, hearing.stream)
    hearing.hang_up(340 * MS, is_stop=True)
    assert heard_ms(item) == [(200, 240, 260)]


def test_a_call_that_we_end_is_heard_until_twilio_hears_of_it() -> None:
    hearing, (item,) = playing(1000)
    hear(hearing, "0-200", 300)
    hearing.round_trips = [800, 1_200]
    hearing.hang_up(300 * MS)
    assert heard_ms(item) == [(200, 200, 200 + 150 + 20)]


@pytest.mark.parametrize(("rules", "reach_ms"), [(1, 0), (2, 900)])
def test_without_any_echo_it_is_estimated_at_the_end_what_was_heard(rules: int, reach_ms: int) -> None:
    """From rules 2 on its words are looked for as well."""
    hearing = Hearing(stream=on_time(100), rules=rules)
    item = Item("item_1", generated_samples=8_000)
    hearing.sent_mark("p", 100 * MS)
    hearing.sent_audio(item, 7_200)
    on_time(2_000, hearing.stream)
    hearing.hang_up(2_000 * MS, is_stop=True)
    assert (heard_ms(item), item.reach_samples / 8) == ([(0, 900, 900)], reach_ms)


@pytest.mark.parametrize("is_answered", [True, False])
def test_hanging_up_settles_a_clear_on_its_way(is_answered: bool) -> None:
    hearing, (item,) = playing(1000)
    hear(hearing, "0-200", 300)
    playout = clear(hearing, 400)
    if is_answered:
        for name in ("0-400", "0-600", "0-800", "0-1000", "s"):
            hear(hearing, name, 400)
    hearing.hang_up(400 * MS)
    assert heard_ms(item) == [(200, 300, 320)]
    assert playout.state is (Playing.SETTLED if is_answered else Playing.ESTIMATED)
