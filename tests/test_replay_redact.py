"""`replay redact`: what a stranger is given of a call. Nothing that was said or typed is in it; it decides the same."""

import json
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from engine.core import CallSettings, Entry
from engine.log.errors import LogError
from engine.log.keys import VARIABLE, read_keys
from engine.log.reader import read_call
from engine.log.seal import seal
from engine.log.writer import CallLog
from replay import cli
from replay.goldens.golden import read_golden
from replay.redacting import allowed
from replay.redacting.call import prove, redact
from replay.redacting.copying import golden_text
from replay.redacting.redactor import Redactor
from replay.rows import entry_of
from replay.runner import replay
from tests import build, recordings_rig
from tests.build import CALL_SID, STREAM_SID, Harness
from tests.replay_calls import bakery, call_row, log_of, write_live, write_sealed
from tests.view_calls import demo

GOLDEN = Path(__file__).resolve().parents[1] / "fixtures" / "golden"
BAKERY = bakery()
TOLD = (
    "replay: replaced: {} texts by x and 0, the sound of {} frames by silence, {} SIDs, ids and names by others,"
    " the date by 2000-01-01\n"
    "replay: kept: when each frame came, what was decided, how long each text and word is, the protocols' own words\n"
)
KEY = "5f" * 32
NO_WORD = re.compile("[0-9]+|[a-z]+_0[0-9]+|sentinel|probe|truncate|greeting|whisper")
"""Counters; the simulator's ids, which look like what stands for them; the core's names for what it sends; a model."""


def run(*args: object, **env: str) -> Result:
    return CliRunner().invoke(cli.cli, list(map(str, args)), env=env)


def words_of(value: object) -> Iterator[str]:
    """Every run of four or more letters and digits in the texts and keys of a decoded body."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from words_of(key)
            yield from words_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from words_of(each)
    elif isinstance(value, str):
        yield from re.findall(r"\w{4,}", value)


def said_in(entries: list[Entry]) -> set[str]:
    """All that comes in from anywhere and no protocol says."""
    said: set[str] = set()
    for entry in entries:
        if entry.kind == "input":
            try:
                said.update(words_of(json.loads(entry.body)))
            except ValueError:
                said.update(words_of(entry.body))
    told = " ".join(allowed.KEYS | allowed.TYPES | allowed.WORDS | allowed.SENTENCES)
    return {word for word in said if word not in told and not NO_WORD.fullmatch(word)}


def found_in(made: bytes, said: set[str]) -> set[str]:
    return {word for word in said if word.encode() in made}


class TestACopy:
    def test_is_told_of_and_replays(self, tmp_path: Path) -> None:
        log, copy = write_sealed(tmp_path, BAKERY), tmp_path / "copy.db"
        done = run("redact", log, "-o", copy)
        assert (done.exit_code, done.stderr) == (0, TOLD.format(20, 71, 19))
        assert done.stdout == f"{copy}: 213 entries\n  same: every command is the one that was recorded\n"
        assert run("call", copy).exit_code == 0
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert sorted(each.name for each in tmp_path.iterdir()) == ["2026-11-20", "copy.db", "live"]

    def test_is_sealed_and_its_hash_is_right(self, tmp_path: Path) -> None:
        run("redact", write_sealed(tmp_path, BAKERY), "-o", tmp_path / "copy.db")
        with read_call(tmp_path / "copy.db") as copy:
            copy.verify()
            assert copy.seal is not None
            assert (copy.seal.ended, copy.seal.reason, copy.seal.entries) == ("stop", "Twilio said stop", 213)
            assert copy.call == call_row(
                call_sid="CA" + "0" * 32,
                stream_sid="MZ" + "0" * 32,
                account_sid="AC" + "0" * 32,
                started_at="2000-01-01T00:00:00+00:00",
                engine_version="0.1.0, redacted",
                config=copy.call.config,
            )
            settings = msgspec.json.decode(copy.call.config, type=CallSettings)
            assert settings.instructions == "Xxx xxx x xxxxxxx xxxxx xx x xxxxx xxxx. Xx xxxxx."

    def test_has_the_times_lengths_and_decisions_of_the_call(self, tmp_path: Path) -> None:
        log = write_sealed(tmp_path, BAKERY)
        run("redact", log, "-o", tmp_path / "copy.db")
        with read_call(log) as before, read_call(tmp_path / "copy.db") as after:
            for one, other in zip(before.entries(), after.entries(), strict=True):
                assert replace(one, body="", audio=None) == replace(other, body="", audio=None)
                assert len(one.audio or b"") == len(other.audio or b"")
                assert set(other.audio or b"") <= {0xFF}
        done = run("diff", log, tmp_path / "copy.db", "--times")
        assert done.exit_code == 0
        assert done.stdout.endswith("same: both logs have the same 213 entries\n")

    def test_may_be_a_golden_log(self, tmp_path: Path) -> None:
        log, copy = write_sealed(tmp_path, BAKERY), tmp_path / "copy.jsonl"
        done = run("redact", log, "-o", copy)
        assert (done.exit_code, done.stderr) == (0, TOLD.format(20, 71, 19))
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert replay(read_golden(copy)).verdict == "same"
        assert run("diff", copy, log).stdout.endswith("same: both logs have the same 213 entries\n")
        assert run("redact", log, "-o", "-").stdout == copy.read_text()

    def test_as_data(self, tmp_path: Path) -> None:
        done = run("redact", write_sealed(tmp_path, BAKERY), "-o", tmp_path / "copy.db", "--json")
        assert json.loads(done.stdout) == {
            "path": str(tmp_path / "copy.db"),
            "entries": 213,
            "replaced": {"texts": 20, "sounds": 71, "names": 19},
            "verdict": "same",
            "reason": "every command is the one that was recorded",
        }

    def test_of_a_copy_is_the_same(self) -> None:
        once = redact(log_of(BAKERY))
        again = redact(once.log(log_of(BAKERY)))
        assert (again.head, again.settings, again.entries) == (once.head, once.settings, once.entries)

    def test_knows_which_words_were_heard(self) -> None:
        log = demo()
        redacted = redact(log)
        before, after = (result.report.turns for result in prove(log, redacted))
        assert [turn.heard_words for turn in after] == [turn.heard_words for turn in before]
        cut = next(turn for turn in after if turn.interrupted)
        assert (cut.heard_text, cut.generated_text) == (
            "Xx xxxx xxxx x xxxxx",
            "Xx xxxx xxxx x xxxxx xxxxxxxx xxx xxx xxxxx xxx.",
        )


class TestNothingIsLeft:
    @pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.jsonl")), ids=lambda path: path.stem)
    def test_of_any_golden_log(self, path: Path) -> None:
        """And it decides the same, in the same milliseconds."""
        log = read_golden(path)
        redacted = redact(log)
        before, after = prove(log, redacted)
        assert (before.verdict, after.verdict) == ("same", "same")
        said = said_in(list(map(entry_of, log.rows())))
        assert len(said) > 2
        assert said & {*words_of(golden_text(redacted))} <= {"every"}  # which is a key of golden logs

    def test_of_the_demo_in_any_byte_of_the_file(self, tmp_path: Path) -> None:
        """Also not in a page that SQLite does not use any more."""
        log = demo()
        entries = [entry_of(row) for row in log.rows()]
        path, copy, empty = write_sealed(tmp_path, entries), tmp_path / "copy.db", tmp_path / "empty.db"
        done = run("redact", path, "-o", copy)
        assert done.exit_code == 0, done.stderr
        run("redact", write_sealed(tmp_path / "none", []), "-o", empty)
        said = said_in(entries) | {"2026", "call", "kept"}
        schema = found_in(empty.read_bytes(), said)  # whose comments are English
        assert len(said - schema) > 50
        assert found_in(path.read_bytes(), said) >= said - {"2026", "kept"}
        assert found_in(copy.read_bytes(), said) == schema
        sounds = {entry.audio[:12] for entry in entries if entry.audio and len({*entry.audio[:12]}) > 6}
        assert len(sounds) > 100
        assert [sound for sound in sounds if sound not in path.read_bytes()] == []
        assert [sound for sound in sounds if sound in copy.read_bytes()] == []

    @pytest.mark.parametrize("verdict", ["same", "diverged"])
    def test_of_what_strangers_put_wherever_they_can(self, verdict: str, tmp_path: Path) -> None:
        """Also where this version commands something else than what was recorded."""
        call, canaries = hostile()
        settings = call.call.settings if verdict == "same" else CallSettings()
        config = msgspec.json.encode(settings).decode()
        row = call_row(account_sid=next(canaries), engine_version=next(canaries), config=config, rules=settings.rules)
        log = write_sealed(tmp_path, call.entries, row)
        planted = {canary for canary in map("Canary{:03d}".format, range(200)) if canary.encode() in log.read_bytes()}
        assert len(planted) > 60
        for name in ("copy.db", "copy.jsonl"):
            done = run("redact", log, "-o", tmp_path / name)
            assert done.exit_code == 0, done.stderr
            made = (tmp_path / name).read_bytes()
            assert {canary for canary in planted if canary.encode() in made} == set()
            assert b"anary" not in made
            assert [number for number in (b"4915112", b"5500005", b"55 00 00") if number in made] == []
        assert replay(read_golden(tmp_path / "copy.jsonl")).verdict == verdict


class TestACallThat:
    def test_was_cut_off_is_cut_off_in_the_copy(self, tmp_path: Path) -> None:
        """In the middle of a step: it has an input, and half of what that led to. The log may still be in use."""
        file = write_live(tmp_path, BAKERY[:120])
        done = run("redact", CALL_SID, "--calls-dir", tmp_path, "-o", tmp_path / "copy.db")
        file.close()
        assert (done.exit_code, done.stdout) == (
            0,
            f"{tmp_path}/copy.db: 120 entries\n  same: the log ends here, at entry 120: no end of call\n",
        )
        assert done.stderr.endswith(
            "replay: the call has no end in this log, so neither has the copy: it ends with entry 120\n"
        )
        with read_call(tmp_path / "copy.db") as copy:
            assert copy.seal is not None
            assert copy.seal.ended == "crashed"

    def test_diverges_does_so_in_the_copy(self, tmp_path: Path) -> None:
        spoilt = [replace(e, body=e.body.replace(":520", ":400")) if e.seq == 123 else e for e in BAKERY]
        done = run("redact", write_sealed(tmp_path, spoilt), "-o", tmp_path / "copy.db")
        assert done.stdout.endswith("  diverged: recorded and replayed part at entry 123\n")
        assert done.stderr.endswith(
            "replay: the call itself diverges (recorded and replayed part at entry 123), and so does the copy\n"
        )

    def test_found_its_words_elsewhere_then_does_not(self, tmp_path: Path) -> None:
        """What was found then is what decided then; nobody can look again."""
        moved = [
            replace(e, body=re.sub('"confidence":[-0-9.]+', '"confidence":9', e.body))
            if e.type == "item.aligned"
            else e
            for e in BAKERY
        ]
        done = run("redact", write_sealed(tmp_path, moved), "-o", tmp_path / "copy.db")
        assert done.stdout.endswith("  same: every command is the one that was recorded\n")
        assert "and the copy does not: it keeps what a search for words gave then\n" in done.stderr

    def test_another_bridge_made_is_redacted_frame_by_frame(self, tmp_path: Path) -> None:
        imported = recordings_rig.run(tmp_path, recordings_rig.write(tmp_path / "call.jsonl", recordings_rig.CALL))
        assert imported.exit_code == 0
        (log,) = (tmp_path / "calls").glob("20*/*.db")
        done = run("redact", log, "-o", tmp_path / "copy.db")
        assert done.stdout.endswith(
            "  unknown: made by another bridge, so there is nothing to replay; `replay audit` says what it got right\n"
        )
        with read_call(log) as before, read_call(tmp_path / "copy.db") as after:
            assert after.call.engine_version == "imported by 0.1.0, redacted"
            assert [entry.type for entry in after.entries()] == [entry.type for entry in before.entries()]
            names = [json.loads(e.body)["mark"]["name"] for e in after.entries() if e.type == "mark"]
        assert names == ["name_000001", "name_000001"]
        assert run("diff", log, tmp_path / "copy.db").exit_code == 0
        assert b"part" not in (tmp_path / "copy.db").read_bytes().replace(b"inputs are", b"").split(b"CREATE")[-1]

    def test_lost_entries_stays_as_hard_to_judge(self, tmp_path: Path) -> None:
        at = next(place for place, entry in enumerate(BAKERY) if entry.seq > 50 and entry.type == "media")
        first = BAKERY[at]
        gap = f'{{"type":"log.gap","first":{first.seq},"last":{first.seq + 1},"reason":"/home/ann/calls: disk full"}}'
        lost = [*BAKERY[:at], Entry(first.seq, first.at_ns, "fault", "engine", "log.gap", gap), *BAKERY[at + 2 :]]
        done = run("redact", write_sealed(tmp_path, lost), "-o", tmp_path / "copy.db")
        assert done.exit_code == 0
        assert f'"first":{first.seq},"last":{first.seq + 1},"reason":"/xxxx/xxx/xxxxx: xxxx xxxx"' in done.stdout

    def test_is_damaged_has_no_copy(self, tmp_path: Path) -> None:
        log = write_sealed(tmp_path, BAKERY)
        with sqlite3.connect(log) as spoilt:
            spoilt.execute("DROP TRIGGER entry_refuses_update")
            spoilt.execute("UPDATE entry SET at_ns = at_ns + 1 WHERE seq = 20")
        done = run("redact", log, "-o", tmp_path / "copy.db")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == f"replay: {log} is damaged: its content does not match the hash in its seal\n"
        assert not (tmp_path / "copy.db").exists()

    def test_is_encrypted_needs_its_key_and_the_copy_none(self, tmp_path: Path) -> None:
        call = CallLog(tmp_path, read_keys(KEY)[0])
        call.open(call_row())
        call.append(BAKERY)
        sealed = seal(call)
        assert sealed is not None
        done = run("redact", sealed.path, "-o", tmp_path / "copy.db")
        assert done.exit_code == 2
        assert f"is encrypted: to read it, set {VARIABLE} to the key" in done.stderr
        assert run("redact", sealed.path, "-o", tmp_path / "copy.db", **{VARIABLE: KEY}).exit_code == 0
        assert run("call", tmp_path / "copy.db").exit_code == 0
        assert run("diff", sealed.path, tmp_path / "copy.db", **{VARIABLE: KEY}).exit_code == 0

    @pytest.mark.parametrize("kept_bytes", [80, 7992])
    def test_would_be_decided_otherwise_has_no_copy(self, kept_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """It cannot be, as far as we know; should it, nobody is given another call."""
        monkeypatch.setattr(
            Redactor, "entry", lambda _, entry: replace(entry, audio=entry.audio and entry.audio[:kept_bytes])
        )
        with pytest.raises(
            LogError, match=r"decided otherwise without its words from entry [0-9]+ on.*please report it"
        ):
            redact(log_of(BAKERY))

    def test_nor_has_one_that_comes_to_something_else(self) -> None:
        with pytest.raises(LogError, match="would be decided otherwise without its words, which should not be"):
            prove(log_of(BAKERY), redact(log_of(BAKERY[:150])))


class TestTheFile:
    @pytest.mark.parametrize("name", ["copy.db", "copy.jsonl"])
    def test_is_never_written_over(self, name: str, tmp_path: Path) -> None:
        log = write_sealed(tmp_path, BAKERY)
        (tmp_path / name).symlink_to(tmp_path / "nowhere")
        done = run("redact", log, "-o", tmp_path / name)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == (
            f"replay: {tmp_path / name} exists already, and a call is never written over: remove it, or name another"
            " file\n"
        )

    @pytest.mark.parametrize("name", ["copy.db", "copy.jsonl"])
    def test_needs_a_folder(self, name: str, tmp_path: Path) -> None:
        done = run("redact", write_sealed(tmp_path, BAKERY), "-o", tmp_path / "none" / name)
        assert (done.exit_code, done.stderr) == (2, f"replay: {tmp_path}/none/{name}: No such file or directory\n")

    def test_is_whole_or_not_there(self, tmp_path: Path) -> None:
        """On a disk that is full."""
        limits = getrlimit(RLIMIT_FSIZE)
        log = write_sealed(tmp_path, BAKERY)
        setrlimit(RLIMIT_FSIZE, (4096, limits[1]))
        try:
            done = run("redact", log, "-o", tmp_path / "copy.jsonl")
        finally:
            setrlimit(RLIMIT_FSIZE, limits)
        assert (done.exit_code, done.stderr) == (2, f"replay: {tmp_path}/copy.jsonl: File too large\n")
        assert not (tmp_path / "copy.jsonl").exists()

    def test_cannot_be_stdout_and_data_at_once(self, tmp_path: Path) -> None:
        done = run("redact", write_sealed(tmp_path, BAKERY), "-o", "-", "--json")
        assert done.exit_code == 2
        assert "-o - and --json would both write to stdout" in done.stderr


def model_says(call: Harness, new: Callable[[], str]) -> None:
    """Words, names and numbers in every frame of the model's, known or not."""
    response, item, tool = new(), new(), new()
    call.model(*build.reply_begun(900, item, response))
    call.model(build.item_words(f"Your card is 5500 0055 5555 5559, {new()}!", item, response))
    call.model(build.item_words(f"Your card is 5500 0055 5555 5559, {new()}?", item, response, final=True))
    done = {
        "id": item,
        "type": "message",
        "status": "completed",
        "role": new(),
        "content": [{"type": new(), "transcript": new()}],
    }
    call.model(build.frame(type="response.output_item.done", event_id=new(), response_id=response, item=done))
    made = {
        "id": tool,
        "type": "function_call",
        "name": new(),
        "call_id": new(),
        "arguments": json.dumps({new(): new()}),
    }
    call.model(build.frame(type="conversation.item.added", event_id=new(), previous_item_id=item, item=made))
    call.model(
        build.response_done(
            response, new(), {"type": new(), "reason": new(), "error": {"code": new(), "message": new()}}
        ),
        build.frame(
            type=f"vendor.invented.{new()}", item_id=new(), text=new(), **{new(): [new(), {new(): 4915112345678}]}
        ),
        build.frame(type="response.function_call_arguments.delta", item_id=tool, call_id=new(), delta=new()),
        build.frame(type="response.output_audio.delta", response_id=response, item_id=item, delta=f"{new()}?"),
        build.frame(type="response.output_audio.delta", x="", response_id="r", item_id="i", delta="q6urqw=="),
        build.model_error(new(), f"{new()} called +4915112345678", new()),
        build.frame(type="rate_limits.updated", rate_limits=[{"name": new(), "remaining": 4915112345678}]),
        f"no JSON: {new()} 4915112345678",
        f'"{new()}"',
        f'["{new()}", 4915112345678, null, true, 1.5]',
    )


def hostile() -> tuple[Harness, Iterator[str]]:
    """A call in which every place that a peer fills says something new."""
    canaries = map("Canary{:03d}".format, range(200))
    new = canaries.__next__
    call = Harness(CallSettings(instructions=new(), greeting=new(), voice=new(), model=f"ft:{new()}", language=new()))
    call.seq = 1
    start = json.loads(build.started())
    start["start"] |= {"customParameters": {new(): new(), "token": new(), "deep": [{new(): [new(), 4915112345678]}]}}
    start["start"] |= {"accountSid": new(), "from": "+4915112345678", new(): {new(): True}}
    call.engine(build.leg_opened("caller"))
    call.caller(build.frame(event="connected", protocol=new(), version=new()), json.dumps(start))
    call.engine(build.leg_opened("model"))
    call.model(
        build.frame(
            type="session.created",
            event_id=new(),
            session={"id": new(), "type": "realtime", "expires_at": 4915112345678},
        ),
        build.session_updated(),
        build.frame(
            type="session.updated", session={"instructions": new(), "voice": new(), "tools": [{"name": new()}]}
        ),
    )
    call.run(100)
    model_says(call, new)
    call.caller(*map(build.dtmf, "5500005"), build.dtmf("#"), build.dtmf(new()))
    call.caller(build.echo(new()), build.frame(event=new(), streamSid=new(), **{new(): new()}), "{", "7")
    odd = {"track": new(), "chunk": new(), "timestamp": "4915112345678", "payload": "q6ur"}
    call.caller(build.frame(event="media", x="", streamSid=STREAM_SID, sequenceNumber="५", media=odd))
    call.engine(build.frame(type="frame.binary", leg="caller", audio="Q2FuYXJ5"), build.frame(type=new(), leg=new()))
    call.run(600)
    call.model(build.speech_started(300, new()), build.speech_stopped(4915112345678, new()))
    call.model(build.caller_words(f"My name is {new()}.", new()))
    call.engine(build.frame(type="limit.reached", limit=new(), value=4915112345678, max=1))
    call.engine(build.operator_hang_up(new()))
    call.engine(build.leg_closed("model", 1000, new()), build.leg_closed("caller", 4999, new()))
    assert call.call.how_ended is not None
    return call, canaries
