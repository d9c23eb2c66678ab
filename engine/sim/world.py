"""A whole call in virtual time: the real core between a simulated edge and a simulated model.

The world is a heap of things that will happen, in nanoseconds since the call opened. It does what the bridge does
around `Call.step` (engine/bridge.py): stamp the input, step, take down the entries, send the frames, keep the timer,
look for words, dial, close. It uses no clock, no socket and no task, so a call of 20 s takes milliseconds, and the same
seed gives the same entries to the byte.

Between the bridge and each machine are two links, one in each direction (`link`).
"""

from collections.abc import Sequence
from functools import partial
from heapq import heappop, heappush
from random import Random

import msgspec

from engine.core import Call, Command, Entry, Leg, frame_text, record, split, wire_engine
from engine.core.commands import AlignItem, CloseLeg, DialModel, EndCall, LoadWord
from engine.sim.caller import Cue
from engine.sim.conversation import Remembered
from engine.sim.edge import TwilioEdge
from engine.sim.link import Link
from engine.sim.machine import NS_PER_MS, Machine
from engine.sim.model import RealtimeModel
from engine.sim.scenario import Scenario

CLOSE_NS = 2_000 * NS_PER_MS
"""As long as the bridge waits for the answer to a close."""
ALIGN_MS = 5
"""From the command to look for words to the answer. Less than any link takes, and never nothing."""
AFTERMATH_NS = 60_000 * NS_PER_MS
"""A call that has not ended so long after the caller hung up never will."""
NEVER_NS = 1 << 62


class Outcome(msgspec.Struct):
    """What a call came to: what the engine says (`entries`, `call`) and what is true (`edge`, `model`)."""

    scenario: Scenario
    seed: int
    entries: list[Entry]
    call: Call
    edge: TwilioEdge
    model: RealtimeModel
    """Of the last session."""
    ended: EndCall | None
    """None: the call did not come to its end."""
    models: list[RealtimeModel] = []
    """Of all sessions."""

    @property
    def items(self) -> list[Remembered]:
        """What was generated, in all sessions, in order; besides, what the caller said, what was restored, and last
        what no model made."""
        made = [item for model in self.models for item in model.conversation.items]
        return [*made, Remembered("word-1", "assistant", audio=self.scenario.word, done=True)]


class _Side:
    """A leg, with the machine at its far end."""

    def __init__(self, leg: Leg, machine: Machine, to_bridge: Link, to_machine: Link) -> None:
        self.leg = leg
        self.machine = machine
        self.to_bridge = to_bridge
        self.to_machine = to_machine
        self.is_open = False
        self.is_closing = False
        self.wake_ns = NEVER_NS


class _Timed:
    """Things to happen, in the order of their times, then in the order in which they were planned."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, partial[None]]] = []
        self._planned = 0

    def at(self, at_ns: int, act: partial[None]) -> None:
        self._planned += 1
        heappush(self._heap, (at_ns, self._planned, act))

    def next(self) -> tuple[int, partial[None]] | None:
        if not self._heap:
            return None
        at_ns, _, act = heappop(self._heap)
        return at_ns, act


class World:
    """Runs one call. See `run`."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        random = Random(seed)
        links = (scenario.caller_in, scenario.caller_out, scenario.model_in, scenario.model_out)
        # A link of its own random numbers: what one leg does must not shift the other's jitter.
        caller_in, caller_out, model_in, model_out = (Link(plan, Random(random.random())) for plan in links)
        edge_plan = msgspec.structs.replace(
            scenario.edge, cues=(*scenario.edge.cues, Cue(scenario.ends_ms, hang_up=True))
        )
        self.outcome = Outcome(
            scenario, seed, [], Call(scenario.settings), TwilioEdge(edge_plan), RealtimeModel(scenario.model), None
        )
        self._call = self.outcome.call
        self._caller = _Side("caller", self.outcome.edge, caller_in, caller_out)
        self._model = _Side("model", self.outcome.model, model_in, model_out)
        self._timed = _Timed()
        self._now_ns = 0
        self._wake_at_ns: int | None = None
        self._armed_ns = NEVER_NS
        self._dialling = False
        self._dials = 0

    def run(self) -> Outcome:
        """From the caller leg's opening to the end of the call."""
        scenario = self.outcome.scenario
        for drop in scenario.drops:
            self._timed.at(drop.at_ms * NS_PER_MS, partial(self._drop, drop.leg))
        for injected in scenario.injections:
            act = partial(self._receive, injected.leg, injected.body)
            self._timed.at(injected.at_ms * NS_PER_MS, act)
        self._open(self._caller)
        last_ns = scenario.ends_ms * NS_PER_MS + AFTERMATH_NS
        while self.outcome.ended is None and (due := self._timed.next()) is not None and due[0] <= last_ns:
            self._now_ns, act = due
            act()
        return self.outcome

    # The bridge

    def _receive(self, leg: Leg, frame: str, audio: bytes | None = None) -> None:
        """One input: what the bridge's step does. `audio` comes with inputs of our own."""
        body = frame
        if leg != "engine":
            body, audio = split(leg, frame)
        entries, now_ns = self.outcome.entries, self._now_ns
        seq = len(entries) + 1
        step = self._call.step(seq, now_ns, leg, body, audio)
        entries.append(Entry(seq, now_ns, "input", leg, step.type, body, audio))
        if step.commands:
            rows = record(step.commands, seq + 1, now_ns, seq)
            entries += rows
            self._carry_out(rows, step.commands)
        self._wake_at_ns = step.wake_at_ns
        if step.wake_at_ns is not None and step.wake_at_ns < self._armed_ns:
            self._arm(step.wake_at_ns)

    def _tell(self, **fact: object) -> None:
        self._receive("engine", msgspec.json.encode(fact).decode())

    def _carry_out(self, rows: Sequence[Entry], commands: Sequence[Command]) -> None:
        for row, command in zip(rows, commands, strict=True):
            if row.leg != "engine":
                self._send(self._side(row.leg), frame_text(row, command))
                continue
            match command:
                case DialModel():
                    self._dialling = True
                    self._dials += 1
                    self._after_ms(self.outcome.scenario.dial.latency_ms, partial(self._dialled))
                case AlignItem():
                    answer = wire_engine.aligned(command.item_id, command.work.done())
                    self._after_ms(ALIGN_MS, partial(self._receive, "engine", answer))
                case LoadWord():
                    loaded = partial(self._receive, "engine", '{"type":"word.loaded"}', self.outcome.scenario.word)
                    self._timed.at(self._now_ns, loaded)
                case CloseLeg():
                    self._close(self._side(command.leg), command.code, command.reason)
                case EndCall():
                    self.outcome.ended = command

    def _arm(self, wake_at_ns: int) -> None:
        self._armed_ns = max(wake_at_ns, self._now_ns)
        self._timed.at(self._armed_ns, partial(self._wake))

    def _wake(self) -> None:
        """The timer. A later time than the one it was armed for leaves it armed: it looks again when it goes off."""
        if self._now_ns != self._armed_ns:
            return
        self._armed_ns = NEVER_NS
        if self._wake_at_ns is not None and self._wake_at_ns <= self._now_ns:
            self._tell(type="timer.due")
        elif self._wake_at_ns is not None:
            self._arm(self._wake_at_ns)

    def _dialled(self) -> None:
        dial = self.outcome.scenario.dial
        if not self._dialling:
            return
        self._dialling = False
        if dial.is_failing(self._dials):
            self._tell(type="leg.failed", leg="model", status=dial.status, reason=dial.failure)
        else:
            self._open(self._new_session())

    def _new_session(self) -> _Side:
        """The side of the model that was dialled: a server of its own each time, over the same line."""
        outcome = self.outcome
        if outcome.models:
            outcome.model = RealtimeModel(outcome.scenario.model, outcome.model)
            self._model = _Side("model", outcome.model, self._model.to_bridge, self._model.to_machine)
        outcome.models.append(outcome.model)
        return self._model

    # The legs

    def _side(self, leg: str) -> _Side:
        return self._caller if leg == "caller" else self._model

    def _open(self, side: _Side) -> None:
        side.is_open = True
        self._tell(type="leg.opened", leg=side.leg)
        side.machine.open(self._now_ns)
        self._pump(side)

    def _send(self, side: _Side, frame: str) -> None:
        if side.is_open and not side.is_closing:
            self._timed.at(side.to_machine.arrival_ns(self._now_ns), partial(self._deliver, side, frame))

    def _deliver(self, side: _Side, frame: str) -> None:
        if side.is_open:
            side.machine.receive(self._now_ns, frame)
            self._pump(side)

    def _pump(self, side: _Side) -> None:
        """Let a machine act: what it sends goes on its way, and it is woken when it next wants to be."""
        machine, now_ns = side.machine, self._now_ns
        if now_ns >= side.wake_ns:
            side.wake_ns = NEVER_NS
        was_open = machine.closing is None
        for frame in machine.advance(now_ns):
            self._timed.at(side.to_bridge.arrival_ns(now_ns), partial(self._arrive, side, frame))
        if machine.closing is not None:
            if was_open or not side.is_closing:
                closing = machine.closing
                arrival_ns = side.to_bridge.arrival_ns(now_ns)
                self._timed.at(arrival_ns, partial(self._closed, side, closing.code, closing.reason))
                side.is_closing = True
            return
        next_ns = machine.next_at_ns()
        if next_ns is not None and next_ns < side.wake_ns:
            side.wake_ns = next_ns
            self._timed.at(next_ns, partial(self._pump_if_open, side))

    def _pump_if_open(self, side: _Side) -> None:
        if side.is_open:
            self._pump(side)

    def _arrive(self, side: _Side, frame: str) -> None:
        if side.is_open:
            self._receive(side.leg, frame)

    def _close(self, side: _Side, code: int, reason: str) -> None:
        """The bridge closes a leg: the far end hears of it, and answers."""
        if side is self._model and self._dialling:
            self._dialling = False
            failure = {"type": "leg.failed", "leg": "model", "status": None, "reason": "given up: the call ended first"}
            self._timed.at(self._now_ns, partial(self._receive, "engine", msgspec.json.encode(failure).decode()))
        elif side.is_open and not side.is_closing:
            side.is_closing = True
            self._timed.at(side.to_machine.arrival_ns(self._now_ns), partial(self._closed_far, side, code, reason))
            unanswered = partial(self._closed, side, None, "the close was not answered")
            self._timed.at(self._now_ns + CLOSE_NS, unanswered)

    def _closed_far(self, side: _Side, code: int, reason: str) -> None:
        side.machine.close(self._now_ns)
        self._timed.at(side.to_bridge.arrival_ns(self._now_ns), partial(self._closed, side, code, reason))

    def _closed(self, side: _Side, code: int | None, reason: str) -> None:
        if side.is_open:
            side.is_open = False
            side.machine.close(self._now_ns)
            self._tell(type="leg.closed", leg=side.leg, code=code, reason=reason)

    def _drop(self, leg: str) -> None:
        self._closed(self._side(leg), None, "the connection broke off")

    def _after_ms(self, ms: int, act: partial[None]) -> None:
        self._timed.at(self._now_ns + ms * NS_PER_MS, act)


def run(scenario: Scenario, seed: int) -> Outcome:
    """Run `scenario`. `seed` decides the jitter, nothing else."""
    return World(scenario, seed).run()
