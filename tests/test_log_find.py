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


def test_a_folder_with_one_call(calls: Path) -> None:
    for sid in SIDS[1:]:
        (calls / "2026-11-20" / f"{sid}.db").unlink()
    assert said(calls, "nothing") == f"no call in {calls} begins with 'nothing': there is 1 call there"
