"""Whose audio a bridge sent: found by its bytes.

Our own log says of every stretch of audio which item it is. What another bridge sends says nothing: it may be cut into
other pieces than it came in, be held back, come when it should not come any more, or be no item's at all (a beep, a
greeting from a file). But a model's audio does not repeat, so its bytes tell where it is from. They are looked for

1. where the last piece ended: audio is sent in the order in which it came;
2. at the beginning of a later item;
3. anywhere: then it is out of order.

After a clear, 2 goes before 1, since what goes on then is more likely another item. A piece can hold the end of one
item and the beginning of the next, or be filled up with silence; so what is found may be only the first part of it.

What is sent of an item after a clear has cut it, or out of order, is not what the item's own account goes on with: it
counts as a *sound*, an item beside the conversation, as do the bytes that are nobody's. `heard` of an item stays that
of its beginning up to one place, and of a sound it is known, too.

All this works as long as the bytes that are sent are those that came: with both ends in G.711 mu-law and nothing mixed
or made louder on the way. `doubt` says when that is not so.
"""

from collections.abc import Iterable

import msgspec

from engine.core.audio import FRAME_SAMPLES, ms_of
from engine.core.conversation import Item

SLIP_MAX = FRAME_SAMPLES
"""So much may be missing of an item where it goes on, and it still goes on: a frame that was lost in filling up."""

FOUND_MIN = 0.5
"""Of what was sent. With less, the bridge changes the audio on its way."""
MISSED_MAX = 10 * FRAME_SAMPLES
"""So little may be nobody's without saying anything."""


class Part(msgspec.Struct, frozen=True):
    """Samples [begin, end) of `item`; without an item they are nobody's. `counts_as`: the item, or a sound."""

    item: Item | None
    begin: int
    end: int
    counts_as: Item


class _Voice(msgspec.Struct, eq=False):
    """An item, all its audio so far, and where what was sent of it ends."""

    item: Item
    audio: bytes = b""
    sent: int = 0


class Provenance:
    """The audio of all items, and where the last piece that was sent is from."""

    def __init__(self) -> None:
        self.found_samples = 0
        self.sent_samples = 0
        self.out_of_order: list[Part] = []
        """Parts of items that count as sounds."""
        self._voices: list[_Voice] = []
        self._of_item: dict[str, _Voice] = {}
        self._of_entry: dict[int, tuple[_Voice, int]] = {}
        self._cut: set[str] = set()
        self._at = 0
        self._was_cleared = False

    @property
    def doubt(self) -> str:
        """Why it cannot be followed what was sent. Empty: it can."""
        sent, found = self.sent_samples, self.found_samples
        if not self._voices or sent - found <= MISSED_MAX or found >= sent * FOUND_MIN:
            return ""
        return (
            f"of {ms_of(sent)} ms that were sent to Twilio, {ms_of(found)} ms are the model's audio byte for byte. The "
            "bridge changes it on its way (gain, mixing, another codec), so what was heard of it cannot be followed"
        )

    def generated(self, seq: int, item: Item, audio: bytes) -> None:
        """More of an item came, in entry `seq`."""
        voice = self._of_item.get(item.item_id)
        if voice is None:
            voice = self._of_item[item.item_id] = _Voice(item)
            self._voices.append(voice)
        self._of_entry[seq] = voice, len(voice.audio)
        voice.audio += audio

    def cleared(self, items: Iterable[Item]) -> None:
        """What was sent of these is thrown away, as far as it was not played."""
        self._was_cleared = True
        self._cut |= {item.item_id for item in items}

    def named(self, seq: int, begin: int, end: int) -> Part:
        """Bytes [begin, end) of what came in entry `seq`, as a log of ours says of what was sent."""
        voice, at = self._of_entry.get(seq, (None, 0))
        return self._nobodys(end - begin) if voice is None else self._take(voice, at + begin, end - begin)

    def find(self, audio: bytes) -> list[Part]:
        """The parts that `audio` is made of."""
        parts: list[Part] = []
        while audio:
            part = self._first_part(audio, is_rest=bool(parts))
            parts.append(part)
            audio = audio[part.end - part.begin :]
        return parts

    def _first_part(self, audio: bytes, is_rest: bool) -> Part:
        is_flat = audio.count(audio[0]) == len(audio)
        if is_rest and is_flat:
            return self._nobodys(len(audio))  # filled up with silence, which any item could begin with
        later = self._voices[self._at :]
        ways = (self._at_its_start, self._going_on) if self._was_cleared else (self._going_on, self._at_its_start)
        for way in ways:
            for voice in later:
                length = way(voice, audio)
                if length:
                    return self._take(voice, voice.sent, length)
        for voice in () if is_flat else (*later, *self._voices[: self._at]):
            begin = voice.audio.find(audio)
            if begin >= 0:
                return self._take(voice, begin, len(audio))
        return self._nobodys(len(audio))

    def _going_on(self, voice: _Voice, audio: bytes) -> int:
        return _length(voice.audio, voice.sent, audio) if voice is self._voices[self._at] else 0

    @staticmethod
    def _at_its_start(voice: _Voice, audio: bytes) -> int:
        return 0 if voice.sent else _length(voice.audio, 0, audio)

    def _take(self, voice: _Voice, begin: int, length: int) -> Part:
        self.sent_samples += length
        self.found_samples += length
        item, end = voice.item, begin + length
        goes_on = voice.sent <= begin <= voice.sent + SLIP_MAX
        if goes_on:
            at = self._voices.index(voice)
            self._was_cleared = self._was_cleared and at == self._at
            self._at, voice.sent = at, end
        if goes_on and item.item_id not in self._cut:
            return Part(item, begin, end, item)
        part = Part(item, begin, end, _sound())
        self.out_of_order.append(part)
        return part

    def _nobodys(self, length: int) -> Part:
        self.sent_samples += length
        return Part(None, 0, length, _sound())


def _sound() -> Item:
    return Item("", "sound", "assistant")


def _length(whole: bytes, begin: int, audio: bytes) -> int:
    """How much of `audio` is in `whole` from `begin` on: all of it, or as much as there is; else nothing."""
    if whole.startswith(audio, begin):
        return len(audio)
    rest = whole[begin:]
    return len(rest) if rest and audio.startswith(rest) else 0
