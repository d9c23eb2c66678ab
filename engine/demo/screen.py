"""A view as a picture for a terminal: two lanes of words, three bars, and the interruption.

Words that were heard are bright, words on their way to the ear are dim, words that will never be heard are struck
through. The three bars have one scale: the model runs ahead, Twilio is handed all of it, and the ear follows at the
speed of speech.

Every line is cut or wrapped here and nowhere else, so the picture is a list of lines of at most `width` columns, and
what does not fit into `height` lines is the oldest of the conversation.
"""

from rich.console import Console
from rich.text import Text

from engine.core.report import Interrupted
from engine.demo.view import Reach, Spoken, View
from replay.paint import visible
from replay.text import clock

SCALE_MS = 8_000
"""What a whole bar stands for, unless more was generated: one scale for the call, so that speed can be seen."""
FLASH_MS = 1_200
LANES_WIDTH_MIN = 60
"""Below this the lanes are laid one upon the other."""
MARGIN, GAP = 9, 3
"""Columns before the lanes, for the time, and between them."""
LABEL = 13
"""Columns before a bar and before what an interruption led to."""

BAR, TRACK = "━", "─"
HEARD, COMING, LOST = "bold bright_white", "grey50", "red strike"
CALLER, ASSISTANT = "bold cyan", "bold green"
ALARM, CALM = "bold white on red", "bold red"


def picture(seen: View, width: int, height: int) -> list[Text]:
    """At most `height` lines of at most `width` columns."""
    above = [_title(seen, width), Text()]
    if width >= LANES_WIDTH_MIN:
        above.append(
            Text.assemble(" " * MARGIN, ("caller".ljust(_lane(width) + GAP), CALLER), ("assistant", ASSISTANT))
        )
    below = [Text(), *_bars(seen.reach, width), *_interruption(seen)]
    room = max(1, height - len(above) - len(below))
    lines = [*above, *_lanes(seen, width)[-room:], *below][:height]
    for made in lines:
        made.truncate(width)
    return lines


def _title(seen: View, width: int) -> Text:
    left = Text.assemble(("Playhead", "bold"), ("  the bakery call, read from its log", "dim"))
    right = Text.assemble(
        (f"{seen.state}  ", ASSISTANT if seen.state == "live" else "dim"), (_clock(seen.at_ms), "bold")
    )
    left.truncate(max(0, width - right.cell_len - 1))
    return Text.assemble(left, " " * max(1, width - left.cell_len - right.cell_len), right)


def _clock(ms: int) -> str:
    """To the tenth: it is read while it moves."""
    return clock(ms)[:-2]


# The lanes


def _lanes(seen: View, width: int) -> list[Text]:
    console, is_wide = Console(), width >= LANES_WIDTH_MIN
    lines: list[Text] = []
    for spoken in seen.spoken:
        words = _words(spoken, seen.is_caller_speaking)
        if is_wide:
            started = "" if spoken.start_ms is None else _clock(spoken.start_ms)
            label = Text(started.rjust(MARGIN - 2).ljust(MARGIN), "dim")
            indent = " " * (_lane(width) + GAP if spoken.speaker == "assistant" else 0)
        else:
            label, indent = Text.assemble((">" if spoken.speaker == "caller" else "<", "bold"), " "), ""
        for part in words.wrap(console, _lane(width) if is_wide else width - label.cell_len):
            lines.append(Text.assemble(label, indent, part))
            label = Text(" " * label.cell_len)
    return lines


def _lane(width: int) -> int:
    return (width - MARGIN - GAP) // 2


def _words(spoken: Spoken, is_caller_speaking: bool) -> Text:
    heard, unheard = visible(spoken.heard), visible(spoken.unheard)
    if spoken.speaker == "caller":
        return Text(heard, HEARD) if heard else Text("speaking ..." if is_caller_speaking else "...", CALLER)
    gap = " " if heard and spoken.unheard[:1].isspace() else ""
    return Text.assemble((heard + gap, HEARD), (unheard, LOST if spoken.is_cut else COMING))


# The bars


def _bars(reach: Reach | None, width: int) -> list[Text]:
    reach = reach or Reach(0, 0, 0, is_cut=False)
    scale_ms = max(SCALE_MS, reach.generated_ms)
    room = max(4, width - LABEL - 8)
    heard, sent, generated = (round(ms * room / scale_ms) for ms in (reach.heard_ms, reach.sent_ms, reach.generated_ms))
    lost = "red" if reach.is_cut else "grey42"
    return [
        _bar("generated", [(generated, "grey42")], reach.generated_ms, room, "dim"),
        _bar("sent", [(heard, "green"), (sent - heard, lost)], reach.sent_ms, room, "dim"),
        _bar("heard", [(heard, "bright_green")], reach.heard_ms, room, "bold bright_green"),
    ]


def _bar(label: str, parts: list[tuple[int, str]], ms: int, room: int, style: str) -> Text:
    made = Text(f" {label}".ljust(LABEL), style)
    for cells, colour in parts:
        made.append(BAR * cells, colour)
    made.append(TRACK * max(0, LABEL + room - made.cell_len), "grey23")
    return made.append(f"{ms / 1000:6.2f} s", style)


# The interruption


def _interruption(seen: View) -> list[Text]:
    """Five lines, whether there is anything to say or not, so that the picture does not jump."""
    cut = seen.interruption
    lines = [Text()] if cut is None else [Text(), *_steps(seen, cut)]
    return (lines + [Text()] * 5)[: max(5, len(lines))]


def _steps(seen: View, cut: Interrupted) -> list[Text]:
    is_new = seen.at_ms - cut.at_ms < FLASH_MS
    began_ms = cut.caller_onset_ms if cut.caller_onset_ms is not None else cut.at_ms
    alarm = Text.assemble((" BARGE-IN ", ALARM if is_new else CALM), " " * (LABEL - 10))
    lines = [
        Text.assemble(alarm, f"{clock(began_ms)}  ", ("the caller talks over the assistant", "bold" if is_new else "")),
        _step("to Twilio", cut.clear_sent_ms, "clear, and a mark behind it"),
    ]
    if cut.clear_effective_ms is None:
        return lines
    heard = ", ".join(f"{item.heard_ms} ms of {item.item_id}" for item in cut.items)
    lines.append(_step("took effect", cut.clear_effective_ms, f"heard: {heard}"))
    for item in cut.items:
        if item.action != "none":
            at = "" if item.audio_end_ms is None else f" at {item.audio_end_ms} ms"
            lines.append(_step("to model", None, f"{item.action}{at}: {item.outcome} ({item.item_id})"))
    return lines


def _step(what: str, at_ms: int | None, words: str) -> Text:
    at = "" if at_ms is None else clock(at_ms)
    return Text.assemble((f" {what}".ljust(LABEL), "yellow"), f"{at:<8}  {words}")
