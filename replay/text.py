"""A call for eyes: what the caller heard, what was cut and why, what went wrong, and the verdict.

Read by an engineer who was woken up, so the order is the order of the questions: which call, what was said, what of it
was heard, what happened at each interruption, what broke, can the log be believed. Times are stream time (m:ss.mmm of
Twilio's clock, the one that a recording of the call shares) unless a line says that it counts from the call's opening.
"""

from collections.abc import Iterator

from engine.core.entries import APPEND_BODY
from engine.core.report import Interrupted, InterruptedItem, Report, Turn
from engine.log.reader import Row
from replay.diff import differences, summary
from replay.paint import Line, Span, Style, line, visible
from replay.rows import Log
from replay.runner import Divergence, Result
from replay.spoken import doubt, how_far, how_much, unit
from replay.trouble import troubles

TEXT_MAX = 160
"""Characters of a body that are shown; `--json` has all of them."""
CONTEXT_BEFORE, CONTEXT_AFTER = 6, 3
"""Entries shown around a divergence. Those that only carry audio are left out: there are a hundred in a second."""
_AUDIO_TYPES = frozenset({"media", "input_audio_buffer.append", "response.output_audio.delta", "response.audio.delta"})
VERDICT_STYLE: dict[str, Style] = {"same": "good", "diverged": "bad", "unknown": "warn"}


def clock(ms: int | None) -> str:
    """m:ss.mmm, or "unknown"."""
    if ms is None:
        return "unknown"
    return f"{ms // 60_000}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def when(started_at: str) -> str:
    """A wall clock time to the second, as people write it."""
    zone = "" if not started_at.endswith("+00:00") else " UTC"
    return started_at[:19].replace("T", " ") + zone


def call_lines(log: Log, result: Result) -> Iterator[Line]:
    """The whole report."""
    yield from _head(log, result)
    yield from _conversation(result.report.turns)
    turns = {turn.item_id: turn for turn in result.report.turns}
    if result.report.interruptions:
        yield from _heading("Interruptions")
        for number, interruption in enumerate(result.report.interruptions, 1):
            yield from _interruption(number, interruption, turns)
    yield from _troubles(log, result.report)
    if result.divergence is not None:
        yield from _heading("Divergence")
        yield from divergence_lines(log, result.divergence)
    yield from verdict_lines(result)


def _heading(title: str, note: str = "") -> Iterator[Line]:
    yield line()
    yield line((title, "bold"), (f"   {note}" if note else "", "dim"))


def _head(log: Log, result: Result) -> Iterator[Line]:
    head, report, counts = log.head, result.report, result.counts
    ended = "no end in the log (killed, or still running)" if result.cut else f"ended: {result.ended}"
    why = f" ({visible(report.reason)})" if report.reason and not result.cut else ""
    yield line((head.call_sid or "no call SID", "bold"), f"   stream {head.stream_sid or 'unknown'}")
    yield line(f"{when(head.started_at)}, {clock(report.duration_ms)} long, {ended}{why}")
    yield line(
        (
            f"{counts.entries} entries: {counts.inputs} inputs, {counts.commands} commands, {counts.faults} faults, "
            f"{counts.malformed} malformed; format {head.format}, rules {head.rules}, engine {head.engine_version}",
            "dim",
        )
    )


def _conversation(turns: list[Turn]) -> Iterator[Line]:
    yield from _heading("Conversation", "stream time; in brackets what was not heard, or not to its end")
    if not turns:
        yield line(("  nobody spoke", "dim"))
    for turn in turns:
        style: Style = "caller" if turn.speaker == "caller" else "assistant"
        label: list[Span] = [(f"{clock(turn.start_ms):>10}  ", "dim"), (f"{turn.speaker:<9}  ", style)]
        yield Line(label, said_spans(turn.speaker, turn.generated_text, turn.heard_text))
        for note in _notes(turn):
            yield line((note, "dim"), label=" " * 23)


def said_spans(speaker: str, generated_text: str, heard_text: str) -> list[Span]:
    """What somebody said, with what of it was not heard."""
    generated, heard = visible(generated_text), visible(heard_text)
    if speaker == "caller" or generated == heard:
        return [(heard or generated or "(no transcript)", "plain" if heard or generated else "dim")]
    if not generated.startswith(heard):
        return [(heard, "plain"), (" ", "plain"), (f"generated: {generated}", "unheard")]
    unheard = generated[len(heard) :]
    gap = " " if heard and unheard.startswith(" ") else ""
    return [(heard + gap, "plain"), (unheard.strip(), "unheard")]


def _notes(turn: Turn) -> Iterator[str]:
    """Nothing to say of a turn that was heard to its end, nor of its words where they are certain."""
    if turn.speaker == "caller" or (turn.heard_ms >= turn.generated_ms and not turn.interrupted):
        return
    cut = ", interrupted" if turn.interrupted else ""
    if turn.heard_max_ms == 0:
        yield f"{turn.item_id}: heard nothing of {turn.generated_ms} ms{cut}"
        return
    yield f"{turn.item_id}: heard {how_much(turn)}{cut}"
    yield from filter(None, (doubt(turn, unit(turn)), how_far(turn)))


def _interruption(number: int, cut: Interrupted, turns: dict[str, Turn]) -> Iterator[Line]:
    onset = cut.caller_onset_ms
    yield line((f"at {clock(cut.at_ms)}", "bold"), label=f"  {number}  ")
    indent = "     "
    if onset is not None:
        yield line(f"{clock(onset)}{_playing_then(onset, cut, turns)}", label=f"{indent}caller began   ")
    late = f", {cut.clear_sent_ms - onset} ms after the caller began" if onset is not None else ""
    yield line(f"{clock(cut.clear_sent_ms)}{late}", label=f"{indent}clear sent     ")
    if cut.clear_effective_ms is None:
        yield line(("not seen", "warn"), label=f"{indent}took effect    ")
    else:
        later = f", {cut.clear_effective_ms - cut.clear_sent_ms} ms later"
        yield line(f"{clock(cut.clear_effective_ms)}{later}", label=f"{indent}took effect    ")
    for item in cut.items:
        yield line(*_outcome(item, turns.get(item.item_id)), label=f"{indent}{item.item_id}   ")


def _playing_then(onset_ms: int, cut: Interrupted, turns: dict[str, Turn]) -> str:
    for item in cut.items:
        turn = turns.get(item.item_id)
        if turn and turn.start_ms is not None and 0 <= onset_ms - turn.start_ms <= turn.generated_ms:
            return f", {onset_ms - turn.start_ms} ms into {item.item_id}"
    return ""


def _outcome(item: InterruptedItem, turn: Turn | None) -> list[Span]:
    of = f" of {turn.generated_ms}" if turn else ""
    bounds = f" ({turn.heard_min_ms} to {turn.heard_max_ms})" if turn and item.heard_ms == turn.heard_ms else ""
    did: str = "left as it is" if item.action == "none" else item.action
    if item.audio_end_ms is not None:
        did += f" at {item.audio_end_ms} ms"
    spans: list[Span] = [(f"heard {item.heard_ms}{of} ms{bounds}; {did}", "plain")]
    if item.action != "none":
        style: Style = "good" if item.outcome == "ok" else "bad" if item.outcome == "error" else "warn"
        spans += [(": ", "plain"), (item.outcome, style)]
    return spans


def _troubles(log: Log, report: Report) -> Iterator[Line]:
    found = troubles(log.rows())
    if found or report.dropped_ms or report.underruns:
        yield from _heading("Trouble", "times from the call's opening")
    if report.dropped_ms:
        kept_ms = log.settings.limits.pending_audio_ms_max
        told = (
            f"{report.dropped_ms} ms of the caller came before the model was ready and were dropped; {kept_ms} are kept"
        )
        yield Line([("  ", "plain")], [("pending_audio_ms_max: ", "warn"), (told, "plain")])
    if report.underruns:
        times = "once" if report.underruns == 1 else f"{report.underruns} times"
        told = f"{times}, the caller waited in the middle of an item for more of it"
        yield Line([("  ", "plain")], [("underrun: ", "warn"), (told, "plain")])
    for trouble in found:
        label: list[Span] = [(f"{clock(trouble.at_ns // 1_000_000):>10}  entry {trouble.seq:<6} ", "dim")]
        yield Line(label, [(f"{trouble.what}: ", "warn"), (_clip(visible(trouble.detail)), "plain")])


def divergence_lines(log: Log, found: Divergence) -> Iterator[Line]:
    """Where recorded and replayed part: field by field, what brought it about, and what stood around it."""
    yield line(
        (f"entry {found.seq}", "bold"), f", {clock(found.at_ns // 1_000_000)} from the call's opening", label="  "
    )
    yield line(_clip(visible(summary(found.recorded))), label="  recorded  ")
    yield line(_clip(visible(summary(found.replayed))), label="  replayed  ")
    if found.recorded is not None and found.replayed is not None:
        for difference in differences(found.recorded, found.replayed):
            yield line((_clip(visible(str(difference))), "bad"), label="    ")
    if found.cause is not None:
        yield line(_clip(visible(summary(found.cause))), label=f"  while deciding entry {found.cause.seq}: ")
    yield line(("in the log, audio left out:", "dim"), label="  ")
    for row in _around(log, found.seq):
        mark = ">" if row[0] == found.seq else " "
        label = f"  {mark} {row[0]:>6} {clock(row[1] // 1_000_000):>10}  {row[2]:<7} {row[3]:<6} "
        yield line(_clip(visible(f"{row[4]} {row[5] or APPEND_BODY}")), label=label)


def _around(log: Log, seq: int) -> list[Row]:
    before: list[Row] = []
    after: list[Row] = []
    for row in log.rows():
        if row[4] in _AUDIO_TYPES and row[0] != seq:
            continue
        if row[0] < seq:
            before = [*before[1 - CONTEXT_BEFORE :], row]
        elif len(after) <= CONTEXT_AFTER:
            after.append(row)
        else:
            break
    return before + after


def verdict_lines(result: Result) -> Iterator[Line]:
    """The last thing that is said."""
    yield line()
    yield line((result.verdict, VERDICT_STYLE[result.verdict]), f": {result.reason}")


def _clip(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}… ({len(text) - TEXT_MAX} more characters)"
