"""The call that the replay's tests replay, and the ways to put it on a disk.

A bakery: the assistant says one sentence of a second, the caller breaks in half-way. Short enough to be asserted whole;
but which words were heard is for the aligner to say, and asked of the core (`bakery_turn`): its audio is no speech.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import astuple, replace

from engine.core import RULES, CallSettings, Entry
from engine.core.report import Turn
from engine.log.create import LogFile
from engine.log.reader import CallRow, Row
from engine.log.seal import seal
from engine.log.writer import CallLog
from replay.goldens.golden import Header, make_golden, write_golden
from replay.rows import Head, Log
from replay.runner import replay
from tests import build
from tests.build import ACCOUNT_SID, CALL_SID, STREAM_SID, Harness

SETTINGS = CallSettings()
STARTED_AT = "2026-11-20T14:03:11.250000+00:00"
HEAD = Head(CALL_SID, STREAM_SID, ACCOUNT_SID, STARTED_AT, 1, RULES, "0.1.0")


def bakery() -> list[Entry]:
    """The call. The model's VAD moves the onset back by 300 ms and waits for 500 ms of silence."""
    call = Harness()
    call.seq = 1
    call.engine(build.leg_opened("caller"))
    call.caller(build.connected(), build.started())
    call.engine(build.leg_opened("model"))
    call.model(build.session_created(), build.session_updated())
    call.run(100)
    call.model(build.response_created(), build.response_item_added(), build.item_added())
    call.model(build.item_words("Cash or credit? We have a discount.", final=True))
    call.model(build.item_audio(1000), build.item_done(), build.response_done())
    call.run(620)
    call.model(build.speech_started(300))
    call.run(660)
    call.model(build.truncated(audio_end_ms=520), build.item_added("item_u1", "item_1", "user"))
    call.run(1400)
    call.model(build.speech_stopped(1380), build.caller_words("Cash."))
    call.caller(build.stopped())
    call.engine(build.leg_closed("model"), build.leg_closed("caller"))
    return call.entries


def bakery_turn() -> Turn:
    """What the assistant says in the bakery, with the words that the core finds in it."""
    return replay(log_of(bakery())).report.turns[0]


def bakery_brackets() -> tuple[str, str]:
    """The same as it is shown: what was heard, and what was not."""
    turn = bakery_turn()
    return turn.heard_text, turn.generated_text[len(turn.heard_text) :].strip()


def _assistant_json() -> dict[str, object]:
    turn, tokens = bakery_turn(), ["Cash", "or", "credit?", "We", "have", "a", "discount."]
    ways = ["heard" if index < turn.heard_words else "unheard" for index in range(len(tokens))]
    if turn.heard_words < len(tokens) and turn.words[turn.heard_words].from_ms is not None:
        ways[turn.heard_words] = "partly"
    return {
        "speaker": "assistant",
        "item_id": "item_1",
        "response_id": "resp_1",
        "start_ms": 100,
        "end_ms": 620,
        "generated_text": " ".join(tokens),
        "heard_text": " ".join(tokens[: turn.heard_words]),
        "generated_ms": 1000,
        "heard_ms": 520,
        "heard_min_ms": 400,
        "heard_max_ms": 540,
        "interrupted": True,
        "method": turn.method,
        "confidence": turn.confidence,
        "heard_words": turn.heard_words,
        "heard_words_min": turn.heard_words_min,
        "heard_words_max": turn.heard_words_max,
        "partial": None,
        "words": [
            {
                "text": token,
                "start_ms": word.start_ms,
                "end_ms": word.end_ms,
                "from_ms": word.from_ms,
                "to_ms": word.to_ms,
                "parts": [],
                "heard": way,
            }
            for token, word, way in zip(tokens, turn.words, ways, strict=True)
        ],
        "heard_text_min": " ".join(tokens[: turn.heard_words_min]),
        "heard_text_max": " ".join(tokens[: turn.heard_words_max]),
    }


def _caller_json() -> dict[str, object]:
    return {
        "speaker": "caller",
        "item_id": "item_u1",
        "response_id": None,
        "start_ms": 600,
        "end_ms": 880,
        "generated_text": "Cash.",
        "heard_text": "Cash.",
        "generated_ms": 0,
        "heard_ms": 0,
        "heard_min_ms": 0,
        "heard_max_ms": 0,
        "interrupted": False,
        "method": "",
        "confidence": 0.0,
        "heard_words": 0,
        "heard_words_min": 0,
        "heard_words_max": 0,
        "partial": None,
        "words": [],
        "heard_text_min": "Cash.",
        "heard_text_max": "Cash.",
    }


def bakery_json() -> dict[str, object]:
    """The call as data, whole."""
    told = {"action": "truncate", "audio_end_ms": 520, "outcome": "ok"}
    cut = {"item_id": "item_1", "heard_ms": 520, **told, "recorded": told}
    interruption = {
        "at_ms": 620,
        "caller_onset_ms": 600,
        "clear_sent_ms": 620,
        "clear_effective_ms": 620,
        "items": [cut],
    }
    return {
        "call_sid": CALL_SID,
        "stream_sid": STREAM_SID,
        "started_at": STARTED_AT,
        "duration_ms": 1400,
        "ended": "stop",
        "format": 1,
        "rules": RULES,
        "verdict": "same",
        "reason": "every command is the one that was recorded",
        "cut": False,
        "divergence": None,
        "counts": {"entries": 213, "inputs": 107, "commands": 106, "faults": 0, "malformed": 0},
        "turns": [_assistant_json(), _caller_json()],
        "at_ear": [],
        "interruptions": [interruption],
        "model_away": [],
    }


def log_of(entries: Sequence[Entry], settings: CallSettings = SETTINGS, head: Head = HEAD) -> Log:
    """A log in memory."""

    def rows() -> Iterator[Row]:
        yield from map(astuple, entries)

    return Log(Path("memory.db"), head, settings, rows)


def call_row(call_sid: str = CALL_SID, **changes: object) -> CallRow:
    config = msgspec.json.encode(SETTINGS).decode()
    row = CallRow(call_sid, STREAM_SID, ACCOUNT_SID, STARTED_AT, RULES, "0.1.0", config)
    return replace(row, **changes)


def write_live(calls_dir: Path, entries: Sequence[Entry], row: CallRow | None = None) -> LogFile:
    """A log as a killed bridge leaves it. Still locked: close it."""
    log = CallLog(calls_dir)
    log.open(row or call_row())
    for entry in entries:
        log.append([entry])
    file = log.take()
    assert file is not None
    return file


def write_sealed(calls_dir: Path, entries: Sequence[Entry], row: CallRow | None = None) -> Path:
    """A sealed log, under its day."""
    file = write_live(calls_dir, entries, row)
    file.close()
    sealed = seal(file.path)
    assert sealed is not None
    return sealed.path


def write_story(path: Path, entries: Sequence[Entry]) -> Path:
    """A golden log."""
    write_golden(path, make_golden(Header("The caller interrupts.", "First recorded.", HEAD, SETTINGS), entries))
    return path


def renumbered(entries: Sequence[Entry]) -> list[Entry]:
    """The entries as a log would hold them: counted from 1, causes following."""
    moved: dict[int, int] = {}
    made = []
    for seq, entry in enumerate(entries, 1):
        moved[entry.seq] = seq
        cause = None if entry.cause is None else moved.get(entry.cause, entry.cause)
        made.append(replace(entry, seq=seq, cause=cause))
    return made
