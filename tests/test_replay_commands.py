"""The table of commands: each is there, says how it is used, starts at once; a name that is mistyped is answered."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner, Result

from replay import cli
from replay.cli import COMMANDS
from tests.replay_calls import bakery, call_row, write_live, write_sealed

ROOT = Path(__file__).resolve().parents[1]
TABLE = {name: told for group in COMMANDS.values() for name, told in group.items()}
MODULES = {name: f"replay.commands.{cli._MODULES.get(name, name)}" for name in TABLE}
HEAVY = ("msgspec", "rich", "engine.core", "sqlite3", "sqlite_utils", "trio")


def command(name: str) -> click.Command:
    found = cli.cli.get_command(click.Context(cli.cli), name)
    assert isinstance(found, click.Command)
    return found


def run(*args: object, calls_dir: Path | None = None) -> Result:
    env = {"CALLS_DIR": str(calls_dir)} if calls_dir else {}
    return CliRunner().invoke(cli.cli, [str(arg) for arg in args], env=env)


def process(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command as it is installed, in a process of its own."""
    whole = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
    script = "from replay.cli import main; main()"
    done = [sys.executable, "-c", script, *args]
    return subprocess.run(done, cwd=ROOT, env={**whole, **(env or {})}, capture_output=True, text=True, check=False)


@pytest.fixture(params=TABLE)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestEveryCommand:
    def test_the_table_says_what_its_help_says(self, name: str) -> None:
        assert command(name).name == name
        assert command(name).get_short_help_str(200) == TABLE[name]

    def test_its_help_has_examples_of_itself_and_exit_codes(self, name: str) -> None:
        done = run(name, "--help")
        assert (done.exit_code, done.stderr) == (0, "")
        _, _, examples = done.stdout.partition("\n  Examples:\n")
        lines = examples.partition("\n\n")[0].splitlines()
        own = "    replay " if name == "call" else f"    replay {name} "
        assert f"{lines[0]} ".startswith(own)
        assert [line for line in lines if line.startswith("    replay ") and not f"{line} ".startswith(own)] == []
        assert "\n  Exit code: 0" in done.stdout

    def test_to_ask_for_its_help_loads_nothing_that_takes_time(self, name: str) -> None:
        script = (
            "import sys\nfrom replay.cli import cli\n"
            f"cli.main([{name!r}, '--help'], standalone_mode=False)\n"
            f"print([module for module in {HEAVY!r} if module in sys.modules])"
        )
        env = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True)
        assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", "[]")


def test_no_command_is_missing_in_the_table() -> None:
    written = {path.stem for path in (ROOT / "replay/commands").glob("*.py")} - {"__init__", "common"}
    assert written <= {module.rpartition(".")[2] for module in MODULES.values()}


def test_help_is_the_table() -> None:
    """By itself: to make it, no command is imported."""
    shown = run("--help").stdout
    sections = [section.splitlines() for section in shown.split("\n\n") if section.partition(":\n")[0] in COMMANDS]
    told = {title[:-1]: [" ".join(line.split()) for line in lines] for title, *lines in sections}
    expected = {title: [f"{each} {told}" for each, told in commands.items()] for title, commands in COMMANDS.items()}
    assert {title: " ".join(lines) for title, lines in told.items()} == (
        {title: " ".join(lines) for title, lines in expected.items()}
    )


def test_a_terminal_that_does_not_know_every_letter_is_told_the_names_of_those() -> None:
    done = process("--help", env={"PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "replay calls/live/CA93f0\\u2026.db" in done.stdout


class TestMistyped:
    @pytest.mark.parametrize(
        ("args", "meant"),
        [
            (["verfy", "calls"], "verify"),
            (["evnts", "last", "--leg", "caller"], "events"),
            (["statss"], "stats"),
            (["what_if", "last"], "what-if"),
            (["lats"], "last"),
        ],
    )
    def test_a_name_that_is_nearly_one(self, args: list[str], meant: str) -> None:
        done = run(*args)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.endswith(f"\nError: There is no command '{args[0]}'. Did you mean '{meant}'?\n")

    @pytest.mark.parametrize("call", ["CA5tate", "./stat", "stat.db", "nothing", "last"])
    def test_what_may_be_a_call_is_one(self, call: str, tmp_path: Path) -> None:
        done = run(call, calls_dir=tmp_path)
        assert done.exit_code == 2
        assert done.stderr.startswith("replay: ")
        assert "command" not in done.stderr


class TestCompletion:
    @pytest.fixture
    def calls(self, tmp_path: Path) -> Path:
        """Two sealed calls and one that runs; and the folder is as when the user presses the key."""
        write_sealed(tmp_path, bakery(), call_row("CA1", started_at="2026-11-19T08:00:00+00:00"))
        write_sealed(tmp_path, bakery(), call_row("CA2", started_at="2026-11-20T08:00:00+00:00"))
        write_live(tmp_path, bakery()[:9], call_row("CA3")).close()
        return tmp_path

    def completed(self, calls_dir: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What the last word of a line may become."""
        monkeypatch.setenv("CALLS_DIR", str(calls_dir))
        *words, last = line.split(" ")
        shell = BashComplete(cli.cli, {}, "replay", "_REPLAY_COMPLETE")
        return [f"{found.type},{found.value}" for found in shell.get_completions(words[1:], last)]

    @pytest.mark.parametrize("line", ["replay CA", "replay call CA", "replay state CA", "replay words --json CA"])
    def test_calls_newest_first_in_a_process_of_its_own(self, line: str, calls: Path) -> None:
        asked = {"_REPLAY_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        done = process(env={**asked, "CALLS_DIR": str(calls)})
        assert (done.returncode, done.stdout, done.stderr) == (0, "plain,CA3\nplain,CA2\nplain,CA1\n", "")

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("replay CA", ["plain,CA3", "plain,CA2", "plain,CA1"]),
            ("replay state CA2", ["plain,CA2"]),
            ("replay state la", ["plain,last"]),
            ("replay state CA9", ["file,CA9"]),
            ("replay state fixtures/go", ["file,fixtures/go"]),
            ("replay verif", ["plain,verify"]),
            ("replay st", ["plain,state", "plain,stats"]),
            ("replay fixtures/go", ["file,fixtures/go"]),
            ("replay verify CA1", ["plain,CA1"]),
            ("replay --vers", ["plain,--version"]),
            ("replay ls --unh", ["plain,--unheard"]),
            ("replay ls --ended model", ["plain,model_closed", "plain,model_failed"]),
            ("replay stat CA1", []),
        ],
    )
    def test_what_a_word_may_become(
        self, line: str, expected: list[str], calls: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.completed(calls, line, monkeypatch) == expected

    def test_where_there_are_no_calls(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.completed(tmp_path / "none", "replay state ", monkeypatch) == ["plain,last"]

    @pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
    @pytest.mark.parametrize(("typed", "expected"), [("st", "state stats"), ("w", "words what-if"), ("CA2", "CA2")])
    def test_in_a_bash(self, typed: str, expected: str, calls: Path, tmp_path: Path) -> None:
        """Its own script, called as bash does when the key is pressed."""
        replay = tmp_path / "replay"
        replay.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c 'from replay.cli import main; main()' \"$@\"\n")
        replay.chmod(0o755)
        script = (
            f"source <(replay completion bash); COMP_WORDS=(replay {typed}); COMP_CWORD=1; "
            f'_replay_completion replay {typed} replay; echo "${{COMPREPLY[*]}}"'
        )
        env = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
        env |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "CALLS_DIR": str(calls)}
        done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == (f"{expected}\n", "")

    @pytest.mark.parametrize(
        ("shell", "begin", "end"),
        [
            ("bash", "_replay_completion() {", "_replay_completion_setup;"),
            ("zsh", "#compdef replay", "fi"),
            (
                "fish",
                "function _replay_completion;",
                'complete --no-files --command replay --arguments "(_replay_completion)";',
            ),
        ],
    )
    def test_what_a_shell_reads(self, shell: str, begin: str, end: str) -> None:
        done = run("completion", shell)
        lines = done.stdout.splitlines()
        assert (done.exit_code, done.stderr) == (0, "")
        assert (lines[0], lines[-1]) == (begin, end)
        assert f"_REPLAY_COMPLETE={shell}_complete" in done.stdout

    def test_a_shell_that_is_not_known(self) -> None:
        done = run("completion", "tcsh")
        assert (done.exit_code, done.stdout) == (2, "")
        assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in done.stderr
