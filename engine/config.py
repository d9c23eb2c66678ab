"""What `bridge serve` is told, checked before anything is opened. Each complaint is one line that says what to do.

The environment and the flags arrive here already merged (`engine/commands/settings.py`); the AGENT file is read here.
What the core may know goes into `CallSettings`, which every log keeps; keys and tokens stay in `Config`, which nothing
writes down.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec

from engine.bridge import WireLimits
from engine.core import CallSettings
from engine.core.settings import Limits
from engine.log.keys import LogKey
from engine.tokens import SECONDS_MAX
from engine.twiml import SCHEMES
from engine.word import WordError, load_word

MODEL_URL = "wss://api.openai.com/v1/realtime"
LOG_SYNC_SECONDS = 1.0
TURN_AWAY_WORDS = "We are sorry, we cannot take your call right now. Please try again in a few minutes."
OPENAI_HOST = "api.openai.com"
_UNKNOWN_KEY = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$\.([^`]*)`)?")


class ConfigError(Exception):
    """A setting that cannot be used, in one line."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `bridge serve` needs. Without `auth_token` and `signature_key`, anybody may call."""

    settings: CallSettings
    model_url: str
    api_key: str | None
    auth_token: str | None
    """TWILIO_AUTH_TOKEN as it was set; see `auth_tokens`."""
    public_url: str
    host: str
    port: int
    calls_dir: Path
    calls_max: int
    drain_seconds: float
    wire_limits: WireLimits = WireLimits()
    signature_key: str | None = None
    """TWILIO_SIGNATURE_KEY as it was set; see `signature_keys`."""
    token_seconds_max: int = SECONDS_MAX
    """Of a one-time token, from /twiml to `start`. 0: none is asked for."""
    log_key: LogKey | None = None
    """Encrypts the calls' logs. None: they are in the clear."""
    retain_days: int | None = None
    """For how many days calls are kept. None: for ever."""
    log_sync_seconds: float = LOG_SYNC_SECONDS
    """What a power cut may take of a call. 0: nothing, and each step waits for the disk."""
    turn_away_words: str = TURN_AWAY_WORDS
    """What a caller hears for whom there is no room."""
    word: bytes = b""
    """What the caller is told while the model is away, as mu-law."""
    verbose: bool = False

    @property
    def auth_tokens(self) -> tuple[str, ...]:
        """Any of which may sign. Two while one is being exchanged for the other."""
        return several(self.auth_token)

    @property
    def signature_keys(self) -> tuple[str, ...]:
        """Secrets of SharedKeys, any of which may sign."""
        return several(self.signature_key)

    @property
    def twilio_secrets(self) -> tuple[str, ...]:
        """What we share with Twilio. Empty: anybody may call."""
        return self.auth_tokens + self.signature_keys

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody else may know. LOG_KEY is not among them: it has no text, once it was read."""
        return self.twilio_secrets + several(self.api_key)

    def __repr__(self) -> str:
        return "Config(…)"  # it holds secrets, and a repr ends up in tracebacks


def several(secrets: str | None) -> tuple[str, ...]:
    """What stands between the commas of a setting."""
    return tuple(part.strip() for part in (secrets or "").split(",") if part.strip())


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


def word_of(settings: CallSettings, agent: Path | None) -> bytes:
    """What the caller is told while the model is away; a relative path in the AGENT file starts at that file."""
    try:
        return load_word(settings.away, agent and agent.parent)
    except WordError as error:
        raise ConfigError(f"{'the settings' if agent is None else f'AGENT file {agent}'}: {error}") from error


def model_address(url: str, api_key: str | None) -> tuple[str, str | None]:
    """OPENAI_REALTIME_URL and OPENAI_API_KEY, checked. Only OpenAI itself is known to need a key."""
    parts = _split("OPENAI_REALTIME_URL", url, ("wss", "ws"))
    if parts.query or parts.fragment:
        raise ConfigError("OPENAI_REALTIME_URL must have no query: the model is added to it (OPENAI_MODEL)")
    if api_key is None and parts.hostname == OPENAI_HOST:
        raise ConfigError(f"OPENAI_API_KEY is not set, and {OPENAI_HOST} needs one")
    if api_key is not None:
        _check_secret("OPENAI_API_KEY", api_key)
    return url, api_key


def twilio_secrets(auth_token: str | None, signature_key: str | None, insecure: bool) -> tuple[str | None, str | None]:
    """TWILIO_AUTH_TOKEN and TWILIO_SIGNATURE_KEY, checked. Insecure: neither, whatever is set."""
    if insecure:
        return None, None
    for name, value in (("TWILIO_AUTH_TOKEN", auth_token), ("TWILIO_SIGNATURE_KEY", signature_key)):
        for secret in several(value):
            _check_secret(name, secret)
    if not several(auth_token) and not several(signature_key):
        raise ConfigError(
            "TWILIO_AUTH_TOKEN is not set, so nobody could tell Twilio from anybody else. Set it to your account's auth"
            " token (Twilio console, Account Info), or give --insecure to take calls from anyone, for a test"
        )
    return auth_token, signature_key


def public_address(public_url: str | None, insecure: bool, port: int) -> str:
    """PUBLIC_URL, checked. Insecure: this machine, unless it is set."""
    if public_url is None:
        if not insecure:
            raise ConfigError(
                "PUBLIC_URL is not set: the address at which Twilio reaches this server, such as https://calls.example.com"
            )
        public_url = f"http://localhost:{port}"
    parts = _split("PUBLIC_URL", public_url, SCHEMES)
    if parts.query or parts.fragment:
        raise ConfigError("PUBLIC_URL must have no query: Twilio does not connect a stream to an address with one")
    return public_url


def _check_secret(name: str, secret: str) -> None:
    if not (secret.isascii() and secret.isprintable() and " " not in secret):
        raise ConfigError(f"{name} has characters that no key has: was it copied with a line break?")


def _split(name: str, url: str, schemes: tuple[str, ...]) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises for a port that is none
    except ValueError:
        # Its own words quote what stands where a port should be, and that may be a password.
        raise ConfigError(f"{name} is not an address: its port is not a number, or a bracket is missing") from None
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
