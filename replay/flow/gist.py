"""What one entry says, in a few words: what a person would read out of its frame.

Inputs are decoded by the core's own decoders, so that a frame says here what it said to the core, by either of the
vendor's names for it, and a malformed one says why. Commands are read as the JSON that they are: in the log of another
bridge they may be anything. Whatever is not known here shows its body, as far as there is room.

Ids and texts come from outside: everything passes through `visible`.
"""

from typing import Any

import msgspec

from engine.core import Entry
from engine.core import events as ev
from engine.core.audio import SAMPLE_RATE, ms_of
from replay.columns import clip
from replay.flow.marks import Mark
from replay.flow.runs import Run
from replay.flow.seen import APPEND, AUDIO_DELTAS, WORD, Seen, decoded
from replay.paint import visible

_AUDIO = frozenset({"media", APPEND, *AUDIO_DELTAS})
BODY_MAX = 100
"""Columns of a body that stand for what nobody has put into words."""
FATES = {
    "sent": "not come back",
    "played": "played",
    "cleared": "cleared",
    "flushed": "flushed",
    "either": "played or flushed",
    "again": "come back again",
    "unknown": "never sent",
}


def gist(seen: Seen) -> str:
    """What an entry says. Nothing, where its type says it all."""
    entry, said = seen.entry, None
    if seen.malformed:
        said = f"{'' if entry.type == 'malformed' else 'malformed: '}{seen.malformed}: {clip(entry.body, BODY_MAX)}"
    elif seen.mark is not None:
        said = _of_mark(seen.mark, entry.kind)
    elif entry.type == WORD or (entry.leg != "engine" and entry.type in _AUDIO):
        said = _of_audio(seen)
    else:
        said = _input(entry) if entry.kind == "input" else _command(entry)
    return visible(clip(entry.body, BODY_MAX) if said is None else said)


def gist_of_run(run: Run) -> str:
    """What flowed in a run."""
    item_id, begin = run.first.item_id, run.first.begin
    match run.flow:
        case "audio":
            said = _of_caller_audio(run)
        case "generated":
            said = _stretch(item_id, begin, run.samples) + (", never played" if run.first.is_held else "")
        case "played":
            marks = f"{len(run.marks)} marks {_named(run.marks)}" if len(run.marks) > 1 else _named(run.marks)
            said = _listed(_stretch(item_id, begin, run.samples) if run.samples else "", marks)
        case "echoes":
            said = f"{_named(run.marks)}: {FATES[run.marks[0].fate]}"
        case "restored":
            said = " to ".join(dict.fromkeys((run.item_ids[0], run.item_ids[-1])))
        case _:
            said = _quoted(run.text, item_id)
    return visible(said)


def _seconds(samples: int) -> str:
    """How long audio is."""
    return f"{samples / SAMPLE_RATE:.2f} s"


def _stretch(item_id: str, begin: int, samples: int) -> str:
    """A stretch of an item's audio; only how long it is, where nothing says whose."""
    return f"{ms_of(begin)} to {ms_of(begin + samples)} ms of {item_id}" if item_id else f"{ms_of(samples)} ms"


def _named(marks: list[Mark]) -> str:
    return " to ".join(dict.fromkeys(mark.name for mark in (*marks[:1], *marks[-1:])))


def _of_mark(mark: Mark, kind: str) -> str:
    if mark.fate == "sentinel":
        return f"{mark.name}: " + ("sent after the clear" if kind == "command" else "clear took effect")
    return f"{mark.name}: {FATES[mark.fate]}"


def _of_audio(seen: Seen) -> str:
    if seen.entry.type == APPEND:
        return f"{ms_of(seen.samples)} ms of entry {seen.entry.cause}"
    if seen.entry.type == "media" and seen.entry.kind == "input":
        return f"{ms_of(seen.samples)} ms"
    return _stretch(seen.item_id, seen.begin, seen.samples) + (", never played" if seen.is_held else "")


def _of_caller_audio(run: Run) -> str:
    if run.waited:
        return f"{_seconds(run.passed)}, {_seconds(run.waited)} of it had waited"
    return _seconds(run.samples or run.passed) + (", not passed on" if run.first.is_held else "")


def _input(entry: Entry) -> str | None:
    event = decoded(entry)
    if isinstance(event, ev.Ignored):
        return "" if event.type == "connected" else _ids(_fields(entry.body))
    said = (say(event) for say in (_of_call, _of_conversation, _of_response, _of_engine))
    return next((words for words in said if words is not None), None)


def _of_call(event: ev.AnyEvent) -> str | None:
    match event:
        case ev.StreamStarted():
            return f"{event.call_sid}, {event.encoding} {event.sample_rate} Hz"
        case ev.DtmfPressed():
            return event.digit
        case ev.StreamStopped() | ev.SessionCreated():
            return ""
        case ev.SessionUpdated():
            does = {True: "interrupts", False: "leaves interrupting to the bridge", None: "says nothing of turns"}
            formats = [event.input_format or "unnamed", event.output_format or "unnamed"]
            return f"{' in, '.join(formats)} out, {does[event.interrupt_response]}"
        case ev.ModelError():
            answered = f" (to our {event.event_id})" if event.event_id else ""
            return f"{event.code}: {event.message}{answered}"
    return None


def _of_conversation(event: ev.AnyEvent) -> str | None:
    match event:
        case ev.SpeechStarted():
            return f"from {event.audio_start_ms} ms of input, {event.item_id}"
        case ev.SpeechStopped():
            return f"at {event.audio_end_ms} ms of input, {event.item_id}"
        case ev.ItemAdded():
            whose = f"{event.role}'s {event.kind}" if event.role else event.kind
            return _listed(whose, event.item_id, f"after {event.previous_item_id}" if event.previous_item_id else "")
        case ev.ItemDone():
            return event.item_id if event.is_whole else f"incomplete, {event.item_id}"
        case ev.ItemTruncated():
            return f"at {event.audio_end_ms} ms, {event.item_id}"
        case ev.ItemDeleted():
            return event.item_id
        case ev.CallerTranscript() | ev.ItemTranscript():
            return _quoted(event.text, event.item_id)
    return None


def _of_response(event: ev.AnyEvent) -> str | None:
    match event:
        case ev.ResponseCreated():
            return event.response_id
        case ev.ResponseItemAdded():
            return f"{event.item_id} of {event.response_id}"
        case ev.ResponseDone():
            return _listed(event.status, event.reason, event.response_id)
    return None


def _of_engine(event: ev.AnyEvent) -> str | None:
    match event:
        case ev.LegOpened() | ev.OutboxFull():
            return event.leg
        case ev.LegClosed():
            return _listed(event.leg, str(event.code or "no code"), event.reason)
        case ev.LegFailed():
            return _listed(event.leg, f"HTTP {event.status}" if event.status else "", event.reason)
        case ev.ItemAligned():
            found = event.alignment
            sure = f"{found.finished} of {len(found.words)} words, by {found.method}, confidence {found.confidence}"
            return f"{sure}, {event.item_id}"
        case ev.ItemUnaligned():
            return f"{event.reason}, {event.item_id}"
        case ev.LimitReached():
            return f"{event.limit}: {event.value}, at most {event.max}"
        case ev.TimerDue() | ev.OperatorInterrupted():
            return ""
        case ev.HangUpAsked() | ev.StartRefused():
            return event.reason
    return None


def _command(entry: Entry) -> str | None:
    body = _fields(entry.body)
    match entry.type:
        case "clear" | "load_word":
            return ""
        case "response.create":
            response = body.get("response")
            asked = response.get("instructions") if isinstance(response, dict) else None
            return f'"{asked}"' if asked else None
        case "conversation.item.create":
            return _created(body)
        case "conversation.item.truncate":
            return f"at {body.get('audio_end_ms')} ms, {body.get('item_id')}"
        case "conversation.item.delete" | "response.cancel":
            return _ids(body)
        case "dial_model":
            return str(body.get("model"))
        case "align_item":
            part = "" if body.get("complete") else ", cut off"
            return f"{body.get('characters')} characters in {body.get('audio_ms')} ms{part}, {body.get('item_id')}"
        case "close_leg":
            return ", ".join(str(body[key]) for key in ("leg", "code", "reason") if body.get(key))
        case "end_call":
            return ": ".join(str(body[key]) for key in ("ended", "reason") if body.get(key))
        case "fault" | "log.gap":
            return str(body.get("reason", entry.body))
    return None


def _created(body: dict[str, Any]) -> str | None:
    """An item that the model is told of again: its text, or what a function was asked, or answered."""
    item = body.get("item")
    if not isinstance(item, dict):
        return None
    content = item.get("content")
    texts = [part.get("text") for part in content] if isinstance(content, list) else []
    said = next((text for text in (*texts, item.get("arguments"), item.get("output")) if isinstance(text, str)), "")
    place = f"after {body['previous_item_id']}" if body.get("previous_item_id") else ""
    return _listed(f'"{said}"', str(item.get("id", "")), place)


def _quoted(words: str, item_id: str) -> str:
    return _listed(f'"{words}"', item_id)


def _listed(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _ids(body: dict[str, Any]) -> str | None:
    return ", ".join(str(body[key]) for key in ("item_id", "response_id") if body.get(key)) or None


def _fields(body: str) -> dict[str, Any]:
    try:
        made = msgspec.json.decode(body)
    except ev.UNREADABLE:
        return {}
    return made if isinstance(made, dict) else {}
