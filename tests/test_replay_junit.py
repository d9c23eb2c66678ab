"""JUnit XML: what CI reads of `replay verify` and `replay diff`. A file that no parser takes hides every failure."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from replay import cli
from replay.compare.junit import Case, to_junit
from tests.replay_calls import bakery, write_story

BAKERY = bakery()
STRANGE = 'bell \x07, escape \x1b[31m, nul \x00, end ]]> & <tag> "quoted", 😀, half \ud83d, \ufffe, tab\t, line\n.'
TOLD = 'bell \\x07, escape \\x1b[31m, nul \\x00, end ]]> & <tag> "quoted", 😀, half \\ud83d, \\ufffe, tab\t, line\n.'


def run(*args: object) -> Result:
    return CliRunner().invoke(cli.cli, ["verify", *map(str, args)])


def test_a_log_is_a_case_a_divergence_a_failure_and_what_cannot_be_judged_an_error() -> None:
    cases = [
        Case("a.jsonl", "same", "every command is the one that was recorded"),
        Case("b.jsonl", "diverged", "they part", "  recorded 1\n  replayed 2\n"),
        Case("c.db", "unknown", "torn"),
    ]
    assert (
        to_junit("replay verify", cases).decode()
        == """\
<?xml version="1.0" encoding="utf-8"?>
<testsuites tests="3" failures="1" errors="1">
  <testsuite name="replay verify" tests="3" failures="1" errors="1" skipped="0">
    <testcase name="a.jsonl" classname="replay verify" />
    <testcase name="b.jsonl" classname="replay verify">
      <failure message="they part" type="diverged">  recorded 1
  replayed 2
</failure>
    </testcase>
    <testcase name="c.db" classname="replay verify">
      <error message="torn" type="unknown">torn</error>
    </testcase>
  </testsuite>
</testsuites>
"""
    )


def test_what_xml_cannot_hold_is_named() -> None:
    case = ElementTree.fromstring(to_junit("s", [Case(STRANGE, "diverged", STRANGE, STRANGE)]))[0][0]
    assert (case.get("name"), case[0].get("message"), case[0].text) == (TOLD, TOLD, TOLD)


@given(st.text(st.characters(codec=None)))
def test_whatever_is_said_can_be_parsed(text: str) -> None:
    case = ElementTree.fromstring(to_junit("s", [Case(text, "unknown", text, text)]))[0][0]
    assert case[0].get("type") == "unknown"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """One that is the same, one in which a stranger has written an escape sequence, one that is no log."""
    write_story(tmp_path / "a.jsonl", BAKERY)
    strange = [replace(each, body=f"\x1b[31m]]>{each.body}") if each.seq == 123 else each for each in BAKERY]
    write_story(tmp_path / "b.jsonl", strange)
    (tmp_path / "c.db").write_bytes(b"torn" * 300)
    return tmp_path


def test_verify_writes_it_beside_what_it_prints(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("ci") / "verify.xml"
    done = run(logs, "--junit", path)
    assert (done.exit_code, done.stderr) == (1, "")
    assert done.stdout == run(logs).stdout
    suite = ElementTree.parse(path).getroot()[0]
    assert suite.attrib == {"name": "replay verify", "tests": "3", "failures": "1", "errors": "1", "skipped": "0"}
    assert [case.get("name") for case in suite] == [f"{logs}/a.jsonl", f"{logs}/b.jsonl", f"{logs}/c.db"]
    assert [[each.tag for each in case] for case in suite] == [[], ["failure"], ["error"]]
    told = suite[1][0].text or ""
    assert told in done.stdout
    assert "  recorded  command model conversation.item.truncate \\x1b[31m]]>{" in told


def test_a_file_that_cannot_be_written_is_said_and_ends_with_2(logs: Path) -> None:
    done = run(logs / "a.jsonl", "--junit", logs / "none" / "verify.xml")
    assert (done.exit_code, done.stderr) == (2, f"replay: {logs}/none/verify.xml: No such file or directory\n")
    assert done.stdout == "verify: 1 log, 213 entries: 1 same, 0 diverged, 0 unknown\n"
