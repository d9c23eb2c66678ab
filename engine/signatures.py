"""Whether a request is Twilio's: its `X-Twilio-Signature`, checked against the URL that Twilio was given.

Twilio signs the URL as it was given, whatever proxies stand between: so it is built from PUBLIC_URL, and no header of a
proxy is looked at. A webhook is signed over the https form with its query and its form fields; the upgrade to /media
over the WebSocket form, without any (https://www.twilio.com/docs/usage/webhooks/webhooks-security).

**Which key.** The account's auth token and SHA-1; or, when the header `X-Twilio-Webhooks-Signature-Settings` is there,
a SharedKey of the user's and the algorithm that the header names
(https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys). The two are never mixed: the header is not signed, so
it may choose among what is trusted, and nothing more.

**Which URL.** Twilio is not of one mind about a port that goes without saying, nor about the slash at the end of a
stream's URL. So a few spellings of the one URL are tried. The `twilio` package makes the signatures; its `validate` is
not used: it raises without a signature, takes :80 for the port of wss, cuts IPv6 addresses in two, and tells an unknown
algorithm to the `logging` of a program that has none.
"""

import hmac
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator, get_signature_algorithm

from engine.twiml import media_url, webhook_url

SIGNATURE = "X-Twilio-Signature"
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
ALGORITHMS = (HMAC_SHA1, HMAC_SHA256)
_DEFAULT_PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}


class Signed(NamedTuple):
    """What a request brings along: the two headers, None where there is none."""

    signature: str | None
    settings: str | None = None


class Form(dict[str, list[str]]):
    """Form fields, any of which may come twice, as the `twilio` package wants them."""

    def getlist(self, name: str) -> list[str]:
        return self[name]

    def first(self, name: str) -> str:
        """The field's first value, or nothing."""
        return self.get(name, [""])[0]


def form(body: bytes) -> Form:
    """The fields of a webhook's body. Bytes that are no UTF-8 become what nobody signed."""
    fields = Form()
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        fields.setdefault(name, []).append(value)
    return fields


class Signatures:
    """Checks them. Without a key of either kind (`--insecure`), everything passes."""

    def __init__(self, auth_tokens: Sequence[str], signature_keys: Sequence[str], public_url: str) -> None:
        self._auth_tokens = [RequestValidator(token) for token in auth_tokens]
        self._signature_keys = [RequestValidator(key) for key in signature_keys]
        self._webhook_url = webhook_url(public_url)
        self._media_url = media_url(public_url)

    def why_not_webhook(self, signed: Signed, query: str, fields: Form) -> str | None:
        """Why a POST to /twiml is not Twilio's, or None."""
        return self._why_not(signed, f"{self._webhook_url}?{query}" if query else self._webhook_url, fields)

    def why_not_upgrade(self, signed: Signed) -> str | None:
        """Why an upgrade to /media is not Twilio's, or None."""
        return self._why_not(signed, self._media_url, Form())

    def _why_not(self, signed: Signed, url: str, fields: Form) -> str | None:
        if not self._auth_tokens and not self._signature_keys:
            return None
        keys, setting, algorithm = self._auth_tokens, "TWILIO_AUTH_TOKEN", HMAC_SHA1
        if signed.settings:
            keys, setting, algorithm = self._signature_keys, "TWILIO_SIGNATURE_KEY", _algorithm(signed.settings)
        if algorithm not in ALGORITHMS:
            return f"{SETTINGS} names an algorithm that is not known here; it must be {' or '.join(ALGORITHMS)}"
        if not keys:
            which = "a SharedKey" if signed.settings else "the account's auth token"
            return f"the request is signed with {which}, and {setting} is not set"
        if signed.signature is None:
            return _must_be("is missing", setting, url)
        given = signed.signature.encode()
        fits = [
            hmac.compare_digest(key.compute_signature(spelling, fields, algorithm).encode(), given)
            for key, spelling in product(keys, _spellings(url))
        ]
        return None if any(fits) else _must_be("is not right", setting, url)


def _algorithm(settings: str) -> str:
    return str(get_signature_algorithm(settings)).upper()


def _must_be(found: str, setting: str, url: str) -> str:
    shown = url.partition("?")[0]  # whoever asks may have put anything behind it
    return f"{SIGNATURE} {found}: it must be made with {setting} over {shown} (from PUBLIC_URL)"


def _spellings(url: str) -> Iterator[str]:
    """The URL as it is, without its port, and with the port that goes without saying; each with and without a slash."""
    parts = urlsplit(url)
    if parts.port is None:
        other = f"{parts.netloc}:{_DEFAULT_PORTS[parts.scheme]}"
    else:
        other = parts.netloc.removesuffix(f":{parts.port}")
    for netloc, path in product((parts.netloc, other), (parts.path, parts.path + "/")):
        yield urlunsplit((parts.scheme, netloc, path, parts.query, ""))
