"""Old calls go, with every word of theirs; what runs, what is young and what is not ours stays."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine import cli
from engine.commands import purge as command
from engine.log import index, remove
from engine.log.index import IndexRow
from engine.log.keys import read_keys
from engine.log.reader import read_call
from engine.log.wall_clock import NOW
from replay import cli as replay_cli
from tests.purge_rig import (
    BORDER,
    OLD,
    SIDS,
    TODAY,
    YOUNG,
    call,
    crashed,
    live_call,
    refusing,
    report_of,
    touch,
    written,
)


@pytest.fixture(autouse=True)
def today() -> None:
    NOW.set(lambda: TODAY)


PATHS = [f"{OLD}/CA{number:032d}.db" for number in range(60)]
GONE = [path for number, path in enumerate(PATHS) if number % 3]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An index of sixty calls. The words of those that will be gone are `Removedword…`, of the others `Keptword…`."""
    folder = tmp_path_factory.mktemp("index")
    for path in PATHS:
        row = IndexRow(path, path[11:-3], "MZ1", OLD, 40, "stop", "", 4, 1, 0, 0, 0, "same", 1, 1, "0" * 64)
        said = f"{'Removed' if path in GONE else 'Kept'}word{path[-6:-3]}, and so on and on and on."
        index.add(folder, row, report_of(row.call_sid, said))
    return (folder / "index.db").read_bytes()


def run(calls_dir: Path, *args: object, text: str | None = None, **env: str) -> Result:
    given = ["purge", "--calls-dir", str(calls_dir), *map(str, args)]
    return CliRunner().invoke(cli.main, given, input=text, env={"RETAIN_DAYS": None, **env})


def tree(folder: Path) -> dict[str, bytes | None]:
    """All that is there, to the byte."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def names(calls_dir: Path) -> list[str]:
    return sorted(tree(calls_dir))


def indexed(calls_dir: Path) -> list[str]:
    return sorted(row.path for row in index.calls(calls_dir))


class TestOldCalls:
    def test_are_removed_and_told_of(self, tmp_path: Path) -> None:
        old, border, young = (call(tmp_path, sid, day) for sid, day in zip(SIDS, (OLD, BORDER, YOUNG), strict=False))
        done = run(tmp_path, "--older-than", 30)
        assert (done.exit_code, done.stdout) == (0, f"{old}\n")
        assert done.stderr == "1 removed, 1 forgotten by the index\n"
        assert not old.parent.exists()
        assert indexed(tmp_path) == [str(path.relative_to(tmp_path)) for path in (border, young)]
        assert names(tmp_path) == [
            BORDER,
            f"{BORDER}/{border.name}",
            YOUNG,
            f"{YOUNG}/{young.name}",
            "index.db",
            "live",
        ]

    def test_leave_no_byte_of_what_they_said(self, tmp_path: Path) -> None:
        for number in range(6):
            call(
                tmp_path,
                SIDS[number],
                OLD if number % 3 else YOUNG,
                f"{'Removed' if number % 3 else 'Kept'}word{number}?",
            )
        assert run(tmp_path, "--older-than", 30).stderr == "4 removed, 4 forgotten by the index\n"
        left = b"".join(content.lower() for content in tree(tmp_path).values() if content is not None)
        gone = [f"removedword{number}" for number in (1, 2, 4, 5)] + [SIDS[number].lower() for number in (1, 2, 4, 5)]
        assert [word for word in gone if word.encode() in left] == []
        assert all(word.encode() in left for word in ("keptword0", "keptword3", SIDS[3].lower()))
        found = CliRunner().invoke(replay_cli.cli, ["ls", "--calls-dir", str(tmp_path), "--said", "keptword3"])
        assert SIDS[3] in found.stdout

    def test_leave_none_in_an_index_of_many(self, many: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """FTS5 keeps deleted terms until its segments are merged, SQLite what it does not overwrite and what it has
        copied when it split a page."""
        monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Careless))
        (tmp_path / "index.db").write_bytes(many)
        assert index.remove(tmp_path, GONE) == 40
        left = (tmp_path / "index.db").read_bytes().lower()
        assert b"removedword001" in many
        assert b"removedword" not in left
        assert all(f"keptword{path[-6:-3]}".encode() in left for path in PATHS if path not in GONE)

    def test_may_be_encrypted_and_their_key_lost(self, tmp_path: Path) -> None:
        call(tmp_path, SIDS[0], OLD, key=read_keys("5f" * 32)[0])
        crashed(tmp_path, SIDS[1], OLD, read_keys("5f" * 32)[0])
        assert run(tmp_path, "--older-than", 30).exit_code == 0
        assert names(tmp_path) == ["index.db", "live"]

    def test_that_are_being_read_are_read_to_their_end(self, tmp_path: Path) -> None:
        with read_call(call(tmp_path, SIDS[0], OLD)) as logged:
            rows = logged.rows()
            first = next(rows)
            assert run(tmp_path, "--older-than", 30).exit_code == 0
            assert [row[0] for row in (first, *rows)] == [0, 1, 2, 3]

    def test_nothing_is_done_where_there_is_nothing(self, tmp_path: Path) -> None:
        done = run(tmp_path / "none", "--older-than", 30)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "0 removed, 0 forgotten by the index\n")
        assert not (tmp_path / "none").exists()


class TestAsking:
    def test_a_dry_run_changes_nothing(self, tmp_path: Path) -> None:
        old = call(tmp_path, SIDS[0], OLD)
        left = crashed(tmp_path, SIDS[1], OLD)
        before = tree(tmp_path)
        done = run(tmp_path, "--older-than", 30, "--dry-run")
        assert (done.exit_code, done.stdout) == (0, f"{old}\n{left}\n")
        assert done.stderr == "2 logs would be removed\n"
        assert tree(tmp_path) == before

    @pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
    def test_on_a_terminal_it_asks(
        self, answer: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = call(tmp_path, SIDS[0], OLD)
        monkeypatch.setattr(command, "is_terminal", lambda: True)
        done = run(tmp_path, "--older-than", 30, text=answer)
        assert done.exit_code == code
        assert done.stderr.startswith("Remove 1 log for ever? [y/N]: ")
        assert old.exists() == (code == 1)

    def test_unless_it_is_told_not_to(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        call(tmp_path, SIDS[0], OLD)
        monkeypatch.setattr(command, "is_terminal", lambda: True)
        assert run(tmp_path, "--older-than", 30, "--yes").stderr == "1 removed, 1 forgotten by the index\n"

    def test_it_must_be_told_which_calls(self, tmp_path: Path) -> None:
        call(tmp_path, SIDS[0], OLD)
        for args in ((), ("--older-than", 30, "--call", SIDS[0])):
            done = run(tmp_path, *args)
            assert done.exit_code == 2
            assert "say which calls: --older-than DAYS (or RETAIN_DAYS), or --call CALL" in done.stderr

    def test_retain_days_of_the_server_will_do(self, tmp_path: Path) -> None:
        young, old = call(tmp_path, SIDS[1], YOUNG), call(tmp_path, SIDS[0], OLD)
        assert run(tmp_path, RETAIN_DAYS="30").stdout == f"{old}\n"
        assert run(tmp_path, "--call", SIDS[1], RETAIN_DAYS="30").stdout == f"{young}\n"

    def test_a_number_of_days_that_no_calendar_has(self, tmp_path: Path) -> None:
        call(tmp_path, SIDS[0], OLD)
        assert run(tmp_path, "--older-than", 10**9).stderr == "0 removed, 0 forgotten by the index\n"


class TestOneCall:
    def test_goes_with_all_its_streams(self, tmp_path: Path) -> None:
        """Each time that Twilio connected it, also where a log could not be read or its bridge was killed."""
        first, second = call(tmp_path, SIDS[0], YOUNG), call(tmp_path, SIDS[0], YOUNG)
        live_call(tmp_path, SIDS[0], YOUNG).close()
        other = call(tmp_path, SIDS[1], YOUNG)
        (tmp_path / "damaged").mkdir()
        damaged = [tmp_path / "damaged" / f"{SIDS[0]}{end}" for end in (".db", "-2.db", "-2.db-wal")]
        for path in (*damaged, tmp_path / "damaged" / other.name):
            path.write_text("what was said")
        done = run(tmp_path, "--call", SIDS[0])
        assert done.exit_code == 0
        live = tmp_path / "live" / f"{SIDS[0]}.3.db"
        assert sorted(done.stdout.split()) == sorted(map(str, (first, second, live, *damaged)))
        assert done.stderr == "6 removed, 2 forgotten by the index\n"
        assert names(tmp_path) == sorted(
            [YOUNG, f"{YOUNG}/{other.name}", "damaged", f"damaged/{other.name}", "index.db", "live"]
        )

    def test_is_asked_for_with_what_else_lies_about(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        call(tmp_path, SIDS[0], YOUNG)
        (tmp_path / "damaged").mkdir()
        (tmp_path / "damaged" / f"{SIDS[0]}.db").touch()
        monkeypatch.setattr(command, "is_terminal", lambda: True)
        assert "Remove 1 log and 1 other file for ever?" in run(tmp_path, "--call", SIDS[0], text="n\n").stderr

    def test_that_runs_does_not(self, tmp_path: Path) -> None:
        with ExitStack() as stack:
            file = live_call(tmp_path, SIDS[0], OLD)
            stack.callback(file.close)
            done = run(tmp_path, "--call", SIDS[0])
            assert (done.exit_code, done.stdout) == (2, "")
            assert done.stderr == f"Error: {file.path} is being written by a running bridge: hang up first\n"
            assert file.path.exists()

    def test_that_is_not_known_is_told(self, tmp_path: Path) -> None:
        done = run(tmp_path, "--call", "CAnone")
        assert (done.exit_code, done.stderr) == (2, f"Error: there are no calls in {tmp_path}\n")

    def test_that_lies_elsewhere_does_not(self, tmp_path: Path) -> None:
        path = call(tmp_path / "others", SIDS[0], YOUNG)
        done = run(tmp_path / "calls", "--call", path)
        assert done.exit_code == 2
        assert done.stderr.endswith(f"is not in CALLS_DIR {tmp_path}/calls: remove it by hand, or say --calls-dir\n")
        assert path.exists()


class TestWhatStays:
    def test_a_running_call_however_old(self, tmp_path: Path) -> None:
        file = live_call(tmp_path, SIDS[0], "2020-01-01")
        touch(file.path, "2020-01-01")
        done = run(tmp_path, "--older-than", 0)
        file.close()
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "0 removed, 0 forgotten by the index\n")
        assert file.path.exists()

    def test_nor_one_that_is_taken_up_just_now(self, tmp_path: Path) -> None:
        """It was nobody's when it was found, and is somebody's when it should go."""
        file = live_call(tmp_path, SIDS[0], OLD)
        left = remove.remove(tmp_path, [file.path])
        file.close()
        assert left == [remove.Left(file.path, f"{file.path} is being written by a running bridge")]
        assert file.path.exists()

    def test_what_a_killed_bridge_left_goes_when_it_is_old(self, tmp_path: Path) -> None:
        for sid, day in ((SIDS[0], OLD), (SIDS[1], YOUNG)):
            crashed(tmp_path, sid, day).with_suffix(".lock").touch()
        unreadable = [tmp_path / "live" / f"{sid}.db" for sid in SIDS[2:4]]
        for path, day in zip(unreadable, (OLD, YOUNG), strict=True):
            written(path, day)
        assert run(tmp_path, "--older-than", 30).exit_code == 0
        assert names(tmp_path) == ["live", f"live/{SIDS[1]}.db", f"live/{SIDS[1]}.lock", f"live/{SIDS[3]}.db"]

    def test_what_could_not_be_read_goes_when_it_is_old(self, tmp_path: Path) -> None:
        (tmp_path / "damaged" / "folder").mkdir(parents=True)
        for name, day in (("a.db", OLD), ("a.db-wal", OLD), ("b.db", YOUNG)):
            written(tmp_path / "damaged" / name, day)
        done = run(tmp_path, "--older-than", 30)
        assert names(tmp_path) == ["damaged", "damaged/b.db", "damaged/folder"]
        assert done.stderr == f"left: {tmp_path}/damaged/folder: not a file\n2 removed, 0 forgotten by the index\n"

    def test_an_index_that_somebody_is_making(self, tmp_path: Path) -> None:
        for name, day in (("index.db.12.34.new", OLD), ("index.db.12.35.new", YOUNG), ("index.db.old", OLD)):
            written(tmp_path / name, day)
        run(tmp_path, "--older-than", 30)
        assert names(tmp_path) == ["index.db.12.35.new", "index.db.old"]

    def test_what_is_not_a_log(self, tmp_path: Path) -> None:
        old = call(tmp_path, SIDS[0], OLD)
        day = old.parent
        (day / "notes.txt").write_text("Call Ann back.")
        (day / "empty.db").touch()
        (day / "folder.db").mkdir()
        os.mkfifo(day / "pipe.db")
        with sqlite3.connect(day / "other.db") as other:
            other.execute("CREATE TABLE log (words TEXT)")
        (day / f"{old.name}-journal").write_text("what was said")
        done = run(tmp_path, "--older-than", 30)
        assert done.exit_code == 0
        left = ["empty.db", "folder.db", "notes.txt", "other.db", "pipe.db"]
        assert sorted(os.listdir(day)) == left
        told = "".join(f"left: {day}/{name}: not a log\n" for name in left)
        assert done.stderr == told + "1 removed, 1 forgotten by the index\n"

    def test_what_symlinks_lead_to(self, tmp_path: Path) -> None:
        calls_dir, elsewhere = tmp_path / "calls", tmp_path / "elsewhere"
        theirs, old = call(elsewhere, SIDS[0], OLD), call(calls_dir, SIDS[1], OLD)
        written(elsewhere / "damaged.db", OLD)
        (old.parent / f"{SIDS[2]}.db").symlink_to(theirs)
        (calls_dir / "2026-10-20").symlink_to(theirs.parent)
        (calls_dir / "live" / f"{SIDS[3]}.db").symlink_to(theirs)
        (calls_dir / "damaged").symlink_to(elsewhere)
        done = run(calls_dir, "--older-than", 30)
        assert done.stdout == f"{old}\n"
        assert done.stderr == (
            f"left: {calls_dir}/2026-10-20: a symlink, which is not followed\n"
            f"left: {old.parent}/{SIDS[2]}.db: not a log\n"
            f"left: {calls_dir}/damaged: a symlink, which is not followed\n"
            f"left: {calls_dir}/live/{SIDS[3]}.db: a symlink, which is not followed\n"
            "1 removed, 1 forgotten by the index\n"
        )
        assert theirs.exists()
        assert (elsewhere / "damaged.db").exists()

    def test_a_symlink_that_took_the_place_of_a_folder_meanwhile(self, tmp_path: Path) -> None:
        theirs, old = call(tmp_path / "elsewhere", SIDS[0], OLD), call(tmp_path / "calls", SIDS[0], OLD)
        found = remove.older(tmp_path / "calls", YOUNG)
        old.parent.rename(tmp_path / "moved")
        old.parent.symlink_to(theirs.parent)
        (left,) = remove.remove(tmp_path / "calls", found.logs)
        assert left.path == old
        assert theirs.exists()

    def test_what_the_system_refuses_to_remove(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Somebody else's folder, or one that is mounted to be read only."""
        old, other = call(tmp_path, SIDS[0], OLD), call(tmp_path, SIDS[1], OLD)
        monkeypatch.setattr(os, "unlink", refusing(os.unlink, old.name))
        done = run(tmp_path, "--older-than", 30)
        assert (done.exit_code, done.stdout) == (2, f"{other}\n")
        assert done.stderr == (f"not removed: {old}: Read-only file system\n1 removed, 2 forgotten by the index\n")


class TestBrokenOff:
    def test_before_the_files_were_removed(self, tmp_path: Path) -> None:
        """They are in no list any more, and the next purge finds them."""
        old = call(tmp_path, SIDS[0], OLD)
        remove.forget(tmp_path, remove.older(tmp_path, BORDER), BORDER)
        assert indexed(tmp_path) == []
        assert old.exists()
        assert run(tmp_path, "--older-than", 30).stdout == f"{old}\n"

    def test_before_the_index_had_forgotten_them(self, tmp_path: Path) -> None:
        """Somebody removed the file by hand. The next purge finds the row."""
        call(tmp_path, SIDS[0], OLD, "Abracadabra").unlink()
        call(tmp_path, SIDS[1], YOUNG).unlink()
        kept = call(tmp_path, SIDS[2], YOUNG)
        listed = CliRunner().invoke(replay_cli.cli, ["ls", "--calls-dir", str(tmp_path)])
        assert listed.exit_code == 0
        assert run(tmp_path, "--older-than", 30).stderr == "0 removed, 1 forgotten by the index\n"
        assert b"bracadabra" not in (tmp_path / "index.db").read_bytes()
        rebuilt = CliRunner().invoke(replay_cli.cli, ["index", str(tmp_path)])
        assert (rebuilt.exit_code, indexed(tmp_path)) == (0, [f"{YOUNG}/{kept.name}"])

    def test_before_the_index_was_written_anew(
        self, many: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its rows are gone and their bytes may be there: the next purge sees to that, though there is nothing else."""
        monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Careless))
        (tmp_path / "index.db").write_bytes(many)
        with monkeypatch.context() as patch:
            patch.setattr(Careless, "is_killed_before_vacuum", True)
            with pytest.raises(KeyboardInterrupt):
                index.remove(tmp_path, GONE)
        assert len(indexed(tmp_path)) == 20
        assert b"emovedword" in (tmp_path / "index.db").read_bytes()
        assert run(tmp_path, "--older-than", 3000).stderr == "0 removed, 0 forgotten by the index\n"
        assert b"emovedword" not in (tmp_path / "index.db").read_bytes()

    def test_beside_another_purge(self, tmp_path: Path) -> None:
        """What the other has removed is removed."""
        for sid in SIDS:
            call(tmp_path, sid, OLD)
        founds = [remove.older(tmp_path, BORDER) for _ in range(2)]
        with ThreadPoolExecutor(2) as threads:
            forgotten = list(threads.map(lambda found: remove.forget(tmp_path, found, BORDER), founds))
            left = list(threads.map(lambda found: remove.remove(tmp_path, found.logs), founds))
        assert max(forgotten) == len(SIDS)
        assert remove.remove(tmp_path, founds[0].logs) == []
        assert left == [[], []]
        assert names(tmp_path) == ["index.db", "live"]

    def test_an_index_that_cannot_be_used_is_no_reason_to_keep_calls(self, tmp_path: Path) -> None:
        old = call(tmp_path, SIDS[0], OLD)
        (tmp_path / "index.db").write_text("no index")
        done = run(tmp_path, "--older-than", 30)
        assert (done.exit_code, done.stdout) == (2, f"{old}\n")
        assert done.stderr == (
            f"not forgotten: {tmp_path}/index.db is no index that this version can use. Rebuild it from the call files;"
            " `replay index` makes one without the calls that are gone\n1 removed, 0 forgotten by the index\n"
        )

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        done = run(tmp_path / "file", "--older-than", 30)
        assert (done.exit_code, done.stderr) == (2, f"Error: {tmp_path}/file: Not a directory\n")


class Careless(sqlite3.Connection):
    """A SQLite that was not built to overwrite what it deletes (as Debian's is)."""

    is_killed_before_vacuum = False

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        super().execute("PRAGMA secure_delete=OFF")

    def execute(self, sql: str, *args: object) -> sqlite3.Cursor:
        if sql == "VACUUM" and self.is_killed_before_vacuum:
            raise KeyboardInterrupt
        return super().execute(sql, *args)  # type: ignore[arg-type]
