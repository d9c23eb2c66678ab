"""The power fails at any moment: a sample of what `python -m tests.power` tries."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from engine.log import create, sync
from engine.log.blank import write_image
from tests.power import Counts, Story, calls, images, next_start

STORIES: dict[str, tuple[Callable[[Path], Story], float]] = {
    "synced each second, WAL in the file at the end": (lambda root: calls(root, 1, 120, create.WAL_PAGES, 1), 0.01),
    "synced each second, WAL copied all the time": (lambda root: calls(root, 1, 120, 60, 2), 0.01),
    "synced at each step": (lambda root: calls(root, 0, 30, 40, 3), 0.02),
    "sealed at the next start": (lambda root: next_start(root, 4), 0.1),
}
"""And of how many of the disks that may be left of each we try to read what they hold."""


@pytest.mark.parametrize("name", STORIES)
def test_a_power_cut_takes_no_more_than_was_said(tmp_path: Path, name: str) -> None:
    story, sample = STORIES[name]
    counts = Counts()
    images(story(tmp_path), Random(name), counts, sample, starts=0.2)
    assert (counts.problems, counts.corrupt, counts.lost) == ([], 0, 0)
    assert counts.images > 30
    assert counts.starts > 3


def test_the_simulator_sees_what_is_not_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be worth nothing if it did not."""
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    counts = Counts()
    monkeypatch.setattr(sync.Tail, "sync", lambda tail: None)
    images(calls(tmp_path / "1", 1, 90, create.WAL_PAGES, 1), Random(1), counts, 0.02, 0)
    assert (counts.lost > 0, counts.corrupt) == (True, 0)
    monkeypatch.undo()
    monkeypatch.setattr(sync, "write_image", lambda path, image, is_synced: write_image(path, image, False))
    images(calls(tmp_path / "2", 1, 20, create.WAL_PAGES, 1), Random(1), counts, 0.02, 0)
    assert counts.corrupt > 0
