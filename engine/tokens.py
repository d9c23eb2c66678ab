"""The one-time token that ties a `start` to the webhook that let it in.

What Twilio signs of an upgrade is the address of /media alone. So every upgrade has the same signature, for ever, and
who has seen one could use it again. Therefore /twiml gives each call a token in a `<Parameter>`, Twilio gives it back
in `start`, and it admits that one call, once, for a short while.

    token = expires.nonce.mac
    mac   = HMAC-SHA256(key, "expires.nonce.callSid")       key = HMAC-SHA256(auth token, "playhead media token 1")

`expires` is in Unix seconds, the nonce is chance, the MAC is 64 hexadecimal digits. Nothing is kept of a token that was
issued: any process that knows the auth token can check it, so a call may reach another worker than its webhook did.
What was spent is known to one process only. Within a fleet a token could be used once at each worker, until it expires;
each time it would need Twilio's signature, and be the same call.
"""

import hmac
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from heapq import heappop, heappush
from secrets import token_hex

PARAMETER = "playhead_token"
"""The name of the `<Parameter>`, and so the key in `start.customParameters`."""
SECONDS_MAX = 60
"""From /twiml to `start`, if nothing else is set. Twilio connects at once, but a webhook of somebody else's may say a
few words first, and the clocks of a fleet differ."""
NONCE_BYTES = 8
"""It only has to tell apart two tokens of one call in one second."""
_PURPOSE = b"playhead media token 1"


class Tokens:
    """Issues tokens with the first of `secrets` and admits those of any of them, so that a secret can be changed while
    calls come in. `now` gives Unix seconds."""

    def __init__(
        self,
        secrets: Sequence[str],
        seconds_max: int = SECONDS_MAX,
        now: Callable[[], float] = time.time,
        nonce: Callable[[], str] = lambda: token_hex(NONCE_BYTES),
    ) -> None:
        self._keys = [hmac.digest(secret.encode(), _PURPOSE, sha256) for secret in secrets]
        self._seconds_max = seconds_max
        self._now = now
        self._nonce = nonce
        self._spent: set[str] = set()
        self._spent_by_expiry: list[tuple[int, str]] = []

    def issue(self, call_sid: str) -> str:
        """A token for this call, good for one `start`."""
        told = f"{int(self._now()) + self._seconds_max}.{self._nonce()}"
        return f"{told}.{_mac(self._keys[0], told, call_sid)}"

    def admit(self, call_sid: str, token: str) -> str | None:
        """Spend the token of a call that starts. Why it is refused, or None."""
        if not token:
            return f"start has no parameter {PARAMETER}, which /twiml gives to each call"
        told, _, mac = token.rpartition(".")
        # All keys are tried, whichever fits: how long it takes tells nothing.
        fits = [hmac.compare_digest(_mac(key, told, call_sid).encode(), _bytes(mac)) for key in self._keys]
        if not any(fits) or told.count(".") != 1:  # more dots: the SID began earlier when it was issued
            return f"{PARAMETER} was not issued for this call"
        expires, now = int(told.partition(".")[0]), self._now()
        self._forget(now)
        if expires <= now:
            return f"{PARAMETER} expired {now - expires:.0f} s ago"
        if token in self._spent:
            return f"{PARAMETER} was used before"
        self._spent.add(token)
        heappush(self._spent_by_expiry, (expires, token))
        return None

    def _forget(self, now: float) -> None:
        """What has expired is refused for that, and need not be remembered."""
        while self._spent_by_expiry and self._spent_by_expiry[0][0] <= now:
            self._spent.remove(heappop(self._spent_by_expiry)[1])


def _mac(key: bytes, told: str, call_sid: str) -> str:
    return hmac.new(key, _bytes(f"{told}.{call_sid}"), sha256).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # what comes in JSON need not be text that UTF-8 can hold
