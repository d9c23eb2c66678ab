"""The entries of a log as lines: one for people, one for programs.

For people, what flows is folded (`runs`), and each line says when it was in the call, who told whom, and in a few words
what. For programs there is one JSON object an entry, nothing folded and nothing left out but audio.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec.structs import astuple

from engine.core import events as ev
from replay.flow.gist import gist, gist_of_run
from replay.flow.runs import Run
from replay.flow.seen import Party, Seen
from replay.paint import Line, Span, Style, visible
from replay.text import clock
from replay.trouble import troubles

TYPE_COLUMNS = 34
"""Room for most types; a longer one pushes what it says to the right."""
_STYLES: dict[Party, Style] = {"caller": "caller", "model": "assistant", "engine": "dim", "bridge": "plain"}


def entry_lines(parts: Iterable[Seen | Run]) -> Iterator[Line]:
    """A line each."""
    for part in parts:
        yield _run_line(part) if isinstance(part, Run) and part.entries > 1 else _entry_line(_entry(part))


def json_lines(entries: Iterable[Seen]) -> Iterator[bytes]:
    """A JSON object each, on one line."""
    return (msgspec.json.encode(entry_data(seen)) + b"\n" for seen in entries)


def entry_data(seen: Seen) -> dict[str, Any]:
    """An entry for programs. `body` is JSON where the frame is, else the text that it is."""
    entry = seen.entry
    try:
        body = msgspec.json.decode(entry.body)
    except ev.UNREADABLE:
        body = entry.body
    return {
        "seq": entry.seq,
        "at_ms": entry.at_ns // 1_000_000,
        "stream_ms": seen.stream_ms,
        "kind": entry.kind,
        "leg": entry.leg,
        "type": entry.type,
        "body": body,
        "audio_bytes": seen.samples or None,
        "cause": entry.cause,
        "audio_from": entry.audio_from,
        "audio_to": entry.audio_to,
        "mark": None if seen.mark is None else seen.mark.fate,
    }


def _entry(part: Seen | Run) -> Seen:
    return part.first if isinstance(part, Run) else part


def _entry_line(seen: Seen) -> Line:
    entry = seen.entry
    style: Style = "bad" if seen.malformed or troubles([astuple(entry)]) else "bold"
    said: list[Span] = [(f"{visible(entry.type):<{TYPE_COLUMNS}} ", style), (gist(seen), "plain")]
    return Line(_label(str(entry.seq), seen.stream_ms, seen.source, seen.target), said)


def _run_line(run: Run) -> Line:
    seq = run.first.entry.seq
    kind = f"{visible(run.type)} x {run.count}"
    label = _label(f"{seq}-{run.last_seq}", run.first.stream_ms, run.source, run.target)
    return Line(label, [(f"{kind:<{TYPE_COLUMNS}} ", "dim"), (gist_of_run(run), "dim")])


def _label(seq: str, stream_ms: int, source: Party, target: Party) -> list[Span]:
    leg = source if source != "bridge" else target
    return [
        (f"{seq:>11} {clock(stream_ms):>9}  ", "dim"),
        (f"{source:>6} → {target:<6}  ", _STYLES[leg]),
    ]
