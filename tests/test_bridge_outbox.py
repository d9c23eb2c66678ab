"""The stream whose sender never waits, over sockets whose reader takes its time."""

import pytest
import trio
import trio.testing

from engine.outbox import Outbox


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
