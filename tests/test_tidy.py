"""What the code is held to beyond lint and types: sizes, floors, a pure core, golden logs that say what they show.

The tables below are the law of the layout. To add a module to the core, put its name on a floor; to let a part reach
another, say so in REACH.
"""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

CORE_FLOORS = (
    "audio entries machines names settings",
    "heard.alignment heard.languages heard.letters heard.phrases",
    "heard.features heard.numbers_de heard.numbers_en heard.numbers_es heard.plain heard.proportion heard.units",
    "heard.speech heard.table",
    "heard.codes",
    "heard.amounts",
    "heard.spoken",
    "heard.tokens",
    "heard.said",
    "heard.graph",
    "heard.search",
    "heard.found",
    "heard.aligner",
    "heard",
    "bounds commands echoes events stream_clock",
    "conversation model_leg",
    "asked playout provenance session wire_caller wire_engine wire_model words",
    "hearing record turns wire_sent wire_session",
    "barge_in reading talking",
    "dialogue restoring",
    "comeback",
    "call overhearing",
    "overheard",
    "reconfigure report",
)
"""The modules of engine/core from the ground up. A module imports only from floors below its own."""

CORE_OUTSIDE = {
    *(
        "array",
        "binascii",
        "bisect",
        "collections",
        "enum",
        "functools",
        "itertools",
        "math",
        "operator",
        "re",
        "typing",
    ),
    *("msgspec", "unicodedata"),
}
"""What the core may import that is not the core."""

CORE_FACE = Path("engine/core/__init__.py")

REACH = {
    "engine": "engine engine.core engine.log",
    "engine.core": "engine.core",
    "engine.log": "engine.core engine.log",
    "engine.sim": "engine.core engine.sim",
    "engine.cli": "engine engine.core engine.log engine.demo",
    "engine.__main__": "engine.cli",
    "engine.demo": "engine engine.core engine.log engine.sim engine.demo replay",
    "engine.bench": "engine engine.core engine.log engine.sim engine.bench replay",
    "engine.soak": "engine engine.core engine.log engine.sim engine.soak replay",
    "replay": "engine.core engine.log replay",
}
"""Which part may import which. A module belongs to the longest name here that begins its own: `engine` is the shell."""

LINES_MAX = {"engine": 350, "replay": 350, "tests": 500}
FUNCTION_LINES_MAX = 60


def sources(folder: str) -> Iterator[tuple[Path, str]]:
    """Every Python file under a folder, with its text."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def module_name(path: Path) -> str:
    """`engine/core/__init__.py` is `engine.core`."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports(text: str) -> Iterator[str]:
    """The modules that a source imports, by full name. `from a import b` is `a.b` where that is one of our modules."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "relative imports are banned by lint"
            for alias in node.names:
                inner = ROOT.joinpath(*node.module.split("."), alias.name)
                is_module = inner.with_suffix(".py").exists() or inner.is_dir()
                yield f"{node.module}.{alias.name}" if is_module else node.module


def part_of(module: str) -> str:
    """The entry of REACH that a module of ours belongs to."""
    return max((part for part in REACH if module == part or module.startswith(f"{part}.")), key=len)


def loaded_by(module: str) -> set[str]:
    """Everything that a fresh interpreter has loaded once it has imported `module`."""
    # Under `make cover` the child would be measured too, and measuring loads most of what is looked for here.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
    script = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("folder", LINES_MAX)
def test_files_are_short(folder: str) -> None:
    lengths = {str(path): len(text.splitlines()) for path, text in sources(folder)}
    assert {path: lines for path, lines in lengths.items() if lines > LINES_MAX[folder]} == {}


@pytest.mark.parametrize("folder", LINES_MAX)
def test_functions_fit_a_screen(folder: str) -> None:
    too_long = [
        f"{path}:{node.lineno} {node.name}"
        for path, text in sources(folder)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert too_long == []


def test_the_core_imports_only_what_is_pure() -> None:
    strays = [
        f"{path} imports {name}"
        for path, text in sources("engine/core")
        for name in imports(text)
        if name.split(".")[0] not in CORE_OUTSIDE and not name.startswith("engine.core.")
    ]
    assert strays == []


def test_the_core_imports_only_downwards() -> None:
    """Every module of the core stands on a floor, and needs none on its own floor or above."""
    floors = {f"engine.core.{name}": floor for floor, names in enumerate(CORE_FLOORS) for name in names.split()}
    modules = {module_name(path): text for path, text in sources("engine/core") if path != CORE_FACE}
    assert modules.keys() == floors.keys()
    upwards = [
        f"{module} imports {name}"
        for module, text in modules.items()
        for name in imports(text)
        if name.startswith("engine.core") and floors.get(name, len(CORE_FLOORS)) >= floors[module]
    ]
    assert upwards == []


def test_parts_reach_only_what_they_may() -> None:
    """The engine does not know its simulators, nor the replay; the replay knows the core and the log, nothing live."""
    strays = [
        f"{path} imports {name}"
        for folder in ("engine", "replay")
        for path, text in sources(folder)
        for name in imports(text)
        # The bare package holds the version alone: it is on every floor.
        if name != "engine" and name.split(".")[0] in ("engine", "replay", "tests")
        if name.startswith("tests") or part_of(name) not in REACH[part_of(module_name(path))].split()
    ]
    assert strays == []


def test_the_core_loads_no_io() -> None:
    assert loaded_by("engine.core") & {"socket", "ssl", "asyncio", "sqlite3", "trio", "selectors"} == set()


def test_replay_never_loads_trio() -> None:
    """Neither at the start nor later: no module of replay imports it inside a function."""
    assert loaded_by("replay.cli") & {"trio", "trio_websocket"} == set()
    named = {name.split(".")[0] for _, text in sources("replay") for name in imports(text)}
    assert named & {"trio", "trio_websocket"} == set()


def test_every_golden_log_says_what_it_shows() -> None:
    """By a title in its first line, or a line in the folder's README."""
    golden = ROOT / "fixtures" / "golden"
    readme = golden / "README.md"
    named = readme.read_text(encoding="utf-8") if readme.exists() else ""
    silent = []
    for path in sorted(golden.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            header = json.loads(next(lines))
        if not header.get("title") and not re.search(rf"\b{re.escape(path.stem)}\b", named):
            silent.append(path.name)
    assert silent == []


def test_no_file_knows_where_it_was_made() -> None:
    """No absolute path of the machine it was written on: the project works from wherever it is cloned to."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    absolute = re.compile(rb"(?<![\w.~])/(?:root|work)/")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert [str(path) for path in paths if path.is_file() and absolute.search(path.read_bytes())] == []
