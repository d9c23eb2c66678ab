"""A folder of speech: `manifest.jsonl`, one JSON object a line, and the audio that it names.

Needed: `id`, `lang`, `text` and `audio` (a file in the folder: headerless G.711 mu-law, 8,000 samples a second).
`words` are the true times of the words of `text` between spaces, all of them in order; speech without them can be
compared with a referee, and not be scored. `spoken` says what was really read, each with the number of its word in
`words`: "nine", "dollars" for "$9". `engine`, `voice` and `style` say how it was made. All else in a line is ignored.
"""

from pathlib import Path

import msgspec

MANIFEST = "manifest.jsonl"


class SpeechError(Exception):
    """The folder cannot be used. Says why, and what would help."""


class TrueWord(msgspec.Struct, frozen=True):
    """A word as written, and when it is spoken."""

    w: str
    start_ms: float
    end_ms: float


class SpokenWord(msgspec.Struct, frozen=True):
    """A word as read, and the number of the written word that it belongs to."""

    w: str
    word: int


class Utterance(msgspec.Struct, frozen=True):
    """One line of the manifest, and its audio."""

    id: str
    lang: str
    audio: str
    text: str
    words: tuple[TrueWord, ...] = ()
    spoken: tuple[SpokenWord, ...] = ()
    engine: str = "?"
    voice: str = "?"
    style: str = "?"
    pcmu: bytes = b""


def read_folder(folder: Path) -> list[Utterance]:
    """All utterances of a folder, in the manifest's order. Raises SpeechError."""
    manifest = folder / MANIFEST
    try:
        lines = manifest.read_bytes().splitlines()
    except OSError as error:
        raise SpeechError(
            f"no speech in {folder}: {manifest} cannot be read ({error.strerror}). "
            "Name a folder with SPEECH=folder; fixtures/speech/README.md describes what must be in it."
        ) from error
    found = [_utterance(folder, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise SpeechError(f"{manifest} is empty: fixtures/speech/README.md describes what must be in it.")
    return found


def read_scored(folder: Path) -> list[Utterance]:
    """The utterances whose true word times are known. Raises SpeechError, also when there are none."""
    known = [utterance for utterance in read_folder(folder) if utterance.words]
    if not known:
        raise SpeechError(f"nothing in {folder} has word times (`words`) to score against: try `make referee`.")
    return known


def _utterance(folder: Path, number: int, line: bytes) -> Utterance:
    where = f"{folder / MANIFEST}, line {number}"
    try:
        read = msgspec.json.decode(line, type=Utterance)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SpeechError(f"{where}: {error}. fixtures/speech/README.md describes the fields.") from error
    if trouble := _trouble(read):
        raise SpeechError(f"{where} ({read.id}): {trouble}.")
    try:
        return msgspec.structs.replace(read, pcmu=(folder / read.audio).read_bytes())
    except OSError as error:
        raise SpeechError(f"{where} ({read.id}): the audio {read.audio} cannot be read ({error.strerror}).") from error


def _trouble(read: Utterance) -> str | None:
    if read.words and [word.w for word in read.words] != read.text.split():
        return "`words` are not the words of `text` between spaces"
    times = [ms for word in read.words for ms in (word.start_ms, word.end_ms)]
    if times != sorted(times):
        return "the times of `words` go backwards"
    if any(not 0 <= each.word < len(read.text.split()) for each in read.spoken):
        return "`spoken` names a word that is not there"
    return None
