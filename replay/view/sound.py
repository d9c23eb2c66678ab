"""The call as sound, small enough to be part of a page, and its peaks, so that drawing it needs no decoding.

A mu-law code has its sign and its size in separate bits, so codes of neighbouring values are far apart as numbers. Here
each code becomes its *rank*: its place among all 256 in the order of what they stand for. Ranks of one sample and the
next are near each other, their difference is a small number, and small numbers compress (`zlib`, which a browser can
undo).

Speech comes to 6.3 kB a second, a line's noise to 3 to 6. Where that is more than the page has room for, the lowest
bits of the ranks go: with 7 of 8 bits the error is at most one step of the quantiser, which a phone line has anyway.

Sound never says the same thing twice, so `zlib` is told to look for nothing but runs, that is for silence: the rest is
done by the lengths of its codes. That is as small as a search is, to some percent, and twenty times as fast.

Differences are taken of all samples at once, as one very long number: a loop over samples would take a second a minute.
"""

import zlib
from collections.abc import Iterable

import msgspec

from engine.core.audio import SAMPLE_RATE, SILENCE, linear
from replay.sound.ear import Tracks

BITS = (8, 7, 6, 5)
"""What may be left of a rank. At 5 a voice is still known by its sound."""
PEAKS_PER_SECOND = 100
_PEAK_SAMPLES = SAMPLE_RATE // PEAKS_PER_SECOND
_ORDER = sorted(range(256), key=lambda code: (linear(code), code))
_RANK = bytes(_ORDER.index(code) for code in range(256))
_MEM_LEVEL = 7
"""Less than usual: codes are chosen anew more often, and follow from voice to silence and back."""
_LOUDEST = max(map(linear, range(256)))
_PEAK = bytes(round(255 * (abs(linear(code)) / _LOUDEST) ** 0.5) for code in range(256))
"""Mu-law code to what is drawn: the square root, so that quiet speech can be seen beside loud."""


class Sound(msgspec.Struct, frozen=True):
    """The tracks, packed. `values`: what each rank that is left stands for, 16 bits linear."""

    bits: int
    values: list[int]
    tracks: dict[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all tracks."""
        return sum(map(len, self.tracks.values()))


def pack(tracks: Tracks, size_max: int) -> Sound:
    """The sound as exactly as it can be had in `size_max` bytes, or as small as it can be made."""
    named = {name: track for name, track in _named(tracks) if has_sound(track)}
    for bits in BITS:
        sound = Sound(bits, _values(bits), {name: _packed(track, bits) for name, track in named.items()})
        if sound.size <= size_max:
            break
    return sound


def has_sound(track: bytes) -> bool:
    """Whether there is anything but silence in it."""
    return track.count(SILENCE) < len(track)


def peaks(tracks: Tracks) -> dict[str, bytes]:
    """The loudest sample of each 10 ms of each track, 0 to 255."""
    return {name: _peaks(track.translate(_PEAK)) for name, track in _named(tracks)}


def _named(tracks: Tracks) -> Iterable[tuple[str, bytes]]:
    return ("caller", tracks.caller), ("ear", tracks.ear), ("unheard", tracks.unheard)


def _peaks(sizes: bytes) -> bytes:
    return bytes(max(sizes[begin : begin + _PEAK_SAMPLES]) for begin in range(0, len(sizes), _PEAK_SAMPLES))


def _packed(track: bytes, bits: int) -> bytes:
    ranks = track.translate(bytes(rank >> 8 - bits for rank in _RANK))
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, _MEM_LEVEL, zlib.Z_RLE)
    return packer.compress(_differences(ranks)) + packer.flush()


def _differences(ranks: bytes) -> bytes:
    """Each rank less the one before it, modulo 256. Byte by byte in one subtraction: with the highest bit of each byte
    set in what is subtracted from and cleared in what is subtracted nothing is borrowed from the byte above, and the
    highest bits are put right after it."""
    size = len(ranks)
    highest = int.from_bytes(b"\x80" * size, "little")
    lower = int.from_bytes(b"\x7f" * size, "little")
    these = int.from_bytes(ranks, "little")
    before = int.from_bytes(b"\0" + ranks[:-1], "little")
    difference = ((these | highest) - (before & lower)) ^ (~(these ^ before) & highest)
    return difference.to_bytes(size, "little")


def _values(bits: int) -> list[int]:
    """Silence stays silence; else the middle of what is no longer told apart."""
    width = 1 << 8 - bits
    groups = [_ORDER[begin : begin + width] for begin in range(0, 256, width)]
    return [0 if SILENCE in group else round(sum(map(linear, group)) / width) for group in groups]
