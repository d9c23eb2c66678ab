"""Makes a log of a recording: what another bridge received as inputs, what it sent as commands.

Such a log has the form of any other, so that everything that reads logs reads it, and `rules` 0: our core decided
nothing in it. No entry has a `cause`, since nothing says which frame led to which; every frame holds its own audio. The
shell's entries that a log of ours has are put in as far as the frames tell: a leg opens before its first frame and
closes after its last, and the call ends with Twilio's `stop`, or with the recording. One that was neither stopped nor
closed has no end, like the log of a bridge that was killed. Where the recorder lost frames, `log.gap` holds their
numbers.

The same recording twice gives one log: a log with the very same entries is found, and left as it is.
"""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from engine import __version__
from engine.core import RULES_OVERHEARD, CallSettings, Entry, split, wire_caller, wire_model
from engine.core import events as ev
from engine.core.entries import Kind, is_too_deep, split_sent
from engine.core.entries import Leg as EntryLeg
from engine.log import index
from engine.log.errors import LogError, told
from engine.log.folder import FILES_OF_A_LOG, check_call_sid, sealed_logs
from engine.log.keys import keys_in_environment
from engine.log.reader import CallRow, read_call
from engine.log.seal import Sealed, seal
from engine.log.writer import CallLog
from replay.foreign.recordings import Frame, Lost, Recording, Skipped, read_recording
from replay.runner import GAP, replay
from replay.sources import log_of


class Imported(msgspec.Struct, frozen=True):
    """What became of a recording. `is_new`: a log was made; else `path` is the one that was there."""

    path: Path
    call_sid: str
    entries: int
    duration_ms: int
    is_new: bool
    skipped: list[Skipped]
    notes: list[str]


def import_recording(file: Path, calls_dir: Path, output: Path | None, call_sid: str | None) -> Imported:
    """Make the log of a recording: in `calls_dir`, or at `output`. `call_sid` is for a recording without `start`.
    Raises LogError."""
    recording = read_recording(file)
    made = _Entries(recording)
    row = made.call_row(call_sid)
    notes, entries = [*recording.notes, *made.notes], made.entries
    found = _same_log(calls_dir, row.call_sid, entries) if output is None else None
    if output is not None:
        path = _write_to(output, row, entries)
    elif found is not None:
        path = found
    else:
        path, problem = _write_into(calls_dir, row, entries)
        notes += problem
    skipped = sorted([*recording.skipped, *made.skipped], key=lambda each: each.line)
    duration_ms = entries[-1].at_ns // 1_000_000
    return Imported(path, row.call_sid, len(entries), duration_ms, found is None, skipped, notes)


class _Entries:
    """The entries of a recording, and whose call it is."""

    def __init__(self, recording: Recording) -> None:
        self.entries: list[Entry] = []
        self.skipped: list[Skipped] = []
        self.notes: list[str] = []
        self._recording = recording
        self._start: ev.StreamStarted | None = None
        self._seq, self._at_ns = 1, 0
        self._build()

    def call_row(self, call_sid: str | None) -> CallRow:
        """Whose call it is. Raises LogError if that is not known, or not what was said."""
        path, start = self._recording.path, self._start
        if start is None and call_sid is None:
            raise LogError(
                f"{path} has no `start` frame of Twilio's, so nothing says which call it is. Record from the first"
                " frame on, or name the call with --call-sid"
            )
        if start is not None and call_sid not in (None, start.call_sid):
            raise LogError(f"{path} is the call {start.call_sid}, as its `start` frame says, and not {call_sid}")
        named = call_sid if start is None else start.call_sid
        assert named is not None
        check_call_sid(named)
        return CallRow(
            call_sid=named,
            stream_sid=start.stream_sid if start is not None else "",
            account_sid=start.account_sid if start is not None else "",
            started_at=self._recording.started_at,
            rules=RULES_OVERHEARD,
            engine_version=f"imported by {__version__}",
            config=msgspec.json.encode(CallSettings(rules=RULES_OVERHEARD)).decode(),
        )

    def _build(self) -> None:
        lines = self._recording.lines
        last = {line.leg: number for number, line in enumerate(lines) if isinstance(line, Frame)}
        is_stopped = any(map(_is_stop, lines))
        is_over = is_stopped or self._recording.is_closed
        opened: set[str] = set()
        for number, line in enumerate(lines):
            self._at_ns = round(line.at_ms * 1e6)
            if isinstance(line, Lost):
                self._gap(line)
                continue
            if line.leg not in opened:
                opened.add(line.leg)
                self._tell("input", type="leg.opened", leg=line.leg)
            self._frame(line)
            if is_over and last[line.leg] == number:
                self._tell("input", type="leg.closed", leg=line.leg, code=None, reason="")
        if is_stopped:
            self._tell("command", type="end_call", ended="stop", reason="Twilio said stop")
        elif is_over:
            self._tell("command", type="end_call", ended="dropped", reason="the recording was closed without stop")
        else:
            self.notes.append("neither `stop` nor a close at its end: the process was killed, or the call goes on")

    def _frame(self, line: Frame) -> None:
        frame = line.frame
        if isinstance(frame, str):
            body, audio = (split_sent if line.is_sent else split)(line.leg, frame)
            self._add("command" if line.is_sent else "input", line.leg, self._type(line, body, audio), body, audio)
        elif line.is_sent:
            self.skipped.append(
                Skipped(line.line, "a binary frame that was sent: neither Twilio nor the model takes one")
            )
        else:
            self._tell("input", type="frame.binary", leg=line.leg, audio=frame)

    def _type(self, line: Frame, body: str, audio: bytes | None) -> str:
        """The frame's own, as the core names it. Notes whose call it is."""
        if is_too_deep(body):
            return "malformed"
        decode = wire_caller.decode if line.leg == "caller" else wire_model.decode
        kind, event = decode(body, audio)
        if isinstance(event, ev.StreamStarted) and not line.is_sent:
            self._started(line.line, event)
        return kind

    def _started(self, number: int, start: ev.StreamStarted) -> None:
        if self._start is not None and self._start.stream_sid != start.stream_sid:
            raise LogError(
                f"{self._recording.path}, line {number}: a second stream starts here ({start.stream_sid} of"
                f" {start.call_sid}). The model's frames do not say whose they are, so record each call in a file of"
                " its own: one Recorder for each WebSocket of Twilio's"
            )
        self._start = self._start or start

    def _gap(self, lost: Lost) -> None:
        why = f"not recorded: {lost.why}"
        first, last = self._seq, self._seq + lost.frames - 1
        self._tell("fault", type=GAP, first=first, last=last, reason=why)
        self._seq = last + 1
        missing = "1 frame is" if lost.frames == 1 else f"{lost.frames} frames are"
        self.notes.append(f"{missing} missing at line {lost.line}: {lost.why}")

    def _tell(self, kind: Kind, **fact: object) -> None:
        """An entry that is not a frame."""
        self._add(kind, "engine", str(fact["type"]), msgspec.json.encode(fact).decode(), None)

    def _add(self, kind: Kind, leg: EntryLeg, type_: str, body: str, audio: bytes | None) -> None:
        self.entries.append(Entry(self._seq, self._at_ns, kind, leg, type_, body, audio))
        self._seq += 1


def _is_stop(line: Frame | Lost) -> bool:
    """Whether Twilio says that the call is over."""
    if isinstance(line, Lost) or line.leg != "caller" or line.is_sent or not isinstance(line.frame, str):
        return False
    return '"stop"' in line.frame and isinstance(wire_caller.decode(line.frame, None)[1], ev.StreamStopped)


def _same_log(calls_dir: Path, call_sid: str, entries: list[Entry]) -> Path | None:
    """A log of the same call that has the very same entries."""
    for path in sealed_logs(calls_dir):
        if path.stem.split(".")[0] == call_sid:
            with suppress(LogError), read_call(path) as logged:  # what cannot be read is not the same
                if logged.call.rules == RULES_OVERHEARD and list(logged.entries()) == entries:
                    return path
    return None


def _write_into(calls_dir: Path, row: CallRow, entries: list[Entry]) -> tuple[Path, list[str]]:
    """Write a log into its day's folder and index it; where, and what kept the index from taking it."""
    sealed = _write(calls_dir, row, entries)
    try:
        with read_call(sealed.path) as logged:
            result = replay(log_of(sealed.path, logged))
        told_of = result.report
        indexed = index.row_of(
            calls_dir, sealed.path, sealed.call, sealed.seal, told_of, result.counts.faults, result.verdict
        )
        index.add(calls_dir, indexed, told_of)
    except LogError as error:
        return sealed.path, [f"the log is whole, but not in the index (`replay index` mends that): {error}"]
    return sealed.path, []


def _write_to(output: Path, row: CallRow, entries: list[Entry]) -> Path:
    """Write a log to a file of any name."""
    if output.exists():
        raise LogError(f"{output} exists already, and a log is never overwritten: remove it, or name another file")
    with told(output), TemporaryDirectory(prefix=".import-", dir=output.parent) as folder:
        _write(Path(folder), row, entries).path.replace(output)
    return output


def _write(calls_dir: Path, row: CallRow, entries: list[Entry]) -> Sealed:
    """Write and seal a log, in one transaction. Raises LogError, and then there is none."""
    log = CallLog(calls_dir, next(iter(keys_in_environment()), None))
    log.open(row)
    if log.degraded is None:
        log.append(entries)
    if log.degraded is not None:
        if (file := log.take()) is not None:
            file.connection.close()
            for suffix in FILES_OF_A_LOG:
                file.path.with_name(file.path.name + suffix).unlink(missing_ok=True)
            file.lock.release()
        raise LogError(f"the log cannot be written: {log.degraded}")
    sealed = seal(log)
    assert sealed is not None, "it was opened"
    return sealed
