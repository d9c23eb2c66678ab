"""The same call in virtual time: the whole of it in a moment, and a log like any other's.

The simulated world makes the entries; the log is written, sealed and indexed by the same code as in the bridge.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine import __version__
from engine.core import Entry, report
from engine.demo.stage import Performance
from engine.log import index
from engine.log.reader import CallRow
from engine.log.seal import seal
from engine.log.writer import CallLog
from engine.sim.scenario import Scenario
from engine.sim.world import run

SEED = 1
"""Of the network's jitter: every fast demo is the same call."""


def perform(scenario: Scenario, calls_dir: Path) -> Performance:
    """Run the call and seal its log. Raises LogError."""
    outcome = run(scenario, SEED)
    plan, settings = scenario.edge, scenario.settings
    log = CallLog(calls_dir)
    log.open(
        CallRow(
            call_sid=plan.call_sid,
            stream_sid=plan.stream_sid,
            account_sid=plan.account_sid,
            started_at=datetime.now(UTC).isoformat(),
            rules=settings.rules,
            engine_version=__version__,
            config=msgspec.json.encode(settings).decode(),
        )
    )
    for rows in steps(outcome.entries):
        log.append(rows)
    sealed = seal(log)
    assert sealed is not None, "the log was opened"
    told = report(outcome.call)
    faults = sum(entry.kind == "fault" for entry in outcome.entries)
    index.add(calls_dir, index.row_of(calls_dir, sealed.path, sealed.call, sealed.seal, told, faults), told)
    return Performance(outcome.edge, outcome.model)


def steps(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Each input with its commands: what the bridge writes in one transaction."""
    rows: list[Entry] = []
    for entry in entries:
        if entry.kind == "input" and rows:
            yield rows
            rows = []
        rows.append(entry)
    if rows:
        yield rows
