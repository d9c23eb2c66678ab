"""Every entry of a log, to the byte, in less than one byte of the page for each.

Most entries say what another one said before, with other numbers in it: a frame and the next differ in two counters and
a timestamp, and those grow evenly. So a body is cut into its text and its numbers (as `fold` does it); equal texts are
kept once, and of numbers what they are more than in the entry before of that text. What is left is columns of small
numbers that repeat, and `zlib` makes next to nothing of them. Ten minutes of call, 8.5 MB of bodies, come to 60 kB.

Audio is not here: the page has it as sound. An entry says how many samples it carries.
"""

import re
from typing import Any

from engine.core import Entry
from replay.walk import Moment

_NUMBER = re.compile(r"(?<![0-9])(?:0|[1-9][0-9]{0,14})(?![0-9])")
"""Only what a browser gives back: a number with leading zeros, or one beyond 2**53, is text."""
_TENTH_MS = 100_000


class Entries:
    """Tell it every moment. The columns are by step (one input and its commands) or by entry; see `data`."""

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._at_ms: list[int] = []
        self._ours: list[int] = []
        self._last_ms = self._last_ours = 0
        self._jumps: list[tuple[int, int]] = []
        self._next_seq = 1
        self._kinds: dict[tuple[str, str, str], int] = {}
        self._kind: list[int] = []
        self._back: list[int] = []
        self._samples: list[int] = []
        self._texts: dict[tuple[str, ...], int] = {}
        self._text: list[int] = []
        self._numbers: list[int] = []
        self._last_numbers: list[list[int]] = []

    def note(self, moment: Moment) -> None:
        """Take a moment in."""
        ours = moment.entries[0].at_ns // _TENTH_MS
        self._sizes.append(len(moment.entries))
        self._at_ms.append(moment.stream_ms - self._last_ms)
        self._ours.append(ours - self._last_ours)
        self._last_ms, self._last_ours = moment.stream_ms, ours
        for entry in moment.entries:
            self._note(entry)

    def _note(self, entry: Entry) -> None:
        if entry.seq != self._next_seq:
            self._jumps.append((len(self._kind), entry.seq))
        self._next_seq = entry.seq + 1
        self._kind.append(self._kinds.setdefault((entry.kind, entry.leg, entry.type), len(self._kinds)))
        self._back.append(0 if entry.cause is None else entry.seq - entry.cause)
        self._samples.append(_samples(entry))
        text = tuple(_NUMBER.split(entry.body))
        numbers = list(map(int, _NUMBER.findall(entry.body)))
        index = self._texts.setdefault(text, len(self._texts))
        self._text.append(index)
        if index == len(self._last_numbers):
            self._last_numbers.append([0] * len(numbers))
        before = self._last_numbers[index]
        self._numbers += [number - last for number, last in zip(numbers, before, strict=True)]
        self._last_numbers[index] = numbers

    def data(self) -> dict[str, Any]:
        """By step: how many entries, and how much later than the step before: `at_ms` of the stream, `ours` in tenths
        of a millisecond of our own clock. By entry: `kind` (an index), `back` to its cause, `samples` of audio, `text`
        (an index; the pieces between the numbers), and, one after the other, the `numbers` of all. `jumps`: where seqs
        skip, and to what."""
        return {
            "sizes": self._sizes,
            "at_ms": self._at_ms,
            "ours": self._ours,
            "jumps": self._jumps,
            "kinds": list(self._kinds),
            "kind": self._kind,
            "back": self._back,
            "samples": self._samples,
            "texts": list(self._texts),
            "text": self._text,
            "numbers": self._numbers,
        }


def _samples(entry: Entry) -> int:
    if entry.audio_from is not None and entry.audio_to is not None:
        return entry.audio_to - entry.audio_from
    return len(entry.audio or b"")
