"""Turns made by hand, for the tests of what people see of words: nothing here depends on how words are found."""

from engine.core.heard import Partial
from engine.core.report import SpokenWord, Turn


def caller(text: str, start_ms: int | None, end_ms: int | None, item_id: str = "item_u1") -> Turn:
    return Turn("caller", item_id, None, start_ms, end_ms, text, text, 0, 0, 0, 0, False, "")


def assistant(
    text: str,
    heard: int | None = None,
    *,
    start_ms: int = 1_000,
    each_ms: int = 200,
    pauses: dict[int, int] | None = None,
    partial: Partial | None = None,
    method: str = "letters",
    item_id: str = "item_1",
) -> Turn:
    """Of the words of `text`, each as long as the next, the first `heard` were heard (all), from `start_ms` on.

    `pauses`: silence before the word of that number. The word after the last one heard is cut in its middle.
    """
    tokens = list(text) if method == "characters" else text.split()
    count = len(tokens) if heard is None else heard
    words, at = [], 0
    for index, token in enumerate(tokens):
        begin = at + (pauses or {}).get(index, 0)
        at = begin + each_ms
        is_begun, is_heard = index <= count, index < count
        words.append(
            SpokenWord(token, begin, at, start_ms + begin if is_begun else None, start_ms + at if is_heard else None)
        )
    heard_ms = at if count == len(tokens) else words[count].start_ms + each_ms // 2
    return Turn(
        speaker="assistant",
        item_id=item_id,
        response_id="resp_1",
        start_ms=start_ms,
        end_ms=start_ms + heard_ms,
        generated_text=text,
        heard_text=(("" if method == "characters" else " ").join(tokens[:count])),
        generated_ms=at,
        heard_ms=heard_ms,
        heard_min_ms=max(0, heard_ms - 20),
        heard_max_ms=min(at, heard_ms + 20),
        interrupted=count < len(tokens),
        method=method,
        confidence=0.7 if method == "letters" else 0.0,
        heard_words=count,
        heard_words_min=count,
        heard_words_max=count,
        partial=partial,
        words=words,
    )
