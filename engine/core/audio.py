"""G.711 mu-law arithmetic. The only place that knows the number 8000.

A call is counted in samples, never in milliseconds: flooring every chunk of a reply to whole milliseconds loses 75 ms
in 30 s. Milliseconds are made once, where a number leaves for the wire or for a person.

One mu-law sample is one byte, so here samples and bytes are the same count.
"""

SAMPLE_RATE = 8000
SAMPLES_PER_MS = SAMPLE_RATE // 1000
FRAME_MS = 20
"""What Twilio sends at a time (https://www.twilio.com/docs/voice/media-streams/websocket-messages)."""
FRAME_SAMPLES = FRAME_MS * SAMPLES_PER_MS
SILENCE = 0xFF
"""The mu-law byte for zero."""


def samples_of(ms: float) -> int:
    """Samples in `ms` milliseconds, to the nearest."""
    return round(ms * SAMPLES_PER_MS)


def ms_of(samples: int) -> int:
    """Whole milliseconds in `samples`, to the nearest."""
    return (samples + SAMPLES_PER_MS // 2) // SAMPLES_PER_MS


def _magnitude(code: int) -> int:
    """Linear magnitude of one mu-law code, 0 to 255 (ITU-T G.711, table 2a, scaled by 1/126)."""
    code = ~code & 0xFF
    segment, step = (code >> 4) & 0x07, code & 0x0F
    return (((step << 1) + 33 << segment) - 33) // 32


MAGNITUDE = bytes(min(255, _magnitude(code)) for code in range(256))
"""Table for `bytes.translate`: mu-law code to loudness, 0 to 255."""


def loudness(pcmu: bytes) -> int:
    """Mean magnitude of the samples in `pcmu`, 0 (silence) to 255. Every fourth tells as much as all of them."""
    some = pcmu[::4]
    return sum(some.translate(MAGNITUDE)) // len(some) if some else 0
