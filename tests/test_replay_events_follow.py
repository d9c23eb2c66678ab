"""`replay events --follow`: a call that is being written, by its own writer."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.log.errors import LogError
from engine.log.seal import seal
from engine.log.writer import CallLog
from replay import cli
from replay.flow import following
from tests.build import CALL_SID
from tests.replay_calls import bakery, call_row, write_sealed, write_story

BAKERY = bakery()
DAY = "2026-11-20"


class Bridge:
    """What writes the call: as much of it as it is told, step by step."""

    def __init__(self, calls_dir: Path) -> None:
        self.log = CallLog(calls_dir)
        self.log.open(call_row())
        self.path = calls_dir / "live" / f"{CALL_SID}.db"
        self._written = 0

    def write(self, upto: int) -> None:
        """Everything up to this entry."""
        self.log.append(BAKERY[self._written : upto])
        self._written = upto

    def end(self) -> None:
        """The rest, and the seal: the file moves to its day."""
        self.write(len(BAKERY))
        sealed = seal(self.log)
        assert sealed is not None
        assert not self.path.exists()


class Waits:
    """Instead of waiting, something happens: one thing at each wait. Then Ctrl-C."""

    def __init__(self, *happenings: Callable[[], None]) -> None:
        self._happenings = [*happenings]

    def __call__(self) -> bool:
        if not self._happenings:
            return False
        self._happenings.pop(0)()
        return True


def nothing() -> None:
    """A look at which nothing is new."""


def looks(path: Path, *happenings: Callable[[], None]) -> tuple[list[list[int]], list[str]]:
    """What each look found, by number, and what was told."""
    told: list[str] = []
    found = following.follow(path, DAY, Waits(*happenings), told.append)
    return [[row[0] for row in rows] for rows in found], told


def run(path: object, *args: str) -> Result:
    return CliRunner().invoke(cli.cli, ["events", str(path), "--follow", *args])


class TestLooks:
    def test_each_finds_what_is_new(self, tmp_path: Path) -> None:
        bridge = Bridge(tmp_path)
        bridge.write(3)
        found = looks(bridge.path, lambda: bridge.write(5), nothing, lambda: bridge.write(8))
        assert found == ([[1, 2, 3], [4, 5], [6, 7, 8]], [])
        bridge.log.close()

    def test_the_last_is_at_the_sealed_file(self, tmp_path: Path) -> None:
        bridge = Bridge(tmp_path)
        bridge.write(200)
        found, told = looks(bridge.path, bridge.end, nothing)
        assert (found, told) == ([[*range(1, 201)], [*range(201, 214)]], [])

    def test_nothing_is_held_open_between_them(self, tmp_path: Path) -> None:
        """Else the log could not be sealed: the bridge waits for readers, for a while, and then leaves it as it is."""
        bridge = Bridge(tmp_path)
        bridge.write(10)
        for rows in following.follow(bridge.path, DAY, Waits(nothing), print):
            assert len(rows) == 10
            bridge.end()
            break
        assert (tmp_path / DAY / f"{CALL_SID}.db").exists()

    def test_a_call_that_is_over_is_looked_at_once(self, tmp_path: Path) -> None:
        path = write_sealed(tmp_path, BAKERY)
        assert looks(path) == ([[*range(1, 214)]], [])

    def test_a_call_that_is_silent_for_long_was_perhaps_killed(self, tmp_path: Path) -> None:
        bridge = Bridge(tmp_path)
        bridge.write(3)
        found, told = looks(bridge.path, *[nothing] * 100)
        bridge.log.close()
        assert found == [[1, 2, 3]]
        assert told == [
            f"nothing more comes in {bridge.path}. If its bridge was killed, nothing will; Ctrl-C ends this"
        ]

    def test_a_log_that_is_gone(self, tmp_path: Path) -> None:
        bridge = Bridge(tmp_path)
        bridge.log.close()
        with pytest.raises(LogError, match=f"{DAY}/{CALL_SID}.db: no such log"):
            looks(bridge.path, bridge.path.unlink)

    def test_a_copy_elsewhere_is_not_looked_for_under_its_day(self, tmp_path: Path) -> None:
        with pytest.raises(LogError, match=r"copy\.db: no such log"):
            looks(tmp_path / "copy.db")


class TestTheCommand:
    def test_it_prints_what_is_there_then_what_comes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bridge = Bridge(tmp_path)
        bridge.write(115)
        monkeypatch.setattr(following, "pause", Waits(lambda: bridge.write(130), bridge.end))
        done = run("last", "--calls-dir", str(tmp_path))
        assert (done.exit_code, done.stderr) == (0, "")
        after = CliRunner().invoke(cli.cli, ["events", "last", "--calls-dir", str(tmp_path)])
        # Of a call that is over more is known: that all marks came back; and its audio need not be cut into slices.
        known = [line for line in after.stdout.splitlines() if " media " not in line]
        assert [line for line in done.stdout.splitlines() if " media " not in line] == known
        assert len(known) == 34

    def test_ctrl_c_ends_it_and_what_flowed_until_then_is_shown(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bridge = Bridge(tmp_path)
        bridge.write(115)

        def interrupted(seconds: float) -> None:
            assert seconds == following.LOOK_EVERY_SECONDS
            raise KeyboardInterrupt

        monkeypatch.setattr(following, "sleep", interrupted)
        done = run(bridge.path, "--leg", "caller", "--kind", "input", "--from", "0.08s")
        bridge.log.close()
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout == (
            "     15-114  0:00.080  caller → bridge  media x 28                         0.56 s\n"
            "     53-103  0:00.100  caller → bridge  mark x 11                          probe-1 to mark-11: played\n"
        )

    def test_for_programs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bridge = Bridge(tmp_path)
        bridge.write(10)
        monkeypatch.setattr(following, "pause", Waits(bridge.end))
        done = run(bridge.path, "--json")
        assert [json.loads(line)["seq"] for line in done.stdout.splitlines()] == [entry.seq for entry in BAKERY]

    def test_whose_reader_goes_away(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It ends there and then, and does not wait for the end of the call."""
        bridge = Bridge(tmp_path)
        bridge.write(10)
        monkeypatch.setattr(following, "pause", Waits())
        written: list[bytes] = []

        def emit(output: bytes) -> bool:
            written.append(output)
            return len(written) < 3

        monkeypatch.setattr("replay.commands.events.emit", emit)
        assert run(bridge.path).exit_code == 0
        bridge.log.close()
        assert [line.split()[0] for line in written] == [b"1", b"2", b"3"]

    def test_a_golden_log_does_not_grow(self, tmp_path: Path) -> None:
        done = run(write_story(tmp_path / "story.jsonl", BAKERY), "--type", "clear")
        assert done.stdout == "        117  0:00.620  bridge → caller  clear\n"

    def test_a_log_that_disappears(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bridge = Bridge(tmp_path)
        bridge.write(2)
        bridge.log.close()
        monkeypatch.setattr(following, "pause", Waits(bridge.path.unlink))
        done = run(bridge.path)
        assert done.exit_code == 2
        assert done.stderr == f"replay: {tmp_path / DAY / CALL_SID}.db: no such log\n"


def test_a_pause_is_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(following, "sleep", waited.append)
    assert following.pause()
    assert waited == [following.LOOK_EVERY_SECONDS]
