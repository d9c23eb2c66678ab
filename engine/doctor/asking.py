"""HTTP as a doctor needs it: one request, one answer, and in words why there was none."""

import http.client
import socket
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import urlsplit

SECONDS_MAX = 10.0
"""Twilio waits for 15 s; whoever needs 10 keeps callers waiting."""
_BODY_BYTES_MAX = 64 * 1024


class UnreachableError(Exception):
    """Nobody answered, or not in HTTP. Says why in a few words."""


class Reply(NamedTuple):
    """`date` in Unix seconds, if the answer says when it was made."""

    status: int
    text: str
    date: float | None


def ask(method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Reply:
    """Ask `url` (http or https), whose certificate must be good. Follows nothing. Raises UnreachableError."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname, parts.port, timeout=SECONDS_MAX)
    try:
        connection.request(method, parts.path or "/", body, {"Connection": "close", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read(_BODY_BYTES_MAX).decode("utf-8", "replace")
        return Reply(answer.status, text, unix_seconds(answer.getheader("Date")))
    except ssl.SSLCertVerificationError as error:
        raise UnreachableError(f"its certificate is not good: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise UnreachableError(f"no TLS there: {error.reason or error}") from error
    except socket.gaierror as error:
        raise UnreachableError(f"no address for {parts.hostname}: {error.strerror}") from error
    except TimeoutError as error:
        raise UnreachableError(f"no answer within {SECONDS_MAX:g} s") from error
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise UnreachableError(getattr(error, "strerror", None) or type(error).__name__) from error
    finally:
        connection.close()


def unix_seconds(date: str | None) -> float | None:
    """What a Date header says."""
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
