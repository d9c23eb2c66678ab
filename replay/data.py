"""A replayed call as JSON. The keys are a contract: programs read them. docs/JSON.md says what each one says.

The same log gives the same bytes, in any process: keys in a fixed order, nothing that depends on time or on hashing.
"""

from contextlib import suppress
from typing import Any

import msgspec

from engine.core import Entry
from engine.core.report import Turn
from engine.log.folder import LIVE
from replay.compare.diff import differences
from replay.repairs import as_recorded, told_in
from replay.rows import Log
from replay.runner import Counts, Divergence, Result
from replay.spoken import first_words, how_heard

JsonObject = dict[str, Any]


def call_data(log: Log, result: Result) -> JsonObject:
    """Everything that a replay found."""
    return {
        "call_sid": log.head.call_sid,
        "stream_sid": log.head.stream_sid,
        "started_at": log.head.started_at,
        "duration_ms": result.report.duration_ms,
        "ended": ended_of(log, result),
        "format": log.head.format,
        "rules": log.settings.rules,
        "verdict": result.verdict,
        "reason": result.reason,
        "cut": result.cut,
        "divergence": divergence_data(result.divergence),
        "counts": msgspec.to_builtins(result.counts),
        "turns": [turn_data(turn) for turn in result.report.turns],
        "at_ear": msgspec.to_builtins(result.at_ear),
        "interruptions": _interruptions(log, result),
        "model_away": msgspec.to_builtins(result.report.model_away),
    }


def _interruptions(log: Log, result: Result) -> list[JsonObject]:
    """What this version does about each item, and beside it what was recorded."""
    told, made = told_in(log), []
    for cut in result.report.interruptions:
        data: JsonObject = msgspec.to_builtins(cut)
        for item, item_data in zip(cut.items, data["items"], strict=True):
            then = as_recorded(item, told)
            item_data["recorded"] = {
                "action": then.action,
                "audio_end_ms": then.audio_end_ms,
                "outcome": then.outcome,
            }
        made.append(data)
    return made


def turn_data(turn: Turn) -> JsonObject:
    """A turn; with the text at the bounds, and of each word how it was heard."""
    made: JsonObject = msgspec.to_builtins(turn)
    made["heard_text_min"] = first_words(turn, turn.heard_words_min)
    made["heard_text_max"] = first_words(turn, turn.heard_words_max)
    for index, word in enumerate(made["words"]):
        word["heard"] = how_heard(turn, index)
    return made


def ended_of(log: Log, result: Result) -> str | None:
    """How the call ended. A log that has no end where running calls are kept is that of a running call."""
    return LIVE if result.cut and log.path.parent.name == LIVE else result.ended


def unreadable_data(reason: str) -> JsonObject:
    """The same keys for a log that cannot be read."""
    return {
        "call_sid": None,
        "stream_sid": None,
        "started_at": None,
        "duration_ms": None,
        "ended": None,
        "format": None,
        "rules": None,
        "verdict": "unknown",
        "reason": reason,
        "cut": False,
        "divergence": None,
        "counts": msgspec.to_builtins(Counts()),
        "turns": [],
        "at_ear": [],
        "interruptions": [],
        "model_away": [],
    }


def divergence_data(found: Divergence | None) -> JsonObject | None:
    """Where recorded and replayed part; `at_ms` counts from the call's opening, `stream_ms` is Twilio's clock."""
    if found is None:
        return None
    return {
        "seq": found.seq,
        "at_ms": found.at_ns // 1_000_000,
        "stream_ms": found.stream_ms,
        "recorded": _entry(found.recorded),
        "replayed": _entry(found.replayed),
        "fields": msgspec.to_builtins(differences(found.recorded, found.replayed)),
        "deciding": _entry(found.cause),
    }


def to_json(value: object) -> bytes:
    """JSON for people and programs: indented, UTF-8, one newline at the end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _entry(entry: Entry | None) -> JsonObject | None:
    if entry is None:
        return None
    made = {field: getattr(entry, field) for field in entry.__struct_fields__ if field != "audio"}
    # A malformed frame stays the text that it is.
    with suppress(msgspec.DecodeError):
        made["body"] = msgspec.json.decode(entry.body)
    return made
