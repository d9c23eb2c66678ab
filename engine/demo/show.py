"""The demo from its curtain to the replay's verdict."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import trio

from engine.demo import stage, virtual
from engine.demo.audience import Audience, Reader, Viewer, show_lines
from engine.demo.ending import ending_lines, next_lines
from engine.demo.follow import Follower
from engine.log.errors import LogError
from engine.log.folder import LIVE, sealed_logs
from engine.sim.scenario import Scenario
from replay import paint

INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended."""
REPLAY_LAST = (sys.executable, "-m", "replay", "last")
"""The `replay` of this installation, wherever its command lies."""


def show(scenario: Scenario, calls_dir: Path, fast: bool) -> int:
    """Run the call, show it, replay it. Returns the replay's exit code. Raises LogError."""
    follower, call_sid = Follower(scenario.settings), scenario.edge.call_sid
    audience: Audience = Viewer(follower) if paint.is_terminal(sys.stdout) and not fast else Reader(follower)
    with audience.seated():
        if fast:
            performance = virtual.perform(scenario, calls_dir)
        else:
            look = partial(audience.look, calls_dir / LIVE / f"{call_sid}.db")
            performance = trio.run(stage.perform, scenario, calls_dir, look)
        log = _sealed(calls_dir, call_sid)
        if log is not None:
            audience.look(log)
    if performance.interrupted:
        fate = "the call had not begun" if log is None else f"the call was hung up, and its log is whole: {log}"
        show_lines([paint.line(), paint.line(f"Stopped: {fate}")])
        return INTERRUPTED
    if log is None:
        raise LogError(f"the call left no sealed log in {calls_dir}. The bridge said: {performance.said.strip()}")
    show_lines(ending_lines(follower.call, performance))
    code = _replay_last(calls_dir)
    show_lines(next_lines(calls_dir, log))
    return code


def _sealed(calls_dir: Path, call_sid: str) -> Path | None:
    return next((log for log in sealed_logs(calls_dir) if log.stem == call_sid), None)


def _replay_last(calls_dir: Path) -> int:
    """`replay last`, as anyone would run it: another process, which knows nothing of this one."""
    show_lines([paint.line(), paint.line(("$ replay last", "bold")), paint.line()])
    return subprocess.run(REPLAY_LAST, env=os.environ | {"CALLS_DIR": str(calls_dir)}).returncode
