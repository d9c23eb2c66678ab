"""Words spread over voiced time: spans that can be counted, in frames of 20 ms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.heard.proportion import PAUSE_FRAMES, QUIET, spread

LOUD = 30.0


def loudness(*stretches: int) -> list[float]:
    """Loud frames, quiet ones, loud ones ..."""
    return [level for at, frames in enumerate(stretches) for level in [0.0 if at % 2 else LOUD] * frames]


def test_words_take_as_much_time_as_they_weigh() -> None:
    assert spread([1, 2, 1], loudness(40), None) == ([(0, 200), (200, 600), (600, 800)], 3)


def test_a_pause_belongs_to_no_word() -> None:
    """A second of silence before, 10 frames of speech, a pause of 20, 30 frames of speech, and silence to the end."""
    shape = loudness(0, 50, 10, 20, 30, 100)
    assert spread([1, 3], shape, None) == ([(1000, 1200), (1600, 2200)], 2)


def test_a_word_that_is_longer_than_what_is_before_a_pause_goes_on_behind_it() -> None:
    assert spread([2, 2], loudness(10, 20, 30), None) == ([(0, 800), (800, 1200)], 2)


def test_a_short_silence_is_part_of_a_sound() -> None:
    short, long = loudness(10, PAUSE_FRAMES - 1, 10), loudness(10, PAUSE_FRAMES, 10)
    assert spread([1, 1], short, None) == ([(0, 240), (240, 480)], 2)
    assert spread([1, 1], long, None) == ([(0, 200), (300, 500)], 2)


def test_only_what_is_louder_than_quiet_is_voice() -> None:
    assert spread([1], [QUIET] * 10 + [QUIET + 0.01] * 10 + [QUIET] * 10, None) == ([(200, 400)], 1)


def test_a_word_without_weight_stands_where_the_one_before_it_ended() -> None:
    """Also across a pause, and before any word."""
    shape = loudness(10, 20, 10)
    assert spread([0, 1, 0, 1, 0], shape, None) == ([(0, 0), (0, 200), (200, 200), (600, 800), (800, 800)], 5)


def test_words_of_no_weight_at_all_are_nowhere() -> None:
    assert spread([0, 0], loudness(0, 10, 20), None) == ([(200, 200), (200, 200)], 2)


def test_words_that_the_audio_does_not_reach_stand_at_its_end() -> None:
    """Forty frames of voice are expected, and thirty have come: half of the third word is there."""
    found = spread([1, 1, 1, 1, 0], loudness(20, 10, 5, 10), 40)
    assert found == ([(0, 200), (200, 400), (600, 700), (700, 700), (700, 700)], 2)


def test_a_word_that_ends_with_the_audio_is_finished() -> None:
    """And what is not said with it."""
    assert spread([1, 0, 1], loudness(20), 40) == ([(0, 400), (400, 400), (400, 400)], 2)


def test_more_audio_than_was_expected_is_left_over() -> None:
    assert spread([1, 1], loudness(60), 40) == ([(0, 400), (400, 800)], 2)


shapes = st.lists(st.sampled_from([0.0, QUIET, QUIET + 1, LOUD]), max_size=60).map(lambda levels: [*levels, LOUD])


@pytest.mark.parametrize("is_open", [True, False])
@given(shape=shapes, weights=st.lists(st.integers(0, 900), min_size=1, max_size=12), voiced_all=st.integers(0, 90))
def test_times_never_go_backwards(is_open: bool, shape: list[float], weights: list[int], voiced_all: int) -> None:
    spans, finished = spread(weights, shape, voiced_all if is_open else None)
    times = [ms for span in spans for ms in span]
    assert len(spans) == len(weights)
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= len(shape) * 20
    assert 0 <= finished <= len(weights)
    assert is_open or finished == len(weights)
