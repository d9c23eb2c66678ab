"""How far the recorded inputs tell what would have been.

A recorded input is evidence as long as whoever sent it would have sent it then, too. Nobody knows what a model would
have said that was told something else, so a what-if says where that begins. There are three witnesses:

- **The model's** frames are evidence until it is told something else than it was, or at another time: another session,
  an item cut at another place, a response more or less.
- **The caller** hears no marks, nor how his audio is cut into frames. What he says is evidence until he would have
  heard something else: audio that was not played, a clear at another time, that the model is away, or the words of a
  model that is no evidence any more. From there on the model hears another caller, too.
- **Echoes** come from Twilio. They are evidence until a mark is placed of which no echo was recorded, or until the
  audio is another.

What the core commands after that is what it would do if it saw the recorded inputs all the same. It says how the core
decides, not how the call would have gone.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from replay.compare.command_changes import Change
from replay.compare.diff import Difference, in_bodies
from replay.compare.what_if import Commanded, Outcome
from replay.text import clock

Witness = Literal["model", "caller", "echoes"]
VALUE_MAX = 60
"""Characters of a setting that are shown."""
_ENDS = ("close_leg", "end_call")


class Evidence(NamedTuple):
    """Of one witness: to which recorded entry (None: to the last) it is evidence, and why not further."""

    witness: Witness
    to_seq: int | None
    stream_ms: int | None
    why: str


def evidence(outcome: Outcome, changes: list[Change]) -> list[Evidence]:
    """Of all three."""
    unequal = outcome.unequal_audio()
    ends = [change for change in changes if change.first.entry.type in _ENDS]
    audible = [change for change in changes if _is_audible(change.first, unequal)]
    unproved = [change for change in changes if change.first.entry.type == "mark" and change.what_if is not None]
    told = [change for change in changes if _reaches_model(change.first)]
    model = _until("model", [*told, *ends])
    caller = _until("caller", [*audible, *ends])
    echoes = _until("echoes", [*unproved, *audible, *ends])
    heard = next((each for each in outcome.recorded.commanded if _plays_after(each, model)), None)
    if heard is not None:
        hears = Evidence("caller", heard.step, heard.stream_ms, "From there on he hears, and answers, that model")
        caller = _sooner(caller, hears)
        echoes = _sooner(echoes, hears._replace(witness="echoes", why="From there on they are of that model's audio"))
    if caller.to_seq is not None:
        why = "From there on it hears a caller who has heard something else"
        model = _sooner(model, Evidence("model", caller.to_seq, caller.stream_ms, why))
    return [model, caller, echoes]


def _until(witness: Witness, changes: Iterable[Change]) -> Evidence:
    """To the first of these."""
    first = min(changes, key=lambda change: (change.first.step, change.first.entry.at_ns), default=None)
    if first is None:
        return Evidence(witness, None, None, "")
    is_answer = witness == "model" and first.first.entry.leg == "model"
    why = f"{'Later frames are those of a model to which' if is_answer else 'Then'} {_told(first)}"
    return Evidence(witness, first.first.step, first.first.stream_ms, why)


def _sooner(one: Evidence, other: Evidence) -> Evidence:
    return one if one.to_seq is not None and (other.to_seq is None or one.to_seq <= other.to_seq) else other


def _reaches_model(commanded: Commanded) -> bool:
    return commanded.entry.leg == "model" or commanded.entry.type == "dial_model"


def _is_audible(commanded: Commanded, unequal: set[str]) -> bool:
    kind = commanded.entry.type
    return kind in ("clear", "load_word") or (kind == "media" and commanded.key[1] in unequal)


def _plays_after(commanded: Commanded, model: Evidence) -> bool:
    return model.to_seq is not None and commanded.entry.type == "media" and commanded.step > model.to_seq


def _told(change: Change) -> str:
    """What was sent and would not be, or the other way round."""
    first, recorded, what_if = change.first, change.recorded, change.what_if
    what, sent = about(first), "commanded" if first.entry.leg == "engine" else "sent"
    if recorded is None:
        return f"{what} was not {sent}, and would be"
    if what_if is None:
        return f"{what} was {sent}, and would not be"
    if change.way == "moved":
        return f"{what} was {sent} at {clock(recorded.stream_ms)}, and would be at {clock(what_if.stream_ms)}"
    others = fields(change)
    before = ", ".join(f"{each.path} {_short(each.recorded)}" for each in others)
    return f"{what} was {sent} with {before}, and would be with {', '.join(_short(each.replayed) for each in others)}"


def fields(change: Change) -> list[Difference]:
    """In what a command that changed is another. Its id is only counted."""
    if change.way != "changed" or change.recorded is None or change.what_if is None:
        return []
    found = in_bodies(change.recorded.entry.body, change.what_if.entry.body)
    return [each for each in found if each.path != "event_id"]


def about(commanded: Commanded) -> str:
    """A command by its type and what it is about."""
    kind, name = commanded.subject or (commanded.entry.type, "")
    return f"{kind} ({name})" if name else kind


def _short(text: str) -> str:
    return text if len(text) <= VALUE_MAX else f"{text[:VALUE_MAX]}…"
