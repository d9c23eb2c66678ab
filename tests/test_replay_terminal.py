"""`replay` on a terminal: colour on stdout, a progress bar on stderr."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from replay import cli, paint
from replay.compare import verify
from tests.replay_calls import bakery, bakery_brackets, write_sealed

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder of one sealed call."""
    write_sealed(tmp_path / "calls", bakery())
    return tmp_path / "calls"


class TestOnATerminal:
    def test_the_colourful_form_is_chosen(self, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(paint, "is_terminal", lambda stream: True)
        done = CliRunner().invoke(cli.cli, ["last"], env={"CALLS_DIR": str(calls)})
        assert done.exit_code == 0
        assert "{} [{}]\n".format(*bakery_brackets()) in done.stdout

    def test_progress_changes_nothing_of_what_passes(self, capsys: pytest.CaptureFixture[str]) -> None:
        judged = [verify.judge(Path(name)) for name in ("a.db", "b.db")]
        assert list(verify.with_progress(iter(judged), 2, wanted=True)) == judged
        assert capsys.readouterr().out == ""

    def test_a_call_is_shown_in_colour(self, calls: Path) -> None:
        shown = on_a_terminal(["last"], calls)
        assert f"\x1b[2;9m[{bakery_brackets()[1]}]\x1b[0m" in shown

    def test_so_is_each_word_that_was_not_heard(self, calls: Path) -> None:
        shown = on_a_terminal(["words", "last"], calls)
        unheard = bakery_brackets()[1].split()
        assert unheard
        assert all(f"\x1b[2;9m[{word}]\x1b[0m" in shown for word in unheard[1:])

    def test_but_not_for_those_who_want_none(self, calls: Path) -> None:
        shown = on_a_terminal(["last"], calls, NO_COLOR="1")
        assert "\x1b" not in shown
        assert f"[{bakery_brackets()[1]}]" in shown

    def test_verify_shows_how_far_it_is(self, calls: Path) -> None:
        shown = on_a_terminal(["verify", str(calls)], calls)
        assert "replaying" in shown
        assert "1 log, 213 entries: 1 same" in shown


def on_a_terminal(args: Sequence[str], calls_dir: Path, **env: str) -> str:
    """What a person sees."""
    pid, terminal = os.forkpty()
    if pid == 0:
        try:
            plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
            whole = {**plain, "TERM": "xterm-256color", "COLUMNS": "120", "CALLS_DIR": str(calls_dir), **env}
            os.chdir(ROOT)
            os.execve(sys.executable, [sys.executable, "-c", "from replay.cli import main; main()", *args], whole)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    shown = b""
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # Linux: the other end of the terminal is closed
            break
        if not read:
            break
        shown += read
    os.close(terminal)
    os.waitpid(pid, 0)
    return shown.decode()
