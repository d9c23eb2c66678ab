"""What the caller is told while the model is away is in a WAV file; one that cannot be played is refused in words."""

import struct
from pathlib import Path

import pytest

from engine.core.audio import linear
from engine.core.settings import Away
from engine.word import CONVERT, DEFAULT, WordError, load_word

NEEDED = "it must be mono, 8000 Hz, 16-bit PCM or mu-law"


def wav(samples: bytes, kind: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16) -> bytes:
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * bits // 8, bits // 8, bits)
    note = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    body = (
        b"WAVEfmt " + struct.pack("<I", len(form)) + form + note + b"data" + struct.pack("<I", len(samples)) + samples
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_the_program_brings_a_word_of_its_own() -> None:
    audio = load_word(Away())
    assert audio in DEFAULT.read_bytes()
    assert 4_000 < len(audio) < 16_000


def test_without_words_there_is_none() -> None:
    assert load_word(Away(words="", audio="nowhere.wav")) == b""


def test_words_of_ones_own_need_a_recording() -> None:
    with pytest.raises(WordError, match=r"away\.words are set, and away\.audio is not"):
        load_word(Away(words="Einen Moment bitte."))


def test_linear_samples_become_the_nearest_codes(tmp_path: Path) -> None:
    """Every mu-law code, as its linear value, comes back as itself; what lies between two goes to the nearer one."""
    codes = bytes(code for code in range(256) if code != 0x7F)
    values = [linear(code) for code in codes]
    (tmp_path / "word.wav").write_bytes(wav(struct.pack(f"<{len(values)}h", *values)))
    away = Away(audio="word.wav")
    assert load_word(away, tmp_path) == codes
    (tmp_path / "word.wav").write_bytes(wav(struct.pack("<4h", 3, 5, 32_767, -32_768)))
    assert [linear(code) for code in load_word(away, tmp_path)] == [0, 8, 32_124, -32_124]


def test_mulaw_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "word.wav"
    path.write_bytes(wav(b"\x01\x02\xff", kind=7, bits=8))
    assert load_word(Away(audio=str(path))) == b"\x01\x02\xff"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"ID3", "is not a WAV file"),
        (b"RIFF\0\0\0\0WAVE", "says nothing of its format"),
        (wav(bytes(4), channels=2), f"has 2 channel(s) of 16 bits at 8000 Hz, coding 1; {NEEDED}"),
        (wav(bytes(4), rate=44_100), f"has 1 channel(s) of 16 bits at 44100 Hz, coding 1; {NEEDED}"),
        (wav(bytes(4), kind=3, bits=32), f"has 1 channel(s) of 32 bits at 8000 Hz, coding 3; {NEEDED}"),
        (wav(b""), "is 0.0 s long; it must be more than nothing and at most 10 s"),
        (wav(bytes(80_001), kind=7, bits=8), "is 10.0 s long; it must be more than nothing and at most 10 s"),
    ],
)
def test_what_cannot_be_played_is_refused_with_the_way_out(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "word.wav"
    path.write_bytes(data)
    with pytest.raises(WordError) as refused:
        load_word(Away(audio="word.wav"), tmp_path)
    assert str(refused.value) in (f"away.audio {path} {why}", f"away.audio {path} {why} ({CONVERT})")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WordError, match=r"away.audio .*/nowhere.wav: No such file or directory"):
        load_word(Away(audio="nowhere.wav"), tmp_path)
