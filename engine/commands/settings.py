"""What `bridge serve` is told and `bridge doctor` checks: the settings of a server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from engine.bridge import WireLimits
from engine.commands.options import ADDRESSES, CALL_LIMITS, CALLS, KEYS, SOCKET_LIMITS, limits, setting
from engine.config import (
    LOG_SYNC_SECONDS,
    MODEL_URL,
    TURN_AWAY_WORDS,
    Config,
    call_settings,
    model_address,
    public_address,
    twilio_secrets,
    word_of,
)
from engine.core.settings import CallSettings, Limits
from engine.log.keys import keys_in_environment
from engine.tokens import SECONDS_MAX

Decorated = TypeVar("Decorated", bound=Callable[..., None])

_LIMITS = {
    "start_ms_max": "From a call's connection to Twilio's start message.",
    "frames_before_start_max": "Frames of a call before its start message.",
    "ready_ms_max": "From start, or the loss of the model, to a model that is ready to talk.",
    "frames_per_second_max": "Frames from Twilio, averaged over some seconds.",
    "model_losses_max": "Times that the model may be lost and dialled again.",
    "renew_ms": "From a model session to a new one, at the next pause. The vendor ends it after 60 minutes.",
    "renew_ms_max": "The same, whoever speaks.",
    "idle_ms_max": "Without any frame from Twilio.",
    "pending_audio_ms_max": "Caller audio that is kept while the model is not ready.",
    "align_ms_max": "From the end of a call to a log without the words of its last item.",
    "settle_ms": "From a clear to a truncate by estimate, if Twilio does not answer.",
}
_WIRE_LIMITS = {
    "caller_frame_bytes_max": "One message from Twilio.",
    "model_frame_bytes_max": "One message from the model.",
    "outbox_bytes_max": "Sent on one leg and not yet taken by its peer.",
    "model_silent_seconds_max": "Without anything from the model, not even the answer to a ping.",
}
_OPTIONS = (
    setting("PUBLIC_URL", ADDRESSES, metavar="URL", help="Where Twilio reaches this server. Signatures are over it."),
    setting("HOST", ADDRESSES, default="0.0.0.0", show_default=True, metavar="ADDRESS", help="Where to listen."),
    setting(
        "PORT",
        ADDRESSES,
        default=8080,
        show_default=True,
        type=click.IntRange(0, 65535),
        metavar="N",
        help="0: any free one.",
    ),
    setting(
        "OPENAI_REALTIME_URL",
        ADDRESSES,
        default=MODEL_URL,
        show_default=True,
        metavar="URL",
        help="Where the model is.",
    ),
    setting("OPENAI_API_KEY", KEYS, metavar="KEY", help="Needed for OpenAI itself; a simulator needs none."),
    setting(
        "TWILIO_AUTH_TOKEN",
        KEYS,
        metavar="TOKEN",
        help="Your account's: every request must be signed with it. Two, with a comma between, while you change it.",
    ),
    setting(
        "TWILIO_SIGNATURE_KEY",
        KEYS,
        metavar="KEY",
        help="The secret of a SharedKey, if your account signs with one. Or two, as above.",
    ),
    setting(
        "TOKEN_SECONDS_MAX",
        CALLS,
        default=SECONDS_MAX,
        show_default=True,
        type=click.IntRange(min=0),
        metavar="S",
        help="How long the one-time token that /twiml gives to a call admits it. 0: none is asked for.",
    ),
    setting(
        "AGENT", CALLS, type=Path, metavar="FILE", help="TOML: instructions, voice, greeting, vad, limits and the rest."
    ),
    setting("OPENAI_MODEL", CALLS, metavar="NAME", help=f"Goes before AGENT's.  [default: {CallSettings().model}]"),
    setting(
        "CALLS_DIR", CALLS, default="calls", show_default=True, type=Path, metavar="DIR", help="Where the logs go."
    ),
    setting(
        "RETAIN_DAYS",
        CALLS,
        type=click.IntRange(min=1),
        metavar="N",
        help="For how many days calls are kept; then logs and index forget them.  [default: for ever]",
    ),
    setting(
        "CALLS_MAX",
        CALLS,
        default=50,
        show_default=True,
        type=click.IntRange(min=1),
        metavar="N",
        help="Calls at once.",
    ),
    setting(
        "DRAIN_SECONDS",
        CALLS,
        default=300.0,
        show_default=True,
        type=click.FloatRange(min=0),
        metavar="S",
        help="How long running calls may go on after SIGTERM. A second SIGTERM hangs them up at once.",
    ),
    setting(
        "TURN_AWAY_WORDS",
        CALLS,
        default=TURN_AWAY_WORDS,
        show_default=True,
        metavar="TEXT",
        help="What Twilio says to a caller for whom there is no room.",
    ),
    setting(
        "LOG_SYNC_SECONDS",
        CALLS,
        default=LOG_SYNC_SECONDS,
        show_default=True,
        type=click.FloatRange(min=0),
        metavar="S",
        help="What a power cut may take of a call. 0: nothing, and each step of it waits for the disk.",
    ),
    limits(_LIMITS, Limits(), CALL_LIMITS),
    limits(_WIRE_LIMITS, WireLimits(), SOCKET_LIMITS),
    click.option("--insecure", is_flag=True, help="Take calls from anyone: nothing of Twilio's is checked."),
    click.option("--verbose", is_flag=True, help="Tracebacks on stderr."),
)


def server_settings(command: Decorated) -> Decorated:
    """Every setting of a server, as an option of `command`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def config_of(given: dict[str, Any]) -> Config:
    """What the options say together. Raises ConfigError, LogKeyError."""
    model_url, api_key = model_address(given["openai_realtime_url"], given["openai_api_key"])
    auth_token, signature_key = twilio_secrets(
        given["twilio_auth_token"], given["twilio_signature_key"], given["insecure"]
    )
    public_url = public_address(given["public_url"], given["insecure"], given["port"])
    wire_limits = {name: given[name] for name in _WIRE_LIMITS if given[name] is not None}
    settings = call_settings(given["agent"], given["openai_model"], {name: given[name] for name in _LIMITS})
    return Config(
        settings=settings,
        word=word_of(settings, given["agent"]),
        model_url=model_url,
        api_key=api_key,
        auth_token=auth_token,
        signature_key=signature_key,
        token_seconds_max=given["token_seconds_max"],
        public_url=public_url,
        host=given["host"],
        port=given["port"],
        calls_dir=given["calls_dir"],
        calls_max=given["calls_max"],
        drain_seconds=given["drain_seconds"],
        wire_limits=WireLimits(**wire_limits),
        log_sync_seconds=given["log_sync_seconds"],
        retain_days=given["retain_days"],
        turn_away_words=given["turn_away_words"],
        log_key=next(iter(keys_in_environment()), None),
        verbose=given["verbose"],
    )
