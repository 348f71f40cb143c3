"""Serves an ASGI application over a socket, by hypercorn's protocols for trio, until it is cancelled: then at once."""

import logging
import socket
from typing import cast

import trio
from attrs import define, field
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework, ConnectionState
from hypercorn.utils import wrap_app
from starlette.types import ASGIApp, Receive, Scope, Send

CONNECTIONS = 64
BODY_LIMIT = 64 * 1024
REQUESTS = 4
"""At once over one connection, where the client speaks HTTP/2."""
SECONDS = 15.0
"""For so long a connection may idle, or its client leave unread what it asked for."""


@define(eq=False)
class Serving:
    """The open connections of one server: at most CONNECTIONS.

    Hypercorn shields what it sends from cancellation, for as long as a client takes to read it. So that a client which
    never reads holds nothing up, every connection is cut as soon as the serving is cancelled; so that it holds no place
    that others need, it is cut after SECONDS. Whoever comes when all places are taken gets the one of a client that
    asks nothing, or else of the first that came: a probe is answered, however many reconnect all the time.
    """

    app: ASGIApp
    _config: Config = field(init=False)
    _context: WorkerContext = field(factory=lambda: WorkerContext(None))
    _asked: dict[trio.SocketStream, int] = field(factory=dict)
    """How many requests of each connection are being answered, in the order in which they came."""

    def __attrs_post_init__(self) -> None:
        self._config = Config()
        self._config.accesslog = None
        self._config.errorlog = logging.getLogger("hypercorn.error")
        self._config.include_server_header = False
        self._config.keep_alive_timeout = SECONDS
        self._config.h11_max_incomplete_size = BODY_LIMIT
        self._config.h2_max_concurrent_streams = REQUESTS

    async def run(self, listener: socket.socket) -> None:
        """Serve for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cut_at_the_end)
            await trio.serve_listeners(self._serve, [trio.SocketListener(trio.socket.from_stdlib_socket(listener))])

    async def _cut_at_the_end(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            for stream in self._asked:
                _cut(stream)

    async def _serve(self, stream: trio.SocketStream) -> None:
        self._make_room()
        self._asked[stream] = 0

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            self._count(stream, 1)
            try:
                await self.app(scope, receive, send)
            finally:
                self._count(stream, -1)

        app = wrap_app(cast("ASGIFramework", answer), BODY_LIMIT, "asgi")
        plain = cast("trio.SSLStream[trio.SocketStream]", Impatient(stream))  # it takes both, and says only one
        try:
            await TCPServer(app, self._config, self._context, ConnectionState({}), plain).run()
        except Exception:  # a client that breaks its own connection is no reason to end the engine
            logging.getLogger("hypercorn.error").debug("a connection broke", exc_info=True)
        finally:
            self._asked.pop(stream, None)

    def _make_room(self) -> None:
        if len(self._asked) >= CONNECTIONS:
            first = min(self._asked, key=lambda stream: self._asked[stream] > 0)
            del self._asked[first]
            _cut(first)

    def _count(self, stream: trio.SocketStream, more: int) -> None:
        if stream in self._asked:
            self._asked[stream] += more


@define(eq=False)
class Impatient:
    """One connection, as far as hypercorn uses it. It is cut where its client reads nothing for SECONDS."""

    stream: trio.SocketStream

    @property
    def socket(self) -> trio.socket.SocketType:
        """Who is at its ends."""
        return self.stream.socket

    async def send_all(self, data: bytes) -> None:
        """Send it in time. Raises BrokenResourceError."""
        with trio.move_on_after(SECONDS):
            await self.stream.send_all(data)
            return
        _cut(self.stream)
        raise trio.BrokenResourceError

    async def receive_some(self, limit: int) -> bytes | bytearray:
        """What came; nothing at the end."""
        return await self.stream.receive_some(limit)

    async def send_eof(self) -> None:
        """Nothing more is sent."""
        await self.stream.send_eof()

    async def aclose(self) -> None:
        """Close it."""
        await self.stream.aclose()


def _cut(stream: trio.SocketStream) -> None:
    try:
        stream.socket.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already
