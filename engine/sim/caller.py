"""The caller at the phone: listens, speaks, presses keys, hangs up. All on cue.

A cue is due some time after the call began, or after certain bytes were played to the caller. The bytes of speech do
not repeat, so a few milliseconds of an item's audio name a place in it, whoever cut it into whatever pieces on the way.

All times are stream time.
"""

from heapq import heappop, heappush

import msgspec

from engine.core.audio import FRAME_SAMPLES, SILENCE
from engine.sim.machine import NS_PER_MS, NS_PER_SAMPLE

SILENT_FRAME = bytes([SILENCE]) * FRAME_SAMPLES


class Cue(msgspec.Struct, frozen=True):
    """Something that the caller does, `delay_ms` after the bytes `after` were played (or after the stream's start)."""

    delay_ms: int
    after: bytes = b""
    audio: bytes = b""
    """What the caller says. Pauses are part of it."""
    digit: str = ""
    hang_up: bool = False


class _DueCue(msgspec.Struct, order=True, frozen=True):
    due_ns: int
    ordinal: int
    cue: Cue


class Caller:
    """Calls come in the order of their times."""

    def __init__(self, cues: tuple[Cue, ...]) -> None:
        self._waiting = [cue for cue in cues if cue.after]
        self._due: list[_DueCue] = []
        self._cues_planned = 0
        self._tail = b""
        self._mouth: list[tuple[int, bytes]] = []
        for cue in cues:
            if not cue.after:
                self._plan(cue, 0)

    def hear(self, start_samples: int, audio: bytes) -> None:
        """This audio will be played from `start_samples` on, unless a clear comes first."""
        if not self._waiting:
            return
        stretch = self._tail + audio
        first_samples = start_samples - len(self._tail)
        for cue in tuple(self._waiting):
            found = stretch.find(cue.after)
            if found >= 0:
                self._waiting.remove(cue)
                self._plan(cue, (first_samples + found + len(cue.after)) * NS_PER_SAMPLE)
        longest = max((len(cue.after) for cue in self._waiting), default=1)
        self._tail = stretch[max(0, len(stretch) - longest + 1) :]

    def unhear(self, now_ns: int) -> None:
        """A clear: what was still to be played never will be, and its cues wait again."""
        self._tail = b""
        never = [due for due in self._due if due.cue.after and due.due_ns - due.cue.delay_ms * NS_PER_MS > now_ns]
        for due in never:
            self._due.remove(due)
            self._waiting.append(due.cue)
        self._due.sort()

    def next_cue_ns(self) -> int | None:
        """When the caller next acts, as far as is known."""
        return self._due[0].due_ns if self._due else None

    def take_cue(self) -> Cue:
        """The cue whose time has come. What it says, it says from now on."""
        due = heappop(self._due)
        if due.cue.audio:
            self._mouth.append((-(-due.due_ns // NS_PER_SAMPLE), due.cue.audio))
        return due.cue

    @property
    def is_silent(self) -> bool:
        """Nothing is being said."""
        return not self._mouth

    def frame(self, start_samples: int) -> bytes:
        """The 20 ms recorded from `start_samples` on. Each stretch can be taken once, in order."""
        end_samples = start_samples + FRAME_SAMPLES
        recorded = bytearray(SILENT_FRAME)
        for at_samples, audio in self._mouth:
            begin, end = max(at_samples, start_samples), min(at_samples + len(audio), end_samples)
            if begin < end:
                recorded[begin - start_samples : end - start_samples] = audio[begin - at_samples : end - at_samples]
        self._mouth = [said for said in self._mouth if said[0] + len(said[1]) > end_samples]
        return bytes(recorded)

    def _plan(self, cue: Cue, moment_ns: int) -> None:
        heappush(self._due, _DueCue(moment_ns + cue.delay_ms * NS_PER_MS, self._cues_planned, cue))
        self._cues_planned += 1
