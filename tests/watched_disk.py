"""Everything that the log does to a folder, seen by a watcher, which may refuse any of it.

The log reaches the disk in two ways: through SQLite, for which APSW stands in, and through `os`, also where pathlib is
in between. Both are put under watch here, for one folder. Nothing is really synced meanwhile: that is what a recording
or a refusal is about, and it takes the most time.
"""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.apsw_disk import Connection, Vfs, Watcher, path_of


@contextmanager
def watched(root: Path, watcher: Watcher) -> Iterator[None]:
    """While the block runs, `watcher` watches `root`."""
    vfs = Vfs(watcher)
    real_connect = sqlite3.connect

    def connect(target: object, timeout: float = 5.0, **options: Any) -> Any:
        path = path_of(target)
        if path is None or not path.is_relative_to(root):
            return real_connect(target, timeout=timeout, **options)  # type: ignore[call-overload]  # handed on
        return Connection(path, str(target).rpartition("mode=")[2], timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect)
        # A statement can have one error. Of a second refusal, or one that SQLite puts up with, APSW would tell these.
        patch.setattr(sys, "unraisablehook", lambda told: None)
        patch.setattr(sys, "excepthook", lambda *told: None)
        _Os(root, watcher).put_into(patch)
        yield
    vfs.unregister()


class _Os:
    """The functions of `os` that the log uses."""

    def __init__(self, root: Path, watcher: Watcher) -> None:
        self._root = str(root)
        self._watcher = watcher
        self._open: dict[int, tuple[str, int]] = {}
        """Path and offset of descriptors."""

    def put_into(self, patch: pytest.MonkeyPatch) -> None:
        """Patch `os`."""
        for name in ("open", "write", "close", "rename", "replace", "link", "unlink", "mkdir", "rmdir"):
            patch.setattr(os, name, self._patched(getattr(os, name), getattr(self, f"_{name}_")))
        for name in ("fsync", "fdatasync"):
            patch.setattr(os, name, self._patched(getattr(os, name), self._sync_))

    def _patched(self, real: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
        def call(first: Any, *rest: Any, **options: Any) -> Any:
            is_ours = first in self._open if isinstance(first, int) else str(first).startswith(self._root)
            return ours(real, first, *rest, **options) if is_ours else real(first, *rest, **options)

        return call

    def _open_(self, real: Callable[..., int], path: Any, flags: int, mode: int = 0o777) -> int:
        is_new = bool(flags & os.O_CREAT) and not os.path.exists(path)
        self._watcher.before("open", str(path))
        descriptor = real(path, flags, mode)
        self._open[descriptor] = (str(path), 0)
        if is_new:
            self._watcher.created(str(path))
        return descriptor

    def _write_(self, real: Callable[..., int], descriptor: int, data: Any) -> int:
        path, offset = self._open[descriptor]
        self._watcher.before("write", path)
        written = real(descriptor, data)
        self._open[descriptor] = (path, offset + written)
        self._watcher.wrote(path, offset, bytes(data[:written]))
        return written

    def _close_(self, real: Callable[..., None], descriptor: int) -> None:
        del self._open[descriptor]
        real(descriptor)

    def _sync_(self, real: Callable[..., None], descriptor: int) -> None:
        path, _ = self._open[descriptor]
        self._watcher.before("sync", path)
        if os.path.isdir(path):
            self._watcher.synced_folder(path)
        else:
            self._watcher.synced(path)

    def _rename_(self, real: Callable[..., None], path: Any, to: Any) -> None:
        self._watcher.before("rename", str(path))
        real(path, to)
        self._watcher.renamed(str(path), str(to))

    _replace_ = _rename_

    def _link_(self, real: Callable[..., None], path: Any, to: Any, **options: Any) -> None:
        self._watcher.before("rename", str(path))
        real(path, to, **options)
        self._watcher.linked(str(path), str(to))

    def _unlink_(self, real: Callable[..., None], path: Any) -> None:
        self._watcher.before("remove", str(path))
        real(path)
        self._watcher.removed(str(path))

    def _mkdir_(self, real: Callable[..., None], path: Any, mode: int = 0o777) -> None:
        self._watcher.before("mkdir", str(path))
        real(path, mode)
        self._watcher.made_folder(str(path))

    def _rmdir_(self, real: Callable[..., None], path: Any) -> None:
        self._watcher.before("remove", str(path))
        real(path)
        self._watcher.removed(str(path))
