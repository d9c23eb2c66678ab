"""The far ends of a simulated call, and the ways in which a caller comes in.

A caller that is Twilio asks at /twiml first, and connects with the token that it was given there. Others leave that
out, or something of it (`CallPlan.door`).
"""

from collections.abc import Awaitable, Callable

import trio
from msgspec.structs import replace

from engine.sim.caller import Cue
from engine.sim.calling import ask_webhook, webhook_fields
from engine.sim.edge import TwilioEdge
from engine.sim.fronts import Front, run_edge, signature
from engine.sim.machine import NS_PER_MS, Closing, Machine
from engine.soak.calls import CallPlan

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
HOST = "calls.example.com"
PUBLIC_URL = f"https://{HOST}"
WEBHOOK_URL = f"{PUBLIC_URL}/twiml"
MEDIA_URL = f"wss://{HOST}/media"
FOREIGN_SID = "CA" + "f" * 32
CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'
LORIS_SECONDS = 0.7
"""Between two bytes of a request that never ends."""
USED_CALL_MS = 300

Connect = Callable[[], Awaitable[trio.abc.Stream]]
"""A new connection to the server: the far end of it."""


class Intruder:
    """A machine that also sends what its kind never would, at `says`, and may go away at `drops_ms`."""

    def __init__(self, machine: Machine, says: tuple[tuple[int, str], ...], drops_ms: int | None) -> None:
        self.closing: Closing | None = None
        self._machine = machine
        self._says = [(at_ms * NS_PER_MS, frame) for at_ms, frame in says]
        self._drops_ns = None if drops_ms is None else drops_ms * NS_PER_MS

    def open(self, at_ns: int) -> None:
        self._machine.open(at_ns)

    def receive(self, at_ns: int, frame: str | bytes) -> None:
        self._machine.receive(at_ns, frame)

    def next_at_ns(self) -> int | None:
        own = [self._says[0][0]] if self._says else []
        times = [self._machine.next_at_ns(), self._drops_ns, *own]
        return min((at_ns for at_ns in times if at_ns is not None), default=None)

    def advance(self, at_ns: int) -> list[str]:
        frames = self._machine.advance(at_ns)
        while self._says and self._says[0][0] <= at_ns:
            frames.append(self._says.pop(0)[1])
        self.closing = self._machine.closing
        if self._drops_ns is not None and at_ns >= self._drops_ns:
            self.closing = Closing(1011, "the server had an error")
            self._machine.close(at_ns)
        return frames

    def close(self, at_ns: int) -> None:
        self._machine.close(at_ns)
        self.closing = self._machine.closing


class Speechless:
    """A peer that says `connected`, and nothing after it."""

    def __init__(self) -> None:
        self.closing: Closing | None = None
        self._frames: list[str] = []

    def open(self, at_ns: int) -> None:
        self._frames.append(CONNECTED)

    def receive(self, at_ns: int, frame: str | bytes) -> None:
        pass

    def next_at_ns(self) -> int | None:
        return 0 if self._frames else None

    def advance(self, at_ns: int) -> list[str]:
        frames, self._frames = self._frames, []
        return frames

    def close(self, at_ns: int) -> None:
        self.closing = Closing(1000, "")


class Caller:
    """One caller: what was planned, and what came of it."""

    def __init__(self, plan: CallPlan) -> None:
        self.plan = plan
        self.edge = TwilioEdge(plan.edge)
        self.fronts: list[Front] = []
        """One for each WebSocket that was opened. Only who tries a token again has two, and the log is of the first."""
        self.turned_away: str | None = None
        """How it was not."""
        self.is_over = False

    async def call(self, connect: Connect, connect_leg: Connect) -> None:
        """The whole call. `connect_leg` makes the connection that the call's own faults are on."""
        try:
            await self._call(connect, connect_leg)
        except Exception as error:  # whatever the server does to it, a caller only has no call
            self.turned_away = f"{type(error).__name__}: {error}"
        self.is_over = True

    async def _call(self, connect: Connect, connect_leg: Connect) -> None:
        door = self.plan.door
        if door == "slow loris":
            await _trickle(await connect_leg())
        elif door == "no start":
            await self._dial(await connect_leg(), Speechless(), signed=AUTH_TOKEN)
        elif door in ("unsigned", "wrong signature"):
            await self._dial(await connect_leg(), self.edge, signed="wrong" if door == "wrong signature" else None)
        else:
            await self._ask_first(connect, connect_leg)

    async def _ask_first(self, connect: Connect, connect_leg: Connect) -> None:
        door, edge = self.plan.door, self.plan.edge
        sid = FOREIGN_SID if door == "foreign token" else edge.call_sid
        parameters: dict[str, str] = {}
        if door != "no token":
            fields = webhook_fields(replace(edge, call_sid=sid))
            parameters = (await ask_webhook(await connect(), WEBHOOK_URL, fields, AUTH_TOKEN)).parameters
        if door == "used token":
            # Once by whom it is for, and once more.
            self.edge = TwilioEdge(replace(edge, parameters=parameters, cues=(Cue(USED_CALL_MS, hang_up=True),)))
            await self._dial(await connect(), self.edge, signed=AUTH_TOKEN)
            again = TwilioEdge(replace(edge, parameters=parameters))
            await self._dial(await connect_leg(), again, signed=AUTH_TOKEN)
            return
        self.edge = TwilioEdge(replace(edge, parameters=parameters))
        machine: Machine = self.edge
        if self.plan.caller_says:
            machine = Intruder(self.edge, self.plan.caller_says, None)
        await self._dial(await connect_leg(), machine, signed=AUTH_TOKEN)

    async def _dial(self, stream: trio.abc.Stream, machine: Machine, signed: str | None) -> None:
        headers = [] if signed is None else [signature(signed, MEDIA_URL)]
        await run_edge(stream, machine, HOST, "/media", headers, on_open=self.fronts.append)


async def _trickle(stream: trio.abc.Stream) -> None:
    """A request that is always about to end, until the server has had enough."""
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(_send_slowly, stream)
        await read_to_end(stream)
        nursery.cancel_scope.cancel()


async def _send_slowly(stream: trio.abc.Stream) -> None:
    try:
        await stream.send_all(f"GET /media HTTP/1.1\r\nHost: {HOST}\r\nX-Padding: ".encode())
        while True:
            await trio.sleep(LORIS_SECONDS)
            await stream.send_all(b"x")
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return


async def read_to_end(stream: trio.abc.Stream) -> None:
    """Until the server closes it, one way or another."""
    try:
        while await stream.receive_some():
            pass
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return
