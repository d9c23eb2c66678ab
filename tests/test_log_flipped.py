"""A log whose bytes were changed, by a disk or by somebody: every command that takes it says so, and trusts nothing in
it.

A sealed log has a hash over all that it holds, so a change of what it holds is always found; a change of what it does
not hold (free space in a page) changes no answer. A log without a seal has no hash. But each frame of its WAL has a
checksum, and SQLite reads none from the first wrong one on, so what is left is the beginning of the call.
"""

import json
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from engine.log.errors import LogDamagedError
from engine.log.reader import read_call
from engine.log.schema import SEALED_PAGE_BYTES
from replay.cli import cli
from replay.listing import rebuild_index
from tests.log_builders import in_child
from tests.replay_calls import bakery, call_row, write_live, write_sealed

BAKERY = bakery()
ONE_LOG = [
    *("call CALL", "call CALL --json", "words CALL", "events CALL", "ladder CALL", "state CALL --turn 1"),
    *("audio CALL -o OUT.wav", "view CALL -o OUT.html", "what-if CALL --set vad.silence_duration_ms=600"),
    *("diff CALL --rules 1", "pin CALL -o OUT.jsonl", "redact CALL -o OUT.db", "audit CALL"),
]
"""Commands that take one log."""


def run(command: str, log: Path) -> Result:
    """A command as a person types it. Whatever the log is like, it ends with a code of its own."""
    folder = log.parent.parent
    words = command.replace("CALL", str(log)).replace("OUT", str(folder / "out")).split()
    done = CliRunner().invoke(cli, words, env={"CALLS_DIR": str(folder)})
    assert isinstance(done.exception, SystemExit | None), done.exception
    assert done.exit_code in (0, 1, 2)
    assert done.output or done.exit_code == 0, f"{command} says nothing"
    return done


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A sealed log with every kind of page: one body is so long that it goes on in others."""
    long = BAKERY[1].body[:-1] + ',"more":"' + "x" * 3 * SEALED_PAGE_BYTES + '"}'
    rows = [BAKERY[0], replace(BAKERY[1], body=long), *BAKERY[2:]]
    return write_sealed(tmp_path_factory.mktemp("made"), rows).read_bytes()


@pytest.fixture
def log(made: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "2026-11-20" / "CA1.db"
    path.parent.mkdir()
    path.write_bytes(made)
    return path


def change_what_the_caller_said(log: Path) -> str:
    """20 ms of it: no command of the bridge depends on that, so a replay alone finds nothing. What is to be told."""
    with closing(sqlite3.connect(log)) as connection:
        connection.execute("DROP TRIGGER entry_refuses_update")
        connection.execute("UPDATE entry SET audio = zeroblob(160) WHERE seq = 9 AND length(audio) = 160")
        connection.commit()
    return f"{log} is damaged: its content does not match the hash in its seal"


@pytest.mark.parametrize("command", ONE_LOG)
def test_20_ms_of_the_caller_are_others_than_were_sealed(command: str, log: Path) -> None:
    told = change_what_the_caller_said(log)
    done = run(command, log)
    assert (done.exit_code, done.stderr) == (2, f"replay: {told}\n")
    if "--json" in command:
        assert json.loads(done.stdout)["verdict"] == "unknown"
    else:
        assert done.stdout == ""
    assert sorted(path.name for path in log.parent.parent.iterdir()) == [log.parent.name]


def test_among_many_logs_it_is_named_and_the_others_are_judged(log: Path) -> None:
    folder = log.parent.parent
    other = write_sealed(folder, BAKERY)
    assert run("index", log).exit_code == 0
    told = change_what_the_caller_said(log)
    verified = run(f"verify {folder}", log)
    assert verified.exit_code == 2
    assert verified.stdout.splitlines()[0] == f"unknown  {log}: {told}"
    assert "2 logs" in verified.stdout
    assert "1 same, 0 diverged, 1 unknown" in verified.stdout
    assert told in run(f"stats {folder}", log).output
    assert told in run(f"report {folder} -o OUT", log).output
    listed = {row["path"]: row["verdict"] for row in json.loads(run("ls --json", log).stdout)}
    assert listed == {str(log.relative_to(folder)): "unknown", str(other.relative_to(folder)): "same"}
    assert told in run("index", log).output


def test_one_look_at_it_takes_its_verdict_from_the_index(log: Path) -> None:
    run("index", log)
    change_what_the_caller_said(log)
    run("call CALL", log)
    assert [row["verdict"] for row in json.loads(run("ls --json", log).stdout)] == ["unknown"]


def places(data: bytes, page_bytes: int) -> Iterator[int]:
    """Bytes to change: some of the header's, some of every page's head and cells, whatever is in it."""
    draw = random.Random(5)
    yield from draw.sample(range(100), 12)
    for begin in range(0, len(data), page_bytes):
        yield begin + draw.randrange(8)
        yield from (begin + draw.randrange(page_bytes) for _ in range(2))


@pytest.mark.parametrize("command", ["call CALL --json", "events CALL --json"])
def test_wherever_a_bit_flips_the_answer_is_the_same_or_there_is_none(command: str, log: Path, made: bytes) -> None:
    sound = run(command, log)
    assert sound.exit_code == 0
    refused = 0
    for at in places(made, SEALED_PAGE_BYTES):
        log.write_bytes(made[:at] + bytes([made[at] ^ 1 << at % 8]) + made[at + 1 :])
        done = run(command, log)
        if done.exit_code == 2:
            assert str(log) in done.stderr
            refused += 1
        else:
            assert (at, done.exit_code, done.stdout) == (at, 0, sound.stdout)
    assert refused > 20


def test_a_file_that_was_cut_short_is_damaged(log: Path, made: bytes) -> None:
    for size in (1, 99, 4096, SEALED_PAGE_BYTES, len(made) // 2, len(made) - 1):
        log.write_bytes(made[:size])
        assert run("call CALL", log).exit_code == 2
        assert run("events CALL", log).exit_code == 2


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a log whose bridge was killed: its end is still in the WAL. By what comes behind its name."""
    folder = tmp_path_factory.mktemp("killed")

    def die() -> None:
        write_live(folder, BAKERY, call_row("CA1"))
        os._exit(0)

    os.waitpid(in_child(die), 0)
    return {path.name.removeprefix("CA1.db"): path.read_bytes() for path in (folder / "live").glob("CA1.db*")}


@pytest.mark.parametrize("of", ["-wal", "-shm", ""])
def test_a_log_that_was_left_behind_is_read_as_far_as_it_is_sound(
    of: str, left_behind: dict[str, bytes], tmp_path: Path
) -> None:
    """Of the file itself only its pages are checked: what was not sealed can be changed by anyone, and a replay finds
    it if it matters for any decision."""
    log, draw = tmp_path / "live" / "CA1.db", random.Random(7)
    log.parent.mkdir()
    read = 0
    for turn in range(10):
        for name, data in left_behind.items():
            log.with_name(f"CA1.db{name}").write_bytes(data)
        spoiled = bytearray(left_behind[of])
        spoiled[draw.randrange(len(spoiled))] ^= 1 << turn % 8
        log.with_name(f"CA1.db{of}").write_bytes(spoiled)
        if of:
            with suppress(LogDamagedError), read_call(log) as logged:
                entries = list(logged.entries())
                assert entries == BAKERY[: len(entries)]
                read += 1
        run("call CALL", log)
    assert read or not of


def test_an_index_with_flipped_bits_stops_no_list(log: Path, made: bytes) -> None:
    """It can be made again at any time, and says so itself where it is seen to be damaged."""
    folder, draw = log.parent.parent, random.Random(11)
    rebuild_index(folder)
    path = folder / "index.db"
    sound = path.read_bytes()
    told = 0
    for turn in range(18):
        spoiled = bytearray(sound)
        for _ in range(8):
            spoiled[draw.randrange(len(spoiled) if turn % 2 else 4096)] ^= 1 << turn % 8
        path.write_bytes(spoiled)
        done = run(["ls", "ls --said cash", "ls --since 2020-01-01 --longer-than 1s"][turn % 3], log)
        told += "replay index" in done.stderr
    assert told > 4
    assert run("index", log).exit_code == 0
    assert path.read_bytes() == sound
