"""One call: two legs, a timer, and the step that joins them.

    frame or fact ──► stamp ──► Call.step ──► log.append (one transaction) ──► legs

`_step` awaits nothing, so no cancellation can land in it, and the tasks that call it need no lock: the readers of the
two legs, the timer, the dial. What it sends is pushed, not awaited, and only after it was logged. The order of the log
is the order of the steps is the order on the wire.

The core decides; this file carries out. Its own part is small: it tells the core what happens to sockets, wakes it when
it asked to be woken, has words looked for, and gives up if nothing is left to wait for and the core has not ended the
call.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Protocol

import msgspec
import trio

from engine import __version__
from engine.aligning import Align
from engine.core import Call, Entry, frame_text, record, split, wire_caller, wire_engine
from engine.core import Leg as EntryLeg
from engine.core.commands import AlignItem, AppendAudio, CloseLeg, Command, DialModel, EndCall, Fault, LoadWord
from engine.core.events import StreamStarted
from engine.dial import DialFailed, Dialled, refused
from engine.legs import GIVEN_UP, Leg, LegName
from engine.log.reader import CallRow
from engine.log.wall_clock import utc_now
from engine.outbox import Outbox
from engine.say import say
from engine.tokens import PARAMETER

NS = 1_000_000_000


class Recorder(Protocol):
    """Where a call's entries go: `engine.log.writer.CallLog`. A full disk shows in the log, not in the call."""

    def open(self, call: CallRow) -> None: ...
    def append(self, entries: Sequence[Entry]) -> None: ...


class WireLimits(msgspec.Struct, frozen=True):
    """Bounds on the sockets of a call. When one bites, the core is told, and the log says which."""

    caller_frame_bytes_max: int = 64 * 1024
    """Twilio sends 400 bytes; a `start` with every custom parameter is below 16 KiB."""
    model_frame_bytes_max: int = 1024 * 1024
    """The largest events carry seconds of audio, or a whole item's text. A delta of this size, a minute and a half of
    speech, would already take a third of a second to hear."""
    outbox_bytes_max: int = 2 * 1024 * 1024
    """Sent and not yet taken by the peer, for each leg: two and a half minutes of audio, as base64."""
    model_silent_seconds_max: int = 15
    """Without a byte from the model, which is pinged after a third of it and again after two: it may have nothing to
    say for longer, but it answers a ping within a round trip."""


Dial = Callable[[str], Awaitable[Dialled]]
Admit = Callable[[str, str], str | None]
"""Takes the call SID of a `start` and its token; why it is not to be trusted, or None."""


class Bridge:
    """Runs one `call` over one socket from Twilio. `dial` opens the model's stream or raises DialFailed; `align` does a
    search for words without holding up the event loop. `word` (mu-law) is what the caller is told while the model is
    away; `admit` is asked before a `start` is believed (None: every one is)."""

    def __init__(
        self,
        call: Call,
        log: Recorder,
        dial: Dial,
        limits: WireLimits,
        align: Align,
        word: bytes = b"",
        admit: Admit | None = None,
    ) -> None:
        self.fault_seqs: list[int] = []
        """Entries that record what must not happen."""
        self.ended: EndCall | None = None
        self._call = call
        self._log = log
        self._dial = dial
        self._limits = limits
        self._align = align
        self._word = word
        self._admit = admit
        self._seq = 1
        self._opened_at: float | None = None
        self._started_at = ""
        self._is_named = False
        self._at_ns = 0
        self._wake_at_ns: int | None = None
        self._armed_ns: float = inf
        self._timer = trio.CancelScope()
        self._legs: dict[str, Leg] = {}
        self._tasks_left = 0
        self._scope = trio.CancelScope()
        self._dial_scope = trio.CancelScope()
        self._facts: deque[tuple[str, bytes | None]] = deque()
        self._nursery: trio.Nursery

    async def run(self, stream: trio.abc.Stream, received: bytes = b"") -> None:
        """From the caller's WebSocket handshake (of which `received` was read already) to the end of the call.

        Closes the stream. Raises only what is a bug; cancelled, it leaves sockets closed and the log without an end.
        """
        with self._scope:
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self._wake_when_due)
                self._start(self._run_caller, stream, received)

    def hang_up(self, reason: str) -> None:
        """End the call on purpose, as soon as its legs have closed."""
        if self._opened_at is None:
            self._scope.cancel()  # still in its handshake: there is no call yet
            return
        self._tell(type="operator.hang_up", reason=reason)

    @property
    def seconds(self) -> float:
        """From the opening of the call to its newest entry."""
        return self._at_ns / NS

    # What the legs tell (engine.legs.Listener)

    def leg_opened(self, leg: LegName) -> None:
        if self._opened_at is None:
            self._opened_at = trio.current_time()
            self._started_at = utc_now()
        self._tell(type="leg.opened", leg=leg)

    def frame_received(self, leg: LegName, frame: str) -> None:
        body, audio = split(leg, frame)
        if not self._is_named and leg == "caller":
            self._check_start(body)
        self._step(leg, body, audio)

    def binary_received(self, leg: LegName, frame: bytes) -> None:
        self._tell(type="frame.binary", leg=leg, audio=frame)

    def frame_too_large(self, leg: LegName, frame_bytes: int, frame_bytes_max: int) -> None:
        self._tell(type="limit.reached", limit=f"{leg}_frame_bytes_max", value=frame_bytes, max=frame_bytes_max)

    def outbox_filled(self, leg: LegName) -> None:
        self._later(type="outbox.full", leg=leg)

    def _check_start(self, body: str) -> None:
        """Have a `start` admitted. The core is told of a refusal before it sees the frame, so it never dials for it."""
        _, event = wire_caller.decode(body, None)
        if self._admit is not None and isinstance(event, StreamStarted):
            refusal = self._admit(event.call_sid, event.parameters.get(PARAMETER, ""))
            if refusal is not None:
                self._tell(type="start.refused", reason=refusal)

    # The step

    def _tell(self, **fact: object) -> None:
        """An input that is not a frame."""
        self._step("engine", msgspec.json.encode(fact).decode(), None)

    def _later(self, audio: bytes | None = None, **fact: object) -> None:
        """The same, from within a step, which must be through before the next begins."""
        self._facts.append((msgspec.json.encode(fact).decode(), audio))

    def _step(self, leg: EntryLeg, body: str, audio: bytes | None) -> None:
        if self.ended is not None or self._opened_at is None:
            return
        at_ns = self._at_ns = max(self._at_ns, round((trio.current_time() - self._opened_at) * NS))
        seq = self._seq
        step = self._call.step(seq, at_ns, leg, body, audio)
        if not self._is_named:
            self._name()
        rows = [Entry(seq, at_ns, "input", leg, step.type, body, audio)]
        if step.commands:
            rows += record(step.commands, seq + 1, at_ns, seq)
        self._seq += len(rows)
        self._log.append(rows)
        if step.commands:
            self._carry_out(rows[1:], step.commands)
        self._arm(step.wake_at_ns)
        if self._facts:
            self._step("engine", *self._facts.popleft())

    def _name(self) -> None:
        """Twilio's `start` has told whose call this is, so its log can have a file."""
        call = self._call
        if call.call_sid is None:
            return
        self._is_named = True
        say("call.started", call=call.call_sid, stream=call.stream_sid)
        self._log.open(
            CallRow(
                call_sid=call.call_sid,
                stream_sid=call.stream_sid or "",
                account_sid=call.account_sid or "",
                started_at=self._started_at,
                rules=call.settings.rules,
                engine_version=__version__,
                config=msgspec.json.encode(call.settings).decode(),
            )
        )

    def _carry_out(self, rows: Sequence[Entry], commands: Sequence[Command]) -> None:
        """Send the frames, those of one leg together; then do what is ours, for a leg closes after its last frame."""
        if len(commands) == 1 and type(commands[0]) is AppendAudio:  # fifty times a second
            self._legs["model"].send((frame_text(rows[0], commands[0]),))
            return
        frames: dict[str, list[str]] = {}
        for row, command in zip(rows, commands, strict=True):
            if row.leg != "engine":
                frames.setdefault(row.leg, []).append(frame_text(row, command))
        for name, texts in frames.items():
            if name in self._legs:
                self._legs[name].send(texts)
        for row, command in zip(rows, commands, strict=True):
            match command:
                case DialModel():
                    # Made here: the next step, in the same read, may give the dial up before its task has begun.
                    self._dial_scope = trio.CancelScope()
                    self._start(self._run_model, command.model, self._dial_scope)
                case AlignItem():
                    self._start(self._run_search, command)
                case LoadWord():
                    self._later(self._word, type="word.loaded")
                case CloseLeg() if command.leg in self._legs:
                    self._legs[command.leg].close(command.code, command.reason)
                case CloseLeg():
                    self._dial_scope.cancel()
                case EndCall():
                    self.ended = command
                    self._scope.cancel()
                case Fault():
                    self.fault_seqs.append(row.seq)

    # The timer

    def _arm(self, wake_at_ns: int | None) -> None:
        """Take down when the core wants to be woken. A later time than before leaves the timer task asleep: nearly
        every frame puts the idle limit off by 20 ms, and waking a task for that would double what a frame costs."""
        self._wake_at_ns = wake_at_ns
        if wake_at_ns is not None and wake_at_ns < self._armed_ns:
            self._armed_ns = wake_at_ns
            self._timer.deadline = self._time_of(wake_at_ns)

    def _time_of(self, at_ns: float) -> float:
        assert self._opened_at is not None
        return self._opened_at + at_ns / NS

    async def _wake_when_due(self) -> None:
        while True:
            with trio.CancelScope() as self._timer:
                self._armed_ns = inf
                self._arm(self._wake_at_ns)
                await trio.sleep_forever()
            if self._wake_at_ns is not None and self._wake_at_ns <= self._armed_ns:
                # The clock is a float, so the moment it shows can fall short of the one asked for by a rounding.
                self._at_ns = max(self._at_ns, self._wake_at_ns)
                self._tell(type="timer.due")

    # The tasks: the legs, and searches for words

    def _start(self, task: Callable[..., Awaitable[None]], *args: object) -> None:
        self._tasks_left += 1
        self._nursery.start_soon(self._until_gone, task, *args)

    async def _until_gone(self, task: Callable[..., Awaitable[None]], *args: object) -> None:
        await task(*args)
        self._tasks_left -= 1
        if not self._tasks_left and self._wake_at_ns is None:
            self._scope.cancel()  # the core has ended the call by now; if not, nothing is left to wait for

    async def _run_search(self, command: AlignItem) -> None:
        try:
            alignment = await self._align(command.work)
        except Exception as error:
            say("align.failed", call=self._call.call_sid, error=f"{type(error).__name__}: {error}")
            self._tell(type="item.unaligned", item_id=command.item_id, reason=str(error))
            return
        self._step("engine", wire_engine.aligned(command.item_id, alignment), None)

    async def _run_caller(self, stream: trio.abc.Stream, received: bytes) -> None:
        outbox = Outbox(stream, self._limits.outbox_bytes_max, received)
        leg = self._legs["caller"] = Leg("caller", self, outbox, self._limits.caller_frame_bytes_max)
        await leg.run()
        self._tell_closed(leg)

    async def _run_model(self, model: str, scope: trio.CancelScope) -> None:
        dialled, failure = None, DialFailed(None, GIVEN_UP)
        with scope:
            try:
                dialled = await self._dial(model)
            except DialFailed as error:
                failure = error
        if dialled is not None and scope.cancel_called:
            # It succeeded in the very moment in which it was given up, and nobody will close it but us.
            await trio.aclose_forcefully(dialled.stream)
            dialled = None
        if dialled is None:
            self._tell_failed(failure)
            return
        outbox = Outbox(dialled.stream, self._limits.outbox_bytes_max)
        limits = self._limits
        leg = Leg("model", self, outbox, limits.model_frame_bytes_max, dialled.request, limits.model_silent_seconds_max)
        self._legs["model"] = leg
        await leg.run()
        del self._legs["model"]  # before the core is told, which may dial again
        if leg.is_open:
            self._tell_closed(leg)
        else:
            self._tell_failed(refused(leg.refusal) if leg.refusal else DialFailed(None, leg.why_not_open))

    def _tell_closed(self, leg: Leg) -> None:
        code, reason = leg.closed
        self._tell(type="leg.closed", leg=leg.name, code=code, reason=reason)

    def _tell_failed(self, failure: DialFailed) -> None:
        self._tell(type="leg.failed", leg="model", status=failure.status, reason=failure.reason, code=failure.code)
