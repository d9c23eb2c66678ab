"""A call as subtitles show it: who said what, and when. The formats are in `subtitles`.

**What is shown** is what was heard: of the assistant the words that reached the caller, each at the time on Twilio's
clock at which the caller heard it; of a token that was cut (a telephone number) the part that was heard, as it was
spoken. A turn of which words are missing ends with a dash. The caller's words have no times of their own: they are
spread over the turn by their length.

**When.** The cues of one speaker never overlap: one that would be gone before it is read stays longer, and the next one
waits for it. Those of two speakers may, as the speakers did.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Literal

import msgspec
from rich.cells import cell_len, split_graphemes

from engine.core.report import Turn
from replay.breaks import CUE_MS_MAX, CUE_MS_MIN, LINE_MAX, Token, lines_of, pieces
from replay.paint import printable
from replay.spoken import how_heard, places

LABELS = {"caller": "Caller", "assistant": "Assistant"}
BROKEN_OFF = " —"
LETTER_MS = 65
"""15 letters a second, a usual rate of speech: for a caller whose end was not noticed."""
_INDENT = max(len(f"{label}: ") for label in LABELS.values())
_TOKEN_MAX = LINE_MAX - _INDENT - len(BROKEN_OFF)
"""A wider token is cut into characters, so that each fits a line, also behind a label and before a dash."""


class Cue(msgspec.Struct, frozen=True):
    """One subtitle of one speaker. `opens`: it is the first of its turn. Times are stream_ms."""

    speaker: Literal["caller", "assistant"]
    opens: bool
    start_ms: int
    end_ms: int
    lines: list[str]


def cues(turns: Sequence[Turn]) -> list[Cue]:
    """The subtitles of a call, by their start. `has_no_place` says which turns are not in them."""
    made = [cue for speaker in LABELS for cue in _of_speaker(turn for turn in turns if turn.speaker == speaker)]
    return sorted(made, key=lambda cue: (cue.start_ms, cue.end_ms))


def has_no_place(turn: Turn) -> bool:
    """Whether it was heard and nothing says when."""
    return turn.start_ms is None and bool(turn.heard_text)


def _of_speaker(turns: Iterable[Turn]) -> Iterator[Cue]:
    said = [(turn.speaker, tokens) for turn in turns if (tokens := _tokens(turn))]
    free_ms = 0
    for speaker, tokens in sorted(said, key=lambda turn: turn[1][0].from_ms):
        indent = _INDENT
        for piece in pieces(tokens, indent):
            start_ms = max(piece[0].from_ms, free_ms)
            free_ms = min(max(piece[-1].to_ms, start_ms + CUE_MS_MIN), start_ms + CUE_MS_MAX)
            yield Cue(speaker, indent > 0, start_ms, free_ms, lines_of(piece, indent))
            indent = 0


def _tokens(turn: Turn) -> list[Token]:
    """What was heard of a turn, in tokens that each fit a line."""
    if turn.start_ms is None:
        return []
    heard = _timed(turn, turn.start_ms) if turn.words else _untimed(turn, turn.start_ms)
    said = [token for word in heard for token in _fitting(word)]
    if said and turn.heard_words < len(turn.words):
        said[-1] = said[-1]._replace(text=said[-1].text + BROKEN_OFF)
    return said


def _untimed(turn: Turn, start_ms: int) -> Iterator[Token]:
    end_ms = start_ms + LETTER_MS * len(turn.heard_text) if turn.end_ms is None else turn.end_ms
    return _spread(turn.heard_text.split(), True, True, start_ms, end_ms)


def _timed(turn: Turn, start_ms: int) -> Iterator[Token]:
    now_ms, end = start_ms, 0
    for index, (word, (begin, word_end)) in enumerate(zip(turn.words, places(turn), strict=True)):
        how = how_heard(turn, index)
        from_ms = now_ms if word.from_ms is None else word.from_ms
        now_ms = next(ms for ms in (word.to_ms, turn.end_ms, from_ms) if ms is not None)
        if how == "heard":
            yield from _spread([word.text], begin > end, True, from_ms, now_ms)
        elif how == "partly" and turn.partial is not None:
            yield from _spread(turn.partial.spoken.split(), begin > end, True, from_ms, now_ms)
        end = word_end


def _fitting(token: Token) -> Iterator[Token]:
    if cell_len(token.text) <= _TOKEN_MAX:
        return iter([token])
    characters = [token.text[begin:end] for begin, end, _ in split_graphemes(token.text)[0]]
    return _spread(characters, token.gap, False, token.from_ms, token.to_ms)


def _spread(texts: Iterable[str], gap: bool, gaps: bool, from_ms: int, to_ms: int) -> Iterator[Token]:
    """Tokens that share a time by their width. `gap`: a space stands before the first; `gaps`: before the others."""
    shown = [text for text in map(printable, texts) if text]
    parts = list(accumulate((cell_len(text) + 1 for text in shown), initial=0))
    for index, (text, (before, after)) in enumerate(zip(shown, pairwise(parts), strict=True)):
        times = (from_ms + (to_ms - from_ms) * part // parts[-1] for part in (before, after))
        yield Token(text, gaps if index else gap, *times)
