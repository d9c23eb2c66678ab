"""`bridge doctor`: each thing that can be wrong with a set-up is found, and said with what to do about it."""

import json
import os
import resource
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.cli import main
from engine.doctor import machine
from engine.doctor.findings import Finding, Level, bad, ok, warn
from engine.doctor.folder import check_folder
from engine.doctor.machine import check_machine, has_wal_reset_bug
from engine.doctor.settings import check_settings
from engine.gate import CALLS_WITHOUT_START_MAX, CONNECTIONS_MAX
from engine.log.folder import take_lock
from tests.server_rig import TOKEN

GIVEN: dict[str, object] = {
    "openai_realtime_url": "wss://api.openai.com/v1/realtime",
    "openai_api_key": "sk-1",
    "openai_model": None,
    "twilio_auth_token": TOKEN,
    "twilio_signature_key": None,
    "token_seconds_max": 60,
    "public_url": "https://calls.example.com",
    "insecure": False,
    "port": 8080,
    "agent": None,
}
TAKES_INSTRUCTIONS = warn(
    "agent", "there are no instructions: the model says what it likes", "Set instructions in AGENT"
)


@pytest.fixture(autouse=True)
def _no_log_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOG_KEY", raising=False)


def test_settings_that_are_well(tmp_path: Path) -> None:
    agent = tmp_path / "agent.toml"
    agent.write_text('instructions = "You sell bread."')
    assert check_settings(GIVEN | {"agent": agent, "twilio_signature_key": "s3cret"}) == [
        ok("model key", "OPENAI_API_KEY is set"),
        ok("twilio keys", "TWILIO_AUTH_TOKEN is set"),
        ok("twilio keys", "TWILIO_SIGNATURE_KEY is set"),
        ok("public url", "Twilio's webhook is POST https://calls.example.com/twiml"),
        ok("agent", f"AGENT file {agent}: model gpt-realtime-2.1, voice marin"),
        ok("log key", "LOG_KEY is not set, logs are in the clear"),
    ]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (
            {"openai_api_key": None},
            bad("model key", "OPENAI_API_KEY is not set, and api.openai.com needs one", ""),
        ),
        (
            {"openai_api_key": "0123"},
            warn("model key", "OPENAI_API_KEY does not look like one of OpenAI's", "They begin with sk-"),
        ),
        (
            {"openai_realtime_url": "ws://model.example/v1", "openai_api_key": None},
            warn(
                "model key", "the key and the call go to model.example in the clear", "Use wss in OPENAI_REALTIME_URL"
            ),
        ),
        (
            {"twilio_auth_token": "AC" + "0" * 32},
            bad(
                "twilio keys",
                "TWILIO_AUTH_TOKEN is the account's SID",
                "Set it to the auth token (console, Account Info)",
            ),
        ),
        (
            {"twilio_auth_token": f"{TOKEN},SK{'0' * 32}"},
            bad(
                "twilio keys",
                "TWILIO_AUTH_TOKEN is an API key's SID",
                "Set it to the auth token (console, Account Info)",
            ),
        ),
        (
            {"twilio_auth_token": "x" * 32},
            warn(
                "twilio keys",
                "TWILIO_AUTH_TOKEN does not look like an auth token, which has 32 hexadecimal digits",
                "The secret of an API key signs nothing; take the account's auth token (console, Account Info)",
            ),
        ),
        (
            {"insecure": True},
            warn("twilio keys", "--insecure: anyone who reaches the server can call", "For tests alone"),
        ),
        (
            {"token_seconds_max": 0},
            warn(
                "call tokens",
                "TOKEN_SECONDS_MAX is 0: whoever has seen the signature of one upgrade can call",
                "If your own webhook answers Twilio, let it <Redirect> to /twiml, which gives a token",
            ),
        ),
        (
            {"public_url": "https://x:y"},
            bad("public url", "PUBLIC_URL is not an address: its port is not a number, or a bracket is missing", ""),
        ),
        (
            {"public_url": "http://calls.example.com"},
            bad(
                "public url",
                "PUBLIC_URL is http://calls.example.com: Twilio connects calls over wss alone",
                "Put TLS in front of the server and begin PUBLIC_URL with https",
            ),
        ),
        *(
            (
                {"public_url": f"https://{host}"},
                bad(
                    "public url",
                    f"PUBLIC_URL is https://{host}, where Twilio never comes",
                    "Set it to an address of the internet; for a test, a tunnel's (ngrok, cloudflared)",
                ),
            )
            for host in ("localhost:8080", "10.1.2.3", "[::1]:80", "calls.local", "calls")
        ),
        ({"agent": Path("nowhere.toml")}, bad("agent", "AGENT file nowhere.toml: No such file or directory", "")),
    ],
)
def test_a_setting_that_is_wrong(change: Mapping[str, object], finding: Finding) -> None:
    found = [one for one in check_settings(GIVEN | dict(change)) if one.level is not Level.OK]
    assert [one for one in found if one != TAKES_INSTRUCTIONS] == [finding]


def test_a_word_for_callers_that_nobody_has_spoken(tmp_path: Path) -> None:
    agent = tmp_path / "agent.toml"
    agent.write_text('instructions = "Be brief."\n[away]\nwords = "Wait."')
    words = "away.words are set, and away.audio is not: it must be a WAV file in which they are spoken"
    assert check_settings(GIVEN | {"agent": agent})[-2] == bad("agent", f"AGENT file {agent}: {words}", "")


def test_a_log_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_KEY", "11" * 32)
    assert check_settings(GIVEN)[-1] == ok("log key", "LOG_KEY is set, new logs are encrypted with key cb8fc311")
    monkeypatch.setenv("LOG_KEY", "11" * 31)
    assert check_settings(GIVEN)[-1].level is Level.BAD


@pytest.mark.parametrize(
    ("version", "has_it"),
    [
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_which_sqlite_has_the_wal_reset_bug(version: tuple[int, ...], has_it: bool) -> None:
    assert has_wal_reset_bug(version) == has_it


def test_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    beside = CONNECTIONS_MAX + CALLS_WITHOUT_START_MAX + machine.DESCRIPTORS_BESIDE
    limit = beside + 88 * machine.DESCRIPTORS_PER_CALL
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 53, 0))
    monkeypatch.setattr("resource.getrlimit", lambda which: (limit, limit))
    assert check_machine(88)[1:] == [
        ok("sqlite", "3.53.0"),
        ok("descriptors", f"enough files may be open for CALLS_MAX=88 calls ({limit})"),
    ]
    wanted = limit + machine.DESCRIPTORS_PER_CALL
    assert check_machine(89)[2] == bad(
        "descriptors",
        f"{limit} files may be open, CALLS_MAX=89 calls need {wanted}",
        f"Raise the limit (`ulimit -n {wanted}`; systemd: LimitNOFILE={wanted}), or set CALLS_MAX to 88 or less",
    )
    monkeypatch.setattr("resource.getrlimit", lambda which: (resource.RLIM_INFINITY,) * 2)
    assert check_machine(10**6)[2].level is Level.OK
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 36, 0))
    assert check_machine(1)[1] == bad("sqlite", "3.36.0 is too old", "Use a Python with SQLite 3.37.0 or newer")


# CALLS_DIR


def problems(calls_dir: Path) -> list[Finding]:
    return [finding for finding in check_folder(calls_dir, 1) if finding.level is not Level.OK]


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    calls = tmp_path / "srv" / "calls"
    assert check_folder(calls, 1) == [
        ok("calls", f"CALLS_DIR {calls} will be made, for this user alone"),
        ok("disk", "there is room for CALLS_MAX=1 calls"),
    ]
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "srv").touch()
    assert [finding.level for finding in check_folder(calls, 1)] == [Level.BAD]


def test_a_folder_that_is_well(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert check_folder(tmp_path, 1) == [
        ok("calls", f"logs can be written to {tmp_path}"),
        ok("disk", "there is room for CALLS_MAX=1 calls"),
        ok("privacy", f"no other user can read {tmp_path}"),
        ok("leftovers", "none: every log is sealed, or a bridge writes it"),
    ]


def test_a_folder_that_others_can_read(tmp_path: Path) -> None:
    fix = f"chmod -R go= {tmp_path}"
    log = tmp_path / "2026-11-20" / "CA1.db"
    log.parent.mkdir()
    log.touch(mode=0o600)
    tmp_path.chmod(0o755)
    see = warn("privacy", f"other users can look into {tmp_path} and see which calls there were", fix)
    assert problems(tmp_path) == [see]
    log.chmod(0o644)
    read = bad("privacy", f"other users can read 1 files in {tmp_path}: calls, word for word", fix)
    assert problems(tmp_path) == [read]
    tmp_path.chmod(0o700)
    assert problems(tmp_path) == [
        warn("privacy", f"1 files in {tmp_path} are kept from other users by the folder alone", fix)
    ]


def test_what_was_left_in_a_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for name in ("live/CA1.db", "live/CA2.db", "damaged/CA3.db"):
        path = tmp_path / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
    held = take_lock(tmp_path / "live" / "CA1.db")
    assert held is not None
    left = f"1 log in {tmp_path / 'live'} that no bridge writes: one was killed"
    assert problems(tmp_path) == [
        warn("leftovers", left, "The next `bridge serve` seals them"),
        warn(
            "leftovers",
            f"1 log in {tmp_path / 'damaged'} that could not be read",
            "Look at them with `replay`, keep or delete them: the bridge never will",
        ),
    ]
    held.release()
    assert problems(tmp_path)[0].found == left.replace("1 log", "2 logs")


def test_a_full_disk(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (found,) = [finding for finding in check_folder(tmp_path, 10**9) if finding.level is not Level.OK]
    assert (found.level, found.check) == (Level.BAD, "disk")
    assert "make room there, or set CALLS_MAX lower" in found.found


# The command


def doctor(environment: Mapping[str, str], *flags: str) -> Result:
    names = [name for name in os.environ if name not in ("PATH", "HOME")]
    return CliRunner().invoke(main, ["doctor", *flags], env=dict.fromkeys(names) | dict(environment))


def test_one_line_for_each_finding(tmp_path: Path) -> None:
    agent = tmp_path / "agent.toml"
    agent.write_text('instructions = "Be brief."')
    settings = {
        "OPENAI_API_KEY": "sk-1",
        "TWILIO_AUTH_TOKEN": TOKEN,
        "PUBLIC_URL": "https://calls.example.com",
        "CALLS_DIR": str(tmp_path / "calls"),
        "AGENT": str(agent),
    }
    well = doctor(settings, "--offline")
    assert (well.exit_code, well.stderr) == (0, "")
    assert [line[:18].split() for line in well.stdout.splitlines()] == [
        ["ok", "model", "key"],
        ["ok", "twilio", "keys"],
        ["ok", "public", "url"],
        ["ok", "agent"],
        ["ok", "log", "key"],
        ["ok", "python"],
        ["ok", "sqlite"],
        ["ok", "descriptors"],
        ["ok", "calls"],
        ["ok", "disk"],
    ]
    ill = doctor(settings | {"TWILIO_AUTH_TOKEN": ""}, "--json")
    assert ill.exit_code == 1
    told = json.loads(ill.stdout)
    assert told["ok"] is False
    assert told["findings"][1]["level"] == "bad"
    assert told["findings"][-1] == {
        "level": "warn",
        "check": "server",
        "found": "not asked, and nor was the model",
        "fix": "Fix the settings first",
    }
    assert doctor({}, "--port", "x").exit_code == 2


def test_what_is_to_be_done_stands_behind_what_was_found() -> None:
    assert bad("disk", "it is full.", "Make room").line(width=6) == "bad   disk    it is full. Make room"
    assert ok("disk", "fine").line(width=6) == "ok    disk    fine"
