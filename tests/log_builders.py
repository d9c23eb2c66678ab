"""Steps of a call as the log sees them."""

import os
from collections.abc import Callable
from pathlib import Path

from engine.core.entries import APPEND_BODY, Entry
from engine.log.reader import CallRow, read_call
from engine.log.writer import CallLog

CALL_SID = "CA" + "0123456789abcdef" * 2
STREAM_SID = "MZ" + "0123456789abcdef" * 2
CALL = CallRow(
    CALL_SID,
    STREAM_SID,
    "AC" + "0" * 32,
    "2026-11-21T01:30:00.250000+00:00",
    1,
    "0.1.0",
    '{"model":"gpt-realtime-2.1"}',
)
DAY = "2026-11-21"
MS = 1_000_000


def step(number: int, audio: bytes = b"\xff" * 160) -> list[Entry]:
    """20 ms of the caller's audio, and its way to the model. `number` counts from 0."""
    seq, at_ns = 2 * number, number * 20 * MS
    body = (
        f'{{"event":"media","sequenceNumber":"{number + 2}","media":{{"track":"inbound","chunk":"{number + 1}",'
        f'"timestamp":"{20 * number}","payload":""}},"streamSid":"{STREAM_SID}"}}'
    )
    return [
        Entry(seq, at_ns, "input", "caller", "media", body, audio),
        Entry(seq + 1, at_ns, "command", "model", "input_audio_buffer.append", APPEND_BODY, None, seq),
    ]


def end(number: int, ended: str = "stop") -> list[Entry]:
    """The last step of a call."""
    seq, at_ns = 2 * number, number * 20 * MS
    return [
        Entry(
            seq, at_ns, "input", "engine", "leg.closed", '{"type":"leg.closed","leg":"model","code":1000,"reason":""}'
        ),
        Entry(
            seq + 1,
            at_ns,
            "command",
            "engine",
            "end_call",
            f'{{"type":"end_call","ended":"{ended}","reason":"Twilio stopped"}}',
            cause=seq,
        ),
    ]


def entries_of(path: Path) -> list[Entry]:
    with read_call(path) as logged:
        return list(logged.entries())


def trouble(log: CallLog) -> str:
    """What the log says about itself, or nothing."""
    return log.degraded or ""


def flat(steps: list[list[Entry]]) -> list[Entry]:
    return [entry for one in steps for entry in one]


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a fork, which may die in any way. Returns its process id.

    It never comes back into the test: no fixtures are torn down twice.
    """
    child = os.fork()
    if child:
        return child
    try:
        work()
    finally:
        os._exit(1)
