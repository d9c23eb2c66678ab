"""An encrypted log: it holds what was written, shows none of it without the key, and what is changed in it is found."""

import base64
import hashlib
import hmac
import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.core.entries import Entry
from engine.log import writer
from engine.log.cipher import protect
from engine.log.errors import LogDamagedError, LogError, LogKeyError, LogLockedError
from engine.log.find import find
from engine.log.keys import LogKey, keys_in_environment, read_keys
from engine.log.reader import CallRow, head_of, read_call
from engine.log.recover import recover
from engine.log.seal import seal
from engine.log.writer import CallLog
from tests.log_builders import CALL, CALL_SID, DAY, MS, end, entries_of, flat, step, trouble

SECRET = bytes(range(32))
TEXT = base64.b64encode(SECRET).decode()
KEY = LogKey(SECRET)
OTHER_TEXT = "ff" * 32
OTHER = LogKey(b"\xff" * 32)

WORDS = "Mein Konto ist leer, Müller."
SOUND = random.Random(7).randbytes(160)
INSTRUCTIONS = "Never tell of the discount."
SPOKEN = msgspec.structs.replace(CALL, config=msgspec.json.encode({"instructions": INSTRUCTIONS}).decode())


def passed_on(seq: int) -> Entry:
    """A command that plays a piece of the audio of the entry before it."""
    body = '{"event":"media","streamSid":"MZ1","media":{"payload":""}}'
    return Entry(seq, 100 * MS, "command", "caller", "media", body, None, seq - 1, 0, 80)


CALL_STEPS = [
    step(0, audio=SOUND),
    step(1),
    [Entry(4, 90 * MS, "input", "model", "response.done", f'{{"type":"response.done","words":"{WORDS}"}}')],
    [
        Entry(5, 100 * MS, "input", "model", "response.output_audio.delta", '{"delta":""}', SOUND[::-1]),
        passed_on(6),
    ],
    [Entry(7, 110 * MS, "fault", "engine", "log.gap", '{"type":"log.gap","first":7,"last":7,"reason":"no room"}')],
    end(4),
]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers have the key, unless a test takes it away."""
    monkeypatch.setenv("LOG_KEY", TEXT)


def written(calls_dir: Path, key: LogKey | None = KEY, call: CallRow = SPOKEN) -> CallLog:
    log = CallLog(calls_dir, key)
    log.open(call)
    for one in CALL_STEPS:
        log.append(one)
    assert not trouble(log)
    return log


def sealed_log(calls_dir: Path, key: LogKey | None = KEY, call: CallRow = SPOKEN) -> Path:
    sealed = seal(written(calls_dir, key, call))
    assert sealed is not None
    return sealed.path


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An encrypted log, sealed."""
    return sealed_log(tmp_path_factory.mktemp("calls")).read_bytes()


@pytest.fixture
def sealed(tmp_path: Path, image: bytes) -> Path:
    """The same as a file."""
    path = tmp_path / "sealed.db"
    path.write_bytes(image)
    return path


def bytes_under(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


class TestAKey:
    @pytest.mark.parametrize(
        "text",
        [
            base64.b64encode(SECRET[::-1]).decode(),
            base64.urlsafe_b64encode(SECRET[::-1]).decode(),
            base64.b64encode(SECRET[::-1]).decode().rstrip("="),
            SECRET[::-1].hex(),
            f" {SECRET[::-1].hex().upper()}\n",
        ],
        ids=["base64", "url-safe", "unpadded", "hex", "from-a-file"],
    )
    def test_is_read_however_it_was_written(self, text: str) -> None:
        (found,) = read_keys(text)
        assert (found.secret, found.key_id) == (SECRET[::-1], "6cb35f1c")

    def test_comes_first_when_it_encrypts_and_others_follow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOG_KEY", f"{OTHER_TEXT}, {TEXT}")
        assert [found.key_id for found in keys_in_environment()] == [OTHER.key_id, KEY.key_id]
        monkeypatch.delenv("LOG_KEY")
        assert keys_in_environment() == ()

    @pytest.mark.parametrize("text", ["short", TEXT[:-2], "ü" * 44, OTHER_TEXT + "ff", f'"{TEXT}"', f"{TEXT};{TEXT}"])
    def test_that_is_none_is_refused_and_not_repeated(self, text: str) -> None:
        with pytest.raises(LogKeyError) as caught:
            read_keys(text)
        assert str(caught.value) == (
            f"LOG_KEY is not a key: 32 bytes as base64 (44 characters) or hex (64), and not {len(text)} characters of"
            " something else. `openssl rand -base64 32` makes one"
        )

    def test_that_is_none_among_others_is_counted(self) -> None:
        with pytest.raises(LogKeyError, match=r"^LOG_KEY, key 2 of 3, is not a key: .* and not 0 characters of"):
            read_keys(f"{TEXT},,{TEXT}")

    def test_that_did_not_arrive_does_not_mean_in_the_clear(self) -> None:
        with pytest.raises(LogKeyError) as caught:
            read_keys(" ")
        assert str(caught.value) == (
            "LOG_KEY is set and empty: give it a key (`openssl rand -base64 32` makes one), or unset it to keep logs in"
            " the clear"
        )

    def test_shows_only_its_id(self) -> None:
        assert f"{KEY} {KEY!r} {(KEY,)}" == f"LogKey({KEY.key_id}) LogKey({KEY.key_id}) (LogKey({KEY.key_id}),)"
        with pytest.raises(TypeError):
            msgspec.json.encode(KEY)


class TestWhatWasWritten:
    def test_is_read_again_live_and_sealed(self, tmp_path: Path) -> None:
        log = written(tmp_path)
        assert log.path is not None
        assert entries_of(log.path) == flat(CALL_STEPS)
        sealed = seal(log)
        assert sealed is not None
        with read_call(sealed.path) as logged:
            assert logged.call == msgspec.structs.replace(SPOKEN, format=2)
            assert list(logged.entries()) == flat(CALL_STEPS)
            assert [row[0] for row in logged.rows(after=5)] == [6, 7, 8, 9]
            logged.verify()

    def test_is_sealed_after_a_crash_by_who_has_no_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        written(tmp_path).close()
        monkeypatch.delenv("LOG_KEY")
        (found,) = recover(tmp_path)
        assert found.sealed is not None, found.problem
        assert (found.sealed.seal.ended, found.sealed.seal.reason) == ("stop", "Twilio stopped")
        monkeypatch.setenv("LOG_KEY", TEXT)
        assert entries_of(found.path) == flat(CALL_STEPS)

    def test_is_nowhere_to_be_seen(self, tmp_path: Path) -> None:
        """Neither in the live log and its WAL nor in the sealed one; of a log in the clear, everything is."""
        secrets = [WORDS.encode(), b"M\xc3\xbcller", SOUND[:8], SOUND[::-1][:8], INSTRUCTIONS.encode(), b"payload"]
        clear, hidden = tmp_path / "clear", tmp_path / "hidden"
        logs = [written(clear, None), written(hidden)]
        for log in logs:
            found = {secret: secret in bytes_under(clear if log is logs[0] else hidden) for secret in secrets}
            assert set(found.values()) == {log is logs[0]}
            seal(log)
        assert all(secret in bytes_under(clear) for secret in secrets)
        assert not any(secret in bytes_under(hidden) for secret in secrets)
        assert not any(secret in bytes_under(hidden) for secret in (SECRET[:8], TEXT[:10].encode()))

    def test_shows_from_outside_what_happened_when(self, tmp_path: Path) -> None:
        path = sealed_log(tmp_path)
        with closing(sqlite3.connect(path)) as connection:
            frames = connection.execute("SELECT seq, direction, type, body, audio_bytes FROM frames").fetchall()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        append = '{"type":"input_audio_buffer.append","audio":""}'
        assert version == 2
        assert frames == [
            (0, "in", "media", "(encrypted)", 160),
            (1, "out", "input_audio_buffer.append", append, 160),
            (2, "in", "media", "(encrypted)", 160),
            (3, "out", "input_audio_buffer.append", append, 160),
            (4, "in", "response.done", "(encrypted)", None),
            (5, "in", "response.output_audio.delta", "(encrypted)", 160),
            (6, "out", "media", "(encrypted)", 80),
            (7, "fault", "log.gap", CALL_STEPS[4][0].body, None),
            (8, "in", "leg.closed", "(encrypted)", None),
            (9, "out", "end_call", CALL_STEPS[5][1].body, None),
        ]
        call, seal_row = head_of(path)
        assert (call.call_sid, call.started_at, seal_row and seal_row.entries) == (CALL_SID, CALL.started_at, 10)

    def test_can_be_read_by_whoever_has_the_key_and_the_docs(self, sealed: Path) -> None:
        """As docs/LOG_FORMAT.md says, without this program."""
        head = ["call_sid", "stream_sid", "account_sid", "started_at", "rules", "engine_version", "format"]
        with closing(sqlite3.connect(sealed)) as connection:
            call = connection.execute(f"SELECT {', '.join(head)} FROM call").fetchone()
            held = json.loads(connection.execute("SELECT config FROM call").fetchone()[0])
            rows = connection.execute("SELECT * FROM entry").fetchall()
        salt, config = base64.b64decode(held["salt"]), base64.b64decode(held["config"])
        extracted = hmac.digest(salt, SECRET, "sha256")
        aead = AESGCM(hmac.digest(extracted, b"playhead log of a call\1", "sha256"))
        about = json.dumps(dict(zip(head, call, strict=True)), separators=(",", ":")).encode()
        assert aead.decrypt(bytes(12), config, about).decode() == SPOKEN.config
        assert held["key_id"] == hashlib.sha256(b"playhead log key" + SECRET).hexdigest()[:8]
        for entry, (seq, at_ns, kind, leg, type_, body, audio, *rest) in zip(flat(CALL_STEPS), rows, strict=True):
            audio_bytes = None if audio is None else len(audio) - 16
            about = " ".join(map(str, (seq, at_ns, kind, leg, *rest, audio_bytes, type_))).encode()
            if isinstance(body, bytes):
                assert aead.decrypt((4 * seq + 1).to_bytes(12, "big"), body, about).decode() == entry.body
            if audio is not None:
                assert aead.decrypt((4 * seq + 2).to_bytes(12, "big"), audio, about) == entry.audio

    def test_is_never_twice_the_same_bytes(self, tmp_path: Path) -> None:
        """The same content under one key, in two rows and in two logs: nobody sees that it is the same."""
        stored = set()
        for sid in ("CA1", "CA2"):
            log = CallLog(tmp_path, KEY)
            log.open(msgspec.structs.replace(SPOKEN, call_sid=sid))
            for seq in (1, 2):
                log.append([Entry(seq, 0, "input", "caller", "media", "same" * 40, b"same" * 40)])
            assert log.path is not None
            with closing(sqlite3.connect(log.path)) as connection:
                for row in connection.execute("SELECT body, audio FROM entry"):
                    stored |= {value[:-16] for value in row}
            log.close()
        assert len(stored) == 8

    def test_is_written_late_if_the_disk_refuses(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Encrypted once for each try, and so to the same bytes: what a failed write left behind tells nothing new."""
        tried: list[list[object]] = []
        values = writer._values

        def failing(*args: Any) -> list[object]:
            tried.append(values(*args))
            if len(tried) < 4:
                raise sqlite3.OperationalError("database or disk is full")
            return tried[-1]

        monkeypatch.setattr(writer, "_values", failing)
        log = CallLog(tmp_path, KEY)
        log.open(SPOKEN)
        log.append(step(0, audio=SOUND))
        for _ in range(2):
            with pytest.raises(LogError, match="disk is full"):
                log.flush()
        log.flush()
        assert tried[0] == tried[1] == tried[2] == tried[3]
        assert log.path is not None
        assert entries_of(log.path) == step(0, audio=SOUND)
        log.close()

    def test_is_in_the_clear_without_a_key(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(sealed_log(tmp_path, None))) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (1,)
            assert connection.execute("SELECT type FROM pragma_table_info('entry') WHERE name = 'body'").fetchone() == (
                "TEXT",
            )


class TestWithoutTheKey:
    def refusal(self, path: Path) -> str:
        with pytest.raises(LogLockedError) as caught:
            read_call(path)
        assert TEXT not in str(caught.value)
        return str(caught.value)

    def test_it_says_which_one_it_needs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = sealed_log(tmp_path)
        monkeypatch.delenv("LOG_KEY")
        assert self.refusal(path) == f"{path} is encrypted: to read it, set LOG_KEY to the key {KEY.key_id}"
        monkeypatch.setenv("LOG_KEY", OTHER_TEXT)
        assert self.refusal(path) == (
            f"{path} is encrypted with the key {KEY.key_id}, and LOG_KEY holds {OTHER.key_id}: to read it, add that key"
            " behind a comma"
        )
        monkeypatch.setenv("LOG_KEY", "short")
        assert self.refusal(path).startswith(
            f"{path} is encrypted with the key {KEY.key_id}, and LOG_KEY is not a key: 32 bytes"
        )

    def test_it_is_found_all_the_same(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """`last` is the last call, and not the last that somebody can read."""
        sealed_log(tmp_path, None, msgspec.structs.replace(SPOKEN, call_sid="CA1"))
        newer = msgspec.structs.replace(SPOKEN, call_sid="CA2", started_at="2026-11-21T02:00:00+00:00")
        path = sealed_log(tmp_path, KEY, newer)
        monkeypatch.delenv("LOG_KEY")
        assert find(tmp_path, "last") == path

    def test_a_log_in_the_clear_asks_for_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOG_KEY", "short")
        assert entries_of(sealed_log(tmp_path, None)) == flat(CALL_STEPS)

    def test_a_changed_key_leaves_the_old_logs_readable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        old = sealed_log(tmp_path)
        monkeypatch.setenv("LOG_KEY", f"{OTHER_TEXT},{TEXT}")
        first, *_ = keys_in_environment()
        new = sealed_log(tmp_path, first, msgspec.structs.replace(SPOKEN, call_sid="CA2"))
        assert entries_of(old) == entries_of(new) == flat(CALL_STEPS)
        monkeypatch.setenv("LOG_KEY", OTHER_TEXT)
        assert entries_of(new) == flat(CALL_STEPS)
        assert KEY.key_id in self.refusal(old)


def changed(path: Path, *changes: str) -> Path:
    """A log into which somebody has written: the triggers gone, the hash in the seal made to fit or not."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        for change in changes:
            connection.execute(change)
    return path


def envelope(path: Path, change: Callable[[dict[str, str]], object]) -> Path:
    """The same for what stands in `call.config`."""
    with closing(sqlite3.connect(path)) as connection:
        held = msgspec.json.decode(connection.execute("SELECT config FROM call").fetchone()[0])
    change(held)
    return changed(path, f"UPDATE call SET config = '{msgspec.json.encode(held).decode()}'")


class TestAChange:
    @pytest.mark.parametrize(
        ("change", "seq"),
        [
            ("UPDATE entry SET body = (SELECT body FROM entry WHERE seq = 8) WHERE seq = 4", 4),
            ("UPDATE entry SET audio = (SELECT audio FROM entry WHERE seq = 5) WHERE seq = 2", 2),
            ("UPDATE entry SET audio = NULL WHERE seq = 2", 2),
            ("UPDATE entry SET audio = x'00' WHERE seq = 2", 2),
            ("UPDATE entry SET audio = x'' WHERE seq = 4", 4),
            ("UPDATE entry SET at_ns = at_ns + 1 WHERE seq = 0", 0),
            ("UPDATE entry SET seq = 8999999999999999999 WHERE seq = 8", 8999999999999999999),
            ("UPDATE entry SET type = 'session.update' WHERE seq = 4", 4),
            ("UPDATE entry SET leg = 'caller' WHERE seq = 4", 4),
            ("UPDATE entry SET kind = 'command' WHERE seq = 4", 4),
            ("UPDATE entry SET cause = 2 WHERE seq = 6", 6),
            ("UPDATE entry SET audio_from = 40 WHERE seq = 6", 6),
            ("UPDATE entry SET audio_to = 90 WHERE seq = 6", 6),
            ("UPDATE entry SET body = '{}' WHERE seq = 4", 4),
            ("UPDATE entry SET body = 7 WHERE seq = 4", 4),
            ("UPDATE entry SET body = x'00' WHERE seq = 9", 9),
        ],
    )
    def test_of_a_row_is_found_where_it_is(self, sealed: Path, change: str, seq: int) -> None:
        path = changed(sealed, change)
        with pytest.raises(LogDamagedError) as caught:
            entries_of(path)
        assert str(caught.value) == f"{path} is damaged: entry {seq} is not as it was written"

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            ("UPDATE call SET stream_sid = 'MZ1'", f"its first row is not as it was written with the key {KEY.key_id}"),
            ("UPDATE call SET started_at = '2026-11-22T00:00:00+00:00'", "its first row is not as it was written"),
            ("UPDATE call SET rules = 2", "its first row is not as it was written"),
            ("UPDATE call SET config = '{}'", "what it says of its encryption cannot be read"),
            ("PRAGMA user_version = 1", "it has log format 1 and says that it has 2"),
        ],
    )
    def test_of_the_head_is_damage_and_not_a_wrong_key(self, sealed: Path, change: str, found: str) -> None:
        path = changed(sealed, change)
        with pytest.raises(LogDamagedError) as caught:
            read_call(path)
        assert found in str(caught.value)

    def test_of_what_names_the_key_is_damage_too(self, sealed: Path) -> None:
        path = envelope(sealed, lambda held: held.update(key_id=OTHER.key_id))
        with pytest.raises(LogDamagedError, match="it names another key than the one that it is encrypted with"):
            read_call(path)
        salt = base64.b64encode(bytes(16)).decode()
        envelope(path, lambda held: held.update(key_id=KEY.key_id, salt=salt))
        with pytest.raises(LogDamagedError, match="its first row is not as it was written with the key"):
            read_call(path)
        envelope(path, lambda held: held.update(cipher="ROT-13"))
        with pytest.raises(LogDamagedError, match="what it says of its encryption cannot be read"):
            read_call(path)

    def test_of_a_value_into_no_bytes_at_all_is_found(self, tmp_path: Path) -> None:
        """As SQLite gives them for a page with a flipped bit, whatever the type of the column."""
        _, cipher = protect(SPOKEN, KEY)
        with pytest.raises(LogDamagedError, match="entry 1 is not as it was written"):
            list(cipher.show(tmp_path, [(1, 0, "input", "caller", "media", None, 7, None, None, None)]))

    def test_of_the_value_that_a_live_log_ends_with_stops_no_start(self, tmp_path: Path) -> None:
        log = written(tmp_path)
        path = log.path
        assert path is not None
        log.close()
        changed(path, "UPDATE entry SET body = 7 WHERE seq = 9")
        (found,) = recover(tmp_path)
        assert found.sealed is not None
        assert (found.sealed.seal.ended, found.sealed.seal.reason) == ("crashed", "the log has no end")

    def test_of_any_byte_is_a_log_error_or_found_by_verify(self, tmp_path: Path, sealed: Path) -> None:
        """Whatever is damaged: never another exception, never garbage."""
        image, rows = sealed.read_bytes(), flat(CALL_STEPS)
        with read_call(sealed) as logged:
            head = (logged.call, logged.seal)
        draw, damaged = random.Random(3), tmp_path / "damaged.db"
        kinds, unseen = Counter[type](), 0
        used = [at for at, byte in enumerate(image) if byte]
        for at in used[:: len(used) // 250]:
            spoiled = bytearray(image)
            for one in (at, *draw.sample(used, draw.choice((0, 8, 64)))):
                spoiled[one] ^= 1 << draw.randrange(8)
            damaged.write_bytes(spoiled)
            try:
                with read_call(damaged) as logged:
                    if list(logged.entries()) == rows and (logged.call, logged.seal) == head:
                        unseen += 1
                        continue
                    with pytest.raises(LogError):
                        logged.verify()
            except LogError as error:
                kinds[type(error)] += 1
        assert kinds[LogDamagedError] > 100
        assert LogLockedError not in kinds
        assert unseen < 100


def test_a_call_is_locked_to_its_salt() -> None:
    """Two logs of one call under one key share nothing but the key's name."""
    one, other = (msgspec.json.decode(protect(SPOKEN, KEY)[0].config) for _ in range(2))
    assert (one["cipher"], one["key_id"]) == (other["cipher"], other["key_id"]) == ("AES-256-GCM", KEY.key_id)
    assert one["salt"] != other["salt"]
    assert one["config"] != other["config"]


def test_the_day_of_an_encrypted_call_is_that_of_any_other(tmp_path: Path) -> None:
    assert sealed_log(tmp_path) == tmp_path / DAY / f"{CALL_SID}.db"
