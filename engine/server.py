"""`bridge serve`: HTTP and WebSocket on one port, a task per connection, a nursery per call.

    POST /twiml     Twilio's webhook: connect the call to /media, or turn it away
    GET  /media     the call itself, a WebSocket
    GET  /healthz   what a load balancer and a person want to know

**Stopping.** Asked to stop, the server takes no more calls and says so at /healthz, which goes on answering. Calls that
run may end by themselves for `drain_seconds`, then they are hung up. Asked again, they are hung up at once. A log that
waits for its disk has as long as the calls, and a last try at the very end.

**Refusals.** What is refused before a call has a name is in no call log: it is counted at /healthz and said on stderr,
as much of it as one can read. What is said there is never what anybody spoke, and never a secret.

**Floods.** Who has not yet shown what it is waits at one of two gates (`engine/gate.py`): a connection until it has its
answer or is a call, a call until its `start` is admitted. Only from there on does it count for CALLS_MAX.

**Where nothing is real.** A connection is any stream, the model is dialled by any `dial`, and what waits for the disk
goes through `run_sync`: so one seed can run a whole server over memory streams, in virtual time.
"""

from collections import deque
from functools import partial

import msgspec
import trio

from engine.admission import Admission
from engine.aligning import Align, Searcher
from engine.bridge import Bridge, Dial
from engine.config import Config
from engine.core import Call
from engine.core.entries import FORMAT
from engine.dial import Dialer
from engine.finish import Over, RunSync, finish
from engine.gate import CALLS_WITHOUT_START_MAX, CONNECTIONS_MAX, Gate, Place
from engine.health import Health
from engine.hiding import hide
from engine.log.schema import ENCRYPTED_FORMAT
from engine.log.sync import Syncer
from engine.log.writer import CallLog
from engine.purge import retain
from engine.say import say, say_error
from engine.syncing import Syncing
from engine.tokens import Tokens
from engine.twiml import MEDIA_PATH, WEBHOOK_PATH, prefix, turn_away
from engine.unsealed import Unsealed
from engine.web import Answer, Refused, Request, answer, read_request

STOP_SECONDS = 10.0
"""From hanging up to the last sealed log. A peer that does not answer a close is cut off well before."""


class Server:
    """One port and its calls. `listen`, then `run` it; `stop` it, twice if it is urgent."""

    def __init__(
        self,
        config: Config,
        align: Align | None = None,
        run_sync: RunSync = trio.to_thread.run_sync,
        dial: Dial | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        """`align` looks for words (default: a process of its own), `dial` opens the model's stream (default: at
        `config.model_url`), `run_sync` runs what waits for the disk, `tokens` are those of a clock and a chance of
        their own."""
        hide(config.secrets)
        self._config = config
        self._searcher = Searcher()
        self._align = align or self._searcher
        self._run_sync = run_sync
        self._dial = dial or Dialer(config.model_url, config.api_key)
        self._listeners: list[trio.SocketListener] = []
        self._calls: dict[Bridge, CallLog] = {}
        log_format = FORMAT if config.log_key is None else ENCRYPTED_FORMAT
        self._syncer = Syncer(config.calls_dir, config.log_sync_seconds, log_format)
        self._started: set[Call] = set()
        self._connections, self._unstarted = Gate(CONNECTIONS_MAX), Gate(CALLS_WITHOUT_START_MAX)
        waiting = deque[Over]()
        self._health = Health(config, self._calls, self._started, waiting, run_sync)
        self._unsealed = Unsealed(config.calls_dir, config.calls_max, waiting, run_sync, self._health.log_over)
        self._refusals = self._health.refusals
        self._admission = Admission(config, self._health, tokens)
        self._call_over = trio.Event()
        self._is_stopping = trio.Event()
        self._drain_scope = trio.CancelScope()

    async def listen(self) -> int:
        """Open the port, which takes connections from now on; its number. Raises OSError."""
        self._listeners = await trio.open_tcp_listeners(self._config.port, host=self._config.host)
        return int(self._listeners[0].socket.getsockname()[1])

    async def run(self) -> None:
        """Serve until stopped: the port, if it is open, and whatever comes to `serve_stream`."""
        try:
            async with trio.open_nursery() as nursery:
                await self._run(nursery)
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await self._unsealed.end()
            self._syncer.close()

    async def _run(self, nursery: trio.Nursery) -> None:
        if self._listeners:
            nursery.start_soon(trio.serve_listeners, self.serve_stream, self._listeners)
        syncing = Syncing(self._syncer, self._config.log_sync_seconds, self._run_sync, self._health.look)
        nursery.start_soon(syncing.run)
        nursery.start_soon(self._unsealed.run)
        nursery.start_soon(self._refusals.run)
        if self._config.retain_days is not None:
            nursery.start_soon(retain, self._config.calls_dir, self._config.retain_days, self._run_sync)
        if self._align is self._searcher:
            nursery.start_soon(self._searcher.run)
        await self._is_stopping.wait()
        with self._drain_scope, trio.move_on_after(self._config.drain_seconds):
            await self.all_over()
        for bridge in self._calls:
            bridge.hang_up("shutdown")
        with trio.move_on_after(STOP_SECONDS):
            await self.all_over()

    def stop(self) -> None:
        """Let the running calls finish; called again, hang them up."""
        if self._is_stopping.is_set():
            self._drain_scope.cancel()
        self._is_stopping.set()
        self._health.is_stopping = True

    async def all_over(self) -> None:
        """Until no call is up, and all that they logged is written."""
        while self._calls:
            await self._call_over.wait()
        await self._unsealed.written()

    # Connections

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """One connection, from its first byte to its close. Nothing that goes wrong here may reach the other calls."""
        peer = _peer(stream)
        with self._connections.place() as place:
            await self._serve(stream, place)
        if place.is_lost:
            why = f"{CONNECTIONS_MAX} newer connections came before it said what it wants, or took its answer"
            self._refusals.add("connection.dropped", "connections_max", why=why, peer=peer)

    async def _serve(self, stream: trio.abc.Stream, place: Place) -> None:
        request: Request | None = None
        try:
            request = await read_request(stream)
            if request is None:
                return
            if self._is_call(request):
                await self._take_call(stream, request, place)
            else:
                await answer(stream, await self._answer(request), to=request)
        except Refused as refusal:
            self._refuse(refusal.status, refusal.words, stream, request)
            await answer(stream, Answer(refusal.status, refusal.words + "\n", headers=refusal.headers), to=request)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the peer went away before it had an answer
        except Exception as error:
            say_error("connection.failed", error, self._config.verbose)
        finally:
            await trio.aclose_forcefully(stream)

    def _refuse(self, status: int, why: str, stream: trio.abc.Stream, request: Request | None = None) -> None:
        path = request.path[:80] if request is not None else None
        self._refusals.add("request.refused", str(status), status=status, why=why, path=path, peer=_peer(stream))

    def _path(self, request: Request) -> str:
        """What is asked for, whether or not a proxy stripped the path of PUBLIC_URL; without the slash that Twilio may
        put behind it."""
        return request.path.removeprefix(prefix(self._config.public_url)).rstrip("/")

    def _is_call(self, request: Request) -> bool:
        return request.method == "GET" and self._path(request) == MEDIA_PATH and request.asks_for_websocket

    async def _answer(self, request: Request) -> Answer:
        """Everything but a call. Raises Refused."""
        path = self._path(request)
        methods = {WEBHOOK_PATH: ("POST",), MEDIA_PATH: ("GET",), "/healthz": ("GET", "HEAD")}.get(path)
        if methods is None:
            raise Refused(404, f"not found: there are POST {WEBHOOK_PATH}, {MEDIA_PATH} (a WebSocket) and /healthz")
        if request.method not in methods:
            raise Refused(405, f"{path} takes {' or '.join(methods)}", (("Allow", ", ".join(methods)),))
        if path == WEBHOOK_PATH:
            return await self._webhook(request)
        if path == MEDIA_PATH:
            raise Refused(426, f"{MEDIA_PATH} is a WebSocket: ask for an upgrade", (("Upgrade", "websocket"),))
        is_well, told = await self._health.told()
        return Answer(200 if is_well else 503, msgspec.json.encode(told).decode() + "\n", "application/json")

    async def _webhook(self, request: Request) -> Answer:
        fields = self._admission.check_webhook(request)
        full = await self._health.why_full()
        if full is not None:
            self._refusals.add("call.turned_away", "busy", why=full)
        twiml = self._admission.connect(fields) if full is None else turn_away(self._config.turn_away_words)
        return Answer(200, twiml, "text/xml; charset=utf-8")

    # Calls

    async def _take_call(self, stream: trio.abc.Stream, request: Request, connection: Place) -> None:
        """A whole call. Raises Refused."""
        self._admission.check_upgrade(request)
        full = await self._health.why_full()
        if full is not None:
            raise Refused(503, full)
        connection.leave()
        config, health = self._config, self._health
        call, log = Call(config.settings), CallLog(config.calls_dir, config.log_key, self._syncer)
        with self._unstarted.place() as place:
            admit = partial(self._admit, call, place)
            bridge = Bridge(call, log, self._dial, config.wire_limits, self._align, config.word, admit)
            self._calls[bridge] = log
            health.calls_taken += 1
            try:
                try:
                    await bridge.run(stream, request.raw)
                except Exception as error:
                    say_error("call.failed", error, config.verbose, call=call.call_sid)
                finally:
                    with trio.CancelScope(shield=True):
                        over = Over(call, log, bridge)
                        tell = partial(self._tell_end, call, place)
                        kept = await finish(config.calls_dir, over, self._run_sync, tell)
                        how_ended = call.how_ended or ("dropped" if place.is_lost else "crashed")
                        health.ended[how_ended] += 1
                        if kept.is_sealed:
                            health.log_over(log, kept.problem)
                        else:
                            # What waits speaks for itself, and for as long as it does.
                            health.log_problem = None if log.degraded else kept.problem
                            await self._unsealed.add(over, kept)
            finally:
                del self._calls[bridge]
                self._started.discard(call)
                self._call_over.set()
                self._call_over = trio.Event()

    def _admit(self, call: Call, place: Place, call_sid: str, token: str) -> str | None:
        """Why this call's `start` is refused, or None: then it counts for CALLS_MAX."""
        why_not = self._admission.why_not(call_sid, token)
        if why_not is None:
            why_not = self._health.why_crowded()
            if why_not is None:
                self._started.add(call)
                place.leave()
            else:
                self._refusals.add("call.turned_away", "busy", call=call_sid, why=why_not)
        return why_not

    def _tell_end(self, call: Call, place: Place, fact: str, /, **fields: object) -> None:
        """Calls that came to a name are told of, each; of others there may be a flood."""
        if call.call_sid is not None:
            say(fact, **fields)
        elif place.is_lost:
            why = f"{CALLS_WITHOUT_START_MAX} newer calls came before its start"
            self._refusals.add("call.dropped", "calls_without_start_max", why=why)
        else:
            self._refusals.tell(fact, "unnamed", **fields)


def _peer(stream: trio.abc.Stream) -> str | None:
    """Who is at the other end of a socket. What is no socket has no name."""
    if not isinstance(stream, trio.SocketStream):
        return None
    try:
        host, port = stream.socket.getpeername()[:2]
    except OSError:
        return "gone"
    return f"{host}:{port}"
