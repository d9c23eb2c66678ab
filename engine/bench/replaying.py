"""A long call's log: how large it is against its audio, and how long a replay takes against merely reading it."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import msgspec

from engine import __version__
from engine.bench.stories import long_call
from engine.core import RULES, Entry
from engine.core.entries import APPEND_BODY
from engine.log.reader import CallRow, read_call
from engine.log.seal import seal
from engine.log.writer import CallLog
from engine.sim.world import run
from replay.runner import replay
from replay.sources import open_log

REPEATS = 5


def measure(minutes: float, say: Callable[[str], None]) -> None:
    """Print the ratios."""
    outcome = run(long_call(round(minutes * 60)), 1)
    with TemporaryDirectory() as folder:
        path = write_log(Path(folder), outcome.entries, outcome.scenario.settings)
        audio_bytes = sum(len(entry.audio or b"") for entry in outcome.entries)
        size = path.stat().st_size
        reading = min(_timed(lambda: _read(path)) for _ in range(REPEATS))
        replaying = min(_timed(lambda: _replay(path)) for _ in range(REPEATS))
        verdict = _replay(path)
    say(f"a call of {minutes:g} minutes: {len(outcome.entries):,} entries, {audio_bytes / 1e6:.1f} MB of audio")
    say(f"log {size / 1e6:.1f} MB: {size / audio_bytes:.2f} times its audio")
    say(f"reading its rows and decoding their bodies takes {reading:.3f} s of CPU")
    say(f"replaying it takes {replaying:.3f} s, {replaying / reading:.2f} times that")
    say(f"that is {replaying / len(outcome.entries) * 1e6:.1f} us an entry; verdict: {verdict}")


def write_log(folder: Path, entries: list[Entry], settings: msgspec.Struct) -> Path:
    """A sealed log of these entries."""
    log = CallLog(folder)
    row = CallRow(
        call_sid="CA" + "5" * 32,
        stream_sid="MZ" + "5" * 32,
        account_sid="AC" + "5" * 32,
        started_at="2026-01-01T00:00:00+00:00",
        rules=RULES,
        engine_version=__version__,
        config=msgspec.json.encode(settings).decode(),
    )
    log.open(row)
    for begin in range(0, len(entries), 500):
        log.append(entries[begin : begin + 500])
    sealed = seal(log)
    assert sealed is not None
    return sealed.path


def _replay(path: Path) -> str:
    with open_log(path) as log:
        return replay(log).verdict


def _read(path: Path) -> None:
    decode: Callable[[str], Any] = msgspec.json.Decoder().decode
    with read_call(path) as call:
        for row in call.rows():
            decode(row[5] or APPEND_BODY)


def _timed(act: Callable[[], object]) -> float:
    begin = process_time()
    act()
    return process_time() - begin
