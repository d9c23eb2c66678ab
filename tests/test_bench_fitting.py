"""`make fit`: a table learnt from a folder of speech, and the one that the package comes with."""

import json
import pickle
import runpy
from multiprocessing.pool import ThreadPool
from pathlib import Path
from statistics import fmean, median

import msgspec
import pytest
from click.testing import CliRunner

from engine.bench import fitting
from engine.bench.__main__ import main
from engine.bench.words.corpus import SpeechError, Utterance, read_folder
from engine.core.heard.found import find, words
from engine.core.heard.table import TABLE
from engine.core.heard.units import Table, Unit

ROOT = Path(__file__).parents[1]
SPEECH = ROOT / "fixtures" / "speech"
CHOSEN = ["dev_en_005_0", "dev_en_010_0", "dev_en_019_2", "dev_en_040_0", "dev_en_054_2", "dev_en_057_1"]
"""Half a minute of English, four voices."""


def chosen() -> list[Utterance]:
    return [each for each in read_folder(SPEECH) if each.id in CHOSEN]


def folder_of(folder: Path, utterances: list[Utterance]) -> Path:
    lines = []
    for each in utterances:
        (folder / f"{each.id}.ulaw").write_bytes(each.pcmu)
        times = [msgspec.to_builtins(word) for word in each.words]
        lines.append(json.dumps({"id": each.id, "lang": each.lang, "text": each.text, "words": times,
                                 "audio": f"{each.id}.ulaw"}))  # fmt: skip
    (folder / "manifest.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def errors_ms(table: Table) -> dict[str, list[float]]:
    """By how much the ends of the chosen utterances' words lie off, aligned with this table: by what follows them."""
    made: dict[str, list[float]] = {"all": [], "word": [], "silence": []}
    for each in chosen():
        lesson = fitting._lesson(each)
        assert lesson is not None
        found = find(lesson.spoken, lesson.audio, lesson.rate, True, table)
        assert found is not None
        placed, _ = words(found, lesson.texts, lesson.spoken, True)
        off = [word.end_ms - true.end_ms for word, true in zip(placed, each.words, strict=True)]
        made["all"] += map(abs, off)
        for word, following, error in zip(placed, placed[1:], off, strict=False):
            made["word" if following.start_ms == word.end_ms else "silence"].append(error)
    return made


def learnt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Table, str, list[str]]:
    """The table, the module's docstring and what was said meanwhile. Threads stand in for the processes."""
    monkeypatch.setattr(fitting, "ROUNDS", 2)
    monkeypatch.setattr(fitting, "Pool", ThreadPool)
    told: list[str] = []
    fitting.measure(folder, "en", folder / "table.py", 1, told.append)
    made = runpy.run_path(str(folder / "table.py"))
    return made["TABLE"], made["__doc__"], told


def test_what_is_learnt_with_word_times_finds_words_as_the_shipped_table_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(tmp_path, chosen())
    table, doc, told = learnt(folder, monkeypatch)
    assert told == [
        "6 utterances, 6 of them with word times",
        "round 1 of 2 done",
        "round 2 of 2 done",
        f"written to {folder / 'table.py'}",
    ]
    assert "From 6 utterances in 'en', 6 with word times." in doc
    assert table.units.keys() == TABLE.units.keys()
    assert table != TABLE
    off = errors_ms(table)
    assert median(off["all"]) <= median(errors_ms(TABLE)["all"]) + 5
    assert abs(median(off["word"])) <= 1, "what the search does wrong on average is mended"
    assert abs(median(off["silence"])) <= 1


def test_what_is_learnt_without_word_times_is_hardly_worse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From audio and transcripts alone, of which it takes more. How far the search puts boundaries wrong cannot be
    learnt so: the old figures stay."""
    english = [each for each in read_folder(SPEECH) if each.lang == "en"]
    folder = folder_of(tmp_path, [msgspec.structs.replace(each, words=()) for each in english])
    table, doc, told = learnt(folder, monkeypatch)
    assert told[0] == "22 utterances, 0 of them with word times"
    assert "From 22 utterances in 'en', 0 with word times." in doc
    assert (table.units != TABLE.units, table[1:]) == (True, TABLE[1:])
    assert median(errors_ms(table)["all"]) <= median(errors_ms(TABLE)["all"]) + 10


def test_loud_letters_are_learnt_as_loud_and_silence_as_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, *_ = learnt(folder_of(tmp_path, chosen()), monkeypatch)
    loudness = {name: unit.means[0] for name, unit in table.units.items()}
    assert loudness["_"] == min(loudness.values()) < 8
    assert fmean(loudness[vowel] for vowel in "aeio") > fmean(loudness[stop] for stop in "tkp") + 10


def test_a_unit_that_was_hardly_met_is_like_any_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One word has few of them."""
    brief = next(each for each in read_folder(SPEECH) if each.id == "dev_en_041_0")
    table, *_ = learnt(folder_of(tmp_path, [brief]), monkeypatch)
    strange = [table.units[name] for name in "zCN$0@"]
    assert strange == [strange[0]] * 6
    assert table.units["_"] != strange[0]


def test_what_says_nothing_teaches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a text without letters, nor one in characters, nor one without audio."""
    first = chosen()[0]
    mute = [
        msgspec.structs.replace(first, id=f"mute{at}", text=text, words=(), pcmu=pcmu)
        for at, (text, pcmu) in enumerate([("...", first.pcmu), ("你好世界", first.pcmu), ("Hello", b"")])
    ]
    _, _, told = learnt(folder_of(tmp_path, [first, *mute]), monkeypatch)
    assert told[0] == "1 utterances, 1 of them with word times"


def test_lessons_go_to_other_processes_and_come_back() -> None:
    lesson = fitting._lesson(chosen()[0])
    assert pickle.loads(pickle.dumps(lesson)) == lesson


def test_the_table_written_is_python_for_the_same_table(tmp_path: Path) -> None:
    unit = Unit(1.5, (1.0, -2.25, 0.0, 0.0, 0.0, 0.0, 7.0), (0.05, 1.0, 1.0, 1.0, 1.0, 1.0, 200.0))
    table = Table({"_": unit, "a": unit._replace(frames=3.0)}, -9, 12)
    file = tmp_path / "table.py"
    file.write_text(fitting.module(table, "nothing"), encoding="utf-8")
    assert runpy.run_path(str(file))["TABLE"] == table


def test_nobody_edited_the_shipped_table_by_hand() -> None:
    """It is as `make fit` wrote it, whatever it learnt from."""
    shipped = (ROOT / fitting.TABLE_FILE).read_text(encoding="utf-8")
    source = shipped.split("From ", 1)[1].split(". For each unit", 1)[0]
    assert fitting.module(TABLE, source) == shipped


@pytest.mark.parametrize("lang", ["fr", ""])
def test_a_folder_without_that_language_says_so(tmp_path: Path, lang: str) -> None:
    folder = folder_of(tmp_path, chosen()[:1])
    with pytest.raises(SpeechError, match=f"has no utterance with lang '{lang}'"):
        fitting.measure(folder, lang, folder / "table.py", 1, print)
    assert not (folder / "table.py").exists()


def test_the_command_fails_without_a_traceback(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["fit", "--lang", "fr", "-o", str(tmp_path / "table.py"), str(SPEECH)])
    assert (done.exit_code, done.output) == (1, f"Error: {SPEECH} has no utterance with lang 'fr'\n")
