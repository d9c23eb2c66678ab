"""What stands in a redacted call for what was said in it: texts, sound, names, numbers, one frame at a time.

- A text becomes a placeholder of its own length: letters `x` and `X`, digits `0`, spaces and ASCII punctuation as they
  were. The shape of the words stays, for how long an item is and where its words end is what a replay is about.
- Sound becomes silence of its own length.
- What names something gets another name, the same each time (`item_000001`), so that what refers to it still does. SIDs
  keep their form: `CA` and thirty-two digits. Names that the core itself gives are learned from it, and stay.
- A number stays if it says when, where in the audio or how much, and becomes 0 otherwise.
- The call began at midnight of 2000-01-01: with the moment at which it did, its numbers would be found on a phone bill.

`allowed` says what may stay. JSON keeps its shape; of what is no JSON only the punctuation stays.

**An item whose words are edited** in its final transcript is searched again, for it says something else now. So the
placeholders of two texts must differ where the texts do: a letter that was changed becomes `y`.
"""

import string
from binascii import a2b_base64, b2a_base64
from collections import Counter
from typing import Any

import msgspec
from msgspec.structs import replace

from engine.core import CallSettings, Entry
from engine.core.audio import SILENCE
from engine.core.entries import APPEND_BODY, FORMAT
from engine.core.events import UNREADABLE
from replay.redacting import allowed
from replay.rows import REDACTED, Head

STARTED_AT = "2000-01-01T00:00:00+00:00"
_SHOWN = frozenset(string.whitespace + string.punctuation)
_EDITED = str.maketrans("xXyY01", "yYxX10")


class Counts(msgspec.Struct):
    """How much was replaced."""

    texts: int = 0
    sounds: int = 0
    names: int = 0


class Redactor:
    """The replacements of one call. The order of its frames decides who is called what, so it begins at the first."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._names: dict[str, str] = {}
        self._named: Counter[str] = Counter()
        self._spoken: dict[tuple[str, str], tuple[str, str]] = {}
        """What an item's part has said, and what stands for it."""
        self._is_sound = False
        """Whether the frame at hand has sound in its `delta`."""

    def head(self, head: Head) -> Head:
        """Whose call it was, and when."""
        version = head.engine_version.removesuffix(REDACTED)
        if version and not allowed.is_engine_version(version):
            version = "0"
        return Head(
            call_sid=self._sid(head.call_sid, "CA") or _sid("CA", 0),
            stream_sid=self._sid(head.stream_sid, "MZ"),
            account_sid=self._sid(head.account_sid, "AC"),
            started_at=STARTED_AT,
            format=FORMAT,
            rules=head.rules,
            engine_version=version + REDACTED,
        )

    def settings(self, settings: CallSettings) -> CallSettings:
        """What the core was told. Its numbers are ours, and typed; its texts are not."""
        return msgspec.convert(self._setting(msgspec.to_builtins(settings), ""), CallSettings)

    def entry(self, entry: Entry) -> Entry:
        """An entry, by itself."""
        audio = entry.audio
        if audio:
            self.counts.sounds += 1
            audio = bytes([SILENCE]) * len(audio)
        type_ = entry.type if entry.type in allowed.TYPES else placeholder(entry.type)
        return replace(entry, type=type_, body=self.body(entry.body), audio=audio)

    def body(self, body: str) -> str:
        """A body, by itself."""
        if body == APPEND_BODY:
            return body
        try:
            value = msgspec.json.decode(body)
        except UNREADABLE:
            return self._text(body)
        shown = self._frame(value) if isinstance(value, dict) else self._value(value, "", "")
        return msgspec.json.encode(shown).decode()

    def answer(self, body: str, searched: str, stands_for_it: str) -> str:
        """What a search for words gave: where each of them is, of which text `stands_for_it` is what was searched."""
        shown = msgspec.json.decode(self.body(body))
        alignment, was = shown["alignment"], msgspec.json.decode(body)["alignment"]
        alignment["transcript"] = stands_for_it
        at = 0
        for word, said in zip(alignment["words"], was["words"], strict=True):
            at = searched.index(said["text"], at)
            word["text"] = stands_for_it[at : at + len(said["text"])]
            at += len(said["text"])
        return msgspec.json.encode(shown).decode()

    def learn(self, key: str, name: str, now: str) -> None:
        """The core named something under `key`, and without the words names it `now`."""
        if key in allowed.ID_KEYS:
            self._names[name] = now

    def _frame(self, frame: dict[str, Any]) -> object:
        kind = str(frame.get("type"))
        self._is_sound = kind in allowed.AUDIO_TYPES
        shown = self._fields(frame, "")
        says = allowed.SPOKEN_TYPES.get(kind)
        if says is not None and isinstance(frame.get(says), str):
            shown[says] = self._say(frame, frame[says], is_final=says == "transcript")
        return shown

    def _fields(self, fields: dict[str, Any], parent: str) -> dict[str, object]:
        shown: dict[str, object] = {}
        for at, (key, value) in enumerate(fields.items(), 1):
            if key not in allowed.KEYS:
                shown[f"x{at}"] = self._hidden(value)  # put there by a stranger, too
            elif key in allowed.STRANGERS:
                shown[key] = self._hidden(value)
            else:
                shown[key] = self._value(value, key, parent)
        return shown

    def _value(self, value: object, key: str, parent: str) -> object:
        """`key`: what the value stands under; of a list, what the list stands under. `parent`: what that stands in."""
        if isinstance(value, dict):
            return self._fields(value, key)
        if isinstance(value, list):
            return [self._value(each, key, parent) for each in value]
        if isinstance(value, str):
            return self._string(value, key, parent)
        if value is None or isinstance(value, bool):
            return value
        assert isinstance(value, int | float)
        if key not in allowed.NUMBER_KEYS:
            return type(value)()
        return value if abs(value) <= allowed.NUMBER_MAX else type(value)(allowed.NUMBER_MAX)

    def _string(self, text: str, key: str, parent: str) -> str:
        if not text or allowed.is_word(key, text):
            return text
        if key in allowed.SID_KEYS:
            return self._sid(text, allowed.SID_KEYS[key])
        if key in allowed.ID_KEYS:
            return self._name(text, allowed.ID_PARENTS.get(parent, "id") if key == "id" else allowed.ID_KEYS[key])
        if key in allowed.COUNT_KEYS:
            is_number = text.isascii() and text.isdecimal()
            return text if allowed.is_count(text) else ("0" if is_number else "x") * len(text)
        if key in allowed.AUDIO_KEYS or (key == "delta" and self._is_sound):
            self.counts.sounds += 1
            return _silent(text)
        if key == "digit":
            return "0" * len(text)
        if key == "text" and parent == "parts":
            return "x"  # a number as it is spoken: the lengths of its words would tell it
        return self._text(text)

    def _hidden(self, value: object) -> object:
        """What strangers filled in: nothing but its shape."""
        if isinstance(value, dict):
            return {f"x{at}": self._hidden(each) for at, each in enumerate(value.values(), 1)}
        if isinstance(value, list):
            return [self._hidden(each) for each in value]
        if isinstance(value, str):
            return self._text(value)
        return None if value is None else type(value)()

    def _setting(self, value: object, key: str) -> object:
        if isinstance(value, dict):
            return {name: self._setting(each, name) for name, each in value.items()}
        if isinstance(value, str) and not allowed.is_word(key, value):
            return self._text(value)
        return value

    def _text(self, text: str) -> str:
        self.counts.texts += bool(text)
        return placeholder(text)

    def _say(self, frame: dict[str, Any], text: str, *, is_final: bool) -> str:
        """More words of an item's part, or all of them."""
        part = str(frame.get("item_id")), str(frame.get("content_index") or 0)
        said, shown = self._spoken.get(part, ("", ""))
        made = placeholder(text)
        if is_final and text != said and made == shown:
            made = "".join(
                new if was == is_now else new.translate(_EDITED)
                for was, is_now, new in zip(said, text, shown, strict=True)
            )
        self._spoken[part] = (text, made) if is_final else (said + text, shown + made)
        return made

    def _sid(self, text: str, kind: str) -> str:
        if not text:
            return text
        if not (allowed.SID.fullmatch(text) and text.startswith(kind)):
            return self._name(text, {"CA": "call", "MZ": "stream", "AC": "account"}[kind])
        if text not in self._names:
            self._names[text] = _sid(kind, self._named[kind])
            self._named[kind] += 1
            self.counts.names += 1
        return self._names[text]

    def _name(self, text: str, kind: str) -> str:
        if text not in self._names:
            self._named[kind] += 1
            self._names[text] = f"{kind}_{self._named[kind]:06d}"
            self.counts.names += 1
        return self._names[text]


def placeholder(text: str) -> str:
    """A text of the same length that says nothing."""
    return "".join(map(_placeholder, text))


def _placeholder(char: str) -> str:
    if char in _SHOWN:
        return char
    if char.isspace():
        return " "
    return "0" if char.isdecimal() else "X" if char.isupper() else "x"


def _sid(kind: str, number: int) -> str:
    return f"{kind}{number:032d}"


def _silent(text: str) -> str:
    """Base64 of silence, as long as that of some audio. What is none stays none."""
    try:
        audio_bytes = len(a2b_base64(text, strict_mode=True))
    except ValueError:
        return "!" * len(text)
    return b2a_base64(bytes([SILENCE]) * audio_bytes, newline=False).decode()
