"""What the tests of `replay what-if` ask, and of which calls."""

import json
from collections.abc import Sequence
from pathlib import Path

from click.testing import CliRunner, Result

from replay import cli
from tests.build import Harness
from tests.replay_calls import renumbered, write_story

GOLDEN = Path(__file__).resolve().parents[1] / "fixtures" / "golden"
SENTINEL = GOLDEN / "the_sentinel_of_the_clear_never_comes_back.jsonl"


def run(path: Path, *texts: str, options: Sequence[str] = ()) -> Result:
    sets = [part for text in texts for part in ("--set", text)]
    return CliRunner().invoke(cli.cli, ["what-if", str(path), *sets, *options])


def story(tmp_path: Path, call: Harness) -> Path:
    return write_story(tmp_path / "story.jsonl", renumbered(call.entries))


def changes(done: Result) -> list[tuple[str, str]]:
    """Which commands are others, in brief."""
    made = json.loads(done.stdout)["changes"]
    return [(change["way"], (change["recorded"] or change["what_if"])["type"]) for change in made]
