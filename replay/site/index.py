"""The index page: what all calls come to, and the calls themselves, with what was said in them.

The summary is small and read at once. The calls are compressed: a thousand of them, with every word, are unpacked in
less time than the page takes to be drawn. The same rows give the same bytes.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

import msgspec

from replay.metrics.stats import METRICS, spread
from replay.runner import Verdict
from replay.site.row import METRICS_SHOWN, Row, Value
from replay.view import bundle

_MAIN = "site"
_LABELS = {metric.key: metric.label for metric in METRICS}


class Unreadable(NamedTuple):
    """A log of which there is no page, and why."""

    log: str
    reason: str


def index_page(rows: Sequence[Row], unreadable: Sequence[Unreadable]) -> bytes:
    """The page."""
    script = bundle.script(_MAIN)
    blocks = bundle.json_block("summary-data", summary(rows, unreadable))
    blocks += bundle.packed_block("calls-data", bundle.packed_json([_told(row) for row in rows]))
    parts = {
        "policy": bundle.policy(script),
        "style": bundle.style("theme", "boxes", "site", "calls"),
        "blocks": blocks,
        "script": script,
    }
    return bundle.fill("site.html", parts).encode()


def summary(rows: Sequence[Row], unreadable: Sequence[Unreadable]) -> dict[str, Any]:
    """What all calls come to."""
    verdicts = Counter(row.verdict for row in rows)
    started = sorted(row.started_at for row in rows)
    return {
        "calls": len(rows),
        "length_ms": sum(row.length_ms for row in rows),
        "period": [started[0], started[-1]] if started else None,
        "verdicts": {verdict: verdicts[verdict] for verdict in get_args(Verdict)},
        "metrics": [_metric(key, rows) for key in METRICS_SHOWN],
        "unreadable": [each._asdict() for each in unreadable],
    }


def _metric(key: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The spread of a number over all calls, and where it was the worst: of equals the first."""
    found: list[tuple[Value, str]] = [(value, row.page) for row in rows for value in row.values[key]]
    told: dict[str, Any] = msgspec.to_builtins(spread(Counter(ms for (ms, _), _ in found)))
    told |= {"key": key, "label": _LABELS[key].strip(), "is_part": _LABELS[key].startswith(" ")}
    if found:
        (_, at_ms), page = max(found, key=lambda each: each[0][0])
        told |= {"page": page, "at_ms": at_ms}
    return told


def _told(row: Row) -> dict[str, Any]:
    """A row without what only the summary needs."""
    told: dict[str, Any] = msgspec.to_builtins(row)
    del told["values"]
    return told
