"""An audit as JSON. The keys are a contract: docs/JSON.md says what each one says."""

from collections import Counter
from typing import Any

import msgspec

from replay.audit.causes import CAUSES
from replay.audit.findings import Audit
from replay.rows import Log


def audit_data(log: Log, audit: Audit) -> dict[str, Any]:
    """Everything that the audit found."""
    counts = Counter(finding.cause for finding in audit.findings)
    return {
        "call_sid": log.head.call_sid,
        "stream_sid": log.head.stream_sid,
        "started_at": log.head.started_at,
        "rules": log.settings.rules,
        "verdict": "wrong" if audit.findings else "clean",
        "reason": "",
        "causes": {name: counts[name] for name in CAUSES if counts[name]},
        "barge_ins": msgspec.to_builtins(audit.barge_ins),
        "notes": audit.notes,
    }


def unheard_data(reason: str) -> dict[str, Any]:
    """The same keys for a call that cannot be audited."""
    return {
        "call_sid": None,
        "stream_sid": None,
        "started_at": None,
        "rules": None,
        "verdict": "unknown",
        "reason": reason,
        "causes": {},
        "barge_ins": [],
        "notes": [],
    }


def causes_data() -> list[dict[str, str]]:
    """All causes that there are."""
    return [msgspec.to_builtins(cause) for cause in CAUSES.values()]
