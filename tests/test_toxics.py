"""What each toxic does to the bytes of a connection, and when: virtual time, to the millisecond."""

from collections.abc import Sequence
from random import Random

import pytest
import trio
import trio.testing

from engine.sim.pipe import BUFFER_BYTES_MAX
from engine.sim.toxics import (
    LINGER_SECONDS,
    Bandwidth,
    HalfOpen,
    Latency,
    LimitData,
    Reset,
    Slicer,
    Stall,
    Toxic,
    ToxicStream,
)

Received = list[tuple[int, bytes]]
"""What came, and the millisecond in which it came. An empty chunk is the end."""


def toxic(
    nursery: trio.Nursery, upstream: Sequence[Toxic] = (), downstream: Sequence[Toxic] = (), seed: int = 1
) -> tuple[ToxicStream, trio.abc.Stream]:
    """A stream with toxics, and the far end of it."""
    ours, theirs = trio.testing.memory_stream_pair()
    stream = ToxicStream(ours, upstream, downstream, Random(seed))
    nursery.start_soon(stream.run)
    return stream, theirs


async def listen(stream: trio.abc.ReceiveStream, into: Received, began_at: float) -> None:
    """Everything that comes, until the end or a failure, which is shown by its name. What comes in one moment is
    joined: whether it is read in one piece or in two depends on which task runs first."""
    data = b"?"
    while data:
        try:
            data = bytes(await stream.receive_some())
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            into.append((round((trio.current_time() - began_at) * 1000), type(error).__name__.encode()))
            return
        at_ms = round((trio.current_time() - began_at) * 1000)
        if data and into and into[-1][0] == at_ms:
            into[-1] = (at_ms, into[-1][1] + data)
        else:
            into.append((at_ms, data))


async def carried(
    upstream: Sequence[Toxic], *sent: tuple[int, bytes], seed: int = 1, for_seconds: float = 60
) -> Received:
    """What the far end receives of chunks that are sent at these milliseconds."""
    received: Received = []
    with trio.move_on_after(for_seconds):
        async with trio.open_nursery() as nursery:
            began_at = trio.current_time()
            stream, theirs = toxic(nursery, upstream, seed=seed)
            nursery.start_soon(listen, theirs, received, began_at)
            for at_ms, data in sent:
                await trio.sleep_until(began_at + at_ms / 1000)
                await stream.send_all(data)
            await trio.sleep_forever()
    return received


async def test_without_toxics_bytes_pass_at_once(autojump_clock: trio.testing.MockClock) -> None:
    assert await carried([], (0, b"one"), (20, b"two")) == [(0, b"one"), (20, b"two")]


async def test_latency_delays_each_chunk_and_does_not_hold_up_the_next(autojump_clock: trio.testing.MockClock) -> None:
    sent = [(number * 20, b"%d" % number) for number in range(4)]
    assert await carried([Latency(100)], *sent) == [(100, b"0"), (120, b"1"), (140, b"2"), (160, b"3")]


def arrivals(received: Received, count: int) -> list[int]:
    """When each of `count` pieces of two bytes came."""
    times = [at_ms for at_ms, data in received for _ in range(len(data) // 2)]
    assert len(times) == count
    return times


async def test_jitter_keeps_the_order_and_comes_of_the_seed(autojump_clock: trio.testing.MockClock) -> None:
    sent = [(number * 5, b"%02d" % number) for number in range(50)]
    received = await carried([Latency(100, jitter_ms=40)], *sent)
    assert b"".join(data for _, data in received) == b"".join(data for _, data in sent)
    times = arrivals(received, 50)
    delays = {at_ms - sent_ms for at_ms, (sent_ms, _) in zip(times, sent, strict=True)}
    assert len(delays) > 10
    assert 60 <= min(delays) <= max(delays) <= 140
    assert times == arrivals(await carried([Latency(100, jitter_ms=40)], *sent), 50)
    assert times != arrivals(await carried([Latency(100, jitter_ms=40)], *sent, seed=2), 50)


async def test_bandwidth_lets_a_big_chunk_trickle(autojump_clock: trio.testing.MockClock) -> None:
    received = await carried([Bandwidth(1000)], (0, bytes(500)), (100, b"last"))
    assert [len(data) for _, data in received] == [20] * 25 + [4]
    assert [at_ms for at_ms, _ in received] == [20 * number for number in range(1, 26)] + [504]


async def test_a_slicer_cuts_where_chance_has_it(autojump_clock: trio.testing.MockClock) -> None:
    received = await carried([Slicer(7, gap_ms=2)], (0, bytes(range(100))))
    assert b"".join(data for _, data in received) == bytes(range(100))
    assert {len(data) for _, data in received} == set(range(1, 8))
    assert [at_ms for at_ms, _ in received] == [2 * number for number in range(len(received))]


async def test_a_stall_holds_back_and_then_gives_all(autojump_clock: trio.testing.MockClock) -> None:
    sent = [(number * 20, b"%d" % number) for number in range(5)]
    received = [(0, b"0"), (20, b"1"), (90, b"234")]
    assert await carried([Stall(at_ms=30, for_ms=60)], *sent) == received


async def test_a_stall_after_some_bytes_cuts_a_chunk_in_two(autojump_clock: trio.testing.MockClock) -> None:
    received = await carried([Stall(after_bytes=3, for_ms=50)], (0, b"ab"), (10, b"cdef"), (20, b"gh"), (80, b"i"))
    assert received == [(0, b"ab"), (10, b"c"), (60, b"defgh"), (80, b"i")]
    assert await carried([Stall(after_bytes=0)], (0, b"never")) == []


def test_a_stall_begins_with_a_time_or_with_bytes() -> None:
    with pytest.raises(AssertionError):
        Stall(at_ms=1, after_bytes=1)


async def test_toxics_act_one_after_the_other(autojump_clock: trio.testing.MockClock) -> None:
    assert await carried([Latency(50), Stall(at_ms=60, for_ms=40)], (0, b"a"), (20, b"b")) == [(50, b"a"), (100, b"b")]
    assert await carried([Stall(at_ms=10, for_ms=40), Latency(50)], (0, b"a"), (20, b"b")) == [(50, b"a"), (100, b"b")]


async def test_a_limit_closes_the_connection_both_ways_in_the_middle_of_a_chunk(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    assert await carried([LimitData(5)], (0, b"abc"), (20, b"defg")) == [(0, b"abc"), (20, b"de"), (20, b"")]
    stream, theirs = toxic(nursery, downstream=[LimitData(4)])
    await theirs.send_all(b"abcdef")
    assert await stream.receive_some() == b"abcd"
    assert await stream.receive_some() == b""
    assert await theirs.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"nobody is there")
    await stream.aclose()


async def test_a_reset_wakes_both_sides_and_loses_what_was_on_its_way(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    ours: Received = []
    far: Received = []
    began_at = trio.current_time()
    stream, theirs = toxic(nursery, upstream=[Latency(100), Reset(at_ms=150)])
    nursery.start_soon(listen, stream, ours, began_at)
    nursery.start_soon(listen, theirs, far, began_at)
    await stream.send_all(b"in time")
    await trio.sleep(0.1)
    await stream.send_all(b"lost")
    await trio.sleep(0.1)
    assert ours == [(150, b"BrokenResourceError")]
    assert far == [(100, b"in time"), (150, b"")]
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"nobody is there")
    await stream.aclose()
    nursery.cancel_scope.cancel()


async def test_a_half_open_connection_tells_nothing_of_what_became_of_the_peer(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """Neither its last words nor its end. What is sent is taken until the buffer is full, and never more."""
    ours: Received = []
    stream, theirs = toxic(nursery, upstream=[HalfOpen(50)], downstream=[HalfOpen(50)])
    nursery.start_soon(listen, stream, ours, trio.current_time())
    await theirs.send_all(b"before")
    await trio.sleep(0.1)
    await theirs.send_all(b"after")
    await theirs.aclose()
    await stream.send_all(bytes(BUFFER_BYTES_MAX))
    with trio.move_on_after(3600) as waited:
        await stream.send_all(b"one more")
    assert waited.cancelled_caught
    assert ours == [(0, b"before")]
    await stream.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert ours[1][1] == b"ClosedResourceError"
    nursery.cancel_scope.cancel()


async def test_a_peer_that_leaves_is_told_of_after_what_it_said(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    ours: Received = []
    stream, theirs = toxic(nursery, downstream=[Latency(70)])
    nursery.start_soon(listen, stream, ours, trio.current_time())
    await theirs.send_all(b"bye")
    await theirs.aclose()
    await trio.sleep(0.1)
    assert ours == [(70, b"bye"), (70, b"")]
    await stream.send_all(b"taken, and lost: a kernel does the same")
    await stream.aclose()
    nursery.cancel_scope.cancel()


async def test_a_peer_that_reads_slowly_makes_the_sender_wait(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    stream, _ = toxic(nursery, upstream=[Bandwidth(10_000)])
    began_at = trio.current_time()
    await stream.send_all(bytes(BUFFER_BYTES_MAX))
    assert trio.current_time() == began_at
    await stream.send_all(bytes(10_000))
    assert trio.current_time() == pytest.approx(began_at + 1, abs=0.021)
    await stream.wait_send_all_might_not_block()
    nursery.cancel_scope.cancel()


async def test_a_reader_that_does_not_read_makes_the_peer_wait(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """A memory stream would take anything. So the wrapper stops reading it, and what waits is counted there."""
    stream, theirs = toxic(nursery)
    for _ in range(10):
        await theirs.send_all(bytes(BUFFER_BYTES_MAX))
        await trio.testing.wait_all_tasks_blocked()
    assert len(await stream.receive_some(10 * BUFFER_BYTES_MAX)) == BUFFER_BYTES_MAX
    assert await stream.receive_some(7) == bytes(7)
    nursery.cancel_scope.cancel()


async def test_closing_lets_the_last_words_leave_and_ends_the_carrying(autojump_clock: trio.testing.MockClock) -> None:
    far: Received = []
    async with trio.open_nursery() as nursery:
        began_at = trio.current_time()
        stream, theirs = toxic(nursery, upstream=[Latency(40)])
        nursery.start_soon(listen, theirs, far, began_at)
        await stream.send_all(b"bye")
        await stream.aclose()
        assert trio.current_time() == began_at
        for act in (stream.receive_some(), stream.send_all(b"too late"), stream.wait_send_all_might_not_block()):
            with pytest.raises(trio.ClosedResourceError):
                await act
    assert far == [(40, b"bye"), (40, b"")]


async def test_a_connection_that_takes_nothing_does_not_keep_the_carrying_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    began_at = trio.current_time()
    async with trio.open_nursery() as nursery:
        stream, _ = toxic(nursery, upstream=[Stall(at_ms=0)], downstream=[HalfOpen(0)])
        await stream.send_all(b"bye")
        await stream.aclose()
    assert trio.current_time() - began_at == LINGER_SECONDS


async def test_closed_before_it_is_run(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    stream = ToxicStream(ours, [], [], Random(1))
    await stream.send_all(b"bye")
    await stream.aclose()
    await stream.run()
    assert await theirs.receive_some() == b"bye"
    assert await theirs.receive_some() == b""


async def test_a_reset_on_a_real_socket_is_a_real_one(nursery: trio.Nursery) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    client = await trio.open_tcp_stream(*listener.socket.getsockname()[:2])
    async with listener, client, await listener.accept() as server:
        stream = ToxicStream(server, [Slicer(3)], [Reset(at_ms=50)], Random(1))
        nursery.start_soon(stream.run)
        await stream.send_all(b"hello")
        data = b""
        while len(data) < 5:
            data += await client.receive_some()
        assert data == b"hello"
        with pytest.raises(trio.BrokenResourceError):
            await client.receive_some()
