"""`replay words`: the words of a call, item by item, each with its times and whether it was heard.

A word has two times: where it stands in the item's audio, and when on Twilio's clock the caller heard it begin. The
second is not the first moved along: the caller may have waited in the middle of an item.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from engine.core.report import Turn
from engine.log.errors import LogError
from replay.data import JsonObject, turn_data
from replay.paint import Line, Style, line, visible
from replay.rows import Log
from replay.runner import Result
from replay.spoken import How, doubt, how_far, how_heard, how_much
from replay.text import clock

_NAMED_MAX = 8
"""Items that are named when the one asked for is not there."""
_STYLES: dict[str, Style] = {"heard": "plain", "partly": "warn", "unheard": "unheard"}
_COLUMNS = f"  {'from':>10}  {'to':>10}  {'heard at':>10}"


def turns_of(result: Result, item_id: str | None) -> list[Turn]:
    """The turns of a call, or the one that is asked for. Raises LogError if there is none of that name."""
    turns = result.report.turns
    if item_id is None:
        return turns
    found = [turn for turn in turns if turn.item_id == item_id]
    if not found:
        raise LogError(f"no item {item_id!r} in this call: {_those_there(item_id, turns)}")
    return found


def _those_there(item_id: str, turns: Sequence[Turn]) -> str:
    """The items there are, first those whose name is nearest."""
    if not turns:
        return "nobody spoke"
    names = sorted((turn.item_id for turn in turns), key=lambda name: -SequenceMatcher(None, item_id, name).ratio())
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return visible(f"there is {', '.join(names[:_NAMED_MAX])}{more}")


def words_data(log: Log, result: Result, turns: Sequence[Turn]) -> JsonObject:
    """What `replay words --json` prints: the turns are those of `replay --json`."""
    return {
        "call_sid": log.head.call_sid,
        "verdict": result.verdict,
        "reason": result.reason,
        "turns": [turn_data(turn) for turn in turns],
    }


def unreadable_words(reason: str) -> JsonObject:
    """The same keys for a log that cannot be read, or an item that is not in it."""
    return {"call_sid": None, "verdict": "unknown", "reason": reason, "turns": []}


def words_lines(turns: Sequence[Turn]) -> Iterator[Line]:
    """The words for eyes, one a line."""
    if not turns:
        yield line(("nobody spoke", "dim"))
        return
    yield line(("Words", "bold"), ("   from and to in the item's audio; heard at in stream time", "dim"))
    for turn in turns:
        yield line()
        yield from _of_caller(turn) if turn.speaker == "caller" else _of_assistant(turn)


def _of_caller(turn: Turn) -> Iterator[Line]:
    when = f", {clock(turn.start_ms)} to {clock(turn.end_ms)}"
    yield line((visible(turn.item_id), "bold"), "  ", ("caller", "caller"), when)
    yield line(visible(turn.heard_text) or ("(no transcript)", "dim"), label="  ")
    yield line(("a transcript only: nothing tells when the caller said which word", "dim"), label="  ")


def _of_assistant(turn: Turn) -> Iterator[Line]:
    cut = ", interrupted" if turn.interrupted else ""
    how = f"; {turn.method}, confidence {turn.confidence:.2f}" if turn.words else ""
    yield line((visible(turn.item_id), "bold"), "  ", ("assistant", "assistant"), f", heard {how_much(turn)}{cut}{how}")
    for note in filter(None, (how_far(turn), doubt(turn, "times"))):
        yield line((note, "dim"), label="  ")
    if not turn.words:
        yield line((visible(turn.generated_text) or "(no transcript)", "dim"), label="  ")
        return
    yield line((_COLUMNS, "dim"))
    for index, word in enumerate(turn.words):
        how = how_heard(turn, index)
        at = "" if word.from_ms is None else clock(word.from_ms)
        times = f"  {clock(word.start_ms):>10}  {clock(word.end_ms):>10}  {at:>10}  {how:<7}  "
        yield Line([(times, "dim")], [(visible(word.text), _STYLES[how])])
        for number, part in enumerate(word.parts if how == "partly" else ()):
            heard: How = "heard" if turn.partial is not None and number < turn.partial.parts else "unheard"
            end = "" if part.end_ms is None else clock(part.end_ms)
            times = f"  {'':>10}  {end:>10}  {'':>10}  {heard:<7}  "
            yield Line([(times, "dim")], [("  ", "plain"), (visible(part.text) or "…", _STYLES[heard])])
