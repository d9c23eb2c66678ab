"""What Twilio is told, and how we know that it is Twilio who asks.

Twilio signs the URL it was given, as it was given, whatever proxies stand between: so both URLs are built from
PUBLIC_URL, not from the request. A webhook is signed over the https form with its form fields; the upgrade to /media
over the WebSocket form, without any (https://www.twilio.com/docs/usage/security#validating-requests).
"""

from urllib.parse import parse_qsl, urlsplit, urlunsplit
from xml.sax.saxutils import quoteattr

from twilio.request_validator import RequestValidator

WEBHOOK_PATH = "/twiml"
MEDIA_PATH = "/media"
_WEBSOCKET = {"https": "wss", "http": "ws", "wss": "wss", "ws": "ws"}
_HTTP = {"https": "https", "http": "http", "wss": "https", "ws": "http"}
SCHEMES = tuple(_WEBSOCKET)


def webhook_url(public_url: str) -> str:
    """Where Twilio is to ask what to do with a call."""
    return _under(public_url, _HTTP, WEBHOOK_PATH)


def media_url(public_url: str) -> str:
    """Where Twilio is to connect the call's audio."""
    return _under(public_url, _WEBSOCKET, MEDIA_PATH)


def connect_call(public_url: str) -> str:
    """TwiML: connect the call to us, both ways, until the socket closes."""
    return _document(f"<Connect><Stream url={quoteattr(media_url(public_url))}/></Connect>")


def turn_away() -> str:
    """TwiML: no room for this call. The caller hears a busy tone, and it costs nobody anything."""
    return _document('<Reject reason="busy"/>')


class Signatures:
    """Checks `X-Twilio-Signature`. Without a token (`--insecure`) everything passes."""

    def __init__(self, auth_token: str | None, public_url: str) -> None:
        self._validator = RequestValidator(auth_token) if auth_token else None
        self.webhook_url = webhook_url(public_url)
        self.media_url = media_url(public_url)

    def webhook(self, body: bytes, signature: str | None) -> bool:
        """Whether a POST to /twiml is Twilio's."""
        fields = _Form()
        for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
            fields.setdefault(name, []).append(value)
        return self._is_signed(self.webhook_url, fields, signature)

    def media(self, signature: str | None) -> bool:
        """Whether an upgrade to /media is Twilio's, which may have put a slash behind the path."""
        return any(self._is_signed(url, _Form(), signature) for url in (self.media_url, self.media_url + "/"))

    def _is_signed(self, url: str, fields: "_Form", signature: str | None) -> bool:
        if self._validator is None:
            return True
        return signature is not None and bool(self._validator.validate(url, fields, signature))


class _Form(dict[str, list[str]]):
    """Form fields, any of which may come twice, as the validator wants them."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def _under(public_url: str, schemes: dict[str, str], path: str) -> str:
    parts = urlsplit(public_url)
    return urlunsplit((schemes[parts.scheme], parts.netloc, parts.path.rstrip("/") + path, "", ""))


def _document(verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'
