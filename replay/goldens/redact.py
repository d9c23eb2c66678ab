"""A call without its people: no sound, no words, no numbers, and still the same decisions.

The core counts samples and compares names; what was said decides nothing. So every text becomes a placeholder of its
own length (letters `x`, digits `0`, spaces and ASCII punctuation as they were), all audio becomes silence of its own
length, the SIDs of call, stream and account become noughts, and numbers become 0. Kept is what the protocol itself
says: types, the vendor's ids of items and responses, our names of marks, formats, places in the audio. That is a list,
what is on it must also look like it, and anything else goes. Where strangers choose even the keys (Twilio's custom
parameters, the vendor's metadata) nothing is kept, however deep.

How long people spoke and when stays, for that is what a golden log is for.
"""

import re
import string

import msgspec
from msgspec.structs import replace

from engine.core import CallSettings, Entry
from engine.core.audio import SILENCE
from replay.rows import Head

_WORD = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
"""What a word of a protocol looks like: no sentence, no name of a person."""
_COUNT = re.compile(r"[0-9]{1,12}")
_LIKE = {
    **dict.fromkeys(
        (
            *("type", "event", "object", "status", "role", "code", "phase", "leg", "limit", "protocol", "version"),
            *("id", "event_id", "item_id", "response_id", "previous_item_id", "conversation_id", "call_id"),
            *("model", "voice", "format", "encoding", "modalities", "output_modalities", "tracks", "track"),
        ),
        _WORD,
    ),
    **dict.fromkeys(("sequenceNumber", "chunk", "timestamp"), _COUNT),
    "name": re.compile(r"[a-z]+-[0-9]+"),
    "reason": re.compile(r"[a-z_]+"),
}
"""Keys whose text says nothing about a person, if it looks like that. `name`: of a mark; a tool has one too."""
_NUMBERS = re.compile(r".*_(?:ms|index|samples)|rate|sampleRate|channels|code|status|value|max|threshold|speed")
"""Keys of numbers that somebody's decision may rest on, and of none that is a date."""
_SIDS = {"callSid": "CA", "streamSid": "MZ", "accountSid": "AC"}
_STRANGERS = frozenset({"customParameters", "metadata", "variables", "headers", "arguments", "prompt", "tools"})
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,40}")
_SHOWN = frozenset(string.whitespace + string.punctuation)
_SID = re.compile(r"(CA|MZ|AC)[0-9A-Za-z]{32}")
STARTED_AT = "2000-01-01T00:00:00+00:00"


def redact_entry(entry: Entry) -> Entry:
    """An entry without what was said in it."""
    audio = None if entry.audio is None else bytes([SILENCE]) * len(entry.audio)
    return replace(entry, body=redact_body(entry.body), audio=audio)


def redact_body(body: str) -> str:
    """A body without its texts. JSON keeps its shape; of what is no JSON the punctuation stays."""
    try:
        return msgspec.json.encode(_redacted(msgspec.json.decode(body), "")).decode()
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


def _redacted(value: object, key: str) -> object:
    """`key`: what the value stands under; of a list, what the list stands under."""
    if isinstance(value, dict):
        return {
            _key(name, index): _hidden(each) if name in _STRANGERS else _redacted(each, name)
            for index, (name, each) in enumerate(value.items())
        }
    if isinstance(value, list):
        return [_redacted(each, key) for each in value]
    if isinstance(value, str):
        return _text(value, key)
    is_kept = value is None or isinstance(value, bool) or _NUMBERS.fullmatch(key)
    return value if is_kept else 0


def _text(value: str, key: str) -> str:
    if key in _SIDS:
        return _nought(_SIDS[key])
    looks = _LIKE.get(key)
    if looks is None or not looks.fullmatch(value):
        return placeholder(value)
    return _SID.sub(lambda found: _nought(found[1]), value)


def _hidden(value: object) -> object:
    """What strangers filled in: nothing but its shape."""
    if isinstance(value, dict):
        return {f"x{index}": _hidden(each) for index, each in enumerate(value.values(), 1)}
    if isinstance(value, list):
        return [_hidden(each) for each in value]
    if isinstance(value, str):
        return placeholder(value)
    return value if value is None or isinstance(value, bool) else 0


def _key(name: str, index: int) -> str:
    """A key that is no word of any protocol was put there by a stranger, too."""
    return name if _KEY.fullmatch(name) else f"x{index}"
