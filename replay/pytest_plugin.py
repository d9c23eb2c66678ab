"""Calls as tests: pytest collects every `*.calllog.jsonl` and replays it.

    pytest --calllogs tests/calls            collect the golden logs of a folder, besides what pytest collects anyway
    pytest --bless "marks are denser now"    accept what this version decides, and write it into the logs that differ

A golden log comes from a call in production (`replay pin`). The test passes when this version of the core decides the
call as the log says, entry for entry; else its failure is the first entry at which the two part.

To bless is to hand the recorded inputs to today's core and to keep what it decides. The inputs stay those of the day:
an echo of a mark that is not placed any more is left out, but nobody invents the one that would have come instead.

pytest loads this file wherever Playhead is installed, so what does the work is imported when a log is collected.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from replay.rows import Log
    from replay.runner import Result

SUFFIX = ".calllog.jsonl"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Our two options."""
    group = parser.getgroup("playhead", "calls that are replayed")
    group.addoption("--calllogs", action="append", default=[], metavar="DIR", help=f"replay the *{SUFFIX} in DIR, too")
    group.addoption("--bless", metavar="REASON", help="write what is decided now into the call logs that differ")


def pytest_configure(config: pytest.Config) -> None:
    """A folder of call logs is collected as if it had been named on the command line."""
    folders = config.getoption("calllogs")
    for folder in folders:
        if not Path(folder).exists():
            raise pytest.UsageError(f"--calllogs {folder}: no such folder")
    if config.getoption("bless") == "":
        raise pytest.UsageError("--bless needs a reason: it is kept in the log, and whoever reads it next will ask")
    config.args.extend(folder for folder in folders if folder not in config.args)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A call log is a file with one test in it."""
    return CallLogFile.from_parent(parent, path=file_path) if file_path.name.endswith(SUFFIX) else None


class CallLogFile(pytest.File):
    """One golden log."""

    def collect(self) -> Iterable[pytest.Item]:
        """Its one test."""
        yield CallLogItem.from_parent(self, name="replay")


class Diverged(Exception):
    """The failure of a call log; its text is the report."""


class CallLogItem(pytest.Item):
    """The replay of one golden log."""

    obj = staticmethod(lambda: None)
    """No function, though pytest-trio (`trio_mode`) takes every item for one and looks whether it is to be awaited."""

    def runtest(self) -> None:
        """Replay, and bless if that is wanted. Raises Diverged with the report."""
        from engine.log.errors import LogError
        from replay.goldens.golden import read_golden
        from replay.goldens.pin import bless
        from replay.runner import replay

        try:
            log = read_golden(self.path)
            result = replay(log)
        except LogError as error:
            raise Diverged(str(error)) from None
        reason = self.config.getoption("bless")
        if result.verdict == "diverged" and reason:
            bless(self.path, reason)
            self.add_report_section("call", "blessed", reason)
        elif result.verdict != "same":
            raise Diverged("\n".join(_report(log, result)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The report as it is, without a traceback through code that did its duty."""
        return str(excinfo.value) if isinstance(excinfo.value, Diverged) else str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """What the failure is headed with."""
        return self.path, None, f"replay of {self.path.name}"


def _report(log: "Log", result: "Result") -> Iterator[str]:
    from replay.goldens.golden import header_of
    from replay.paint import plain
    from replay.text import divergence_lines, verdict_lines

    yield header_of(log.path).title
    if result.divergence is not None:
        yield plain(divergence_lines(log, result.divergence)).rstrip("\n")
    yield plain(verdict_lines(result)).strip()
    if result.divergence is not None:
        yield f"look at it: replay {log.path}; accept it: pytest --bless 'why' {log.path}"
