"""The time of day. A log says it twice: when its call began, and when it was sealed. Nothing is decided by it.

A simulation puts a clock of its own into `NOW`, so that one seed makes the same bytes.
"""

from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime


def _real() -> datetime:
    return datetime.now(UTC)


NOW: ContextVar[Callable[[], datetime]] = ContextVar("NOW", default=_real)


def utc_now() -> str:
    """As an ISO time in UTC."""
    return NOW.get()().isoformat()
