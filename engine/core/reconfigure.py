"""Other settings for a call that is under way. No live call does this: it is for asking what would have been.

Every part of a call was handed its settings when the call began and keeps them to itself; this is the one place that
reaches in. What was begun under the old settings ends under them: a deadline that is running stays where it is, and so
does the answer of a model that was configured before. What is next decided, is decided under the new ones.

A model that has a session is told at once, as it was told the first time, if there is something else to tell it. Of
what it would answer, one thing matters here, and is taken for granted: whether it cancels its own responses.
"""

from engine.core.bounds import CallerBounds
from engine.core.call import Call, Step
from engine.core.commands import Command, UpdateSession
from engine.core.machines import Session, Socket
from engine.core.session import SESSION_EVENT_ID, session_config
from engine.core.settings import CallSettings
from engine.core.talking import Speaker

MS = 1_000_000


def reconfigure(call: Call, settings: CallSettings, at_ns: int) -> Step:
    """Let `settings` hold from here on. What that commands, and when the call now wants to be woken, as of an input."""
    before, call.settings = call.settings, settings
    call.at_ns = at_ns
    call._idle_ns_max = settings.limits.idle_ms_max * MS
    call.turns._vad = settings.vad
    call.barge_in._limits = call.words._limits = settings.limits
    speaker = Speaker(call.hearing, call._speaker._name, settings.mark_every_ms)
    speaker._begun = call._speaker._begun
    call._speaker = call._dialogue._speaker = speaker
    call.session.settings = call.model_leg._settings = settings
    bounds = CallerBounds(settings)
    bounds._before_start, bounds._paid_ns = call._bounds._before_start, call._bounds._paid_ns
    call._bounds = bounds
    return Step("", _tell(call, before), call._wake_at_ns())


def grant(call: Call, before: CallSettings) -> None:
    """The model is taken to do what it was told, where it was told otherwise than under the settings `before`."""
    if call.session.is_ready and call.settings.vad.interrupt_response != before.vad.interrupt_response:
        call.session.interrupts = call.settings.vad.interrupt_response


def _tell(call: Call, before: CallSettings) -> list[Command]:
    session = session_config(call.settings)
    if call.session.state is Session.NONE or call.model is not Socket.OPEN or session == session_config(before):
        return []
    grant(call, before)
    return [UpdateSession(SESSION_EVENT_ID, session)]
