"""The running server, asked as Twilio would ask it: where it listens, and through PUBLIC_URL.

No call is made. A webhook is signed for a call that is none; an upgrade is signed, but asks for a version of WebSocket
that the server refuses, and only after it has looked at the signature.
"""

import time
from collections.abc import Iterator
from urllib.parse import urlencode

import msgspec
from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator

from engine.config import Config
from engine.doctor.asking import Reply, UnreachableError, ask
from engine.doctor.findings import Finding, bad, ok, warn
from engine.hiding import shown
from engine.signatures import SETTINGS, SIGNATURE
from engine.twiml import MEDIA_PATH, WEBHOOK_PATH, media_url, webhook_url

CALL_SID = "CA" + "0" * 32
"""Of no call."""
CLOCK_SECONDS_MAX = 10.0
"""Between this clock and another's. Worse, logs are misdated, and a token that one worker of a fleet gave out expires
too soon at another."""
_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version": "8",
}
_SHOWN_CHARS_MAX = 250
"""Of an answer that is not ours."""
_VERSION_REFUSED = "only WebSocket version 13"


class _Health(msgspec.Struct):
    status: str
    calls_max: int
    log: str


def check_server(config: Config) -> list[Finding]:
    """Where it listens, then as the public finds it. Behind the second stands what is set up wrong most often."""
    if config.port == 0:
        here = [warn("server", "PORT is 0, so nobody knows where it listens", "Set PORT")]
    else:
        here = list(_findings("server", _local_url(config), config))
    there = list(_findings("public url", webhook_url(config.public_url).removesuffix(WEBHOOK_PATH), config))
    return here + there


def _local_url(config: Config) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)
    return f"http://[{host}]:{config.port}" if ":" in host else f"http://{host}:{config.port}"


def _findings(check: str, url: str, config: Config) -> Iterator[Finding]:
    try:
        health = ask("GET", f"{url}/healthz")
        yield _health(check, url, health)
        if health.date is not None:
            yield clock(url, health.date, time.time())
        if not _is_ours(health):
            return
        yield from _webhook(check, url, config)
        yield from _upgrade(check, url, config)
    except UnreachableError as error:
        if check == "server":
            yield warn(check, f"nobody at {url}: {error}", "Start `bridge serve` and ask again")
        else:
            yield bad(
                check,
                f"{url} cannot be reached from here: {error}",
                "Twilio would not reach it either, unless this machine alone is kept from it",
            )


def _is_ours(health: Reply) -> bool:
    try:
        msgspec.json.decode(health.text, type=_Health)
    except (msgspec.MsgspecError, UnicodeError):
        return False
    return True


def _health(check: str, url: str, health: Reply) -> Finding:
    if not _is_ours(health):
        return bad(
            check,
            f"{url}/healthz answers with status {health.status}, and not as a bridge does",
            "Let the proxy pass /twiml, /media and /healthz to the bridge, with their paths",
        )
    told = msgspec.json.decode(health.text, type=_Health)
    if told.status == "ok":
        return ok(check, f"{url} answers, and is well")
    return warn(check, f"{url} answers: {told.status}; log: {told.log}", "It takes no new calls in this state")


def clock(url: str, date: float, now: float) -> Finding:
    """What another's clock says of ours. Its answer is at most as old as we waited for it."""
    off_seconds = now - date
    if abs(off_seconds) <= CLOCK_SECONDS_MAX:
        return ok("clock", f"agrees with that of {url}")
    way = "ahead of" if off_seconds > 0 else "behind"
    return bad("clock", f"this clock is {abs(off_seconds):.0f} s {way} that of {url}", "Set it (NTP)")


def _webhook(check: str, url: str, config: Config) -> Iterator[Finding]:
    fields = {"CallSid": CALL_SID, "From": "+15550100"}
    body = urlencode(fields).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    wrong = ask("POST", url + WEBHOOK_PATH, form | {SIGNATURE: "wrong"}, body)
    if config.twilio_secrets and wrong.status != 403:
        fix = "Restart `bridge serve` without --insecure, or let nothing but the bridge answer there"
        yield bad(check, f"a webhook with a wrong signature is answered with {wrong.status}", fix)
    signed = _signed(config, webhook_url(config.public_url), fields)
    right = ask("POST", url + WEBHOOK_PATH, form | signed, body)
    where = f"a webhook signed for {webhook_url(config.public_url)}"
    if right.status != 200:
        yield bad(check, f"{where} is answered with {right.status}: {_first_line(right)}", _fix_of(right))
    elif media_url(config.public_url) in right.text:
        yield ok(check, f"{where} connects the call")
    elif "<Stream" in right.text:
        fix = "Restart `bridge serve` with the PUBLIC_URL of here"
        yield bad(check, f"{where} is told to connect the call somewhere else", fix)
    else:
        yield warn(check, f"{where} is turned away", "See /healthz and stderr of the server for why")


def _upgrade(check: str, url: str, config: Config) -> Iterator[Finding]:
    reply = ask("GET", url + MEDIA_PATH, _UPGRADE | _signed(config, media_url(config.public_url), {}))
    where = f"an upgrade signed for {media_url(config.public_url)}"
    if reply.status == 426 and reply.text.startswith(_VERSION_REFUSED):
        yield ok(check, f"{where} gets through")
    elif reply.status == 426:
        fix = "Let the proxy pass the Upgrade and Connection headers of /media"
        yield bad(check, f"{where} arrives as no upgrade", fix)
    else:
        yield bad(check, f"{where} is answered with {reply.status}: {_first_line(reply)}", _fix_of(reply))


def _signed(config: Config, url: str, fields: dict[str, str]) -> dict[str, str]:
    """As Twilio signs: with the auth token, or with a SharedKey where there is no other."""
    if config.auth_tokens:
        return {SIGNATURE: RequestValidator(config.auth_tokens[0]).compute_signature(url, fields, HMAC_SHA1)}
    if config.signature_keys:
        signature = RequestValidator(config.signature_keys[0]).compute_signature(url, fields, HMAC_SHA256)
        return {SIGNATURE: signature, SETTINGS: f"key=doctor,algorithm={HMAC_SHA256}"}
    return {}


def _fix_of(reply: Reply) -> str:
    if reply.status == 403:
        return "Start `bridge serve` with the same keys and PUBLIC_URL as `bridge doctor`"
    return "Look at the proxy's own log" if reply.status >= 500 else "See whether the proxy changes the request"


def _first_line(reply: Reply) -> str:
    return shown(" ".join(reply.text.split()))[:_SHOWN_CHARS_MAX] or "nothing"
