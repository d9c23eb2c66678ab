"""One call through the bridge, over memory streams, in virtual time."""

import json
from base64 import b64decode
from collections.abc import Sequence

import pytest
import trio
import trio.testing
from trio_websocket import wrap_server_stream
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, TextMessage

from engine.bridge import Bridge, WireLimits
from engine.core import Call, CallSettings, Entry
from engine.core.session import ModelSession
from engine.core.settings import Limits
from engine.dial import DialFailed, Dialled
from engine.legs import Leg
from tests.bridge_peers import CALL_SID, CONNECTED, STOP, STREAM_SID, Caller, MemoryLog, Model, media, start
from tests.bridge_rig import BEGINNING, align_at_once, bridged


async def test_a_call_from_its_first_frame_to_stop(autojump_clock: trio.testing.MockClock) -> None:
    """The caller says 60 ms, the model is told, Twilio says stop, both sockets close, the log ends."""
    async with bridged() as rig:
        await rig.begin()
        await rig.caller.say(1, 3)
        await rig.model.received(4)
        assert rig.model.types() == ["session.update"] + ["input_audio_buffer.append"] * 3
        assert rig.model.resource == "/v1/realtime?model=gpt-realtime-2.1"

        await rig.caller.send(STOP)
        assert await rig.caller.close_reason() == (1000, "stop")
        assert await rig.model.close_reason() == (1000, None)
        assert await rig.end() == [
            *BEGINNING,
            "input caller stop",
            "command engine close_leg",
            "command engine close_leg",
            "input engine leg.closed",
            "input engine leg.closed",
            "command engine end_call",
        ]
        assert rig.log.body("end_call") == {"type": "end_call", "ended": "stop", "reason": "Twilio said stop"}
        assert rig.bridge.ended is not None
        assert rig.bridge.fault_seqs == []


async def test_the_log_is_in_order_and_named_once_the_call_has_a_name(autojump_clock: trio.testing.MockClock) -> None:
    """Numbers from 1 without a gap, times that never go back, one transaction a step, the first at time 0."""
    async with bridged() as rig:
        await rig.begin()
        await trio.sleep(1.5)
        await rig.caller.send(media(1), STOP)
        await rig.end()

        assert rig.log.call is not None
        assert (rig.log.call.call_sid, rig.log.call.stream_sid) == (CALL_SID, STREAM_SID)
        assert json.loads(rig.log.call.config)["model"] == "gpt-realtime-2.1"
        entries = rig.log.entries
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        assert entries[0].at_ns == 0
        times = [entry.at_ns for entry in entries]
        assert times == sorted(times)
        assert entries[-1].at_ns == 1_500_000_000
        for append in rig.log.appends:
            assert [entry.kind for entry in append] == ["input"] + ["command"] * (len(append) - 1)


async def test_nothing_is_sent_before_it_is_logged(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at in the moment of sending: the log must already hold all frames that left on that leg, and these."""
    sent = {"caller": 0, "model": 0}
    late: list[str] = []
    send = Leg.send

    def watched(self: Leg, frames: Sequence[str]) -> None:
        sent[self.name] += len(frames)
        commands = [entry for entry in rig.log.entries if entry.kind == "command" and entry.leg == self.name]
        late.extend(frames if len(commands) < sent[self.name] else [])
        send(self, frames)

    monkeypatch.setattr(Leg, "send", watched)
    async with bridged() as rig:
        await rig.begin()
        await rig.caller.say(1, 5)
        await rig.model.received(6)
        await rig.model.send(*rig.model.speaks("item_1", bytes(4000)))
        await rig.caller.received(5)
        await rig.caller.send(STOP)
        await rig.end()
    assert late == []
    assert sent["model"] == 6
    assert sent["caller"] > 5


async def test_the_model_is_played_to_the_caller(autojump_clock: trio.testing.MockClock) -> None:
    """One delta of 300 ms leaves as audio and marks, in the order of the log."""
    audio = bytes(range(256)) * 9 + bytes(96)
    async with bridged() as rig:
        await rig.begin()
        await rig.caller.say(1, 1)
        await rig.model.received(2)
        await rig.model.send(*rig.model.speaks("item_1", audio))
        await rig.caller.received(1)
        await trio.testing.wait_all_tasks_blocked()
        commands = [entry.type for entry in rig.log.entries if entry.kind == "command" and entry.leg == "caller"]
        assert rig.caller.types() == commands
        played = [json.loads(frame)["media"]["payload"] for frame in rig.caller.frames if '"media"' in str(frame)]
        assert b"".join(map(b64decode, played)) == audio
        await rig.caller.send(STOP)
        await rig.end()


async def test_a_frame_in_pieces_is_one_frame(autojump_clock: trio.testing.MockClock) -> None:
    """WebSocket may cut a message anywhere, also inside a character; the log has it whole."""
    frame = json.dumps({"event": "later", "note": "é" * 3}, ensure_ascii=False)
    async with bridged() as rig:
        await rig.begin()
        data = frame.encode()
        masked = [bytes([0x01, 0x80 | 20, 0, 0, 0, 0]) + data[:20], bytes([0x80, 0x80 | (len(data) - 20)]) + bytes(4)]
        masked[1] += data[20:]
        for piece in masked:
            await rig.caller.socket._stream.send_all(piece)
        await trio.testing.wait_all_tasks_blocked()
        assert [entry.body for entry in rig.log.entries][-1] == frame
        await rig.caller.send(STOP)
        await rig.end()


@pytest.mark.parametrize("code", [1000, 1001, 1011])
async def test_the_model_closes(autojump_clock: trio.testing.MockClock, code: int) -> None:
    """The log says who closed and why; the model is dialled again, and what the caller says goes to its new socket."""
    async with bridged() as rig:
        await rig.begin()
        await rig.model.socket.aclose(code, "Your session hit the maximum duration of 60 minutes.")
        await trio.testing.wait_all_tasks_blocked()
        assert rig.log.bodies("leg.closed")[0]["code"] == code
        assert rig.log.story()[len(BEGINNING) :] == [
            "input engine leg.closed",
            "command engine dial_model",
            "input engine leg.opened",
            "input model session.created",
            "command model session.update",
            "input model session.updated",
        ]
        before = len(rig.model.frames)
        await rig.caller.send(media(1))
        await rig.model.received(before + 1)
        await rig.caller.send(STOP)
        await rig.end()
        assert rig.log.body("end_call")["ended"] == "stop"


async def test_the_model_closes_for_good(autojump_clock: trio.testing.MockClock) -> None:
    """The caller is not left in silence: the call ends, and the log says who closed and why."""
    async with bridged() as rig:
        await rig.begin()
        await rig.model.socket.aclose(4000, "invalid_request_error.beta_api_shape_disabled")
        story = await rig.end()
        assert story[len(BEGINNING) :] == [
            "input engine leg.closed",
            "command engine close_leg",
            "input engine leg.closed",
            "command engine end_call",
        ]
        reason = "the model's socket closed (4000): invalid_request_error.beta_api_shape_disabled"
        assert rig.log.body("end_call") == {"type": "end_call", "ended": "model_closed", "reason": reason}
        assert await rig.caller.close_reason() == (1000, "model_closed")


async def test_twilio_closes_without_stop(autojump_clock: trio.testing.MockClock) -> None:
    async with bridged() as rig:
        await rig.begin()
        await rig.caller.socket.aclose(1001, "bye")
        await rig.end()
        reason = "the caller's socket closed (1001) without stop"
        assert rig.log.body("end_call") == {"type": "end_call", "ended": "dropped", "reason": reason}
        assert await rig.model.close_reason() == (1000, None)


async def test_the_network_drops_the_caller(autojump_clock: trio.testing.MockClock) -> None:
    """No close frame came, so the log has no code."""
    async with bridged() as rig:
        await rig.begin()
        await rig.caller.socket._stream.aclose()
        await rig.end()
        assert rig.log.bodies("leg.closed") == [
            {"type": "leg.closed", "leg": "caller", "code": None, "reason": "the connection broke off"},
            {"type": "leg.closed", "leg": "model", "code": 1000, "reason": ""},
        ]


async def test_a_peer_that_does_not_answer_the_close_is_cut_off(autojump_clock: trio.testing.MockClock) -> None:
    """The model has stopped reading. Two seconds after our close its socket is cut, and the call can end."""

    class Stuck(Model):
        async def serve(self, stream: trio.abc.Stream) -> None:
            async with trio.open_nursery() as nursery:
                self.socket = await (await wrap_server_stream(nursery, stream)).accept()
                nursery.cancel_scope.cancel()
            await trio.sleep_forever()

    async with bridged(model=Stuck()) as rig:
        await rig.caller.send(CONNECTED, start())
        await trio.testing.wait_all_tasks_blocked()
        await rig.caller.send(STOP)
        await rig.end()
        assert [(body["leg"], body["code"], body["reason"]) for body in rig.log.bodies("leg.closed")] == [
            ("caller", 1000, "stop"),
            ("model", None, "the close was not answered"),
        ]
        assert rig.log.entries[-1].at_ns == 2_000_000_000


@pytest.mark.parametrize("frame", ["{", "null", '"x"', "[]", '{"event":7}', "", "\0", '{"event":"media","media":{}}'])
async def test_garbage_from_twilio(autojump_clock: trio.testing.MockClock, frame: str) -> None:
    """Logged as it came, counted, and the call goes on."""
    async with bridged() as rig:
        await rig.begin()
        await rig.caller.send(frame, media(1))
        await rig.model.received(2)
        logged = [entry for entry in rig.log.entries if entry.leg == "caller" and entry.kind == "input"]
        assert [entry.body for entry in logged[2:3]] == [frame]
        assert rig.call.malformed["caller"] == 1
        await rig.caller.send(STOP)
        await rig.end()
        assert rig.log.body("end_call")["ended"] == "stop"


@pytest.mark.parametrize("frame", ["{", "null", '{"type":["x"]}', '{"type":"response.output_audio.delta","delta":"?"}'])
async def test_garbage_from_the_model(autojump_clock: trio.testing.MockClock, frame: str) -> None:
    async with bridged() as rig:
        await rig.begin()
        await rig.model.send(frame)
        await trio.testing.wait_all_tasks_blocked()
        assert rig.log.entries[-1].body == frame
        assert rig.call.malformed["model"] == 1
        await rig.caller.send(STOP)
        await rig.end()
        assert rig.log.body("end_call")["ended"] == "stop"


async def test_a_binary_frame_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    """Neither vendor sends any; should one come, the log has its bytes."""
    async with bridged() as rig:
        await rig.begin()
        await rig.caller.send(b"\x00\xff")
        await trio.testing.wait_all_tasks_blocked()
        assert rig.log.body("frame.binary") == {"type": "frame.binary", "leg": "caller", "audio": "AP8="}
        await rig.caller.send(STOP)
        await rig.end()


async def test_bytes_that_are_no_websocket(autojump_clock: trio.testing.MockClock) -> None:
    """The peer breaks the protocol: its leg is closed as such, and the call ends."""
    async with bridged() as rig:
        await rig.begin()
        await rig.caller.socket._stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
        await rig.end()
        assert rig.log.bodies("leg.closed")[0]["code"] == 1002
        assert rig.log.body("end_call")["ended"] == "dropped"


@pytest.mark.parametrize(("leg", "limit"), [("caller", "caller_frame_bytes_max"), ("model", "model_frame_bytes_max")])
async def test_a_frame_that_is_too_large(autojump_clock: trio.testing.MockClock, leg: str, limit: str) -> None:
    """It is not held in memory: the limit is told once, by its name, and costs the leg; the caller's is the call."""
    limits = WireLimits(caller_frame_bytes_max=2000, model_frame_bytes_max=2000)
    async with bridged(limits=limits) as rig:
        await rig.begin()
        peer = rig.caller if leg == "caller" else rig.model
        await peer.send("x" * 2000, "x" * 2001, "x" * 5000)
        if leg == "model":
            await trio.testing.wait_all_tasks_blocked()
            await rig.caller.send(STOP)
        await rig.end()
        assert rig.log.body("limit.reached") == {"type": "limit.reached", "limit": limit, "value": 2001, "max": 2000}
        reason = f"{limit}: 2001 is over 2000"
        if leg == "model":
            assert [each.reason for each in rig.call.absences] == [reason]
        else:
            assert rig.log.body("end_call") == {"type": "end_call", "ended": "limit", "reason": reason}
        assert max(len(entry.body) for entry in rig.log.entries) == 2000


async def test_a_peer_that_does_not_read(autojump_clock: trio.testing.MockClock) -> None:
    """The caller's socket takes nothing. What is sent waits, up to a bound; the model's leg is read all the while."""
    async with bridged(limits=WireLimits(outbox_bytes_max=20_000)) as rig:
        await rig.begin()
        rig.stall()
        await rig.model.send(*rig.model.speaks("item_1", bytes(8000)))
        await trio.testing.wait_all_tasks_blocked()
        assert [entry.type for entry in rig.log.entries].count("outbox.full") == 0
        await rig.model.send(rig.model.speaks("item_1", bytes(8000))[1])
        await rig.end()
        assert rig.log.body("outbox.full") == {"type": "outbox.full", "leg": "caller"}
        reason = "outbox full: the caller leg reads too slowly"
        assert rig.log.body("end_call") == {"type": "end_call", "ended": "limit", "reason": reason}
        assert rig.log.bodies("leg.closed")[0]["reason"] == "the peer did not take what it was sent"


async def test_a_key_that_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    """The log says what OpenAI said, without the part of the key that OpenAI quotes."""
    async with bridged(model=Model(accepts=False)) as rig:
        await rig.caller.send(CONNECTED, start())
        assert (await rig.end())[3:] == [
            "command engine dial_model",
            "input engine leg.failed",
            "command engine close_leg",
            "input engine leg.closed",
            "command engine end_call",
        ]
        said = "refused with status 401: Incorrect API key provided: sk-…"
        failed = {"type": "leg.failed", "leg": "model", "status": 401, "reason": said, "code": None}
        assert rig.log.body("leg.failed") == failed
        assert rig.log.body("end_call")["reason"] == f"the model cannot be reached: {said}"
        assert await rig.caller.close_reason() == (1011, "model_failed")


async def test_a_model_that_cannot_be_reached(autojump_clock: trio.testing.MockClock) -> None:
    async def dial(model: str) -> Dialled:
        await trio.sleep(3)
        raise DialFailed(None, "no address for nowhere.example: Name or service not known")

    async with bridged(dial=dial) as rig:
        await rig.caller.send(CONNECTED, start())
        await rig.end()
        said = "the model cannot be reached: no address for nowhere.example: Name or service not known"
        assert [(each.reason, each.dials) for each in rig.call.absences] == [(said, 3)]
        reason = f"ready_ms_max: the model was not ready within 10000 ms: {said}"
        assert rig.log.body("end_call") == {"type": "end_call", "ended": "model_failed", "reason": reason}
        assert rig.log.entries[-1].at_ns == 10_000_000_000


async def test_a_model_that_never_shakes_hands(autojump_clock: trio.testing.MockClock) -> None:
    class Mute(Model):
        async def serve(self, stream: trio.abc.Stream) -> None:
            await trio.sleep_forever()

    async with bridged(model=Mute()) as rig:
        await rig.caller.send(CONNECTED, start())
        await rig.end()
        assert rig.log.bodies("leg.failed")[0]["reason"] == "no WebSocket handshake within 5 s"


async def test_a_model_that_speaks_in_the_same_breath(autojump_clock: trio.testing.MockClock) -> None:
    """Its first frame comes in one piece with its handshake. The leg is open before the frame is taken."""

    class Eager(Model):
        async def serve(self, stream: trio.abc.Stream) -> None:
            protocol = WSConnection(ConnectionType.SERVER)
            protocol.receive_data(bytes(await stream.receive_some()))
            assert list(protocol.events())
            frame = TextMessage(data='{"type":"session.created","session":{}}')
            await stream.send_all(protocol.send(AcceptConnection()) + protocol.send(frame))
            await trio.sleep_forever()

    async with bridged(model=Eager()) as rig:
        await rig.caller.send(CONNECTED, start())
        await trio.testing.wait_all_tasks_blocked()
        assert rig.log.story() == BEGINNING[:-1]
        await rig.caller.send(STOP)
        await rig.end()


async def test_the_caller_hangs_up_while_the_model_is_dialled(autojump_clock: trio.testing.MockClock) -> None:
    """The dial is given up at once: nobody would hear the answer."""

    async def dial(model: str) -> Dialled:
        await trio.sleep_forever()
        raise AssertionError

    async with bridged(dial=dial) as rig:
        await rig.caller.send(CONNECTED, start(), STOP)
        await rig.end()
        assert rig.log.body("leg.failed")["reason"] == "given up: the call ended first"
        assert rig.log.body("end_call")["ended"] == "stop"
        assert rig.log.entries[-1].at_ns == 0


async def test_the_core_is_woken_when_it_asked_for(autojump_clock: trio.testing.MockClock) -> None:
    """Idle for 30 s after the last frame, not after the first: the timer was put off by each, and fired once."""
    async with bridged() as rig:
        await rig.begin()
        for number in range(1, 4):
            await trio.sleep(20)
            await rig.caller.send(media(number))
        await rig.end()
        due = [entry for entry in rig.log.entries if entry.type == "timer.due"]
        assert [entry.at_ns for entry in due] == [90_000_000_000]
        reason = "idle_ms_max: no frame from Twilio for 30000 ms"
        assert rig.log.body("end_call") == {"type": "end_call", "ended": "limit", "reason": reason}


async def test_the_moment_asked_for_survives_a_rounding(autojump_clock: trio.testing.MockClock) -> None:
    """trio's clock is a float, and after half a year it counts in steps of 4 ns. The timer's input must not be stamped
    just short of the moment that the core asked for: it would ask again, for ever."""
    autojump_clock.jump(2**24)
    for _ in range(20):
        autojump_clock.jump(0.1)
        async with bridged(CallSettings(limits=Limits(start_ms_max=300))) as rig:
            await rig.end()
            (due,) = [entry for entry in rig.log.entries if entry.type == "timer.due"]
            assert 300_000_000 <= due.at_ns <= 300_000_004


async def test_no_start_in_time(autojump_clock: trio.testing.MockClock) -> None:
    """The peer talks WebSocket and is not Twilio. There is no call to log, and its socket is closed."""
    async with bridged(CallSettings(limits=Limits(start_ms_max=500))) as rig:
        await rig.caller.send(CONNECTED)
        await rig.end()
        assert rig.log.call is None
        assert rig.bridge.ended is not None
        assert rig.bridge.ended.reason == "start_ms_max: no start within 500 ms"
        assert await rig.caller.close_reason() == (1008, "refused")


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (start(call_sid="../../etc/passwd"), "start without a call SID and a stream SID"),
        (start(encoding="audio/l16"), "the stream is audio/l16, 8000 Hz, 1 channel(s); only audio/x-mulaw, 8000 Hz, "),
    ],
)
async def test_a_start_that_is_refused(autojump_clock: trio.testing.MockClock, frame: str, reason: str) -> None:
    async with bridged() as rig:
        await rig.caller.send(CONNECTED, frame)
        await rig.end()
        assert rig.bridge.ended is not None
        assert rig.bridge.ended.ended == "refused"
        assert rig.bridge.ended.reason.startswith(reason)
        assert "command engine dial_model" not in rig.log.story()


async def test_an_operator_hangs_up(autojump_clock: trio.testing.MockClock) -> None:
    async with bridged() as rig:
        await rig.begin()
        rig.bridge.hang_up("shutdown")
        await rig.end()
        assert rig.log.body("operator.hang_up") == {"type": "operator.hang_up", "reason": "shutdown"}
        assert rig.log.body("end_call")["ended"] == "shutdown"
        assert await rig.caller.close_reason() == (1000, "shutdown")


async def test_a_bug_in_the_core_is_in_the_log(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frame that met the bug is logged, with the fault that it caused, and the call ends."""

    def broken(*_: object) -> None:
        raise KeyError("boom")

    async with bridged() as rig:
        await rig.begin()
        monkeypatch.setattr(ModelSession, "caller_audio", broken)
        await rig.caller.send(media(1))
        await rig.end()
        (fault,) = [entry for entry in rig.log.entries if entry.kind == "fault"]
        assert rig.bridge.fault_seqs == [fault.seq]
        assert fault.body == """{"type":"fault","reason":"KeyError: 'boom'"}"""
        assert rig.log.body("end_call")["ended"] == "fault"


async def test_a_bug_in_the_shell_is_not_swallowed(autojump_clock: trio.testing.MockClock) -> None:
    """trio-websocket takes a KeyError in its reader for an unknown event; ours must get through."""

    class Breaking(MemoryLog):
        def append(self, entries: Sequence[Entry]) -> None:
            if entries[0].type == "connected":
                raise KeyError("boom")

    async def call() -> None:
        await caller.connect(nursery, theirs)
        await caller.send(CONNECTED)

    caller = Caller()
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        bridge = Bridge(Call(CallSettings()), Breaking(), Model().dial(nursery), WireLimits(), align_at_once)
        nursery.start_soon(call)
        with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="KeyError: 'boom'"), flatten_subgroups=True):
            await bridge.run(ours)
        nursery.cancel_scope.cancel()
