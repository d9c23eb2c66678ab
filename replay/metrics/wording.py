"""Numbers as people read them."""

from collections.abc import Mapping

from replay.metrics.measured import Part


def ms(length_ms: int) -> str:
    """`1,480 ms`: thousands apart, since half of them are seconds."""
    return f"{length_ms:,} ms"


def told_parts(parts: Mapping[Part, int]) -> str:
    """The parts of a whole in their order, those that took no time left out."""
    return ", ".join(f"{part} {length_ms:,}" for part, length_ms in parts.items() if length_ms) or "no time"
