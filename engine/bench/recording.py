"""What a recorder costs the bridge that calls it: the time within the call, and all CPU with the writer's thread.

The frames are those of a call at rest, a `media` in and an `append` out, as fast as they can be made: a real call makes
a hundred of them in a second. Delays between them would measure caches that went cold, not the recorder.
"""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter_ns, process_time_ns

from engine.recorder import Recorder

PAYLOAD = "f39/" * 53 + "fw=="
MEDIA = (
    '{"event":"media","sequenceNumber":"1234","streamSid":"MZ0123456789abcdef0123456789abcdef",'
    f'"media":{{"track":"inbound","chunk":"1233","timestamp":"24640","payload":"{PAYLOAD}"}}}}'
)
APPEND = f'{{"type":"input_audio_buffer.append","audio":"{PAYLOAD}"}}'
FRAMES_A_SECOND = 100


def measure(frames: int, say: Callable[[str], None]) -> None:
    """Record so many frames, and say what one of them cost."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "call.jsonl"
        spent_ns: list[int] = []
        cpu_ns = process_time_ns()
        recorder = Recorder(path)
        for _ in range(frames // 2):
            begin_ns = perf_counter_ns()
            recorder.caller_in(MEDIA)
            recorder.model_out(APPEND)
            spent_ns.append((perf_counter_ns() - begin_ns) // 2)
        is_whole = recorder.close(wait_seconds=60)
        cpu_ns = process_time_ns() - cpu_ns
        size = path.stat().st_size
    assert is_whole, "the disk took too long"
    spent_ns.sort()
    worst_us = spent_ns[len(spent_ns) * 99 // 100] / 1e3
    cpu_us = cpu_ns / frames / 1e3
    say(f"recorder: a frame takes {median(spent_ns) / 1e3:.1f} us within the call (99 in 100 below {worst_us:.1f} us)")
    say(f"          {cpu_us:.1f} us of CPU with writing it: {cpu_us * FRAMES_A_SECOND / 1e4:.2f}% of a core for a call")
    say(f"          {size / frames:.0f} bytes a frame, {size / frames * FRAMES_A_SECOND * 60 / 1e6:.1f} MB a minute")
