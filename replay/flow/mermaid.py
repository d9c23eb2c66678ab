"""The ladder as a Mermaid sequence diagram, to be pasted into a ticket or a README.

What is said in a call may hold anything, and Mermaid takes much of it for its own: `;` ends a statement, `#` and `%%`
begin a comment, `$$` a formula, `<br>` a line. So what is not plainly harmless is written as Mermaid's entity for that
character (https://mermaid.js.org/syntax/sequenceDiagram.html#entity-codes-to-escape-characters).
"""

import re
from collections.abc import Iterable, Iterator

from replay.columns import clip
from replay.flow.ladder import GAP_MS_MIN, LANES, Rung

TEXT_MAX = 50_000
"""Characters that Mermaid draws (`maxTextSize`); GitHub does not raise it."""
DETAIL_COLUMNS = 60

_HARMFUL = re.compile(r"[^\w .,()/'?!=+*@-]")


def mermaid(rungs: Iterable[Rung]) -> str:
    """The whole diagram."""
    return "".join(f"{line}\n" for line in _lines(rungs))


def escape(text: str) -> str:
    """A text as Mermaid shows it unchanged."""
    return _HARMFUL.sub(lambda found: f"#{ord(found[0])};", text)


def _lines(rungs: Iterable[Rung]) -> Iterator[str]:
    yield "sequenceDiagram"
    for lane in LANES:
        yield f"    participant {lane}"
    before: int | None = None
    for rung in rungs:
        if before is not None and rung.stream_ms - before >= GAP_MS_MIN:
            yield f"    Note over caller,model: ... {(rung.stream_ms - before) / 1000:.2f} s"
        before = rung.stream_ms
        yield f"    {_head(rung)}: {escape(_words(rung))}"


def _head(rung: Rung) -> str:
    if rung.source == rung.target:
        return f"Note over {rung.source}"
    arrow = "->>" if rung.kind in ("frame", "trouble") else "-->>"
    return f"{rung.source}{arrow}{rung.target}"


def _words(rung: Rung) -> str:
    detail = f" {clip(rung.detail, DETAIL_COLUMNS)}" if rung.detail else ""
    return f"{rung.stream_ms / 1000:.3f} s {rung.label}{detail}"
