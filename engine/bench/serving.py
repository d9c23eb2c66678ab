"""`bridge serve` in a process of its own, as a user starts it."""

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import trio

TOKEN = "bench"
TICKS = "ticks.json"
"""In its folder, a bridge with a ticking loop leaves its ticks."""
LISTENING_S_MAX = 20


class Tick(msgspec.Struct, frozen=True, array_like=True):
    """How late an event loop came to something that was due; and how long it waited for the process's own threads."""

    late_ms: float
    own_ms: float


@asynccontextmanager
async def serving_bridge(model_url: str, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """Its process id and its port, once it listens. What it says of calls is not shown."""
    port = _free_port()
    environment = os.environ | {
        "OPENAI_REALTIME_URL": model_url,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "PUBLIC_URL": f"ws://127.0.0.1:{port}",
        "TOKEN_SECONDS_MAX": "0",  # the relay beside it has no /twiml to give one
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "CALLS_DIR": str(folder),
    }
    async with _serving(["engine", "serve"], port, environment) as pid:
        yield pid, port


@asynccontextmanager
async def serving_relay(model_url: str, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """The same for the bare relay, which has no use for `folder`."""
    port = _free_port()
    async with _serving(["engine.bench.relay", model_url, str(port)], port, dict(os.environ)) as pid:
        yield pid, port


@asynccontextmanager
async def serving_ticking(words: str, model_url: str, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """The same for a bridge whose event loop ticks. `words`: whether it looks for "words", or for "none"."""
    port = _free_port()
    command = ["engine.bench.ticking", model_url, str(port), str(folder), words]
    async with _serving(command, port, dict(os.environ)) as pid:
        yield pid, port


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@asynccontextmanager
async def _serving(module: list[str], port: int, environment: dict[str, str]) -> AsyncIterator[int]:
    command = [sys.executable, "-m", *module]
    # Blocking for a moment is nothing here: no call is up yet.
    process = subprocess.Popen(  # noqa: ASYNC220
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with trio.fail_after(LISTENING_S_MAX):
            while not await _is_listening(port):  # noqa: ASYNC110  # another process has no event to wait for
                await trio.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


async def _is_listening(port: int) -> bool:
    try:
        await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
    except OSError:
        return False
    return True
