"""A bridge as people write it, and a world for it to be wrong in.

`Bridge` has the shape of Twilio's sample (https://github.com/twilio-samples/speech-assistant-openai-realtime-api-python):
deltas are forwarded at once with a mark behind each, the mark is always called `responsePart`, and when the caller
speaks the item is truncated and Twilio cleared. It is put right here, as far as that goes without the marks' help: it
knows when each item will be over, cuts all items that were not, and drops what comes late.

Every way to get it wrong is a class of its own that changes one thing (`tests.naive_bugs`).

`NaiveWorld` is the simulators' world with such a bridge in the place of the core. It takes down what the bridge
received and sent, as a recorder in it would.
"""

import json
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from engine.core import Entry, Leg, split
from engine.core.commands import EndCall
from engine.sim.scenario import Scenario
from engine.sim.world import Outcome, World

BYTES_PER_MS = 8
MARK = "responsePart"


class Out(Struct):
    """A frame to be sent, or (without a leg) something else to be done, now or later."""

    leg: Leg | None
    frame: str
    delay_ms: int = 0


class Speaking(Struct):
    """An item, by Twilio's clock: how much came of it, and when the caller will have heard it from its beginning on."""

    item_id: str
    response_id: str
    start_ms: int
    received: int = 0
    is_done: bool = False
    is_cut: bool = False

    @property
    def received_ms(self) -> int:
        return self.received // BYTES_PER_MS

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.received_ms


class Bridge:
    """See above. `receive` is told each frame, and says what to send."""

    interrupt_response = True

    def __init__(self, greets: bool = True) -> None:
        self.greets = greets
        self.stream_sid = ""
        self.is_configured = False
        self.now_ms = 0
        """The timestamp of the newest media frame, as the sample has it."""
        self.items: list[Speaking] = []
        self.doomed: list[str] = []
        """Items that nobody heard, to be deleted once they are done."""
        self.muted: set[str] = set()
        self.generating: set[str] = set()
        self.out: list[Out] = []

    def receive(self, leg: str, frame: str) -> list[Out]:
        message = msgspec.json.decode(frame)
        if leg == "caller":
            self.from_caller(message["event"], message)
        elif leg == "model":
            self.from_model(message["type"], message)
        made, self.out = self.out, []
        return made

    # Twilio

    def from_caller(self, event: str, message: dict[str, Any]) -> None:
        match event:
            case "start":
                self.stream_sid = message["start"]["streamSid"]
                self.out.append(Out(None, "dial"))
            case "media":
                self.now_ms = int(message["media"]["timestamp"])
                self.heard_caller(message["media"]["payload"])
            case "mark":
                self.echoed(message["mark"]["name"])
            case "stop":
                self.out.append(Out(None, "hang up"))

    def heard_caller(self, payload: str) -> None:
        if self.is_configured:
            self.to_model("input_audio_buffer.append", audio=payload)

    def echoed(self, name: str) -> None:
        pass

    def play(self, speaking: Speaking, payload: str, size: int) -> None:
        self.to_caller("media", media={"payload": payload})
        self.to_caller("mark", mark={"name": MARK})

    # The model

    def from_model(self, kind: str, message: dict[str, Any]) -> None:
        match kind:
            case "session.created":
                self.is_configured = True
                self.to_model("session.update", session=self.session())
                if self.greets:
                    self.to_model("response.create")
            case "response.created":
                self.generating.add(message["response"]["id"])
            case "response.output_audio.delta":
                self.delta(message)
            case "response.output_item.done":
                self.item_done(message["item"]["id"])
            case "response.done":
                self.generating.discard(message["response"]["id"])
            case "input_audio_buffer.speech_started":
                self.speech_started()

    def session(self) -> dict[str, Any]:
        turns = {"type": "server_vad", "interrupt_response": self.interrupt_response, "silence_duration_ms": 500}
        heard = {"format": {"type": "audio/pcmu"}, "turn_detection": turns}
        return {"type": "realtime", "audio": {"input": heard, "output": {"format": {"type": "audio/pcmu"}}}}

    def delta(self, message: dict[str, Any]) -> None:
        if message["response_id"] in self.muted:
            return
        item_id, payload = message["item_id"], message["delta"]
        if not self.items or self.items[-1].item_id != item_id:
            self.items.append(Speaking(item_id, message["response_id"], self.starts_at()))
        speaking, size = self.items[-1], len(payload) * 3 // 4 - payload.count("=")
        self.play(speaking, payload, size)
        speaking.received += size

    def starts_at(self) -> int:
        """When an item whose audio comes now will begin at the caller's ear."""
        last = self.items[-1] if self.items else None
        return self.now_ms if last is None or last.is_cut else max(self.now_ms, last.end_ms)

    def item_done(self, item_id: str) -> None:
        for speaking in self.items:
            speaking.is_done = speaking.is_done or speaking.item_id == item_id
        if item_id in self.doomed:
            self.to_model("conversation.item.delete", item_id=item_id)

    # The caller speaks

    def speech_started(self) -> None:
        self.mute()
        playing = [each for each in self.items if each.end_ms > self.now_ms and not each.is_cut]
        if playing:
            self.cut(playing)
            self.clear()

    def mute(self) -> None:
        self.muted |= self.generating

    def cut(self, playing: list[Speaking]) -> None:
        for speaking in playing:
            speaking.is_cut = True
            heard_ms = self.now_ms - speaking.start_ms
            if heard_ms > 0:
                self.truncate(speaking, heard_ms)
            else:
                self.delete(speaking)

    def truncate(self, speaking: Speaking, audio_end_ms: int) -> None:
        self.to_model(
            "conversation.item.truncate", item_id=speaking.item_id, content_index=0, audio_end_ms=audio_end_ms
        )

    def delete(self, speaking: Speaking) -> None:
        if speaking.is_done:
            self.to_model("conversation.item.delete", item_id=speaking.item_id)
        else:
            self.doomed.append(speaking.item_id)

    def clear(self) -> None:
        self.to_caller("clear")

    # The wire

    def to_caller(self, event: str, delay_ms: int = 0, **fields: Any) -> None:
        made = {"event": event, "streamSid": self.stream_sid, **fields}
        self.out.append(Out("caller", json.dumps(made), delay_ms))

    def to_model(self, kind: str, delay_ms: int = 0, **fields: Any) -> None:
        self.out.append(Out("model", json.dumps({"type": kind, **fields}), delay_ms))


class _Named(Struct):
    event: str = ""
    type: str = ""


_decode_named = msgspec.json.Decoder(_Named).decode


class NaiveWorld(World):
    """One call with `bridge` in it. The outcome's entries are what it received and sent; its `call` is not used."""

    def __init__(self, scenario: Scenario, seed: int, bridge: Bridge) -> None:
        super().__init__(scenario, seed)
        self._bridge = bridge
        self._open_legs = 0

    def _receive(self, leg: Leg, frame: str, audio: bytes | None = None) -> None:
        self._take_down("input", leg, frame)
        if leg == "engine":
            self._open_legs += 1 if "leg.opened" in frame else -1
            if not self._open_legs:
                self.outcome.ended = EndCall("stop", "")
            return
        for out in self._bridge.receive(leg, frame):
            act = partial(self._put, out)
            if out.delay_ms:
                self._after_ms(out.delay_ms, act)
            else:
                act()

    def _put(self, out: Out) -> None:
        if out.leg is not None:
            self._take_down("command", out.leg, out.frame)
            self._send(self._side(out.leg), out.frame)
        elif out.frame == "dial":
            self._dialling = True
            self._after_ms(self.outcome.scenario.dial.latency_ms, partial(self._dialled))
        else:
            self._close(self._model, 1000, "")

    def _take_down(self, kind: Any, leg: Leg, frame: str) -> None:
        body, audio = (frame, None) if leg == "engine" else split(leg, frame)
        named = _decode_named(frame)
        entries = self.outcome.entries
        name = named.event if leg == "caller" else named.type
        entries.append(Entry(len(entries) + 1, self._now_ns, kind, leg, name, body, audio))


def run_naive(scenario: Scenario, seed: int, bridge: Bridge) -> Outcome:
    """Run a call with `bridge` in the middle."""
    return NaiveWorld(scenario, seed, bridge).run()
