"""The folder of a site: which of its files are ours, and which pages need not be made again.

`manifest.json` says both. A folder that has files and no manifest is somebody else's, and nothing is written into it;
what the manifest does not name is never removed. The manifest is there before the first page, so that a folder whose
making was interrupted is still known as ours, and is continued.

**A page is still good** if it is there, the same program made it, and its log has not been touched: same path, size and
time of change, of the file and of what is kept beside it (by SQLite while a call runs; of a golden log its audio). The
program is the same if its version is, and the frame of its pages: whoever works on the viewer sees the work.

The pages hold what people said, as the logs do: folder and files are readable for their owner only.
"""

from hashlib import sha256
from pathlib import Path

import msgspec

from engine import __version__
from engine.log.folder import private
from replay.goldens.golden import AUDIO_SUFFIX
from replay.site.row import Row, readable
from replay.view.page import frame

MANIFEST, INDEX = "manifest.json", "index.html"
_WAL = "-wal"


class NotOurs(Exception):
    """The folder belongs to something else."""


class Known(msgspec.Struct, frozen=True):
    """A page that was made: of which log, as it was then (`stamp`), and the row for the index."""

    log: str
    stamp: list[int]
    row: Row


class Manifest(msgspec.Struct):
    """`calls` is `dict[str, Known]`, by page, as long as `made_by` is who reads it."""

    made_by: str
    pages: list[str]
    calls: msgspec.Raw


class Folder:
    """The folder at `path`, which is made if it is not there. Raises NotOurs, OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Known] = {}
        self._ours: set[str] = set()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (path / MANIFEST).exists():
            self._load()
        elif any(path.iterdir()):
            raise NotOurs(f"{path} has other files in it: name a folder that is new or empty, or one of a report")
        self.save()

    def _load(self) -> None:
        try:
            manifest = msgspec.json.decode((self.path / MANIFEST).read_bytes(), type=Manifest)
            self._ours = set(manifest.pages)
            if manifest.made_by == made_by():
                self.known = msgspec.json.decode(manifest.calls, type=dict[str, Known])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise NotOurs(f"{self.path / MANIFEST} is not that of a report ({error}): name another folder") from error

    def good(self, page: str, log: Path) -> Row | None:
        """The row of a page that need not be made again."""
        known = self.known.get(page)
        if known is None or (known.log, known.stamp) != (str_of(log), stamp(log)) or not (self.path / page).is_file():
            return None
        return known.row

    def take(self, page: str, known: Known) -> None:
        """Know a page that has been made."""
        self._ours.add(page)
        self.known[page] = known

    def keep_only(self, pages: set[str]) -> list[str]:
        """Remove the pages that we made before and that are of no call any more. Returns their names."""
        gone = sorted(page for page in self._ours - pages if is_page(page) and (self.path / page).is_file())
        for page in gone:
            (self.path / page).unlink()
        self._ours &= pages
        self.known = {page: known for page, known in self.known.items() if page in pages}
        return gone

    def save(self) -> None:
        """Write the manifest."""
        calls = msgspec.json.encode(dict(sorted(self.known.items())))
        manifest = Manifest(made_by(), sorted(self._ours), msgspec.Raw(calls))
        write(self.path / MANIFEST, msgspec.json.encode(manifest))


def made_by() -> str:
    """This program, as far as pages depend on it."""
    return f"{__version__} {sha256(frame('', '')).hexdigest()[:16]}"


def is_page(name: str) -> bool:
    """Whether a name in a manifest is one that we give. Somebody may have edited it."""
    return Path(name).name == name and name.endswith(".html") and name != INDEX


def str_of(log: Path) -> str:
    """A log's path, as it is stored."""
    return readable(str(log))


def stamp(log: Path) -> list[int]:
    """What changes when a log does: size and time of change. Empty for what is not there."""
    made = []
    for path in (log, log.with_name(log.name + _WAL), log.with_suffix(AUDIO_SUFFIX)):
        if path.exists():
            found = path.stat()
            made += [found.st_size, found.st_mtime_ns]
    return made


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, for its owner's eyes."""
    part = path.with_name(f".{path.name}.part")
    with open(part, "wb", opener=private) as file:
        file.write(content)
    part.replace(path)
