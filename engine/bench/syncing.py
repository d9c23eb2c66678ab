"""What it costs that a power cut takes little: calls at once, each with a step every 20 ms, in real time.

An append is timed from outside, so what it waits for is in it: the disk, and the worker that syncs. Which disk that is
decides most of it: `--folder` is where the logs are written.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import monotonic, perf_counter, process_time, sleep

from engine import __version__
from engine.core import RULES, Entry
from engine.core.entries import APPEND_BODY, FORMAT
from engine.log.reader import CallRow
from engine.log.sync import Syncer
from engine.log.writer import CallLog

STEP_SECONDS = 0.02
STARTED_AT = "2026-01-01T00:00:00+00:00"
WAYS: tuple[tuple[str, float | None], ...] = (("off", None), ("1", 1.0), ("0", 0.0))


def measure(at_once: int, seconds: int, folder: Path | None, say: Callable[[str], None]) -> None:
    """Print a line for each way to sync."""
    say(f"{at_once} calls at once for {seconds} s, a step of two entries every 20 ms in each")
    for name, sync_seconds in WAYS:
        with TemporaryDirectory(dir=folder) as calls_dir:
            times, cpu, rounds = _run(Path(calls_dir), sync_seconds, at_once, seconds)
        times.sort()
        p50, p99, p999, worst = (times[min(len(times) - 1, round(len(times) * part))] for part in (0.5, 0.99, 0.999, 1))
        line = (
            f"LOG_SYNC_SECONDS={name:<3}  append p50 {p50 * 1e6:5.0f} us, p99 {p99 * 1e6:6.0f} us, p99.9"
            f" {p999 * 1e3:4.1f} ms, max {worst * 1e3:5.1f} ms;"
            f" {cpu / at_once / seconds * 1e3:.2f} ms of CPU for a second of call"
        )
        if rounds:
            line += f"; a round takes {sum(rounds) / len(rounds) * 1e3:.0f} ms, at most {max(rounds) * 1e3:.0f}"
        say(line)


def _run(
    calls_dir: Path, seconds: float | None, at_once: int, run_seconds: int
) -> tuple[list[float], float, list[float]]:
    """How long each append took, the CPU of all, how long each round took."""
    syncer = None if seconds is None else Syncer(calls_dir, seconds, FORMAT)
    logs = [CallLog(calls_dir, syncer=syncer) for _ in range(at_once)]
    for number, log in enumerate(logs):
        log.open(CallRow(f"CA{number}", "MZ", "AC", STARTED_AT, RULES, __version__, "{}"))
    over, rounds = Event(), list[float]()
    workers = [Thread(target=_sync, args=(syncer, seconds, over, rounds))] if seconds else []
    for worker in workers:
        worker.start()
    began, cpu_began, times = monotonic(), process_time(), list[float]()
    for number in range(round(run_seconds / STEP_SECONDS)):
        sleep(max(0, began + number * STEP_SECONDS - monotonic()))
        step = _step(number)
        for log in logs:
            asked = perf_counter()
            log.append(step)
            times.append(perf_counter() - asked)
    cpu = process_time() - cpu_began
    over.set()
    for worker in workers:
        worker.join()
    for log in logs:
        assert log.degraded is None, log.degraded
        log.close()
    return times, cpu, rounds


def _sync(syncer: Syncer, seconds: float, over: Event, rounds: list[float]) -> None:
    while not over.wait(seconds / 2):
        began = perf_counter()
        syncer.sync()
        rounds.append(perf_counter() - began)


def _step(number: int) -> list[Entry]:
    seq, at_ns = 2 * number, round(number * STEP_SECONDS * 1e9)
    body = (
        f'{{"event":"media","sequenceNumber":"{number}","media":{{"track":"inbound","chunk":"{number}",'
        f'"timestamp":"{20 * number}","payload":""}},"streamSid":"MZ"}}'
    )
    return [
        Entry(seq, at_ns, "input", "caller", "media", body, bytes([number % 256]) * 160),
        Entry(seq + 1, at_ns, "command", "model", "input_audio_buffer.append", APPEND_BODY, None, seq),
    ]
