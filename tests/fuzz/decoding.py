"""Any text as a frame, any frames as a call: the parts that need no socket and no disk.

A frame reaches the core as text: the WebSocket and SQLite have both seen that it is UTF-8, so what is not is replaced
here too. `call` takes lines, so that a fuzzer can move, double and leave out whole frames: `c` and a frame of the
caller leg, `m` and one of the model leg, `e` and an input of the engine's own, `+` and milliseconds that pass, `a` for
the answer to the oldest search for words.
"""

import msgspec

from engine.core import CallSettings, Leg, report, split, wire_caller, wire_engine, wire_model
from engine.core import events as ev
from engine.core.entries import HOLE, is_too_deep, rebuild, split_sent
from engine.core.heard import Features, Work
from engine.core.settings import Limits
from tests import build
from tests.fuzz.laws import Watched

LINES_MAX = 200
"""Of a call: enough for any order of a few dozen things, few enough for thousands of calls a minute."""
WAIT_MS_MAX = 60_000
SETTINGS = CallSettings(greeting="Greet.", limits=Limits(settle_ms=300, pending_audio_ms_max=60, idle_ms_max=5_000))
_LEGS: dict[str, Leg] = {"c": "caller", "m": "model", "e": "engine"}


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def caller_frame(data: bytes) -> None:
    """A frame of Twilio's: decoded, whole and cut, to a type that can be logged."""
    text = text_of(data)
    kind, _ = wire_caller.decode(text, None)
    assert kind == wire_caller.decode(*split("caller", text))[0]
    kind.encode()


def model_frame(data: bytes) -> None:
    """A frame of the model's."""
    text = text_of(data)
    kind, _ = wire_model.decode(text, None)
    assert kind == wire_model.decode(*split("model", text))[0]
    kind.encode()


def engine_input(data: bytes) -> None:
    """An input of the engine's own, as a log may hold it. An alignment that is taken is one that can be told again."""
    _, event = wire_engine.decode(text_of(data))
    if isinstance(event, ev.ItemAligned):
        assert wire_engine.decode(wire_engine.aligned(event.item_id, event.alignment))[1] == event


def cut_frame(data: bytes) -> None:
    """What `split` takes out of a frame, `rebuild` puts back, to the byte."""
    text = text_of(data)
    for cut in (split, split_sent):
        for leg in ("caller", "model"):
            body, audio = cut(leg, text)
            assert rebuild(body, audio) == text
            assert audio is None or HOLE in body
    is_too_deep(text)


def words(data: bytes) -> None:
    """A search for any words in any audio: the transcript, a line of its own, then G.711. What it gives is a fact that
    the core accepts."""
    transcript, _, audio = data.partition(b"\n")
    text = text_of(transcript)
    for is_complete in (False, True):
        features = Features()
        features.take(audio)
        found = Work(text, features.snapshot(features.frames), is_complete, None).done()
        assert found.transcript == text
        event = wire_engine.decode(wire_engine.aligned("item_1", found))[1]
        assert event == ev.ItemAligned("item_1", found), event


def call(data: bytes) -> None:
    """A call of any frames in any order, under the laws that hold for all calls; see above."""
    watched = Watched(SETTINGS, sockets=False)
    for line in text_of(data).split("\n")[:LINES_MAX]:
        _put(watched, line[:1], line[1:].strip())
    watched.engine(build.operator_hang_up())
    watched.replayed()
    watched.replayed(len(watched.entries) * 2 // 3)
    msgspec.json.encode(report(watched.call))


def _put(watched: Watched, sign: str, text: str) -> None:
    if sign == "+":
        ms = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 20
        watched.let_pass(min(ms, WAIT_MS_MAX) * build.MS)
    elif sign == "a":
        if watched.searches:
            watched.answer(next(iter(watched.searches)))
    elif sign in _LEGS and not (sign == "e" and _is_answer(text)):
        watched.put(_LEGS[sign], text)


def _is_answer(text: str) -> bool:
    """An answer that the search did not give is no input from outside: a replay is right to say so."""
    return isinstance(wire_engine.decode(text)[1], ev.ItemAligned | ev.ItemUnaligned)
