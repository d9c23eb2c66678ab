"""The ladder as lines of a terminal: time runs down, and between the lanes an arrow for each rung.

    236   0:01.390  +0.625  │ from 1000 ms of input, item_u1   │◀─ speech_started ─────────────────│
    237   0:01.390          │◀─ clear ─────────────────────────│                                   │
    239   0:01.400  +0.010  │═ media x 51 1.02 s ══════════════╪══════════════════════════════════▶│

Arrows of one frame are single lines, bars are double ones. On the arrow is what it is, and beside it, between the lanes
that it leaves free, what it says, as far as there is room; the entry's number in front finds the rest. Colours tell the
legs apart; without them nothing is lost. While there is no socket to the model because it was lost, its lane is broken.
"""

from collections.abc import Iterable, Iterator

import msgspec

from replay.columns import clip, fit, width, wrap
from replay.flow.ladder import GAP_MS_MIN, LANES, Rung
from replay.paint import Line, Span, Style, line
from replay.text import clock

LABEL_COLUMNS = 28
LANES_COLUMNS_MIN = 24

_LANE, _LOST_LANE = "│", "╎"
_TOLD = frozenset(
    {"speech_started", "clear", "response.cancel", "item.truncate", "item.truncated", "item.delete", "item.deleted"}
)
"""An interruption, to be found at a glance."""


class Lanes(msgspec.Struct, frozen=True):
    """The columns of the three lanes, from the left one's."""

    caller: int
    bridge: int
    model: int

    def of(self, lane: str) -> int:
        """Where a lane is."""
        return {"caller": self.caller, "bridge": self.bridge, "model": self.model}[lane]


def lanes_of(columns: int) -> Lanes:
    """The lanes in a terminal of so many columns."""
    model = max(columns - LABEL_COLUMNS, LANES_COLUMNS_MIN) - 1
    return Lanes(0, model // 2, model)


def ladder_lines(rungs: Iterable[Rung], columns: int, bodies: dict[int, str] | None = None) -> Iterator[Line]:
    """The ladder; with `bodies`, under each arrow the frame of that entry, of a bar the first one."""
    lanes = lanes_of(columns)
    yield heading(lanes)
    before: int | None = None
    for rung in rungs:
        gap = 0 if before is None else rung.stream_ms - before
        if gap >= GAP_MS_MIN:
            yield gap_line(gap, lanes)
        yield rung_line(rung, gap, lanes)
        before = rung.stream_ms
        if bodies is not None:
            for part in wrap(bodies[rung.seq], lanes.model + 1):
                yield line((part, "dim"), label=" " * LABEL_COLUMNS)


def heading(lanes: Lanes) -> Line:
    """The names, over their lanes."""
    between = lanes.bridge - len("caller") - len("bridge") // 2
    behind = lanes.model - lanes.bridge - len("bridge") // 2 - len("model") + 1
    names: list[Span] = [
        ("caller", "caller"),
        (" " * between, "plain"),
        ("bridge", "bold"),
        (" " * behind, "plain"),
        ("model", "assistant"),
    ]
    return Line([(f"{'entry':>7}  {'time':>9}  {'gap':<7} ", "dim")], names)


def gap_line(gap_ms: int, lanes: Lanes) -> Line:
    """A time in which there is nothing to show."""
    said = f"... {gap_ms / 1000:.2f} s"
    return Line([(f"{said:>27} ", "warn")], [(_empty(lanes, "┊"), "dim")])


def rung_line(rung: Rung, gap_ms: int, lanes: Lanes) -> Line:
    """One rung."""
    gap = f"+{gap_ms / 1000:.3f}" if gap_ms > 0 else ""
    label: list[Span] = [(f"{rung.seq:>7}  {clock(rung.stream_ms):>9}  {gap:<7} ", "dim")]
    text = _note(rung, lanes) if rung.source == rung.target else _arrow(rung, lanes)
    return Line(label, text)


def style_of(rung: Rung) -> Style:
    """How its words look."""
    if rung.kind == "trouble":
        return "bad"
    if rung.label in _TOLD or (rung.label == "mark" and rung.kind == "frame"):
        return "bold"
    if rung.kind in ("frame", "words"):
        return "caller" if "caller" in (rung.source, rung.target) else "assistant"
    return "dim"


def _note(rung: Rung, lanes: Lanes) -> list[Span]:
    said = clip(f"{rung.label} {rung.detail}".strip(), lanes.model - lanes.caller - 7)
    before = max(lanes.bridge - (width(said) + 4) // 2, 2) - 1
    after = lanes.model - before - width(said) - 5
    return [
        ("│" + " " * before, "dim"),
        (f"[ {said} ]", style_of(rung)),
        (" " * after + _model_lane(rung), "dim"),
    ]


def _arrow(rung: Rung, lanes: Lanes) -> list[Span]:
    begin, end = lanes.of(rung.source), lanes.of(rung.target)
    left, right = min(begin, end), max(begin, end)
    beside, on = rung.detail, rung.label
    if left < lanes.bridge < right:
        on, beside = f"{on} {beside}".strip(), ""
    style = style_of(rung)
    shown: list[Span] = [("│", "dim"), *_shaft(rung, on, right - left - 1, lanes.bridge - left - 1)]
    told: Style = "dim" if style == "dim" else "plain"
    if right < lanes.model:
        return [*shown, ("│", "dim"), (fit(f" {beside}", lanes.model - right - 1), told), (_model_lane(rung), "dim")]
    if left > lanes.caller:
        return [("│", "dim"), (fit(f" {beside}", left - 1), told), *shown, ("│", "dim")]
    return [*shown, ("│", "dim")]


def _model_lane(rung: Rung) -> str:
    return _LOST_LANE if rung.is_away else _LANE


def _shaft(rung: Rung, words: str, columns: int, bridge: int) -> list[Span]:
    """An arrow of so many columns with words on it; `bridge`: the column at which it may cross that lane."""
    stroke = "─" if rung.kind in ("frame", "trouble") else "═"
    is_left = LANES.index(rung.source) > LANES.index(rung.target)
    tail, head = (f"◀{stroke} ", "") if is_left else (f"{stroke} ", "▶")
    said = clip(words, columns - len(tail) - len(head) - 2)
    shaft = " " + stroke * (columns - len(tail) - width(said) - 1 - len(head))
    crossed = bridge - len(tail) - width(said)
    if 0 < crossed < len(shaft):
        shaft = shaft[:crossed] + ("┼" if stroke == "─" else "╪") + shaft[crossed + 1 :]
    style = style_of(rung)
    drawn: Style = "dim" if stroke == "═" else style
    return [(tail, drawn), (said, style), (shaft + head, drawn)]


def _empty(lanes: Lanes, lane: str = "│") -> str:
    """Nothing but the lanes."""
    between, behind = lanes.bridge - lanes.caller - 1, lanes.model - lanes.bridge - 1
    return f"{lane}{' ' * between}{lane}{' ' * behind}{lane}"
