"""The second opinion on heard words. What needs the recogniser itself runs where `make referee` has installed it."""

import importlib.util
from array import array
from math import pi, sin
from pathlib import Path

import pytest

from engine.bench.referee.pronounce import from_letters, spelling
from engine.bench.referee.wideband import wideband
from engine.bench.words.corpus import read_scored
from engine.bench.words.scores import score
from engine.core.audio import SILENCE

FOLDER = Path(__file__).parents[1] / "fixtures" / "speech"
needs_referee = pytest.mark.skipif(
    importlib.util.find_spec("pocketsphinx") is None, reason="pocketsphinx is not installed: `make referee` does it"
)


def test_unknown_words_are_sounded_letter_by_letter() -> None:
    assert spelling("Número,") == "numero"
    assert spelling("don\N{RIGHT SINGLE QUOTATION MARK}t") == "don't"
    assert from_letters("copay") == "K OW P EY"
    assert from_letters("churros") == "CH ER OW S"
    assert from_letters("thresh") == "TH R EH SH"
    assert from_letters("shake") == "SH AE K"


def test_audio_has_twice_the_samples_and_the_same_shape() -> None:
    assert array("h", wideband(bytes([SILENCE]) * 100)) == array("h", bytes(400))
    # A tone of 500 Hz, as loud as mu-law 0x80 (32,124) allows: what comes between the samples lies on the same sine.
    codes = [array("h", wideband(bytes([mu])))[0] for mu in range(256)]
    assert (codes[0x80], codes[0x00], codes[0xFF], codes[0xFE], codes[0x7E]) == (32124, -32124, 0, 8, -8)
    tone = [round(20_000 * sin(2 * pi * at / 16)) for at in range(160)]
    pcmu = bytes(min((abs(code - level), mu) for mu, code in enumerate(codes))[1] for level in tone)
    made = array("h", wideband(pcmu))
    assert len(made) == 320
    assert all(abs(made[at] - 20_000 * sin(pi * at / 16)) < 700 for at in range(40, 280))


@needs_referee
def test_the_referee_finds_the_words() -> None:
    from engine.bench.referee.compare import readings
    from engine.bench.referee.sphinx import Referee

    price = next(each for each in read_scored(FOLDER) if "$9.05" in each.text)
    found = Referee().align(price.pcmu, price.text, readings(price))
    assert found is not None
    assert score(price.words, found).off_ms(0.5) < 30


@needs_referee
def test_the_referee_gives_up_on_audio_that_is_too_short() -> None:
    from engine.bench.referee.sphinx import Referee

    assert Referee().align(bytes([SILENCE]) * 800, "Good morning.", [[("good",)], [("morning",)]]) is None
