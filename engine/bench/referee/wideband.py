"""Mu-law of the telephone as the recogniser wants it: 16 bit, 16,000 samples a second."""

from array import array
from math import cos, pi, sin

TAPS = 8
"""Samples on either side that a new one is made of."""


def _sample(code: int) -> int:
    """ITU-T G.711: 14 bit, in the upper part of 16."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 0x07)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _weights() -> list[float]:
    """A windowed sinc at the places half a sample, one and a half, ... away, both sides together summing to 1."""
    places = [(tap + 0.5) * pi for tap in range(TAPS)]
    raw = [sin(place) / place * (0.5 + 0.5 * cos(place / TAPS)) for place in places]
    return [weight / sum(raw) / 2 for weight in raw]


_SAMPLES = [_sample(code) for code in range(256)]
_WEIGHTS = _weights()


def wideband(pcmu: bytes) -> bytes:
    """Between each two samples, a new one. Nothing is in it above 4 kHz, as nothing was."""
    given = [_SAMPLES[code] for code in pcmu]
    padded = [0] * (TAPS - 1) + given + [0] * TAPS
    between = [0.0] * len(given)
    for tap, weight in enumerate(_WEIGHTS):
        before, after = padded[TAPS - 1 - tap :], padded[TAPS + tap :]
        between = [old + weight * (a + b) for old, a, b in zip(between, before, after, strict=False)]
    out = array("h", bytes(4 * len(given)))
    out[::2] = array("h", given)
    out[1::2] = array("h", [max(-32768, min(32767, round(value))) for value in between])
    return out.tobytes()
