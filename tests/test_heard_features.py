"""What is kept of audio: numbers that are whole, that do not depend on how it came, and little on how loud it is."""

from functools import cache
from math import isclose, pi, sin
from pathlib import Path
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.heard.features import (
    BANDS,
    COLUMNS,
    FLOOR_PART,
    LAGS,
    LOUDNESS_LIMITS,
    WEIGHT_SCALE,
    WEIGHTS,
    Features,
    Vectors,
    _centred,
)

SPEECH = Path(__file__).parents[1] / "fixtures" / "speech"
FRAME = 160
SILENCE = bytes([0xFF])
EXACT = 2**53
"""Up to here a float holds every whole number."""
LINEAR = [
    (-1 if code < 0x80 else 1) * (((2 * (~code & 15) + 33) << ((~code >> 4) & 7)) * 4 - 132) for code in range(256)
]
"""What each mu-law code stands for, by G.711's table, in 16 bits."""
HEIGHTS = [sorted(range(256), key=LINEAR.__getitem__).index(code) // 2 for code in range(256)]
"""Its place among all of them, two in each."""


def code_of(level: float) -> int:
    return min(range(256), key=lambda code: abs(LINEAR[code] - level))


def tone(hz: float, amplitude: int = 8000, frames: int = 5) -> bytes:
    return bytes(code_of(amplitude * sin(2 * pi * hz * at / 8000)) for at in range(FRAME * frames))


@cache
def speech() -> bytes:
    return (SPEECH / "bakery_greeting.ulaw").read_bytes()


def features(*pieces: bytes) -> Features:
    made = Features()
    for piece in pieces:
        made.take(piece)
    return made


def kept(made: Features) -> list[list[float]]:
    """Of each frame, its power and its bands."""
    bands = list(made._bands)
    return [bands[begin : begin + COLUMNS] for begin in range(0, len(bands), COLUMNS)]


def vectors(audio: bytes) -> Vectors:
    return features(audio).vectors()


def by_definition(audio: bytes) -> list[list[float]]:
    """The same sample by sample, in whole numbers of any size."""
    before = SILENCE + audio
    raised = [32 * LINEAR[now] - 31 * LINEAR[last] for last, now in zip(before, audio, strict=False)]
    rises = [1] * FRAME + [HEIGHTS[now] >= HEIGHTS[last] for last, now in zip(before, audio, strict=False)]
    made = []
    for begin in range(0, len(audio) - FRAME + 1, FRAME):
        power = sum(y * y for y in raised[begin : begin + FRAME : 4]) / (40 * 32 * 32)
        here = range(begin + FRAME, begin + 2 * FRAME)
        alike = [sum(1 if rises[at] == rises[at - lag] else -1 for at in here) for lag in range(LAGS)]
        bands = [sum(weight * each for weight, each in zip(weights, alike, strict=True)) for weights in WEIGHTS]
        made.append([power, *(max(band, FRAME * WEIGHT_SCALE // FLOOR_PART) for band in bands)])
    return made


# Frames


def test_silence_has_no_power_and_always_the_same_direction() -> None:
    bands = [FRAME * sum(weights) for weights in WEIGHTS]
    floor = FRAME * WEIGHT_SCALE // FLOOR_PART
    assert kept(features(SILENCE * 320)) == [[0.0, *(max(band, floor) for band in bands)]] * 2


def test_of_a_level_that_stays_the_raised_signal_keeps_one_part_in_32() -> None:
    """The loudest there is: 32124. The first frame has the jump to it, the second nothing else."""
    first, second = kept(features(bytes([0x80]) * 320))
    assert second[0] == 32124**2 / 32**2
    assert first[0] == ((32 * 32124) ** 2 + 39 * 32124**2) / (40 * 32**2)


@pytest.mark.parametrize(("hz", "band"), [(373, 1), (580, 2), (1120, 4), (1889, 6), (2985, 8), (3700, 9)])
def test_a_tone_is_in_its_band(hz: float, band: int) -> None:
    for _, *bands in kept(features(tone(hz)))[1:]:
        assert max(range(BANDS), key=bands.__getitem__) == band


@given(audio=st.binary(max_size=800) | st.lists(st.sampled_from(b"\x00\x80\x7f\xff"), max_size=800).map(bytes))
def test_all_that_is_kept_is_exact(audio: bytes) -> None:
    assert kept(features(audio)) == by_definition(audio)


def test_speech_is_kept_exactly() -> None:
    assert kept(features(speech()[:8000])) == by_definition(speech()[:8000])


def test_the_loudest_frame_there_can_be_is_exact() -> None:
    assert kept(features(bytes([0x00, 0x80]) * 160)) == by_definition(bytes([0x00, 0x80]) * 160)
    assert EXACT > 40 * (63 * 32124) ** 2


# Pieces


@given(cuts=st.lists(st.integers(0, 4000), max_size=12).map(sorted))
def test_it_is_the_same_whatever_pieces_the_audio_arrives_in(cuts: list[int]) -> None:
    audio = speech()[:4000]
    made = features(*(audio[begin:end] for begin, end in zip([0, *cuts], [*cuts, 4000], strict=True)))
    assert (made.frames, kept(made)) == (25, kept(features(audio)))


def test_what_is_not_yet_a_frame_is_not_there() -> None:
    assert features(speech()[:159]).vectors() == Vectors([], [], 0)


def test_a_snapshot_does_not_change_with_what_is_taken_later() -> None:
    audio = speech()
    made = features(audio[:4000])
    frozen = made.snapshot()
    before = frozen.vectors()
    made.take(audio[4000:8000])
    assert (frozen.frames, frozen.vectors()) == (25, before)
    assert (made.frames, made.vectors()) == (50, vectors(audio[:8000]))


@pytest.mark.parametrize("frames", [0, 1, 20, 50])
def test_a_snapshot_of_the_first_frames_is_of_their_audio_alone(frames: int) -> None:
    made = features(speech()[:8000]).snapshot(frames)
    assert (made.frames, made.vectors()) == (frames, vectors(speech()[: frames * FRAME]))


def test_a_snapshot_of_more_than_there_is_is_all_of_it() -> None:
    assert features(speech()[:8000]).snapshot(99).frames == 50


# Vectors


def test_loudness_is_from_quiet_to_loud_and_its_change_between_the_neighbours() -> None:
    """Half a second of silence and half a second of a tone."""
    made = vectors(SILENCE * 4000 + tone(1000, frames=25))
    assert made.loudness[:25] + made.loudness[26:] == [-4.0] * 25 + [40.0] * 24
    assert 39.5 <= made.loudness[25] < 40, "it begins from zero"
    changes = [row[6] for row in made.rows]
    assert changes[0] == changes[-1] == 0.0
    assert changes[1:-1] == [after - before for before, after in zip(made.loudness, made.loudness[2:], strict=False)]
    assert [row[0] for row in made.rows] == made.loudness
    assert made.speech == 25


@given(audio=st.binary(max_size=3200))
def test_vectors_keep_to_their_limits(audio: bytes) -> None:
    made = vectors(audio)
    low, high = LOUDNESS_LIMITS
    assert len(made.rows) == len(made.loudness) == len(audio) // FRAME
    assert all(low <= 100 * level <= high for level in made.loudness)
    assert made.speech == sum(level > 10 for level in made.loudness)


def test_frames_of_speech_are_those_louder_than_a_quarter() -> None:
    made = vectors(speech())
    assert made.speech == sum(level > 10 for level in made.loudness)
    assert 0.6 < made.speech / len(made.rows) < 0.95


def test_the_shape_of_all_speech_is_on_average_none() -> None:
    made = vectors(speech())
    active = [row for row in made.rows if row[0] > 14]
    for column in range(1, 6):
        assert abs(sum(row[column] for row in active) / len(active)) < 0.001


def test_the_shape_tells_low_from_high() -> None:
    low, high = vectors(tone(400) + tone(3000)).rows[2], vectors(tone(400) + tone(3000)).rows[7]
    assert low[1] > 3 > -3 > high[1]


def test_the_voice_and_the_line_are_taken_out_of_the_shape() -> None:
    """Their mean over clear speech, or over all where there is none; other frames count less."""
    three = _centred([[300_000], [100_000], [0]], [40.0, 20.0, 0.0])
    quiet = _centred([[300_000], [100_000]], [14.0, 0.0])
    assert [row[0] for row in three] == pytest.approx([1, -1, -1.4])
    assert [row[0] for row in quiet] == pytest.approx([0.7, -0.7])


def quieter(audio: bytes) -> bytes:
    """By 12 dB, as nearly as mu-law can say it."""
    table = bytes(code_of(LINEAR[code] / 4) for code in range(256))
    return audio.translate(table)


def test_how_loud_it_was_recorded_hardly_matters() -> None:
    loud, quiet = vectors(speech()), vectors(quieter(speech()))
    voiced = [at for at, level in enumerate(loud.loudness) if level > 14]
    assert median(abs(loud.loudness[at] - quiet.loudness[at]) for at in voiced) < 0.4
    assert isclose(loud.speech, quiet.speech, rel_tol=0.02)
    for column in range(1, 6):
        assert median(abs(loud.rows[at][column] - quiet.rows[at][column]) for at in voiced) < 0.4


@pytest.mark.parametrize("codes", [[0xFF], [0x7F], [0xFF, 0x7F], [0xFF] * 20 + [0xFE], [0xFF] * 20 + [0x7E, 0xFE]])
def test_silence_does_not_become_speech_for_want_of_any(codes: list[int]) -> None:
    """Neither of the two zeros of mu-law, nor a last bit now and then."""
    draw = Random(1)
    assert vectors(bytes(draw.choices(codes, k=16_000))).speech == 0
