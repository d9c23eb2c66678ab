"""Calls whose model leg is lost: what the tests of that have in common."""

from tests import build
from tests.build import MS, Harness

SAID = "Two loaves, please."


def lose(harness: Harness, code: int | None = None) -> None:
    """The model's socket breaks off."""
    harness.engine(build.leg_closed("model", code, ""))


def come_back(harness: Harness) -> list[str]:
    """The dial succeeds; what the new session is told."""
    harness.engine(build.leg_opened("model"))
    harness.model(build.session_created())
    harness.take()
    harness.model(build.session_updated())
    return harness.take()


def caller_said(harness: Harness, text: str | None = SAID, item: str = "item_u1", at_ms: int = 100) -> None:
    """A turn of the caller's, half a second long, transcribed if `text` is given."""
    harness.model(build.speech_started(at_ms, item))
    harness.run(harness.at_ns / MS + 1_000)
    harness.model(build.speech_stopped(at_ms + 1_000, item), build.item_added(item, None, "user"))
    if text is not None:
        harness.model(build.caller_words(text, item))


def assistant_says(harness: Harness, ms: float, text: str = "Good morning.", number: int = 1) -> None:
    """A whole reply, generated at once."""
    item, response = f"item_{number}", f"resp_{number}"
    harness.model(*build.reply_begun(ms, item, response), build.item_words(text, item, response, final=True))
    harness.model(*build.reply_done(item, response))
