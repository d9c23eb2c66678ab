"""`bridge serve`: HTTP and WebSocket on one port, a task per connection, a nursery per call.

    POST /twiml     Twilio's webhook: connect the call to /media, or turn it away
    GET  /media     the call itself, a WebSocket
    GET  /healthz   what a load balancer and a person want to know

**Stopping.** Asked to stop, the server takes no more calls and says so at /healthz, which goes on answering. Calls that
run may end by themselves for `drain_seconds`, then they are hung up. Asked again, they are hung up at once.

**Refusals.** What is refused before a call has a name is in no call log: it is said on stderr and counted at /healthz.
What is said there is never what anybody spoke, and never a secret.
"""

from collections import Counter
from math import inf

import msgspec
import trio

from engine.aligning import Align, Searcher
from engine.bridge import Bridge
from engine.config import Config
from engine.core import Call
from engine.dial import Dialer
from engine.finish import finish
from engine.log.errors import LogError
from engine.log.folder import check_calls_dir
from engine.log.writer import CallLog
from engine.say import say, say_error
from engine.twiml import MEDIA_PATH, WEBHOOK_PATH, Signatures, connect_call, turn_away
from engine.web import Answer, Refused, Request, answer, read_request

STOP_SECONDS = 10.0
"""From hanging up to the last sealed log. A peer that does not answer a close is cut off well before."""
LOOK_AGAIN_SECONDS = 1.0
"""Between two looks of /healthz at a disk that failed. Anybody may ask there, as often as they like."""
CONNECTIONS_MAX = 256
"""Connections that have not yet said what they want. A flood of them must not take the running calls' memory."""
SIGNATURE = "x-twilio-signature"


class Server:
    """One port and its calls. `listen`, then `run` it; `stop` it, twice if it is urgent."""

    def __init__(self, config: Config, align: Align | None = None) -> None:
        self._config = config
        self._searcher = Searcher()
        self._align = align or self._searcher
        self._signatures = Signatures(config.auth_token, config.public_url)
        self._dial = Dialer(config.model_url, config.api_key)
        self._listeners: list[trio.SocketListener] = []
        self._calls: dict[Bridge, CallLog] = {}
        self._call_over = trio.Event()
        self._connections = 0
        self._refused: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._calls_taken = 0
        self._log_problem: str | None = None
        self._looked_at = -inf
        self._is_stopping = trio.Event()
        self._drain_scope = trio.CancelScope()

    async def listen(self) -> int:
        """Open the port, which takes connections from now on; its number. Raises OSError."""
        self._listeners = await trio.open_tcp_listeners(self._config.port, host=self._config.host)
        return int(self._listeners[0].socket.getsockname()[1])

    async def run(self) -> None:
        """Serve until stopped. `listen` first."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, self._connected, self._listeners)
            nursery.start_soon(self._searcher.run)
            await self._is_stopping.wait()
            with self._drain_scope, trio.move_on_after(self._config.drain_seconds):
                await self.all_over()
            for bridge in self._calls:
                bridge.hang_up("shutdown")
            with trio.move_on_after(STOP_SECONDS):
                await self.all_over()
            nursery.cancel_scope.cancel()

    def stop(self) -> None:
        """Let the running calls finish; called again, hang them up."""
        if self._is_stopping.is_set():
            self._drain_scope.cancel()
        self._is_stopping.set()

    async def all_over(self) -> None:
        """Until no call is up, and each log is sealed."""
        while self._calls:
            await self._call_over.wait()

    # Connections

    async def _connected(self, stream: trio.SocketStream) -> None:
        """One connection, from its first byte. Nothing that goes wrong here may reach the other calls."""
        if self._connections >= CONNECTIONS_MAX:
            self._refuse(503, "connections_max", stream)
            return
        self._connections += 1
        request: Request | None = None
        try:
            try:
                request = await read_request(stream)
            finally:
                self._connections -= 1
            if request is None:
                return
            if self._is_call(request):
                await self._take_call(stream, request)
            else:
                await answer(stream, await self._answer(request), to=request)
        except Refused as refusal:
            self._refuse(refusal.status, refusal.words, stream, request)
            await answer(stream, Answer(refusal.status, refusal.words + "\n", headers=refusal.headers), to=request)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the peer went away before it had an answer
        except Exception as error:
            say_error("connection.failed", error, self._config.verbose)

    def _refuse(self, status: int, why: str, stream: trio.SocketStream, request: Request | None = None) -> None:
        self._refused[str(status)] += 1
        path = request.path[:80] if request is not None else None
        say("request.refused", status=status, why=why, path=path, peer=_peer(stream))

    async def _answer(self, request: Request) -> Answer:
        """Everything but a call. Raises Refused."""
        methods = {WEBHOOK_PATH: ("POST",), MEDIA_PATH: ("GET",), "/healthz": ("GET", "HEAD")}.get(request.path)
        if methods is None:
            raise Refused(404, f"not found: there are POST {WEBHOOK_PATH}, {MEDIA_PATH} (a WebSocket) and /healthz")
        if request.method not in methods:
            raise Refused(405, f"{request.path} takes {' or '.join(methods)}", (("Allow", ", ".join(methods)),))
        if request.path == WEBHOOK_PATH:
            return await self._webhook(request)
        if request.path == MEDIA_PATH:
            raise Refused(426, f"{MEDIA_PATH} is a WebSocket: ask for an upgrade", (("Upgrade", "websocket"),))
        if trio.current_time() - self._looked_at >= LOOK_AGAIN_SECONDS:
            await self._look_again()
        return self._health()

    async def _webhook(self, request: Request) -> Answer:
        if not self._signatures.webhook(request.body, request.headers.get(SIGNATURE)):
            raise Refused(403, _unsigned(request, self._signatures.webhook_url))
        full = await self._why_full()
        if full is not None:
            self._refused["busy"] += 1
            say("call.turned_away", why=full)
        twiml = connect_call(self._config.public_url) if full is None else turn_away()
        return Answer(200, twiml, "text/xml; charset=utf-8")

    def _health(self) -> Answer:
        degraded = self._degraded()
        status = "draining" if self._is_stopping.is_set() else "degraded" if degraded else "ok"
        config = self._config
        body = {
            "status": status,
            "calls": len(self._calls),
            "calls_max": config.calls_max,
            "calls_taken": self._calls_taken,
            "calls_ended": dict(self._ended),
            "refused": dict(self._refused),
            "log": degraded or "ok",
            "log_dropped_entries": sum(log.dropped_entries for log in self._calls.values()),
            "limits": msgspec.to_builtins(config.settings.limits) | msgspec.to_builtins(config.wire_limits),
        }
        return Answer(200 if status == "ok" else 503, msgspec.json.encode(body).decode() + "\n", "application/json")

    # Calls

    def _is_call(self, request: Request) -> bool:
        """An upgrade to /media, with or without the slash that Twilio may put behind it."""
        return request.method == "GET" and request.path.rstrip("/") == MEDIA_PATH and request.asks_for_websocket

    async def _take_call(self, stream: trio.SocketStream, request: Request) -> None:
        """A whole call. Raises Refused."""
        if not self._signatures.media(request.headers.get(SIGNATURE)):
            raise Refused(403, _unsigned(request, self._signatures.media_url))
        if "sec-websocket-key" not in request.headers or request.headers.get("sec-websocket-version") != "13":
            raise Refused(426, "only WebSocket version 13 is spoken here", (("Sec-WebSocket-Version", "13"),))
        _check_headers(request)
        full = await self._why_full()
        if full is not None:
            raise Refused(503, full)
        config = self._config
        call, log = Call(config.settings), CallLog(config.calls_dir)
        bridge = Bridge(call, log, self._dial, config.wire_limits, self._align)
        self._calls[bridge] = log
        self._calls_taken += 1
        try:
            try:
                await bridge.run(stream, request.raw)
            except Exception as error:
                say_error("call.failed", error, config.verbose, call=call.call_sid)
            finally:
                with trio.CancelScope(shield=True):
                    self._log_problem = await finish(config.calls_dir, call, log, bridge)
                    self._ended[call.how_ended or "crashed"] += 1
        finally:
            del self._calls[bridge]
            self._call_over.set()
            self._call_over = trio.Event()

    async def _why_full(self) -> str | None:
        """Why no call is taken now, if none is. A disk that was full is looked at again."""
        await self._look_again()  # first: what is found below must still hold when the call is taken
        if self._is_stopping.is_set():
            return "the server is stopping"
        if len(self._calls) >= self._config.calls_max:
            return f"calls_max: {self._config.calls_max} calls are up"
        return self._degraded() and "calls cannot be logged at the moment"

    async def _look_again(self) -> None:
        """Whether a disk that failed is back."""
        problem = self._log_problem
        if problem is None:
            return
        self._looked_at = trio.current_time()
        try:
            await trio.to_thread.run_sync(check_calls_dir, self._config.calls_dir)
        except LogError as error:
            self._log_problem = str(error)
        else:
            if self._log_problem is problem:  # and not that of a call that has ended meanwhile
                self._log_problem = None

    def _degraded(self) -> str | None:
        """Why calls are not logged as they should be, if so."""
        return self._log_problem or next((log.degraded for log in self._calls.values() if log.degraded), None)


def _unsigned(request: Request, url: str) -> str:
    found = "is not right" if SIGNATURE in request.headers else "is missing"
    return f"X-Twilio-Signature {found}: it must be made with TWILIO_AUTH_TOKEN over {url} (from PUBLIC_URL)"


def _check_headers(request: Request) -> None:
    """That wsproto can decode what it reads of an upgrade: it takes that for granted. Raises Refused."""
    for name, value in request.headers.items():
        try:
            if name == "host":
                value.encode("latin-1").decode("idna")
            elif name == "connection" or name.startswith("sec-websocket-"):
                value.encode("ascii")
        except UnicodeError:
            raise Refused(400, f"the {name} header cannot be read") from None


def _peer(stream: trio.SocketStream) -> str:
    try:
        host, port = stream.socket.getpeername()[:2]
    except OSError:
        return "gone"
    return f"{host}:{port}"
