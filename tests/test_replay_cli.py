"""The `replay` command: what it prints, where, and how it exits. 0 the same, 1 diverged, 2 could not tell."""

import json
import os
import runpy
import sqlite3
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from engine.core import Entry
from replay import cli
from tests.build import CALL_SID
from tests.replay_calls import bakery, bakery_brackets, bakery_json, call_row, write_live, write_sealed, write_story

ROOT = Path(__file__).resolve().parents[1]
BAKERY = bakery()
SPOILT = [replace(e, body=e.body.replace(":520", ":400")) if e.seq == 123 else e for e in BAKERY]

BAKERY_JSON = bakery_json()


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder of one sealed call."""
    write_sealed(tmp_path / "calls", BAKERY)
    return tmp_path / "calls"


def run(*args: object, calls_dir: Path | None = None) -> Result:
    env = {"CALLS_DIR": str(calls_dir)} if calls_dir else {}
    return CliRunner().invoke(cli.cli, [str(arg) for arg in args], env=env)


def process(
    *args: object, calls_dir: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """The command as it is installed, in a process of its own."""
    whole = {**os.environ, "CALLS_DIR": str(calls_dir), **(env or {})}
    script = "from replay.cli import main; main()"
    command = [sys.executable, "-c", script, *map(str, args)]
    return subprocess.run(command, cwd=ROOT, env=whole, capture_output=True, check=False)


class TestOneCall:
    def test_the_same(self, calls: Path) -> None:
        done = run("last", calls_dir=calls)
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{CALL_SID}   stream MZ")
        assert done.stdout.endswith("\nsame: every command is the one that was recorded\n")
        assert "\x1b" not in done.stdout

    @pytest.mark.parametrize("name", [CALL_SID, "CA0123", "last", "path"])
    def test_every_way_to_name_it(self, name: str, calls: Path) -> None:
        path = calls / "2026-11-20" / f"{CALL_SID}.db"
        expected = run("call", path).stdout
        assert run(path if name == "path" else name, "--calls-dir", calls).stdout == expected

    def test_diverged(self, tmp_path: Path) -> None:
        done = run(write_sealed(tmp_path, SPOILT))
        assert (done.exit_code, done.stderr) == (1, "")
        assert "    audio_end_ms: recorded 400, replayed 520\n" in done.stdout
        assert done.stdout.endswith("\ndiverged: recorded and replayed part at entry 123\n")

    def test_a_killed_call(self, tmp_path: Path) -> None:
        """Its log lies in live/, its last entries still in the WAL."""
        file = write_live(tmp_path, BAKERY[:116])
        done = run("last", calls_dir=tmp_path)
        file.close()
        assert done.exit_code == 0
        assert done.stdout.endswith("\nsame: the log ends here, at entry 116: no end of call\n")

    def test_a_golden_log(self, tmp_path: Path) -> None:
        done = run(write_story(tmp_path / "story.jsonl", BAKERY))
        assert done.exit_code == 0
        assert "{} [{}]\n".format(*bakery_brackets()) in done.stdout

    def test_json_has_the_keys_and_values_that_programs_rely_on(self, calls: Path) -> None:
        done = run("--json", "last", calls_dir=calls)
        assert (done.exit_code, done.stderr) == (0, "")
        assert json.loads(done.stdout) == BAKERY_JSON
        assert list(json.loads(done.stdout)) == list(BAKERY_JSON)

    def test_json_of_a_divergence(self, tmp_path: Path) -> None:
        done = run(write_sealed(tmp_path, SPOILT), "--json")
        assert done.exit_code == 1
        truncate = {
            "type": "conversation.item.truncate",
            "event_id": "truncate-1",
            "item_id": "item_1",
            "content_index": 0,
            "audio_end_ms": 520,
        }
        entry = {
            "seq": 123,
            "at_ns": 620_000_000,
            "kind": "command",
            "leg": "model",
            "type": "conversation.item.truncate",
            "body": truncate,
            "cause": 122,
            "audio_from": None,
            "audio_to": None,
        }
        found = json.loads(done.stdout)["divergence"]
        assert found.pop("deciding")["seq"] == 122
        assert found == {
            "seq": 123,
            "at_ms": 620,
            "stream_ms": 620,
            "recorded": {**entry, "body": {**truncate, "audio_end_ms": 400}},
            "replayed": entry,
            "fields": [{"path": "audio_end_ms", "recorded": "400", "replayed": "520"}],
        }

    def test_json_of_a_command_too_many(self, tmp_path: Path) -> None:
        extra = Entry(3, 0, "command", "caller", "clear", "oops", cause=2)
        log = write_story(tmp_path / "a.jsonl", [*BAKERY[:2], extra])
        found = json.loads(run(log, "--json").stdout)["divergence"]
        assert (found["recorded"]["body"], found["replayed"]) == ("oops", None)

    def test_the_same_bytes_from_every_process(self, calls: Path) -> None:
        outputs = {process("last", "--json", calls_dir=calls, env={"PYTHONHASHSEED": seed}).stdout for seed in "123"}
        assert len(outputs) == 1
        assert json.loads(outputs.pop()) == BAKERY_JSON


class TestCouldNotTell:
    """Exit code 2, the reason on stderr."""

    def test_no_such_call(self, calls: Path) -> None:
        done = run("CA99", calls_dir=calls)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == f"replay: no call in {calls} begins with 'CA99': there is 1 call there\n"

    def test_no_calls_at_all(self, tmp_path: Path) -> None:
        done = run("last", calls_dir=tmp_path / "none")
        assert (done.exit_code, done.stderr) == (2, f"replay: there are no calls in {tmp_path / 'none'}\n")

    def test_not_a_log(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        path.write_bytes(b"hello" * 100)
        done = run(path)
        assert (done.exit_code, done.stdout) == (2, "")
        assert f"{path} is not a Playhead log" in done.stderr

    def test_another_database(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE a (b)")
        other.close()
        assert (run(path).exit_code, run(path).stderr) == (2, f"replay: {path} is not a Playhead log\n")

    def test_a_log_of_a_newer_format(self, tmp_path: Path) -> None:
        path = write_sealed(tmp_path, BAKERY)
        newer = sqlite3.connect(path)
        newer.execute("PRAGMA user_version = 7")
        newer.close()
        done = run(path)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "has log format 7, this version reads up to 2" in done.stderr

    def test_settings_or_rules_that_are_not_known_here(self, tmp_path: Path) -> None:
        path = write_sealed(tmp_path / "a", BAKERY, call_row(config='{"colour":"red"}'))
        assert run(path).exit_code == 2
        assert "this version does not know its settings: Object contains unknown field `colour`" in run(path).stderr
        path = write_sealed(tmp_path / "b", BAKERY, call_row(rules=3))
        assert run(path).exit_code == 2
        assert "recorded under rules 3" in run(path).stderr

    def test_a_hole_in_the_log_shows_the_call_up_to_it(self, tmp_path: Path) -> None:
        done = run(write_sealed(tmp_path, [*BAKERY[:18], *BAKERY[19:]]))
        assert done.exit_code == 2
        reason = "entry 19 should follow, but the next one in the log is entry 20"
        assert done.stdout.endswith(f"\nunknown: {reason}\n")
        assert done.stderr == f"replay: {reason}\n"

    def test_a_sealed_log_that_lost_its_end_is_damaged_and_not_the_same(self, calls: Path) -> None:
        """Cut short it would replay well; but its seal says that there was more."""
        path = next(calls.glob("*/*.db"))
        spoiler = sqlite3.connect(path)
        spoiler.execute("DROP TRIGGER entry_refuses_delete")
        spoiler.execute("DELETE FROM entry WHERE seq > 150")
        spoiler.commit()
        spoiler.close()
        done = run(path)
        assert done.exit_code == 2
        assert done.stderr == f"replay: {path} is damaged: its content does not match the hash in its seal\n"

    def test_a_disk_without_room_for_the_answer_is_said_in_a_line(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def full(*args: object, **options: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(cli.cli, "main", full)
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert caught.value.code == 2
        assert capsys.readouterr().err == "replay: No space left on device\n"

    def test_json_still_has_every_key(self, tmp_path: Path) -> None:
        done = run(tmp_path / "none.db", "--json")
        made = json.loads(done.stdout)
        assert done.exit_code == 2
        assert list(made) == list(BAKERY_JSON)
        assert (made["verdict"], made["reason"]) == ("unknown", f"{tmp_path / 'none.db'}: no such log")

    @pytest.mark.parametrize("args", [["last", "--colour"], ["verify"], ["verify", "x", "--jobs", "0"]])
    def test_a_wrong_option(self, args: list[str]) -> None:
        done = process(*args)
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"Usage: replay" in done.stderr


class TestList:
    def test_newest_first_also_without_an_index(self, tmp_path: Path) -> None:
        """One sealed, one diverged, one still in live/, one damaged."""
        write_sealed(tmp_path, BAKERY, call_row("CA1", started_at="2026-11-19T08:00:00+00:00"))
        write_sealed(tmp_path, SPOILT, call_row("CA2", started_at="2026-11-20T09:00:00+00:00"))
        live = write_live(tmp_path, BAKERY[:50], call_row("CA3", started_at="2026-11-20T10:00:00+00:00"))
        (tmp_path / "live" / "CA4.db").write_bytes(b"torn" * 300)
        done = run("ls", calls_dir=tmp_path)
        live.close()
        assert (done.exit_code, done.stderr) == (0, "")
        assert [" ".join(row.split()) for row in done.stdout.splitlines()] == [
            "started call length turns interrupted ended verdict",
            "2026-11-20 10:00:00 UTC CA3 0:00.100 1 0 live same",
            "2026-11-20 09:00:00 UTC CA2 0:01.400 2 1 stop diverged",
            "2026-11-19 08:00:00 UTC CA1 0:01.400 2 1 stop same",
            "unreadable CA4 unknown",
        ]

    def test_json(self, calls: Path) -> None:
        listed = {
            "path": f"2026-11-20/{CALL_SID}.db",
            "call_sid": CALL_SID,
            "started_at": "2026-11-20T14:03:11.250000+00:00",
            "duration_ms": 1400,
            "ended": "stop",
            "turns": 2,
            "interruptions": 1,
            "verdict": "same",
            "reason": "Twilio said stop",
            "faults": 0,
            "malformed": 0,
            "said": None,
        }
        assert json.loads(run("ls", "--json", calls_dir=calls).stdout) == [listed]

    def test_an_index_is_believed_but_not_needed(self, calls: Path) -> None:
        before = run("ls", calls_dir=calls).stdout
        done = run("index", calls)
        assert (done.exit_code, done.stdout) == (0, f"1 call indexed in {calls / 'index.db'}\n")
        assert run("ls", calls_dir=calls).stdout == before
        index = sqlite3.connect(calls / "index.db")
        index.execute("UPDATE call SET verdict = NULL")
        index.commit()
        index.close()
        assert run("ls", calls_dir=calls).stdout.endswith("  not replayed\n")
        assert run("last", calls_dir=calls).exit_code == 0
        assert run("ls", calls_dir=calls).stdout.endswith("  same\n"), "what a replay said is noted"
        (calls / "index.db").write_bytes(b"torn")
        assert run("ls", calls_dir=calls).stdout == before

    def test_no_calls(self, tmp_path: Path) -> None:
        done = run("ls", calls_dir=tmp_path)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"replay: there are no calls in {tmp_path}\n")
        assert run("ls", "--json", calls_dir=tmp_path).stdout == "[]\n"
        assert run("ls", calls_dir=tmp_path / "none").exit_code == 2

    def test_index_names_what_it_could_not_read(self, calls: Path) -> None:
        (calls / "2026-11-20" / "CA5.db").write_bytes(b"torn")
        write_live(calls, BAKERY[:9], call_row("CA6")).close()
        (calls / "live" / "CA6.db").rename(calls / "2026-11-20" / "CA6.db")
        done = run("index", calls)
        assert (done.exit_code, done.stdout) == (2, f"1 call indexed in {calls / 'index.db'}\n")
        assert [said.partition(".db ")[2] for said in done.stderr.splitlines()] == [
            "is not a Playhead log: it is no SQLite database, or its first page is damaged",
            "is not sealed",
        ]
        assert run("index", calls / "none").exit_code == 2


class TestVerify:
    @pytest.fixture
    def logs(self, tmp_path: Path) -> Path:
        """Two that are the same, one of them cut; one that diverges; one that cannot be read; and what is no log."""
        write_story(tmp_path / "a.jsonl", BAKERY)
        write_story(tmp_path / "b.jsonl", BAKERY[:30])
        write_story(tmp_path / "c.jsonl", SPOILT)
        (tmp_path / "d.db").write_bytes(b"torn" * 300)
        (tmp_path / "index.db").write_bytes(b"not a log")
        (tmp_path / "notes.txt").write_text("not a log")
        return tmp_path

    def test_all_the_same(self, calls: Path) -> None:
        done = run("verify", calls)
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == "verify: 1 log, 213 entries: 1 same, 0 diverged, 0 unknown\n"

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_what_is_not_the_same_is_shown(self, jobs: int, logs: Path) -> None:
        done = run("verify", logs, "--jobs", jobs)
        assert (done.exit_code, done.stderr) == (1, "")
        first, *rest = done.stdout.splitlines()
        assert first == f"diverged  {logs}/c.jsonl: recorded and replayed part at entry 123"
        assert "    audio_end_ms: recorded 400, replayed 520" in rest
        assert rest[-2].startswith(f"unknown  {logs}/d.db: {logs}/d.db is not a Playhead log")
        assert rest[-1] == ("verify: 4 logs, 456 entries: 2 same, 1 diverged, 1 unknown; 1 without an end of call")

    def test_fail_fast_stops_there(self, logs: Path) -> None:
        done = run("verify", logs, "--fail-fast")
        assert done.exit_code == 1
        assert done.stdout.endswith("2 same, 1 diverged, 0 unknown; 1 without an end of call; 1 not looked at\n")

    def test_json(self, logs: Path) -> None:
        made = json.loads(run("verify", logs / "a.jsonl", logs / "c.jsonl", logs / "d.db", "--json").stdout)
        assert made["verdict"] == "diverged"
        counts = {"logs": 3, "entries": 426, "same": 1, "diverged": 1, "unknown": 1, "cut": 0, "left": 0}
        assert made["counts"] == counts
        assert [(log["path"], log["verdict"]) for log in made["logs"]] == [
            (f"{logs}/a.jsonl", "same"),
            (f"{logs}/c.jsonl", "diverged"),
            (f"{logs}/d.db", "unknown"),
        ]
        assert made["logs"][0]["call_sid"] == CALL_SID
        assert made["logs"][1]["divergence"]["seq"] == 123

    def test_one_that_cannot_be_read_among_the_same(self, logs: Path) -> None:
        assert run("verify", logs / "a.jsonl", logs / "d.db").exit_code == 2

    def test_a_log_named_twice_is_replayed_once(self, logs: Path) -> None:
        (logs / "c.jsonl").unlink()
        (logs / "d.db").unlink()
        assert run("verify", logs, logs / "a.jsonl").stdout.startswith("verify: 2 logs")

    def test_nothing_to_verify(self, tmp_path: Path) -> None:
        done = run("verify", tmp_path)
        assert (done.exit_code, done.stderr) == (2, f"replay: there are no logs in {tmp_path}\n")
        done = run("verify", tmp_path / "none")
        assert (done.exit_code, done.stderr) == (2, f"replay: {tmp_path / 'none'}: no such log\n")

    def test_calls_by_whatever_names_them(self, calls: Path, tmp_path: Path) -> None:
        done = run("verify", "last", CALL_SID[:6], calls_dir=calls)
        assert (done.exit_code, done.stdout) == (0, "verify: 1 log, 213 entries: 1 same, 0 diverged, 0 unknown\n")
        done = run("verify", "CA99", "--calls-dir", calls)
        assert done.stderr.startswith(f"replay: no call in {calls} begins with 'CA99'")


class TestTheCommandItself:
    def test_it_is_a_module_too(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(sys, "argv", ["replay", "--version"])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(ROOT / "replay" / "__main__.py"), run_name="__main__")
        assert caught.value.code == 0
        assert capsys.readouterr().out.startswith("replay, version ")

    def test_help_has_examples_and_exit_codes(self) -> None:
        done = process("--help")
        assert done.returncode == 0
        assert b"Usage: replay CALL | COMMAND [ARGS]..." in done.stdout
        assert b"replay last --json | jq .verdict" in done.stdout
        assert b"Exit code: 0 the same, 1 diverged, 2 could not tell." in done.stdout

    @pytest.mark.parametrize("command", ["call", "words", "ls", "verify", "index"])
    def test_each_command_has_examples(self, command: str) -> None:
        assert "Examples:\n" in run(command, "--help").stdout

    def test_help_loads_neither_the_core_nor_rich(self) -> None:
        script = (
            "import sys\nfrom replay.cli import cli\n"
            "cli.main(['--help'], standalone_mode=False)\n"
            "print('engine.core' in sys.modules, 'rich' in sys.modules, 'sqlite3' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "False False False"

    def test_a_whole_replay_never_loads_trio(self, calls: Path) -> None:
        script = (
            "import sys\nfrom replay.cli import cli\n"
            "try: cli.main(['last', '--json'])\n"
            "except SystemExit as exit: print(exit.code, 'trio' in sys.modules, file=sys.stderr)"
        )
        env = {**os.environ, "CALLS_DIR": str(calls)}
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True)
        assert done.stderr == "0 False\n"

    def test_a_reader_that_goes_away_does_not_change_the_verdict(self, tmp_path: Path) -> None:
        path = write_sealed(tmp_path, SPOILT)
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-c", "from replay.cli import main; main()", str(path)]
        done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False)
        os.close(writing)
        assert (done.returncode, done.stderr) == (1, b"")

    @pytest.mark.parametrize(
        ("raised", "code", "said"),
        [
            (click.UsageError("which?"), 2, "Error: which?\n"),
            (KeyboardInterrupt(), 130, ""),
            (click.Abort(), 130, ""),
            (ZeroDivisionError("oh"), 2, "ZeroDivisionError: oh\n"),
        ],
    )
    def test_no_accident_looks_like_a_divergence(
        self,
        raised: BaseException,
        code: int,
        said: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def fail(*args: object, **kwargs: object) -> None:
            raise raised

        monkeypatch.setattr(cli.cli, "main", fail)
        with pytest.raises(SystemExit) as exited:
            cli.main()
        assert exited.value.code == code
        assert capsys.readouterr().err.endswith(said)

    def test_a_closed_pipe_is_replaced_so_that_nothing_else_trips_over_it(
        self, monkeypatch: pytest.MonkeyPatch, calls: Path
    ) -> None:
        """The same in this process: the exit code stays, and stdout leads nowhere from then on."""

        def gone(*_: object, **__: object) -> None:
            raise BrokenPipeError

        led: list[int] = []
        monkeypatch.setattr(click, "echo", gone)
        monkeypatch.setattr(os, "dup2", lambda source, target: led.append(target))
        out = sys.__stdout__
        assert out is not None
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as exited:
            cli.cli.main([str(calls / "2026-11-20" / f"{CALL_SID}.db")], standalone_mode=False)
        assert (exited.value.code, led) == (0, [out.fileno()])
