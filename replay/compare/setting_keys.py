"""Settings as a person writes them: `vad.silence_ms=300`.

A KEY is the path of a setting, as in a log's settings or an AGENT file; or some of the path's words, in their order, if
no other setting has them too. A path's words stand between its dots and underscores. So `vad.silence_duration_ms`,
`vad.silence_ms` and `silence` are one setting, and `idle_ms` is `limits.idle_ms_max`, while `ms` is none.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from math import isfinite
from types import NoneType
from typing import Any, get_args

import msgspec
from msgspec.structs import fields, replace

from engine.core import CallSettings

NONE = ("none", "null")
"""How a setting is written that is not to be."""
MOST = {"vad.threshold": 1}
"""The vendor's: https://platform.openai.com/docs/guides/realtime-vad"""
_KINDS = {int: "a whole number of at least 0", float: "a number of at least 0", bool: "true or false", str: "text"}


class Setting(msgspec.Struct, frozen=True):
    """One setting that is to be another."""

    key: str
    recorded: str | float | bool | None
    what_if: str | float | bool | None


def asked(settings: CallSettings, texts: Sequence[str]) -> tuple[CallSettings, list[Setting]]:
    """The settings with what `texts` ask for, and what that is. Raises ValueError that says what to write instead."""
    types = dict(_paths(CallSettings))
    given: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"{text!r} is no KEY=VALUE, such as vad.silence_ms=300")
        path = _resolve(key, list(types))
        if path in given:
            raise ValueError(f"{path} is set twice")
        given[path] = _value(path, value, types[path])
    made, changes = settings, []
    for path, value in given.items():
        before, made = _with(made, path.split("."), value)
        changes.append(Setting(path, before, value))
    return made, changes


def _paths(kind: type[msgspec.Struct], under: str = "") -> Iterator[tuple[str, Any]]:
    for field in fields(kind):
        path = f"{under}{field.name}"
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _paths(field.type, f"{path}.")
        elif path != "rules":
            yield path, field.type


def _resolve(key: str, paths: list[str]) -> str:
    if key in paths:
        return key
    found = [path for path in paths if _is_short_for(_words(key), _words(path))]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{key!r} could be any of {', '.join(found)}: give more of it")
    if key == "rules":
        raise ValueError("rules are no setting: `replay diff CALL --rules N` decides a call under others")
    near = get_close_matches(key, paths, n=3, cutoff=0.6)
    hint = f"Is it {' or '.join(near)}?" if near else f"Settings are {', '.join(paths)}"
    raise ValueError(f"there is no setting {key!r}. {hint}")


def _words(path: str) -> list[str]:
    return re.split("[._]", path)


def _is_short_for(some: list[str], words: list[str]) -> bool:
    left = iter(words)
    return all(word in left for word in some)


def _value(path: str, text: str, kind: Any) -> Any:
    is_optional = NoneType in get_args(kind)
    if is_optional and text in NONE:
        return None
    base = get_args(kind)[0] if is_optional else kind
    try:
        value = msgspec.convert(text, base, strict=False)
        if base not in (int, float) or (isfinite(value) and 0 <= value <= MOST.get(path, value)):
            return value
    except msgspec.ValidationError:
        pass
    kind = f"a number from 0 to {MOST[path]}" if path in MOST else _KINDS.get(base) or " or ".join(get_args(base))
    expected = f"{kind} or none" if is_optional else kind
    raise ValueError(f"{path} takes {expected}, not {text!r}")


def _with(settings: Any, path: Sequence[str], value: Any) -> tuple[Any, Any]:
    """What a setting was, and the settings with it changed."""
    name, *rest = path
    before = getattr(settings, name)
    if not rest:
        return before, replace(settings, **{name: value})
    before, inner = _with(before, rest, value)
    return before, replace(settings, **{name: inner})
