"""`make bless`: record the golden logs anew from their stories, and show what changes.

    python -m tests.bless --reason "settle by estimate when the sentinel is late" [NAME...]

Each story of `tests.stories` becomes `fixtures/golden/<name>.jsonl`. A story whose own expectations do not hold is not
blessed, and then nothing is. A log whose entries are what they were is left alone, so that it keeps the reason for
which it was last blessed; for any other a reason must be given. Logs of stories that are no more are removed, but those
recorded under earlier rules (`fixtures/golden/rules_1`) stay for ever. With names, only those logs are looked at.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import unified_diff
from pathlib import Path
from traceback import extract_tb

import msgspec

from engine import __version__
from engine.core import FORMAT
from engine.sim.world import Outcome
from replay.goldens.golden import AUDIO_SUFFIX, SUFFIX, Golden, Header, make_golden, read_header, write_golden
from replay.rows import Head
from tests.stories_told import Stories

GOLDEN = Path(__file__).resolve().parents[1] / "fixtures" / "golden"
INDEX_HEADING = "## The stories\n"
"""The last section of the folder's README: written here, a line for each story."""
STARTED_AT = "2026-01-01T00:00:00+00:00"
"""A story has no wall clock."""


def golden_of(title: str, outcome: Outcome, reason: str) -> Golden:
    """The golden log of a story's outcome."""
    call, settings = outcome.call, outcome.scenario.settings
    sids = (call.call_sid or "", call.stream_sid or "", call.account_sid or "")
    head = Head(*sids, STARTED_AT, FORMAT, settings.rules, __version__)
    return make_golden(Header(title, reason, head, settings), outcome.entries)


def title_of(name: str) -> str:
    """The sentence that a file's name is: `two_barge_ins_in_a_row` is "Two barge ins in a row."."""
    return name.replace("_", " ").capitalize() + "."


def bless(
    stories: Mapping[str, Callable[[], Outcome]], folder: Path, reason: str, removes_others: bool = True
) -> list[str]:
    """Write what has changed. The lines to show: a diff for each log that is new, other, or gone.

    Raises SystemExit, and nothing is written, when a story does not hold, or something has changed and `reason` is
    empty.
    """
    wanted = {name: golden_of(title_of(name), _told(name, stories[name]), reason) for name in sorted(stories)}
    changed = {name: made for name, made in wanted.items() if not is_same_call(made, recorded(folder, name))}
    gone = sorted(path.stem for path in folder.glob(f"*{SUFFIX}") if path.stem not in stories and removes_others)
    if (changed or gone) and not reason:
        raise SystemExit(f"these golden logs change: {', '.join([*changed, *gone])}. Say why, with --reason")
    said: list[str] = []
    for name, made in changed.items():
        said += _diff(name, recorded(folder, name), made)
        write_golden(folder / f"{name}{SUFFIX}", made)
    for name in gone:
        said += _diff(name, recorded(folder, name), Golden("", b""))
        (folder / f"{name}{SUFFIX}").unlink()
        (folder / f"{name}{AUDIO_SUFFIX}").unlink(missing_ok=True)
    return said


def recorded(folder: Path, name: str) -> Golden:
    """The golden log of that name as it is on disk; an empty one if there is none."""
    path = folder / f"{name}{SUFFIX}"
    side = path.with_suffix(AUDIO_SUFFIX)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return Golden(text, side.read_bytes() if side.exists() else b"")


def is_same_call(one: Golden, other: Golden) -> bool:
    """Whether two golden logs differ in nothing but why they were blessed, and by which version."""
    return (_entries(one.text), one.audio) == (_entries(other.text), other.audio)


def with_index(readme: str, stories: Stories) -> str:
    """The folder's README, its index made anew: what each golden log proves."""
    lines = [f"- `{name}{SUFFIX}`: {story.proves}\n" for name, story in sorted(stories.items())]
    above = readme.partition(INDEX_HEADING)[0].rstrip("\n")
    return "".join([above, "\n\n", INDEX_HEADING, "\n", *lines])


def _told(name: str, story: Callable[[], Outcome]) -> Outcome:
    try:
        return story()
    except AssertionError as error:
        line = extract_tb(error.__traceback__)[-1].line
        raise SystemExit(f"{name} is not the story any more, so nothing is blessed: {error or line}") from error


def _entries(text: str) -> list[str]:
    """All that makes a log another one."""
    first, *rest = text.splitlines() or [""]
    if first:
        header = read_header(Path("golden"), first)
        head = msgspec.structs.replace(header.head, engine_version="")
        first = repr(msgspec.structs.replace(header, reason="", head=head))
    return [first, *rest]


def _diff(name: str, before: Golden, after: Golden) -> Iterable[str]:
    path = f"fixtures/golden/{name}{SUFFIX}"
    return unified_diff(
        before.text.splitlines(), after.text.splitlines(), f"recorded {path}", f"now {path}", lineterm="", n=1
    )


def main(arguments: list[str]) -> None:
    """The command."""
    from tests.stories import STORIES

    parser = argparse.ArgumentParser(prog="python -m tests.bless", description="Record the golden logs anew.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a story; all of them if none is named")
    parser.add_argument("--reason", default="", help="why they change, in a sentence: it is kept in each log")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in STORIES]
    if unknown:
        parser.error(f"no such story: {', '.join(unknown)}")
    chosen = {name: STORIES[name] for name in asked.names or STORIES}
    said = bless(chosen, GOLDEN, asked.reason, removes_others=not asked.names)
    readme = GOLDEN / "README.md"
    readme.write_text(with_index(readme.read_text(encoding="utf-8"), STORIES), encoding="utf-8")
    print("\n".join(said) if said else "nothing has changed")


if __name__ == "__main__":
    main(sys.argv[1:])
