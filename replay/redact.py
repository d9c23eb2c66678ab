"""A call without its people: no sound, no words, no numbers, and still the same decisions.

The core counts samples and compares names; what was said decides nothing. So every text becomes a placeholder of its
own length (letters `x`, digits `0`, spaces and ASCII punctuation as they were), all audio becomes silence of its own
length, the SIDs of call, stream and account become noughts. Kept is what the protocol itself says: types, the vendor's
ids of items and responses, names of marks, formats, numbers that are not text. What is kept is a list (`_KEPT`), and
anything that is not on it goes.

How long people spoke and when stays, for that is what a golden log is for.
"""

import re
import string

import msgspec
from msgspec.structs import replace

from engine.core import CallSettings, Entry
from engine.core.audio import SILENCE
from replay.rows import Head

_KEPT = frozenset(
    {
        *("type", "event", "object", "status", "role", "code", "phase", "name", "param"),
        *("id", "event_id", "item_id", "response_id", "previous_item_id", "conversation_id", "call_id", "leg"),
        *("model", "voice", "format", "encoding", "modalities", "output_modalities", "tracks", "track"),
        *("protocol", "version", "sequenceNumber", "chunk", "timestamp", "method", "limit", "eagerness"),
    }
)
"""Keys whose text says nothing about a person."""
_WORD = re.compile(r"[a-z_]+")
"""A `reason` is kept if it is one word of a closed list, as `turn_detected`, and not if somebody wrote a sentence."""
_SIDS = {"callSid": "CA", "streamSid": "MZ", "accountSid": "AC"}
_STRANGERS = frozenset({"customParameters"})
"""Whatever is inside was put there by somebody else, under keys of their own."""
_SHOWN = frozenset(string.whitespace + string.punctuation)
_SID = re.compile(r"\b(CA|MZ|AC)[0-9A-Za-z]{32}\b")
STARTED_AT = "2000-01-01T00:00:00+00:00"


def redact_entry(entry: Entry) -> Entry:
    """An entry without what was said in it."""
    audio = None if entry.audio is None else bytes([SILENCE]) * len(entry.audio)
    return replace(entry, body=redact_body(entry.body), audio=audio)


def redact_body(body: str) -> str:
    """A body without its texts. JSON keeps its shape; of what is no JSON the punctuation stays."""
    try:
        return msgspec.json.encode(_redacted(msgspec.json.decode(body), None)).decode()
    except (msgspec.DecodeError, RecursionError):
        return placeholder(body)


def redact_settings(settings: CallSettings) -> CallSettings:
    """Settings without what the assistant is told to say."""
    greeting = None if settings.greeting is None else placeholder(settings.greeting)
    return replace(settings, instructions=placeholder(settings.instructions), greeting=greeting)


def redact_head(head: Head) -> Head:
    """The head without whose call it was, and when."""
    return replace(
        head, call_sid=_nought("CA"), stream_sid=_nought("MZ"), account_sid=_nought("AC"), started_at=STARTED_AT
    )


def placeholder(text: str) -> str:
    """A text of the same length that says nothing."""
    return "".join(_placeholder(char) for char in text)


def _placeholder(char: str) -> str:
    if char in _SHOWN:
        return char
    return "0" if char.isdecimal() else "X" if char.isupper() else "x"


def _nought(kind: str) -> str:
    return kind + "0" * 32


def _redacted(value: object, key: str | None) -> object:
    """`key`: what the value stands under; of a list, what the list stands under; None: under nothing that is known."""
    if isinstance(value, dict):
        inside = key in _STRANGERS
        return {name: _redacted(each, None if inside else name) for name, each in value.items()}
    if isinstance(value, list):
        return [_redacted(each, key) for each in value]
    if not isinstance(value, str):
        return value
    if key in _SIDS:
        return _nought(_SIDS[key])
    if key in _KEPT or (key == "reason" and _WORD.fullmatch(value)):
        return _SID.sub(lambda found: _nought(found[1]), value)
    return placeholder(value)
