"""Real sockets, real processes: what a call costs, and how soon a barge-in is on the wire.

`bridge serve` runs in a process of its own, whose CPU is read from the system. The simulators run here, so that their
work is not counted. The share of each part is found afterwards: the calls' own logs are stepped through the core again,
and appended to new logs; what the process used beyond both is sockets, WebSockets and tasks.
"""

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import msgspec
import trio

from engine.bench.serving import TICKS, TOKEN, Tick, serving_bridge, serving_relay, serving_ticking
from engine.bench.stories import TURN_S, replies, turn_cues
from engine.core import Call, CallSettings, Entry, frame_text, rebuild, record, split
from engine.core.commands import AlignItem
from engine.core.heard import Work
from engine.log.folder import sealed_logs
from engine.log.reader import read_call
from engine.log.writer import CallLog
from engine.sim.edge import EdgePlan, TwilioEdge
from engine.sim.fronts import Front, Serving, dial_edge, serve_model
from engine.sim.model import ModelPlan, RealtimeModel

CLEAR = '{"event":"clear"'
SPEECH_STARTED = '"input_audio_buffer.speech_started"'
TICK = os.sysconf("SC_CLK_TCK")
STARTING_S = 0.25
"""Between two calls' beginnings, so that they do not all do the same thing at once."""

Say = Callable[[str], None]


def measure(at_once: int, at_once_clear: int, seconds: int, say: Say) -> None:
    """Print both tables."""
    with TemporaryDirectory() as folder:
        relay_s, _ = trio.run(_calls, serving_relay, at_once, seconds, Path(folder))
        cpu_s, _ = trio.run(_calls, serving_bridge, at_once, seconds, Path(folder))
        logs = sealed_logs(Path(folder))
        call_s = sum(_seconds(path) for path in logs)
        parts = _parts(logs, Path(folder) / "again")
    say(f"{len(logs)} calls at once, {call_s:.0f} s of call, everything logged")
    per_second = {"whole": cpu_s, **parts, "sockets, WebSockets, tasks": cpu_s - sum(parts.values())}
    for name, spent_s in per_second.items():
        say(f"  {name:<28}{spent_s / call_s * 1e3:>7.2f} ms of CPU a second of call{spent_s / cpu_s:>8.0%}")
    say(
        f"  for scale, a bare relay     {relay_s / call_s * 1e3:>7.2f} ms: the same WebSocket library, no log, no marks"
    )
    with TemporaryDirectory() as folder:
        _, fronts = trio.run(_calls, serving_bridge, at_once_clear, seconds, Path(folder))
    delays = sorted(delay for edge, model in fronts for delay in _clear_delays_ms(edge, model))
    say(f"{at_once_clear} calls at once: speech_started leaves the model, clear reaches Twilio; {len(delays)} times")
    marks = [f"p{share} {delays[len(delays) * share // 100]:.2f}" for share in (50, 90, 99)]
    say(f"  {', '.join(marks)}, max {delays[-1]:.2f} ms (two socket hops and the simulators' own loop are in it)")
    say(f"{at_once_clear} calls at once, each interrupted every {TURN_S} s: how late the loop comes to what is due")
    for words in ("none", "words", "none", "words"):
        _say_stalls(words, at_once_clear, seconds, say)


def _say_stalls(words: str, at_once: int, seconds: int, say: Say) -> None:
    """`own`: as far as the loop waited for the process's own threads, and not for the machine."""
    with TemporaryDirectory() as folder:
        trio.run(_calls, partial(serving_ticking, words), at_once, seconds, Path(folder))
        ticks = msgspec.json.decode(Path(folder, TICKS).read_bytes(), type=list[Tick])
        searches = sum(_searches(path) for path in sealed_logs(Path(folder)))
    name = f"{searches} searches for words" if words == "words" else f"{searches} not done"
    for what, all_ms in (("", [tick.late_ms for tick in ticks]), ("own ", [tick.own_ms for tick in ticks])):
        late_ms = sorted(all_ms)
        marks = [f"p{share} {late_ms[int(len(late_ms) * share / 100)]:.2f}" for share in (50, 99, 99.9)]
        say(f"  {name:<24}{what:>4}{', '.join(marks)}, longest stall {late_ms[-1]:.2f} ms")


def _searches(path: Path) -> int:
    with read_call(path) as call:
        return sum(row[4] == "item.aligned" for row in call.rows())


async def _calls(
    serving: Callable[[str, Path], AbstractAsyncContextManager[tuple[int, int]]], count: int, seconds: int, folder: Path
) -> tuple[float, list[tuple[Front, Front]]]:
    """Run `count` calls; the CPU seconds of what serves them, and the two far ends of each call."""
    edges: list[Front] = []
    async with trio.open_nursery() as nursery:
        make_model = partial(RealtimeModel, ModelPlan(replies=replies(seconds), caller_words=("Yes?",) * 50))
        model: Serving = await nursery.start(serve_model, make_model)
        async with serving(model.url, folder) as (pid, port):
            before_s = _cpu_seconds(pid)
            async with trio.open_nursery() as calling:
                for number in range(count):
                    edge = TwilioEdge(EdgePlan(call_sid=f"CA{number:032x}", cues=turn_cues(seconds)))
                    url = f"ws://127.0.0.1:{port}/media"
                    edges.append(await calling.start(partial(dial_edge, url, edge, auth_token=TOKEN)))
                    await trio.sleep(STARTING_S)
            await trio.sleep(1)
            cpu_s = _cpu_seconds(pid) - before_s
        nursery.cancel_scope.cancel()
    return cpu_s, list(zip(edges, model.sessions, strict=True))


def _cpu_seconds(pid: int) -> float:
    """Of a process and those that it has started."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    tasks = Path(f"/proc/{pid}/task").iterdir()  # a child is listed with the thread that started it
    children = [child for task in tasks for child in (task / "children").read_text().split()]
    return (int(fields[11]) + int(fields[12])) / TICK + sum(_cpu_seconds(int(child)) for child in children)


def _seconds(path: Path) -> float:
    with read_call(path) as call:
        return max(row[1] for row in call.rows()) / 1e9


def _parts(logs: list[Path], folder: Path) -> dict[str, float]:
    """CPU seconds that the core and the log took for these calls, by doing their work again."""
    folder.mkdir()
    core_s = log_s = words_s = 0.0
    for path in logs:
        with read_call(path) as logged:
            entries, row = list(logged.entries()), logged.call
        begin = process_time()
        steps, searches = _step_again(entries, msgspec.json.decode(row.config, type=CallSettings))
        core_s += process_time() - begin
        begin = process_time()
        for work in searches:
            work.done()
        words_s += process_time() - begin
        log = CallLog(folder)
        log.open(row)
        begin = process_time()
        for step in steps:
            log.append(step)
        log_s += process_time() - begin
        log.close()
    return {"the core": core_s, "the log": log_s, "finding words": words_s}


def _step_again(entries: list[Entry], settings: CallSettings) -> tuple[list[list[Entry]], list[Work]]:
    """All that happens around `Call.step` but sockets and SQLite; and what words are to be looked for in."""
    call, steps, searches = Call(settings), [], list[Work]()
    for entry in entries:
        if entry.kind == "input":
            body, audio = split(entry.leg, rebuild(entry.body, entry.audio))
            step = call.step(entry.seq, entry.at_ns, entry.leg, body, audio)
            rows = record(step.commands, entry.seq + 1, entry.at_ns, entry.seq)
            for row, command in zip(rows, step.commands, strict=True):
                frame_text(row, command)
            steps.append([entry, *rows])
            searches += [command.work for command in step.commands if isinstance(command, AlignItem)]
    return steps, searches


def _clear_delays_ms(edge: Front, model: Front) -> list[float]:
    """For each clear: how long before it the model had sent `speech_started`. Both fronts run on one clock."""
    opened_s = model.opened_at - edge.opened_at
    started = [
        frame.at_ns / 1e6 + opened_s * 1e3
        for frame in model.frames
        if frame.way == "out" and isinstance(frame.frame, str) and SPEECH_STARTED in frame.frame
    ]
    cleared = [
        frame.at_ns / 1e6
        for frame in edge.frames
        if frame.way == "in" and isinstance(frame.frame, str) and frame.frame.startswith(CLEAR)
    ]
    return [clear - max(start for start in started if start <= clear) for clear in cleared]
