"""From a call in production to a golden log that proves one point.

A golden log begins where its call began, since all that the core knows grew from there. But what was said an hour
before a bug has seldom to do with it. So what is asked for as *from* is where the point begins: turns that were over by
then are left out, as many as can be without changing any decision from there on. That is not guessed but tried: the
core decides the call anew without them (`rerun`), and each step from the point on must command the same, but for
names that are counted. If it does not, fewer turns are left out, in the end none. The caller's audio is never left out,
for it is the clock; in a golden log it is a length.

What comes after *to* is left out as a whole: a log may end anywhere.

**What is compared** is what either peer is sent and how the call ends. Searches for words are not: how quickly somebody
speaks is learned from turn to turn, and they decide nothing.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from engine.core import Entry
from engine.core.report import Turn
from engine.log.errors import LogError
from replay.goldens.golden import AUDIO_SUFFIX, Golden, Header, header_of, make_golden, read_golden, write_golden
from replay.goldens.rerun import Rerun, Step, rerun, steps_of
from replay.places import Place, timeline
from replay.redacting.call import redact
from replay.rows import Log, log_in_memory
from replay.runner import Result, replay
from replay.spoken import is_ours

_NAME = re.compile(r'"([a-z]+-[0-9]+)"')


class Pinned(NamedTuple):
    """A golden log in the making. `left_out`: turns of the call, from the first, that are not in it."""

    golden: Golden
    entries: int
    of_entries: int
    left_out: int
    result: Result
    """Of the whole recorded call."""


class Wish(NamedTuple):
    """What is to be pinned. `title` and `reason` go into the first line; empty: made from the call."""

    begin: Place
    end: Place
    redacted: bool
    title: str
    reason: str
    accepts: bool
    """Also a call that this version decides otherwise than it was recorded."""


def pin(log: Log, wish: Wish) -> Pinned:
    """Make a golden log of a part of a call. Raises LogError with what to do where that cannot be proven."""
    result = replay(log)
    _judge(result, wish.accepts)
    places = timeline(log)
    first, last = places.between(wish.begin, wish.end)
    steps = [step for step in steps_of(log) if step.input.seq <= last]
    whole = rerun(log.settings, steps, is_redacted=log.head.is_redacted)
    over = _turns_over(places.turns, places.first_named, places.seqs, first, places.stream_ms(first))
    words = {turn.item_id: places.seqs[places.first_named[turn.item_id]] for turn in over if is_ours(turn)}
    left_out, made = _reduced(log, steps, whole, over, words, first)
    head, settings, entries = log.head, log.settings, made.entries
    if wish.redacted:
        head, settings, entries, _ = redact(log_in_memory(log.path, head, settings, entries))
    day = head.started_at[:10]
    title = wish.title or f"Pinned from a call of {day}, {wish.begin} to {wish.end}."
    header = Header(title, wish.reason or f"pinned from a call of {day}", head, settings)
    golden = make_golden(header, entries, is_silent=head.is_redacted)
    return Pinned(golden, len(entries), places.last_seq, left_out, result)


def prove(path: Path, pinned_log: Log) -> Result:
    """Replay what was written. Raises LogError if it is not the same."""
    result = replay(pinned_log)
    if result.verdict != "same":
        raise LogError(f"{path} does not replay: {result.reason}")
    return result


def _judge(result: Result, accepts: bool) -> None:
    if result.verdict == "unknown":
        raise LogError(result.reason)
    if result.verdict == "diverged" and not accepts:
        raise LogError(
            f"{result.reason}. A golden log holds what this version decides: look at the difference (`replay CALL`),"
            " and if it is right, pin with --bless"
        )


def _turns_over(
    turns: Sequence[Turn], first_named: dict[str, int], seqs: Sequence[int], first: int, stream_ms: int
) -> list[Turn]:
    """The turns at the head of the call that were over before entry `first`."""
    over = []
    for turn in turns:
        ended_ms = turn.end_ms
        was_known = seqs[first_named[turn.item_id]] < first
        if not was_known or (ended_ms is not None and ended_ms >= stream_ms):
            break
        over.append(turn)
    return over


def _reduced(
    log: Log, steps: list[Step], whole: Rerun, over: Sequence[Turn], words: dict[str, int], first: int
) -> tuple[int, Rerun]:
    """The call without as many of its first turns as can be, and how many that is. `words`: of turns that no model
    made, the input that brought them, which does not name them."""
    for count in _fewer(len(over)):
        gone = {name for turn in over[:count] for name in (turn.item_id, turn.response_id) if name}
        without = {step.input.seq for step in steps if step.input.seq < first and _is_about(step.input, gone)}
        without |= {words[turn.item_id] for turn in over[:count] if turn.item_id in words}
        made = rerun(log.settings, steps, without, is_redacted=log.head.is_redacted)
        if _is_same(whole, made, first):
            return count, made
    return 0, whole


def _fewer(count: int) -> Iterator[int]:
    """All of them, then fewer and fewer, in steps that grow: what stands in the way is mostly near the end."""
    step = 1
    while count > 0:
        yield count
        count, step = count - step, step * 2


def _is_same(before: Rerun, after: Rerun, first: int) -> bool:
    """Whether every input from entry `first` on leads to the same as before. One that is gone must have led to
    nothing."""
    mine, theirs = _Said(before), _Said(after)
    return all(mine.on(seq) == theirs.on(seq) for seq in before.decided if seq >= first)


class _Said:
    """What inputs led to, in the names that were recorded."""

    def __init__(self, made: Rerun) -> None:
        self._decided = made.decided
        self._recorded = {now: then for then, now in made.names.items()}

    def on(self, seq: int) -> list[tuple[object, ...]]:
        return [
            (entry.leg, entry.type, self._body(entry.body), entry.audio_from, entry.audio_to)
            for entry in self._decided.get(seq, [])
            if entry.type != "align_item"
        ]

    def _body(self, body: str) -> str:
        return _NAME.sub(lambda found: f'"{self._recorded.get(found[1], found[1])}"', body)


def _is_about(entry: Entry, gone: set[str]) -> bool:
    """Whether an input tells of one of these items or responses, and not only of its neighbour."""
    if entry.leg == "caller" or not any(f'"{name}"' in entry.body for name in gone):
        return False
    try:
        body = msgspec.json.decode(entry.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return False
    inner = (body[key].get("id") for key in ("item", "response") if isinstance(body.get(key), dict))
    return not gone.isdisjoint({body.get("item_id"), body.get("response_id"), *inner} - {None})


def bless(path: Path, reason: str) -> None:
    """Keep what this version decides on the inputs of a golden log. Raises LogError or OSError."""
    header, log = header_of(path), read_golden(path)
    made = rerun(log.settings, steps_of(log), is_redacted=log.head.is_redacted)
    is_silent = not path.with_suffix(AUDIO_SUFFIX).exists()
    write_golden(path, make_golden(replace(header, reason=reason), made.entries, is_silent=is_silent))
    prove(path, read_golden(path))
