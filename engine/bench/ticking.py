"""The bridge with a clock in its event loop: how late does the loop come to what is due?

`python -m engine.bench.ticking MODEL_URL PORT CALLS_DIR words|none` serves calls until it is told to stop, and then
writes into CALLS_DIR how late each tick was, and how much of that is CPU that other threads of this process used
meanwhile. The first is at the mercy of whatever else the machine does; the second is what we do to ourselves. With
`none` no words are looked for, so that two runs tell what that costs.
"""

import sys
from pathlib import Path
from signal import SIGTERM
from time import process_time, thread_time

import msgspec
import trio

from engine.bench.serving import TICKS, TOKEN, Tick
from engine.config import Config
from engine.core import CallSettings
from engine.core.heard import Alignment, Work
from engine.server import Server

TICK_S = 0.001


async def _align_nothing(work: Work) -> Alignment:
    return Alignment(work.transcript, [], 0, 0.0, "none")


async def _tick(ticks: list[Tick]) -> None:
    """For ever."""
    while True:
        due_s = trio.current_time() + TICK_S
        others_s = process_time() - thread_time()
        await trio.sleep_until(due_s)
        late_s = trio.current_time() - due_s
        others_s = process_time() - thread_time() - others_s
        ticks.append(Tick(late_s * 1e3, max(0.0, min(late_s, others_s)) * 1e3))


async def _stop_on_signal(server: Server) -> None:
    with trio.open_signal_receiver(SIGTERM) as signals:
        async for _ in signals:
            server.stop()


async def _serve(model_url: str, port: int, calls_dir: Path, looks_for_words: bool) -> None:
    config = Config(
        settings=CallSettings(),
        model_url=model_url,
        api_key=None,
        auth_token=TOKEN,
        token_seconds_max=0,
        public_url=f"ws://127.0.0.1:{port}",
        host="127.0.0.1",
        port=port,
        calls_dir=calls_dir,
        calls_max=1_000,
        drain_seconds=0,
    )
    server = Server(config, None if looks_for_words else _align_nothing)
    ticks: list[Tick] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_on_signal, server)
        nursery.start_soon(_tick, ticks)
        await server.listen()
        await server.run()
        nursery.cancel_scope.cancel()
    (calls_dir / TICKS).write_bytes(msgspec.json.encode(ticks))


if __name__ == "__main__":
    trio.run(_serve, sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4] == "words")
