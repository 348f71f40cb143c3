"""Connections that hold places: a client that asks and never reads has one for a while, not for ever."""

import socket
from contextlib import AsyncExitStack

import trio
from starlette.types import Receive, Scope, Send
from trio.testing import MockClock

from adapters.status.serving import CONNECTIONS, SECONDS, Serving

LARGE = b"x" * 4_000_000
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def answer(_: Scope, __: Receive, send: Send) -> None:
    """More than a connection holds of itself."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": LARGE})


async def test_clients_that_never_read_lose_their_places(autojump_clock: MockClock) -> None:
    """As many as are served at all ask and do not read; after a while somebody else is served to the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        nursery.start_soon(Serving(answer).run, listener)
        for _ in range(CONNECTIONS):
            silent = await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", port))
            await silent.send_all(REQUEST)
        await trio.sleep(SECONDS + 1)
        reader = await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", port))
        await reader.send_all(REQUEST)
        read = 0
        while read < len(LARGE):
            some = await reader.receive_some()
            assert some
            read += len(some)
        nursery.cancel_scope.cancel()
