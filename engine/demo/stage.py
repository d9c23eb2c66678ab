"""The call itself, live: the bridge's own server between a simulated model and a simulated phone.

Three peers on loopback, in one process, each on a port of its own: the server dials the model as it would dial OpenAI,
with a key; the phone's edge asks the server's webhook what to do and then dials the server, as Twilio would, with
signatures and the webhook's token. The keys are drawn for this one call. The network's delays are added at the
simulators' ends.
"""

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import redirect_stderr
from functools import partial
from io import StringIO
from pathlib import Path
from secrets import token_urlsafe

import msgspec
import trio

from engine.config import Config
from engine.server import Server
from engine.sim.caller import Cue
from engine.sim.calling import place_call
from engine.sim.edge import TwilioEdge
from engine.sim.fronts import Serving, serve_model
from engine.sim.model import RealtimeModel
from engine.sim.scenario import Scenario

HOST = "127.0.0.1"
PUBLIC_URL = "https://bakery.example.com"
"""What the signature is made over. Nobody asks for that name."""
LOOK_SECONDS = 0.05
"""Twenty looks a second: the ear moves smoothly, and the call beside it is not held up."""


class Performance(msgspec.Struct):
    """A call that is over, and the two machines that know the truth about it."""

    edge: TwilioEdge
    model: RealtimeModel
    interrupted: bool = False
    """Somebody pressed Ctrl-C: the call was hung up before its end."""
    said: str = ""
    """What the server said on stderr."""


async def perform(scenario: Scenario, calls_dir: Path, look: Callable[[], bool]) -> Performance:
    """Run the call to its end, its log sealed. SIGINT and SIGTERM hang up.

    Meanwhile `look` is called again and again, while it returns True and the phone has not hung up: the bridge learns
    of that a moment later, and from then on nobody may have the log open (see `follow`).
    """
    hang_up = Cue(scenario.ends_ms, hang_up=True)
    edge = TwilioEdge(msgspec.structs.replace(scenario.edge, cues=(*scenario.edge.cues, hang_up)))
    performance = Performance(edge, RealtimeModel(scenario.model))
    said = StringIO()
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals, redirect_stderr(said):
        async with trio.open_nursery() as nursery:
            await _connect(scenario, calls_dir, performance, look, signals, nursery)
            nursery.cancel_scope.cancel()
    performance.said = said.getvalue()
    return performance


async def _connect(
    scenario: Scenario,
    calls_dir: Path,
    performance: Performance,
    look: Callable[[], bool],
    signals: AsyncIterator[int],
    nursery: trio.Nursery,
) -> None:
    key, auth_token = f"sk-demo-{token_urlsafe(16)}", token_urlsafe(16)
    delays = (scenario.model_out, scenario.model_in)
    serving: Serving = await nursery.start(
        partial(serve_model, lambda: performance.model, HOST, key=key, delays=delays)
    )
    server = Server(
        Config(
            settings=scenario.settings,
            model_url=serving.url,
            api_key=key,
            auth_token=auth_token,
            public_url=PUBLIC_URL,
            host=HOST,
            port=0,
            calls_dir=calls_dir,
            calls_max=1,
            drain_seconds=0,
        )
    )
    port = await server.listen()
    nursery.start_soon(server.run)
    watching = trio.CancelScope()
    nursery.start_soon(_watch, watching, performance.edge, look)
    async with trio.open_nursery() as phone:
        await phone.start(
            partial(
                place_call,
                f"http://{HOST}:{port}",
                performance.edge,
                auth_token=auth_token,
                public_url=PUBLIC_URL,
                delays=(scenario.caller_out, scenario.caller_in),
            )
        )
        # Not sooner: there was no call to hang up.
        nursery.start_soon(_hang_up_on_signal, performance, server, watching, signals)
    await server.all_over()


async def _watch(watching: trio.CancelScope, edge: TwilioEdge, look: Callable[[], bool]) -> None:
    with watching:
        while edge.closing is None:
            if not look():
                break
            await trio.sleep(LOOK_SECONDS)


async def _hang_up_on_signal(
    performance: Performance, server: Server, watching: trio.CancelScope, signals: AsyncIterator[int]
) -> None:
    async for _ in signals:
        performance.interrupted = True
        watching.cancel()
        server.stop()
        server.stop()
