"""Mu-law tracks as one WAV file: 16 bits linear, 8,000 samples a second, which everything plays.

For two channels the plain header will do. A third needs WAVE_FORMAT_EXTENSIBLE, which says of each where it is
(https://learn.microsoft.com/windows-hardware/drivers/audio/extensible-wave-format-descriptors): without it a third
channel is taken for a subwoofer, or for a surround speaker. The third one is in front, in the middle. So a player with
two speakers puts it into both, and an editor shows it as a track of its own.

Nothing here is done sample by sample: a table gives each byte of the result, and slices interleave them.
"""

import struct

from engine.core.audio import SAMPLE_RATE, linear

BYTES = 2
"""Of a sample."""
_LINEAR = [linear(code).to_bytes(BYTES, "little", signed=True) for code in range(256)]
_LOW, _HIGH = (bytes(sample[half] for sample in _LINEAR) for half in range(BYTES))
_PCM, _EXTENSIBLE = 1, 0xFFFE
_IS_PCM = bytes.fromhex("0100000000001000800000aa00389b71")
_LEFT, _RIGHT, _MIDDLE = 1, 2, 4


def wav(left: bytes, right: bytes, middle: bytes | None = None) -> bytes:
    """A file of two channels or three. The tracks are of one length."""
    tracks = [left, right] if middle is None else [left, right, middle]
    size = BYTES * len(tracks)
    data = bytearray(size * len(left))
    for number, track in enumerate(tracks):
        data[BYTES * number :: size] = track.translate(_LOW)
        data[BYTES * number + 1 :: size] = track.translate(_HIGH)
    form = struct.pack("<HIIHH", len(tracks), SAMPLE_RATE, SAMPLE_RATE * size, size, 8 * BYTES)
    if middle is None:
        form = struct.pack("<H", _PCM) + form
    else:
        places = struct.pack("<HHI", 22, 8 * BYTES, _LEFT | _RIGHT | _MIDDLE)
        form = struct.pack("<H", _EXTENSIBLE) + form + places + _IS_PCM
    head = b"WAVE" + _chunk(b"fmt ", form) + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", len(head) + len(data)) + head + data


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content
