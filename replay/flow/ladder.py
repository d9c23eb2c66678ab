"""The ladder of a call: who said what to whom, one rung after the other, between caller, bridge and model.

A rung is an arrow from lane to lane with a label; one that begins and ends in the bridge's lane is a note of what the
bridge was told by its own shell, or asked of it. What flows all the time is folded into bars (`runs`). Who draws them,
a terminal, Mermaid or a page, decides nothing more.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
from msgspec.structs import astuple

from replay.flow.gist import gist, gist_of_run
from replay.flow.runs import Run, fold
from replay.flow.seen import Look, Seen
from replay.paint import visible
from replay.rows import Log
from replay.trouble import troubles

Lane = Literal["caller", "bridge", "model"]
Kind = Literal["frame", "note", "trouble", "audio", "generated", "played", "echoes", "words", "restored"]
LANES: tuple[Lane, ...] = ("caller", "bridge", "model")
GAP_MS_MIN = 1000
"""From here on the time between two rungs is worth a line of its own."""

_SHORT = (
    ("conversation.item.input_audio_transcription.", "transcription."),
    ("conversation.", ""),
    ("input_audio_buffer.", ""),
    ("response.output_audio_transcript.", "transcript."),
    ("response.audio_transcript.", "transcript."),
    ("response.output_audio.", "audio."),
    ("response.audio.", "audio."),
    ("response.output_item.", "output_item."),
    ("response.content_part.", "content_part."),
)


class Rung(msgspec.Struct, frozen=True):
    """`seq` to `last_seq`: its entries; of a bar, others may stand between them. `source`, `target`: lanes, the same of
    a note. `kind`: how to draw it; `trouble` is a frame or a note of something that should not have been, and the last
    six are bars. `count`: of frames in a bar, else 1. `is_away`: there was no socket to the model, for it was lost."""

    seq: int
    last_seq: int
    stream_ms: int
    source: str
    target: str
    label: str
    detail: str
    count: int
    kind: str
    last_ms: int = 0
    """Stream time of the last entry."""
    is_away: bool = False


def rungs(log: Log) -> Iterator[Rung]:
    """The whole ladder. What became of marks is known at the end of a log, so all of it is read first."""
    return climb(list(Look(log)))


def climb(entries: Iterable[Seen]) -> Iterator[Rung]:
    """The rungs that some entries make."""
    return (_bar(part) if isinstance(part, Run) else _frame(part) for part in fold(entries))


def _frame(seen: Seen) -> Rung:
    entry = seen.entry
    if entry.leg == "engine":
        source = target = "bridge"
    else:
        source, target = seen.source, seen.target
    kind: Kind = "note" if source == target else "frame"
    if seen.malformed or troubles([astuple(entry)]):
        kind = "trouble"
    label = short(entry.type)
    at_ms, is_away = seen.stream_ms, seen.is_away
    return Rung(entry.seq, entry.seq, at_ms, source, target, label, gist(seen), 1, kind, at_ms, is_away)


def _bar(run: Run) -> Rung:
    name = {"generated": "audio.delta", "words": "words"}.get(run.flow) or short(run.type)
    label = f"{name} x {run.count}" if run.count > 1 else name
    return Rung(
        run.first.entry.seq,
        run.last_seq,
        run.first.stream_ms,
        run.source,
        run.target,
        label,
        gist_of_run(run),
        run.count,
        run.flow,
        run.last_ms,
        run.first.is_away,
    )


def short(type_: str) -> str:
    """A type without what its arrow says already."""
    for prefix, rest in _SHORT:
        if type_.startswith(prefix):
            return visible(rest + type_.removeprefix(prefix))
    return visible(type_)
