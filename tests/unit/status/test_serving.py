"""Connections that hold places: a client that asks and never reads has one for a while, not for ever."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import trio
from starlette.types import Receive, Scope, Send
from trio.testing import MockClock

from adapters.status.serving import CONNECTIONS, SECONDS, Serving

LARGE = b"x" * 4_000_000
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
STREAM = REQUEST.replace(b"/ ", b"/stream ")


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


async def answer_shortly(scope: Scope, _: Receive, send: Send) -> None:
    """One byte; a stream never ends."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    if scope["path"] == "/stream":
        await trio.sleep_forever()
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def full(*first: bytes) -> AsyncIterator[tuple[int, list[trio.SocketStream]]]:
    """A server all of whose places are taken, the port, and the clients, of whom the first ones have asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        nursery.start_soon(Serving(answer_shortly).run, listener)
        clients = []
        for number in range(CONNECTIONS):
            client = await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", port))
            clients.append(client)
            if number < len(first):
                await client.send_all(first[number])
                assert not first[number].endswith(b"\r\n\r\n") or await client.receive_some()
        yield port, clients
        nursery.cancel_scope.cancel()


async def is_answered(port: int) -> bool:
    """Ask, as a probe does."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as probe:
        await probe.send_all(REQUEST)
        return (await probe.receive_some()).startswith(b"HTTP/1.1 200")


async def read_to_the_end(client: trio.SocketStream) -> None:
    """Read until the server has closed the connection."""
    while await client.receive_some():
        """What was sent before."""


async def test_a_probe_is_answered_while_others_hold_all_places() -> None:
    """The client that asks nothing goes, at once; the stream that came before it is not touched."""
    with trio.fail_after(10):
        async with full(STREAM, b"GET / HT") as (port, clients):
            assert await is_answered(port)
            assert await clients[1].receive_some() == b"", "half a request is none"
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read_to_the_end, clients[0])
                for _each in range(CONNECTIONS):
                    assert await is_answered(port)
                assert nursery.child_tasks, "the stream goes on"
                nursery.cancel_scope.cancel()


async def test_a_probe_is_answered_while_all_places_are_asked_from() -> None:
    """The first that came goes."""
    with trio.fail_after(10):
        async with full(*[STREAM] * CONNECTIONS) as (port, clients):
            assert await is_answered(port)
            await read_to_the_end(clients[0])


async def test_a_probe_is_answered_while_others_reconnect_all_the_time() -> None:
    """Twice as many clients as there are places, each of which comes back as soon as it is gone."""

    async def come_back(port: int) -> None:
        while True:
            async with await trio.open_tcp_stream("127.0.0.1", port) as client:
                with suppress(trio.BrokenResourceError):
                    await client.receive_some()

    with trio.fail_after(20):
        async with full() as (port, _), trio.open_nursery() as nursery:
            for _each in range(2 * CONNECTIONS):
                nursery.start_soon(come_back, port)
            assert all([await is_answered(port) for _each in range(20)])
            nursery.cancel_scope.cancel()
