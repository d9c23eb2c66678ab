"""The oracle over real sockets: simulated callers and models on delayed WebSockets around a real `bridge serve`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import msgspec
import trio

from engine.bench.accuracy import say_distribution
from engine.bench.serving import TOKEN, serving_bridge
from engine.sim.caller import Cue
from engine.sim.edge import TwilioEdge
from engine.sim.fronts import Front, Serving, dial_edge, serve_model
from engine.sim.model import RealtimeModel
from engine.sim.oracle import Cut
from engine.sim.scenario import Scenario
from engine.sim.scenarios import random_scenario
from engine.sim.truth import truths_of

STARTING_S = 0.1


def measure(count: int, say: Callable[[str], None]) -> None:
    """Run `count` calls at once; print how far off they are."""
    scenarios = _scenarios(count)
    with TemporaryDirectory() as folder:
        fronts = trio.run(_run, scenarios, Path(folder))
    cuts: list[Cut] = []
    left, errors = 0, []
    for edge, model in fronts:
        twilio, realtime = cast(TwilioEdge, edge.machine), cast(RealtimeModel, model.machine)
        items = truths_of(twilio.played, realtime.conversation.items)
        errors += [error["code"] for error in realtime.errors]
        for item in items:
            if item.in_conversation and item.kept_samples < item.generated_samples:
                cuts.append(Cut(item.item_id, (item.kept_samples - item.heard_samples) / 8, "calm"))
            elif item.in_conversation and item.heard_samples == 0 and item is not items[-1]:
                left += 1
    say(f"{count} calls at once over real sockets, 20 to 250 ms each way, up to 200 ms of jitter")
    say_distribution(cuts, say)
    say(f"items never heard and left with the model: {left}; errors of the model: {errors or 'none'}")


def _scenarios(count: int) -> list[Scenario]:
    """Calls that the bridge's default settings fit."""
    found: list[Scenario] = []
    seed = 0
    while len(found) < count:
        scenario = random_scenario(seed)
        if _is_plain(scenario):
            # The caller hangs up at last, whatever was or was not played.
            cues = (*scenario.edge.cues, Cue(scenario.ends_ms, hang_up=True))
            edge = msgspec.structs.replace(scenario.edge, call_sid=f"CA{seed:032x}", cues=cues)
            found.append(msgspec.structs.replace(scenario, edge=edge))
        seed += 1
    return found


def _is_plain(scenario: Scenario) -> bool:
    return scenario.conditions <= {"beta names"} and scenario.settings.greeting is None


async def _run(scenarios: list[Scenario], folder: Path) -> list[tuple[Front, Front]]:
    edges: list[Front] = []
    models: list[Serving] = []
    async with trio.open_nursery() as nursery:
        # A model for each call: the bridge is told one address, so a call finds its own by the order of dialling.
        waiting = iter(scenarios)

        def make_model() -> RealtimeModel:
            return RealtimeModel(next(waiting).model)

        delays = (scenarios[0].model_out, scenarios[0].model_in)
        serving: Serving = await nursery.start(partial(serve_model, make_model, delays=delays))
        models.append(serving)
        async with serving_bridge(serving.url, folder) as (_, port), trio.open_nursery() as calling:
            for scenario in scenarios:
                ways = (scenario.caller_out, scenario.caller_in)
                dial = partial(dial_edge, f"ws://127.0.0.1:{port}/media", TwilioEdge(scenario.edge))
                edges.append(await calling.start(partial(dial, auth_token=TOKEN, delays=ways)))
                # The bridge dials the model for it, in another process: there is no event to wait for.
                while len(serving.sessions) < len(edges):  # noqa: ASYNC110
                    await trio.sleep(STARTING_S)
        nursery.cancel_scope.cancel()
    return list(zip(edges, serving.sessions, strict=True))
