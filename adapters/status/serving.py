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
from starlette.types import ASGIApp

CONNECTIONS = 64
BODY_LIMIT = 64 * 1024
SECONDS = 15.0


@define(eq=False)
class Serving:
    """The open connections of one server: at most CONNECTIONS.

    Hypercorn shields what it sends from cancellation, for as long as a client takes to read it. So that a client which
    never reads holds nothing up, every connection is cut as soon as the serving is cancelled.
    """

    app: ASGIApp
    _config: Config = field(init=False)
    _context: WorkerContext = field(factory=lambda: WorkerContext(None))
    _streams: set[trio.SocketStream] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        self._config = Config()
        self._config.accesslog = None
        self._config.errorlog = logging.getLogger("hypercorn.error")
        self._config.include_server_header = False
        self._config.keep_alive_timeout = SECONDS
        self._config.h11_max_incomplete_size = BODY_LIMIT

    async def run(self, listener: socket.socket) -> None:
        """Serve for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cut_at_the_end)
            await trio.serve_listeners(self._serve, [trio.SocketListener(trio.socket.from_stdlib_socket(listener))])

    async def _cut_at_the_end(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            for stream in self._streams:
                _cut(stream)

    async def _serve(self, stream: trio.SocketStream) -> None:
        if len(self._streams) >= CONNECTIONS:
            await stream.aclose()
            return
        self._streams.add(stream)
        app = wrap_app(cast("ASGIFramework", self.app), BODY_LIMIT, "asgi")
        plain = cast("trio.SSLStream[trio.SocketStream]", stream)  # it takes both, and says only one
        try:
            await TCPServer(app, self._config, self._context, ConnectionState({}), plain).run()
        except Exception:  # a client that breaks its own connection is no reason to end the engine
            logging.getLogger("hypercorn.error").debug("a connection broke", exc_info=True)
        finally:
            self._streams.discard(stream)


def _cut(stream: trio.SocketStream) -> None:
    try:
        stream.socket.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already
