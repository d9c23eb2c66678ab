"""How large a call's log is. One minute of a call, with the numbers of its ninth: the ratio is that of ten minutes."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.entries import APPEND_BODY, Entry
from engine.log import create
from engine.log.schema import PAGE_BYTES
from engine.log.seal import seal
from engine.log.writer import CallLog
from tests.log_builders import CALL, MS, STREAM_SID

STEPS = 3_000
RATIO_MAX = 2.5
WAL_PAGES = 2_000
"""So that the WAL of this minute gets to the bound that is there for hours."""
WAL_BYTES_MAX = (WAL_PAGES + 200) * (PAGE_BYTES + 24)
"""The bound, and what the one commit that reaches it may add."""


def caller_step(seq: int, number: int, audio: bytes) -> list[Entry]:
    body = (
        f'{{"event":"media","sequenceNumber":"{number}","media":{{"track":"inbound","chunk":"{number}",'
        f'"timestamp":"{20 * number}","payload":""}},"streamSid":"{STREAM_SID}"}}'
    )
    at_ns = number * 20 * MS
    return [
        Entry(seq, at_ns, "input", "caller", "media", body, audio),
        Entry(seq + 1, at_ns, "command", "model", "input_audio_buffer.append", APPEND_BODY, None, seq),
    ]


def assistant_steps(seq: int, number: int, audio: bytes) -> list[list[Entry]]:
    """250 ms of a reply, played as two media frames with a mark after each; the marks come back."""
    at_ns = number * 20 * MS
    body = (
        f'{{"type":"response.output_audio.delta","event_id":"event_{number:020}","response_id":"resp_{number:020}",'
        f'"item_id":"item_{number:020}","output_index":0,"content_index":0,"delta":"","obfuscation":"0123456789"}}'
    )
    media = f'{{"event":"media","streamSid":"{STREAM_SID}","media":{{"payload":""}}}}'
    delta = [Entry(seq, at_ns, "input", "model", "response.output_audio.delta", body, audio)]
    echoes = []
    for half in (0, 1):
        mark = f'"streamSid":"{STREAM_SID}","mark":{{"name":"p{number}.{half}"}}}}'
        place = 1 + 2 * half
        delta += [
            Entry(seq + place, at_ns, "command", "caller", "media", media, None, seq, 1000 * half, 1000 * half + 1000),
            Entry(seq + place + 1, at_ns, "command", "caller", "mark", f'{{"event":"mark",{mark}', None, seq),
        ]
        echo = f'{{"event":"mark","sequenceNumber":"{number}",{mark}'
        echoes.append([Entry(seq + 5 + half, at_ns, "input", "caller", "mark", echo)])
    return [delta, *echoes]


def conversation() -> Iterator[list[Entry]]:
    """The caller's audio all the time, the assistant's for four seconds in ten."""
    draw = random.Random(1)
    seq = 54_000
    for number in range(27_000, 27_000 + STEPS):
        yield caller_step(seq, number, draw.randbytes(160))
        seq += 2
        if number % 500 < 200 and number % 25 in (0, 12):
            yield from assistant_steps(seq, number, draw.randbytes(2_000))
            seq += 7


def empty_log_bytes(calls_dir: Path) -> int:
    log = CallLog(calls_dir)
    log.open(CALL)
    sealed = seal(log)
    assert sealed is not None
    return sealed.path.stat().st_size


def test_a_log_is_at_most_two_and_a_half_times_its_audio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create, "WAL_PAGES", WAL_PAGES)
    log = CallLog(tmp_path)
    log.open(CALL)
    audio_bytes = 0
    wal_bytes = 0
    for one in conversation():
        log.append(one)
        audio_bytes += sum(len(entry.audio or b"") for entry in one)
        assert log.path is not None
        wal_bytes = max(wal_bytes, log.path.with_name(log.path.name + "-wal").stat().st_size)
    assert log.degraded is None
    sealed = seal(log)
    assert sealed is not None
    # Everything is in it, also what has no base64 around it any more.
    assert audio_bytes == 3_000 * 160 + 96 * 2_000
    assert sealed.seal.entries == 3_000 * 2 + 96 * 7
    # What the tables themselves take, a call of any length has once: a tenth of this minute's log, a hundredth of ten.
    assert (sealed.path.stat().st_size - empty_log_bytes(tmp_path)) / audio_bytes <= RATIO_MAX
    assert WAL_PAGES * PAGE_BYTES <= wal_bytes <= WAL_BYTES_MAX
