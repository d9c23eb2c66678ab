"""docs/SECURITY.md names a test for each promise; every one of them is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMED = re.compile(r"`(tests/test_\w+\.py)::([\w:]+)`")


def named_in(path: Path) -> set[str]:
    """The tests of a file as pytest names them, and its classes."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            inner = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
            found |= {node.name, *(f"{node.name}::{each.name}" for each in inner)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):  # a state machine's
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def test_every_promise_names_a_test_that_is_there() -> None:
    told = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
    named = NAMED.findall(told)
    assert len(named) > 30
    missing = [f"{path}::{name}" for path, name in named if name not in named_in(ROOT / path)]
    assert missing == []


def test_every_row_of_a_table_of_promises_names_one() -> None:
    told = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
    tables = [part for part in told.split("\n\n") if part.startswith("| promise")]
    rows = [line for table in tables for line in table.splitlines()[2:]]
    assert len(rows) > 30
    assert [row for row in rows if not NAMED.search(row)] == []
