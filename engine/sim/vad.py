"""Turn detection by loudness, with the numbers and the clock of the vendor's `server_vad`.

The clock counts appended audio, nothing else. Speech starts after two loud windows of 20 ms; the start that is reported
is moved back by the prefix padding. Speech stops after `silence_duration_ms` without a loud window, and that silence is
part of what is reported (https://platform.openai.com/docs/guides/realtime-vad).
"""

import msgspec

from engine.core.audio import FRAME_MS, FRAME_SAMPLES, SILENCE, ms_of
from engine.core.audio import loudness as loudness_of

SILENT_WINDOW = bytes([SILENCE]) * FRAME_SAMPLES
LOUDNESS_AT_FULL_THRESHOLD = 10
"""Mean loudness (0 to 255) that a threshold of 1.0 asks for: 0.5 is then about -34 dB, well below speech."""
WINDOWS_TO_START = 2


class SpeechEdge(msgspec.Struct, frozen=True):
    """Speech started or stopped. `at_ms` is appended audio, padding or silence window included."""

    started: bool
    at_ms: int


class EnergyVad:
    """Fed with all the caller's audio, in any pieces."""

    def __init__(self, threshold: float = 0.5, prefix_padding_ms: int = 300, silence_duration_ms: int = 500) -> None:
        self.appended_samples = 0
        self._rest = b""
        self._in_speech = False
        self._loud_windows = 0
        self._quiet_windows = 0
        self.configure(threshold, prefix_padding_ms, silence_duration_ms)

    def configure(self, threshold: float, prefix_padding_ms: int, silence_duration_ms: int) -> None:
        """The numbers of the session's `turn_detection`."""
        self._loudness_min = threshold * LOUDNESS_AT_FULL_THRESHOLD
        self._prefix_padding_ms = prefix_padding_ms
        self._silence_duration_ms = silence_duration_ms

    def append(self, audio: bytes) -> list[SpeechEdge]:
        """Hear more; what changed."""
        edges = []
        if self._rest:
            audio = self._rest + audio
        whole = len(audio) - len(audio) % FRAME_SAMPLES
        for start in range(0, whole, FRAME_SAMPLES):
            window = audio if len(audio) == FRAME_SAMPLES else audio[start : start + FRAME_SAMPLES]
            self.appended_samples += FRAME_SAMPLES
            edge = self._hear(window != SILENT_WINDOW and loudness_of(window) >= self._loudness_min)
            if edge is not None:
                edges.append(edge)
        self._rest = audio[whole:]
        return edges

    def _hear(self, is_loud: bool) -> SpeechEdge | None:
        if is_loud:
            self._loud_windows += 1
            self._quiet_windows = 0
        else:
            self._loud_windows = 0
            self._quiet_windows += 1
        now_ms = ms_of(self.appended_samples)
        if not self._in_speech and self._loud_windows >= WINDOWS_TO_START:
            self._in_speech = True
            onset_ms = now_ms - WINDOWS_TO_START * FRAME_MS
            return SpeechEdge(True, max(0, onset_ms - self._prefix_padding_ms))
        if self._in_speech and self._quiet_windows * FRAME_MS >= self._silence_duration_ms:
            self._in_speech = False
            return SpeechEdge(False, now_ms)
        return None
