"""Whole calls over real sockets, with real logs: how they begin, how each can end, and what is left of them."""

import json
import sqlite3
from pathlib import Path

import pytest
import trio

from engine.bridge import Bridge
from engine.config import TURN_AWAY_WORDS
from engine.core import CallSettings
from engine.core.settings import Limits
from engine.log import index
from engine.log.create import create
from engine.log.errors import LogError
from tests.bridge_peers import CALL_SID, CONNECTED, STOP, Model, media, start
from tests.server_rig import PUBLIC_URL, end_of, entries, listening, serving, signature


async def test_a_call_leaves_a_sealed_log_and_a_row_in_the_index(
    tmp_path: Path, nursery: trio.Nursery, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Model()
    async with serving(tmp_path, model_url=await listening(nursery, model)) as rig:
        caller = await rig.caller()
        await caller.send(CONNECTED, start(), media(1))
        await model.received(1)
        assert f"{CALL_SID}.db" in [path.name for path in rig.live()]
        assert (await rig.health())["calls"] == 1
        await caller.send(STOP)
        assert await caller.close_reason() == (1000, "stop")
        await rig.server.all_over()

        (log,) = rig.logs()
        assert log.name == f"{CALL_SID}.db"
        assert rig.live() == []
        assert end_of(log) == ("stop", "Twilio said stop")
        kept = entries(log)
        assert [kept[0].type, kept[-1].type] == ["leg.opened", "end_call"]
        (row,) = index.calls(tmp_path)
        assert (row.call_sid, row.ended, row.entries, row.faults) == (CALL_SID, "stop", len(kept), 0)
        assert (await rig.health())["status"] == "ok"
    said = capsys.readouterr().err
    assert f" call.ended call={CALL_SID} ended=stop " in said
    # The key went to the model and nowhere else.
    assert "sk-secret" not in said
    assert model.headers[b"authorization"] == b"Bearer sk-secret"
    assert not rig.holds(b"sk-secret")
    nursery.cancel_scope.cancel()


async def test_a_model_that_refuses_the_key(tmp_path: Path, nursery: trio.Nursery) -> None:
    """The caller hears no endless silence: the call ends at once, and the log says why."""
    async with serving(tmp_path, model_url=await listening(nursery, Model(accepts=False))) as rig:
        caller = await rig.caller()
        await caller.send(CONNECTED, start())
        assert await caller.close_reason() == (1011, "model_failed")
        await rig.server.all_over()
        (log,) = rig.logs()
        reason = "the model cannot be reached: refused with status 401: Incorrect API key provided: sk-…"
        assert end_of(log) == ("model_failed", reason)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ws://127.0.0.1:9/v1", "no connection to 127.0.0.1:9: Connection refused"),
        ("ws://nowhere.invalid/v1", "no address for nowhere.invalid: "),
        (f"ws://{'a' * 64}.invalid/v1", f"no address for {'a' * 64}.invalid: not a host name"),
    ],
    ids=["nobody-listens", "no-such-name", "no-name-at-all"],
)
async def test_a_model_that_cannot_be_reached(tmp_path: Path, url: str, reason: str) -> None:
    """It is tried again for as long as a caller can be kept waiting; each try is in the log with what came of it."""
    patient = CallSettings(limits=Limits(ready_ms_max=300))
    async with serving(tmp_path, model_url=url, settings=patient) as rig:
        caller = await rig.caller()
        await caller.send(CONNECTED, start())
        assert await caller.close_reason() == (1011, "model_failed")
        await rig.server.all_over()
        (log,) = rig.logs()
        assert end_of(log)[0] == "model_failed"
        failed = [json.loads(entry.body)["reason"] for entry in entries(log) if entry.type == "leg.failed"]
        assert failed != []
        assert all(why.startswith(reason) for why in failed)


async def test_twilio_closes_without_stop(tmp_path: Path, nursery: trio.Nursery) -> None:
    model = Model()
    async with serving(tmp_path, model_url=await listening(nursery, model)) as rig:
        caller = await rig.caller()
        await caller.send(CONNECTED, start())
        await model.received(1)
        await caller.socket.aclose(1001)
        await rig.server.all_over()
        (log,) = rig.logs()
        assert end_of(log) == ("dropped", "the caller's socket closed (1001) without stop")
    nursery.cancel_scope.cancel()


async def test_a_refused_start_leaves_no_log_but_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A call SID becomes the name of a file, so what is not one leaves nothing on disk."""
    async with serving(tmp_path) as rig:
        caller = await rig.caller()
        await caller.send(CONNECTED, start(call_sid="../../evil"))
        assert await caller.close_reason() == (1008, "refused")
        await rig.server.all_over()
        assert rig.logs() == rig.live() == []
    said = capsys.readouterr().err
    assert ' call.ended call=unnamed ended=refused reason="start without a call SID and a stream SID" ' in said


async def test_one_call_too_many(tmp_path: Path, nursery: trio.Nursery, capsys: pytest.CaptureFixture[str]) -> None:
    """Twilio is told to make it a busy tone; who connects all the same gets 503. The running call notices nothing."""
    model = Model()
    async with serving(tmp_path, model_url=await listening(nursery, model), calls_max=1) as rig:
        caller = await rig.caller()
        await caller.send(CONNECTED, start())
        status, twiml = await rig.ask("POST", "/twiml", signature(f"{PUBLIC_URL}/twiml"))
        assert (status, f"<Say>{TURN_AWAY_WORDS}</Say><Hangup/>" in twiml) == (200, True)
        assert await rig.refusal() == (503, "calls_max: 1 calls are up\n")
        assert (await rig.health())["refused"] == {"busy": 1, "503": 1}
        await caller.send(STOP)
        await rig.server.all_over()
        assert end_of(rig.logs()[0])[0] == "stop"
        status, twiml = await rig.ask("POST", "/twiml", signature(f"{PUBLIC_URL}/twiml"))
        assert "<Connect>" in twiml
    assert ' call.turned_away why="calls_max: 1 calls are up"' in capsys.readouterr().err
    nursery.cancel_scope.cancel()


async def test_stopping_lets_a_call_finish(tmp_path: Path, nursery: trio.Nursery) -> None:
    """New calls are turned away, and whoever asks is told; the running call goes on to its own end."""
    model = Model()
    async with serving(tmp_path, model_url=await listening(nursery, model)) as rig:
        caller = await rig.caller()
        await caller.send(CONNECTED, start())
        rig.server.stop()
        status, text = await rig.ask("GET", "/healthz")
        assert (status, json.loads(text)["status"], json.loads(text)["calls"]) == (503, "draining", 1)
        assert await rig.refusal() == (503, "the server is stopping\n")
        await caller.send(media(1), STOP)
        await rig.over.wait()
        assert end_of(rig.logs()[0]) == ("stop", "Twilio said stop")
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("drain_seconds", "stops"), [(0.05, 1), (60.0, 2)], ids=["patience-ends", "asked-twice"])
async def test_stopping_hangs_up_in_the_end(
    tmp_path: Path, nursery: trio.Nursery, drain_seconds: float, stops: int
) -> None:
    model = Model()
    async with serving(tmp_path, model_url=await listening(nursery, model), drain_seconds=drain_seconds) as rig:
        caller = await rig.caller()
        await caller.send(CONNECTED, start())
        await model.received(1)
        for _ in range(stops):
            rig.server.stop()
        assert await caller.close_reason() == (1000, "shutdown")
        await rig.over.wait()
        assert end_of(rig.logs()[0]) == ("shutdown", "shutdown")
    nursery.cancel_scope.cancel()


async def test_a_bug_ends_one_call_and_keeps_its_log(
    tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other calls go on. The log is sealed as it is, without an end."""

    def broken(self: Bridge, leg: str, frame: bytes) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(Bridge, "binary_received", broken)
    model = Model()
    async with serving(tmp_path, model_url=await listening(nursery, model)) as rig:
        doomed, other = await rig.caller(), await rig.caller()
        await doomed.send(CONNECTED, start())
        await other.send(CONNECTED, start("CA" + "8" * 32))
        await model.received(2)
        await doomed.send(b"x")
        await doomed.closed.wait()
        await other.send(STOP)
        assert await other.close_reason() == (1000, "stop")
        await rig.server.all_over()
        assert [end_of(log)[0] for log in rig.logs()] == ["crashed", "stop"]
    said = capsys.readouterr().err
    assert f' call.failed error="ZeroDivisionError: boom" call={CALL_SID}\n' in said
    assert "Traceback" not in said
    nursery.cancel_scope.cancel()


async def test_a_disk_that_fails_is_loud_and_takes_no_new_calls(
    tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call whose log cannot be written goes on, /healthz says so, the next is turned away; then the disk is back."""
    monkeypatch.setattr("engine.unsealed.AGAIN_SECONDS", 0.01)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def unwritable(calls_dir: Path) -> None:
        raise LogError("CALLS_DIR cannot be written")

    monkeypatch.setattr("engine.log.writer.create", full)
    monkeypatch.setattr("engine.health.check_calls_dir", unwritable)
    model = Model()
    async with serving(tmp_path, model_url=await listening(nursery, model)) as rig:
        caller = await rig.caller()
        await caller.send(CONNECTED, start())
        await model.received(1)
        health = await rig.health()
        assert health["status"] == "degraded"
        assert "disk is full" in str(health["log"])
        _, twiml = await rig.ask("POST", "/twiml", signature(f"{PUBLIC_URL}/twiml"))
        assert "<Say>We are sorry" in twiml
        await caller.send(STOP)
        assert await caller.close_reason() == (1000, "stop")
        await caller.closed.wait()
        while (health := await rig.health())["calls"] != 0:
            pass
        assert (health["status"], health["calls_unsealed"]) == ("degraded", 1)

        monkeypatch.setattr("engine.health.check_calls_dir", lambda calls_dir: None)
        monkeypatch.setattr("engine.log.writer.create", create)
        await rig.server.all_over()
        assert [end_of(log)[0] for log in rig.logs()] == ["stop"]
        _, twiml = await rig.ask("POST", "/twiml", signature(f"{PUBLIC_URL}/twiml"))
        assert "<Connect>" in twiml
        assert (await rig.health())["status"] == "ok"
    nursery.cancel_scope.cancel()
