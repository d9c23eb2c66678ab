"""Which log a person means: a path, a call SID, the beginning of one, or `last`.

Looks at names in the folders and needs no index: it must also work beside a running bridge, and after a crash.
"""

from difflib import get_close_matches
from pathlib import Path

from engine.log.errors import LogError
from engine.log.folder import live_logs, sealed_logs
from engine.log.reader import head_of

_NAMES_SHOWN_MAX = 5
_NEAR_MAX, _NEAR_CUTOFF = 3, 0.75
_WITHIN_MIN = 3
"""Letters from which on it tells something that a name holds them."""


def find(calls_dir: Path, call: str) -> Path:
    """The log that `call` means. Raises LogError naming what is near, or what it could all mean."""
    path = Path(call)
    if "/" in call or call.endswith(".db"):
        if not path.exists():
            raise LogError(f"{call}: no such log{_beside(path)}")
        return _no_folder(path)
    logs = sealed_logs(calls_dir) + live_logs(calls_dir)
    if call == "last" and logs:
        return _newest(calls_dir, logs)
    named = [log for log in logs if log.stem == call]
    matching = named or [log for log in logs if call and log.name.startswith(call)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise LogError(f"{call} could be any of {_list(calls_dir, matching)}: give more of it, or a path")
    if call and path.exists():
        return _no_folder(path)
    if not logs:
        raise LogError(f"there are no calls in {calls_dir}")
    near = _near(call, [log.stem for log in logs])
    hint = f"is it {' or '.join(near)}?" if near else f"there {_are(len(logs))} there"
    raise LogError(f"no call in {calls_dir} begins with {call!r}: {hint}")


def _near(call: str, names: list[str]) -> list[str]:
    """Names that hold this, in upper case or lower; or else, that begin almost like that."""
    typed, beginnings = call.casefold(), dict[str, list[str]]()
    for name in dict.fromkeys(["last", *names]):
        beginnings.setdefault(name[: len(call)].casefold(), []).append(name)
        if len(typed) >= _WITHIN_MIN and typed in name.casefold():
            beginnings.setdefault(typed, []).append(name)
    close = get_close_matches(typed, beginnings, n=_NEAR_MAX, cutoff=_NEAR_CUTOFF)
    return list(dict.fromkeys(name for beginning in close for name in beginnings[beginning]))[:_NEAR_MAX]


def _no_folder(path: Path) -> Path:
    if path.is_dir():
        raise LogError(f"{path} is a folder: try `replay ls --calls-dir {path}` or `replay verify {path}`")
    return path


def _beside(path: Path) -> str:
    """What a path that leads nowhere may have meant."""
    folder = path.parent
    if not folder.is_dir():
        return f": there is no folder {folder}"
    names = sorted(each.name for each in folder.iterdir() if each.exists())
    near = get_close_matches(path.name, names, n=1, cutoff=_NEAR_CUTOFF)
    return f". Is it {folder / near[0]}?" if near else ""


def _are(calls: int) -> str:
    return "is 1 call" if calls == 1 else f"are {calls} calls"


def _list(calls_dir: Path, logs: list[Path]) -> str:
    shown = ", ".join(str(log.relative_to(calls_dir)) for log in logs[:_NAMES_SHOWN_MAX])
    more = len(logs) - _NAMES_SHOWN_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def _newest(calls_dir: Path, logs: list[Path]) -> Path:
    """By the start time inside: the folder tells the day only, and a file's own time is that of its sealing."""
    sealed_days = [log.parent.name for log in logs if log in set(sealed_logs(calls_dir))]
    day = max(sealed_days, default="")
    candidates = [log for log in logs if log.parent.name in (day, "live")]
    started: list[tuple[str, Path]] = []
    for log in candidates:
        try:
            started.append((head_of(log)[0].started_at, log))
        except LogError:
            continue  # a log that cannot be read is not what anyone means by `last`
    if not started:
        raise LogError(f"none of the newest calls in {calls_dir} can be read")
    return max(started)[1]
