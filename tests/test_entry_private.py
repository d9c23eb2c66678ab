"""Whose files they are: what a call leaves behind can be read by the user of the bridge and by nobody else.

Under `umask 0`, which takes nothing away, and in a folder that was there before and that everybody may enter.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner

from engine.commands.serve import say_if_open
from engine.log.folder import check_calls_dir
from engine.recorder import Recorder
from replay import cli
from tests.bridge_peers import CALL_SID, CONNECTED, STOP, Model, media, start
from tests.replay_calls import bakery, write_sealed
from tests.server_rig import listening, serving


@pytest.fixture(autouse=True)
def _no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """The mode of everything in a folder."""
    return {str(path.relative_to(folder)): f"{path.stat().st_mode & 0o777:o}" for path in folder.rglob("*")}


def open_to_others(written: dict[str, str]) -> dict[str, str]:
    return {name: mode for name, mode in written.items() if mode not in ("600", "700")}


async def test_a_call_while_it_runs_and_when_it_is_over(tmp_path: Path, nursery: trio.Nursery) -> None:
    calls = tmp_path / "calls"
    calls.mkdir(mode=0o755)
    model = Model()
    async with serving(calls, model_url=await listening(nursery, model)) as rig:
        caller = await rig.caller()
        await caller.send(CONNECTED, start(), media(1))
        await model.received(1)
        written = modes(calls)
        for suffix in ("db", "db-shm", "db-wal", "lock"):
            assert f"live/{CALL_SID}.{suffix}" in written
        assert open_to_others(written) == {}
        await caller.send(STOP)
        await rig.server.all_over()
    (day,) = {log.parent.name for log in rig.logs()}
    written = modes(calls)
    assert {"live", day, f"{day}/{CALL_SID}.db", "index.db"} <= written.keys()
    assert open_to_others(written) == {}
    nursery.cancel_scope.cancel()


def test_a_folder_that_is_open_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And no more: it may be meant, and calls must be taken."""
    tmp_path.chmod(0o700)
    say_if_open(tmp_path)
    assert capsys.readouterr().err == ""
    tmp_path.chmod(0o755)
    say_if_open(tmp_path)
    why = '"other users can see which calls there were; chmod go= mends it"'
    assert capsys.readouterr().err.endswith(f" calls_dir.open dir={tmp_path} why={why}\n")


def test_a_new_folder_of_calls(tmp_path: Path) -> None:
    """As `bridge serve` makes it. What is above is made as the user's umask says: it is not ours alone."""
    check_calls_dir(tmp_path / "srv" / "calls")
    assert modes(tmp_path) == {"srv": "777", "srv/calls": "700", "srv/calls/live": "700"}


@pytest.mark.parametrize(
    "command",
    [
        "index {calls}",
        "view last -o {out}/call.html",
        "report {calls} -o {out}/site",
        "audio last -o {out}/call.wav",
        "words last --vtt -o {out}/call.vtt",
        "pin last -o {out}/call.calllog.jsonl",
        "redact last -o {out}/call.db",
        "import {recording} -o {out}/imported.db",
    ],
    ids=lambda command: command.split()[0],
)
def test_what_replay_makes_of_calls(tmp_path: Path, command: str) -> None:
    calls, out = tmp_path / "calls", tmp_path / "out"
    write_sealed(calls, bakery())
    out.mkdir(mode=0o700)
    recording = tmp_path / "recording.jsonl"
    with Recorder(recording) as recorder:
        recorder.caller_in(CONNECTED)
        recorder.caller_in(start())
    line = command.format(calls=calls, out=out, recording=recording)
    done = CliRunner().invoke(cli.cli, line.split(), env={"CALLS_DIR": str(calls)})
    assert done.exit_code == 0, done.output
    made = modes(tmp_path)
    assert made.pop("out") == "700"
    assert "calls/index.db" in made or any(name.startswith("out/") for name in made)
    assert open_to_others(made) == {}
