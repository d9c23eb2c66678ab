"""Which calls a person wants to see listed, and how that is said: times as one says them, and lengths.

A time without a zone is UTC, as are all times that `replay` prints. A date alone is the whole day: calls since its
beginning, or until its end.
"""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from replay.searching import Search

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d+)([smhdw])(?: ago)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d?\d:\d\d(:\d\d)?")
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_CLOCK = re.compile(r"(\d+):(\d\d(?:\.\d+)?)")


class Wanted(msgspec.Struct, frozen=True):
    """All of it must be so of a call. Of `ended`, one; none is any."""

    since: datetime | None = None
    until: datetime | None = None
    ended: tuple[str, ...] = ()
    verdict: str | None = None
    interrupted: bool = False
    faults: bool = False
    longer_ms: int | None = None
    shorter_ms: int | None = None
    search: Search | None = None
    limit: int | None = None
    """No more calls than this, the newest."""

    def is_time(self, started_at: datetime | None) -> bool:
        """Whether a call that began then can be wanted. None: it cannot be read when."""
        if started_at is None:
            return self.since is None and self.until is None
        return (self.since is None or started_at >= self.since) and (self.until is None or started_at <= self.until)

    def is_length(self, duration_ms: int | None) -> bool:
        """The same of a length."""
        if duration_ms is None:
            return self.longer_ms is None and self.shorter_ms is None
        is_long = self.longer_ms is None or duration_ms > self.longer_ms
        return is_long and (self.shorter_ms is None or duration_ms < self.shorter_ms)


def now() -> datetime:
    """What `2h` ago and a time without a date count from."""
    return datetime.now(UTC)


def moment(text: str, *, is_end: bool = False) -> datetime:
    """A time from what a person wrote; `is_end`: a date is its end. Raises ValueError that says what would be one."""
    try:
        if ago := _AGO.fullmatch(text):
            return now() - timedelta(seconds=int(ago[1]) * UNITS[ago[2]])
        if _TIME.fullmatch(text):
            text = f"{now():%Y-%m-%d}T{text.zfill(len(text) + (text[1] == ':'))}"
        made = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time. Times are 2026-11-20, 2026-11-20T14:02, 14:02 (today), 90m, 2d (ago); in UTC"
        ) from None
    if is_end and _DATE.fullmatch(text):
        made += timedelta(days=1, microseconds=-1)
    return made if made.tzinfo is not None else made.replace(tzinfo=UTC)


def began(started_at: str | None) -> datetime | None:
    """When a call began, as its log has it; None where that is no time."""
    try:
        made = datetime.fromisoformat(started_at or "")
    except ValueError:
        return None
    return made if made.tzinfo is not None else made.replace(tzinfo=UTC)


def length_ms(text: str) -> int:
    """A length from what a person wrote. Raises ValueError that says what would be one."""
    if found := _CLOCK.fullmatch(text):
        return round((int(found[1]) * 60 + float(found[2])) * 1000)
    if found := _LENGTH.fullmatch(text):
        return round(float(found[1]) * UNITS[found[2] or "s"] * 1000)
    raise ValueError(f"{text!r} is no length. Lengths are 90s, 1:30, 2m, 1500ms")
