"""The core's state at every step, as what each step changed: the page holds the first state and all that follows.

There are no key frames in it: to apply ten minutes of changes takes a browser some hundredths of a second, and from
then on it keeps its own, which share what did not change. What was before a change is known by then, so only what is
after it is kept; and paths, of which few are ever new, by number.

The caller's frames move clocks and nothing else. Those clocks are left out (`CLOCKS`): with them every step would be
full of numbers that only say that time has passed. `replay state` shows them.
"""

from typing import Any

import msgspec

from engine.core import AnyCall
from replay.state.states import CLOCKS, Change, Key, States, changes
from replay.walk import Moment

_GONE: tuple[()] = ()


class History:
    """Tell it every moment. `call` is the one of the walk: after each moment it is the core after it."""

    def __init__(self, call: AnyCall) -> None:
        self._states = States(call)
        self._last = self._states.data()
        self._first = _without_clocks(self._last)
        self._paths: dict[tuple[Key, ...], int] = {}
        self._steps: list[int] = []
        self._counts: list[int] = []
        self._path: list[int] = []
        self._values: list[Any] = []

    def note(self, step: int, moment: Moment) -> None:
        """Take in step number `step`."""
        if moment.entries[0].type == "media":
            return
        before, self._last = self._last, self._states.data()
        changed = [change for change in changes(before, self._last) if not _is_clock(change.path)]
        if changed:
            self._steps.append(step)
            self._counts.append(len(changed))
        for change in changed:
            self._path.append(self._paths.setdefault(change.path, len(self._paths)))
            self._values.append(_value(change))

    def data(self) -> dict[str, Any]:
        """`first`: the state before the first step. Then the `steps` that changed something; how many changes each
        made; and of each change its path (an index into `paths`) and its value: `[]` for what is gone, `[value]` for
        what is new (in a list: put in there), else the value, in a list of two if it is itself a list."""
        return {
            "first": self._first,
            "steps": self._steps,
            "counts": self._counts,
            "paths": list(self._paths),
            "path": self._path,
            "values": self._values,
        }


def _value(change: Change) -> Any:
    if change.after is msgspec.UNSET:
        return _GONE
    if change.before is msgspec.UNSET:
        return (change.after,)
    return (change.after, 0) if isinstance(change.after, list | tuple) else change.after


def _is_clock(path: tuple[Key, ...]) -> bool:
    return path[:2] in CLOCKS


def _without_clocks(state: dict[str, Any]) -> dict[str, Any]:
    return {
        part: {name: value for name, value in fields.items() if (part, name) not in CLOCKS}
        for part, fields in state.items()
    }
