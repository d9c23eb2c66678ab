"""Peers that say anything at all on a WebSocket: frames that are none, messages that are none, at any length and pace.

`tests.fuzz.sockets` says what must hold whatever they say, and `make fuzz` looks further. Here hypothesis builds what
is nearly right, which is what gets deepest: a frame with a wrong bit, a message whose parts do not belong together,
JSON that is no frame.
"""

import json
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.log import index
from engine.log.reader import read_call
from engine.server import Server
from replay.listing import rebuild_index
from tests import build
from tests.bridge_peers import CONNECTED, STOP, Caller, Model, media, start
from tests.bridge_rig import align_at_once
from tests.fuzz import frames, sockets
from tests.fuzz.sockets import UPGRADE, Talker, in_virtual_time, masked, run_here, unmasked
from tests.server_rig import SIGNED, config, end_of, sealed

lengths = st.sampled_from([None, None, None, 0, 1, 126, 2**15, 2**40])
payloads = st.one_of(
    frames.caller_frames.map(str.encode),
    frames.model_frames.map(str.encode),
    frames.session_frames.map(str.encode),
    frames.garbage.map(str.encode),
    st.binary(max_size=20),
    st.sampled_from([b"\xff\xfe", b"\x03\xe8bye", b"\x03\xed", b"\x00", b"\x03\xe8\xff", b"x" * 1_200, b"x" * 126]),
)


@st.composite
def websocket_frames(draw: st.DrawFn, from_client: bool) -> bytes:
    """One frame, or nearly one: any opcode, any flags, masked or not, with the length it has or another one."""
    opcode = draw(st.sampled_from([0x1, 0x1, 0x1, 0x0, 0x2, 0x8, 0x9, 0xA, 0x3, 0xF]))
    flags = draw(st.sampled_from([0x80, 0x80, 0x80, 0x00, 0xC0, 0x90]))
    payload = draw(payloads)
    is_masked = draw(st.sampled_from([from_client] * 9 + [not from_client]))
    key = draw(st.sampled_from([b"\0\0\0\0", b"mask"])) if is_masked else b""
    hidden = bytes(byte ^ key[at % 4] for at, byte in enumerate(payload)) if key else payload
    said = draw(lengths)
    size = len(payload) if said is None else said
    bit = 0x80 if is_masked else 0
    if size < 126:
        head = struct.pack("!BB", flags | opcode, bit | size)
    elif size < 2**16:
        head = struct.pack("!BBH", flags | opcode, bit | 126, size)
    else:
        head = struct.pack("!BBQ", flags | opcode, bit | 127, size)
    return head + key + hidden


paces = st.sampled_from([b" 4096\n", b" 4096 closes\n", b" 7\n", b" 1 closes\n"])
beginnings = st.sampled_from([b"", masked(CONNECTED), masked(CONNECTED) + masked(start())])


@settings(max_examples=30)
@given(pace=paces, begins=beginnings, said=st.lists(websocket_frames(from_client=True), max_size=6))
def test_a_caller_leg_that_says_anything(pace: bytes, begins: bytes, said: list[bytes]) -> None:
    sockets.leg(b"caller" + pace + begins + b"".join(said))


@settings(max_examples=30)
@given(pace=paces, said=st.lists(websocket_frames(from_client=False), max_size=6))
def test_a_model_leg_that_says_anything(pace: bytes, said: list[bytes]) -> None:
    sockets.leg(b"model" + pace + b"".join(said))


statuses = st.sampled_from(
    [b"101 Switching Protocols", b"200 OK", b"302 Found", b"429 Too Many", b"503 Busy", b"999", b""]
)
headers = st.sampled_from(
    [
        *(
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: x",
            b"Content-Length: 3",
            b"\xff: \xff",
        ),
        *(b"Transfer-Encoding: chunked", b"Sec-WebSocket-Protocol: a", b"Sec-WebSocket-Extensions: permessage-deflate"),
    ]
)


@settings(max_examples=20)
@given(pace=paces, status=statuses, said=st.lists(headers, max_size=5), body=st.binary(max_size=12))
def test_a_server_that_answers_our_upgrade_with_anything(
    pace: bytes, status: bytes, said: list[bytes], body: bytes
) -> None:
    sockets.leg(b"answer" + pace + b"\r\n".join([b"HTTP/1.1 " + status, *said, b"", body]))


# JSON of any shape as a message that is whole

odd_numbers = st.sampled_from(["NaN", "-Infinity", "1e999", "-0", "9" * 400, "0x1", "1_000", "01"])
scalars = st.one_of(
    st.integers().map(str), odd_numbers, st.text(max_size=6).map(json.dumps), st.sampled_from(['"\\ud800"', "null", ""])
)
keys = st.sampled_from(["event", "type", "media", "payload", "start", "callSid", "item", "item_id", "delta", "session"])


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"


anything = st.recursive(
    scalars, lambda inner: st.lists(st.tuples(keys, inner), max_size=4).map(_object) | inner.map(lambda one: f"[{one}]")
)
named = st.sampled_from(
    ['"event":"media"', '"event":"start"', '"event":"mark"', '"type":"response.done"', '"type":"error"']
)
messages = st.tuples(named, anything).map(lambda both: "{" + both[0] + ',"media":' + both[1] + "}") | anything
deep = st.integers(1, 900).map(lambda depth: '{"event":' * depth + "1" + "}" * depth)


@settings(max_examples=15)
@given(texts=st.lists(messages | deep, min_size=1, max_size=5))
def test_messages_of_any_json_on_both_legs(texts: list[str]) -> None:
    said = b"".join(masked(text) for text in texts if len(text.encode()) < 2**16)
    sockets.leg(b"caller 4096\n" + masked(CONNECTED) + masked(start()) + said)
    parts = [build.session_created(), build.session_updated(), *texts]
    sockets.leg(b"model 4096\n" + b"".join(unmasked(text) for text in parts if len(text.encode()) < 2**16))


# One server, many connections

requests = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [sockets.HEALTH, UPGRADE, UPGRADE[:60], b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"]
    ),
    websocket_frames(from_client=True).map(lambda frame: UPGRADE + frame),
)


@settings(max_examples=8)
@given(said=st.lists(st.tuples(requests, st.booleans()), max_size=6))
def test_a_call_goes_on_beside_connections_that_say_anything(said: list[tuple[bytes, bool]]) -> None:
    """In time too: whatever the others do, its frames pass in the moment in which they come."""
    with TemporaryDirectory() as folder:
        in_virtual_time(_beside, Path(folder), said)
        (path,) = [each for each in sealed(Path(folder)) if end_of(each)[0] == "stop"]
        with read_call(path) as logged:
            appends = [entry for entry in logged.entries() if entry.type == "input_audio_buffer.append"]
        assert [entry.at_ns // 20_000_000 for entry in appends] == list(range(1, 1 + len(said)))


async def _beside(folder: Path, said: list[tuple[bytes, bool]]) -> None:
    async with trio.open_nursery() as nursery:
        server, caller = await _in_call(nursery, folder, Model())
        for number, (data, closes) in enumerate(said):
            near, far = trio.testing.memory_stream_pair()
            nursery.start_soon(server.serve_stream, near)
            nursery.start_soon(Talker(b"64 closes" if closes else b"7", data).talk, far)
            await trio.sleep(0.02)
            await caller.send(media(number))
        await caller.send(STOP)
        await server.all_over()
        nursery.cancel_scope.cancel()


async def _in_call(nursery: trio.Nursery, folder: Path, model: Model) -> tuple[Server, Caller]:
    """A server with a call that is up."""
    server = Server(config(folder), align=align_at_once, run_sync=run_here, dial=model.dial(nursery))
    nursery.start_soon(server.run)
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(server.serve_stream, ours)
    caller = Caller()
    await caller.connect(nursery, theirs, SIGNED)
    await caller.send(CONNECTED, start())
    await model.received(1)
    return server, caller


def test_a_time_that_is_none_leaves_a_log_that_every_reader_bears() -> None:
    """Nobody falls silent in 10^30 ms, and no index holds such a number."""
    with TemporaryDirectory() as folder:
        in_virtual_time(_told_of_a_time, Path(folder))
        (path,) = sealed(Path(folder))
        assert end_of(path) == ("stop", "Twilio said stop")
        rebuild_index(Path(folder))
        (row,) = index.calls(Path(folder))
        assert (row.turns, row.verdict) == (1, "same")


async def _told_of_a_time(folder: Path) -> None:
    async with trio.open_nursery() as nursery:
        model = Model()
        server, caller = await _in_call(nursery, folder, model)
        await caller.send(media(0))
        await model.send(build.speech_started(0), build.speech_stopped(10**30), build.caller_words("Hello?"))
        await trio.sleep(0.1)
        await caller.send(STOP)
        await server.all_over()
        nursery.cancel_scope.cancel()
