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


def linear(code: int) -> int:
    """16-bit linear value of one mu-law code (ITU-T G.711, table 2a)."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code >> 4) & 0x07)) - 0x84
    return -magnitude if code & 0x80 else magnitude


MAGNITUDE = bytes(min(255, abs(linear(code)) // 128) for code in range(256))
"""Table for `bytes.translate`: mu-law code to loudness, 0 to 255."""


def loudness(pcmu: bytes) -> int:
    """Mean magnitude of the samples in `pcmu`, 0 (silence) to 255. Every fourth tells as much as all of them."""
    some = pcmu[::4]
    return sum(some.translate(MAGNITUDE)) // len(some) if some else 0
