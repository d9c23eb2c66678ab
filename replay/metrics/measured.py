"""What is measured of a call, as data. `docs/METRICS.md` defines each number; `replay.metrics.measures` makes them.

Times of day are `*_ms` on the stream's clock, the one that all views show; lengths are `*_ms` too, and are differences
of two such times. Parts of a length are differences of times in their order, so they add up to it exactly. What cannot
be known is None, never a guess.
"""

from typing import Literal

import msgspec

from engine.core.report import ModelAway

Outcome = Literal[
    "completed",
    "interrupted",
    "unheard",
    "failed",
    "incomplete",
    "no_audio",
    "call_ended",
    "log_ended",
    "answered",
    "spoke_on",
    "unanswered",
    "open",
]
"""How a turn came out. Of the assistant: `completed` (heard to its end), `interrupted` (cut, heard in part), `unheard`
(cut, nothing heard). Of the caller: `answered`, `spoke_on` (the answer was cut before any of it was heard),
`unanswered`, `open` (the model never said that it had ended). Of both, for an answer: `failed`, `incomplete`,
`no_audio`, `call_ended` (before it was heard to its end, or at all), `log_ended` (the same; the log ends before the
call does, which runs, or was killed)."""

Follows = Literal["caller", "greeting", "tool", "item", "lost", "nothing"]
"""What an assistant's turn comes after: a caller's turn, which it answers; the start, as we asked for it; a function
call; another item of its response; an item of a response that was cut off when the model was lost, as we asked the next
session to go on; nothing that is known."""

Part = Literal["ready", "tool", "vad", "away", "respond", "generate", "send", "play", "detect", "decide", "effective"]
Cause = Literal["start", "vad", "model", "away", "tool", "bridge", "network", "underrun", "caller"]
"""What a silence was spent on, for the most part."""

Party = Literal["caller", "assistant"]


class TurnMeasures(msgspec.Struct, frozen=True):
    """One turn, numbered as in the report of the call.

    `latency_ms` is that of an assistant's turn which answers a caller's turn (`answers`, by number): from the caller's
    last speech to the first sample at the ear, in its `parts`: vad, respond, generate, send, play. Any other turn has
    a `wait_ms` instead: a greeting from the stream's start (its first part is `ready`), a turn after a function call
    from that call's end (`tool`), a further item from the last sample of the item before (no parts), and so one after
    an item that was lost. In all of them `away` is the time in which the model was lost, and in no other part.
    """

    number: int
    speaker: Party
    item_id: str
    seq: int
    """The first entry that tells of it."""
    start_ms: int | None
    end_ms: int | None
    interrupted: bool
    outcome: Outcome
    follows: Follows | None = None
    answers: int | None = None
    latency_ms: int | None = None
    wait_ms: int | None = None
    parts: dict[Part, int] = {}
    end_of_turn_ms: int | None = None
    """Of a caller's turn: from the last speech to the news that it was the last."""
    silent_start_ms: int | None = None
    """Of an assistant's turn: silence at the head of its audio, which a caller takes for more latency."""
    generated_ms: int = 0
    heard_ms: int = 0


class RepairMeasures(msgspec.Struct, frozen=True):
    """What the model was told, as recorded, of an item that was not heard to its end. `kept_ms`: what it has left of
    it; None while it has not answered. `lost`: it was lost before it did, and the next session was told what was heard.
    `doubt_ms`: how far apart the bounds of what was heard are. `seq`: the last such
    command."""

    seq: int
    at_ms: int
    item_id: str
    action: Literal["truncate", "delete"]
    outcome: Literal["ok", "error", "pending", "lost"]
    heard_ms: int
    kept_ms: int | None
    doubt_ms: int


class BargeInMeasures(msgspec.Struct, frozen=True):
    """One interruption. `stop_ms`: from the caller's onset (of a key or an operator: from the news of it) to the last
    sample at the ear, in its `parts`: detect, decide, effective. None where nothing tells when that was, or where
    everything had been heard by then."""

    number: int
    seq: int
    by: Literal["voice", "key", "operator"]
    at_ms: int
    onset_ms: int | None
    stopped_at_ms: int | None
    stop_ms: int | None
    parts: dict[Part, int]
    is_estimate: bool
    is_false: bool | None
    """No words of the caller followed. None where nobody wrote down the caller's words."""
    item_ids: list[str]
    """What was playing, or being generated to be played."""


class TalkOver(msgspec.Struct, frozen=True):
    """Both spoke. `by`: who began while the other was speaking."""

    seq: int
    at_ms: int
    ms: int
    by: Party


class Silence(msgspec.Struct, frozen=True):
    """Dead air: neither spoke, for longer than people bear."""

    seq: int
    at_ms: int
    ms: int
    cause: Cause


class Underrun(msgspec.Struct, frozen=True):
    """The ear waited in the middle of an item for more of it."""

    seq: int
    at_ms: int
    ms: int
    item_id: str


class Missed(msgspec.Struct, frozen=True):
    """The caller spoke over the assistant for `ms`, and it went on. `known`: the model had noticed. One that was away
    had not, even if it was told later."""

    seq: int
    at_ms: int
    ms: int
    known: bool


class Tool(msgspec.Struct, frozen=True):
    """The model called a function. `respond_ms`: until the next response began; `heard_ms`: until it was heard."""

    seq: int
    at_ms: int
    item_id: str
    respond_ms: int | None
    heard_ms: int | None


class Stall(msgspec.Struct, frozen=True):
    """After entry `seq` nothing came from Twilio, and then, `ms` late, what should have followed it."""

    seq: int
    at_ms: int
    ms: int


class RoundTrip(msgspec.Struct, frozen=True):
    """A mark that had nothing to wait for came back after `ms`."""

    seq: int
    at_ms: int
    ms: int


class LineMeasures(msgspec.Struct, frozen=True):
    """The line to Twilio. `jitter_ms`: how many frames came so much off the pace of the one before."""

    frames: int
    jitter_ms: dict[int, int]
    left_out: int
    """Stretches for which Twilio sent no frames, as it may in silence."""
    left_out_ms: int
    stalls: list[Stall]
    round_trips: list[RoundTrip]


class CallMeasures(msgspec.Struct, frozen=True):
    """One call, measured. `ended`: None where the log ends before the call does. `greeting_ms`: from the stream's start
    to the first sample of the greeting. `dropped_ms`: of the caller, before the model was ready, more than is kept."""

    length_ms: int
    ended: str | None
    greeting_ms: int | None
    turns: list[TurnMeasures]
    barge_ins: list[BargeInMeasures]
    repairs: list[RepairMeasures]
    talk_overs: list[TalkOver]
    silences: list[Silence]
    underruns: list[Underrun]
    missed: list[Missed]
    tools: list[Tool]
    model_away: list[ModelAway]
    line: LineMeasures
    dropped_ms: int
    malformed: int
    faults: int
    errors: int
