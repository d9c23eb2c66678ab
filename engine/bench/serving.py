"""`bridge serve` in a process of its own, as a user starts it."""

import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

TOKEN = "bench"
LISTENING_S_MAX = 20


@asynccontextmanager
async def serving_bridge(model_url: str, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """Its process id and its port, once it listens. What it says of calls is not shown."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = os.environ | {
        "OPENAI_REALTIME_URL": model_url,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "PUBLIC_URL": f"ws://127.0.0.1:{port}",
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "CALLS_DIR": str(folder),
    }
    command = [sys.executable, "-m", "engine", "serve"]
    # Blocking for a moment is nothing here: no call is up yet.
    process = subprocess.Popen(  # noqa: ASYNC220
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with trio.fail_after(LISTENING_S_MAX):
            while not await _is_listening(port):  # noqa: ASYNC110  # another process has no event to wait for
                await trio.sleep(0.05)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait()


async def _is_listening(port: int) -> bool:
    try:
        await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
    except OSError:
        return False
    return True
