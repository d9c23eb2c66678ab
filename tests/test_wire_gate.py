"""Floods of those who never show what they are: refused and counted, and whoever comes with a purpose gets through."""

from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trio.testing

from engine.gate import Gate, Place
from engine.refusals import LINES_MAX, WINDOW_SECONDS, Refusals
from tests.bridge_peers import CONNECTED, STOP, media, start
from tests.bridge_rig import BEGINNING
from tests.server_rig import MEDIA_URL, PUBLIC_URL, UPGRADE, end_of, entries, sealed, serving, signature
from tests.wire_rig import Line, MemoryStream, Site, site

SILENT = "connections_max"
UNSTARTED = "calls_without_start_max"
WEBHOOK = signature(f"{PUBLIC_URL}/twiml")


@pytest.fixture(autouse=True)
def any_disk_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.health.CALL_ROOM_BYTES", 1)


async def webhook(at: Site) -> str:
    """What Twilio's webhook is answered."""
    status, twiml = await at.ask("POST", "/twiml", WEBHOOK)
    assert status == 200
    return twiml


async def sealed_call(at: Site, call_sid: str) -> list[str]:
    """A whole call, as its log tells it but for audio."""
    line = Line()
    caller = await at.caller(line)
    await caller.send(CONNECTED, start(call_sid=call_sid))
    await line.dialled.wait()
    await line.models[0].received(1)
    await caller.send(media(1), STOP)
    assert (await caller.close_reason())[0] == 1000
    await trio.testing.wait_all_tasks_blocked()
    (path,) = (path for path in sealed(at.calls_dir) if path.stem == call_sid)
    assert end_of(path)[0] == "stop"
    return [f"{entry.kind} {entry.leg} {entry.type}" for entry in entries(path)]


def sid(number: int) -> str:
    return f"CA{number:032}"


async def test_a_flood_of_silent_connections_does_not_shut_the_webhook_out(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None says a word. All but the newest are closed at once, and a call gets through all of its doors."""
    monkeypatch.setattr("engine.server.CONNECTIONS_MAX", 40)
    async with site(tmp_path) as at:
        silent = [at.connect() for _ in range(200)]
        assert await at.refused() == {SILENT: 160}
        assert "<Connect>" in await webhook(at)
        story = await sealed_call(at, sid(1))
        assert story[: len(BEGINNING)] == BEGINNING
        # The webhook took the place of one more, and left it to those who came then.
        assert (await at.health())["refused"] == {SILENT: 161}
        closed = 0
        for stream in silent:
            with trio.move_on_after(0.001):
                closed += await stream.receive_some() == b""
        assert closed == 161


async def test_who_is_slow_to_ask_is_given_up_after_ten_seconds_and_sooner_if_others_come(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow loris says a byte a second of an upgrade that is rightly signed. It keeps its place no longer for that."""
    monkeypatch.setattr("engine.server.CONNECTIONS_MAX", 10)
    head = "\r\n".join(["GET /media HTTP/1.1", "Host: x", *map(": ".join, (UPGRADE | signature(MEDIA_URL)).items())])

    async def drip(stream: MemoryStream) -> None:
        for letter in head:
            await trio.sleep(1)
            with suppress(trio.BrokenResourceError):
                await stream.send_all(letter.encode())

    async with site(tmp_path) as at:
        slow = []
        for _ in range(15):
            slow.append(at.connect())
            await trio.testing.wait_all_tasks_blocked()
            at.nursery.start_soon(drip, slow[-1])
        await trio.sleep(2)
        assert "<Connect>" in await webhook(at)
        await trio.sleep(9)
        answers = [bytes(await stream.receive_some())[:12] for stream in slow]
        assert answers == [b""] * 6 + [b"HTTP/1.1 408"] * 9
        assert await at.refused() == {SILENT: 6, "408": 9}
        assert "<Connect>" in await webhook(at)
        at.nursery.cancel_scope.cancel()


async def test_a_flood_of_calls_without_start_takes_no_place_of_a_real_call(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signature of an upgrade is that of an address, so it can be replayed. There is one place, and no flood of
    such calls gets it; those beyond a number are dropped, the others after ten seconds."""
    monkeypatch.setattr("engine.server.CALLS_WITHOUT_START_MAX", 10)
    async with site(tmp_path, calls_max=1) as at:
        upgrades = [await at.caller() for _ in range(30)]
        health = await at.health()
        assert (health["calls"], health["calls_without_start"]) == (0, 10)
        assert health["refused"] == {UNSTARTED: 20}
        assert "<Connect>" in await webhook(at)
        await sealed_call(at, sid(1))
        await trio.sleep(15)
        assert all(upgrade.closed.is_set() for upgrade in upgrades)
        health = await at.health()
        assert (health["calls"], health["calls_without_start"]) == (0, 0)
        assert health["refused"] == {UNSTARTED: 21}
        assert health["calls_ended"] == {"dropped": 21, "stop": 1, "refused": 9}
        assert [path.stem for path in sealed(tmp_path)] == [sid(1)]


async def test_of_two_calls_that_start_for_one_place_the_second_is_refused(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """Both webhooks found the place free, both upgrades were taken. It goes to the `start` that comes first, and the
    other has a log that says why."""
    async with site(tmp_path, calls_max=1) as at:
        first, second = await at.caller(), await at.caller()
        await second.send(CONNECTED, start(call_sid=sid(2)))
        await trio.testing.wait_all_tasks_blocked()
        await first.send(CONNECTED, start(call_sid=sid(1)))
        assert await first.close_reason() == (1008, "refused")
        health = await at.health()
        assert (health["calls"], health["refused"]) == (1, {"busy": 1})
        refusal = (503, "calls_max: 1 calls are up\n")
        assert await at.ask("GET", "/media", UPGRADE | signature(MEDIA_URL)) == refusal
        await second.send(STOP)
        assert await second.close_reason() == (1000, "stop")
        await trio.testing.wait_all_tasks_blocked()
        assert {path.stem: end_of(path) for path in sealed(tmp_path)} == {
            sid(1): ("refused", "calls_max: 1 calls are up"),
            sid(2): ("stop", "Twilio said stop"),
        }
        await sealed_call(at, sid(3))


async def test_answers_that_nobody_takes_do_not_pile_up(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has asked and does not read holds a place too, until it has its answer."""
    monkeypatch.setattr("engine.server.CONNECTIONS_MAX", 10)
    async with site(tmp_path) as at:
        for _ in range(30):
            ours, theirs = trio.testing.memory_stream_pair()
            ours.send_stream.send_all_hook = trio.sleep_forever
            at.nursery.start_soon(at.server.serve_stream, ours)
            await theirs.send_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await at.refused() == {SILENT: 20}
        assert "<Connect>" in await webhook(at)


async def test_refusals_are_said_until_one_has_understood_and_then_summed_up(
    autojump_clock: trio.testing.MockClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("engine.server.CONNECTIONS_MAX", 40)
    monkeypatch.setattr("engine.web.REQUEST_SECONDS", WINDOW_SECONDS + 5)
    async with site(tmp_path) as at:
        for _ in range(100):
            at.connect()
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(3):
            assert (await at.ask("GET", "/nothing"))[0] == 404
        await trio.sleep(2 * WINDOW_SECONDS + 6)
        said = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    dropped = 'connection.dropped why="40 newer connections came before it said what it wants, or took its answer"'
    not_found = 'request.refused status=404 why="not found: '
    late = 'request.refused status=408 why="the request was not complete after 15 s"'
    assert [line[: len(not_found)] for line in said[: LINES_MAX + 3]] == [dropped[: len(not_found)]] * LINES_MAX + [
        not_found
    ] * 3
    assert said[LINES_MAX + 3 :] == [
        f"connection.dropped.more kind=connections_max times={61 - LINES_MAX} within_seconds=10",
        *[late] * LINES_MAX,
        f"request.refused.more kind=408 times={39 - LINES_MAX} within_seconds=10",
    ]
    assert said[0] == dropped


async def test_what_is_not_yet_said_is_said_in_the_end(
    autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    refusals = Refusals()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(refusals.run)
        for number in range(LINES_MAX + 2):
            refusals.add("call.refused", "token", call=f"CA{number}")
        refusals.tell("call.ended", "unnamed", ended="refused")
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    said = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert said == [
        *[f"call.refused call=CA{number}" for number in range(LINES_MAX)],
        "call.ended ended=refused",
        "call.refused.more kind=token times=2 within_seconds=10",
    ]
    assert refusals.counts == {"token": LINES_MAX + 2}


async def test_the_one_that_has_waited_longest_goes_and_who_has_left_cannot_be_lost() -> None:
    gate, told = Gate(2), []
    places: list[Place] = []

    async def wait(name: str, leaves: bool) -> None:
        with gate.place() as place:
            places.append(place)
            if leaves:
                place.leave()
            await trio.Event().wait()
        told.append(name)

    async with trio.open_nursery() as nursery:
        for name in ("leaves", "first", "second", "third", "fourth"):
            nursery.start_soon(wait, name, name == "leaves")
            await trio.testing.wait_all_tasks_blocked()
        assert told == ["first", "second"]
        assert len(gate) == 2
        assert [place.is_lost for place in places] == [False, True, True, False, False]
        nursery.cancel_scope.cancel()
    assert len(gate) == 0


async def test_silent_sockets_beside_a_webhook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same over real ones."""
    monkeypatch.setattr("engine.server.CONNECTIONS_MAX", 8)
    async with serving(tmp_path) as rig, trio.open_nursery() as nursery:
        silent = []
        for _ in range(20):
            silent.append(await rig.connect())
            await trio.testing.wait_all_tasks_blocked(0.001)
        assert (await rig.ask("POST", "/twiml", WEBHOOK))[0] == 200
        assert [await stream.receive_some() for stream in silent[:13]] == [b""] * 13
        assert (await rig.health())["refused"] == {SILENT: 13}
        for stream in silent:
            await stream.aclose()
        nursery.cancel_scope.cancel()
