"""A call as lines, one for each thing that happens: for a pipe, for a dumb terminal, and for `--fast`.

Fed with the log's entries and the `Call` that has taken them; times are stream time, as in `replay`. Nothing is ever
redrawn, so what is said of a turn is said when it is over.
"""

from collections.abc import Iterator

import msgspec

from engine.core import Call, Entry
from engine.core.conversation import Item
from engine.core.report import Turn, turn_of, was_said
from engine.demo.view import now_ms
from replay.paint import Line, Style, line, visible
from replay.text import clock

_FLOWING = frozenset({"media", "input_audio_buffer.append", "response.output_audio.delta"})
"""Nothing to tell of: there are hundreds in a second."""
_MEND = {"conversation.item.truncate": "truncate", "conversation.item.delete": "delete"}
_MENDED = frozenset({"conversation.item.truncated", "conversation.item.deleted"})


class _ItemFrame(msgspec.Struct):
    item_id: str = ""
    audio_end_ms: int | None = None


class Narrator:
    """Remembers which of the assistant's turns were told."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, entry: Entry, call: Call) -> Iterator[Line]:
        """What there is to say now that `call` has taken `entry`."""
        if entry.type in _FLOWING:
            return
        happened = _happened(entry, call)
        if happened is not None:
            who, style, what = happened
            yield _said(now_ms(call), who, style, what)
        for item in call.conversation.order:
            is_news = item.item_id not in self._told and item.role != "user" and was_said(item)
            if is_news and _is_over(call, item):
                self._told.add(item.item_id)
                yield _turn(now_ms(call), turn_of(item, call.words))


def _happened(entry: Entry, call: Call) -> tuple[str, Style, str] | None:
    match entry.kind, entry.leg, entry.type:
        case "input", "caller", "start":
            return "phone", "dim", f"call {call.call_sid} comes in"
        case "command", "engine", "dial_model":
            return "bridge", "dim", f"dials the model, {call.settings.model}"
        case "input", "model", "session.updated":
            return "model", "dim", "is ready to talk"
        case "input", "model", "input_audio_buffer.speech_started":
            return "caller", "caller", "begins to speak"
        case "input", "model", "conversation.item.input_audio_transcription.completed":
            return "caller", "caller", f"said: {visible(call.conversation.item(_frame(entry).item_id).transcript)}"
        case "command", "caller", "clear":
            return "BARGE-IN", "bad", "the assistant is being talked over: clear goes to Twilio, a mark behind it"
        case "command", "model", kind if kind in _MEND:
            return "bridge", "warn", f"tells the model: {_MEND[kind]} {_item(entry)}"
        case "input", "model", kind if kind in _MENDED:
            return "model", "dim", f"has done it: {kind}"
        case "input", "caller", "stop":
            return "caller", "caller", "hangs up"
        case "command", "engine", "end_call":
            return "bridge", "dim", f"the call has ended: {call.how_ended} ({call.why_ended})"
    return None


def _frame(entry: Entry) -> _ItemFrame:
    return msgspec.json.decode(entry.body, type=_ItemFrame)


def _item(entry: Entry) -> str:
    frame = _frame(entry)
    return frame.item_id if frame.audio_end_ms is None else f"{frame.item_id} at {frame.audio_end_ms} ms"


def _is_over(call: Call, item: Item) -> bool:
    """Whether the ear will get no more of an item, and it is known in words what it got: the item was heard to its end,
    or cut and judged, or the call is over."""
    is_whole = item.is_done and item.transcript_final and item.heard_samples >= item.generated_samples
    is_judged = item.is_cut and item.repair is not None
    return ((is_whole or is_judged) and call.words.is_known(item)) or call.ended


def _turn(at_ms: int, turn: Turn) -> Line:
    heard, unheard = visible(turn.heard_text), visible(turn.generated_text[len(turn.heard_text) :])
    label: list[tuple[str, Style]] = [(f"{clock(at_ms):>9}  ", "dim"), (f"{'assistant':<9}  ", "assistant")]
    return Line(
        label, [("was heard: ", "plain"), (f"{heard} " if unheard and heard else heard, "bold"), *_lost(unheard)]
    )


def _lost(unheard: str) -> list[tuple[str, Style]]:
    return [(unheard, "unheard")] if unheard else []


def _said(at_ms: int, who: str, style: Style, what: str) -> Line:
    return line(what, label=[(f"{clock(at_ms):>9}  ", "dim"), (f"{who:<9}  ", style)])
