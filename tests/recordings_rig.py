"""Recordings of frames, and `replay import` run on them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from engine.core import Entry, rebuild
from engine.log.reader import LoggedCall, read_call
from replay.cli import cli
from tests import build
from tests.build import CALL_SID, STREAM_SID

END = {"at_ms": 1_300, "closed": True}
STARTED_AT = "2026-11-20T14:03:11.250000+00:00"
HEAD = {"playhead_recording": 1, "started_at": STARTED_AT}
DAY = "2026-11-20"
NEXT = f"replay: next: replay audit {CALL_SID}\n"
A_LINE = 'A line is {"at_ms": 12.4, "leg": "caller|model", "way": "in|out", "frame": "…"}'
Line = dict[str, Any]


def line(at_ms: float, place: str, frame: object) -> Line:
    leg, way = place.split()
    return {"at_ms": at_ms, "leg": leg, "way": way, "frame": frame}


APPEND = build.frame(type="input_audio_buffer.append", audio=build.base64_of(20))
DELTA = build.frame(type="response.output_audio.delta", response_id="r", item_id="i", delta=build.base64_of(40))
PLAY = json.dumps({"event": "media", "streamSid": STREAM_SID, "media": {"payload": build.base64_of(40)}})
MARK = build.frame(event="mark", streamSid=STREAM_SID, mark={"name": "part"})
CALL = [
    line(0, "caller in", build.connected()),
    line(0.5, "caller in", build.started()),
    line(100, "model out", '{"type": "session.update"}'),
    line(120.25, "model in", '{"type":"session.created","session":{}}'),
    line(140, "caller in", build.media(0)),
    line(140, "model out", APPEND),
    line(150, "model in", DELTA),
    line(151, "caller out", PLAY),
    line(151, "caller out", MARK),
    line(200, "caller in", MARK),
    line(201, "caller out", build.frame(event="clear", streamSid=STREAM_SID)),
    line(1200.125, "caller in", build.stopped()),
]
"""A whole call, though a short one."""


def write(path: Path, lines: Sequence[Line | str], end: str = "\n") -> Path:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
    path.write_text("\n".join(texts) + end, encoding="utf-8")
    return path


def run(tmp_path: Path, *args: object) -> Result:
    return CliRunner().invoke(cli, ["import", *map(str, args)], env={"CALLS_DIR": str(tmp_path / "calls")})


def log_of(done: Result) -> LoggedCall:
    """The log that a command says it made."""
    assert done.exit_code == 0, done.output
    return read_call(Path(done.stdout.split("  ")[0]))


def entries(logged: LoggedCall) -> list[Entry]:
    with logged:
        return list(logged.entries())


def frames(logged: LoggedCall) -> list[str]:
    return [rebuild(each.body, each.audio) for each in entries(logged) if each.leg != "engine"]


def refused(tmp_path: Path, *args: object) -> str:
    """Why nothing was made."""
    done = run(tmp_path, *args)
    assert (done.exit_code, done.stdout) == (2, "")
    assert not list(tmp_path.rglob("*.db"))
    assert not list(tmp_path.rglob("*.lock"))
    return done.stderr
