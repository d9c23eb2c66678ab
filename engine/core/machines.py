"""The state machines of a call, as tables. Every transition is here.

Four small machines and no big one: the call, the two legs, the model's session, and one machine for each response and
each playout. What moves them are facts, not frames: which frame stands for which fact is decided where frames are
read.

A table is total: every state has a row and every row names every fact the machine sees, so a forgotten case is a
missing key that a test finds, not an exception at three in the morning. A fact that changes nothing is written as the
same state; that is how benign races (a late cancel, an echo of something flushed) are rows and not branches.

What is not a table: a call has ENDED when it is ENDING, both legs are gone, and what was heard last has been put into
words. That is a joint state, `is_over` below.
"""

from enum import Enum
from typing import TypeVar


class Calling(Enum):
    """The call."""

    AWAITING_START = "awaiting_start"
    """The caller leg is open, and nobody has said which call this is."""
    LIVE = "live"
    ENDING = "ending"
    """Legs are being closed, and the last words looked for; nothing is decided any more."""
    ENDED = "ended"


class CallFact(Enum):
    STARTED = "started"
    ENDING = "ending"
    OVER = "over"


class Socket(Enum):
    """A leg's WebSocket."""

    ABSENT = "absent"
    DIALLING = "dialling"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class SocketFact(Enum):
    DIALLED = "dialled"
    OPENED = "opened"
    CLOSE_ASKED = "close_asked"
    GONE = "gone"


class Session(Enum):
    """The model's session."""

    NONE = "none"
    CREATED = "created"
    """Its own defaults hold; ours are on their way."""
    READY = "ready"


class SessionFact(Enum):
    CREATED = "created"
    UPDATED = "updated"
    LOST = "lost"


class Generating(Enum):
    """One response."""

    GENERATING = "generating"
    CUT = "cut"
    """Interrupted: what still comes of it is counted and not played."""
    DONE = "done"


class ResponseFact(Enum):
    CUT = "cut"
    DONE = "done"


class Playing(Enum):
    """One playout: from the first audio after a clear to the next clear."""

    SILENT = "silent"
    """Nothing was sent yet, or all of it was heard."""
    PLAYING = "playing"
    FLUSHING = "flushing"
    """A clear is on its way."""
    ESTIMATED = "estimated"
    """It took too long to wait for proof; proof may still shorten what was guessed."""
    SETTLED = "settled"


class PlayFact(Enum):
    SENT = "sent"
    DRAINED = "drained"
    CLEARED = "cleared"
    TIMED_OUT = "timed_out"
    PROVED = "proved"


CALL = {
    Calling.AWAITING_START: {
        CallFact.STARTED: Calling.LIVE,
        CallFact.ENDING: Calling.ENDING,
        CallFact.OVER: Calling.ENDED,
    },
    Calling.LIVE: {
        CallFact.STARTED: Calling.LIVE,
        CallFact.ENDING: Calling.ENDING,
        CallFact.OVER: Calling.ENDED,
    },
    Calling.ENDING: {
        CallFact.STARTED: Calling.ENDING,
        CallFact.ENDING: Calling.ENDING,
        CallFact.OVER: Calling.ENDED,
    },
    Calling.ENDED: {
        CallFact.STARTED: Calling.ENDED,
        CallFact.ENDING: Calling.ENDED,
        CallFact.OVER: Calling.ENDED,
    },
}

SOCKET = {
    Socket.ABSENT: {
        SocketFact.DIALLED: Socket.DIALLING,
        SocketFact.OPENED: Socket.OPEN,
        SocketFact.CLOSE_ASKED: Socket.CLOSED,
        SocketFact.GONE: Socket.CLOSED,
    },
    Socket.DIALLING: {
        SocketFact.DIALLED: Socket.DIALLING,
        SocketFact.OPENED: Socket.OPEN,
        SocketFact.CLOSE_ASKED: Socket.CLOSING,
        SocketFact.GONE: Socket.CLOSED,
    },
    Socket.OPEN: {
        SocketFact.DIALLED: Socket.OPEN,
        SocketFact.OPENED: Socket.OPEN,
        SocketFact.CLOSE_ASKED: Socket.CLOSING,
        SocketFact.GONE: Socket.CLOSED,
    },
    Socket.CLOSING: {
        SocketFact.DIALLED: Socket.CLOSING,
        SocketFact.OPENED: Socket.CLOSING,
        SocketFact.CLOSE_ASKED: Socket.CLOSING,
        SocketFact.GONE: Socket.CLOSED,
    },
    Socket.CLOSED: {
        SocketFact.DIALLED: Socket.DIALLING,
        SocketFact.OPENED: Socket.CLOSED,
        SocketFact.CLOSE_ASKED: Socket.CLOSED,
        SocketFact.GONE: Socket.CLOSED,
    },
}

SESSION = {
    Session.NONE: {
        SessionFact.CREATED: Session.CREATED,
        SessionFact.UPDATED: Session.NONE,
        SessionFact.LOST: Session.NONE,
    },
    Session.CREATED: {
        SessionFact.CREATED: Session.CREATED,
        SessionFact.UPDATED: Session.READY,
        SessionFact.LOST: Session.NONE,
    },
    Session.READY: {
        SessionFact.CREATED: Session.READY,
        SessionFact.UPDATED: Session.READY,
        SessionFact.LOST: Session.NONE,
    },
}

RESPONSE = {
    Generating.GENERATING: {ResponseFact.CUT: Generating.CUT, ResponseFact.DONE: Generating.DONE},
    Generating.CUT: {ResponseFact.CUT: Generating.CUT, ResponseFact.DONE: Generating.DONE},
    Generating.DONE: {ResponseFact.CUT: Generating.DONE, ResponseFact.DONE: Generating.DONE},
}

PLAYOUT = {
    Playing.SILENT: {
        PlayFact.SENT: Playing.PLAYING,
        PlayFact.DRAINED: Playing.SILENT,
        PlayFact.CLEARED: Playing.FLUSHING,
        PlayFact.TIMED_OUT: Playing.SILENT,
        PlayFact.PROVED: Playing.SILENT,
    },
    Playing.PLAYING: {
        PlayFact.SENT: Playing.PLAYING,
        PlayFact.DRAINED: Playing.SILENT,
        PlayFact.CLEARED: Playing.FLUSHING,
        PlayFact.TIMED_OUT: Playing.PLAYING,
        PlayFact.PROVED: Playing.PLAYING,
    },
    Playing.FLUSHING: {
        PlayFact.SENT: Playing.FLUSHING,
        PlayFact.DRAINED: Playing.FLUSHING,
        PlayFact.CLEARED: Playing.FLUSHING,
        PlayFact.TIMED_OUT: Playing.ESTIMATED,
        PlayFact.PROVED: Playing.SETTLED,
    },
    Playing.ESTIMATED: {
        PlayFact.SENT: Playing.ESTIMATED,
        PlayFact.DRAINED: Playing.ESTIMATED,
        PlayFact.CLEARED: Playing.ESTIMATED,
        PlayFact.TIMED_OUT: Playing.ESTIMATED,
        PlayFact.PROVED: Playing.SETTLED,
    },
    Playing.SETTLED: {
        PlayFact.SENT: Playing.SETTLED,
        PlayFact.DRAINED: Playing.SETTLED,
        PlayFact.CLEARED: Playing.SETTLED,
        PlayFact.TIMED_OUT: Playing.SETTLED,
        PlayFact.PROVED: Playing.SETTLED,
    },
}

State = TypeVar("State", bound=Enum)
Fact = TypeVar("Fact", bound=Enum)


def after(table: dict[State, dict[Fact, State]], state: State, fact: Fact) -> State:
    """The state that `fact` leads to."""
    return table[state][fact]


def is_over(call: Calling, caller: Socket, model: Socket, is_searching: bool) -> bool:
    """The joint rule: an ending call is over when neither leg has a socket and no search for words is out."""
    gone = (Socket.ABSENT, Socket.CLOSED)
    return call is Calling.ENDING and caller in gone and model in gone and not is_searching
