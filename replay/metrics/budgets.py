"""From when on a number is a problem. Each with its reason; `docs/METRICS.md` says where the figures were published."""

TURN_MS_MAX = 1_400
"""Perceived latency of a turn: the upper limit, mouth to ear, of Twilio's guide to core latency."""
STOP_MS_MAX = 380
"""From the caller's onset to silence: what users were reported to feel as slow. Detection and the way to Twilio and
back are in it, so a far caller is over it for no fault of the bridge."""
TALK_OVER_MS_MAX = 815
"""Both speaking: where hotato calls it critical."""
MISSED_MS = 815
"""The caller over the assistant, and it goes on: as long as a talk-over is borne, so that "mhm" is none."""
PAUSE_MS_MAX = 600
"""Pauses within one stretch of a caller's speech: Full-Duplex-Bench joins what is no further apart."""
DEAD_AIR_MS = 2_000
"""Neither speaks: a gap, for hotato."""
DEAD_AIR_MS_CRITICAL = 5_000
"""And a critical one."""
ROUND_TRIP_MS_MAX = 500
"""To Twilio and back: as much as the phone network is said to take, and no line to a data centre needs as long."""
UNDERRUN_MS_MIN = 40
"""As far apart as the densest marks (`talking.DENSE_EVERY_MS`): what is shorter is more often a date that was off."""
STALL_MS_MIN = 250
"""No frame for longer than any jitter that the core means to bear (`stream_clock.MUTE_NS`)."""
DOUBT_MS_MAX = 400
"""Between the bounds of what was heard: two marks apart, at their usual spacing. More, and echoes were lost or late."""
VOICE_LOUDNESS = 5
"""Of 255, the mean over a frame: about -34 dB. Speech on a phone is above, the line's noise and echo below."""
