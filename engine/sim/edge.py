"""Twilio's media edge and the caller's phone behind it, in virtual time. It knows what was really played.

Twilio speaks first (`connected`, `start`), then sends what the caller says, a frame of 20 ms each time that 20 ms have
been recorded. What it is sent it plays in the order received. A mark is echoed when everything before it has been
played, at once when nothing is left to play. `clear` empties the buffer and sends every pending mark back, in order, in
one go; nothing tells those echoes from others. When the caller hangs up, `stop` is the last frame.
Facts: https://www.twilio.com/docs/voice/media-streams/websocket-messages.

Playing is in `playback`, the caller in `caller`; here are the frames. What Twilio would drop with a warning in its
debugger (https://www.twilio.com/docs/api/errors/31951) is in `refused`.

`ns` in this file are stream time, but for the arguments of the five methods of `Machine`.
"""

from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Mapping

import msgspec

from engine.core.audio import FRAME_SAMPLES, SAMPLE_RATE, SAMPLES_PER_MS
from engine.sim.caller import SILENT_FRAME, Caller, Cue
from engine.sim.machine import NS_PER_SAMPLE, Closing
from engine.sim.playback import Cleared, EchoFaults, Playback, Played

FRAME_NS = FRAME_SAMPLES * NS_PER_SAMPLE
_SILENT_PAYLOAD = b64encode(SILENT_FRAME).decode()


class EdgePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, what the caller does, and how the edge misbehaves."""

    call_sid: str = "CA" + "5" * 32
    stream_sid: str = "MZ" + "5" * 32
    account_sid: str = "AC" + "5" * 32
    parameters: dict[str, str] = {}
    encoding: str = "audio/x-mulaw"
    sample_rate: int = SAMPLE_RATE
    cues: tuple[Cue, ...] = ()
    sends_stop: bool = True
    silence_kept_ms: int | None = None
    """Frames are omitted once the caller has been silent for so long. None: silence is sent like speech."""
    echoes: EchoFaults = EchoFaults()


class _Payload(msgspec.Struct, forbid_unknown_fields=True):
    payload: str


class _Name(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class _Frame(msgspec.Struct, tag_field="event", forbid_unknown_fields=True, kw_only=True):
    streamSid: str


class _Media(_Frame, tag="media"):
    media: _Payload


class _Mark(_Frame, tag="mark"):
    mark: _Name


class _Clear(_Frame, tag="clear"):
    pass


_decode = msgspec.json.Decoder(_Media | _Mark | _Clear).decode
_encode = msgspec.json.Encoder().encode


class TwilioEdge:
    """A `Machine`. Stream time starts when it is opened."""

    def __init__(self, plan: EdgePlan) -> None:
        self.plan = plan
        self.closing: Closing | None = None
        self.refused: list[str] = []
        self._playback = Playback(plan.echoes)
        self._caller = Caller(plan.cues)
        self._opened_ns: int | None = None
        self._now_ns = 0
        self._frames: list[str] = []
        self._sequence = 0
        self._frames_recorded = 0
        self._chunks_sent = 0
        self._silent_frames = 0

    def open(self, at_ns: int) -> None:
        self._opened_ns = at_ns
        plan = self.plan
        self._frames.append('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        start: dict[str, object] = {
            "streamSid": plan.stream_sid,
            "accountSid": plan.account_sid,
            "callSid": plan.call_sid,
            "tracks": ["inbound"],
            "customParameters": plan.parameters,
            "mediaFormat": {"encoding": plan.encoding, "sampleRate": plan.sample_rate, "channels": 1},
        }
        self._send("start", start)

    def receive(self, at_ns: int, frame: str | bytes) -> None:
        if self._opened_ns is None or self.closing is not None:
            return
        self._run_to(at_ns - self._opened_ns)
        if isinstance(frame, bytes):
            self.refused.append("31950: binary frame")
            return
        try:
            message = _decode(frame)
        except (msgspec.MsgspecError, UnicodeError) as error:
            self.refused.append(f"31951: {error}: {frame[:200]}")
            return
        if message.streamSid != self.plan.stream_sid:
            self.refused.append(f"31951: unknown streamSid: {frame[:200]}")
        elif type(message) is _Media:
            self._receive_audio(message.media.payload)
        elif type(message) is _Mark:
            self._playback.place_mark(self._now_ns, message.mark.name)
        else:
            self._playback.clear(self._now_ns)
            self._caller.unhear(self._now_ns)

    def next_at_ns(self) -> int | None:
        if self._opened_ns is None:
            return None
        if self._frames:
            return self._opened_ns + self._now_ns
        return None if self.closing is not None else self._opened_ns + self._next_ns()

    def advance(self, at_ns: int) -> list[str]:
        if self._opened_ns is None:
            return []
        self._run_to(at_ns - self._opened_ns)
        frames, self._frames = self._frames, []
        return frames

    def close(self, at_ns: int) -> None:
        """The bridge, or the network, ended it: the caller hears nothing more."""
        if self._opened_ns is not None:
            self._run_to(at_ns - self._opened_ns)
        if self.closing is None:
            self.closing = Closing(1000, "")
        self._frames.clear()

    # The truth

    @property
    def played(self) -> list[Played]:
        """All that the caller has heard so far, in order."""
        return self._playback.played(self._now_ns)

    @property
    def buffered_samples(self) -> int:
        """What is still to be played."""
        return self._playback.buffered_samples(self._now_ns)

    @property
    def clears(self) -> list[Cleared]:
        """Each `clear` that took effect."""
        return self._playback.clears

    def _receive_audio(self, payload: str) -> None:
        try:
            audio = a2b_base64(payload, strict_mode=True) if payload else b""
        except (Base64Error, ValueError) as error:
            self.refused.append(f"31951: payload: {error}")
            return
        start_samples = self._playback.add(self._now_ns, audio)
        if start_samples is None:
            self.refused.append(f"31931: {len(audio)} samples discarded")
        else:
            self._caller.hear(start_samples, audio)

    def _next_ns(self) -> int:
        next_ns = (self._frames_recorded + 1) * FRAME_NS
        echo_ns, cue_ns = self._playback.next_echo_ns(), self._caller.next_cue_ns()
        if echo_ns is not None and echo_ns < next_ns:
            next_ns = echo_ns
        return cue_ns if cue_ns is not None and cue_ns < next_ns else next_ns

    def _run_to(self, now_ns: int) -> None:
        if self.closing is not None:
            return
        while (next_ns := self._next_ns()) <= now_ns:
            self._now_ns = max(self._now_ns, next_ns)
            if self._playback.next_echo_ns() == next_ns:
                self._send("mark", {"name": self._playback.take_echo()})
            elif self._caller.next_cue_ns() == next_ns:
                if self._hangs_up(self._caller.take_cue()):
                    return
            else:
                self._send_recorded()
        self._now_ns = max(self._now_ns, now_ns)

    def _hangs_up(self, cue: Cue) -> bool:
        """Act on a cue. True if that ended the call."""
        if cue.digit:
            self._send("dtmf", {"track": "inbound_track", "digit": cue.digit})
        if cue.hang_up:
            if self.plan.sends_stop:
                self._send("stop", {"accountSid": self.plan.account_sid, "callSid": self.plan.call_sid})
            self.closing = Closing(1000, "")
        return cue.hang_up

    def _send_recorded(self) -> None:
        start_samples = self._frames_recorded * FRAME_SAMPLES
        self._frames_recorded += 1
        frame = SILENT_FRAME if self._caller.is_silent else self._caller.frame(start_samples)
        if frame == SILENT_FRAME:
            self._silent_frames += 1
            kept_ms = self.plan.silence_kept_ms
            if kept_ms is not None and self._silent_frames * FRAME_SAMPLES > kept_ms * SAMPLES_PER_MS:
                return
            payload = _SILENT_PAYLOAD
        else:
            self._silent_frames = 0
            payload = b64encode(frame).decode()
        self._sequence += 1
        self._chunks_sent += 1
        # Written out, not encoded: it is sent fifty times a second.
        self._frames.append(
            f'{{"event":"media","sequenceNumber":"{self._sequence}","streamSid":"{self.plan.stream_sid}",'
            f'"media":{{"track":"inbound","chunk":"{self._chunks_sent}",'
            f'"timestamp":"{start_samples // SAMPLES_PER_MS}","payload":"{payload}"}}}}'
        )

    def _send(self, event: str, fields: Mapping[str, object]) -> None:
        self._sequence += 1
        envelope = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.plan.stream_sid}
        self._frames.append(_encode({**envelope, event: fields}).decode())
