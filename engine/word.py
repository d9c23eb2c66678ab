"""The audio of what the caller is told while the model is away: a WAV file, made into the mu-law that is played.

Whoever runs the calls has it spoken in the agent's own voice and language; the one that comes with the program is
synthetic English. 8 kHz mono is asked for, since resampling well is a program of its own.
"""

import struct
from bisect import bisect_left
from itertools import pairwise
from pathlib import Path

from engine.core.audio import SAMPLE_RATE, linear
from engine.core.settings import Away

DEFAULT = Path(__file__).with_name("assets") / "one_moment_please.wav"
SECONDS_MAX = 10
"""A word, not an announcement: the model may be back at any moment."""
MULAW, PCM = 7, 1
CONVERT = "ffmpeg -i IN -ar 8000 -ac 1 -c:a pcm_s16le OUT.wav makes one"
_CODES = sorted((code for code in range(256) if code != 0x7F), key=linear)
_EDGES = [(linear(low) + linear(high)) // 2 for low, high in pairwise(_CODES)]
"""Up to which 16-bit value each of them is the nearest. 0x7F is a second zero."""


class WordError(Exception):
    """The file cannot be played, and why."""


def load_word(away: Away, beside: Path | None = None) -> bytes:
    """Mu-law for `away`; empty if nothing is to be said. A path that is relative is looked for in the folder `beside`.
    Raises WordError."""
    if not away.words:
        return b""
    if away.audio is None and away.words != Away().words:
        raise WordError("away.words are set, and away.audio is not: it must be a WAV file in which they are spoken")
    path = DEFAULT if away.audio is None else (beside or Path()) / away.audio
    try:
        return _mulaw(path.read_bytes())
    except OSError as error:
        raise WordError(f"away.audio {path}: {error.strerror}") from error
    except WordError as error:
        raise WordError(f"away.audio {path} {error}") from None


def _mulaw(data: bytes) -> bytes:
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WordError(f"is not a WAV file ({CONVERT})")
    chunks = _chunks(data)
    form, samples = chunks.get(b"fmt ", b""), chunks.get(b"data", b"")
    if len(form) < 16:
        raise WordError(f"says nothing of its format ({CONVERT})")
    kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16])
    if (channels, rate) != (1, SAMPLE_RATE) or (kind, bits) not in ((MULAW, 8), (PCM, 16)):
        raise WordError(
            f"has {channels} channel(s) of {bits} bits at {rate} Hz, coding {kind};"
            f" it must be mono, {SAMPLE_RATE} Hz, 16-bit PCM or mu-law ({CONVERT})"
        )
    if kind == PCM:
        values = struct.unpack(f"<{len(samples) // 2}h", samples[: len(samples) // 2 * 2])
        samples = bytes(_CODES[bisect_left(_EDGES, value)] for value in values)
    if not 0 < len(samples) <= SECONDS_MAX * SAMPLE_RATE:
        raise WordError(
            f"is {len(samples) / SAMPLE_RATE:.1f} s long; it must be more than nothing and at most {SECONDS_MAX} s"
        )
    return samples


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """What is in a RIFF file, by name; what is cut off is as long as it is."""
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        found.setdefault(data[at : at + 4], data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    return found


def wav_of(mulaw: bytes) -> bytes:
    """A WAV file of it, in the coding that it is in."""
    form = struct.pack("<HHIIHHH", MULAW, 1, SAMPLE_RATE, SAMPLE_RATE, 1, 8, 0)
    fact = struct.pack("<I", len(mulaw))
    parts = ((b"fmt ", form), (b"fact", fact), (b"data", mulaw))
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(part)) + part + bytes(len(part) % 2) for name, part in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body
