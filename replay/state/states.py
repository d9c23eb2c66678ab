"""The core's whole state as data, and what changed in it from one moment to another.

The data is made by walking over the core's own objects, whatever they are, so that what a view shows is what the core
holds, under the core's own names: a field that is added to the core tomorrow is in it tomorrow. The parts are those of
`Call`; what it keeps itself is in `call` and `legs`. Samples stay samples.

**A tree.** The core's objects point at each other: an item stands in the conversation, in a piece of the playout, in an
interruption. In the data each stands in one place, and a field that only points at it says so: `"-> item_1"`. Where
it stands is a table here. What a part was given to work with (another part, the settings) is left out, and of
audio only the size is told.

**Time after time.** Making the data of a long call takes tens of milliseconds, and in one step hardly anything changes.
So `States` remembers what it saw of each object, makes anew only what is another now, and all else is the very same
object as the last time; and `changes` does not look into what is the same object.
"""

from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache
from typing import Any

import msgspec
from msgspec.structs import astuple

from engine.core import AnyCall, CallSettings
from engine.core.barge_in import Interruption
from engine.core.conversation import Item, Response
from engine.core.heard import Features
from engine.core.playout import Playout
from engine.core.settings import Limits, Vad

JsonObject = dict[str, Any]
Key = str | int

HOMES: dict[type, frozenset[str]] = {
    Item: frozenset({"Conversation.items"}),
    Response: frozenset({"Conversation.responses"}),
    Interruption: frozenset({"BargeIn.interruptions", "Interruptions.interruptions"}),
    Playout: frozenset({"Hearing.playout", "Interruption.playout"}),
}
"""What more than one object holds, and whose field it stands in. Any other field that leads to it only points."""
LEFT_OUT: dict[str, frozenset[str]] = {
    "ModelSession": frozenset({"recent", "recent_samples"}),
    "Dialogue": frozenset({"_errors"}),
    "Comeback": frozenset({"_signed_at"}),
    "Overhearing": frozenset({"marks", "echoes", "_awaited"}),
    "Provenance": frozenset({"_of_item", "_of_entry"}),
}
"""The caller's last ten seconds, frame by frame; the call's errors, which it has itself; a date that each frame of the
model moves. Of another bridge's call: all
marks that ever were, and tables to find things by."""
PROPERTIES: dict[str, tuple[str, ...]] = {"Item": ("heard_samples", "heard_samples_min", "heard_samples_max")}
"""What an object says of itself beyond its fields, and a reader would have to add up."""
CLOCKS = frozenset(
    {
        ("call", "at_ns"),
        ("call", "heard_caller_ns"),
        ("call", "seq"),
        ("bounds", "paid_ns"),
        ("hearing", "stream"),
        ("session", "input"),
    }
)
"""What every frame of the caller moves, as beginnings of paths."""
LEGS = ("caller", "model")
_CONTAINERS = (list, deque, set, dict)


class Change(msgspec.Struct, frozen=True):
    """Something that is another than it was. `path`: keys of objects and indexes of lists, from the whole state.

    Without `before` it is new; in a list it was put in at its index. Without `after` it is gone; in a list, what
    followed moved up. Changes are made to a state one by one, in their order.
    """

    path: tuple[Key, ...]
    before: Any = msgspec.UNSET
    after: Any = msgspec.UNSET


def state_data(call: AnyCall) -> JsonObject:
    """The whole state of `call` as it stands, ready for JSON."""
    return States(call).data()


def changes(before: JsonObject, after: JsonObject) -> list[Change]:
    """What is another in `after`, in the order of the data."""
    found: list[Change] = []
    _compare((), before, after, found)
    return found


class _Node:
    """One object of the core: what was last `seen` of it, and the `data` that was made of that.

    `nodes`: the objects in it, by where they stand in `seen`. `moving`: those that can change without being replaced,
    with their names in the data. Without `read`, it cannot. `place`: the field that it stands in.
    """

    __slots__ = ("data", "moving", "nodes", "place", "read", "seen", "value")

    def __init__(self, value: Any, place: str) -> None:
        self.value = value
        self.place = place
        self.read = _reader(value)
        self.seen: Any = self.read(value) if self.read else astuple(value)
        self.nodes: dict[Any, _Node] = {}
        self.moving: list[tuple[Key, _Node]] = []
        self.data: Any = None


class States:
    """The state of one call, time after time."""

    def __init__(self, call: AnyCall) -> None:
        self._call = call
        self._parts = [name for name, value in vars(call).items() if _is_part(value)]
        self._given = {CallSettings, Limits, Vad, *(type(getattr(call, name)) for name in self._parts)}
        self._root = self._node(call, "")

    def data(self) -> JsonObject:
        """The whole state as it stands, like `state_data`. Not to be written into: the next one shares most of it."""
        self._refresh(self._root)
        held = self._root.data
        parts = {_bare(name): held[_bare(name)] for name in self._parts}
        if "hearing" not in parts:
            parts["hearing"] = parts["overhearing"]["hearing"]
            parts["overhearing"] = {name: data for name, data in parts["overhearing"].items() if name != "hearing"}
        return {
            "call": {name: data for name, data in held.items() if name not in (*parts, *LEGS, "settings")},
            "legs": {name: _copy(getattr(self._call, name)) for name in LEGS},
            **{name: data for name, data in parts.items() if data},
            "settings": held["settings"],
        }

    def _node(self, value: Any, place: str) -> _Node:
        node = _Node(value, place)
        self._make(node)
        return node

    def _refresh(self, node: _Node) -> bool:
        """Look at an object again. Whether its data is another now. Asked of every object in every step: it is short
        for the sake of speed. One that was replaced by its equal is noticed when they differ."""
        assert node.read is not None
        seen = node.read(node.value)
        if seen != node.seen:
            node.seen = seen
            self._make(node)
            return True
        data = node.data
        for name, inner in node.moving:
            if self._refresh(inner):
                if data is node.data:
                    data = data.copy()
                data[name] = inner.data
        is_other = data is not node.data
        node.data = data
        return is_other

    def _make(self, node: _Node) -> None:
        """Make the data of an object from what was seen of it. The objects in it that are the same are kept."""
        known, node.nodes, node.moving = node.nodes, {}, []
        has_given = node.value is not self._call and node.value is not self._call.settings
        made: dict[Key, Any] = {}
        for key, name, value, place in _fields(node):
            kind: Any = type(value)
            homes = _homes(kind)
            if homes and place not in homes:
                made[name] = self._pointer(value)
            elif not (isinstance(value, _CONTAINERS) or _is_object(value)):
                made[name] = _copy(value)
            elif not (has_given and (kind in self._given or callable(value))):
                inner = node.nodes[key] = self._known(known.get(key), value, place)
                made[name] = inner.data
                if inner.read is not None:
                    node.moving.append((name, inner))
        for name in PROPERTIES.get(type(node.value).__name__, ()):
            made[name] = getattr(node.value, name)
        node.data = list(made.values()) if isinstance(node.seen, list) else made

    def _known(self, node: _Node | None, value: Any, place: str) -> _Node:
        if node is None or node.value is not value:
            return self._node(value, place)
        if node.read is not None:
            self._refresh(node)
        return node

    def _pointer(self, value: Item | Response | Interruption | Playout) -> str:
        """What an object is called that stands elsewhere: by its id, or by its place."""
        match value:
            case Item():
                return f"-> {value.item_id or value.kind}"
            case Response():
                return f"-> {value.response_id}"
        for number, each in enumerate(self._call.barge_in.interruptions):
            if value is each:
                return f"-> barge_in.interruptions.{number}"
            if value is each.playout:
                return f"-> barge_in.interruptions.{number}.playout"
        return "-> nowhere"  # only a bug in the core leads here, and that is when somebody looks


def _fields(node: _Node) -> Iterator[tuple[Any, Key, Any, str]]:
    """What an object holds: where in `seen`, its name in the data, what it is, and which field that is."""
    seen, value = node.seen, node.value
    if isinstance(seen, list):
        for index, each in enumerate(seen):
            yield index, index, each, node.place
        return
    if isinstance(value, dict):
        for key, each in seen.items():
            yield key, str(key), each, node.place
        return
    kind: Any = type(value)
    family = _family(kind)
    left_out = LEFT_OUT.get(family, ())
    keys = enumerate(value.__struct_fields__) if isinstance(seen, tuple) else zip(seen, seen, strict=True)
    for key, name in keys:
        if name not in left_out:
            yield key, _bare(name), seen[key], f"{family}.{name}"


@cache
def _family(kind: Any) -> str:
    """The name of a class, or of the one of ours that it is made from."""
    return str([each.__name__ for each in kind.__mro__ if each.__module__.startswith("engine.")][-1])


@cache
def _homes(kind: Any) -> frozenset[str]:
    """Where objects of a class stand, if several others hold them."""
    return next((homes for shared, homes in HOMES.items() if issubclass(kind, shared)), frozenset())


def _reader(value: Any) -> Callable[[Any], Any] | None:
    """What shows whether an object has changed: gives what it holds. None: it never does."""
    match value:
        case msgspec.Struct():
            return None if value.__struct_config__.frozen else astuple
        case Features():
            return lambda features: {"frames": features.frames}
        case list() | deque():
            return list
        case set():
            return sorted
        case dict():
            return dict
    return lambda each: dict(vars(each))


def _is_part(value: Any) -> bool:
    return _is_object(value) and not isinstance(value, CallSettings | Item)


def _is_object(value: Any) -> bool:
    """Whether a value has fields."""
    return isinstance(value, msgspec.Struct | Features) or (hasattr(value, "__dict__") and not isinstance(value, Enum))


def _copy(value: Any) -> Any:
    """What has no fields, as JSON has it: a state by its name, audio by its size."""
    match value:
        case Enum():
            return value.name
        case bytes():
            return f"{len(value)} bytes"
        case tuple():
            return [_copy(each) for each in value]
    return value


def _bare(name: str) -> str:
    return name.removeprefix("_")


def _compare(path: tuple[Key, ...], before: Any, after: Any, found: list[Change]) -> None:
    if before is after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in after.items():
            if key in before:
                _compare((*path, key), before[key], value, found)
            else:
                found.append(Change((*path, key), after=value))
        found.extend(Change((*path, key), before=value) for key, value in before.items() if key not in after)
    elif isinstance(before, list) and isinstance(after, list):
        _compare_lists(path, before, after, found)
    elif before != after:
        found.append(Change(path, before, after))


def _compare_lists(path: tuple[Key, ...], before: list[Any], after: list[Any], found: list[Change]) -> None:
    """What is the same at both ends stays. What is between is another, and more of it or less."""
    shorter = min(len(before), len(after))
    head = next((index for index in range(shorter) if before[index] != after[index]), shorter)
    tail = next((index for index in range(shorter - head) if before[~index] != after[~index]), shorter - head)
    at = shorter - tail
    for index in range(head, at):
        _compare((*path, index), before[index], after[index], found)
    found.extend(Change((*path, at), before=value) for value in before[at : len(before) - tail])
    found.extend(Change((*path, at + more), after=value) for more, value in enumerate(after[at : len(after) - tail]))
