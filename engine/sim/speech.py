"""The speech in `fixtures/speech`: audio, transcript and the time of each word."""

from pathlib import Path

import msgspec

from engine.core.audio import SAMPLES_PER_MS, samples_of
from engine.sim.reply import ReplyItem

FOLDER = Path(__file__).parents[2] / "fixtures" / "speech"


class Word(msgspec.Struct, frozen=True):
    """A word as written, and when it is spoken."""

    w: str
    start_ms: int
    end_ms: int


class _Facts(msgspec.Struct):
    text: str
    words: list[Word]


class Speech(msgspec.Struct, frozen=True):
    """A line of speech."""

    text: str
    audio: bytes
    words: tuple[Word, ...]

    @property
    def item(self) -> ReplyItem:
        """As an item that the model says."""
        return ReplyItem(self.text, self.audio)

    def split(self, word: int) -> "tuple[Speech, Speech]":
        """Two lines: the words before number `word`, and the rest. Cut where the word starts."""
        cut_ms = self.words[word].start_ms
        rest = tuple(Word(later.w, later.start_ms - cut_ms, later.end_ms - cut_ms) for later in self.words[word:])
        audio, cut = self.audio, samples_of(cut_ms)
        first = Speech(_text(self.words[:word]), audio[:cut], self.words[:word])
        return first, Speech(_text(rest), audio[cut:], rest)

    def until(self, ms: int) -> bytes:
        """The 10 ms of audio that end at `ms`, for a cue to wait for. To name a place they must not be a pause."""
        end = samples_of(ms)
        return self.audio[max(0, end - 10 * SAMPLES_PER_MS) : end]


def _text(words: tuple[Word, ...]) -> str:
    return " ".join(word.w for word in words)


def load(name: str) -> Speech:
    """The line `name` of fixtures/speech. Raises FileNotFoundError, saying what to do, if it is not there."""
    try:
        audio = (FOLDER / f"{name}.ulaw").read_bytes()
        facts = msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=_Facts)
    except FileNotFoundError as error:
        known = ", ".join(sorted(path.stem for path in FOLDER.glob("*.ulaw"))) or "none"
        raise FileNotFoundError(
            f"no speech {name!r} in {FOLDER} (there: {known}). The speech is in the repository, not in the package: "
            "clone it and install with `pip install -e .`"
        ) from error
    return Speech(facts.text, audio, tuple(facts.words))
