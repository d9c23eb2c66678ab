"""Who gets in: requests that Twilio signed, and of those that connect, each that was let in by /twiml, once.

What is refused here says why, to who asked and on stderr, because whoever sets up a bridge meets this first. It names
the URL that must be signed, never a signature that would have been right, and never a token.
"""

from engine.config import Config
from engine.health import Health
from engine.signatures import SETTINGS, SIGNATURE, Form, Signatures, Signed, form
from engine.tokens import PARAMETER, Tokens
from engine.twiml import connect_call
from engine.web import Refused, Request

_FORM = "application/x-www-form-urlencoded"
_SHOWN_CHARS_MAX = 80
"""Of a call SID that anybody may have made up."""


class Admission:
    """Without any key of Twilio's (`--insecure`), everybody is let in, and no tokens are given out or asked for."""

    def __init__(self, config: Config, health: Health, tokens: Tokens | None = None) -> None:
        """`tokens` where chance and clock are not the machine's."""
        self._signatures = Signatures(config.auth_tokens, config.signature_keys, config.public_url)
        self._public_url = config.public_url
        self._health = health
        self._tokens: Tokens | None = None
        if config.twilio_secrets and config.token_seconds_max:
            self._tokens = tokens or Tokens(config.twilio_secrets, config.token_seconds_max)

    def check_webhook(self, request: Request) -> Form:
        """The fields of a POST to /twiml. Raises Refused if it is not Twilio's."""
        content_type = request.headers.get("content-type", _FORM)
        if content_type.partition(";")[0].strip().lower() != _FORM:
            raise Refused(415, f"a voice webhook is a form: Content-Type must be {_FORM}")
        fields = form(request.body)
        _refuse_if(self._signatures.why_not_webhook(_signed(request), request.query, fields))
        return fields

    def check_upgrade(self, request: Request) -> None:
        """Raises Refused for an upgrade to /media that is not Twilio's, or that wsproto could not answer."""
        _refuse_if(self._signatures.why_not_upgrade(_signed(request)))
        if "sec-websocket-key" not in request.headers or request.headers.get("sec-websocket-version") != "13":
            raise Refused(426, "only WebSocket version 13 is spoken here", (("Sec-WebSocket-Version", "13"),))
        for name, value in request.headers.items():
            # wsproto takes it for granted that it can decode these.
            try:
                if name == "host":
                    value.encode("latin-1").decode("idna")
                elif name == "connection" or name.startswith("sec-websocket-"):
                    value.encode("ascii")
            except UnicodeError:
                raise Refused(400, f"the {name} header cannot be read") from None

    def connect(self, fields: Form) -> str:
        """TwiML that connects the call of a webhook to us. Raises Refused for a webhook of no call."""
        if self._tokens is None:
            return connect_call(self._public_url, {})
        call_sid = fields.first("CallSid")
        if not call_sid:
            raise Refused(400, "the webhook names no CallSid: is it that of a phone number's voice calls?")
        return connect_call(self._public_url, {PARAMETER: self._tokens.issue(call_sid)})

    def why_not(self, call_sid: str, token: str) -> str | None:
        """Why a `start` of this call with this token is refused, or None. Where no tokens are given out, none is."""
        why_not = self._tokens.admit(call_sid, token) if self._tokens is not None else None
        if why_not is not None:
            self._health.refusals.add("call.refused", "token", call=call_sid[:_SHOWN_CHARS_MAX], why=why_not)
        return why_not


def _signed(request: Request) -> Signed:
    return Signed(request.headers.get(SIGNATURE.lower()), request.headers.get(SETTINGS.lower()))


def _refuse_if(why_not: str | None) -> None:
    if why_not is not None:
        raise Refused(403, why_not)
