"""A call that is nearly named right: what it may have been."""

from pathlib import Path

import pytest

from engine.log.errors import LogError
from engine.log.find import find

SIDS = ["CA93f0" + "0" * 28, "CA93e1" + "1" * 28, "CA5577" + "2" * 28]


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    for sid in SIDS:
        path = tmp_path / "2026-11-20" / f"{sid}.db"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def said(calls_dir: Path, call: str) -> str:
    with pytest.raises(LogError) as caught:
        find(calls_dir, call)
    return str(caught.value)


def test_the_beginning_of_a_sid_with_a_wrong_letter(calls: Path) -> None:
    """As long as what was typed: the rest of a SID is nothing that one could have got wrong."""
    assert said(calls, "CA9sf0") == f"no call in {calls} begins with 'CA9sf0': is it {SIDS[0]}?"
    assert said(calls, "CA93") == (
        f"CA93 could be any of 2026-11-20/{SIDS[1]}.db, 2026-11-20/{SIDS[0]}.db: give more of it, or a path"
    )
    assert said(calls, "CA83") == f"no call in {calls} begins with 'CA83': is it {SIDS[1]} or {SIDS[0]}?"
    assert said(calls, "CA0000") == f"no call in {calls} begins with 'CA0000': there are 3 calls there"


def test_no_more_than_a_few_are_named(calls: Path) -> None:
    for letter in "abcdef":
        (calls / "2026-11-20" / f"CA7{letter}{'7' * 30}.db").touch()
    _, _, names = said(calls, "CA7x7").partition(": is it ")
    assert names.count("CA") == 3


def test_a_path_with_a_wrong_letter(calls: Path) -> None:
    day = calls / "2026-11-20"
    typed = day / f"{SIDS[2][:-1]}x.db"
    assert said(calls, str(typed)) == f"{typed}: no such log. Is it {day / SIDS[2]}.db?"
    assert said(calls, str(day / "other.db")) == f"{day / 'other.db'}: no such log"
    other_day = calls / "2026-11-21" / "CA1.db"
    assert said(calls, str(other_day)) == f"{other_day}: no such log: there is no folder {calls / '2026-11-21'}"


def test_its_middle_or_in_upper_case(calls: Path) -> None:
    for typed in ("93f0", "ca93f0", "A93F0"):
        assert said(calls, typed) == f"no call in {calls} begins with {typed!r}: is it {SIDS[0]}?"
    assert said(calls, "LAST") == f"no call in {calls} begins with 'LAST': is it last?"
    assert said(calls, "F0") == f"no call in {calls} begins with 'F0': there are 3 calls there"


def test_a_link_to_nothing_is_not_what_was_meant(calls: Path) -> None:
    link = calls / "2026-11-20" / "linked.db"
    link.symlink_to("gone.db")
    assert said(calls, str(link)) == f"{link}: no such log"


def test_a_folder_is_none_and_any_other_file_may_be_one(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (calls / "copy").touch()
    (calls / SIDS[0][:5]).touch()
    monkeypatch.chdir(calls)
    assert find(Path(), "copy") == Path("copy")
    assert find(calls / "none", "copy") == Path("copy")
    assert find(Path(), SIDS[0][:5]) == Path("2026-11-20") / f"{SIDS[0]}.db"
    for folder in ("2026-11-20", str(calls / "2026-11-20")):
        tries = f"try `replay ls --calls-dir {folder}` or `replay verify {folder}`"
        assert said(Path(), folder) == f"{folder} is a folder: {tries}"


def test_a_folder_with_one_call(calls: Path) -> None:
    for sid in SIDS[1:]:
        (calls / "2026-11-20" / f"{sid}.db").unlink()
    assert said(calls, "nothing") == f"no call in {calls} begins with 'nothing': there is 1 call there"
