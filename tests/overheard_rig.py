"""A call of another bridge, frame by frame: what the tests of `engine.core.overheard` are told in.

The line takes no time and Twilio's clock is ours, so a number in a test is stream time and call time at once. What
Twilio would send back the test says itself.
"""

import json
from base64 import b64encode
from typing import Any

from engine.core import CallSettings, Entry, Leg, Overheard, split
from engine.core.entries import Kind, split_sent
from engine.core.reading import What
from engine.sim.ruler import ruler
from tests import build

SETTINGS = CallSettings(rules=0)
MS = 1_000_000


def audio_of(item: int, begin_ms: int, end_ms: int) -> bytes:
    """A stretch of an item's audio; no other stretch has the same bytes."""
    return ruler(item, end_ms)[8 * begin_ms :]


class Rig:
    """See above. Items are called `item_0`, `item_1` ... and belong to `resp_0` and so on unless told otherwise."""

    def __init__(self, settings: CallSettings = SETTINGS) -> None:
        self.call = Overheard(settings)
        self.entries: list[Entry] = []
        self.now_ms = 0.0
        self._frames = 0

    def put(self, kind: Kind, leg: Leg, frame: str) -> What:
        """One entry."""
        cut = split if kind == "input" else split_sent
        body, audio = (frame, None) if leg == "engine" else cut(leg, frame)
        named = json.loads(frame)
        name = str(named.get("event") or named.get("type"))
        entry = Entry(len(self.entries) + 1, round(self.now_ms * MS), kind, leg, name, body, audio)
        self.entries.append(entry)
        return self.call.hear(entry)

    # The bridge receives

    def starts(self, **changes: Any) -> None:
        self.put("input", "caller", build.started(**changes))

    def run(self, to_ms: float) -> None:
        """The caller is silent up to then. What the line held back until now comes at once."""
        while (self._frames + 1) * 20 <= to_ms:
            self._frames += 1
            self.now_ms = max(self.now_ms, self._frames * 20)
            self.put("input", "caller", build.media((self._frames - 1) * 20))
        self.now_ms = max(self.now_ms, to_ms)

    def echo(self, *names: str) -> None:
        for name in names:
            self.put("input", "caller", build.echo(name))

    def stops(self) -> None:
        self.put("input", "caller", build.stopped())

    def model(self, **fields: Any) -> None:
        self.put("input", "model", json.dumps(fields))

    def generates(self, item: int, begin_ms: int, end_ms: int, response: int | None = None) -> None:
        self.model(
            type="response.output_audio.delta",
            response_id=f"resp_{item if response is None else response}",
            item_id=f"item_{item}",
            content_index=0,
            delta=b64encode(audio_of(item, begin_ms, end_ms)).decode(),
        )

    def speech_started(self, audio_start_ms: int = 0, item_id: str = "item_u1") -> None:
        self.model(type="input_audio_buffer.speech_started", audio_start_ms=audio_start_ms, item_id=item_id)

    # The bridge sends

    def to_caller(self, event: str, **fields: Any) -> None:
        self.put("command", "caller", json.dumps({"event": event, "streamSid": build.STREAM_SID, **fields}))

    def to_model(self, kind: str, **fields: Any) -> None:
        self.put("command", "model", json.dumps({"type": kind, **fields}))

    def plays(self, audio: bytes) -> None:
        self.to_caller("media", media={"payload": b64encode(audio).decode()})

    def forwards(self, item: int, begin_ms: int, end_ms: int, mark: str | None = "responsePart") -> None:
        """A delta comes and is passed on."""
        self.generates(item, begin_ms, end_ms)
        self.plays(audio_of(item, begin_ms, end_ms))
        if mark is not None:
            self.marks(mark)

    def marks(self, name: str) -> None:
        self.to_caller("mark", mark={"name": name})

    def clears(self) -> None:
        self.to_caller("clear")

    # What is known

    def heard_ms(self, item: int) -> tuple[int, int, int]:
        """At the least, most likely, and at the most."""
        found = self.call.conversation.items[f"item_{item}"]
        return found.heard_samples_min // 8, found.heard_samples // 8, found.heard_samples_max // 8


def begun(settings: CallSettings = SETTINGS) -> Rig:
    """A call that is up, a second into it."""
    rig = Rig(settings)
    rig.starts()
    rig.run(1_000)
    return rig
