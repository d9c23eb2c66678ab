"""Two logs of what should be the same call, and where they part.

**What is compared**: kind, leg, type, body, audio, cause, entry by entry. Not when: two recordings never have the same
times. Not the numbers of entries, which move with the first one that is missing; a cause is compared by how far back it
is. And not the SIDs, which Twilio makes anew for each call. A golden log has kept only the audio in which words were
looked for; against one, audio is compared by its length.

**After the first difference** the rest is aligned, to tell a missing entry from another call. Entries that both logs
have once and only once are found in both; the longest series of them that stands in the same order in both holds the
alignment ("patience diff"). That needs no more than a sort, where a shortest edit script of two calls of 60,000 entries
that have little in common would take minutes. What lies between two such entries is paired by its type.

A single log is compared with its replay in the same way: both are sides, and a side is a list of entries.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from engine.core import Call, Entry, record, wire_engine
from engine.core.audio import ms_of
from engine.core.commands import AlignItem
from engine.core.entries import APPEND_BODY
from engine.core.events import UNREADABLE
from engine.core.heard import Work
from replay.compare.diff import Difference, differences
from replay.rows import Log, entry_of
from replay.sources import is_golden
from replay.walk import Walk


class Side(NamedTuple):
    """A log, or the replay of one. `label` is what it is called; `stream_ms`: when each entry was."""

    label: str
    log: Log
    entries: list[Entry]
    stream_ms: list[int]


class Pair(NamedTuple):
    """An entry and the one that stands for it on the other side, as indexes. None: there is none."""

    a: int | None
    b: int | None
    is_same: bool


class Parting(NamedTuple):
    """Where two sides part. `place` counts entries from 0; up to there both have the same ones. `pairs`: the rest."""

    place: int
    fields: list[Difference]
    pairs: list[Pair]


class Tally(msgspec.Struct):
    """How many entries of a type are the same, are another, or are on one side only."""

    leg: str
    type: str
    same: int = 0
    changed: int = 0
    only_a: int = 0
    only_b: int = 0


def recorded_side(log: Log, label: str = "recorded") -> Side:
    """A log as it is. Raises LogError where it cannot be read."""
    entries: list[Entry] = []
    stream_ms: list[int] = []
    for moment in Walk(log):
        entries += moment.entries
        stream_ms += [moment.stream_ms] * len(moment.entries)
    return Side(label, log, entries, stream_ms)


def replayed_side(log: Log) -> Side:
    """The log that this version would write, were it handed the recorded inputs, whatever it commands. (Searches for
    words are done again, as in a replay.)"""
    call, searches, at = Call(log.settings), dict[str, Work](), 0
    entries: list[Entry] = []
    stream_ms: list[int] = []
    for row in log.rows():
        if row[2] != "input":
            continue
        entry = replace(entry_of(row), seq=len(entries) + 1)
        is_sought_again = entry.type == "item.aligned" and not log.head.is_redacted
        if is_sought_again and (work := searches.pop(_item_id(entry.body), None)):
            entry = replace(entry, body=wire_engine.aligned(_item_id(entry.body), work.done()))
        step = call.step(entry.seq, entry.at_ns, entry.leg, entry.body, entry.audio)
        searches |= {each.item_id: each.work for each in step.commands if isinstance(each, AlignItem)}
        at = max(at, call.hearing.stream.peek(entry.at_ns))
        entries += [replace(entry, type=step.type), *record(step.commands, entry.seq + 1, entry.at_ns, entry.seq)]
        stream_ms += [ms_of(at)] * (len(entries) - len(stream_ms))
    return Side("replayed", log, entries, stream_ms)


def compare(a: Side, b: Side, *, times: bool = False) -> Parting | None:
    """Where the two part; None if they do not."""
    look = _Look(a, b, times)
    length = min(len(a.entries), len(b.entries))
    place = next((index for index in range(length) if look.differ(index)), length)
    if place == len(a.entries) == len(b.entries):
        return None
    first, *rest = _align(look.keys(a), look.keys(b), place)
    # What differs in nothing but how far back its cause is, differs.
    first = first._replace(is_same=False)
    return Parting(place, look.fields(first), [first, *rest])


def tallies(a: Side, b: Side, parting: Parting) -> list[Tally]:
    """How much differs from there on, by type, in the order in which the types come."""
    found: dict[tuple[str, str], Tally] = {}
    for x, y, is_same in parting.pairs:
        entry = a.entries[x] if x is not None else b.entries[y or 0]
        tally = found.setdefault((entry.leg, entry.type), Tally(entry.leg, entry.type))
        if is_same:
            tally.same += 1
        elif y is None:
            tally.only_a += 1
        elif x is None:
            tally.only_b += 1
        else:
            tally.changed += 1
    return list(found.values())


class _Answer(msgspec.Struct):
    item_id: str


def _item_id(body: str) -> str:
    try:
        return msgspec.json.decode(body, type=_Answer).item_id
    except UNREADABLE:
        return ""


class _Key(NamedTuple):
    """What must be the same for two entries to be the same, wherever they stand. `type`: kind, leg and type."""

    type: tuple[str, str, str]
    rest: Hashable


class _Look:
    """What of two sides is looked at."""

    def __init__(self, a: Side, b: Side, times: bool) -> None:
        self._a, self._b, self._times = a, b, times
        mine, other = a.log.head, b.log.head
        self._sids = [
            (theirs, ours)
            for ours, theirs in (
                (mine.call_sid, other.call_sid),
                (mine.stream_sid, other.stream_sid),
                (mine.account_sid, other.account_sid),
            )
            if ours and theirs and ours != theirs
        ]
        self._is_length_enough = is_golden(a.log.path) != is_golden(b.log.path)

    def differ(self, index: int) -> bool:
        """Whether the two entries at that place do."""
        one, other = self._a.entries[index], self._b.entries[index]
        return (
            (one.kind, one.leg, one.type, one.audio_from, one.audio_to)
            != (other.kind, other.leg, other.type, other.audio_from, other.audio_to)
            or _back(one) != _back(other)
            or one.body != self._named(other.body)
            or self._audio(one) != self._audio(other)
            or (self._times and one.at_ns != other.at_ns)
        )

    def fields(self, pair: Pair) -> list[Difference]:
        """In what a pair differs."""
        if pair.a is None or pair.b is None:
            return differences(
                None if pair.a is None else self._a.entries[pair.a],
                None if pair.b is None else self._b.entries[pair.b],
            )
        one, other = self._a.entries[pair.a], self._b.entries[pair.b]
        alike = replace(
            other,
            seq=one.seq,
            at_ns=other.at_ns if self._times else one.at_ns,
            cause=one.cause if _back(one) == _back(other) else other.cause,
            body=self._named(other.body),
            audio=one.audio if self._audio(one) == self._audio(other) else other.audio,
        )
        return differences(one, alike)

    def keys(self, side: Side) -> list[_Key]:
        """Of every entry."""
        audio: dict[int, int | bytes | None] = {}
        keys: list[_Key] = []
        for entry in side.entries:
            audio[entry.seq] = self._audio(entry)
            is_passed_on = entry.audio_from is not None or entry.body == APPEND_BODY
            sound = audio.get(entry.cause or 0) if is_passed_on else audio[entry.seq]
            body = self._named(entry.body) if side is self._b else entry.body
            rest = (body, sound, entry.audio_from, entry.audio_to, entry.at_ns if self._times else 0)
            keys.append(_Key((entry.kind, entry.leg, entry.type), rest))
        return keys

    def _named(self, body: str) -> str:
        """A body of the other side, with our SIDs."""
        for theirs, ours in self._sids:
            body = body.replace(theirs, ours)
        return body

    def _audio(self, entry: Entry) -> int | bytes | None:
        return len(entry.audio) if self._is_length_enough and entry.audio is not None else entry.audio


def _back(entry: Entry) -> int | None:
    """How many entries back the cause is."""
    return None if entry.cause is None else entry.seq - entry.cause


def _align(a: Sequence[_Key], b: Sequence[_Key], begin: int) -> list[Pair]:
    """Both sequences from `begin` to their ends, in order. One of them has an entry there at least."""
    pairs: list[Pair] = []
    places = [(begin - 1, begin - 1), *_anchors(a, b, begin), (len(a), len(b))]
    for (before_a, before_b), (after_a, after_b) in pairwise(places):
        pairs += _between(a, b, range(before_a + 1, after_a), range(before_b + 1, after_b))
        pairs.append(Pair(after_a, after_b, True))
    return pairs[:-1]


def _anchors(a: Sequence[_Key], b: Sequence[_Key], begin: int) -> list[tuple[int, int]]:
    """The longest series, in order on both sides, of entries that both have exactly once."""
    tails = [{key: begin + at for at, key in enumerate(keys[begin:])} for keys in (a, b)]
    counts = [Counter(keys[begin:]) for keys in (a, b)]
    once = [key for key in tails[0] if all(count[key] == 1 for count in counts)]
    found = sorted((tails[0][key], tails[1][key]) for key in once)
    # The longest increasing series: of each length the one that ends lowest, each entry knowing the one before it.
    ends: list[int] = []
    last: list[int] = []
    before: list[int | None] = []
    for number, (_, there) in enumerate(found):
        length = bisect_left(ends, there)
        before.append(last[length - 1] if length else None)
        ends[length : length + 1], last[length : length + 1] = [there], [number]
    series: list[tuple[int, int]] = []
    at = last[-1] if last else None
    while at is not None:
        series.append(found[at])
        at = before[at]
    return series[::-1]


def _between(a: Sequence[_Key], b: Sequence[_Key], mine: range, other: range) -> Iterator[Pair]:
    """What lies between two anchors: what is the same at either end, and the rest by its type."""
    while mine and other and a[mine[0]] == b[other[0]]:
        yield Pair(mine[0], other[0], True)
        mine, other = mine[1:], other[1:]
    same = 0
    while same < min(len(mine), len(other)) and a[mine[-1 - same]] == b[other[-1 - same]]:
        same += 1
    yield from _by_type(a, b, mine[: len(mine) - same], other[: len(other) - same])
    yield from (Pair(mine[-back], other[-back], True) for back in range(same, 0, -1))


def _by_type(a: Sequence[_Key], b: Sequence[_Key], mine: range, other: range) -> Iterator[Pair]:
    """Pairs of a type, in order; what will find none of its type any more stands alone."""
    coming = Counter(b[y].type for y in other)
    while mine and other:
        x, y = mine[0], other[0]
        if a[x].type == b[y].type:
            yield Pair(x, y, a[x] == b[y])
            mine, other = mine[1:], other[1:]
            coming[b[y].type] -= 1
        elif coming[a[x].type]:
            yield Pair(None, y, False)
            other = other[1:]
            coming[b[y].type] -= 1
        else:
            yield Pair(x, None, False)
            mine = mine[1:]
    yield from (Pair(x, None, False) for x in mine)
    yield from (Pair(None, y, False) for y in other)
