"""Healthy and faulty calls at once, over real sockets and in real time: how soon is a clear on the wire?

`bridge serve` runs in a process of its own; the far ends run here. In virtual time a bridge that waits for nothing is
never late. Here its work takes time, and so does that of everything else on this machine, the simulators first.
"""

from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import msgspec
import trio

from engine.sim.caller import Cue
from engine.sim.calling import ask_webhook, webhook_fields
from engine.sim.edge import EdgePlan, TwilioEdge
from engine.sim.fronts import Front, Serving, run_edge, serve_model, signature
from engine.sim.machine import Machine
from engine.sim.model import ModelPlan, RealtimeModel
from engine.sim.reply import Reply, ReplyItem
from engine.sim.ruler import place, ruler
from engine.sim.scenarios import speech
from engine.sim.toxics import Bandwidth, HalfOpen, LimitData, Reset, Slicer, Stall, Toxic, ToxicStream
from engine.soak.delay import clear_delays_ms
from engine.soak.peers import AUTH_TOKEN, HOST, MEDIA_URL, WEBHOOK_URL, Intruder
from engine.soak.process import serving

CALLS = 20
SECONDS = 16
TURN_SECONDS = 2.5
"""About what it takes to be answered and to talk over the answer."""
ANSWER_MS, HEARD_MS = 1_500, 700
DROPS_MS = 4_000
"""When a model that drops its calls does."""
FAULTS: tuple[tuple[str, tuple[Toxic, ...], tuple[Toxic, ...]], ...] = (
    ("bandwidth", (), (Bandwidth(5_000),)),
    ("slices", (Slicer(20),), (Slicer(20),)),
    ("stall", (), (Stall(at_ms=4_000, for_ms=3_000),)),
    ("half-open", (HalfOpen(5_000),), (HalfOpen(5_000),)),
    ("reset", (Reset(6_000),), ()),
    ("limit data", (), (LimitData(150_000),)),
)
"""The first calls have one each, on what the caller sends and on what reaches it. The model of the next drops its
calls; all others are healthy."""
FAULTY = len(FAULTS) + 1
WAIT_SECONDS = 0.02
GRACE_SECONDS = 5.0
"""For a call to end once its caller has hung up. What has not by then is one of the faulty ones."""


class Delays(msgspec.Struct):
    """From news of speech to a clear, for the healthy calls."""

    calls: int
    healthy: int
    seconds: int
    clear_delays_ms: list[float]


def measure(folder: Path, calls: int = CALLS, seconds: int = SECONDS) -> Delays:
    """Run the calls; their logs are in `folder`."""
    return trio.run(_run, folder, calls, seconds)


async def _run(folder: Path, calls: int, seconds: int) -> Delays:
    edges: list[Front] = []
    # The bridge dials one model for all, so a call finds its own by the order of dialling.
    numbers = count()
    items = [ReplyItem("We have fresh bread.", ruler(turn, ANSWER_MS)) for turn in range(_turns(seconds) + 2)]
    plan = ModelPlan(replies=tuple(Reply(items=(item,)) for item in items))

    def make_model() -> Machine:
        model = RealtimeModel(plan)
        return Intruder(model, (), DROPS_MS) if next(numbers) == FAULTY - 1 else model

    async with trio.open_nursery() as nursery:
        model: Serving = await nursery.start(partial(serve_model, make_model))
        async with serving(model.url, folder / "calls") as (_, port), trio.open_nursery() as calling:
            for number in range(calls):
                calling.start_soon(_call, port, number, seconds, edges)
                # The bridge dials for it, in another process: there is no event to wait for.
                while len(model.sessions) <= number:  # noqa: ASYNC110
                    await trio.sleep(WAIT_SECONDS)
            pairs = list(zip(edges, model.sessions, strict=False))
        nursery.cancel_scope.cancel()
    healthy = pairs[FAULTY:]
    delays = sorted(delay for edge, session in healthy for delay in clear_delays_ms(edge, [session]))
    return Delays(calls, len(healthy), seconds, delays)


def _turns(seconds: int) -> int:
    return int(seconds / TURN_SECONDS)


def _cues(seconds: int) -> tuple[Cue, ...]:
    """A caller who asks, talks over each answer once some of it was heard, and hangs up."""
    turns = [Cue(0, after=place(turn, HEARD_MS), audio=speech(300)) for turn in range(_turns(seconds))]
    return (Cue(500, audio=speech(400)), *turns, Cue(seconds * 1_000, hang_up=True))


async def _call(port: int, number: int, seconds: int, edges: list[Front]) -> None:
    plan = EdgePlan(call_sid=f"CA{number:032x}", cues=_cues(seconds))
    stream: trio.abc.Stream = await trio.open_tcp_stream("127.0.0.1", port)
    told = await ask_webhook(stream, WEBHOOK_URL, webhook_fields(plan), AUTH_TOKEN)
    edge = TwilioEdge(msgspec.structs.replace(plan, parameters=told.parameters))
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    headers = [signature(AUTH_TOKEN, MEDIA_URL)]
    async with trio.open_nursery() as nursery:
        for _, up, down in FAULTS[number : number + 1]:
            stream = ToxicStream(stream, up, down, Random(number))
            nursery.start_soon(stream.run)
        with trio.move_on_after(seconds + GRACE_SECONDS):
            with suppress(Exception):  # a faulty call may end in any way
                await run_edge(stream, edge, HOST, "/media", headers, on_open=edges.append)
        nursery.cancel_scope.cancel()
