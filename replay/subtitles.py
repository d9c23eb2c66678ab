"""The two formats of subtitles: WebVTT and SRT.

WebVTT has a specification (https://www.w3.org/TR/webvtt1/): cues stand in the order of their start, each ends after it
starts, and they may overlap; so each speaker has cues of its own, under a voice tag. SRT has none
(https://www.matroska.org/technical/subtitles.html#srt-subtitles), and such descriptions as there are forbid overlaps
(http://devel.aegisub.org/wiki/SubtitleFormats/SRT). So where both speak at once, an SRT cue shows what both say, and
instead of a voice it has the speaker's name, where a turn begins. Nor does it know an escape: signs that players take
for markup are written as others that look much the same.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from unicodedata import bidirectional

from replay.cues import LABELS, Cue

_SRT_SIGNS = str.maketrans("<>{}", "‹›()")  # noqa: RUF001  # that they look the same is the point
_VTT_SIGNS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"


def vtt(cues: Sequence[Cue]) -> str:
    """A WebVTT file; of no cues, its first line."""
    made = ["WEBVTT\n"]
    for cue in cues:
        text = "\n".join(cue.lines).translate(_VTT_SIGNS)
        times = f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}"
        made.append(f"{times}\n<v {LABELS[cue.speaker]}>{text}\n")
    return "\n".join(made)


def srt(cues: Sequence[Cue]) -> str:
    """An SRT file; of no cues, an empty one."""
    made = []
    for number, (start_ms, end_ms, shown) in enumerate(_one_at_a_time(cues), 1):
        text = "\n".join(line for cue in shown for line in _named(cue, len(shown) > 1))
        made.append(f"{number}\n{_clock(start_ms, ',')} --> {_clock(end_ms, ',')}\n{text}\n")
    return "\n".join(made)


def _one_at_a_time(cues: Sequence[Cue]) -> Iterator[tuple[int, int, list[Cue]]]:
    """What is shown from each change to the next, where something is."""
    shown: list[Cue] = []
    coming = deque(cues)
    for start_ms, end_ms in pairwise(sorted({ms for cue in cues for ms in (cue.start_ms, cue.end_ms)})):
        shown = [cue for cue in shown if cue.end_ms > start_ms]
        while coming and coming[0].start_ms <= start_ms:
            shown.append(coming.popleft())
        if shown:
            yield start_ms, end_ms, shown


def _named(cue: Cue, always: bool) -> list[str]:
    first, *rest = (line.translate(_SRT_SIGNS) for line in cue.lines)
    if not (cue.opens or always):
        return [first, *rest]
    # The name would make a line of Hebrew or Arabic run from left to right, and end on the wrong side.
    if any(bidirectional(char) in ("R", "AL") for char in first):
        first = f"{_ISOLATE}{first}{_END_ISOLATE}"
    return [f"{LABELS[cue.speaker]}: {first}", *rest]


def _clock(ms: int, point: str) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"
