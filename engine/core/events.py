"""What can happen to a call: a closed union of decoded facts.

Frames of either leg and the engine's own inputs are decoded (`wire_caller`, `wire_model`, `wire_engine`) into these.
Names are in the past tense, or nouns when the event carries data. Both generations of the vendor's event names (GA
and beta) give the same events. What no rule depends on becomes `Ignored`; what cannot be read becomes `Malformed`:
neither is ever an exception.
"""

import msgspec

from engine.core.heard import Alignment


class Event(msgspec.Struct, frozen=True, gc=False):
    """Base of all events."""


# Either leg


class Ignored(Event, frozen=True, gc=False):
    """A frame that decodes and that nothing here depends on, of a type known or not."""

    type: str


class Malformed(Event, frozen=True, gc=False):
    """A frame that is not what its leg speaks."""

    leg: str
    reason: str


# Caller leg: https://www.twilio.com/docs/voice/media-streams/websocket-messages


class StreamStarted(Event, frozen=True, gc=False):
    """Twilio's `start`."""

    stream_sid: str
    call_sid: str
    account_sid: str
    encoding: str
    sample_rate: int
    channels: int
    parameters: dict[str, str] = {}
    """What the TwiML gave to the stream (https://www.twilio.com/docs/voice/twiml/stream#custom-parameters)."""


class CallerAudio(Event, frozen=True, gc=False):
    """20 ms of the caller. `timestamp_ms` is Twilio's own clock: milliseconds from the start of the stream."""

    timestamp_ms: int
    audio: bytes


class MarkEchoed(Event, frozen=True, gc=False):
    """Twilio gave a mark back: played, or flushed by a clear. The frame does not say which."""

    name: str


class DtmfPressed(Event, frozen=True, gc=False):
    """The caller pressed a key."""

    digit: str


class StreamStopped(Event, frozen=True, gc=False):
    """Twilio's `stop`."""


# Model leg: https://platform.openai.com/docs/api-reference/realtime-server-events


class SessionCreated(Event, frozen=True, gc=False):
    """The model's session exists, with the vendor's defaults."""


class SessionUpdated(Event, frozen=True, gc=False):
    """The session as it now is, as far as it is said: formats by their GA names (`audio/pcmu`) or empty; None."""

    input_format: str
    output_format: str
    interrupt_response: bool | None


class SpeechStarted(Event, frozen=True, gc=False):
    """The model's VAD heard the caller. `audio_start_ms`: input_ms, moved back by the prefix padding."""

    audio_start_ms: int
    item_id: str


class SpeechStopped(Event, frozen=True, gc=False):
    """The model's VAD heard the caller end. `audio_end_ms`: input_ms, the silence window included."""

    audio_end_ms: int
    item_id: str


class FunctionPart(Event, frozen=True, gc=False):
    """What an item of kind `function_call` (name, arguments) or `function_call_output` (output) says."""

    call_id: str
    name: str
    arguments: str
    output: str


class ItemAdded(Event, frozen=True, gc=False):
    """An item took its place in the conversation, after `previous_item_id`."""

    item_id: str
    previous_item_id: str | None
    kind: str
    role: str | None
    function: FunctionPart | None = None


class ItemDone(Event, frozen=True, gc=False):
    """An item will not grow any more. `is_whole`: it was generated to its end, as far as the vendor says."""

    item_id: str
    is_whole: bool
    function: FunctionPart | None = None


class ItemTruncated(Event, frozen=True, gc=False):
    """The model shortened an item."""

    item_id: str
    audio_end_ms: int


class ItemDeleted(Event, frozen=True, gc=False):
    """The model removed an item."""

    item_id: str


class CallerTranscript(Event, frozen=True, gc=False):
    """Words of the caller: more of them, or (`final`) all of them."""

    item_id: str
    text: str
    final: bool


class ResponseCreated(Event, frozen=True, gc=False):
    """The model began to generate."""

    response_id: str


class ResponseItemAdded(Event, frozen=True, gc=False):
    """A response began an item."""

    response_id: str
    item_id: str
    kind: str


class ItemAudio(Event, frozen=True, gc=False):
    """A stretch of an item's audio, decoded."""

    response_id: str
    item_id: str
    content_index: int
    audio: bytes


class ItemTranscript(Event, frozen=True, gc=False):
    """Words of an item: more of them, or (`final`) all of them."""

    response_id: str
    item_id: str
    content_index: int
    text: str
    final: bool


class ResponseDone(Event, frozen=True, gc=False):
    """A response ended: completed, cancelled, incomplete or failed. `reason` says why, where the vendor does."""

    response_id: str
    status: str
    reason: str


class ModelError(Event, frozen=True, gc=False):
    """The vendor's `error` event. `event_id` is that of our frame that caused it, if known."""

    code: str
    message: str
    event_id: str | None


# The engine's own inputs


class LegOpened(Event, frozen=True, gc=False):
    """A WebSocket is open."""

    leg: str


class LegClosed(Event, frozen=True, gc=False):
    """A WebSocket is gone. `code` is None when the peer vanished without one."""

    leg: str
    code: int | None
    reason: str


class LegFailed(Event, frozen=True, gc=False):
    """A dial did not lead to a WebSocket. `status`: the HTTP status, if it came that far; `code`: the vendor's name for
    what is wrong, if it gave one."""

    leg: str
    status: int | None
    reason: str
    code: str


class ItemAligned(Event, frozen=True, gc=False):
    """The words of an item were looked for in its audio."""

    item_id: str
    alignment: Alignment


class ItemUnaligned(Event, frozen=True, gc=False):
    """A search for an item's words could not be done."""

    item_id: str
    reason: str


class StartRefused(Event, frozen=True, gc=False):
    """The `start` that comes next is not to be trusted: it has no token for this call, or not a good one."""

    reason: str


class WordLoaded(Event, frozen=True, gc=False):
    """The audio of what the caller is told while the model is away, decoded."""

    audio: bytes


class TimerDue(Event, frozen=True, gc=False):
    """The time that the core asked for has come."""


class OutboxFull(Event, frozen=True, gc=False):
    """A peer reads too slowly for what it is sent."""

    leg: str


class LimitReached(Event, frozen=True, gc=False):
    """A limit of the shell bit."""

    limit: str
    value: int
    max: int


class OperatorInterrupted(Event, frozen=True, gc=False):
    """Somebody asks for the assistant to stop speaking."""


class HangUpAsked(Event, frozen=True, gc=False):
    """Somebody asks for the call to end."""

    reason: str


CallerEvent = StreamStarted | CallerAudio | MarkEchoed | DtmfPressed | StreamStopped
SessionEvent = SessionCreated | SessionUpdated | ModelError
ConversationEvent = (
    SpeechStarted | SpeechStopped | ItemAdded | ItemDone | ItemTruncated | ItemDeleted | CallerTranscript
)
ResponseEvent = ResponseCreated | ResponseItemAdded | ItemAudio | ItemTranscript | ResponseDone
EngineEvent = (
    LegOpened
    | LegClosed
    | LegFailed
    | ItemAligned
    | ItemUnaligned
    | StartRefused
    | WordLoaded
    | TimerDue
    | OutboxFull
    | LimitReached
    | OperatorInterrupted
    | HangUpAsked
)
AnyEvent = CallerEvent | SessionEvent | ConversationEvent | ResponseEvent | EngineEvent | Ignored | Malformed

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding somebody else's JSON can raise: not JSON, not the shape, not UTF-8, nested without end."""
