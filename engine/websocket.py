"""trio-websocket's connection, made to hand on each part of a message at once, and kept within bounds of its own.

The library parses, shakes hands, answers pings and closes. What is different here:

- A message does not go to a queue for another task, but to the leg, in the reader task (`engine/legs.py` says why).
- A peer that sends much in one go does not hold up the other calls: after some frames the reader lets others run.
- Frames that carry nothing (pings, pongs, parts without a byte) may come now and then. They are no frames of the call,
  so no limit of the core would ever end a flood of them.
- The body of a refusal is read to a length.

All this costs private names. Of trio-websocket: the handlers below, `_accept` and `_reject_status` with its
`_reject_headers` and `_reject_body`; of wsproto: `_h11_connection`.
"""

from typing import Protocol

import trio
from trio_websocket import ConnectionRejected, WebSocketConnection
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, Ping, Pong, RejectData, Request, TextMessage

FRAMES_IN_A_ROW_MAX = 16
"""Before others may run. A step takes some 0.1 ms, and a read may bring hundreds of frames. In a quiet call this is a
switch of tasks in every third second."""
REFUSAL_BYTES_MAX = 16 * 1024
"""Of what a server says when it refuses us. OpenAI says some hundred bytes, and we keep less (`engine/dial.py`)."""


class Taker(Protocol):
    """Whom a connection tells, in its reader task, what came."""

    def take(self, event: TextMessage | BytesMessage) -> None: ...
    def came_without_words(self) -> None: ...


class Socket(WebSocketConnection):
    """A connection of `leg`, which is set before anything is read."""

    leg: Taker
    _in_a_row = 0

    async def _handle_message_event(self, event: BytesMessage | TextMessage) -> None:
        try:
            self.leg.take(event)
        except KeyError as error:
            # The library's reader takes any KeyError for an event type it does not know, and goes on.
            raise RuntimeError(f"KeyError: {error}") from error
        if self._is_long_run():
            await trio.lowlevel.checkpoint()

    async def _handle_ping_event(self, event: Ping) -> None:
        self.leg.came_without_words()
        # Between our close and the peer's answer wsproto refuses to send a pong, and nobody waits for one.
        if self._wsproto.state is ConnectionState.OPEN:
            await super()._handle_ping_event(event)

    async def _handle_pong_event(self, event: Pong) -> None:
        self.leg.came_without_words()  # that it came is all there is to know
        if self._is_long_run():
            await trio.lowlevel.checkpoint()

    def _is_long_run(self) -> bool:
        self._in_a_row = (self._in_a_row + 1) % FRAMES_IN_A_ROW_MAX
        return not self._in_a_row

    async def _handle_request_event(self, event: Request) -> None:
        # Accepted here, not in another task: whatever is read next is frames. Those that came together with the head
        # are still where the head was parsed; wsproto hands them on as a client, as a server it forgets them.
        await self._accept(event, None, [])
        behind, _ = self._wsproto.handshake._h11_connection.trailing_data
        self._wsproto.receive_data(behind)

    async def _handle_reject_data_event(self, event: RejectData) -> None:
        await super()._handle_reject_data_event(event)
        if len(self._reject_body) > REFUSAL_BYTES_MAX:
            self._reject_body = self._reject_body[:REFUSAL_BYTES_MAX]
            raise ConnectionRejected(self._reject_status, self._reject_headers, self._reject_body)
