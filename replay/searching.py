"""Full-text search over what was said, by whom, and whether it was heard.

What the assistant says exists twice: as it was generated, and as far as the caller heard it. So there are three
questions: was it said at all (generated), was it *heard*, and was it generated and *not heard*. The last is not the
negation of the second: of a turn that has the words in what was generated, what was heard of the same turn must not
have them. A phrase of which only the beginning was heard was not heard.

The index finds the turns quickly, but the judgement is made here, on the texts: it is the same for a call that is in no
index, as one that still runs.
"""

from typing import Literal, Protocol

import msgspec

from engine.log.terms import Phrase, phrases, places
from replay.paint import Line, Span, Style
from replay.text import clock, said_spans

EXCERPT_BEFORE, EXCERPT_AFTER = 60, 100
"""Characters of a long turn that are shown around what was looked for."""


class Said(msgspec.Struct, frozen=True):
    """A turn in which what was looked for was found. `turn`: its number, as in `turn:3`."""

    turn: int
    speaker: Literal["caller", "assistant"]
    item_id: str
    stream_ms: int | None
    generated_text: str
    heard_text: str


class AnyTurn(Protocol):
    """What a search looks at: a turn of a report, or of the index."""

    @property
    def speaker(self) -> Literal["caller", "assistant"]: ...
    @property
    def item_id(self) -> str: ...
    @property
    def start_ms(self) -> int | None: ...
    @property
    def generated_text(self) -> str: ...
    @property
    def heard_text(self) -> str: ...
    @property
    def heard_ms(self) -> int: ...
    @property
    def method(self) -> str: ...


class Search(msgspec.Struct, frozen=True):
    """What is looked for; all phrases must be in one turn. `heard`: only what was heard, or only what was not."""

    phrases: list[Phrase]
    by: Literal["caller", "assistant"] | None = None
    heard: bool | None = None

    def finds(self, turn: AnyTurn) -> bool:
        """Whether a turn is one of those."""
        if self.by not in (None, turn.speaker) or places(turn.generated_text, self.phrases) is None:
            return False
        return self.heard is None or self.heard is (places(turn.heard_text, self.phrases) is not None)

    def is_open(self, turn: AnyTurn) -> bool:
        """Whether the answer hangs on words that have not been looked for in the audio yet."""
        return self.heard is not None and turn.method == "none" and turn.heard_ms > 0


def search_for(query: str, by: Literal["caller", "assistant"] | None, heard: bool | None) -> Search:
    """A search from what a person typed. Heard or not is a question about the assistant. Raises ValueError."""
    wanted = phrases(query)
    if not wanted:
        raise ValueError(f"there is no word in {query!r} to look for")
    return Search(wanted, by if heard is None else "assistant", heard)


def said_in(turn: AnyTurn, number: int) -> Said:
    """What a search says of a turn that it finds."""
    return Said(number, turn.speaker, turn.item_id, turn.start_ms, turn.generated_text, turn.heard_text)


def said_line(said: Said, search: Search) -> Line:
    """Where it was said, and what."""
    style: Style = "caller" if said.speaker == "caller" else "assistant"
    when = "not heard" if said.stream_ms is None else clock(said.stream_ms)
    label: list[Span] = [(f"  {when:>12}  turn:{said.turn:<4} ", "dim"), (f"{said.speaker:<9}  ", style)]
    return Line(label, said_spans(said.speaker, *_excerpt(said, search)))


def _excerpt(said: Said, search: Search) -> tuple[str, str]:
    """Generated and heard text around the first phrase. Where the two begin differently, both whole."""
    generated, heard = said.generated_text, said.heard_text
    if not generated.startswith(heard):
        return generated, heard
    first, *_ = places(generated, search.phrases) or [(0, 0)]
    begin, end = _word(generated, first[0] - EXCERPT_BEFORE), _word(generated, first[1] + EXCERPT_AFTER)
    before = "… " if begin else ""
    shown = f"{before}{generated[begin:end].rstrip()}{' …' if end < len(generated) else ''}"
    if len(heard) >= end:
        return shown, shown
    return shown, f"{before}{heard[begin:]}" if len(heard) > begin else ""


def _word(text: str, at: int) -> int:
    """The beginning of the word at a place in a text, or the place where words have none near it."""
    if not 0 < at < len(text):
        return min(max(at, 0), len(text))
    space = text.rfind(" ", max(0, at - 20), at)
    return at if space < 0 else space + 1
