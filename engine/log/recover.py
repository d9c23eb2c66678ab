"""What a killed bridge left behind: sealed at the next start, before the first call.

Several bridges may share one CALLS_DIR, so a log is touched only by who gets its lock. A log that is damaged is moved
to damaged/, with all its files, and never deleted; one that cannot be sealed for any other reason (written by a newer
version, held open, no room) stays where it is. Nothing here stops a start.
"""

from pathlib import Path

import msgspec

from engine.log.errors import LogDamagedError, LogError, LogFormatError, LogHeldError, LogNewerError, reason
from engine.log.folder import DAMAGED, FILES_OF_A_LOG, LIVE, live_logs, make_folder, take_lock
from engine.log.seal import Sealed, seal


class Recovered(msgspec.Struct, frozen=True):
    """What became of one log: sealed, or why not. `path` is where it is now."""

    path: Path
    sealed: Sealed | None
    problem: str | None


def recover(calls_dir: Path) -> list[Recovered]:
    """Seal every log in live/ that no running bridge holds. Never raises for a log; OSError if live/ cannot be read."""
    found = [_recover(calls_dir, log) for log in live_logs(calls_dir)]
    _drop_stale_locks(calls_dir)
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
            for suffix in FILES_OF_A_LOG:
                part = log.with_name(log.name + suffix)
                if part.exists():
                    part.rename(target.with_name(target.name + suffix))
        finally:
            lock.release()
    except OSError as error:
        return Recovered(log, None, f"{problem}; and it cannot be moved to {DAMAGED}/: {reason(error)}")
    return Recovered(target, None, problem)


def _free_name(folder: Path, log: Path) -> Path:
    make_folder(folder)
    taken = {path.name for path in folder.iterdir()}
    name, number = log.name, 1
    while name in taken:
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
