"""Records the frames of a call that another bridge carries, so that `replay import` and `replay audit` can hear it.

    recorder = Recorder()           # one for each call, as soon as Twilio's WebSocket is there
    recorder.caller_in(text)        # a frame received from Twilio
    recorder.caller_out(text)       # a frame sent to Twilio
    recorder.model_in(text)         # the same two for the model's WebSocket
    recorder.model_out(text)
    recorder.close()

docs/OTHER_BRIDGES.md shows it in whole bridges. This file needs the standard library and nothing else of Playhead: it
can be copied.

**A call must not notice it.** What a bridge calls here stamps the frame, puts it into a list and returns: it never
waits for a disk, never raises, needs no event loop, and may be called from any thread. One thread for the whole process
writes, ten times a second, for all recorders. A disk that is full or gone costs memory up to a bound, and then frames:
a line in the recording counts them, and `logging` is told once.

**What can be lost.** A process that is killed loses what waited, a tenth of a second; what was handed to the system is
in no buffer of ours. A recorder that is not closed is closed when it is garbage, or when the process exits. One that
was open during a fork is silent in the child, whose copy would write the same lines into the same file.

**The lines** are JSON. First `{"playhead_recording":1,"started_at":…}`, then one for each frame: `at_ms` from then on,
on a monotonic clock, `leg` and `way`, and `frame`: as text, so that every byte is kept, or as an object where the
bridge had no text to give. `binary`, in base64, is a frame that is not UTF-8; `lost` and `why` are frames that are
missing in that place. A recording that was closed ends with `closed`.
"""

import atexit
import json
import logging
import os
import weakref
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from re import fullmatch
from threading import Event, RLock, Thread
from time import monotonic
from typing import Any, Self

VERSION = 1
"""Of the lines."""
WRITE_EVERY_SECONDS = 0.1
RETRY_SECONDS = 1.0
"""A disk that refused is not asked again for each frame."""
TRIES_AFTER_CLOSE = 10
"""Then what is left of a recording is given up: calls that go on need the memory."""
WAITING_BYTES_MAX = 64 * 2**20
"""Held in memory for all calls together while the disk does not take it: a quarter of an hour of one call."""
LINE_BYTES = 200
"""What a line costs in memory besides its text."""
NAME_SECONDS_MAX = 2.0
"""Twilio says the call's SID at once. A recording that has heard none by then is named by its time."""
CLOSE_SECONDS_MAX = 0.25
EXIT_SECONDS_MAX = 2.0
SAME_NAMES_MAX = 100

Frame = str | bytes | bytearray | memoryview | Mapping[str, Any]
PathName = str | os.PathLike[str]
_Line = tuple[float, str, str | bytes, bool, int]
"""When (monotonic seconds), its leg and way, the frame, whether that is JSON to be written as it is, and 0. Or what is
lost: since when, "", why, False, and how many frames."""

_CALLER_IN, _CALLER_OUT = '"leg":"caller","way":"in"', '"leg":"caller","way":"out"'
_MODEL_IN, _MODEL_OUT = '"leg":"model","way":"in"', '"leg":"model","way":"out"'

_log = logging.getLogger("playhead.recorder")
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Recorder:
    """The frames of one call, in a file of their own. A context manager: leave it, or call `close`.

    The file is `path`, or a new one in `folder`, named by the call's SID. A name that is taken gets a number, as in
    `CA….2.jsonl`. It holds what people said, and is readable by its owner alone.
    """

    def __init__(self, path: PathName | None = None, *, folder: PathName = "recordings") -> None:
        self._recording = _Recording(_writer, path, folder)
        _writer.take_on(self._recording)
        weakref.finalize(self, self._recording.abandon).atexit = False

    @property
    def path(self) -> Path | None:
        """The file, once there is one."""
        return self._recording.path

    def caller_in(self, frame: Frame) -> None:
        """A frame received from Twilio."""
        self._recording.put(_CALLER_IN, frame)

    def caller_out(self, frame: Frame) -> None:
        """A frame sent to Twilio."""
        self._recording.put(_CALLER_OUT, frame)

    def model_in(self, frame: Frame) -> None:
        """A frame received from the model."""
        self._recording.put(_MODEL_IN, frame)

    def model_out(self, frame: Frame) -> None:
        """A frame sent to the model."""
        self._recording.put(_MODEL_OUT, frame)

    def close(self, wait_seconds: float = CLOSE_SECONDS_MAX) -> bool:
        """The call is over. Waits for the file, but no longer than told; says whether all frames are in it.

        It takes milliseconds unless the disk is sick, and the writer goes on in any case: an event loop that should not
        wait even then passes 0.
        """
        self._recording.end()
        return self._recording.is_over.wait(wait_seconds) and self._recording.is_whole

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Recording:
    """One call. `put`, `end` and `abandon` are the bridge's, in any thread; the rest is the writer's."""

    def __init__(self, writer: "_Writer", path: PathName | None, folder: PathName) -> None:
        self.path: Path | None = None
        self.is_closed = False
        self.is_over = Event()
        self.is_whole = True
        self._writer = writer
        self._asked_path, self._folder = path, folder
        self._opened_at, self._opened_s = datetime.now(UTC), monotonic()
        self._waiting: list[_Line] = []
        self._descriptor: int | None = None
        self._unwritten = b""
        self._retry_s = 0.0
        self._tries_after_close = 0
        self._has_end = False
        self._is_told = False
        self._is_silent = False

    def put(self, place: str, frame: Frame) -> None:
        text, is_json, why = _text_of(frame)
        writer, size = self._writer, len(text) + LINE_BYTES
        with writer.lock:
            if self.is_closed:
                self.is_whole = self.is_whole and not self._is_silent
                return
            if not why and writer.waiting_bytes + size > WAITING_BYTES_MAX:
                why = f"the disk took none of the {WAITING_BYTES_MAX >> 20} MiB that waited for it"
            if why:
                self._lose(why)
                return
            # Stamped under the lock, so that lines are in the order of their times.
            self._waiting.append((monotonic(), place, text, is_json, 0))
            writer.waiting_bytes += size

    def _lose(self, why: str) -> None:
        """Count a frame in its place. All that are lost in one place are one line, with the first reason."""
        last = len(self._waiting) - 1
        if last >= 0 and (lost := self._waiting[last][4]):
            self._waiting[last] = (*self._waiting[last][:4], lost + 1)
        else:
            self._waiting.append((monotonic(), "", why, False, 1))
            self._writer.waiting_bytes += len(why) + LINE_BYTES

    def end(self) -> None:
        with self._writer.lock:
            self.is_closed = True
        self._writer.wake.set()

    def abandon(self) -> None:
        """Nobody holds the recorder any more. Runs wherever garbage is collected, so it may take no lock."""
        self.is_closed = True

    def fall_silent(self) -> None:
        """In a forked child. The locks may be those of threads that the child does not have."""
        self._writer, self.is_closed, self.is_over, self._is_silent = _Writer(), True, Event(), True
        self.is_over.set()

    def write(self) -> bool:
        """Write what waits. True once there is nothing more to come."""
        is_closed = self.is_closed  # asked before the lines are taken: none is put after it
        if monotonic() < self._retry_s:
            return False
        try:
            if self._descriptor is None and not self._open(is_closed):
                return False
            self._flush()  # what the disk refused; the lines since then have waited
            if not self._has_end:
                self._unwritten = self._take()
                if is_closed:
                    self._unwritten += self._written(monotonic(), b'"closed":true')
                self._has_end = is_closed
                self._flush()
        except Exception as error:
            self._tell(f"cannot be written: {error}")
            self._retry_s = monotonic() + RETRY_SECONDS
            self._tries_after_close += is_closed
            if self._tries_after_close < TRIES_AFTER_CLOSE:
                return False
            self._take()
            self.is_whole = False
        if is_closed and self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
        return is_closed

    def _open(self, is_closed: bool) -> bool:
        """False while the file has no name yet."""
        if self._asked_path is not None:
            path = Path(self._asked_path)
        else:
            name = _call_sid(self._waiting)
            if name is None and not is_closed and monotonic() - self._opened_s < NAME_SECONDS_MAX:
                return False
            path = Path(self._folder) / f"{name or self._opened_at.strftime('%Y%m%dT%H%M%S.%fZ')}.jsonl"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor, self.path = _create(path)
        started_at = self._opened_at.isoformat().encode()
        self._unwritten = b'{"playhead_recording":%d,"started_at":"%b"}\n' % (VERSION, started_at)
        return True

    def _take(self) -> bytes:
        """The lines that wait, as they are written."""
        with self._writer.lock:
            lines, self._waiting = self._waiting, []
            self._writer.waiting_bytes -= sum(len(line[2]) + LINE_BYTES for line in lines)
        if lost := [line for line in lines if line[4]]:
            self.is_whole = False
            self._tell(f"lacks frames: {lost[0][2]!s}")
        return b"".join(self._written(line[0], _fields(line)) for line in lines)

    def _written(self, at_s: float, fields: bytes) -> bytes:
        return b'{"at_ms":%.3f,%b}\n' % ((at_s - self._opened_s) * 1e3, fields)

    def _flush(self) -> None:
        assert self._descriptor is not None
        while self._unwritten:
            self._unwritten = self._unwritten[os.write(self._descriptor, self._unwritten) :]

    def _tell(self, what: str) -> None:
        """Once: a disk that is full for an hour is one piece of news."""
        if not self._is_told:
            self._is_told = True
            with suppress(Exception):  # handlers of logging are not ours
                _log.warning("%s: the recording %s. The call goes on", self.path or self._asked_path or "no name", what)


class _Writer:
    """The thread that writes the recordings of this process, and what waits for it."""

    def __init__(self) -> None:
        self.lock = RLock()
        """Reentrant: a signal handler may record in the middle of a `put`."""
        self.wake = Event()
        self.waiting_bytes = 0
        self.recordings: list[_Recording] = []
        self._thread: Thread | None = None

    def take_on(self, recording: _Recording) -> None:
        with self.lock:
            self.recordings.append(recording)
            if self._thread is None:
                thread = Thread(target=self._run, name="playhead-recorder", daemon=True)
                with suppress(RuntimeError):  # no threads to be had: the next recorder tries again
                    thread.start()
                    self._thread = thread
        self.wake.set()

    def _run(self) -> None:
        while True:
            self.wake.wait(WRITE_EVERY_SECONDS if self.recordings else None)
            self.wake.clear()
            # Those first that somebody waits for.
            for recording in sorted(self.recordings, key=lambda each: not each.is_closed):
                if recording.write():
                    with self.lock:
                        self.recordings.remove(recording)
                    recording.is_over.set()


def _text_of(frame: Frame) -> tuple[str | bytes, bool, str]:
    """What to write of a frame, and whether that is JSON; or why there is nothing to write. The call goes on."""
    try:
        if isinstance(frame, str | bytes):
            return frame, False, ""
        if isinstance(frame, bytearray | memoryview):
            return bytes(frame), False, ""  # copied: its owner may fill it again
        return _encode(dict(frame)), True, ""
    except Exception as error:
        why = f"neither text nor JSON ({type(frame).__name__}): "
        with suppress(Exception):  # what cannot be taken apart may be unable to say so, too
            return "", False, f"{why}{error}"
        return "", False, f"{why}{type(error).__name__}"


def _fields(line: _Line) -> bytes:
    """What a line says besides its time. Half of a surrogate pair, which is no text, becomes a question mark."""
    _, place, text, is_json, lost = line
    try:
        decoded = text if isinstance(text, str) else text.decode()
    except UnicodeDecodeError as error:
        return b'%b,"binary":"%b"' % (place.encode(), b64encode(error.object))
    value = (decoded if is_json else _encode(decoded)).encode("utf-8", "replace")
    return b'"lost":%d,"why":%b' % (lost, value) if lost else b'%b,"frame":%b' % (place.encode(), value)


def _call_sid(lines: list[_Line]) -> str | None:
    """From Twilio's `start`. It becomes the name of a file, so not everything passes."""
    for _, place, text, *_ in lines:
        if place == _CALLER_IN:
            with suppress(Exception):  # a frame that says nothing of the kind
                call_sid = str(json.loads(text)["start"]["callSid"])
                if fullmatch("[A-Za-z0-9_-]{1,64}", call_sid):
                    return call_sid
    return None


def _create(path: Path) -> tuple[int, Path]:
    """A new file, under the first name that is free. Raises OSError."""
    name = path
    for number in range(2, SAME_NAMES_MAX + 2):
        with suppress(FileExistsError):
            return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600), name
        name = path.with_name(f"{path.stem}.{number}{path.suffix}")
    raise FileExistsError(f"{path} and {SAME_NAMES_MAX - 1} more are there already")


def _fall_silent() -> None:
    global _writer
    for recording in _writer.recordings:
        recording.fall_silent()
    _writer = _Writer()


def _close_all() -> None:
    recordings = list(_writer.recordings)
    for recording in recordings:
        recording.end()
    last_s = monotonic() + EXIT_SECONDS_MAX
    for recording in recordings:
        recording.is_over.wait(max(0.0, last_s - monotonic()))


_writer = _Writer()
atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fall_silent)
