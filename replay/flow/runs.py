"""What flows all the time, folded: so many entries a second that between them they would bury the story.

A *flow* is the caller's audio (frames, each with the append that passes it on), the audio that the model generates of
an item, the stretches of it that are played with their marks, the echoes of marks, the words of an item as they come.
All of these run at once and between each other, so a run is no unbroken stretch of entries as it is in a golden log
(`fold`): it is what flowed of one kind until the next entry that tells something. Such an entry ends the runs, and
stands behind them.

When a new session of the model is told of the conversation so far, that is an entry for each item, and two more for
the model's word that it has it. A few of the first are shown, for they are what the model knows of the call. The rest
is folded.

Echoes of marks that were played and of marks that were flushed are two flows: which is which is what people look for.
The echo of a sentinel, like the sentinel, is never folded: it is a part of the story.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from engine.core import events as ev
from engine.core.audio import SAMPLE_RATE
from replay.flow.marks import Mark
from replay.flow.seen import APPEND, AUDIO_DELTAS, CREATE, ITEM_NEWS, WORD_DELTAS, Party, Seen

CALLER_SAMPLES_MIN = SAMPLE_RATE
"""A run of the caller's audio is a second long at least, unless something else begins to be done with it."""
LIVE_MS_MAX = 10_000
"""Of a call that runs, a run is shown after this time at the latest: it says that the call is alive."""

CREATED_SHOWN_MAX = 8
"""Items that a new session is told of at once, each in a line of its own. More would bury what was said since."""

Flow = Literal["audio", "generated", "played", "echoes", "words", "restored"]
_Key = tuple[Flow, str, bool]


class Run(msgspec.Struct):
    """What flowed. `frames`: with audio or words, and `appends` of the caller's to the model; `samples`: of audio in
    them, and `passed` on, some of which had `waited`; `marks`: those sent, or come back; `text`: the words;
    `parts`: the entries about restored items."""

    flow: Flow
    first: Seen
    last_seq: int
    last_ms: int
    entries: int = 0
    frames: int = 0
    appends: int = 0
    samples: int = 0
    passed: int = 0
    waited: int = 0
    marks: list[Mark] = []
    text: str = ""
    parts: list[Seen] = []

    @property
    def count(self) -> int:
        """How many there were. Marks are counted only where there is nothing else, and restored items once."""
        if self.flow == "restored":
            return len(self.item_ids)
        return max(self.frames, self.appends) or len(self.marks)

    @property
    def item_ids(self) -> list[str]:
        """Of restored items, in their order."""
        return list(dict.fromkeys(part.item_id for part in self.parts))

    @property
    def type(self) -> str:
        """The type of what was counted."""
        if self.flow == "played" and self.samples:
            return "media"
        return APPEND if self.passed and not self.samples else self.first.entry.type

    @property
    def source(self) -> Party:
        """Where it came from."""
        return self.first.source

    @property
    def target(self) -> Party:
        """Where it went: the caller's audio as far as it was passed on."""
        return "model" if self.passed else self.first.target

    @property
    def goes_on(self) -> bool:
        """Whether an entry that tells something leaves it open. The caller's audio says little while it flows to the
        model, and a bar of it between any two rungs of an interruption would be in the way."""
        is_short = max(self.samples, self.passed) < CALLER_SAMPLES_MIN
        return self.flow == "audio" and is_short and not self.waited

    def add(self, seen: Seen) -> None:
        """One more entry of this flow."""
        self.entries += 1
        self.last_seq, self.last_ms = seen.entry.seq, seen.stream_ms
        if self.flow == "restored":
            self.parts.append(seen)
        elif seen.mark is not None:
            self.marks.append(seen.mark)
        elif seen.entry.type == APPEND:
            self.appends += 1
            self.passed += seen.samples
            self.waited += seen.samples if seen.is_held else 0
        else:
            self.frames += 1
            self.samples += seen.samples
            self.text += _delta_of(seen.entry.body) if self.flow == "words" else ""


def fold(entries: Iterable[Seen], live: bool = False) -> Iterator[Seen | Run]:
    """The entries in order, with what flows put into runs, each in the place of its first entry.

    A run is given out when it is over, and what stands behind it then. When the model is lost or comes back, all are
    over. Where somebody waits for what comes (`live`),
    every entry that tells something ends all runs, and so does some time.
    """
    waiting: list[Seen | Run] = []
    running: dict[_Key, Run] = {}
    was_away = False
    for seen in entries:
        key = _flow(seen)
        if seen.is_away != was_away:
            was_away, running = seen.is_away, {}
        if key is None:
            running = {key: run for key, run in running.items() if run.goes_on and not live}
            waiting.append(seen)
        else:
            if key not in running or (live and _is_long(running[key], seen)):
                running[key] = Run(key[0], seen, seen.entry.seq, seen.stream_ms)
                waiting.append(running[key])
            running[key].add(seen)
        while waiting and not any(waiting[0] is run for run in running.values()):
            yield from _folded(waiting.pop(0))
    for part in waiting:
        yield from _folded(part)


def _folded(part: Seen | Run) -> list[Seen | Run]:
    """A run, or what is in it if that is worth telling one by one."""
    if isinstance(part, Run) and part.flow == "restored":
        is_short = part.type == CREATE and part.count <= CREATED_SHOWN_MAX
        if is_short or part.entries == 1:
            return list(part.parts)
    return [part]


def _is_long(run: Run, seen: Seen) -> bool:
    """Whether an entry begins a new run, for time alone. A frame and its append stay together."""
    return seen.stream_ms - run.first.stream_ms >= LIVE_MS_MAX and seen.entry.type != APPEND


def _flow(seen: Seen) -> _Key | None:
    """The flow that an entry belongs to, or None for one that tells something by itself."""
    entry, kind = seen.entry, seen.entry.type
    if seen.malformed or entry.leg == "engine":
        return None
    if kind == "media":
        return ("audio", "", seen.is_held) if entry.kind == "input" else ("played", seen.item_id, False)
    if kind == APPEND:
        return ("audio", "", False)
    if kind == "mark":
        if seen.mark is None or seen.mark.fate == "sentinel":
            return None
        return ("played", seen.item_id, False) if entry.kind == "command" else ("echoes", seen.mark.fate, False)
    if kind == CREATE or kind in ITEM_NEWS:
        # What one step tells, by its cause; the model's answers, which have none, as they come.
        return ("restored", str(entry.cause), False) if seen.item_id else None
    if kind in AUDIO_DELTAS:
        return ("generated", seen.item_id, seen.is_held)
    return ("words", seen.item_id, False) if kind in WORD_DELTAS else None


class _Delta(msgspec.Struct):
    delta: str | None = None


_decode = msgspec.json.Decoder(_Delta).decode


def _delta_of(body: str) -> str:
    """The words in a frame that brings more of them."""
    try:
        return _decode(body).delta or ""
    except ev.UNREADABLE:
        return ""
