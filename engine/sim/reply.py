"""What the simulated model says, and how it comes: a script of one response, laid out in time.

The pace is the vendor's: an item is announced, its transcript starts before its audio and is complete long before it,
and audio comes in deltas, faster (or, here, also slower) than it can be played.
"""

import re
from typing import Literal

import msgspec

from engine.core.audio import SAMPLE_RATE
from engine.sim.machine import NS_PER_MS

ITEM_GAP_MS = 20
"""From one item's last delta to the next item's announcement."""


class ReplyItem(msgspec.Struct, frozen=True):
    """One message item, whole."""

    text: str
    audio: bytes


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One response."""

    items: tuple[ReplyItem, ...]
    speed: float = 8.0
    """Seconds of audio generated in a second."""
    latency_ms: int = 400
    """From `response.created` to the first delta of audio."""
    text_lead_ms: int = 120
    """How much sooner an item's transcript starts than its audio."""
    delta_samples: tuple[int, ...] = (2000,)
    """Lengths of the deltas of audio, used in turn, over and over."""
    stall_at_ms: int | None = None
    """The generation stops for `stall_ms` once so much audio of the reply is out."""
    stall_ms: int = 0
    late_deltas: int = 0
    """Deltas that still come after the response was cancelled, before it is done."""
    late_every_ms: int = 15


class Stroke(msgspec.Struct, frozen=True):
    """One thing that a response does, `at_ns` after its creation."""

    at_ns: int
    kind: Literal["begin", "text", "audio", "end"]
    item: int
    text: str = ""
    begin: int = 0
    end: int = 0


def tokens(text: str) -> list[str]:
    """Pieces of a transcript as they are streamed: word by word with the space in front, long words in two."""
    pieces = []
    for word in re.findall(r"\s*\w+|\s*[^\w\s]", text):
        cut = (len(word) + 1) // 2 if len(word) > 8 else len(word)
        pieces += [piece for piece in (word[:cut], word[cut:]) if piece]
    return pieces


def script(reply: Reply) -> list[Stroke]:
    """All that `reply` does, in order of time."""
    strokes: list[Stroke] = []
    lead_ns = reply.text_lead_ms * NS_PER_MS
    now_ns = max(0, reply.latency_ms * NS_PER_MS - lead_ns)
    spoken_samples, deltas = 0, 0
    for number, item in enumerate(reply.items):
        begin_ns, strokes_of_item = now_ns, [Stroke(now_ns, "begin", number)]
        now_ns += lead_ns
        audio_ns, position = now_ns, 0
        while position < len(item.audio):
            end = min(len(item.audio), position + reply.delta_samples[deltas % len(reply.delta_samples)])
            if position or number:
                now_ns += _generating_ns(reply, spoken_samples, end - position)
            strokes_of_item.append(Stroke(now_ns, "audio", number, begin=position, end=end))
            spoken_samples, position, deltas = spoken_samples + end - position, end, deltas + 1
        # Half the time that the audio takes is enough for the words.
        pieces, span_ns = tokens(item.text), audio_ns - begin_ns + (now_ns - audio_ns) // 2
        strokes_of_item += [
            Stroke(begin_ns + span_ns * i // len(pieces), "text", number, text=piece) for i, piece in enumerate(pieces)
        ]
        strokes += sorted(strokes_of_item, key=lambda stroke: stroke.at_ns)
        strokes.append(Stroke(now_ns, "end", number))
        now_ns += ITEM_GAP_MS * NS_PER_MS
    return strokes


def _generating_ns(reply: Reply, spoken_samples: int, samples: int) -> int:
    """How long a delta takes, the stall included if it falls into it."""
    spent_ns = round(samples * 1_000_000_000 / (SAMPLE_RATE * reply.speed))
    if reply.stall_at_ms is not None:
        stall_samples = reply.stall_at_ms * SAMPLE_RATE // 1000
        if spoken_samples <= stall_samples < spoken_samples + samples:
            spent_ns += reply.stall_ms * NS_PER_MS
    return spent_ns
