"""What measures the heard words measures right: folders, scores and comparisons, on cases small enough to count."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.bench.__main__ import main
from engine.bench.words.corpus import SpeechError, TrueWord, Utterance, read_folder, read_scored
from engine.bench.words.cost import join
from engine.bench.words.open_end import known_text, moments
from engine.bench.words.others import OTHERS, proportional, syllables_rate, whole_text
from engine.bench.words.scores import pool, score, score_counts
from engine.core.audio import samples_of
from engine.core.heard import Alignment, Word

TEXT = "Yes, we are  open."
TRUTH = (TrueWord("Yes,", 100, 200), TrueWord("we", 250, 300), TrueWord("are", 300, 400), TrueWord("open.", 400, 595))
LINE: dict[str, Any] = {"id": "a", "lang": "en", "audio": "a.ulaw", "text": "Yes, we", "words": []}


def placed(*spans: tuple[int, int]) -> Alignment:
    """TEXT, its words at these times."""
    words = [Word(token, *span) for token, span in zip(TEXT.split(), spans, strict=True)]
    return Alignment(TEXT, words, len(words), 1.0, "letters")


def folder_of(folder: Path, *lines: dict[str, Any]) -> Path:
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    (folder / "a.ulaw").write_bytes(bytes([0xFF]) * 8000)
    return folder


# Scores.


def test_a_perfect_alignment_is_always_right() -> None:
    found = score(TRUTH, placed((100, 200), (250, 300), (300, 400), (400, 595)))
    # Every 5 ms from 0 to 595.
    assert (found.asked, found.exact, found.within_one, found.words_off, found.words_over) == (120, 120, 120, 0, 0)
    assert found.errors_ms == (0.0,) * 8


def test_a_word_that_ends_late_is_missed_until_then() -> None:
    found = score(TRUTH, placed((100, 230), (250, 300), (300, 400), (400, 595)))
    # Wrong at 200, 205, ... 225; right again at 230.
    assert (found.asked, found.exact, found.within_one, found.words_off, found.words_over) == (120, 114, 120, 6, -6)
    assert (found.off_ms(0.5), found.off_ms(1.0), found.bias_ms) == (0, 30, 30 / 8)


def test_an_alignment_one_word_ahead_is_never_right_once_it_speaks() -> None:
    found = score(TRUTH, placed((0, 5), (5, 200), (200, 300), (300, 400)))
    # Right at 0, where nothing can have been heard, and again at 595, when all has.
    assert (found.exact, found.within_one, found.words_over) == (2, 120, 118)


def test_two_words_too_many_are_not_within_one() -> None:
    found = score_counts([(3, 1), (1, 1), (1, 2)])
    assert (found.asked, found.exact, found.within_one, found.words_off, found.words_over) == (3, 1, 2, 3, 1)


def test_long_utterances_weigh_more() -> None:
    short, long = score_counts([(1, 0)]), score_counts([(1, 1)] * 3)
    both = pool([short, long])
    assert both.share(both.exact) == 0.75


def test_other_words_cannot_be_scored() -> None:
    with pytest.raises(AssertionError, match="not the same words"):
        score(TRUTH[:3], placed((100, 200), (250, 300), (300, 400), (400, 595)))


# What others do.


def test_others_place_words_by_length_alone() -> None:
    second = bytes([0xFF]) * samples_of(1000)
    assert [word.end_ms for word in proportional(second, "a bcd efgh").words] == [100, 500, 1000]
    assert [word.end_ms for word in syllables_rate(second, "Hello, nine").words] == [522, 1044]
    assert {word.end_ms for word in whole_text(second, TEXT).words} == {0}
    for way in OTHERS.values():
        assert [word.text for word in way(second, TEXT).words] == TEXT.split()


# Generation in progress.


def test_the_known_text_is_a_prefix_that_lags() -> None:
    utterance = Utterance("a", "en", "", TEXT, TRUTH)
    # Known to 1,100 ms of audio, and text to 1,100, 300 and 50 ms of it: "we" starts at 250, "are" at 300.
    assert [known_text(utterance, 100, lag_ms) for lag_ms in (None, 0, 800, 1050)] == [TEXT, TEXT, "Yes, we", ""]


def test_the_same_moments_are_asked_in_every_run() -> None:
    utterance = Utterance("a", "en", "", TEXT, TRUTH)
    assert moments(utterance) == moments(utterance)
    assert moments(utterance) != moments(Utterance("b", "en", "", TEXT, TRUTH))
    assert all(1 <= at_ms <= 595 for at_ms in moments(utterance))


def test_utterances_are_joined_to_a_length() -> None:
    second = Utterance("a", "en", "", TEXT, TRUTH, pcmu=bytes(samples_of(1000)))
    joined = join([second, second], 1500)
    assert joined is not None
    assert (len(joined.pcmu), joined.text.split()) == (samples_of(1500), TEXT.split() * 2)
    assert (joined.words[4].start_ms, joined.words[7].end_ms) == (1100, 1595)
    assert join([second], 1500) is None


# Folders.


def test_a_folder_of_speech_is_read(tmp_path: Path) -> None:
    words = [{"w": "Yes,", "start_ms": 0, "end_ms": 10}, {"w": "we", "start_ms": 10, "end_ms": 20.5}]
    spoken = [{"w": "yes", "word": 0}]
    read = read_scored(folder_of(tmp_path, LINE | {"words": words, "spoken": spoken, "rate": 3}, LINE | {"id": "b"}))
    # The second has no word times, so it cannot be scored.
    assert [(each.id, len(each.pcmu), each.words[1].end_ms, each.engine) for each in read] == [("a", 8000, 20.5, "?")]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"text": None}, r"line 2: Expected `str`, got `null` - at `\$.text`"),
        ({"audio": "gone.ulaw"}, r"line 2 \(a\): the audio gone.ulaw cannot be read \(No such file"),
        ({"words": [{"w": "Yes,", "start_ms": 0, "end_ms": 1}]}, "not the words of `text`"),
        ({"text": "a", "words": [{"w": "a", "start_ms": 2, "end_ms": 1}]}, "go backwards"),
        ({"spoken": [{"w": "yes", "word": 2}]}, "names a word that is not there"),
    ],
)
def test_a_broken_manifest_says_where(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpeechError, match=complaint):
        read_folder(folder_of(tmp_path, LINE, LINE | change))


def test_a_folder_without_speech_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match=r"manifest\.jsonl cannot be read .*SPEECH=folder"):
        read_folder(tmp_path)
    with pytest.raises(SpeechError, match="is empty"):
        read_folder(folder_of(tmp_path))
    with pytest.raises(SpeechError, match="try `make referee`"):
        read_scored(folder_of(tmp_path, LINE))


def test_the_command_says_it_without_a_traceback(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["words", str(tmp_path / "gone")])
    assert done.exit_code == 1
    assert done.output.startswith("Error: no speech in ")


def test_the_table_has_a_row_for_everything(tmp_path: Path) -> None:
    words = [{"w": "Yes,", "start_ms": 0, "end_ms": 400}, {"w": "we", "start_ms": 400, "end_ms": 900}]
    lines = [LINE | {"id": name, "engine": name, "voice": "v", "words": words} for name in ("one", "two")]
    done = CliRunner().invoke(main, ["words", "--jobs", "1", str(folder_of(tmp_path, *lines))])
    assert done.exit_code == 0, done.output
    for row in ("en ", "  engine one", "  instead: whole text kept", "  open: text 1 s behind", "targets met: "):
        assert f"\n{row}" in done.output
