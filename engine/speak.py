"""Have the model say one sentence, as audio: for the word that the caller hears while the model is away.

One session of its own, in the agent's voice, with one response and nobody speaking. What comes back is what it said:
a model does not read out, so its transcript is compared by whoever listens.
"""

from typing import NamedTuple

import msgspec
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, HandshakeError, WebSocketConnection

from engine.core import CallSettings, wire_model
from engine.core import events as ev
from engine.core.commands import CreateResponse, ModelCommand, UpdateSession
from engine.core.session import session_config
from engine.dial import Dialled, refused, shake_hands

SECONDS_MAX = 30.0
"""For all of it. A sentence takes two or three."""


SAY = "Say exactly this, and nothing else, in the language it is in: "


class Spoken(NamedTuple):
    """What was said: mu-law, and its transcript."""

    audio: bytes
    transcript: str


class SpeakError(Exception):
    """The model did not say it, and why."""


async def speak(dialled: Dialled, settings: CallSettings, words: str) -> Spoken:
    """Have `words` said over a stream to the model, and close it. Raises SpeakError."""
    try:
        with trio.fail_after(SECONDS_MAX):
            async with dialled.stream, trio.open_nursery() as nursery:
                socket = await shake_hands(nursery, dialled)
                spoken = await _ask(socket, settings, words)
                await socket.aclose()
                return spoken
    except* ConnectionRejected as group:
        failure = group.exceptions[0]
        assert isinstance(failure, ConnectionRejected)
        raise SpeakError(refused(failure).reason) from None
    except* (ConnectionClosed, HandshakeError) as group:
        raise SpeakError(f"the model hung up: {group.exceptions[0]}") from None
    except* trio.TooSlowError:
        raise SpeakError(f"the model had not said it after {SECONDS_MAX:g} s") from None
    except* SpeakError as group:
        raise SpeakError(str(group.exceptions[0])) from None
    raise AssertionError("one of them returns or raises")


async def _ask(socket: WebSocketConnection, settings: CallSettings, words: str) -> Spoken:
    audio, transcript = bytearray(), ""
    while True:
        frame = await socket.get_message()
        _, event = wire_model.decode(frame if isinstance(frame, str) else "", None)
        match event:
            case ev.SessionCreated():
                await _send(socket, UpdateSession("session", session_config(settings)))
            case ev.SessionUpdated():
                await _send(socket, CreateResponse("word", f"{SAY}{msgspec.json.encode(words).decode()}"))
            case ev.ItemAudio():
                audio += event.audio
            case ev.ItemTranscript(final=True):
                transcript = event.text
            case ev.ModelError():
                raise SpeakError(f"{event.code}: {event.message}")
            case ev.ResponseDone(status="completed") if audio:
                return Spoken(bytes(audio), transcript)
            case ev.ResponseDone():
                raise SpeakError(f"the model's response was {event.status}, and nothing in it was spoken")


async def _send(socket: WebSocketConnection, command: ModelCommand) -> None:
    _, body = wire_model.encode(command)
    await socket.send_message(body)
