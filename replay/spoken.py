"""The words of one turn: which of them were heard, and how far that can be believed.

A turn's words stand in its generated text in order. The first `heard_words` of them were heard; the one after them may
have begun, or been heard in part ("four one five" of a telephone number); the rest never reached the ear. `replay`,
its JSON, `replay words` and the subtitles all ask here, so that they agree.
"""

from typing import Literal

from msgspec.structs import astuple

from engine.core.report import ModelAway, Turn
from replay.paint import visible

CONFIDENCE_MIN = 0.5
"""From here on letters were found where they should be: 99 in 100 right transcripts are above, few wrong ones."""

_MARKS = ".,;:!?…"

How = Literal["heard", "partly", "unheard"]


def away_told(away: ModelAway) -> str:
    """How long the model was away, and why, and what it took to have it back."""
    dials = "1 dial" if away.dials == 1 else f"{away.dials} dials"
    if away.to_ms is None:
        return f"from then on: {away.reason}; {dials}"
    items = "1 item" if away.restored == 1 else f"{away.restored} items"
    return f"for {away.to_ms - away.from_ms} ms: {away.reason}; {dials}, {items} restored"


def is_ours(turn: Turn) -> bool:
    """Whether the bridge itself said this, and no model: what the caller is told while the model is away."""
    return turn.speaker == "assistant" and turn.response_id is None


OURS = "said by the bridge, for the model was away"


def unit(turn: Turn) -> str:
    """What is counted: where a script writes no spaces, characters."""
    return "characters" if turn.method == "characters" else "words"


def how_heard(turn: Turn, index: int) -> How:
    """Whether one of its words was heard. Partly: the caller heard its beginning, and not its end."""
    if index < turn.heard_words:
        return "heard"
    return "partly" if index == turn.heard_words and turn.words[index].from_ms is not None else "unheard"


def places(turn: Turn) -> list[tuple[int, int]]:
    """Where in the generated text each word stands. A word that is not in it (any more) takes no room."""
    found, end = [], 0
    for word in turn.words:
        begin = turn.generated_text.find(word.text, end)
        begin, end = (end, end) if begin < 0 else (begin, begin + len(word.text))
        found.append((begin, end))
    return found


def first_words(turn: Turn, count: int) -> str:
    """The generated text up to the end of its first `count` words. Where there are no words, what was heard."""
    ends = [0, *(end for _, end in places(turn))]
    return turn.generated_text[: ends[count]] if turn.words else turn.heard_text


def how_much(turn: Turn) -> str:
    """What was heard of an assistant's turn, in time and in words, each with its bounds where they differ."""
    times = f"{turn.heard_ms} of {turn.generated_ms} ms{_bounds(turn.heard_min_ms, turn.heard_max_ms)}"
    if not turn.words:
        return times
    bounds = _bounds(turn.heard_words_min, turn.heard_words_max)
    return f"{times}, {turn.heard_words} of {len(turn.words)} {unit(turn)}{bounds}"


def _bounds(least: int, most: int) -> str:
    return f" ({least} to {most})" if least < most else ""


def how_far(turn: Turn) -> str:
    """How far the caller had heard a token of several words when it was cut. Empty: there is none."""
    if turn.partial is None:
        return ""
    token, spoken, parts, parts_of = astuple(turn.partial)
    words = f'"{visible(spoken)}" ' if spoken else ""  # in most languages it is not known how a number is read
    return f"{visible(token).rstrip(_MARKS)}: heard {words}({parts} of {parts_of})"


def doubt(turn: Turn, what: str) -> str:
    """Why `what` is told of an assistant's words is no more than an estimate. Empty: it is more, or there are none."""
    if not turn.words or turn.method == "none":
        return "which words is not known: they were not looked for in the audio" if turn.generated_text else ""
    if turn.method == "letters":
        fits = f"the audio fits the transcript poorly (confidence {turn.confidence:.2f})"
        return "" if turn.confidence >= CONFIDENCE_MIN else f"{what} are an estimate: {fits}"
    return f"{what} are an estimate: the text was spread over the voiced audio"
