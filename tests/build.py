"""What the core's tests are told in: frames as they come over the wire, and a `Harness` with a clock of its own.

Builders return JSON text in the vendors' own spelling, and take milliseconds where the wire has samples. The harness
numbers entries and splits frames as the bridge does, steps the `Call`, and keeps what it commanded. At the far end of
its caller leg sits an `Ear`: the least that a Twilio can be. It plays what it is sent at 8,000 samples a second, echoes
marks when they are reached and flushes on clear, over a line with a constant delay each way. What the line does beyond
that (stalls, lost echoes) a test says in so many words.
"""

import json
from base64 import b64encode
from typing import Any

import msgspec

from engine.core import Call, CallSettings, Command, Entry, Leg, Step, rebuild, record, split, wire_engine
from engine.core import commands as cmd
from engine.core.heard import Alignment, Word, Work

CALL_SID = "CA" + "0123456789abcdef" * 2
STREAM_SID = "MZ" + "0123456789abcdef" * 2
ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
MS = 1_000_000
NS_PER_SAMPLE = MS // 8
CLEARED = ["clear", "sentinel"]
"""How an interruption begins, in brief."""
VOICE = 0x80
"""The loudest mu-law code."""
SILENCE = 0xFF


def frame(**fields: Any) -> str:
    """One frame, without a space in it, as both vendors send them."""
    return json.dumps(fields, separators=(",", ":"))


def audio(ms: float, code: int = VOICE) -> bytes:
    return bytes([code]) * round(ms * 8)


def base64_of(ms: float, code: int = VOICE) -> str:
    return b64encode(audio(ms, code)).decode()


# Caller leg: what Twilio sends


def connected() -> str:
    return frame(event="connected", protocol="Call", version="1.0.0")


def started(
    call_sid: str = CALL_SID,
    stream_sid: str = STREAM_SID,
    encoding: str = "audio/x-mulaw",
    sample_rate: int = 8000,
    channels: int = 1,
) -> str:
    media_format = {"encoding": encoding, "sampleRate": sample_rate, "channels": channels}
    start = {
        "accountSid": ACCOUNT_SID,
        "streamSid": stream_sid,
        "callSid": call_sid,
        "tracks": ["inbound"],
        "mediaFormat": media_format,
        "customParameters": {},
    }
    return frame(event="start", sequenceNumber="1", start=start, streamSid=stream_sid)


def media(timestamp_ms: int, ms: float = 20, code: int = SILENCE) -> str:
    payload = {"track": "inbound", "chunk": "1", "timestamp": str(timestamp_ms), "payload": base64_of(ms, code)}
    return frame(event="media", sequenceNumber="2", media=payload, streamSid=STREAM_SID)


def echo(name: str) -> str:
    return frame(event="mark", sequenceNumber="3", streamSid=STREAM_SID, mark={"name": name})


def dtmf(digit: str = "1") -> str:
    pressed = {"track": "inbound_track", "digit": digit}
    return frame(event="dtmf", streamSid=STREAM_SID, sequenceNumber="4", dtmf=pressed)


def stopped() -> str:
    return frame(
        event="stop", sequenceNumber="5", streamSid=STREAM_SID, stop={"accountSid": ACCOUNT_SID, "callSid": CALL_SID}
    )


# Model leg: what the Realtime API sends


def session_created() -> str:
    return frame(type="session.created", event_id="event_1", session={"type": "realtime", "object": "realtime.session"})


def session_updated(
    input_format: str = "audio/pcmu", output_format: str = "audio/pcmu", interrupt_response: bool = True
) -> str:
    turns = {"type": "server_vad", "create_response": True, "interrupt_response": interrupt_response}
    both = {
        "input": {"format": {"type": input_format}, "turn_detection": turns},
        "output": {"format": {"type": output_format}, "voice": "marin"},
    }
    return frame(type="session.updated", event_id="event_2", session={"type": "realtime", "audio": both})


def speech_started(audio_start_ms: int = 0, item: str = "item_u1") -> str:
    return frame(
        type="input_audio_buffer.speech_started", event_id="event_3", audio_start_ms=audio_start_ms, item_id=item
    )


def speech_stopped(audio_end_ms: int = 0, item: str = "item_u1") -> str:
    return frame(type="input_audio_buffer.speech_stopped", event_id="event_4", audio_end_ms=audio_end_ms, item_id=item)


def response_created(response: str = "resp_1") -> str:
    return frame(type="response.created", event_id="event_5", response={"id": response, "status": "in_progress"})


def response_item_added(item: str = "item_1", response: str = "resp_1", kind: str = "message") -> str:
    made: dict[str, Any] = {"id": item, "type": kind, "status": "in_progress", "role": "assistant", "content": []}
    return frame(type="response.output_item.added", event_id="event_6", response_id=response, output_index=0, item=made)


def item_added(
    item: str = "item_1", previous: str | None = None, role: str | None = "assistant", kind: str = "message"
) -> str:
    made: dict[str, Any] = {"id": item, "type": kind, "status": "in_progress", "role": role, "content": []}
    return frame(type="conversation.item.added", event_id="event_7", previous_item_id=previous, item=made)


def item_audio(
    ms: float = 0,
    item: str = "item_1",
    response: str = "resp_1",
    code: int = VOICE,
    content_index: int = 0,
    name: str = "response.output_audio.delta",
) -> str:
    return frame(
        type=name,
        event_id="event_8",
        response_id=response,
        item_id=item,
        output_index=0,
        content_index=content_index,
        delta=base64_of(ms, code),
    )


def item_words(
    text: str, item: str = "item_1", response: str = "resp_1", final: bool = False, content_index: int = 0
) -> str:
    return frame(
        type=f"response.output_audio_transcript.{'done' if final else 'delta'}",
        event_id="event_9",
        response_id=response,
        item_id=item,
        output_index=0,
        content_index=content_index,
        **{"transcript" if final else "delta": text},
    )


def item_done(item: str = "item_1", response: str = "resp_1", kind: str = "message") -> str:
    made: dict[str, Any] = {"id": item, "type": kind, "status": "completed", "role": "assistant", "content": []}
    return frame(type="response.output_item.done", event_id="event_10", response_id=response, output_index=0, item=made)


def response_done(response: str = "resp_1", status: str = "completed", details: dict[str, Any] | None = None) -> str:
    made: dict[str, Any] = {"id": response, "status": status, "status_details": details, "output": []}
    return frame(type="response.done", event_id="event_11", response=made)


def reply_begun(ms: float, item: str = "item_1", response: str = "resp_1") -> list[str]:
    """The model begins to speak, and has made so much of it."""
    return [
        response_created(response),
        response_item_added(item, response),
        item_added(item),
        item_audio(ms, item, response),
    ]


def reply_done(item: str = "item_1", response: str = "resp_1", status: str = "completed") -> list[str]:
    return [item_done(item, response), response_done(response, status)]


def reply(ms: float, item: str = "item_1", response: str = "resp_1") -> list[str]:
    """The model says something, whole, and much faster than it can be played."""
    return [*reply_begun(ms, item, response), *reply_done(item, response)]


def caller_words(text: str, item: str = "item_u1", final: bool = True) -> str:
    return frame(
        type=f"conversation.item.input_audio_transcription.{'completed' if final else 'delta'}",
        event_id="event_12",
        item_id=item,
        content_index=0,
        **{"transcript" if final else "delta": text},
    )


def truncated(item: str = "item_1", audio_end_ms: int = 0) -> str:
    return frame(
        type="conversation.item.truncated",
        event_id="event_13",
        item_id=item,
        content_index=0,
        audio_end_ms=audio_end_ms,
    )


def deleted(item: str = "item_1") -> str:
    return frame(type="conversation.item.deleted", event_id="event_14", item_id=item)


def model_error(code: str, message: str = "", event_id: str | None = None) -> str:
    problem = {"type": "invalid_request_error", "code": code, "message": message, "param": None, "event_id": event_id}
    return frame(type="error", event_id="event_15", error=problem)


# The engine's own inputs


def leg_opened(leg: str) -> str:
    return frame(type="leg.opened", leg=leg)


def leg_closed(leg: str, code: int | None = 1000, reason: str = "") -> str:
    return frame(type="leg.closed", leg=leg, code=code, reason=reason)


def leg_failed(status: int | None = None, reason: str = "refused") -> str:
    return frame(type="leg.failed", leg="model", status=status, reason=reason)


def timer_due() -> str:
    return frame(type="timer.due")


def operator_interrupt() -> str:
    return frame(type="operator.interrupt")


def operator_hang_up(reason: str = "done") -> str:
    return frame(type="operator.hang_up", reason=reason)


def found(text: str, *ends_ms: int, finished: int | None = None, rate: float | None = None) -> Alignment:
    """What a search could have found: the words of `text`, one right after the other, ending at these times."""
    begins = (0, *ends_ms)
    words = [Word(word, *span) for word, span in zip(text.split(), zip(begins, ends_ms, strict=False), strict=True)]
    return Alignment(text, words, len(words) if finished is None else finished, 0.5, "letters", rate)


class Ear:
    """Twilio's side of the caller leg, dates in samples of its own clock."""

    def __init__(self, delay_ms: int = 0) -> None:
        self.delay = delay_ms * 8
        self.played_out_at = 0
        """When all that it was sent will have been played."""
        self.echoes: list[tuple[int, str]] = []
        """Marks not yet given back, with the date at which they will be."""
        self.lost: set[str] = set()
        """Marks that are never given back."""

    def take(self, command: Command, now: int) -> None:
        """A command left the bridge at `now`."""
        now += self.delay
        if isinstance(command, cmd.PlayAudio):
            self.played_out_at = max(self.played_out_at, now) + len(command.audio)
        elif isinstance(command, cmd.PlaceMark):
            self.echoes.append((max(self.played_out_at, now), command.name))
        elif isinstance(command, cmd.ClearPlayout):
            self.played_out_at = min(self.played_out_at, now)
            self.echoes = [(min(at, now), name) for at, name in self.echoes]

    def next_echo_at(self) -> int | None:
        """When the next echo reaches the bridge."""
        while self.echoes and self.echoes[0][1] in self.lost:
            del self.echoes[0]
        return self.echoes[0][0] + self.delay if self.echoes else None


class Sent(msgspec.Struct, frozen=True):
    """A command, and the entry that records it."""

    at_ms: float
    type: str
    command: Command


class Harness:
    """One call in virtual time. `settings` may differ; `ear` is the other end of the caller leg. `searches`: words that
    the core wants to be looked for; unless it is told to leave that to the test, the harness answers at once."""

    def __init__(self, settings: CallSettings | None = None, delay_ms: int = 0, answers: bool = True) -> None:
        self.call = Call(settings or CallSettings())
        self.ear = Ear(delay_ms)
        self.at_ns = 0
        self.seq = 0
        self.entries: list[Entry] = []
        self.sent: list[Sent] = []
        self.last = Step("", [], None)
        self.answers = answers
        self.searches: dict[str, Work] = {}
        self._taken = 0
        self._heard_ms = 0

    @property
    def wake_ms(self) -> float | None:
        """When the core wants to be woken."""
        return None if self.last.wake_at_ns is None else self.last.wake_at_ns / MS

    def put(self, leg: Leg, text: str, audio: bytes | None = None) -> list[Command]:
        """One input, now. Whatever it is, the ledgers must add up afterwards, and its frame must not lose a byte.
        `audio` comes with an input that is not a frame."""
        body, cut = split(leg, text)
        assert rebuild(body, cut) == text
        cut = cut if audio is None else audio
        self.last = self.call.step(self.seq, self.at_ns, leg, body, cut)
        rows = record(self.last.commands, self.seq + 1, self.at_ns, cause=self.seq)
        self.entries += [Entry(self.seq, self.at_ns, "input", leg, self.last.type, body, cut), *rows]
        self.seq += 1 + len(rows)
        for row, command in zip(rows, self.last.commands, strict=True):
            self.sent.append(Sent(self.at_ns / MS, row.type, command))
            self.ear.take(command, self.at_ns // NS_PER_SAMPLE)
            if isinstance(command, cmd.AlignItem):
                self.searches[command.item_id] = command.work
        check_ledgers(self.call)
        commands = self.last.commands
        while self.answers and self.searches:
            self.answer(next(iter(self.searches)))
        return commands

    def answer(self, item: str = "item_1") -> Alignment:
        """Look for the words of an item, as the core wants it to be done, and tell it."""
        found = self.searches.pop(item).done()
        self.engine(wire_engine.aligned(item, found))
        return found

    def caller(self, *frames: str) -> None:
        for text in frames:
            self.put("caller", text)

    def tell(self, alignment: Alignment, item: str = "item_1") -> None:
        """Answer a search with what the test says."""
        del self.searches[item]
        self.engine(wire_engine.aligned(item, alignment))

    def model(self, *frames: str) -> None:
        for text in frames:
            self.put("model", text)

    def engine(self, *bodies: str) -> None:
        for body in bodies:
            self.put("engine", body)

    def wait(self, until_ms: float) -> None:
        """Let time pass in which nothing arrives."""
        self.at_ns = max(self.at_ns, round(until_ms * MS))

    def run(self, until_ms: float) -> None:
        """Let the line carry what is due until then: a caller frame each 20 ms, and echoes between them."""
        until_ns = round(until_ms * MS)
        while True:
            frame_ns = (self._heard_ms + 20) * MS + self.ear.delay * NS_PER_SAMPLE
            echo_at = self.ear.next_echo_at()
            if echo_at is not None and echo_at * NS_PER_SAMPLE < frame_ns:
                if echo_at * NS_PER_SAMPLE > until_ns:
                    break
                self.at_ns = max(self.at_ns, echo_at * NS_PER_SAMPLE)
                self.caller(echo(self.ear.echoes.pop(0)[1]))
            elif frame_ns <= until_ns:
                self.at_ns = max(self.at_ns, frame_ns)
                self.caller(media(self._heard_ms))
                self._heard_ms += 20
            else:
                break
        self.wait(until_ms)

    def wake(self) -> None:
        """Sleep until the core wants to be woken, and wake it."""
        assert self.last.wake_at_ns is not None
        self.at_ns = max(self.at_ns, self.last.wake_at_ns)
        self.engine(timer_due())

    def take(self, *but: str) -> list[str]:
        """What was commanded since the last look, in brief, caller audio passed on and searches left out."""
        but = but or ("append", "align")
        fresh, self._taken = self.sent[self._taken :], len(self.sent)
        return [text for text in (brief(each.command) for each in fresh) if not text.startswith(but)]

    def lengths_ms(self) -> dict[str, tuple[int, int, int]]:
        """Of each item with audio: generated, sent, heard."""
        return {
            item.item_id: (item.generated_ms(), item.sent_samples // 8, item.heard_ms())
            for item in self.call.conversation.order
            if item.generated_samples
        }


def in_call(
    settings: CallSettings | None = None, delay_ms: int = 0, interrupt_response: bool = True, answers: bool = True
) -> Harness:
    """A call that is up: both legs open, the session ours, 100 ms of silence heard. Nothing yet to `take`."""
    harness = Harness(settings, delay_ms, answers)
    harness.engine(leg_opened("caller"))
    harness.caller(connected(), started())
    harness.engine(leg_opened("model"))
    harness.model(session_created(), session_updated(interrupt_response=interrupt_response))
    harness.run(100)
    harness.take()
    return harness


def talked_over(*, at_ms: float, frames: list[str], **options: Any) -> Harness:
    """The caller speaks up at `at_ms` while the model's `frames` are being played. What was sent by then is taken."""
    harness = in_call(**options)
    harness.model(*frames)
    harness.run(at_ms)
    harness.take()
    harness.model(speech_started(0))
    return harness


def brief(command: Command) -> str:
    """A command in a few words, so that a whole list of them reads like a story."""
    match command:
        case cmd.PlayAudio():
            return f"play {len(command.audio) / 8:g}"
        case cmd.PlaceMark():
            return command.name.rstrip("0123456789-")
        case cmd.ClearPlayout():
            return "clear"
        case cmd.UpdateSession():
            return "update session"
        case cmd.AppendAudio():
            return f"append {len(command.audio) / 8:g}"
        case cmd.CreateResponse():
            return f"respond {command.instructions}"
        case cmd.CreateItem():
            return _restored(command)
        case cmd.CancelResponse():
            return f"cancel {command.response_id}"
        case cmd.TruncateItem():
            return f"truncate {command.item_id} {command.audio_end_ms}"
        case cmd.DeleteItem():
            return f"delete {command.item_id}"
        case _:
            return _engine_brief(command)


def _restored(command: cmd.CreateItem) -> str:
    item, place = command.item, "" if command.previous_item_id is None else f" after {command.previous_item_id}"
    content = item.get("content")
    text = content[0]["text"] if isinstance(content, list) else item.get("arguments") or item.get("output")
    return f"restore {item['id']}{place}: {text}"


def _engine_brief(command: cmd.EngineCommand) -> str:
    match command:
        case cmd.DialModel():
            return f"dial {command.model}"
        case cmd.AlignItem():
            work = command.work
            end = "whole" if work.complete else "open"
            rate = "" if work.frames_per_letter is None else f" at {work.frames_per_letter:g}"
            return f"align {command.item_id} {work.features.frames * 20} {end}{rate}: {work.transcript}"
        case cmd.LoadWord():
            return "load word"
        case cmd.CloseLeg():
            return f"close {command.leg} {command.code} {command.reason}".rstrip()
        case cmd.EndCall():
            return f"end {command.ended}: {command.reason}"
        case cmd.Fault():
            return f"fault {command.reason}"


def check_ledgers(call: Call) -> None:
    """`heard <= sent <= generated`, with bounds around what is judged."""
    for item in call.conversation.items.values():
        assert 0 <= item.proven_samples <= item.heard_samples <= item.sent_samples <= item.generated_samples, item
        assert 0 <= item.tail_low <= item.tail_samples <= item.tail_high, item
        assert item.proven_samples + item.tail_high <= item.sent_samples, item
