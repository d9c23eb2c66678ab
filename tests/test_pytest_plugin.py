"""The pytest plugin, as somebody uses it whose repository has call logs and knows nothing of ours."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from replay.goldens.golden import header_of
from tests.replay_calls import bakery, write_story

BAKERY = bakery()
SPOILT = [replace(e, body=e.body.replace(":520", ":400")) if e.seq == 123 else e for e in BAKERY]


def lines(result: pytest.RunResult) -> list[str]:
    """What pytest printed, without what depends on the day."""
    return [line.rstrip() for line in result.outlines]


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    """A repository with a test, and a folder of calls beside it."""
    pytester.makepyfile(test_theirs="def test_theirs(): pass")
    return pytester.mkdir("calls")


def test_a_call_that_is_decided_as_recorded_passes(pytester: pytest.Pytester, folder: Path) -> None:
    write_story(folder / "price.calllog.jsonl", BAKERY)
    result = pytester.runpytest("-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["calls/price.calllog.jsonl::replay PASSED*"])


def test_other_json_lines_are_left_alone(pytester: pytest.Pytester, folder: Path) -> None:
    write_story(folder / "price.jsonl", BAKERY)
    pytester.runpytest().assert_outcomes(passed=1)


def test_the_failure_is_the_first_entry_at_which_they_part(pytester: pytest.Pytester, folder: Path) -> None:
    path = write_story(folder / "price.calllog.jsonl", SPOILT)
    result = pytester.runpytest("--calllogs", "calls")
    result.assert_outcomes(passed=1, failed=1)
    said = lines(result)
    begin = next(index for index, line in enumerate(said) if "replay of price.calllog.jsonl" in line)
    assert said[begin + 1 : begin + 3] == ["The caller interrupts.", "  entry 123, 0:00.620 of the stream"]
    assert "    audio_end_ms: recorded 400, replayed 520" in said
    assert "diverged: recorded and replayed part at entry 123" in said
    assert f"look at it: replay {path}; accept it: pytest --bless 'why' {path}" in said
    assert "Traceback" not in result.stdout.str()
    result.stdout.fnmatch_lines(["FAILED calls/price.calllog.jsonl::replay*"])


def test_blessed_it_passes_and_says_why(pytester: pytest.Pytester, folder: Path) -> None:
    path = write_story(folder / "price.calllog.jsonl", SPOILT)
    pytester.runpytest("--bless", "The ear is 120 ms further.").assert_outcomes(passed=2)
    pytester.runpytest().assert_outcomes(passed=2)
    assert header_of(path).reason == "The ear is 120 ms further."


def test_blessing_leaves_what_is_the_same_alone(pytester: pytest.Pytester, folder: Path) -> None:
    path = write_story(folder / "price.calllog.jsonl", BAKERY)
    before = path.read_bytes()
    pytester.runpytest("--bless", "For nothing.").assert_outcomes(passed=2)
    assert path.read_bytes() == before


@pytest.mark.parametrize("options", [[], ["--bless", "No."]])
def test_a_log_that_cannot_be_read_fails_and_is_never_blessed(
    pytester: pytest.Pytester, folder: Path, options: list[str]
) -> None:
    (folder / "odd.calllog.jsonl").write_text("{}\n")
    result = pytester.runpytest(*options)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*odd.calllog.jsonl is not a golden log*"])
    assert (folder / "odd.calllog.jsonl").read_text() == "{}\n"


def test_one_that_cannot_be_judged_says_why_and_offers_no_blessing(pytester: pytest.Pytester, folder: Path) -> None:
    write_story(folder / "hole.calllog.jsonl", [*BAKERY[:4], *BAKERY[5:]])
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(["unknown: entry 5 should follow, but the next one in the log is entry 6"])
    result.stdout.no_fnmatch_line("*--bless*")


def test_a_folder_elsewhere_is_collected_too_and_only_once(
    pytester: pytest.Pytester, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write_story(elsewhere / "price.calllog.jsonl", BAKERY)
    write_story(folder / "price.calllog.jsonl", BAKERY)
    pytester.runpytest("--calllogs", "calls", "--calllogs", elsewhere).assert_outcomes(passed=3)
    pytester.runpytest("calls", "--calllogs", "calls").assert_outcomes(passed=1)


def test_beside_plugins_that_take_every_item_for_a_function(pytester: pytest.Pytester, folder: Path) -> None:
    pytester.makeini("[pytest]\ntrio_mode = true")
    write_story(folder / "price.calllog.jsonl", BAKERY)
    pytester.runpytest().assert_outcomes(passed=2)


def test_a_folder_that_is_not_there(pytester: pytest.Pytester, folder: Path) -> None:
    result = pytester.runpytest("--calllogs", "none")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --calllogs none: no such folder"])


def test_a_reason_must_be_given(pytester: pytest.Pytester, folder: Path) -> None:
    result = pytester.runpytest("--bless", "")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --bless needs a reason*"])


def test_a_fault_of_the_replay_itself_shows_where(
    pytester: pytest.Pytester, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_story(folder / "price.calllog.jsonl", BAKERY)
    monkeypatch.setattr("replay.goldens.golden.read_golden", lambda path: 1 / 0)
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*ZeroDivisionError*"])
