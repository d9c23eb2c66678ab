"""What `bridge serve` is told, checked before anything is opened. Each complaint is one line that says what to do.

The environment and the flags arrive here already merged (`engine/cli.py`); the AGENT file is read here. What the core
may know goes into `CallSettings`, which every log keeps; keys and tokens stay in `Config`, which nothing writes down.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec

from engine.bridge import WireLimits
from engine.core import CallSettings
from engine.core.settings import Limits
from engine.twiml import SCHEMES

MODEL_URL = "wss://api.openai.com/v1/realtime"
OPENAI_HOST = "api.openai.com"
_UNKNOWN_KEY = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$\.([^`]*)`)?")


class ConfigError(Exception):
    """A setting that cannot be used, in one line."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `bridge serve` needs. `auth_token` None: signatures are not checked."""

    settings: CallSettings
    model_url: str
    api_key: str | None
    auth_token: str | None
    public_url: str
    host: str
    port: int
    calls_dir: Path
    calls_max: int
    drain_seconds: float
    wire_limits: WireLimits = WireLimits()
    verbose: bool = False

    def __repr__(self) -> str:
        return "Config(…)"  # it holds secrets, and a repr ends up in tracebacks


def call_settings(agent: Path | None, model: str | None, limits: Mapping[str, int | None]) -> CallSettings:
    """The AGENT file's settings, or the defaults; `model` and `limits` that are given go before both."""
    settings = CallSettings() if agent is None else _read_agent(agent)
    given = {name: value for name, value in limits.items() if value is not None}
    settings = msgspec.structs.replace(
        settings,
        model=settings.model if model is None else model,
        limits=msgspec.structs.replace(settings.limits, **given),
    )
    for name, least in {"mark_every_ms": 20, **dict.fromkeys(Limits.__struct_fields__, 1)}.items():
        value = getattr(settings if name == "mark_every_ms" else settings.limits, name)
        if value < least:
            raise ConfigError(f"{name} is {value}; it must be at least {least}")
    return settings


def model_address(url: str, api_key: str | None) -> tuple[str, str | None]:
    """OPENAI_REALTIME_URL and OPENAI_API_KEY, checked. Only OpenAI itself is known to need a key."""
    parts = _split("OPENAI_REALTIME_URL", url, ("wss", "ws"))
    if parts.query or parts.fragment:
        raise ConfigError("OPENAI_REALTIME_URL must have no query: the model is added to it (OPENAI_MODEL)")
    if api_key is None and parts.hostname == OPENAI_HOST:
        raise ConfigError(f"OPENAI_API_KEY is not set, and {OPENAI_HOST} needs one")
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        raise ConfigError("OPENAI_API_KEY has characters that no key has: was it copied with a line break?")
    return url, api_key


def public_address(public_url: str | None, auth_token: str | None, insecure: bool, port: int) -> tuple[str, str | None]:
    """PUBLIC_URL and TWILIO_AUTH_TOKEN, checked. Insecure: no token, whatever is set."""
    if insecure:
        auth_token = None
    elif auth_token is None:
        raise ConfigError(
            "TWILIO_AUTH_TOKEN is not set, so nobody could tell Twilio from anybody else. Set it to your account's auth"
            " token (Twilio console, Account Info), or give --insecure to take calls from anyone, for a test"
        )
    if public_url is None:
        if not insecure:
            raise ConfigError(
                "PUBLIC_URL is not set: the address at which Twilio reaches this server, such as https://calls.example.com"
            )
        public_url = f"http://localhost:{port}"
    parts = _split("PUBLIC_URL", public_url, SCHEMES)
    if parts.query or parts.fragment:
        raise ConfigError("PUBLIC_URL must have no query: Twilio does not connect a stream to an address with one")
    return public_url, auth_token


def _split(name: str, url: str, schemes: tuple[str, ...]) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises for a port that is none
    except ValueError as error:
        raise ConfigError(f"{name} is not an address: {error}") from error
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{name} must hold no user and no password: it is shown, and given to Twilio")
    if parts.scheme in schemes and not parts.hostname:
        raise ConfigError(f"{name} names no host")
    if parts.scheme not in schemes:
        wanted = " or ".join(f"{scheme}://…" for scheme in schemes)
        raise ConfigError(f"{name} must be {wanted}")
    return parts


def _read_agent(path: Path) -> CallSettings:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=CallSettings)
    except OSError as error:
        raise ConfigError(f"AGENT file {path}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeError) as error:
        unknown = _UNKNOWN_KEY.match(str(error))
        if unknown is None:
            raise ConfigError(f"AGENT file {path}: {error}") from error
        key, table = unknown.groups()
        raise ConfigError(f"AGENT file {path}: there is no setting {f'{table}.' if table else ''}{key}") from error
