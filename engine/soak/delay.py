"""How soon a caller who speaks up is listened to: from the model's news of speech to the clear at Twilio.

Both far ends run on one clock, and write down when a frame left them or reached them. Beside faulty calls, a healthy
call must not get its clear any later.
"""

from collections.abc import Iterator, Sequence

from engine.sim.fronts import Front

CLEAR = '{"event":"clear"'
SPEECH_STARTED = '"input_audio_buffer.speech_started"'


def clear_delays_ms(caller: Front, sessions: Sequence[Front]) -> list[float]:
    """For each clear that reached the edge: how long before it the newest news of speech had left the model."""
    started = sorted(at for session in sessions for at in _times_ms(session, "out", SPEECH_STARTED))
    delays = []
    for clear in _times_ms(caller, "in", CLEAR):
        before = [at for at in started if at <= clear]
        if before:
            delays.append(clear - before[-1])
    return delays


def _times_ms(front: Front, way: str, text: str) -> Iterator[float]:
    for kept in front.frames:
        if kept.way == way and isinstance(kept.frame, str) and text in kept.frame[:200]:
            yield front.opened_at * 1e3 + kept.at_ns / 1e6
