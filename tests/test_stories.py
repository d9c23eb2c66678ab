"""Every story holds, and the golden log on disk is what it gives today.

The stories' own expectations stand with them, in `stories_*`. Here are also the few things that a story should show and
the core does not do yet: each fails the day that it does, and then moves to its story.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from engine.sim.caller import Cue
from engine.sim.scenario import Dial
from engine.sim.scenarios import speech
from engine.sim.world import run
from tests.bless import GOLDEN, bless, golden_of, is_same_call, recorded, title_of, with_index
from tests.stories import STORIES
from tests.stories_told import EXACT_MS, FIRST, FIRST_AND_MORE, Stories, Story, Told, call, interrupts, says, tells


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_the_story_holds_and_is_the_golden_log(story: Story) -> None:
    today = golden_of(title_of(story.name), story(), "")
    same = is_same_call(today, recorded(GOLDEN, story.name))
    assert same, f"{story.name} is another call now: bless it with a reason in CHANGELOG.md"


def test_every_golden_log_has_its_story_and_its_line_in_the_index() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.jsonl")) == sorted(STORIES)
    readme = (GOLDEN / "README.md").read_text(encoding="utf-8")
    assert with_index(readme, STORIES) == readme, "make bless writes the index anew"


def told(name: str) -> Told:
    return Told(run(STORIES[name].scenario, STORIES[name].seed))


START_MS = EXACT_MS + 10
"""A start is told by the first echoes alone, before many have narrowed the line."""


@pytest.mark.parametrize("name", STORIES)
def test_items_are_reported_to_start_when_they_did(name: str) -> None:
    story = told(name)
    wrong = [
        (turn.item_id, turn.start_ms, story.starts_ms[turn.item_id])
        for turn in story.report.turns
        # Where no echo ever came back, no start is claimed.
        if turn.item_id in story.starts_ms and (turn.heard_ms or turn.start_ms is not None)
        if turn.start_ms is None or abs(turn.start_ms - story.starts_ms[turn.item_id]) > START_MS
    ]
    assert wrong == [], "reported, true"


def test_a_caller_who_has_spoken_before_the_model_was_ready_is_answered_once() -> None:
    cues = (Cue(400, audio=speech(300)),)
    outcome = run(call(says(0, 700), cues=cues, dial=Dial(latency_ms=1_500), ends_ms=4_000), seed=1)
    assert outcome.model.errors == []


def story_of(scenario_ms: int, expect: Callable[[Told], None]) -> Stories:
    """A story called `one`."""
    stories: Stories = {}
    expect.__name__, expect.__doc__ = "one", "Something."
    tells(stories, call(says(0, 1_500), cues=(interrupts(0, 500),), ends_ms=scenario_ms))(expect)
    return stories


class TestAStory:
    def test_that_does_not_hold_is_not_blessed(self, tmp_path: Path) -> None:
        stories = story_of(2_000, lambda told: told.ends("dropped"))
        with pytest.raises(SystemExit, match=r"one is not the story any more.*ended 'stop', not 'dropped'"):
            bless(stories, tmp_path, "any")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("wrong", "says_why"),
        [
            (lambda told: told.is_interrupted(times=0), "interruptions and clears: \\(1, 1\\)"),
            (lambda told: told.truncates(FIRST, within_ms=-1), "truncated at 665, heard 665.0 ms"),
            (lambda told: told.truncates(FIRST_AND_MORE), "is in no interruption"),
            (lambda told: told.deletes(FIRST), "5320 samples were heard"),
            (lambda told: told.leaves(FIRST), "heard_samples=5320"),
            (lambda told: told.says_nothing_about(FIRST), "truncated and deleted \\[1, 0\\] times"),
            (lambda told: told.never_sends("clear"), "sent: {'clear': 1}"),
            (lambda told: told.cancels("resp_0001"), "cancelled: \\(\\)"),
            (lambda told: told.ends("stop", because="boredom"), "without 'boredom'"),
        ],
    )
    def test_says_what_is_wrong(self, wrong: Callable[[Told], None], says_why: str) -> None:
        with pytest.raises(AssertionError, match=says_why):
            story_of(2_000, wrong)["one"]()

    def test_whose_model_answers_with_an_error_it_does_not_expect_fails(self) -> None:
        story = msgspec.structs.replace(STORIES["the_model_refuses_the_key"], errors=())
        with pytest.raises(AssertionError, match="the model answered with"):
            story()

    def test_blessed_by_name_leaves_the_others_alone(self, tmp_path: Path) -> None:
        def goes(told: Told) -> None:
            told.ends("stop")

        (tmp_path / "another.jsonl").write_text("")
        assert bless(story_of(300, goes), tmp_path, "first", removes_others=False)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["another.jsonl", "one.jsonl"]

    def test_gives_the_same_bytes_again_audio_too(self, tmp_path: Path) -> None:
        stories = {"one": STORIES["caller_interrupts_mid_generation"]}
        bless(stories, tmp_path, "first")
        written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert sorted(written) == ["one.jsonl", "one.ulaw"]
        assert bless(stories, tmp_path, "second") == []
        (tmp_path / "one.ulaw").unlink()
        bless(stories, tmp_path, "first")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == written


def test_an_unknown_name_is_refused() -> None:
    command = [sys.executable, "-m", "tests.bless", "the_caller_flies"]
    done = subprocess.run(command, cwd=GOLDEN.parents[1], capture_output=True, text=True)
    assert (done.returncode, "no such story: the_caller_flies" in done.stderr) == (2, True)
