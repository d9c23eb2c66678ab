"""What the caller heard of a bridge that marks its audio in its own way: names repeat, marks are few or missing."""

from tests.overheard_rig import Rig, audio_of, begun


def answered(*lengths_ms: int, mark: str | None = "responsePart") -> Rig:
    """At 1,000 ms an item came at once, in deltas of these lengths, each passed on with a mark behind it."""
    rig = begun()
    begin = 0
    for length in lengths_ms:
        rig.forwards(0, begin, begin + length, mark)
        begin += length
    return rig


def test_marks_of_one_name_come_back_in_the_order_in_which_they_were_sent() -> None:
    rig = answered(250, 250, 500)
    rig.run(1_250)
    rig.echo("responsePart")
    assert rig.heard_ms(0) == (250, 250, 250)
    rig.run(1_500)
    rig.echo("responsePart")
    assert rig.heard_ms(0) == (500, 500, 500)


def test_a_clear_is_settled_when_all_that_it_flushed_is_back() -> None:
    """The burst comes long before those marks could have been reached, and dates the clear."""
    rig = answered(250, 250, 500, 500)
    rig.run(1_250)
    rig.echo("responsePart")
    rig.run(1_400)
    rig.clears()
    assert rig.call.overhearing.is_unsettled(rig.call.conversation.items["item_0"])
    rig.run(1_440)
    rig.echo("responsePart", "responsePart", "responsePart")
    cleared = rig.call.overhearing.clears[0]
    assert not rig.call.overhearing.is_unsettled(rig.call.conversation.items["item_0"])
    assert (cleared.basis, cleared.at // 8, cleared.effective_at) == ("echoes", 1_400, 1_440 * 8)
    assert rig.heard_ms(0) == (380, 440, 500)


def test_a_mark_that_was_flushed_a_moment_before_its_time_is_no_proof() -> None:
    """Nothing tells it from one that was played."""
    rig = answered(250, 250)
    rig.run(1_250)
    rig.echo("responsePart")
    rig.run(1_480)
    rig.clears()
    rig.now_ms = 1_495
    rig.echo("responsePart")
    assert rig.heard_ms(0) == (440, 500, 500)


def test_a_mark_right_after_the_clear_is_a_sentinel() -> None:
    """Behind what was playing no mark was sent: only the sentinel tells when the clear was there."""
    rig = begun()
    rig.forwards(0, 0, 400)
    rig.forwards(0, 400, 1_000, mark=None)
    rig.run(1_400)
    rig.echo("responsePart")
    rig.run(1_600)
    rig.clears()
    rig.marks("responsePart")
    rig.run(1_640)
    rig.echo("responsePart")
    cleared = rig.call.overhearing.clears[0]
    assert cleared.judgement is not None
    assert not cleared.judgement.is_estimate
    assert rig.heard_ms(0)[1] == 640
    assert rig.call.hearing.round_trips[-1] == 320


def test_an_echo_of_what_was_sent_after_the_clear_shows_that_nothing_else_will_come() -> None:
    rig = answered(250, 250)
    rig.run(1_250)
    rig.echo("responsePart")
    rig.run(1_300)
    rig.clears()
    rig.forwards(1, 0, 100, mark="another")
    rig.run(1_420)
    assert rig.call.overhearing.clears[0].judgement is None
    rig.echo("another")
    cleared = rig.call.overhearing.clears[0]
    assert cleared.basis == "sending"
    assert rig.heard_ms(0) == (250, 300, 420)
    assert rig.heard_ms(1) == (100, 100, 100)


def test_without_any_mark_the_ear_is_where_the_audio_is_due() -> None:
    rig = answered(500, 500, mark=None)
    rig.run(1_600)
    rig.clears()
    assert rig.heard_ms(0)[1] == 0  # nothing says so yet
    rig.run(3_100)
    cleared = rig.call.overhearing.clears[0]
    assert cleared.basis == "sending"
    assert rig.heard_ms(0) == (480, 600, 720)


def test_what_is_overdue_without_a_mark_in_it_was_heard() -> None:
    rig = answered(500, mark=None)
    rig.run(2_480)
    assert rig.heard_ms(0) == (0, 0, 0)
    rig.run(2_500)
    assert rig.heard_ms(0) == (500, 500, 500)
    assert rig.call.hearing.playout.is_unplayed is False
    rig.clears()
    assert rig.call.overhearing.clears == []


def test_a_clear_when_all_was_due_clears_nothing() -> None:
    rig = answered(500, mark=None)
    rig.run(1_600)
    rig.clears()
    assert rig.call.overhearing.clears == []
    assert rig.heard_ms(0) == (500, 500, 500)


def test_the_next_answer_begins_where_it_was_sent_into_silence() -> None:
    """The mark of the first is still on its way when the second is sent. It tells nothing about the second."""
    rig = answered(300)
    rig.run(1_400)
    rig.forwards(1, 0, 1_000)
    rig.run(1_420)
    rig.echo("responsePart")
    assert rig.heard_ms(0) == (300, 300, 300)
    rig.run(2_000)
    rig.clears()
    rig.run(2_040)
    rig.echo("responsePart")
    assert rig.call.overhearing.clears[0].basis == "sending"
    assert rig.heard_ms(1)[1] == 600


def test_an_answer_that_comes_long_after_the_last_was_due_shows_that_this_was_heard() -> None:
    """Its mark was lost: nobody waits for it any more."""
    rig = answered(300)
    rig.run(2_400)
    rig.forwards(1, 0, 1_000, mark="second")
    assert rig.heard_ms(0) == (300, 300, 300)


def test_a_mark_that_is_overdue_by_seconds_is_lost() -> None:
    rig = answered(300)
    rig.run(4_280)
    assert rig.heard_ms(0) == (0, 0, 0)
    rig.run(4_300)
    assert rig.heard_ms(0) == (300, 300, 300)
    rig.echo("responsePart")
    assert rig.call.overhearing.echoes == []


def test_echoes_of_marks_that_nobody_sent_are_nothing() -> None:
    rig = answered(300)
    rig.echo("mine", "responsePart")
    rig.echo("responsePart")
    assert len(rig.call.overhearing.echoes) == 1


def test_a_mark_that_was_lost_in_between_is_not_waited_for() -> None:
    rig = begun()
    for number in range(3):
        rig.forwards(0, 250 * number, 250 * (number + 1), mark=f"mark-{number % 2}")
    rig.run(1_500)
    rig.echo("mark-1")
    assert rig.heard_ms(0) == (500, 500, 500)
    rig.run(1_750)
    rig.echo("mark-0")
    assert rig.heard_ms(0) == (750, 750, 750)


def test_a_lost_echo_among_marks_of_one_name_leaves_the_bounds_wide() -> None:
    """Those that come after it are taken for the ones before their own. When the clear has brought back what there is
    and one is missing, the position is that of the sending, and no echo narrows it."""
    rig = answered(250, 250, 250, 250, 250, 250)
    rig.run(1_250)
    rig.echo("responsePart")
    rig.run(1_750)  # that of 1,500 is lost
    rig.echo("responsePart")
    rig.run(1_900)
    rig.clears()
    rig.echo("responsePart", "responsePart", "responsePart")
    rig.run(3_500)
    cleared = rig.call.overhearing.clears[0]
    assert (cleared.basis, cleared.is_uneven) == ("sending", True)
    assert rig.heard_ms(0) == (500, 900, 1_500)


def test_where_playback_paused_only_marks_bound_what_was_heard() -> None:
    """The second delta was held up for half a second on its way to Twilio."""
    rig = answered(250)
    rig.run(1_250)
    rig.forwards(0, 250, 500)
    rig.forwards(0, 500, 1_500)
    rig.echo("responsePart")
    rig.run(2_000)
    rig.echo("responsePart")
    rig.run(2_200)
    rig.clears()
    rig.run(2_240)
    rig.echo("responsePart")
    cleared = rig.call.overhearing.clears[0]
    assert cleared.is_uneven
    assert rig.heard_ms(0) == (500, 740, 1_500)


def test_a_line_that_is_stuck_is_waited_for() -> None:
    """No frame from Twilio for two seconds after the clear; then all of it at once, the echoes in their places."""
    rig = answered(250, 250, 1_500)
    rig.run(1_250)
    rig.echo("responsePart")
    rig.run(1_400)
    rig.clears()
    rig.now_ms = 3_200
    rig.model(type="rate_limits.updated")
    assert rig.call.overhearing.clears[0].judgement is None
    rig.run(1_440)
    rig.echo("responsePart", "responsePart")
    rig.run(3_200)
    assert rig.call.overhearing.clears[0].basis == "echoes"
    assert rig.heard_ms(0)[1] == 450


def test_no_line_is_waited_for_for_ever() -> None:
    rig = answered(250, 2_000)
    rig.run(1_250)
    rig.echo("responsePart")
    rig.run(1_400)
    rig.clears()
    rig.now_ms = 9_000
    rig.model(type="rate_limits.updated")
    assert rig.call.overhearing.clears[0].basis == "sending"
    rig.echo("responsePart")
    assert len(rig.call.overhearing.echoes) == 2  # it came back, and changes nothing


def test_the_end_of_the_call_settles_what_is_open() -> None:
    rig = answered(1_000)
    rig.run(1_400)
    rig.clears()
    rig.stops()
    assert rig.call.overhearing.clears[0].basis == "sending"
    assert rig.heard_ms(0)[1] == 400


def test_a_mark_before_any_audio_is_a_probe() -> None:
    rig = begun()
    rig.marks("start")
    rig.forwards(0, 0, 1_000)
    rig.run(1_100)
    rig.echo("start")
    rig.run(1_600)
    rig.clears()
    rig.run(1_700)
    rig.echo("responsePart")
    cleared = rig.call.overhearing.clears[0]
    assert (cleared.is_dated, cleared.basis) == (True, "echoes")
    assert rig.heard_ms(0)[1] == 600
    assert rig.call.overhearing.marks[0].item is None


def test_two_items_share_a_playout() -> None:
    rig = begun()
    rig.forwards(0, 0, 500)
    rig.forwards(1, 0, 500)
    rig.run(1_500)
    rig.echo("responsePart")
    rig.run(1_700)
    rig.clears()
    rig.run(1_720)
    rig.echo("responsePart")
    assert rig.heard_ms(0) == (500, 500, 500)
    assert rig.heard_ms(1)[1] == 220
    assert [item.item_id for item in rig.call.overhearing.clears[0].items] == ["item_1"]


def test_sounds_of_the_bridge_itself_take_their_time_at_the_ear() -> None:
    rig = begun()
    rig.plays(audio_of(9, 0, 300))
    rig.forwards(0, 0, 500)
    rig.run(1_800)
    rig.echo("responsePart")
    item = rig.call.conversation.items["item_0"]
    assert (item.started_at, item.ended_at) == (1_300 * 8, 1_800 * 8)
