"""A page of one call, put together.

Its size is bounded. What the call's entries and states take they take; the sound gets what is left of `SIZE_MAX`, and
so it is exact up to some three minutes, and in longer calls if not everybody speaks all the time.
"""

from contextlib import suppress
from html import escape
from itertools import takewhile
from typing import Any

import msgspec
from msgspec.structs import replace

from engine.core import RULES_OVERHEARD
from engine.core.audio import SAMPLE_RATE, ms_of
from engine.log.errors import LogError
from replay.audit.auditing import audit
from replay.audit.causes import CAUSES
from replay.metrics.measures import CallMeasures
from replay.metrics.problems import Problem
from replay.rows import Log
from replay.runner import replay
from replay.sound.ear import Tracks, hear
from replay.view import bundle, sound
from replay.view.facts import facts
from replay.view.gather import gather
from replay.view.lanes import Places

SIZE_MAX = 2_980_000
"""Of a page of a call of up to five minutes, in bytes: a mail takes it, and so does any tracker of bugs."""
SECONDS_IN_SIZE = 300
"""A longer call may be larger in proportion."""
SOUND_MIN = 4_000
"""Bytes for a second of sound, whatever the rest takes."""
BROKEN = 3
"""How bad a mistake of a bridge is: see `replay.metrics.problems`."""
_VENDOR = ("vendor/wavesurfer.min.js", "vendor/wavesurfer.regions.min.js")
_LICENSE = "vendor/wavesurfer.LICENSE"
_MAIN = "main"
_STYLES = ("theme", "page", "timeline", "conversation", "ladder", "turns", "entry", "boxes")


class Made(msgspec.Struct, frozen=True):
    """A page, and what was found in the log on the way: `replay report` tells it beside that of other calls."""

    html: bytes
    facts: dict[str, Any]
    measured: CallMeasures


def make_page(log: Log) -> bytes:
    """The page of a call. The same log gives the same bytes. Raises LogError where the log cannot be read."""
    return make(log).html


def make(log: Log) -> Made:
    """The same, with what was found."""
    log = still(log)
    result = replay(log)
    gathered = gather(log)
    heard, stretches = hear(log)
    ends_ms = max(gathered.ends_ms, ms_of(len(heard.caller)))
    problems = [*gathered.problems, *mistakes(log)]
    told = facts(log, result, gathered.measured, problems, Places(stretches), ends_ms)
    packed = {
        "entries": bundle.packed_json(gathered.entries),
        "history": bundle.packed_json(gathered.history),
        "marks": bundle.packed_json(gathered.marks),
        "ladder": bundle.packed_json(gathered.ladder),
        **{f"peaks-{name}": bundle.packed(made) for name, made in sound.peaks(heard).items()},
    }
    blocks = bundle.json_block("facts", told) + _blocks(packed)
    made = _sound(heard, len(blocks) + len(_page(log, "")))
    blocks += bundle.json_block("sound", _told_of(made, heard))
    blocks += _blocks({f"sound-{name}": track for name, track in made.tracks.items()})
    return Made(_page(log, blocks), told, gathered.measured)


def still(log: Log) -> Log:
    """The log as it is now: that of a running call grows while it is read, and it is read several times."""
    last_seq = max((row[0] for row in log.rows()), default=0)
    return replace(log, rows=lambda: takewhile(lambda row: row[0] <= last_seq, log.rows()))


def mistakes(log: Log) -> list[Problem]:
    """Of a call of another bridge, what that got wrong: there is nothing that matters more about it."""
    if log.settings.rules != RULES_OVERHEARD:
        return []
    with suppress(LogError):  # it cannot be heard: then nobody can tell
        return [
            Problem(each.seq, each.at_ms, finding.cause, f"{CAUSES[finding.cause].title}: {finding.because}", BROKEN)
            for each in audit(log).barge_ins
            for finding in each.findings
        ]
    return []


def _blocks(packed: dict[str, bytes]) -> str:
    return "".join(bundle.packed_block(name, made) for name, made in packed.items())


def _sound(heard: Tracks, used: int) -> sound.Sound:
    """The sound, in what is left of the page's size, base64 making four bytes of three."""
    seconds = len(heard.caller) / SAMPLE_RATE
    size_max = SIZE_MAX * max(1.0, seconds / SECONDS_IN_SIZE)
    return sound.pack(heard, max(round((size_max - used) * 3 / 4), round(SOUND_MIN * seconds)))


def _told_of(made: sound.Sound, heard: Tracks) -> dict[str, Any]:
    return {
        "bits": made.bits,
        "codec": heard.codec,
        "rate": SAMPLE_RATE,
        "samples": len(heard.caller),
        "values": made.values,
        "tracks": list(made.tracks),
    }


def _page(log: Log, blocks: str) -> bytes:
    return frame(f"{log.head.call_sid or log.path.name}: call", blocks)


def frame(title: str, blocks: str) -> bytes:
    """A page around its data."""
    vendor, own = ";\n".join(map(bundle.asset, _VENDOR)), bundle.script(_MAIN)
    parts = {
        "policy": bundle.policy(vendor, own),
        "title": escape(title),
        "style": bundle.style(*_STYLES),
        "blocks": blocks,
        "license": bundle.asset(_LICENSE),
        "vendor": vendor,
        "script": own,
    }
    return bundle.fill("page.html", parts).encode()
