"""What is kept of an item's audio for finding words in it: loudness and the coarse shape of the spectrum, per 20 ms.

The shape comes from the autocorrelation of the signal's *direction*: for each sample one bit, whether it is at least as
high as the one before. How often the direction is the same a few samples later says where the spectrum has its peaks,
nearly as well as products of the samples would, in noise better, and for next to nothing: the bits of a frame are one
integer, and comparing it with itself, shifted, is three operations for 160 samples at once.

That is known as soon as the audio is, whatever follows, so the bulk of the work is done as audio arrives. What depends
on all of the audio (how loud is loud, which part of the shape is the voice's own and which the letter's) is done once,
when words are asked for: `vectors`.

Everything that is added up is a whole number, and small enough for a float to hold it exactly. Sums are then the same
in any order, on any machine and under any Python (`sum` of floats changed in 3.12), and so are the words. The one
function of the C library, the logarithm, is rounded at once: here to hundredths of a decibel.
"""

from array import array
from collections.abc import Sequence
from math import cos, log10, pi
from operator import mul, sub

import msgspec

from engine.core.audio import FRAME_SAMPLES, SAMPLE_RATE, SILENCE, linear

LAGS = 20
"""2.4 ms: enough to tell formants apart, too little to see the pitch."""
BANDS = 10
CENTRES_HZ = 200, 3700
"""The lowest and the highest band; the others lie between them, evenly spaced in mel."""
CEPSTRA = 5
COLUMNS = BANDS + 1

POWER_STRIDE = 4
"""Every fourth sample tells as much of the power as all of them."""
WEIGHT_SCALE = 64
"""What band weights are multiplied by, to be whole."""
FLOOR_PART = 200
"""A band is at least this part of the frame's power: an estimate from so few samples can fall below zero."""
LEVEL_PART = 1000
"""And of the loud frames' power: below that, noise would shape the spectrum of silence."""

DB_RANGE = 2_500, 4_800
"""Least and most between loud frames and quiet ones, in hundredths of a decibel."""
QUIET_DB = 3_000
"""Nothing is speech in audio that is never louder: silence and noise in the last bit are not, for want of any."""
LOUDNESS_TOP = 40
"""Loudness is 0 for quiet frames and this for loud ones; the few outside stop at these limits, in hundredths."""
LOUDNESS_LIMITS = -400, 4_800
SPEECH, ACTIVE = 10, 14
"""Loudness from which a frame is speech, and from which it is so clearly that its shape is the voice's."""
UNIT_DB = 0.00001
INACTIVE_WEIGHT = 0.7
"""How much the shape of other frames counts."""


def _mel(hz: float) -> float:
    return 2595 * log10(1 + hz / 700)


def _weights() -> list[list[int]]:
    """For each band, what each lag of the autocorrelation counts: a cosine at its centre under a Hann taper."""
    low, high = map(_mel, CENTRES_HZ)
    centres = [700 * (10 ** ((low + (high - low) * band / (BANDS - 1)) / 2595) - 1) for band in range(BANDS)]
    return [
        [
            round(WEIGHT_SCALE * (2 if lag else 1) * (0.5 + 0.5 * cos(pi * lag / LAGS)) * cos(angle * lag))
            for lag in range(LAGS)
        ]
        for angle in (2 * pi * centre / SAMPLE_RATE for centre in centres)
    ]


WEIGHTS = _weights()
COSINES = [
    [round(2000 / BANDS * cos(pi * (band + 0.5) * order / BANDS)) for band in range(BANDS)]
    for order in range(1, CEPSTRA + 1)
]
"""From the bands' decibels to five numbers for the shape, in thousandths."""

EMPHASIS = 31, 32
"""For the power, y = x - 31/32 of the sample before: speech falls by 6 dB an octave, and this raises it again."""
NOW = [float(linear(code) * EMPHASIS[1]) for code in range(256)]
BEFORE = [float(linear(code) * EMPHASIS[0]) for code in range(256)]
POWER_PER_SQUARE = FRAME_SAMPLES // POWER_STRIDE * EMPHASIS[1] ** 2
"""What a mean square of the raised 16-bit signal comes to in a frame's power."""

HEIGHTS = bytes(sorted(range(256), key=linear).index(code) >> 1 for code in range(256))
"""For `bytes.translate`: a code's place among all, from low to high, in seven bits. The eighth is needed below."""
ONES = int.from_bytes(b"\x01" * FRAME_SAMPLES, "little")
TOPS = ONES << 7
FRAME_BITS = 8 * FRAME_SAMPLES


class Vectors(msgspec.Struct, frozen=True):
    """Audio as the search sees it, seven numbers a frame. Loudness is from 0 (quiet) to 40 (loud), or a little off."""

    rows: list[tuple[float, ...]]
    """Loudness, five for the shape, change of loudness."""
    loudness: list[float]
    speech: int
    """Frames of speech."""


class Features:
    """What is kept of an item's audio. `take` it as it arrives; `snapshot` freezes what there is."""

    __slots__ = ("_bands", "_last", "_rest", "_rises", "frames")

    def __init__(self) -> None:
        self.frames = 0
        """Whole frames of 20 ms taken so far."""
        self._bands = array("d")
        self._rest = b""
        self._last = SILENCE
        self._rises = ONES
        """The directions of the last frame, one byte a sample, 1 where it does not fall; the first sample lowest."""

    def take(self, audio: bytes) -> None:
        """The next of the item's audio, mu-law, any length. About 20 us for 20 ms."""
        audio = self._rest + audio
        whole = len(audio) - len(audio) % FRAME_SAMPLES
        for begin in range(0, whole, FRAME_SAMPLES):
            self._frame(audio[begin : begin + FRAME_SAMPLES])
        self._rest = audio[whole:]

    def snapshot(self, frames: int | None = None) -> "Features":
        """The first `frames` frames (all), which nothing that is taken later changes."""
        made = Features()
        made._bands = self._bands[: None if frames is None else frames * COLUMNS]
        made.frames = len(made._bands) // COLUMNS
        return made

    def _frame(self, frame: bytes) -> None:
        before = bytes((self._last,)) + frame[:-1]
        self._last = frame[-1]
        y = list(map(sub, map(NOW.__getitem__, frame[::POWER_STRIDE]), map(BEFORE.__getitem__, before[::POWER_STRIDE])))
        power = sum(map(mul, y, y)) / POWER_PER_SQUARE
        alike = self._alike(frame, before)
        shape = [max(sum(map(mul, weights, alike)), FRAME_SAMPLES * WEIGHT_SCALE // FLOOR_PART) for weights in WEIGHTS]
        self._bands.append(power)
        self._bands.extend(shape)
        self.frames += 1

    def _alike(self, frame: bytes, before: bytes) -> list[int]:
        """For each lag, how many samples go in the direction of the one so much earlier, less those that do not."""
        heights = int.from_bytes(frame.translate(HEIGHTS), "little") | TOPS
        rises = (heights - int.from_bytes(before.translate(HEIGHTS), "little") & TOPS) >> 7
        earlier = self._rises | rises << FRAME_BITS
        self._rises = rises
        differ = [((earlier >> FRAME_BITS - 8 * lag ^ rises) & ONES).bit_count() for lag in range(LAGS)]
        return [FRAME_SAMPLES - 2 * count for count in differ]

    def vectors(self) -> Vectors:
        """All frames as the search sees them, measured by the loudest and the quietest of them."""
        powers = self._bands[::COLUMNS]
        if not powers:
            return Vectors([], [], 0)
        loudness = _loudness(powers)
        centred = _centred(_shapes(self._bands, powers), loudness)
        changes = [0.0, *map(sub, loudness[2:], loudness), 0.0][: len(loudness)]
        rows = [(level, *shape, change) for level, shape, change in zip(loudness, centred, changes, strict=True)]
        return Vectors(rows, loudness, sum(level > SPEECH for level in loudness))


def _nth(ordered: list[int], percent: int) -> int:
    """The value that `percent` of them do not exceed."""
    return ordered[percent * (len(ordered) - 1) // 100]


def _loudness(powers: Sequence[float]) -> list[float]:
    """Between the quietest (0) and the loudest (LOUDNESS_TOP) of these frames, in hundredths."""
    decibels = [round(1000 * log10(power + 1)) for power in powers]
    ordered = sorted(decibels)
    top = _nth(ordered, 95)
    if top < QUIET_DB:
        return [0.0] * len(decibels)
    bottom = min(max(_nth(ordered, 4), top - DB_RANGE[1]), top - DB_RANGE[0])
    least, most = LOUDNESS_LIMITS
    span = top - bottom
    return [min(max((100 * LOUDNESS_TOP * (level - bottom)) // span, least), most) / 100 for level in decibels]


def _shapes(bands: Sequence[float], powers: Sequence[float]) -> list[list[int]]:
    """The shape of each frame's spectrum: cosine transforms of its bands' decibels, in 1e-5 dB."""
    loud = sorted(powers)[95 * (len(powers) - 1) // 100]
    level = (loud / LEVEL_PART + 1) * WEIGHT_SCALE * FRAME_SAMPLES
    shapes = []
    for begin, power in zip(range(1, len(bands), COLUMNS), powers, strict=True):
        decibels = [round(1000 * log10(power * band + level)) for band in bands[begin : begin + BANDS]]
        shapes.append([sum(map(mul, cosines, decibels)) for cosines in COSINES])
    return shapes


def _centred(shapes: list[list[int]], loudness: list[float]) -> list[list[float]]:
    """The shapes less what is the voice's and the line's own: their mean over speech. In decibels."""
    active = [shape for shape, level in zip(shapes, loudness, strict=True) if level > ACTIVE] or shapes
    means = [sum(column) // len(active) for column in zip(*active, strict=True)]
    return [
        [value * (UNIT_DB if level > ACTIVE else UNIT_DB * INACTIVE_WEIGHT) for value in map(sub, shape, means)]
        for shape, level in zip(shapes, loudness, strict=True)
    ]
