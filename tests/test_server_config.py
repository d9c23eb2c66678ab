"""What `bridge serve` makes of its settings, and how it refuses to start: one clear line and exit code 2."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.bridge import WireLimits
from engine.cli import main
from engine.config import ConfigError, call_settings, model_address, public_address, twilio_secrets
from engine.core import CallSettings
from engine.core.settings import Limits, Vad

SIMULATOR = {"OPENAI_REALTIME_URL": "ws://127.0.0.1:9", "PUBLIC_URL": "https://x.example", "TWILIO_AUTH_TOKEN": "t"}


def serve(environment: Mapping[str, str], *flags: str) -> Result:
    """`bridge serve` in an environment of its own."""
    names = [name for name in os.environ if name not in ("PATH", "HOME")]
    return CliRunner().invoke(main, ["serve", *flags], env=dict.fromkeys(names) | dict(environment))


@pytest.mark.parametrize(
    ("environment", "flags", "line"),
    [
        ({"TWILIO_AUTH_TOKEN": "t"}, (), "OPENAI_API_KEY is not set, and api.openai.com needs one"),
        (
            {"OPENAI_API_KEY": "k\n"},
            (),
            "OPENAI_API_KEY has characters that no key has: was it copied with a line break?",
        ),
        (
            SIMULATOR | {"TWILIO_AUTH_TOKEN": "old,ne w"},
            (),
            "TWILIO_AUTH_TOKEN has characters that no key has: was it copied with a line break?",
        ),
        (
            SIMULATOR | {"TWILIO_AUTH_TOKEN": ""},
            (),
            "TWILIO_AUTH_TOKEN is not set, so nobody could tell Twilio from anybody else. Set it to your account's auth"
            " token (Twilio console, Account Info), or give --insecure to take calls from anyone, for a test",
        ),
        (
            SIMULATOR | {"PUBLIC_URL": ""},
            (),
            "PUBLIC_URL is not set: the address at which Twilio reaches this server, such as https://calls.example.com",
        ),
        (
            SIMULATOR | {"PUBLIC_URL": "calls.example.com"},
            (),
            "PUBLIC_URL must be https://… or http://… or wss://… or ws://…",
        ),
        (
            SIMULATOR | {"PUBLIC_URL": "https://x:y"},
            (),
            "PUBLIC_URL is not an address: its port is not a number, or a bracket is missing",
        ),
        (
            SIMULATOR | {"PUBLIC_URL": "https://x.example/?token=1"},
            (),
            "PUBLIC_URL must have no query: Twilio does not connect a stream to an address with one",
        ),
        (
            SIMULATOR,
            ("--openai-realtime-url", "wss://x.example/v1?model=m"),
            "OPENAI_REALTIME_URL must have no query: the model is added to it (OPENAI_MODEL)",
        ),
        (
            SIMULATOR | {"OPENAI_REALTIME_URL": "https://api.openai.com/v1/realtime"},
            (),
            "OPENAI_REALTIME_URL must be wss://… or ws://…",
        ),
        (SIMULATOR | {"AGENT": "nowhere.toml"}, (), "AGENT file nowhere.toml: No such file or directory"),
    ],
)
def test_a_start_that_is_refused(environment: dict[str, str], flags: tuple[str, ...], line: str) -> None:
    result = serve(environment, *flags)
    assert (result.exit_code, result.output) == (2, f"Error: {line}\n")


def test_a_calls_dir_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = serve(SIMULATOR | {"CALLS_DIR": str(tmp_path / "file")})
    assert result.exit_code == 2
    assert result.output == f"Error: CALLS_DIR {tmp_path / 'file'} is a file. Set CALLS_DIR to a folder\n"


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = serve(SIMULATOR | {"CALLS_DIR": str(tmp_path), "HOST": "127.0.0.1", "PORT": port})
    assert result.exit_code == 2
    assert result.output == f"Error: cannot listen on HOST 127.0.0.1, PORT {port}: Address already in use\n"


def test_help_names_each_setting_once() -> None:
    text = serve({}, "--help").output
    variables = ["OPENAI_API_KEY", "OPENAI_REALTIME_URL", "OPENAI_MODEL", "PUBLIC_URL", "HOST"]
    variables += ["TWILIO_AUTH_TOKEN", "TWILIO_SIGNATURE_KEY", "TOKEN_SECONDS_MAX"]
    variables += ["PORT", "CALLS_DIR", "AGENT", "CALLS_MAX", "DRAIN_SECONDS"]
    variables += [name.upper() for name in (*Limits.__struct_fields__, *WireLimits.__struct_fields__)]
    variables += ["TURN_AWAY_WORDS", "LOG_SYNC_SECONDS"]
    for name in variables:
        flag = f"--{name.lower().replace('_', '-')} "
        assert sum(line.strip().startswith(flag) for line in text.splitlines()) == 1, flag
    assert "--insecure" in text


AGENT = """
instructions = "You sell bread."
voice = "cedar"
greeting = "Say hello."
model = "gpt-realtime-2.1-mini"

[vad]
silence_duration_ms = 300

[limits]
idle_ms_max = 5000
"""


def test_the_agent_file_is_the_calls_settings(tmp_path: Path) -> None:
    agent = tmp_path / "agent.toml"
    agent.write_text(AGENT)
    assert call_settings(agent, None, {"idle_ms_max": None, "settle_ms": 700}) == CallSettings(
        instructions="You sell bread.",
        voice="cedar",
        greeting="Say hello.",
        model="gpt-realtime-2.1-mini",
        vad=Vad(silence_duration_ms=300),
        limits=Limits(idle_ms_max=5000, settle_ms=700),
    )
    assert call_settings(agent, "gpt-realtime-2", {}).model == "gpt-realtime-2"
    assert call_settings(None, None, {}) == CallSettings()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("voise = 'cedar'", "there is no setting voise"),
        ("[vad]\nthreshhold = 0.5", "there is no setting vad.threshhold"),
        ("voice = 7", "Expected `str`, got `int` - at `$.voice`"),
        ("voice =", "Invalid value (at end of document)"),
    ],
)
def test_an_agent_file_that_cannot_be_used(tmp_path: Path, text: str, complaint: str) -> None:
    agent = tmp_path / "agent.toml"
    agent.write_text(text)
    with pytest.raises(ConfigError) as error:
        call_settings(agent, None, {})
    assert str(error.value) == f"AGENT file {agent}: {complaint}"


def test_numbers_that_cannot_be(tmp_path: Path) -> None:
    agent = tmp_path / "agent.toml"
    for text, complaint in {
        "mark_every_ms = 0": "mark_every_ms is 0; it must be at least 20",
        "[limits]\nidle_ms_max = 0": "idle_ms_max is 0; it must be at least 1",
    }.items():
        agent.write_text(text)
        with pytest.raises(ConfigError, match=complaint):
            call_settings(agent, None, {})


def test_a_simulator_needs_no_key() -> None:
    assert model_address("ws://127.0.0.1:9", None) == ("ws://127.0.0.1:9", None)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        model_address("wss://api.openai.com/v1/realtime", None)


def test_insecure_needs_neither_an_address_nor_a_secret() -> None:
    """And forgets the secrets that are set: nothing may be half checked."""
    assert public_address(None, insecure=True, port=8080) == "http://localhost:8080"
    assert public_address("https://x", insecure=False, port=1) == "https://x"
    assert twilio_secrets("token", "key", insecure=True) == (None, None)
    assert twilio_secrets("token", None, insecure=False) == ("token", None)
    assert twilio_secrets(None, "key", insecure=False) == (None, "key")
