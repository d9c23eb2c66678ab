"""What a check found, and how it is said: one line, or one object."""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple


class Level(IntEnum):
    """How bad. Only BAD makes the doctor's exit code 1: no call would come up, or none would be safe."""

    OK = 0
    WARN = 1
    BAD = 2


class Finding(NamedTuple):
    """`fix` says what to do; nothing where nothing is to be done."""

    level: Level
    check: str
    found: str
    fix: str = ""

    def line(self, width: int) -> str:
        """As a line of text; the name of the check takes `width` columns."""
        said = f"{self.found.rstrip('.')}. {self.fix}" if self.fix else self.found
        return f"{self.level.name.lower():<4}  {self.check:<{width}}  {said}"

    def told(self) -> dict[str, str]:
        """As an object of `--json`."""
        return {"level": self.level.name.lower(), "check": self.check, "found": self.found, "fix": self.fix}


def ok(check: str, found: str) -> Finding:
    return Finding(Level.OK, check, found)


def warn(check: str, found: str, fix: str) -> Finding:
    return Finding(Level.WARN, check, found, fix)


def bad(check: str, found: str, fix: str) -> Finding:
    return Finding(Level.BAD, check, found, fix)


def worst(findings: Sequence[Finding]) -> Level:
    return max((finding.level for finding in findings), default=Level.OK)
