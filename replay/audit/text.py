"""An audit for eyes: each interruption, what was heard, what the model was told, what is wrong and why."""

from collections import Counter
from collections.abc import Iterable, Iterator

from replay.audit.causes import CAUSES, Cause
from replay.audit.findings import Audit, BargeIn, Finding, HeardItem
from replay.paint import Line, Span, line, visible
from replay.rows import Log
from replay.text import clock, when

QUOTE_MAX = 100
"""Characters of words that are quoted whole. Of more, both ends are."""
INDENT = " " * 5


def audit_lines(log: Log, audit: Audit, explain: bool) -> Iterator[Line]:
    """The whole audit. `explain`: with what each cause means and how to mend it."""
    head = log.head
    made = f"made by playhead, rules {head.rules}" if audit.is_ours else "made by another bridge"
    yield line((visible(head.call_sid) or "no call SID", "bold"), f"   stream {visible(head.stream_sid) or 'unknown'}")
    yield line(f"{when(head.started_at)}, {made}")
    for barge_in in audit.barge_ins:
        yield line()
        yield from _barge_in(barge_in)
    if audit.notes:
        yield line()
        yield from (line((visible(note), "dim"), label="note: ") for note in audit.notes)
    found = [CAUSES[name] for name in dict.fromkeys(finding.cause for finding in audit.findings)]
    if explain and found:
        yield line()
        yield from cause_lines(found)
    yield line()
    yield verdict_line(audit)


def _barge_in(barge_in: BargeIn) -> Iterator[Line]:
    yield line((f"Barge-in {barge_in.number}", "bold"), f"   at {clock(barge_in.at_ms)}, entry {barge_in.seq}")
    onset_ms, sent_ms, effective_ms = barge_in.caller_onset_ms, barge_in.clear_sent_ms, barge_in.clear_effective_ms
    if onset_ms is not None:
        playing = (
            f", {barge_in.playing_ms} ms into {visible(barge_in.playing_item_id)}" if barge_in.playing_item_id else ""
        )
        yield line(f"{clock(onset_ms)}{playing}", label=f"{INDENT}caller began   ")
    if sent_ms is None:
        yield line(("none", "warn"), label=f"{INDENT}clear          ")
    else:
        late = f", {sent_ms - onset_ms} ms after the caller began" if onset_ms is not None else ""
        effect = f"; took effect {effective_ms - sent_ms} ms later" if effective_ms is not None else ""
        yield line(f"{clock(sent_ms)}{late}{effect}", label=f"{INDENT}clear sent     ")
    for item in barge_in.items:
        yield from _item(item)
    for finding in barge_in.findings:
        yield from _finding(finding)


def _item(item: HeardItem) -> Iterator[Line]:
    bounds = f" ({item.heard_min_ms} to {item.heard_max_ms})" if item.heard_min_ms < item.heard_max_ms else ""
    did = {"none": "left as it is", "delete": "deleted", "truncate": f"truncated at {item.audio_end_ms} ms"}
    told = f"heard {item.heard_ms} of {item.generated_ms} ms{bounds}; {did[item.action]}"
    spans: list[Span] = [(told, "plain")]
    if item.outcome is not None:
        spans += [(": ", "plain"), (item.outcome, "good" if item.outcome == "ok" else "warn")]
    yield line(*spans, label=f"{INDENT}{visible(item.item_id)}   ")
    if item.heard_text:
        yield line((_quoted("heard", item.heard_text), "dim"), label=INDENT * 2)
    if item.error_ms > 0:
        told = _quoted(f"the model keeps {item.error_ms} ms that nobody heard", item.kept_text)
        yield line((told, "warn"), label=INDENT * 2)
    elif item.error_ms < 0:
        told = _quoted(f"the model forgets {-item.error_ms} ms that were heard", item.lost_text)
        yield line((told, "warn"), label=INDENT * 2)


def _quoted(what: str, words: str) -> str:
    shown = visible(words)
    if len(shown) > QUOTE_MAX:
        shown = f"{shown[: QUOTE_MAX // 2]} … {shown[-QUOTE_MAX // 2 :]}"
    return f'{what}: "{shown}"' if shown else what


def _finding(finding: Finding) -> Iterator[Line]:
    item = f" ({visible(finding.item_id)})" if finding.item_id is not None else ""
    yield line((CAUSES[finding.cause].title, "bad"), item, label=f"{INDENT}WRONG  ")
    yield line(visible(finding.because), label=INDENT * 2)
    if finding.could_be:
        others = ", ".join(CAUSES[name].title for name in finding.could_be)
        yield line((f"could also be: {others}", "dim"), label=INDENT * 2)


def cause_lines(causes: Iterable[Cause]) -> Iterator[Line]:
    """What each cause means, and how to mend it."""
    for cause in causes:
        yield line((cause.title, "bold"), (f"   {cause.name}", "dim"))
        yield line(cause.why, label=INDENT)
        yield line(cause.fix, label=f"{INDENT}fix: ")


def verdict_line(audit: Audit) -> Line:
    """The last thing that is said."""
    among = "nobody broke in"
    if audit.barge_ins:
        among = f"{len(audit.barge_ins)} interruption{'s' * (len(audit.barge_ins) > 1)}"
    if not audit.findings:
        return line(("clean", "good"), f": {among}" + (", nothing wrong" if audit.barge_ins else ""))
    names = Counter(finding.cause for finding in audit.findings)
    told = ", ".join(f"{CAUSES[name].title} ({times})" for name, times in names.most_common())
    mistakes = f"{len(audit.findings)} mistake{'s' * (len(audit.findings) > 1)}"
    return line(("wrong", "bad"), f": {mistakes} in {among}: {told}")
