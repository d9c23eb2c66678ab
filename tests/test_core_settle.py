"""Settling: what is done when the echoes that would prove what was heard are late, or never come."""

from engine.core import CallSettings
from engine.core.machines import Playing
from engine.core.settings import Limits
from tests import build
from tests.build import CLEARED, Harness, in_call, talked_over

# Without a sentinel


def deaf(harness: Harness) -> None:
    """From now on no echo comes back."""
    harness.ear.lost = {name for _, name in harness.ear.echoes}


def test_without_any_echo_it_is_settled_by_estimate_when_the_caller_stops() -> None:
    harness = talked_over(frames=build.reply(2_000), at_ms=610, delay_ms=50)
    # Played from 150 on; the clear gets there at 660, 510 ms into it.
    deaf(harness)
    assert harness.wake_ms == 1_610
    harness.run(1_000)
    harness.model(build.speech_stopped(900))
    assert harness.take() == [*CLEARED, "truncate item_1 510"]
    item = harness.call.conversation.items["item_1"]
    assert item.tail_low < item.tail_samples < item.tail_high, "bounds that say that it is an estimate"
    assert [playout.state for playout in harness.call.hearing.flushing] == [Playing.ESTIMATED]
    assert harness.wake_ms == 990 + 30_000


def test_a_caller_who_stops_at_once_is_not_answered_before_an_echo_can_be_back() -> None:
    harness = talked_over(frames=build.reply(2_000), at_ms=610, delay_ms=100)
    harness.take()
    harness.run(620)
    harness.model(build.speech_stopped(900))
    assert harness.take() == []
    assert 610 + 200 < (harness.wake_ms or 0) <= 610 + 200 + 120, "the round trip, and a little"
    harness.run(810)
    assert harness.take() == ["truncate item_1 510"]
    assert harness.lengths_ms() == {"item_1": (2_000, 2_000, 510)}


def test_without_any_echo_it_is_settled_after_settle_ms_at_the_latest() -> None:
    settings = CallSettings(limits=Limits(settle_ms=700))
    harness = talked_over(frames=build.reply(2_000), at_ms=610, settings=settings)
    deaf(harness)
    harness.run(1_309)
    harness.engine(build.timer_due())
    assert (harness.take(), harness.wake_ms) == (CLEARED, 1_310)
    harness.wake()
    assert harness.take() == ["truncate item_1 510"]


def test_late_proof_shortens_an_estimate() -> None:
    """The line had been slow, so the estimate leaned to more; then the burst comes after all."""
    harness = in_call(delay_ms=200)
    harness.model(*build.reply(4_000))
    harness.run(1_000)
    harness.take()
    harness.ear.delay = 50 * 8  # from here on it is quick
    harness.model(build.speech_started(0))
    flushed, harness.ear.echoes = harness.ear.echoes, []
    harness.run(2_000)
    harness.wake()
    first = harness.take()
    assert first[:2] == CLEARED
    estimate_ms = int(first[2].removeprefix("truncate item_1 "))
    for _, name in flushed:
        harness.caller(build.echo(name))
    heard_ms = harness.lengths_ms()["item_1"][2]
    assert heard_ms < estimate_ms
    assert harness.take() == [f"truncate item_1 {heard_ms}"]


# A line that is stuck


def test_a_stalled_line_postpones_the_estimate() -> None:
    """Nothing comes from Twilio for two seconds: waiting tells more than guessing."""
    harness = talked_over(frames=build.reply(10_000), at_ms=610)
    harness.take()
    # What Twilio sends is stuck from here on; the clear got there.
    harness.wait(1_400)
    harness.model(build.speech_stopped(1_000))
    assert harness.take() == []
    while harness.at_ns < 2_600 * build.MS:
        harness.wake()
    assert harness.take() == [], "asked again and again, in vain"
    # The line is free again, and brings frames and echoes in the order in which they left. The first of them come
    # before any frame says when they left: so this is as good as the marks are dense.
    harness.run(2_700)
    (sent,) = harness.take()
    assert 510 <= int(sent.removeprefix("truncate item_1 ")) <= 510 + 200


def test_a_line_that_stays_stalled_is_not_waited_for_for_ever() -> None:
    harness = talked_over(frames=build.reply(10_000), at_ms=610)
    harness.take()
    while harness.at_ns < 5_500 * build.MS:
        harness.wake()
    assert harness.take() == []
    while not harness.call.conversation.items["item_1"].repair:
        harness.wake()
        assert harness.at_ns < 6_000 * build.MS
    (sent,) = harness.take()
    assert sent.startswith("truncate item_1 ")
