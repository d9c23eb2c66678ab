"""Handing an item's audio to Twilio, with marks in it that say later how far it was heard.

The caller may interrupt at any moment, and only a mark's echo is proof. Marks cost a frame out and a frame back, so
they are dense where they are needed: at the start of a playout, where a jittery line can still starve it, and sparser
once Twilio holds a reserve. A *probe* goes before the first audio of a silent playout: Twilio has nothing to play
before it, so its echo dates the start and measures the line.
"""

from collections.abc import Callable

from engine.core.audio import FRAME_SAMPLES, samples_of
from engine.core.commands import Command, PlaceMark, PlayAudio
from engine.core.conversation import Item
from engine.core.hearing import Hearing

DENSE_MS = 400
"""How far into a playout marks are dense: twice the jitter that a usable line has."""
DENSE_EVERY_MS = 40
"""Two caller frames: echoes closer together could not be told apart by their dates."""


class Speaker:
    """Cuts audio into stretches between marks. `name` gives the next unused mark name for a prefix."""

    def __init__(self, hearing: Hearing, name: Callable[[str], str], mark_every_ms: int) -> None:
        self._hearing = hearing
        self._name = name
        self._sparse = max(samples_of(mark_every_ms), FRAME_SAMPLES)
        self._dense = min(samples_of(DENSE_EVERY_MS), self._sparse)
        self._begun = 0
        """Playout position at which it was last silent."""

    def play(self, stream_sid: str, item: Item, audio: bytes, source: int, at_ns: int) -> list[Command]:
        """Send `audio` (of entry `source`), the next of `item`."""
        if not audio:
            return []
        commands: list[Command] = []
        playout = self._hearing.playout
        if not playout.is_unplayed:
            self._begun = playout.sent
            commands.append(self._mark(stream_sid, "probe", at_ns))
        begin = 0
        while begin < len(audio):
            is_dense = playout.sent - self._begun < samples_of(DENSE_MS)
            end = begin + self._stretch(len(audio) - begin, self._dense if is_dense else self._sparse)
            commands.append(PlayAudio(stream_sid, audio[begin:end], source, begin, end))
            self._hearing.sent_audio(item, end - begin)
            if is_dense or playout.unmarked_samples >= self._sparse // 2:
                commands.append(self._mark(stream_sid, "mark", at_ns))
            begin = end
        return commands

    def finish(self, stream_sid: str, at_ns: int) -> list[Command]:
        """Nothing more is coming for now: mark what was sent since the last mark."""
        return [self._mark(stream_sid, "mark", at_ns)] if self._hearing.playout.unmarked_samples else []

    @staticmethod
    def _stretch(left: int, most: int) -> int:
        """Samples to send at once: `left` in equal parts of at most `most`, whole caller frames but for the last."""
        if left <= most:
            return left
        part = -(-left // -(-left // most))
        return min(most, -(-part // FRAME_SAMPLES) * FRAME_SAMPLES)

    def _mark(self, stream_sid: str, prefix: str, at_ns: int) -> PlaceMark:
        name = self._name(prefix)
        self._hearing.sent_mark(name, at_ns)
        return PlaceMark(stream_sid, name)
