"""A `bridge serve` of one's own: a real process, on a port that the system chose, with signatures and tokens on."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from engine.soak.peers import AUTH_TOKEN, PUBLIC_URL

START_SECONDS_MAX = 60.0
"""Until it listens: it recovers what the last one left first, and this machine may be busy."""
LISTENING = "http://127.0.0.1:"


class NotStarted(Exception):
    """The bridge did not come to listen. Says what it said."""


@asynccontextmanager
async def serving(model_url: str, calls_dir: Path, agent: str = "") -> AsyncIterator[tuple[trio.Process, int]]:
    """The process and its port. Killed at the end, if it is still there. `agent`: what is in its AGENT file. Raises
    NotStarted."""
    agent_file, said_file = (calls_dir.with_name(f"{calls_dir.name}.{name}") for name in ("agent.toml", "stderr"))
    agent_file.write_text(agent, encoding="utf-8")
    settings = {
        "OPENAI_REALTIME_URL": model_url,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "PUBLIC_URL": PUBLIC_URL,
        "CALLS_DIR": str(calls_dir),
        "AGENT": str(agent_file),
        "HOST": "127.0.0.1",
        "PORT": "0",
    }
    with said_file.open("w") as said:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "engine", "serve"], env=os.environ | settings, stdout=subprocess.PIPE, stderr=said
        )
    assert process.stdout is not None
    try:
        line = ""
        with trio.move_on_after(START_SECONDS_MAX):
            line = (await process.stdout.receive_some()).decode()
        if LISTENING not in line:
            raise NotStarted(f"bridge serve did not start: {said_file.read_text()[-2000:] or line}")
        yield process, int(line.split(LISTENING)[1].split(";")[0])
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.stdout.aclose()
            await process.wait()
