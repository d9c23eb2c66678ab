"""What encryption at rest costs: to write a long call step by step as a bridge does, to read it and to replay it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import msgspec

from engine import __version__
from engine.bench.stories import long_call
from engine.core import RULES, Entry
from engine.log.keys import VARIABLE, LogKey
from engine.log.reader import CallRow, read_call
from engine.log.seal import seal
from engine.log.writer import CallLog
from engine.sim.world import run
from replay.runner import replay
from replay.sources import open_log

REPEATS = 3


def measure(minutes: float, say: Callable[[str], None]) -> None:
    """Print both, side by side."""
    outcome = run(long_call(round(minutes * 60)), 1)
    steps, settings = list(_steps(outcome.entries)), outcome.scenario.settings
    say(f"a call of {minutes:g} minutes: {len(steps):,} steps, {len(outcome.entries):,} entries")
    key = LogKey(os.urandom(32))
    os.environ[VARIABLE] = key.secret.hex()
    for name, used in (("in the clear", None), ("encrypted", key)):
        costs = [_costs(steps, settings, used) for _ in range(REPEATS)]
        writing, reading, replaying, size = map(min, zip(*costs, strict=True))
        say(
            f"{name:<12}  {writing / len(steps) * 1e6:5.1f} us of CPU to append a step, {reading:.3f} s to read,"
            f" {replaying:.3f} s to replay, {size / 1e6:.1f} MB"
        )


def _costs(steps: list[list[Entry]], settings: msgspec.Struct, key: LogKey | None) -> tuple[float, float, float, float]:
    with TemporaryDirectory() as folder:
        log = CallLog(Path(folder), key)
        config = msgspec.json.encode(settings).decode()
        log.open(CallRow("CA5", "MZ5", "AC5", "2026-01-01T00:00:00+00:00", RULES, __version__, config))
        writing = _timed(lambda: _write(log, steps))
        sealed = seal(log)
        assert sealed is not None
        path = sealed.path
        return writing, _timed(lambda: _read(path)), _timed(lambda: _replay(path)), path.stat().st_size


def _steps(entries: list[Entry]) -> Iterator[list[Entry]]:
    begin = 0
    for at, entry in enumerate(entries):
        if at and entry.kind == "input":
            yield entries[begin:at]
            begin = at
    yield entries[begin:]


def _write(log: CallLog, steps: list[list[Entry]]) -> None:
    for step in steps:
        log.append(step)


def _read(path: Path) -> None:
    with read_call(path) as call:
        for _ in call.rows():
            pass


def _replay(path: Path) -> None:
    with open_log(path) as log:
        replay(log)


def _timed(act: Callable[[], object]) -> float:
    begin = process_time()
    act()
    return process_time() - begin
