"""The encryption of a log at rest: what was said and heard, and the settings of the call.

**What is hidden** is the content: each entry's audio and body, and `call.config`, which holds the instructions. **What
is not** is what happened when: `seq`, `at_ns`, `kind`, `leg`, `type`, `cause`, the lengths of all that is hidden, and
Twilio's SIDs. So a log can be sealed, listed and found without its key. For the same reason two bodies stay in the
clear: `end_call`, of which the seal says the same, and `log.gap`, which tells of the disk. Neither has words of the
call. A body of NULL stays NULL, as it always stands for the same constant frame.

**The cipher** is AES-256-GCM: authenticated, in every processor that servers have, and a third cheaper here than
ChaCha20-Poly1305. Each value is encrypted by itself, for a log is written a step at a time and read from anywhere.

**Nonces** must never come twice under one key. Each file therefore has a key of its own, made by HKDF from LOG_KEY and
a random salt in the file, and below that key the nonce is the place of the value: its entry's `seq` and its column. No
chance is needed for each frame, and none can run out. A place is written once: an append that the disk refused is
tried again with the same content, and so to the same bytes; the one entry that takes the number of another is
`log.gap`, which is not encrypted.

**Bound to each value** as associated data are all columns of its row, and the length of the audio. So a value that is
moved to another row, another date or another call does not decrypt, and audio that is taken away is missed. Not
protected this way are the rows in which nothing is hidden: commands, which a replay makes anew and compares. And nobody
can see from a file that its end was cut off and the rest sealed again.

**Which key.** The file names its key by id (see `keys`). The id is a hint for people, not what decides: every key is
tried. If one opens the call, but goes by another name, or one has the right name and does not open it, then the file
was changed.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from engine.core.entries import Entry
from engine.log.backlog import GAP_TYPE
from engine.log.errors import LogDamagedError, LogKeyError, LogLockedError
from engine.log.keys import KEY_BYTES, VARIABLE, LogKey, keys_in_environment
from engine.log.reader import CallRow, Row
from engine.log.schema import ENCRYPTED_FORMAT, TAG_BYTES

NAME: Literal["AES-256-GCM"] = "AES-256-GCM"
SALT_BYTES = 16
_NONCE_BYTES = 12
_PURPOSE = b"playhead log of a call"
_CONFIG, _BODY, _AUDIO = range(3)
"""Columns, as part of a nonce."""
_COLUMNS = 4
_CLEAR = ("end_call", GAP_TYPE)


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in `call.config` of an encrypted log; `config` is encrypted."""

    cipher: Literal["AES-256-GCM"]
    key_id: str
    salt: bytes
    config: bytes


class CallCipher:
    """Encrypts and decrypts the values of one log."""

    def __init__(self, key: LogKey, salt: bytes) -> None:
        self._aead = AESGCM(HKDF(SHA256(), KEY_BYTES, salt, _PURPOSE).derive(key.secret))

    def hide_config(self, call: CallRow) -> bytes:
        """The call's settings, encrypted."""
        return self._aead.encrypt(_nonce(0, _CONFIG), call.config.encode(), _about_call(call))

    def show_config(self, call: CallRow, hidden: bytes) -> str:
        """The same again. Raises InvalidTag."""
        return self._aead.decrypt(_nonce(0, _CONFIG), hidden, _about_call(call)).decode()

    def hide(self, entry: Entry, *, is_body_null: bool) -> tuple[str | bytes | None, bytes | None]:
        """The body and the audio of an entry as they are to be stored."""
        seq, audio = entry.seq, entry.audio
        about = _about(
            seq,
            entry.at_ns,
            entry.kind,
            entry.leg,
            entry.type,
            entry.cause,
            entry.audio_from,
            entry.audio_to,
            None if audio is None else len(audio),
        )
        body: str | bytes | None = None if is_body_null else entry.body
        if body is not None and not _is_clear(entry.leg, entry.type):
            body = self._aead.encrypt(_nonce(seq, _BODY), entry.body.encode(), about)
        if audio is not None:
            audio = self._aead.encrypt(_nonce(seq, _AUDIO), audio, about)
        return body, audio

    def show(self, path: Path, rows: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
        """The rows of the log at `path` as they would stand in one that is not encrypted. Raises LogDamagedError."""
        decrypt = self._aead.decrypt
        for row in rows:
            seq, at_ns, kind, leg, type_, body, audio, cause, begin, end = row
            audio_bytes = len(audio) - TAG_BYTES if isinstance(audio, bytes) else None
            about = _about(seq, at_ns, kind, leg, type_, cause, begin, end, audio_bytes)
            try:
                if isinstance(body, bytes):
                    body = decrypt(_nonce(seq, _BODY), body, about).decode()
                elif body is not None and not (isinstance(body, str) and _is_clear(leg, type_)):
                    raise InvalidTag
                if isinstance(audio, bytes):
                    audio = decrypt(_nonce(seq, _AUDIO), audio, about)
                elif audio is not None:
                    raise InvalidTag
            except InvalidTag:
                raise LogDamagedError(f"{path} is damaged: entry {seq} is not as it was written") from None
            yield seq, at_ns, kind, leg, type_, body, audio, cause, begin, end


def protect(call: CallRow, key: LogKey) -> tuple[CallRow, CallCipher]:
    """For a new log: the row of `call` as it is to be stored, and the cipher for its entries."""
    salt = os.urandom(SALT_BYTES)
    cipher = CallCipher(key, salt)
    call = msgspec.structs.replace(call, format=ENCRYPTED_FORMAT)
    envelope = _Envelope(NAME, key.key_id, salt, cipher.hide_config(call))
    return msgspec.structs.replace(call, config=msgspec.json.encode(envelope).decode()), cipher


def unlock(path: Path, call: CallRow) -> tuple[CallRow, CallCipher]:
    """The row of `call` as it was before `protect`, and the cipher for its entries. The key is taken from the
    environment, as logs are opened in too many places to hand it to each. Raises LogLockedError, LogDamagedError."""
    try:
        envelope = msgspec.json.decode(call.config, type=_Envelope)
    except msgspec.MsgspecError as error:
        raise LogDamagedError(f"{path} is damaged: what it says of its encryption cannot be read ({error})") from None
    try:
        keys = keys_in_environment()
    except LogKeyError as error:
        raise LogLockedError(f"{path} is encrypted with the key {envelope.key_id}, and {error}") from None
    for key in keys:
        cipher = CallCipher(key, envelope.salt)
        try:
            config = cipher.show_config(call, envelope.config)
        except InvalidTag:
            continue
        if key.key_id != envelope.key_id:
            raise LogDamagedError(f"{path} is damaged: it names another key than the one that it is encrypted with")
        return msgspec.structs.replace(call, config=config), cipher
    raise _refusal(path, envelope.key_id, keys)


def _refusal(path: Path, key_id: str, keys: Sequence[LogKey]) -> LogLockedError | LogDamagedError:
    held = [key.key_id for key in keys]
    if key_id in held:
        return LogDamagedError(f"{path} is damaged: its first row is not as it was written with the key {key_id}")
    if not held:
        return LogLockedError(f"{path} is encrypted: to read it, set {VARIABLE} to the key {key_id}")
    return LogLockedError(
        f"{path} is encrypted with the key {key_id}, and {VARIABLE} holds {', '.join(held)}: to read it, add that key"
        " behind a comma"
    )


def _is_clear(leg: str, type_: str) -> bool:
    return leg == "engine" and type_ in _CLEAR


def _nonce(seq: int, column: int) -> bytes:
    # Signed, for a damaged file may hold any number that SQLite does.
    return (seq * _COLUMNS + column).to_bytes(_NONCE_BYTES, "big", signed=True)


def _about(
    seq: int,
    at_ns: int,
    kind: str,
    leg: str,
    type_: str,
    cause: int | None,
    audio_from: int | None,
    audio_to: int | None,
    audio_bytes: int | None,
) -> bytes:
    """A row, but for what is hidden of it. Only `type` comes from outside and could hold a space; it is the last."""
    return f"{seq} {at_ns} {kind} {leg} {cause} {audio_from} {audio_to} {audio_bytes} {type_}".encode()


def _about_call(call: CallRow) -> bytes:
    clear = msgspec.to_builtins(call)
    del clear["config"]
    return msgspec.json.encode(clear)
