"""What can be said of the settings alone: whether they are there, and look like what they should be.

A setting that `bridge serve` would refuse is refused by the same functions and in the same words; here all of them at
once. Of a key only its form is looked at, and no part of it is ever said.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from engine.config import (
    OPENAI_HOST,
    ConfigError,
    call_settings,
    model_address,
    public_address,
    several,
    twilio_secrets,
    word_of,
)
from engine.doctor.findings import Finding, bad, ok, warn
from engine.log.errors import LogError
from engine.log.keys import keys_in_environment
from engine.twiml import media_url, webhook_url

_AUTH_TOKEN = re.compile(r"[0-9a-f]{32}")
_SID = re.compile(r"(AC|SK)[0-9a-f]{32}")


def check_settings(given: Mapping[str, Any]) -> list[Finding]:
    """Of the options as they were given. The first finding of each kind is what stops `bridge serve`."""
    checks: list[tuple[str, Callable[[Mapping[str, Any]], Iterator[Finding]]]] = [
        ("model key", _model_key),
        ("twilio keys", _twilio_keys),
        ("public url", _public_url),
        ("agent", _agent),
        ("log key", _log_key),
    ]
    findings: list[Finding] = []
    for name, check in checks:
        try:
            findings += check(given)
        except (ConfigError, LogError) as error:
            findings.append(bad(name, str(error), ""))
    return findings


def _model_key(given: Mapping[str, Any]) -> Iterator[Finding]:
    url, key = model_address(given["openai_realtime_url"], given["openai_api_key"])
    host = urlsplit(url).hostname
    if key is None:
        yield ok("model key", f"none, and {host} may need none")
    elif host == OPENAI_HOST and not key.startswith("sk-"):
        yield warn("model key", "OPENAI_API_KEY does not look like one of OpenAI's", "They begin with sk-")
    else:
        yield ok("model key", "OPENAI_API_KEY is set")
    if host != OPENAI_HOST and url.startswith("ws:") and not _is_local(host or ""):
        yield warn("model key", f"the key and the call go to {host} in the clear", "Use wss in OPENAI_REALTIME_URL")


def _twilio_keys(given: Mapping[str, Any]) -> Iterator[Finding]:
    tokens, keys = twilio_secrets(given["twilio_auth_token"], given["twilio_signature_key"], given["insecure"])
    if given["insecure"]:
        yield warn("twilio keys", "--insecure: anyone who reaches the server can call", "For tests alone")
        return
    for token in several(tokens):
        if _SID.fullmatch(token):
            what = "the account's SID" if token.startswith("AC") else "an API key's SID"
            yield bad("twilio keys", f"TWILIO_AUTH_TOKEN is {what}", "Set it to the auth token (console, Account Info)")
        elif not _AUTH_TOKEN.fullmatch(token):
            yield warn(
                "twilio keys",
                "TWILIO_AUTH_TOKEN does not look like an auth token, which has 32 hexadecimal digits",
                "The secret of an API key signs nothing; take the account's auth token (console, Account Info)",
            )
        else:
            yield ok("twilio keys", "TWILIO_AUTH_TOKEN is set")
    if keys is not None:
        yield ok("twilio keys", "TWILIO_SIGNATURE_KEY is set")
    if given["token_seconds_max"] == 0:
        yield warn(
            "call tokens",
            "TOKEN_SECONDS_MAX is 0: whoever has seen the signature of one upgrade can call",
            "If your own webhook answers Twilio, let it <Redirect> to /twiml, which gives a token",
        )


def _public_url(given: Mapping[str, Any]) -> Iterator[Finding]:
    url = public_address(given["public_url"], given["insecure"], given["port"])
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_local(host):
        fix = "Set it to an address of the internet; for a test, a tunnel's (ngrok, cloudflared)"
        yield (warn if given["insecure"] else bad)("public url", f"PUBLIC_URL is {url}, where Twilio never comes", fix)
    elif not media_url(url).startswith("wss:"):
        fix = "Put TLS in front of the server and begin PUBLIC_URL with https"
        yield bad("public url", f"PUBLIC_URL is {url}: Twilio connects calls over wss alone", fix)
    else:
        yield ok("public url", f"Twilio's webhook is POST {webhook_url(url)}")


def _agent(given: Mapping[str, Any]) -> Iterator[Finding]:
    settings = call_settings(given["agent"], given["openai_model"], {})
    word_of(settings, given["agent"])
    source = "no AGENT file, the defaults" if given["agent"] is None else f"AGENT file {given['agent']}"
    yield ok("agent", f"{source}: model {settings.model}, voice {settings.voice}")
    if not settings.instructions:
        yield warn("agent", "there are no instructions: the model says what it likes", "Set instructions in AGENT")


def _log_key(given: Mapping[str, Any]) -> Iterator[Finding]:
    keys = keys_in_environment()
    if keys:
        yield ok("log key", f"LOG_KEY is set, new logs are encrypted with key {keys[0].key_id}")
    else:
        yield ok("log key", "LOG_KEY is not set, logs are in the clear")


def _is_local(host: str) -> bool:
    """Whether a host is this machine or on a private network, as far as its name says."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host
