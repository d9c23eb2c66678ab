"""The calls of which the viewer's tests make pages, as logs in memory.

demo      the call of `bridge demo`: real speech, one interruption, both voices in the log
hostile   a call whose every text is an attack on a page that shows it
long      five minutes in which both parties talk as people do, over a line with noise
"""

from functools import cache
from pathlib import Path
from random import Random

from msgspec.structs import replace

from engine.core import Entry
from engine.core.audio import SAMPLE_RATE, SILENCE, linear
from engine.core.settings import CallSettings
from engine.sim.bakery import NETWORK, bakery
from engine.sim.caller import Cue
from engine.sim.edge import EdgePlan
from engine.sim.model import ModelPlan
from engine.sim.reply import Reply
from engine.sim.scenario import Scenario
from engine.sim.speech import load
from engine.sim.world import run
from replay.rows import Log
from replay.view.page import make_page
from tests import build, replay_calls
from tests.build import Harness
from tests.replay_calls import log_of

ATTACK = "<img src=x onerror=\"window.pwned='img'\"></script><script>window.pwned='script'</script><!--\u2028]]>"
LONG_SECONDS = 300
TURN_SECONDS = 11


@cache
def demo() -> Log:
    scenario = bakery()
    return log_of(run(scenario, 1).entries, scenario.settings)


@cache
def demo_page() -> bytes:
    return make_page(demo())


def page_of(log: Log) -> bytes:
    """A page of a log; that of the demo is made once."""
    return demo_page() if log is demo() else make_page(log)


def spoilt() -> Log:
    """The call of the replay's tests, with a number in its log that no core would have commanded."""
    entries = replay_calls.bakery()
    return log_of([replace(e, body=e.body.replace(":520", ":400")) if e.seq == 123 else e for e in entries])


def hostile() -> Log:
    """All that comes from outside is an attack: words, names, types, errors, frames that are no JSON."""
    call = Harness()
    call.seq = 1
    call.engine(build.leg_opened("caller"))
    call.caller(build.connected(), build.started())
    call.engine(build.leg_opened("model"))
    call.model(build.session_created(), build.session_updated())
    call.model(build.response_created(ATTACK), build.response_item_added("__proto__", ATTACK))
    call.model(build.item_added("__proto__"), build.item_words(f"{ATTACK} {ATTACK}", "__proto__", ATTACK, final=True))
    call.model(build.item_audio(1000, "__proto__", ATTACK), build.item_done("__proto__"))
    call.run(400)
    call.model(build.frame(type=ATTACK, text=ATTACK), build.frame(type="error", error={"code": "x", "message": ATTACK}))
    call.model(ATTACK, '{"type":"response.output_text.delta","delta":"\\u0000 007 1e5 9007199254740993 -0.50"}')
    call.caller(f"\x00{ATTACK}", build.echo(ATTACK))
    call.model(build.speech_started(300, ATTACK), build.item_added(ATTACK, None, "user"))
    call.run(700)
    call.model(build.speech_stopped(1380, ATTACK), build.caller_words(ATTACK, ATTACK))
    return log_of(call.entries, head=replay_calls.HEAD)


def running() -> Log:
    """A call that is not over."""
    log = log_of(replay_calls.bakery()[:116])
    return Log(Path("live") / "CA1.db", log.head, log.settings, log.rows)


@cache
def long() -> Log:
    replies = tuple(
        Reply(items=(load(f"bakery_{name}").item,))
        for name in ("greeting", "total", "discount", "disclaimer", "goodbye") * 6
    )
    scenario = Scenario(
        name="long",
        edge=EdgePlan(cues=(Cue(0, audio=_caller()), Cue(LONG_SECONDS * 1000, hang_up=True))),
        model=ModelPlan(replies=replies, caller_words=("Two croissants and a baguette, please.",) * 40),
        settings=CallSettings(greeting="Greet the caller."),
        caller_in=NETWORK,
        caller_out=NETWORK,
        model_in=NETWORK,
        model_out=NETWORK,
        ends_ms=(LONG_SECONDS + 2) * 1000,
    )
    return log_of(run(scenario, 1).entries, scenario.settings)


def _caller() -> bytes:
    """Lines of speech between noise: what a microphone hears while nobody speaks."""
    heard = bytearray(Random(1).randbytes(LONG_SECONDS * SAMPLE_RATE).translate(_noise()))
    lines = [load(f"caller_{name}").audio for name in ("order", "interrupts", "thanks")]
    for number, second in enumerate(range(6, LONG_SECONDS - 5, TURN_SECONDS)):
        line = lines[number % len(lines)]
        heard[second * SAMPLE_RATE : second * SAMPLE_RATE + len(line)] = line
    return bytes(heard)


def _noise() -> bytes:
    """Evenly spread bytes to the codes of a bell curve some 12 of 32,768 wide."""
    near = sorted(range(256), key=lambda code: abs(linear(code)))[:12]
    widths = [max(1, round(256 * 2.0 ** -(abs(linear(code)) / 12) / 5)) for code in near]
    table = b"".join(bytes([code]) * width for code, width in zip(near, widths, strict=True))
    return (table + bytes([SILENCE]) * 256)[:256]


def entries_of(log: Log) -> list[Entry]:
    """All entries of a log."""
    from replay.rows import entry_of

    return [entry_of(row) for row in log.rows()]
