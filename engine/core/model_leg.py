"""The model leg over the whole call: dialled, lost, dialled again.

A session of the model cannot be resumed: a new WebSocket is a new, empty session. So a leg that is lost is dialled
again, at once and then at growing intervals, until a session is ready or `ready_ms_max` is over; what the new session
is to be told is `restoring`'s part. Time without the model is an `Absence`.

It is lost when its socket closes, when a dial fails, when it takes too little of what it is sent, when its session
expires; and we give it up ourselves before the vendor's limit on a session, in a moment in which nobody speaks. What
will not get better by dialling again ends the call: a key, a quota, a model that does not exist.

While the model is away the caller is told so, once, when nothing is playing any more.
"""

import msgspec

from engine.core.commands import CloseLeg, Command, DialModel, LoadWord
from engine.core.events import LegClosed, LegFailed
from engine.core.machines import SOCKET, Socket, SocketFact, after
from engine.core.settings import RULES_REDIALLING, CallSettings

MS = 1_000_000
CLOSE_NORMAL = 1000
REDIAL_MS = (0, 250, 500, 1_000, 2_000)
"""From the loss, or from a failed dial, to the next dial. A dropped connection is back at once; a server that restarts
is asked every other second."""
LOOK_AGAIN_MS = 200
"""Between two looks whether nobody speaks any more: a pause between two words is shorter than two of them."""
EXPIRED = "session_expired"
"""The error with which the vendor ends a session; a close follows
(https://platform.openai.com/docs/guides/realtime-conversations)."""
FATAL_CODES = frozenset(
    {"invalid_api_key", "insufficient_quota", "account_deactivated", "billing_hard_limit_reached", "model_not_found"}
)
"""Errors after which the model will never speak."""
PASSING_STATUSES = frozenset({408, 425, 429})
"""Answers to a handshake, of those below 500, that another time may be others. The rest will be what they are."""
FATAL_CLOSES = frozenset({3000, 4000})
"""The same, as close codes: the key is not right, and the API is spoken in a way that is no longer understood."""


class Absence(msgspec.Struct):
    """A time without the model, from entry `seq` on; dates in stream samples. `dials` failed, or led to the session
    that is back."""

    seq: int
    lost_at: int
    reason: str
    back_at: int | None = None
    dials: int = 0
    restored: int = 0
    """Items that the new session was told of."""


def is_fatal(event: LegClosed | LegFailed) -> bool:
    """Whether a leg that ended like this would end like this again."""
    if isinstance(event, LegClosed):
        return event.code in FATAL_CLOSES
    is_lasting = event.status is not None and 300 <= event.status < 500 and event.status not in PASSING_STATUSES
    return is_lasting or event.code in FATAL_CODES


class ModelLeg:
    """The socket's state, and the times at which something is due. All `*_ns` are on the call's clock."""

    def __init__(self, settings: CallSettings) -> None:
        self.socket = Socket.ABSENT
        self.is_redialled = settings.rules >= RULES_REDIALLING
        self.absences: list[Absence] = []
        self.why_away = ""
        """What was last said of why it is not there."""
        self.losses = 0
        """Times that it was lost after it was ready."""
        self._settings = settings
        self._ready_by_ns: int | None = None
        self._redial_at_ns: int | None = None
        self._word_at_ns: int | None = None
        self._renew_at_ns: int | None = None
        self._renew_by_ns = 0
        self._failures = 0

    @property
    def absence(self) -> Absence | None:
        """The absence that lasts."""
        return self.absences[-1] if self.absences and self.absences[-1].back_at is None else None

    def dial(self, at_ns: int) -> list[Command]:
        """Dial it. The first time also starts the clock of `ready_ms_max`."""
        self._fact(SocketFact.DIALLED)
        self._redial_at_ns = None
        if self._ready_by_ns is None:
            self._ready_by_ns = at_ns + self._settings.limits.ready_ms_max * MS
        if self.absence is not None:
            self.absence.dials += 1
        return [DialModel(self._settings.model)]

    def opened(self, at_ns: int) -> None:
        """Its socket is open, so its session begins."""
        self._fact(SocketFact.OPENED)
        if self.is_redialled:
            limits = self._settings.limits
            self._renew_at_ns, self._renew_by_ns = at_ns + limits.renew_ms * MS, at_ns + limits.renew_ms_max * MS

    def ready(self, now: int) -> None:
        """Its session is as we want it."""
        self._ready_by_ns = self._word_at_ns = None
        self._failures, self.why_away = 0, ""
        if self.absence is not None:
            self.absence.back_at = now

    def gone(self) -> None:
        """It has no socket any more."""
        self._fact(SocketFact.GONE)
        self._renew_at_ns = None

    def close(self, reason: str) -> list[Command]:
        """Close its socket, or give up a dial, if there is one."""
        if self.socket not in (Socket.DIALLING, Socket.OPEN):
            return []
        self._fact(SocketFact.CLOSE_ASKED)
        self._renew_at_ns = None
        return [CloseLeg("model", CLOSE_NORMAL, reason)]

    def lost(self, seq: int, at_ns: int, now: int, reason: str, *, was_ready: bool) -> None:
        """It is gone, or is being closed, while the call goes on; entry `seq` says so."""
        self.losses += was_ready
        self.why_away = reason
        if self.absence is None:
            away, limits = self._settings.away, self._settings.limits
            self.absences.append(Absence(seq, now, reason))
            self._ready_by_ns = self._ready_by_ns or at_ns + limits.ready_ms_max * MS
            self._word_at_ns = at_ns + away.after_ms * MS if away.words else None

    def redial(self, at_ns: int) -> list[Command]:
        """Dial it again, at once if this is the first time since it was there, or else when it is due."""
        wait_ms = REDIAL_MS[min(self._failures, len(REDIAL_MS) - 1)]
        self._failures += 1
        if not wait_ms:
            return self.dial(at_ns)
        self._redial_at_ns = at_ns + wait_ms * MS
        return []

    def is_late(self, at_ns: int) -> bool:
        """Whether it took too long to be ready."""
        return self._ready_by_ns is not None and at_ns >= self._ready_by_ns

    def is_old(self, at_ns: int, *, is_quiet: bool) -> bool:
        """Whether its session should end now, before the vendor ends it. Asked again soon, if somebody speaks."""
        if self._renew_at_ns is None or at_ns < self._renew_at_ns:
            return False
        self._renew_at_ns = at_ns + LOOK_AGAIN_MS * MS
        return is_quiet or at_ns >= self._renew_by_ns

    def due(self, at_ns: int, *, is_silent: bool) -> list[Command]:
        """What is to be done by now: dial again, tell the caller (who hears something else until `is_silent`)."""
        commands: list[Command] = []
        if self._redial_at_ns is not None and at_ns >= self._redial_at_ns:
            commands += self.dial(at_ns)
        if self._word_at_ns is not None and at_ns >= self._word_at_ns:
            self._word_at_ns = None if is_silent else at_ns + LOOK_AGAIN_MS * MS
            commands += [LoadWord()] if is_silent else []
        return commands

    @property
    def deadline_ns(self) -> int | None:
        """When `is_late`, `is_old` and `due` should be asked next."""
        times = (self._ready_by_ns, self._redial_at_ns, self._word_at_ns, self._renew_at_ns)
        return min((each for each in times if each is not None), default=None)

    def _fact(self, fact: SocketFact) -> None:
        self.socket = after(SOCKET, self.socket, fact)
