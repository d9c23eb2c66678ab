"""Calls whose logs are encrypted: no command minds as long as LOG_KEY is there, and each says what it needs if not."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest
import trio
from click.testing import CliRunner, Result
from msgspec.structs import replace

from engine.cli import main as bridge
from engine.core import CallSettings, Entry
from engine.log import index
from engine.log.keys import LogKey, read_keys
from engine.log.reader import CallRow, read_call
from engine.log.seal import seal
from engine.log.writer import CallLog
from replay.cli import cli
from replay.flow.following import follow
from replay.goldens.golden import read_golden
from replay.listing import rebuild_index
from replay.rows import entry_of
from replay.runner import replay
from replay.sources import open_log
from tests import build, recordings_rig
from tests.bless import GOLDEN
from tests.bridge_peers import CALL_SID, CONNECTED, STOP, Model, start
from tests.replay_calls import bakery, call_row, write_sealed
from tests.server_rig import listening, serving

ROOT = Path(__file__).resolve().parents[1]
TEXT, OTHER_TEXT = "5a" * 32, "c3" * 32
(KEY,), (OTHER,) = read_keys(TEXT), read_keys(OTHER_TEXT)
LOGS = sorted(GOLDEN.glob("*.jsonl"))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads has the key, unless a test takes it away."""
    monkeypatch.setenv("LOG_KEY", TEXT)


def write(calls_dir: Path, row: CallRow, entries: list[Entry], key: LogKey = KEY) -> Path:
    log = CallLog(calls_dir, key)
    log.open(row)
    log.append(entries)
    sealed = seal(log)
    assert sealed is not None
    return sealed.path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CA1 in the clear, CA2 encrypted with our key, CA3 with another, each a day later. Indexed by who has both."""
    folder = tmp_path_factory.mktemp("calls")
    write_sealed(folder, bakery(), call_row("CA1", started_at="2026-11-18T09:00:00+00:00"))
    write(folder, call_row("CA2", started_at="2026-11-19T09:00:00+00:00"), bakery())
    write(folder, call_row("CA3", started_at="2026-11-20T09:00:00+00:00"), bakery(), OTHER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOG_KEY", f"{TEXT},{OTHER_TEXT}")
        assert rebuild_index(folder).problems == []
    return folder


def run(calls_dir: Path, *args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args], env={"CALLS_DIR": str(calls_dir)})


def log_of(made: Path, call: str) -> Path:
    (found,) = made.glob(f"20*/{call}.db")
    return found


def listed(calls_dir: Path, *args: str) -> tuple[list[tuple[object, ...]], str]:
    done = run(calls_dir, "ls", *args, "--json")
    assert done.exit_code == 0
    keys = ("call_sid", "ended", "turns", "verdict")
    return [tuple(call[name] for name in keys) for call in json.loads(done.stdout)], done.stderr


@contextmanager
def without_index(calls_dir: Path) -> Iterator[None]:
    path = calls_dir / "index.db"
    path.rename(path.with_suffix(".away"))
    yield
    path.with_suffix(".away").rename(path)


class TestWithTheKey:
    def test_a_call_replays_as_if_it_were_in_the_clear(self, made: Path) -> None:
        done = run(made, "CA2", "--json")
        assert (done.exit_code, done.stderr) == (0, "")
        told = {"call_sid": "CA2", "started_at": "2026-11-19T09:00:00+00:00", "format": 2}
        assert json.loads(done.stdout) == json.loads(run(made, "CA1", "--json").stdout) | told
        assert '"verdict": "same"' in done.stdout
        assert run(made, "diff", "CA1", "CA2").exit_code == 0

    @pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
    def test_every_golden_call_is_what_it_was(self, tmp_path: Path, path: Path) -> None:
        golden = read_golden(path)
        entries = [entry_of(row) for row in golden.rows()]
        head, config = golden.head, json.dumps({"rules": golden.settings.rules, "instructions": "Sell bread."})
        row = CallRow("CA1", head.stream_sid, head.account_sid, head.started_at, head.rules, "0", config)
        with read_call(write(tmp_path, row, entries)) as logged:
            assert list(logged.entries()) == entries
            assert logged.call == replace(row, format=2)

    def test_a_golden_call_is_decided_the_same(self, tmp_path: Path) -> None:
        golden = read_golden(GOLDEN / "two_barge_ins_in_a_row.jsonl")
        config = msgspec.json.encode(golden.settings).decode()
        row = call_row("CA1", rules=golden.settings.rules, config=config)
        with open_log(write(tmp_path, row, [entry_of(row) for row in golden.rows()])) as log:
            result = replay(log)
            assert (result.verdict, result.reason) == ("same", "every command is the one that was recorded")

    def test_a_live_call_is_followed(self, tmp_path: Path) -> None:
        log = CallLog(tmp_path, KEY)
        log.open(call_row())
        first, rest = bakery()[:60], bakery()[60:]
        log.append(first)
        assert log.path is not None
        looks = follow(log.path, "2026-11-20", lambda: True, pytest.fail)
        assert list(map(entry_of, next(looks))) == first
        log.append(rest)
        seal(log)
        assert list(map(entry_of, next(looks))) == rest
        assert list(looks) == []

    def test_what_is_pinned_is_in_the_clear(self, made: Path, tmp_path: Path) -> None:
        path = tmp_path / "bakery.jsonl"
        done = run(made, "pin", "CA2", "-o", path)
        assert done.exit_code == 0, done.output
        assert read_golden(path).head.format == 1
        assert "We have a discount" in path.read_text()

    def test_what_is_imported_is_encrypted_like_any_call(self, tmp_path: Path) -> None:
        lines = [recordings_rig.HEAD, *recordings_rig.CALL]
        recording = recordings_rig.write(tmp_path / "call.jsonl", lines)
        done = run(tmp_path, "import", recording)
        assert done.exit_code == 0, done.output
        (path,) = tmp_path.glob("20*/*.db")
        with read_call(path) as logged:
            assert logged.call.format == 2
        again = run(tmp_path, "import", recording)
        assert "already" in again.output


class TestWithoutTheKey:
    @pytest.mark.parametrize(
        "command",
        [
            "call CA2",
            "audio CA2 -o x.wav",
            "audit CA2",
            "diff CA1 CA2",
            "events CA2",
            "ladder CA2",
            "pin CA2 -o x.jsonl",
            "state CA2",
            "view CA2 -o x.html",
            "what-if CA2 --set vad.threshold=0.7",
            "words CA2",
        ],
    )
    def test_every_command_ends_with_one_line(
        self, made: Path, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("LOG_KEY")
        done = run(made, *command.split())
        line = f"replay: {log_of(made, 'CA2')} is encrypted: to read it, set LOG_KEY to the key {KEY.key_id}\n"
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", line)
        assert list(tmp_path.iterdir()) == []

    def test_a_wrong_key_is_answered_with_the_right_ones_name(self, made: Path) -> None:
        done = run(made, "last")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == (
            f"replay: {log_of(made, 'CA3')} is encrypted with the key {OTHER.key_id}, and LOG_KEY holds {KEY.key_id}:"
            " to read it, add that key behind a comma\n"
        )

    def test_many_logs_are_judged_as_far_as_they_can_be(self, made: Path, tmp_path: Path) -> None:
        made = shutil.copytree(made, tmp_path / "calls")
        done = run(made, "verify", made)
        assert done.exit_code == 2
        assert done.stdout.splitlines()[-1] == "verify: 3 logs, 426 entries: 2 same, 0 diverged, 1 unknown"
        for command in ("stats", "report"):
            done = run(made, command, *(["-o", tmp_path / "site"] if command == "report" else []))
            assert f"{log_of(made, 'CA3')} is encrypted with the key {OTHER.key_id}" in done.stderr

    def test_calls_are_listed_as_the_index_knows_them(self, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        everything = [(sid, "stop", 2, "same") for sid in ("CA3", "CA2", "CA1")]
        assert listed(made) == (everything, "")
        monkeypatch.setenv("LOG_KEY", "nonsense")
        assert listed(made) == (everything, "")

    def test_and_else_by_their_heads(self, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with without_index(made):
            calls, said = listed(made)
            assert calls == [("CA3", "stop", None, "unknown"), ("CA2", "stop", 2, "same"), ("CA1", "stop", 2, "same")]
            path = log_of(made, "CA3")
            assert said.startswith(f"replay: 1 call was only seen from outside: {path} is encrypted with the key")
            monkeypatch.delenv("LOG_KEY")
            calls, said = listed(made)
            assert calls[1:] == [("CA2", "stop", None, "unknown"), ("CA1", "stop", 2, "same")]
            assert said.startswith(f"replay: 2 calls were only seen from outside: {path} is encrypted: to read it,")
            for_eyes = run(made, "ls").stdout.splitlines()
            assert for_eyes[1].split() == ["2026-11-20", "09:00:00", "UTC", "CA3", "stop", "unknown"]

    def test_running_and_killed_calls_are_listed_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        log = CallLog(tmp_path, KEY)
        log.open(call_row("CA1"))
        log.append(bakery()[:60])
        monkeypatch.delenv("LOG_KEY")
        assert listed(tmp_path)[0] == [("CA1", "live", None, "unknown")]
        path = log.path
        assert path is not None
        log.close()
        (tmp_path / "2026-11-20").mkdir()
        path.rename(tmp_path / "2026-11-20" / "CA1.db")
        assert listed(tmp_path)[0] == [("CA1", None, None, "unknown")]

    def test_words_are_looked_for_where_the_key_fits_and_the_rest_is_counted(self, made: Path) -> None:
        calls, said = listed(made, "--said", "discount")
        assert [call[0] for call in calls] == ["CA2", "CA1"]
        assert said.startswith(f"replay: 1 call was not searched: {log_of(made, 'CA3')} is encrypted with the key")
        calls, said = listed(made, "--said", "discount", "--since", "2026-11-18", "--until", "2026-11-19")
        assert ([call[0] for call in calls], said) == (["CA2", "CA1"], "")

    def test_the_index_is_made_as_far_as_it_can_be(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_sealed(tmp_path, bakery(), call_row("CA1"))
        path = write(tmp_path, call_row("CA2"), bakery())
        monkeypatch.delenv("LOG_KEY")
        done = run(tmp_path, "index", tmp_path)
        assert done.exit_code == 2
        assert done.stdout == f"1 call indexed in {tmp_path / 'index.db'}\n"
        assert done.stderr == f"replay: {path} is encrypted: to read it, set LOG_KEY to the key {KEY.key_id}\n"


def test_the_index_has_no_word_of_an_encrypted_call(made: Path, tmp_path: Path) -> None:
    write(tmp_path, call_row("CA2"), bakery())
    assert rebuild_index(tmp_path).calls == 1
    (row,) = index.calls(tmp_path)
    assert (row.turns, row.interruptions, row.verdict, row.format) == (2, 1, "same", 2)
    image = (tmp_path / "index.db").read_bytes().lower()
    assert [word for word in (b"cash", b"credit", b"discount") if word in image] == []
    assert b"discount" in (made / "index.db").read_bytes().lower()


def test_a_damaged_log_is_called_damaged_with_the_key_and_without(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = log_of(made, "CA2")
    with closing(sqlite3.connect(sound)) as connection:
        (hidden,) = connection.execute("SELECT body FROM entry WHERE seq = 20").fetchone()
    path = tmp_path / "CA2.db"
    path.write_bytes(sound.read_bytes().replace(hidden, hidden[:-1] + bytes([hidden[-1] ^ 1])))
    done = run(tmp_path, path)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"replay: {path} is damaged: ")
    assert done.stderr.count("\n") == 1
    verified = run(tmp_path, "verify", path)
    assert verified.stdout.startswith(f"unknown  {path}: {path} is damaged: its content does not match the hash in")
    monkeypatch.delenv("LOG_KEY")
    assert run(tmp_path, path).stderr.endswith(f"set LOG_KEY to the key {KEY.key_id}\n")


def test_nobody_waits_for_cryptography_who_meets_no_encrypted_log(made: Path) -> None:
    script = "import sys; from replay.cli import cli; cli(sys.argv[1:], standalone_mode=False)"
    shows = "import atexit, sys; atexit.register(lambda: print('cryptography' in sys.modules, file=sys.stderr)); "
    found = {}
    for call in ("CA1", "CA2"):
        command = [sys.executable, "-c", shows + script, "call", call, "--calls-dir", str(made)]
        done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
        found[call] = done.stderr.strip()
    assert found == {"CA1": "False", "CA2": "True"}


INSTRUCTIONS = "You are Quentin, the night porter."
ASKED, ANSWERED = "My room is three hundred and seven.", "Breakfast costs eleven zlotys."


async def test_nothing_of_a_real_call_can_be_read_in_its_folder(
    tmp_path: Path, nursery: trio.Nursery, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole folder, while the call runs and when it is over: database, WAL, shared memory, index."""

    def everything() -> bytes:
        return b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())

    voice = bytes(range(0, 160, 2)) + bytes(range(1, 160, 2))
    model, settings = Model(), CallSettings(instructions=INSTRUCTIONS, greeting="Greet them as Quentin does.")
    url = await listening(nursery, model)
    async with serving(tmp_path, model_url=url, log_key=KEY, settings=settings) as rig:
        caller = await rig.caller()
        await caller.send(CONNECTED, start().replace('"customParameters": {}', '"customParameters": {"name": "Zofia"}'))
        await model.received(1)
        await model.send(*model.speaks("item_1", voice * 5))
        await model.send(build.item_words(ANSWERED, final=True), build.caller_words(ASKED))
        await caller.say(1, 20)
        await model.received(20)
        running = everything()
        await caller.send(STOP)
        await rig.server.all_over()
        over = everything()
        (path,) = rig.logs()
    said = "".join(entry.body for entry in rows_of(path))
    heard = b"".join(entry.audio or b"" for entry in rows_of(path))
    for words in (ASKED, ANSWERED, "Quentin", "Zofia"):
        assert words in said
    assert voice in heard
    secrets = [b"Quentin", b"Zofia", b"three hundred", b"zlotys", b"porter", b"Breakfast", voice[:12], b"\x03" * 12]
    assert [secret for secret in secrets if secret in running or secret in over] == []
    assert TEXT.encode() not in over
    assert KEY.secret not in over
    assert TEXT not in capsys.readouterr().err
    assert CALL_SID.encode() in over
    assert [(row.call_sid, row.turns) for row in index.calls(tmp_path)] == [(CALL_SID, 2)]
    with open_log(path) as log_again:
        assert log_again.settings.instructions == INSTRUCTIONS
        assert replay(log_again).verdict == "same"
    nursery.cancel_scope.cancel()


def rows_of(path: Path) -> list[Entry]:
    with read_call(path) as logged:
        return list(logged.entries())


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("hunter2", "LOG_KEY is not a key: 32 bytes as base64 (44 characters) or hex (64), and not 7 characters of"),
        ("", "LOG_KEY is set and empty: give it a key (`openssl rand -base64 32` makes one), or unset it to keep"),
    ],
)
def test_a_bridge_does_not_start_with_a_key_that_is_none(value: str, line: str, tmp_path: Path) -> None:
    env = {"LOG_KEY": value, "OPENAI_REALTIME_URL": "ws://127.0.0.1:9", "CALLS_DIR": str(tmp_path)}
    done = CliRunner().invoke(bridge, ["serve", "--insecure"], env=env)
    assert done.exit_code == 2
    assert done.output.startswith(f"Error: {line}")
    assert "hunter2" not in done.output
