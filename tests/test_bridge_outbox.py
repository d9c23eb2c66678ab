"""The stream whose sender never waits, over sockets whose reader takes its time."""

import pytest
import trio
import trio.testing

from engine.outbox import PIECE_BYTES, Outbox


def pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    ours, theirs = trio.socket.socketpair()
    return trio.SocketStream(ours), trio.SocketStream(theirs)


async def read_all(stream: trio.abc.ReceiveStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await stream.receive_some()
    return data


async def test_what_the_kernel_does_not_take_is_sent_later_and_in_order(nursery: trio.Nursery) -> None:
    """Two megabytes at once, far over any socket's buffer, in pieces that can be told apart."""
    pieces = [number.to_bytes(4) * 2500 for number in range(200)]
    ours, theirs = pair()
    async with ours, theirs:
        outbox = Outbox(ours, 4_000_000)
        nursery.start_soon(outbox.pump)
        for piece in pieces:
            outbox.push(piece)
        assert not outbox.is_full
        assert await read_all(theirs, 2_000_000) == b"".join(pieces)
        # Drained, it takes the short way again.
        outbox.push(b"last")
        assert await theirs.receive_some() == b"last"
        nursery.cancel_scope.cancel()


async def test_the_bound_is_the_end(nursery: trio.Nursery) -> None:
    """Over the bound nothing is sent any more: no gap, no growth. What was within it still leaves."""
    ours, theirs = trio.testing.memory_stream_pair()
    outbox = Outbox(ours, 10)
    filled = []
    for data in (b"12345", b"67890", b"!", b""):
        outbox.push(data)
        filled.append(outbox.is_full)
    assert filled == [False, False, True, True]
    with pytest.raises(trio.BrokenResourceError, match="the outbox is full"):
        await outbox.send_all(b"close")
    nursery.start_soon(outbox.pump)
    assert await read_all(theirs, 10) == b"1234567890"
    nursery.cancel_scope.cancel()


class Slow(trio.abc.SendStream):
    """Takes what it is given when it is told to, and remembers how much that was at a time."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.taking = trio.Semaphore(0)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))
        await self.taking.acquire()

    async def wait_send_all_might_not_block(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_what_waits_is_sent_in_small_pieces(nursery: trio.Nursery) -> None:
    """Nothing is ever joined as a whole, and TLS never given more than it can hide in a moment. What was taken makes
    room at once."""
    data = [number.to_bytes(4) * size for number, size in enumerate([10, 50_000, 1, 16_000, 3000, 3])]
    slow = Slow()
    outbox = Outbox(trio.StapledStream(slow, trio.testing.memory_stream_one_way_pair()[1]), sum(map(len, data)))
    nursery.start_soon(outbox.pump)
    for each in data:
        outbox.push(each)
    await trio.testing.wait_all_tasks_blocked()
    for taken in range(1, 10):
        waiting = sum(map(len, data)) - sum(map(len, slow.pieces[: taken - 1]))
        assert outbox._waiting_bytes == waiting
        slow.taking.release()
        await trio.testing.wait_all_tasks_blocked()
    assert b"".join(slow.pieces) == b"".join(data)
    assert max(map(len, slow.pieces)) < 2 * PIECE_BYTES
    assert len(slow.pieces) > 4
    assert not outbox.is_full
    nursery.cancel_scope.cancel()


async def test_it_is_known_when_anything_was_last_received(autojump_clock: trio.testing.MockClock) -> None:
    """Over sockets as over streams; what had been received before counts as received when it is read."""
    ours, theirs = pair()
    memory, far = trio.testing.memory_stream_pair()
    async with ours, theirs, memory, far:
        for stream, peer in ((ours, theirs), (memory, far)):
            outbox = Outbox(stream, 100, received=b"head")
            began_at = trio.current_time()
            times = [outbox.heard_at]
            await trio.sleep(3)
            for _ in range(2):
                await outbox.receive_some()
                times.append(outbox.heard_at)
                await trio.sleep(4)
                await peer.send_all(b"body")
            assert [at - began_at for at in times] == [0, 3, 7]


async def test_closing_lets_the_last_words_leave(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    outbox = Outbox(ours, 100)
    outbox.push(b"bye")
    nursery.start_soon(outbox.pump)
    await outbox.aclose()
    assert await theirs.receive_some() == b"bye"
    assert await theirs.receive_some() == b""
    nursery.cancel_scope.cancel()


async def test_closing_does_not_wait_for_ever(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    """The peer takes nothing: a second, and the stream is cut."""
    ours, _ = trio.testing.memory_stream_pair()
    ours.send_stream.send_all_hook = trio.sleep_forever
    outbox = Outbox(ours, 100)
    outbox.push(b"bye")
    nursery.start_soon(outbox.pump)
    began = trio.current_time()
    await outbox.aclose()
    assert trio.current_time() - began == 1
    with pytest.raises(trio.ClosedResourceError):
        await ours.receive_some()
    nursery.cancel_scope.cancel()


async def test_a_peer_that_had_its_time_is_let_go_at_once(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    ours, _ = trio.testing.memory_stream_pair()
    ours.send_stream.send_all_hook = trio.sleep_forever
    outbox = Outbox(ours, 100)
    outbox.push(b"bye")
    nursery.start_soon(outbox.pump)
    outbox.let_go()
    began = trio.current_time()
    await outbox.aclose()
    assert trio.current_time() == began
    nursery.cancel_scope.cancel()


async def test_a_broken_stream_wakes_its_reader(nursery: trio.Nursery) -> None:
    """The peer has gone without a word. Whoever reads here is told, and what waits is forgotten."""
    ours, theirs = trio.testing.memory_stream_pair()
    outbox = Outbox(ours, 100)
    await theirs.aclose()
    outbox.push(b"hello")
    nursery.start_soon(outbox.pump)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(trio.ClosedResourceError):
        await outbox.receive_some()
    await outbox.aclose()
    nursery.cancel_scope.cancel()


async def test_reading_a_socket(nursery: trio.Nursery) -> None:
    """What was read before comes first; the end of the stream is empty; closed here, it raises."""
    ours, theirs = pair()
    outbox = Outbox(ours, 100, received=b"head")
    await theirs.send_all(b"body")
    assert await outbox.receive_some(2) == b"head"
    assert await outbox.receive_some(2) == b"bo"
    assert await outbox.receive_some() == b"dy"
    await theirs.aclose()
    assert await outbox.receive_some() == b""
    outbox.push(b"nobody is there")
    await outbox.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await outbox.receive_some()


async def test_closing_wakes_a_reader(nursery: trio.Nursery) -> None:
    ours, theirs = pair()
    outbox = Outbox(ours, 100)

    async def read() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await outbox.receive_some()

    async with theirs, trio.open_nursery() as reading:
        reading.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await outbox.aclose()
