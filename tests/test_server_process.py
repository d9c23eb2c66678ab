"""`bridge serve` as a process: what it prints, how it stops, with which exit code."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.bridge_peers import CALL_SID, CONNECTED, STOP, Caller, Model, start
from tests.server_rig import SIGNED, TOKEN, end_of, listening, sealed


async def serve(calls_dir: Path, model_url: str) -> tuple[trio.Process, str]:
    """A process that serves, and the line that it printed."""
    settings = {
        "OPENAI_REALTIME_URL": model_url,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "PUBLIC_URL": "https://calls.example.com",
        "CALLS_DIR": str(calls_dir),
        "HOST": "127.0.0.1",
        "PORT": "0",
        "TOKEN_SECONDS_MAX": "0",
    }
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "engine", "serve"],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    return process, (await process.stdout.receive_some()).decode()


async def call(nursery: trio.Nursery, line: str) -> Caller:
    """A call that has begun."""
    caller = Caller()
    port = int(line.split("http://127.0.0.1:")[1].split(";")[0])
    await caller.connect(nursery, await trio.open_tcp_stream("127.0.0.1", port), SIGNED)
    await caller.send(CONNECTED, start())
    return caller


async def rest(process: trio.Process) -> tuple[int, list[str]]:
    """The exit code and the facts said on stderr, without their times."""
    assert process.stdout is not None
    assert process.stderr is not None
    text = b""
    async with process.stdout, process.stderr:
        while more := await process.stderr.receive_some():
            text += more
    return await process.wait(), [line.split(" ", 1)[1] for line in text.decode().splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_asked_to_stop_it_lets_the_call_finish(
    tmp_path: Path, nursery: trio.Nursery, number: signal.Signals
) -> None:
    model = Model()
    url = await listening(nursery, model)
    process, line = await serve(tmp_path, url)
    assert line.startswith("listening on http://127.0.0.1:")
    assert line.endswith("; Twilio's webhook is POST https://calls.example.com/twiml\n")
    caller = await call(nursery, line)
    await model.received(1)
    process.send_signal(number)
    await caller.send(STOP)
    code, facts = await rest(process)
    assert code == 0
    assert facts[0].startswith(f"call.started call={CALL_SID} ")
    assert facts[1] == f"server.stopping signal={number.name}"
    assert facts[2].startswith(f"call.ended call={CALL_SID} ended=stop ")
    assert len(facts) == 3
    (log,) = sealed(tmp_path)
    assert end_of(log) == ("stop", "Twilio said stop")
    nursery.cancel_scope.cancel()


async def test_asked_twice_it_hangs_up(tmp_path: Path, nursery: trio.Nursery) -> None:
    model = Model()
    url = await listening(nursery, model)
    process, line = await serve(tmp_path, url)
    caller = await call(nursery, line)
    await model.received(1)
    process.terminate()
    assert process.stderr is not None
    said = b""
    while b" server.stopping signal=SIGTERM" not in said:
        said += await process.stderr.receive_some()
    process.terminate()
    assert await caller.close_reason() == (1000, "shutdown")
    code, facts = await rest(process)
    assert code == 0
    assert facts[0] == "server.stopping signal=SIGTERM"
    (log,) = sealed(tmp_path)
    assert end_of(log) == ("shutdown", "shutdown")
    nursery.cancel_scope.cancel()


async def test_the_next_start_seals_what_a_crash_left(tmp_path: Path, nursery: trio.Nursery) -> None:
    model = Model()
    url = await listening(nursery, model)
    process, line = await serve(tmp_path, url)
    await call(nursery, line)
    await model.received(1)
    process.kill()
    await rest(process)
    assert sealed(tmp_path) == []

    process, _ = await serve(tmp_path, url)
    process.terminate()
    code, facts = await rest(process)
    (log,) = sealed(tmp_path)
    assert (code, facts) == (0, [f"log.recovered log={log}", "server.stopping signal=SIGTERM"])
    assert end_of(log) == ("crashed", "the log has no end")
    assert log.name == f"{CALL_SID}.db"
    nursery.cancel_scope.cancel()
