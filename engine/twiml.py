"""What Twilio is told at a webhook, and the addresses under PUBLIC_URL at which it finds us."""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit
from xml.sax.saxutils import escape, quoteattr

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


def prefix(public_url: str) -> str:
    """The path under which PUBLIC_URL has us, without a slash at its end. A proxy may strip it, or leave it."""
    return urlsplit(public_url).path.rstrip("/")


def connect_call(public_url: str, parameters: Mapping[str, str]) -> str:
    """TwiML: connect the call to us, both ways, until the socket closes. `parameters` come back in `start`."""
    inner = "".join(
        f"<Parameter name={quoteattr(name)} value={quoteattr(value)}/>" for name, value in parameters.items()
    )
    stream = f"<Stream url={quoteattr(media_url(public_url))}"
    return _document(f"<Connect>{stream}>{inner}</Stream></Connect>" if inner else f"<Connect>{stream}/></Connect>")


def turn_away(words: str) -> str:
    """TwiML: no room for this call. The caller is told so, in the voice that Twilio uses by itself."""
    return _document(f"<Say>{escape(words)}</Say><Hangup/>")


def _under(public_url: str, schemes: dict[str, str], path: str) -> str:
    parts = urlsplit(public_url)
    return urlunsplit((schemes[parts.scheme], parts.netloc, parts.path.rstrip("/") + path, "", ""))


def _document(verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'
