"""A peer that goes mute: noticed within a named time, whatever else it does or does not do.

Half-open is the worst of them: the peer is gone, its socket is open, and nothing ever says so.
"""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trio
import trio.testing
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from trio_websocket import wrap_server_stream

from engine.bridge import WireLimits
from engine.core import CallSettings
from engine.core.settings import Limits
from engine.dial import Dialled
from engine.sim.toxics import HalfOpen, Stall
from tests.bridge_peers import CONNECTED, STOP, Model, media, start
from tests.wire_rig import Dials, on_the_wire

SECOND_NS = 1_000_000_000
GONE = ([HalfOpen(2000)], [HalfOpen(2000)])
"""Without power, two seconds after the connection."""
UNREAD = ([Stall(at_ms=2000)], [HalfOpen(2000)])
SAID_NOTHING = "model_silent_seconds_max: nothing came for 15 s, not even an answer to a ping"
PING = b"\x89\x80"


class Bytes(Model):
    """A model whose session is set up by hand, and that from then on only takes down what it is sent, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[tuple[float, bytes]] = []

    async def serve(self, stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            await (await wrap_server_stream(nursery, stream)).accept()
            nursery.cancel_scope.cancel()
        began_at = trio.current_time()
        while data := await stream.receive_some():
            self.came.append((trio.current_time() - began_at, bytes(data)))


async def test_a_model_that_is_gone_without_a_word_is_given_up_after_15_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with on_the_wire(model=GONE) as rig:
        await rig.begin()
        for number in range(1, 25):
            await rig.caller.send(media(number))
            await trio.sleep(1)
        closed = rig.log.first("leg.closed")
        assert rig.log.bodies("leg.closed")[0] == {
            "type": "leg.closed",
            "leg": "model",
            "code": None,
            "reason": SAID_NOTHING,
        }
        # The last that it said was the answer to our configuration, in the beginning.
        assert closed.at_ns == 15 * SECOND_NS
        await rig.caller.send(STOP)
        await rig.end()
        assert rig.log.body("end_call")["ended"] == "stop"


async def test_a_model_whose_line_is_dead_in_one_direction_is_given_up_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It hears us, it may even answer. To us it is mute."""
    async with on_the_wire(model=([], [HalfOpen(2000)])) as rig:
        await rig.begin()
        await trio.sleep(20)
        assert rig.log.bodies("leg.closed")[0]["reason"] == SAID_NOTHING
        await rig.caller.send(STOP)
        await rig.end()


async def test_a_model_that_is_silent_for_minutes_but_answers_pings_is_kept(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Nobody speaks, so it has nothing to say. Pings are between two sockets: the log has none."""
    async with on_the_wire() as rig:
        await rig.begin()
        frames = len(rig.log.entries)
        for number in range(1, 21):
            await rig.caller.send(media(number))
            await trio.sleep(15)
        assert [entry.type for entry in rig.log.entries[frames:]] == ["media", "input_audio_buffer.append"] * 20
        await rig.caller.send(STOP)
        await rig.end()
        assert rig.log.body("end_call")["ended"] == "stop"


async def test_a_silent_model_is_asked_after_a_third_of_the_time_and_after_two(
    autojump_clock: trio.testing.MockClock,
) -> None:
    model = Bytes()
    limits = WireLimits(model_silent_seconds_max=30)
    async with on_the_wire(
        model_peer=model, limits=limits, settings=CallSettings(limits=Limits(ready_ms_max=60_000))
    ) as rig:
        await rig.caller.send(CONNECTED, start())
        await trio.sleep(25)
        assert [(round(at), data[:2]) for at, data in model.came] == [(10, PING), (20, PING)]
        await rig.caller.send(STOP)
        await rig.end()


async def test_a_leg_ends_though_its_peer_takes_no_byte_and_answers_no_close(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Neither the two seconds for an answer nor the one for what still waits are spent twice."""
    async with on_the_wire(model=UNREAD) as rig:
        await rig.begin()
        await trio.sleep(2)
        for number in range(1, 400):
            await rig.caller.send(media(number))  # more than its socket takes
        await trio.testing.wait_all_tasks_blocked()
        assert rig.bridge._legs["model"]._outbox._waiting_bytes > 0
        stopped_at = trio.current_time()
        await rig.caller.send(STOP)
        await rig.end()
        assert trio.current_time() - stopped_at == 2
        reasons = {body["leg"]: body["reason"] for body in rig.log.bodies("leg.closed")}
        assert reasons["model"] == "the close was not answered"
        assert rig.log.body("end_call")["ended"] == "stop"


async def test_a_model_that_was_given_up_is_not_waited_for_though_much_was_not_sent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with on_the_wire(model=UNREAD) as rig:
        await rig.begin()
        await trio.sleep(2)
        for number in range(1, 400):
            await rig.caller.send(media(number))
        await trio.sleep(14)
        assert rig.log.first("leg.closed").at_ns == 15 * SECOND_NS
        assert rig.log.bodies("leg.closed")[0]["reason"] == SAID_NOTHING
        await rig.caller.send(STOP)
        await rig.end()


async def test_a_caller_that_is_gone_without_a_word_ends_the_call_within_the_idle_limit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Twilio sends fifty frames a second, so the core counts. The close that nobody answers takes two seconds more."""
    async with on_the_wire(caller=GONE) as rig:
        await rig.begin()
        await rig.caller.send(media(1))
        await trio.sleep(2)
        await rig.caller.send(media(2), STOP)  # on its way for ever
        await rig.end()
        assert rig.log.body("end_call") == {
            "type": "end_call",
            "ended": "limit",
            "reason": "idle_ms_max: no frame from Twilio for 30000 ms",
        }
        assert rig.log.first("media").at_ns == 0
        assert rig.log.entries[-1].at_ns == 32 * SECOND_NS
        assert [body["leg"] for body in rig.log.bodies("leg.closed")] == ["model", "caller"]
        assert rig.log.bodies("leg.closed")[1]["reason"] == "the close was not answered"


async def test_a_message_that_is_announced_and_never_sent_does_not_keep_a_leg(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A head that promises 10 MiB costs nothing, and a byte now and then is no frame."""
    async with on_the_wire(settings=CallSettings(limits=Limits(idle_ms_max=5000))) as rig:
        await rig.begin()
        await rig.far_stream.send_all(b"\x81\xff" + (10 << 20).to_bytes(8) + bytes(4))
        for _ in range(4):
            await trio.sleep(1)
            await rig.far_stream.send_all(b"x")
        await rig.end()
        assert rig.log.body("end_call")["reason"] == "idle_ms_max: no frame from Twilio for 5000 ms"


async def test_a_stall_that_ends_in_time_is_only_a_stall(autojump_clock: trio.testing.MockClock) -> None:
    """Thirteen seconds of nothing in both directions, and then all of it: nothing is lost, nobody is given up."""
    stall = Stall(at_ms=1000, for_ms=13_000)
    async with on_the_wire(model=([stall], [stall])) as rig:
        await rig.begin()
        for number in range(1, 21):
            await rig.caller.send(media(number))
            await trio.sleep(1)
        await rig.model.received(21)
        assert len(rig.log.bodies("leg.closed")) == 0
        await rig.caller.send(STOP)
        await rig.end()
        assert rig.log.body("end_call")["ended"] == "stop"


async def test_the_same_over_tls_which_would_rather_say_goodbye(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """Its last record cannot leave either, and is not waited for."""
    server_side, client_side = contexts(tmp_path)

    class Encrypted(Model):
        async def serve(self, stream: trio.abc.Stream) -> None:
            await super().serve(trio.SSLStream(stream, server_side, server_side=True))

    class Dial(Dials):
        async def __call__(self, name: str) -> Dialled:
            stream, request = await super().__call__(name)
            tls = trio.SSLStream(stream, client_side, server_hostname="model", https_compatible=True)
            return Dialled(tls, request)

    async with on_the_wire(model=UNREAD, model_peer=Encrypted(), dials=Dial) as rig:
        await rig.begin()
        await trio.sleep(2)
        for number in range(1, 400):
            await rig.caller.send(media(number))
        await trio.sleep(14)
        assert rig.bridge._legs["model"].is_open  # the next one
        assert rig.log.first("leg.closed").at_ns == 15 * SECOND_NS
        assert rig.log.bodies("leg.closed")[0]["reason"] == SAID_NOTHING
        await rig.caller.send(STOP)
        await rig.end()


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server whose name is `model`, and of a client that trusts it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "model")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("model")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "model.pem").write_bytes(plain + pem)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(folder / "model.pem")
    return server_side, ssl.create_default_context(cadata=pem.decode())
