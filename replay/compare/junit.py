"""Verdicts as JUnit XML, for the test pages of a CI system.

One test case a log. A divergence is a `failure`, with the report as its text; a log that cannot be judged is an
`error`. That is the part of the format on which all readers agree (https://github.com/testmoapp/junitxml); there is no
time in it, so that two runs write the same bytes.

XML 1.0 has no way to write most control characters, escaped or not (https://www.w3.org/TR/xml/#charsets), and one of
them makes a reader refuse the whole file. Transcripts come from strangers: what XML cannot hold is written as `\\x1b`.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from replay.runner import Verdict

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS = {"diverged": "failure", "unknown": "error"}


class Case(NamedTuple):
    """One log, or one comparison. `details`: the report, for eyes."""

    name: str
    verdict: Verdict
    reason: str
    details: str = ""


def to_junit(suite: str, cases: Sequence[Case]) -> bytes:
    """The file. `suite` names the command."""
    verdicts = [case.verdict for case in cases]
    counts = {
        "tests": str(len(cases)),
        "failures": str(verdicts.count("diverged")),
        "errors": str(verdicts.count("unknown")),
    }
    root = ElementTree.Element("testsuites", counts)
    inner = ElementTree.SubElement(root, "testsuite", {"name": suite, **counts, "skipped": "0"})
    for case in cases:
        made = ElementTree.SubElement(inner, "testcase", {"name": _writable(case.name), "classname": suite})
        if case.verdict != "same":
            about = {"message": _writable(case.reason), "type": case.verdict}
            ElementTree.SubElement(made, _TAGS[case.verdict], about).text = _writable(case.details or case.reason)
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _writable(text: str) -> str:
    return _FORBIDDEN.sub(lambda found: repr(found[0])[1:-1], text)
