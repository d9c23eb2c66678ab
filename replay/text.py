"""A call for eyes: what the caller heard, what was cut and why, what went wrong, and the verdict.

Read by an engineer who was woken up, so the order is the order of the questions: which call, what was said, what of it
was heard, what happened at each interruption, what broke, can the log be believed. Times are stream time (m:ss.mmm of
Twilio's clock, the one that a recording of the call shares), so any of them can be given to `--at`.

Where log and version part, the report is the call as this version understands it, and says so; what the model was told
at an interruption, and answered, then stands beside it as recorded. Where the log ends before the call does, of what
is playing it is told how far the ear had come by then.
"""

from collections.abc import Iterator, Mapping, Sequence

from engine.core import Entry
from engine.core.audio import ms_of
from engine.core.report import Interrupted, InterruptedItem, Report, Turn
from replay.columns import shorten
from replay.compare.diff import differences, summary
from replay.metrics.dates import Dates
from replay.metrics.measures import Underrun, gather, measures_of
from replay.paint import Line, Span, Style, line, visible
from replay.repairs import Told, as_recorded
from replay.rows import Log
from replay.runner import Divergence, Result
from replay.spoken import OURS, away_told, doubt, how_far, how_much, is_ours, unit
from replay.state.at_ear import AtEar
from replay.trouble import troubles
from replay.walk import Walk

TEXT_MAX = 160
"""Characters of a body that are shown; `--json` has all of them."""
CONTEXT_BEFORE, CONTEXT_AFTER = 6, 3
"""Entries shown around a divergence. Those that only carry audio are left out: there are a hundred in a second."""
_INDENT = " " * 5
_BY_THEN = "when the log ends"
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
    call, dates = gather(log)
    told, at_ear = dates.repairs.told(), {each.item_id: each for each in result.at_ear}
    yield from _head(log, result)
    yield from _conversation(result, told, at_ear)
    turns = {turn.item_id: turn for turn in result.report.turns}
    if result.report.interruptions:
        yield from _heading("Interruptions")
        yield from _version(result)
        for number, interruption in enumerate(result.report.interruptions, 1):
            yield from _interruption(number, interruption, turns)
            for item in interruption.items:
                outcome = _outcome(item, as_recorded(item, told), turns.get(item.item_id), at_ear.get(item.item_id))
                yield line(*outcome, label=f"{_INDENT}{item.item_id}   ")
    yield from _troubles(log, result.report, dates, measures_of(call, dates).underruns)
    if result.divergence is not None:
        yield from _heading("Divergence")
        yield from divergence_lines(log, result.divergence)
    yield from verdict_lines(result)


def _heading(title: str, note: str = "") -> Iterator[Line]:
    yield line()
    yield line((title, "bold"), (f"   {note}" if note else "", "dim"))


def _version(result: Result) -> Iterator[Line]:
    """Whose understanding it is that follows, where that is not the recorded one."""
    if result.verdict == "diverged" and result.divergence is not None:
        told = f"as this version understands it: the log parts from it at entry {result.divergence.seq}"
        yield line((told, "warn"), label="  ")


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


def _conversation(result: Result, told: Mapping[str, Told], at_ear: Mapping[str, AtEar]) -> Iterator[Line]:
    turns = result.report.turns
    yield from _heading("Conversation", "stream time; in brackets what was not heard, or not to its end")
    yield from _version(result)
    if not turns:
        yield line(("  nobody spoke", "dim"))
    for turn in turns:
        style: Style = "caller" if turn.speaker == "caller" else "assistant"
        label: list[Span] = [(f"{clock(turn.start_ms):>10}  ", "dim"), (f"{turn.speaker:<9}  ", style)]
        heard_text, notes = turn.heard_text, [*_notes(turn, told.get(turn.item_id))]
        if ear := at_ear.get(turn.item_id):
            heard_text, notes = ear.heard_text, [f"{turn.item_id}: heard {ear.how_much} {_BY_THEN}"]
        yield Line(label, said_spans(turn.speaker, turn.generated_text, heard_text))
        for note in notes:
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


def _notes(turn: Turn, told: Told | None) -> Iterator[str]:
    """Nothing more to say of a turn that was heard to its end, nor of its words where they are certain."""
    if is_ours(turn):
        yield f"{turn.item_id}: {OURS}"
    deleted = f"; deleted: {told.outcome}" if told is not None and told.action == "delete" else ""
    if turn.speaker == "caller" or (turn.heard_ms >= turn.generated_ms and not turn.interrupted and not deleted):
        return
    cut = ", interrupted" if turn.interrupted else ""
    if turn.heard_max_ms == 0:
        yield f"{turn.item_id}: heard nothing of {turn.generated_ms} ms{cut}{deleted}"
        return
    yield f"{turn.item_id}: heard {how_much(turn)}{cut}"
    yield from filter(None, (doubt(turn, unit(turn)), how_far(turn)))


def _interruption(number: int, cut: Interrupted, turns: dict[str, Turn]) -> Iterator[Line]:
    onset = cut.caller_onset_ms
    yield line((f"at {clock(cut.at_ms)}", "bold"), label=f"  {number}  ")
    if onset is not None:
        yield line(f"{clock(onset)}{_playing_then(onset, cut, turns)}", label=f"{_INDENT}caller began   ")
    late = f", {cut.clear_sent_ms - onset} ms after the caller began" if onset is not None else ""
    yield line(f"{clock(cut.clear_sent_ms)}{late}", label=f"{_INDENT}clear sent     ")
    if cut.clear_effective_ms is None:
        yield line(("not seen", "warn"), label=f"{_INDENT}took effect    ")
    else:
        later = f", {cut.clear_effective_ms - cut.clear_sent_ms} ms later"
        yield line(f"{clock(cut.clear_effective_ms)}{later}", label=f"{_INDENT}took effect    ")


def _playing_then(onset_ms: int, cut: Interrupted, turns: dict[str, Turn]) -> str:
    for item in cut.items:
        turn = turns.get(item.item_id)
        if turn and turn.start_ms is not None and 0 <= onset_ms - turn.start_ms <= turn.generated_ms:
            return f", {onset_ms - turn.start_ms} ms into {item.item_id}"
    return ""


def _outcome(item: InterruptedItem, then: InterruptedItem, turn: Turn | None, ear: AtEar | None) -> list[Span]:
    """What was heard of an item, and what was done about it. `then`: as recorded."""
    of = f" of {turn.generated_ms}" if turn else ""
    bounds = f" ({turn.heard_min_ms} to {turn.heard_max_ms})" if turn and item.heard_ms == turn.heard_ms else ""
    heard = f"heard {item.heard_ms}{of} ms{bounds}" if ear is None else f"heard {ear.how_much} {_BY_THEN}"
    if ear is not None and item.action == then.action == "none":
        return [(f"{heard}; nothing was asked of the model yet", "plain")]
    if then == item:
        return [(f"{heard}; ", "plain"), *_did(item)]
    return [(f"{heard}; this version: ", "plain"), _did(item)[0], ("; recorded: ", "plain"), *_did(then)]


def _did(item: InterruptedItem) -> list[Span]:
    if item.action == "none":
        return [("left as it is", "plain")]
    style: Style = "good" if item.outcome == "ok" else "bad" if item.outcome == "error" else "warn"
    at = f" at {item.audio_end_ms} ms" if item.audio_end_ms is not None else ""
    return [(f"{item.action}{at}", "plain"), (": ", "plain"), (item.outcome, style)]


def _troubles(log: Log, report: Report, dates: Dates, underruns: Sequence[Underrun]) -> Iterator[Line]:
    found, label = troubles(log.rows()), list[Span]()
    if found or report.dropped_ms or underruns or report.model_away:
        yield from _heading("Trouble")
    for away in report.model_away:
        label = [(f"{clock(away.from_ms):>10}  entry {away.seq:<6} ", "dim")]
        yield Line(label, [("model away: ", "warn"), (_clip(visible(away_told(away))), "plain")])
    if report.dropped_ms:
        kept_ms = log.settings.limits.pending_audio_ms_max
        told = (
            f"{report.dropped_ms} ms of the caller came before the model was ready and were dropped; {kept_ms} are kept"
        )
        yield Line([("  ", "plain")], [("pending_audio_ms_max: ", "warn"), (told, "plain")])
    if underruns:
        worst = max(underruns, key=lambda each: each.ms)
        times = "once" if len(underruns) == 1 else f"{len(underruns)} times"
        told = f"{times}, the caller waited in the middle of an item for more of it; the longest is {worst.ms} ms"
        yield Line([("  ", "plain")], [("underrun: ", "warn"), (f"{told}, at {clock(worst.at_ms)}", "plain")])
    for trouble in found:
        label = [(f"{clock(ms_of(dates.at_of(trouble.seq))):>10}  entry {trouble.seq:<6} ", "dim")]
        yield Line(label, [(f"{trouble.what}: ", "warn"), (_clip(visible(trouble.detail)), "plain")])


def divergence_lines(log: Log, found: Divergence) -> Iterator[Line]:
    """Where recorded and replayed part: field by field, what brought it about, and what stood around it."""
    yield line((f"entry {found.seq}", "bold"), f", {clock(found.stream_ms)} of the stream", label="  ")
    yield line(_clip(visible(summary(found.recorded))), label="  recorded  ")
    yield line(_clip(visible(summary(found.replayed))), label="  replayed  ")
    if found.recorded is not None and found.replayed is not None:
        for difference in differences(found.recorded, found.replayed):
            yield line((_clip(visible(str(difference))), "bad"), label="    ")
    if found.cause is not None:
        yield line(_clip(visible(summary(found.cause))), label=f"  while deciding entry {found.cause.seq}: ")
    yield line(("in the log, audio left out:", "dim"), label="  ")
    for entry, stream_ms in _around(log, found.seq):
        mark = ">" if entry.seq == found.seq else " "
        label = f"  {mark} {entry.seq:>6} {clock(stream_ms):>10}  {entry.kind:<7} {entry.leg:<6} "
        yield line(_clip(visible(f"{entry.type} {entry.body}")), label=label)


def _around(log: Log, seq: int) -> list[tuple[Entry, int]]:
    """Entries, each with its stream time."""
    before: list[tuple[Entry, int]] = []
    after: list[tuple[Entry, int]] = []
    for entry, stream_ms in ((entry, moment.stream_ms) for moment in Walk(log) for entry in moment.entries):
        if entry.type in _AUDIO_TYPES and entry.seq != seq:
            continue
        if entry.seq < seq:
            before = [*before[1 - CONTEXT_BEFORE :], (entry, stream_ms)]
        elif len(after) <= CONTEXT_AFTER:
            after.append((entry, stream_ms))
        else:
            break
    return before + after


def verdict_lines(result: Result) -> Iterator[Line]:
    """The last thing that is said."""
    yield line()
    yield line((result.verdict, VERDICT_STYLE[result.verdict]), f": {result.reason}")


def _clip(text: str) -> str:
    return shorten(text, TEXT_MAX)
