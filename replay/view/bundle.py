"""Assets into one page: styles and modules from `assets/`, data as blocks, and the policy that forbids all else.

**Modules.** The scripts are plain ES modules, which a type checker and any editor understand, but a browser imports no
module from a file on the disk. So each becomes a function that returns what it exports, in the order in which they need
each other. That takes three things of a module, and `_module` says so when one is missing: imports stand at the
beginning of a line and name what they want in braces; exports are declarations; nobody imports in a circle.

**Data.** JSON in a block that no browser runs. `<` is written as an escape, so that no text can end the block or begin
a comment; inside JSON that is the same text. Large data is compressed and in base64.

**Policy.** Scripts run by their hash, the two that are in the page and no other: whatever got into it as text cannot.
"""

import re
import zlib
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

import msgspec

_ASSETS = tuple(files(package).joinpath("assets") for package in ("replay.view", "replay.site"))
"""No two files in them have the same name."""
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\.[./a-z]*/([a-z_]+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


class BundleError(Exception):
    """A module is not written as it has to be."""


@cache
def asset(name: str) -> str:
    """The text of a file in `assets/`, of the viewer or of the index page."""
    paths = [folder.joinpath(name) for folder in _ASSETS]
    return next((path for path in paths if path.is_file()), paths[0]).read_text(encoding="utf-8")


def style(*names: str) -> str:
    """Style sheets, one after the other."""
    return "".join(asset(f"{name}.css") for name in names)


def fill(name: str, parts: dict[str, str]) -> str:
    """A page from its frame, in which `{{name}}` stands for a part. What is in a part is not looked at again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], asset(name))


@cache
def script(main: str) -> str:
    """The module `main` and all that it needs, as one script."""
    done: dict[str, str] = {}
    _add(main, done, ())
    return '"use strict";\nconst modules = {};\n' + "".join(done.values())


def _add(name: str, done: dict[str, str], waiting: tuple[str, ...]) -> None:
    if name in done:
        return
    if name in waiting:
        raise BundleError(f"modules import each other in a circle: {' -> '.join([*waiting, name])}")
    source = asset(f"{name}.js")
    for _, needed in _IMPORT.findall(source):
        _add(needed, done, (*waiting, name))
    done[name] = _module(name, source)


def _module(name: str, source: str) -> str:
    exports = ", ".join(_EXPORT.findall(source))
    body = _EXPORT.sub("", _IMPORT.sub(r"const \1 = modules.\2;\n", source))
    for line in body.splitlines():
        if line.startswith(("import ", "export ")):
            raise BundleError(f"{name}.js: this is not how the page's modules import and export: {line}")
    return f"modules.{name} = (() => {{\n{body}return {{ {exports} }};\n}})();\n"


def json_block(name: str, value: object) -> str:
    """Data that the page reads at once, by its id."""
    text = msgspec.json.encode(value).decode().replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def packed_block(name: str, packed: bytes) -> str:
    """Data that the page unpacks when it is needed: `packed` is what `zlib` made."""
    return f'<script type="text/plain" id="{name}">{b64encode(packed).decode()}</script>\n'


def packed(data: bytes) -> bytes:
    """Compressed as the page can undo it."""
    return zlib.compress(data, 9)


def packed_json(value: object) -> bytes:
    """JSON, compressed."""
    return packed(msgspec.json.encode(value))


def policy(*scripts: str) -> str:
    """The page's Content-Security-Policy: it may run these scripts and play what it made itself, and no more."""
    hashes = " ".join(f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; media-src blob:; "
        "base-uri 'none'; form-action 'none'"
    )
