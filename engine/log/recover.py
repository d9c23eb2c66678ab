"""What a killed bridge left behind: sealed at the next start, before the first call.

Several bridges may share one CALLS_DIR, so a log is touched only by who gets its lock. A log that is damaged is moved
to damaged/, with all its files, and never deleted; one that cannot be sealed for any other reason (written by a newer
version, held open, no room) stays where it is. Parts of a log whose file is gone are kept likewise: a power cut in the
first moment of a call may leave one on some file systems, and so may a hand. Removed are only blanks, copies that were
being made of a log that is there, and -shm files, in which there is nothing. Nothing here stops a start.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from engine.log.errors import LogDamagedError, LogError, LogFormatError, LogHeldError, LogNewerError, reason
from engine.log.folder import BLANK, DAMAGED, FILES_OF_A_LOG, LIVE, live_logs, make_folder, sealed_logs, take_lock
from engine.log.seal import COPY, JOURNAL, Sealed, seal

_COPY = (COPY, COPY + JOURNAL)
_PARTS = (*FILES_OF_A_LOG, *_COPY)


class Recovered(msgspec.Struct, frozen=True):
    """What became of one log: sealed, or why not. `path` is where it is now."""

    path: Path
    sealed: Sealed | None
    problem: str | None


def recover(calls_dir: Path) -> list[Recovered]:
    """Seal every log in live/ that no running bridge holds. Never raises for a log; OSError if live/ cannot be read."""
    found = [_recover(calls_dir, log) for log in live_logs(calls_dir)]
    found += [_move_aside(calls_dir, log, f"{log.name} is gone, a part of it is left") for log in _gone(calls_dir)]
    _drop_stale_locks(calls_dir)
    _drop_blanks(calls_dir)
    return [one for one in found if one is not None]


def _recover(calls_dir: Path, log: Path) -> Recovered | None:
    try:
        sealed = seal(log)
    except LogHeldError:
        return None
    except LogNewerError as error:
        return Recovered(log, None, str(error))
    except (LogFormatError, LogDamagedError) as error:
        return _move_aside(calls_dir, log, str(error))
    except LogError as error:
        return Recovered(log, None, str(error)) if log.exists() else None
    assert sealed is not None, "only a call that was never opened has no file"
    return Recovered(sealed.path, sealed, None)


def _move_aside(calls_dir: Path, log: Path, problem: str) -> Recovered | None:
    try:
        lock = take_lock(log)
        if lock is None:
            return None
        try:
            target = _free_name(calls_dir / DAMAGED, log)
            parts = [suffix for suffix in _PARTS if log.with_name(log.name + suffix).exists()]
            for suffix in parts:
                log.with_name(log.name + suffix).rename(target.with_name(target.name + suffix))
        finally:
            lock.release()
    except OSError as error:
        return Recovered(log, None, f"{problem}; and it cannot be moved to {DAMAGED}/: {reason(error)}")
    return Recovered(target, None, problem) if parts else None


def _gone(calls_dir: Path) -> list[Path]:
    """Logs of which there is only a part."""
    sealed = {log.name for log in sealed_logs(calls_dir)}
    gone = set()
    for suffix in _PARTS[1:]:
        for part in (calls_dir / LIVE).glob(f"*.db{suffix}"):
            log = part.with_name(part.name.removesuffix(suffix))
            if log.exists():
                continue
            if suffix == "-shm" or (suffix in _COPY and log.name in sealed):
                with suppress(OSError):
                    part.unlink(missing_ok=True)
            else:
                gone.add(log)
    return sorted(gone)


def _free_name(folder: Path, log: Path) -> Path:
    make_folder(folder)
    taken = {path.name for path in folder.iterdir()}
    name, number = log.name, 1
    while any(name + suffix in taken for suffix in _PARTS):
        number += 1
        name = f"{log.stem}-{number}.db"
    return folder / name


def _drop_stale_locks(calls_dir: Path) -> None:
    """A bridge that was killed after the log had moved leaves its lock file."""
    for path in (calls_dir / LIVE).glob("*.lock"):
        log = path.with_suffix(".db")
        lock = None if log.exists() else take_lock(log)
        if lock is not None:
            lock.release()


def _drop_blanks(calls_dir: Path) -> None:
    """Those of a running bridge, too: it makes others."""
    with suppress(OSError):
        for blank in (calls_dir / BLANK).glob("*.tmp"):
            blank.unlink(missing_ok=True)
        (calls_dir / BLANK).rmdir()
