"""After the call: what was heard against what was generated, the bridge against the truth, and what to type next.

The truth is the simulated phone's: it counts the samples that it plays. The bridge has only what Twilio tells: marks
that come back. So the error shown here is the one figure that no real call can show.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import msgspec

from engine.core import Call, report
from engine.core.audio import SAMPLES_PER_MS, ms_of
from engine.core.report import Interrupted, InterruptedItem, Turn
from engine.demo.stage import Performance
from engine.sim.truth import heard_runs
from replay.paint import Line, Span, Style, line, visible
from replay.text import clock

LABEL = 23
SHORT_SID = 8
"""Letters that name a call well enough for a shell."""
ERROR_MS_MAX = 20
"""What the project promises of a calm line, for nearly every truncate."""


class Truth(msgspec.Struct, frozen=True):
    """Of one item: the samples that the phone played, and those that the model keeps, if it knows of it."""

    played_samples: int
    kept_samples: int | None


def truths(performance: Performance) -> dict[str, Truth]:
    """The truth about each item of the assistant."""
    items = performance.model.conversation.items
    played = {run.item_id: run.end for run in heard_runs(performance.edge.played, items)}
    return {
        item.item_id: Truth(played.get(item.item_id, 0), item.kept_samples if item.in_conversation else None)
        for item in items
        if item.role == "assistant"
    }


def ending_lines(call: Call, performance: Performance) -> Iterator[Line]:
    """What this call shows. Without an interruption (it was hung up before), that it shows nothing."""
    told, known = report(call), truths(performance)
    turns = {turn.item_id: turn for turn in told.turns}
    yield line()
    yield line(("What was generated, and what the caller heard", "bold"))
    if not told.interruptions:
        yield line("  nobody was interrupted in this call")
    for cut in told.interruptions:
        yield from _texts([turn for turn in told.turns if turn.response_id in _responses(cut, turns)])
        for item in cut.items:
            yield from _judgement(cut, item, turns[item.item_id], known[item.item_id])


def _responses(cut: Interrupted, turns: dict[str, Turn]) -> set[str | None]:
    return {turns[item.item_id].response_id for item in cut.items}


def _texts(turns: list[Turn]) -> Iterator[Line]:
    yield _row("generated", visible(" ".join(turn.generated_text for turn in turns)))
    spans: list[Span] = []
    for turn in turns:
        heard, unheard = visible(turn.heard_text), visible(turn.generated_text[len(turn.heard_text) :])
        spans += [(f"{heard} ", "bold")] if heard else []
        spans += [(unheard, "unheard")] if unheard else []
    yield Line(_label("heard"), spans)


def _judgement(cut: Interrupted, item: InterruptedItem, turn: Turn, truth: Truth) -> Iterator[Line]:
    error_ms = item.heard_ms - truth.played_samples / SAMPLES_PER_MS
    style: Style = "good" if abs(error_ms) <= ERROR_MS_MAX else "bad"
    effective = f", the clear took effect at {clock(cut.clear_effective_ms)}" if cut.clear_effective_ms else ""
    yield line()
    yield line((f"  {item.item_id}", "bold"), f"  {turn.generated_ms} ms generated and sent{effective}")
    yield _row("the phone played", f"{ms_of(truth.played_samples)} ms", "  its own count of samples: the truth")
    yield Line(
        _label("the bridge says"),
        [(f"{item.heard_ms} ms", "bold"), (f"  {error_ms:+.1f} ms", style), ("  from marks alone", "dim")],
    )
    yield _row("the model was told", _told(item), f"  {item.outcome}")
    keeps = "nothing of it" if truth.kept_samples is None else f"{ms_of(truth.kept_samples)} ms"
    yield _row("the model remembers", keeps)


def _told(item: InterruptedItem) -> str:
    if item.action == "none":
        return "nothing: all of it was heard"
    if item.action == "delete":
        return "conversation.item.delete: none of it was heard"
    return f"conversation.item.truncate, audio_end_ms {item.audio_end_ms}"


def _label(words: str) -> list[Span]:
    return [(f"  {words}".ljust(LABEL), "plain")]


def _row(label: str, words: str, note: str = "") -> Line:
    return Line(_label(label), [(words, "plain"), (note, "dim")])


def next_lines(calls_dir: Path, log: Path) -> Iterator[Line]:
    """What to type next, as it has to be typed here."""
    setting = "" if calls_dir == Path("calls") else f"CALLS_DIR={quote(str(calls_dir))} "
    replay, bridge = _command("replay"), _command("bridge")
    # The shell finds the rest: a line that fits into the terminal can be copied.
    short = f"{quote(str(calls_dir))}/*/{log.name[:SHORT_SID]}*.db"
    yield line()
    yield line(("Next", "bold"))
    for what, typed in (
        ("this call", f"{setting}{replay} last"),
        ("every word", f"{setting}{replay} words last"),
        ("as data", f"{setting}{replay} last --json"),
        ("all calls", f"{setting}{replay} ls"),
        ("its log", str(log)),
        ("every frame", f"sqlite3 -readonly {short} 'SELECT * FROM frames'"),
        ("in a browser", f"datasette {short}"),
        ("a real call", f"{bridge} serve --help, and README.md: how to point Twilio at it"),
    ):
        yield Line([(f"  {what:<14}", "dim")], [(typed, "plain")])


def _command(name: str) -> str:
    """A command of ours as this shell would find it."""
    beside = Path(sys.executable).with_name(name)
    if shutil.which(name) or not beside.exists():
        return name
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)
