"""Every toxic of the fault proxy, in front of a server that echoes."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import pytest
import trio
from attrs import define, field

from tests.faults.proxy import DOWN, UP, Direction, FaultProxy, Toxics

PATIENCE_SECONDS = 10.0
MOMENT_SECONDS = 0.1


@define(eq=False)
class Echo:
    """Answers every chunk with itself, and remembers what it got and how each connection ended."""

    port: int = 0
    received: bytearray = field(factory=bytearray)
    chunks: list[int] = field(factory=list)
    ends: list[str] = field(factory=list)

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        try:
            async for chunk in stream:
                self.received += chunk
                self.chunks.append(len(chunk))
                await stream.send_all(chunk)
            self.ends.append("end")
        except (trio.BrokenResourceError, OSError):
            self.ends.append("reset")


@asynccontextmanager
async def echoing() -> AsyncIterator[Echo]:
    """Run an echo server."""
    echo = Echo()
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        echo.port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, echo.serve, listeners)
        yield echo
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def through(proxy: FaultProxy) -> AsyncIterator[trio.SocketStream]:
    """Open a connection through the proxy; whatever is done with it takes some seconds at most."""
    with trio.fail_after(PATIENCE_SECONDS):
        async with await trio.open_tcp_stream("127.0.0.1", proxy.port) as stream:
            yield stream


async def read(stream: trio.SocketStream, size: int) -> bytes:
    """Read so many bytes, or what there is before the end."""
    got = bytearray()
    while len(got) < size and (some := await stream.receive_some(size - len(got))):
        got += some
    return bytes(got)


async def read_line(stream: trio.abc.ReceiveStream) -> bytes:
    """Read up to the end of a line."""
    line = bytearray()
    while not line.endswith(b"\n"):
        line += await stream.receive_some(1)
    return bytes(line)


async def silence(stream: trio.SocketStream) -> bool:
    """Whether nothing arrives for a moment."""
    with trio.move_on_after(MOMENT_SECONDS):
        await stream.receive_some()
        return False
    return True


async def test_without_toxics_everything_passes_and_is_counted() -> None:
    """A megabyte there and back, several connections, ends passed on."""
    data = bytes(range(256)) * 4096
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy:
        for _ in range(2):
            async with through(proxy) as stream, trio.open_nursery() as nursery:
                nursery.start_soon(stream.send_all, data)
                assert await read(stream, len(data)) == data
        with trio.fail_after(PATIENCE_SECONDS):
            await proxy.wait_until(lambda counts: counts.open == 0)
        counts = proxy.counts
    size = 2 * len(data)
    assert (counts.connections, counts.received_up, counts.passed_up, counts.passed_down) == (2, size, size, size)
    assert echo.ends == ["end", "end"]


@pytest.mark.parametrize("direction", [UP, DOWN])
async def test_latency_and_jitter_delay_without_changing_the_order(direction: Direction) -> None:
    """Chunks wait beside each other, not one after the other."""
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy, through(proxy) as stream:
        proxy.poison(Toxics(latency_seconds=0.2, jitter_seconds=0.05), direction)
        began = trio.current_time()
        for number in range(10):
            await stream.send_all(bytes([number]))
            await trio.sleep(0.005)
        assert await read(stream, 10) == bytes(range(10))
        assert 0.2 <= trio.current_time() - began < 1.5


async def test_bandwidth_is_bytes_a_second() -> None:
    """20 kB at 100 kB/s."""
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy, through(proxy) as stream:
        proxy.poison(Toxics(bandwidth=100_000), DOWN)
        began = trio.current_time()
        await stream.send_all(bytes(20_000))
        assert len(await read(stream, 20_000)) == 20_000
        assert trio.current_time() - began >= 0.15


async def test_a_black_hole_swallows_for_good() -> None:
    """What was sent into it does not come out when it is switched off; what follows does."""
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy, through(proxy) as stream:
        proxy.poison(Toxics(black_hole=True))
        await stream.send_all(b"lost")
        assert await silence(stream)
        assert echo.received == b""
        proxy.heal()
        await stream.send_all(b"found")
        assert await read(stream, 5) == b"found"
        assert echo.received == b"found"


async def test_a_half_open_connection_carries_one_way_only() -> None:
    """The server hears the client, and the client hears nothing, not even the end."""
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy, through(proxy) as stream:
        proxy.poison(Toxics(black_hole=True), DOWN)
        await stream.send_all(b"hello")
        await stream.send_eof()
        await proxy.wait_until(lambda counts: counts.received_down == 5)
        assert echo.received == b"hello"
        assert await silence(stream)
        proxy.heal()
        assert await read(stream, 1) == b""


async def test_a_reset_now_is_seen_by_both_sides() -> None:
    """Open connections break, new ones work."""
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy:
        async with through(proxy) as stream:
            await stream.send_all(b"x")
            await read(stream, 1)
            proxy.reset()
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()
        async with through(proxy) as stream:
            await stream.send_all(b"y")
            assert await read(stream, 1) == b"y"
        assert echo.ends[0] == "reset"


async def test_a_reset_after_some_bytes() -> None:
    """So many arrive, then the connection breaks."""
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy, through(proxy) as stream:
        proxy.poison(Toxics(reset_after=3), UP)
        await stream.send_all(b"12345")
        with pytest.raises(trio.BrokenResourceError):
            await read(stream, 5)
        assert echo.received in (bytearray(), bytearray(b"123"))  # a reset overtakes what was not yet read
        assert proxy.counts.passed_up == 3


async def test_truncation_is_an_early_end() -> None:
    """So many bytes of the answer arrive, then it ends without an error."""
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy, through(proxy) as stream:
        proxy.poison(Toxics(truncate_after=3), DOWN)
        await stream.send_all(b"12345")
        assert await read(stream, 5) == b"123"
        assert await stream.receive_some() == b""


async def test_the_slicer_sends_tiny_segments() -> None:
    """The same bytes, in many more pieces."""
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy, through(proxy) as stream:
        proxy.poison(Toxics(slice_size=2), UP)
        await stream.send_all(bytes(200))
        assert len(await read(stream, 200)) == 200
        assert len(echo.chunks) > 20


async def test_garbage_keeps_the_length_and_follows_the_seed() -> None:
    """Other bytes, as many; the same ones for the same seed."""
    answers = []
    async with echoing() as echo:
        for seed in (1, 1, 2):
            async with FaultProxy("127.0.0.1", echo.port, seed=seed) as proxy, through(proxy) as stream:
                proxy.poison(Toxics(garbage_chance=1.0), DOWN)
                await stream.send_all(bytes(50))
                answers.append(await read(stream, 50))
    first, again, other = answers
    assert first == again
    assert bytes(50) != first != other != bytes(50)


async def test_a_duplicated_answer_comes_twice() -> None:
    """The server answered once."""
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy, through(proxy) as stream:
        proxy.poison(Toxics(duplicate_chance=1.0), DOWN)
        await stream.send_all(b"answer")
        assert await read(stream, 12) == b"answeranswer"
        assert echo.received == b"answer"


async def test_a_slow_close_delays_the_end_alone() -> None:
    """The bytes before it are there at once."""
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy, through(proxy) as stream:
        proxy.poison(Toxics(slow_close_seconds=0.3), DOWN)
        began = trio.current_time()
        await stream.send_all(b"x")
        await stream.send_eof()
        assert await read(stream, 1) == b"x"
        assert trio.current_time() - began < 0.3
        assert await stream.receive_some() == b""
        assert trio.current_time() - began >= 0.3


async def test_late_delivery_waits_until_the_client_has_gone() -> None:
    """The server gets the request of a client that has given up, and its answer reaches nobody."""
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy:
        proxy.poison(Toxics(late_seconds=0.05), UP)
        async with through(proxy) as stream:
            await stream.send_all(b"request")
            assert await silence(stream)
            assert echo.received == b""
        with trio.fail_after(PATIENCE_SECONDS):
            await proxy.wait_until(lambda counts: counts.received_down == 7)
        assert echo.received == b"request"
        assert echo.ends == []


async def test_what_is_held_is_delivered_when_late_delivery_is_switched_off() -> None:
    """The client is still there, and gets its answer."""
    async with echoing() as echo, FaultProxy("127.0.0.1", echo.port) as proxy, through(proxy) as stream:
        proxy.poison(Toxics(late_seconds=60.0), UP)
        await stream.send_all(b"request")
        await proxy.wait_until(lambda counts: counts.received_up == 7)
        proxy.heal()
        assert await read(stream, 7) == b"request"


async def test_toxics_concern_only_the_connections_that_begin_as_told() -> None:
    """Two clients of one port: what one of them says passes, and is not counted, whatever happens to the other."""
    async with (
        echoing() as echo,
        FaultProxy("127.0.0.1", echo.port, only=b"POST ") as proxy,
        through(proxy) as chosen,
        through(proxy) as spared,
    ):
        proxy.poison(Toxics(black_hole=True))
        await chosen.send_all(b"POST it")
        await spared.send_all(b"GET it")
        assert await read(spared, 6) == b"GET it"
        await spared.send_all(b"POST ")
        assert await read(spared, 5) == b"POST "
        await proxy.wait_until(lambda counts: counts.received_up == 7)
        assert (proxy.counts.chosen, proxy.counts.connections) == (1, 2)
        assert echo.received == b"GET itPOST "
        proxy.reset()
        with pytest.raises(trio.BrokenResourceError):
            await chosen.receive_some()
        await spared.send_all(b"x")
        assert await read(spared, 1) == b"x"


async def test_a_server_that_is_away_looks_like_one() -> None:
    """The connection is reset, and the proxy goes on."""
    async with echoing() as echo:
        nobody = echo.port
    async with FaultProxy("127.0.0.1", nobody) as proxy, through(proxy) as stream:
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
        await proxy.wait_until(lambda counts: (counts.connections, counts.open) == (1, 0))


async def test_it_ends_with_its_context_whatever_hangs() -> None:
    """Nothing outlives it: not a black hole, not a connection in use."""
    async with echoing() as echo, AsyncExitStack() as stack:
        with trio.fail_after(PATIENCE_SECONDS):
            async with FaultProxy("127.0.0.1", echo.port) as proxy:
                proxy.poison(Toxics(black_hole=True))
                stream = await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", proxy.port))
                await stream.send_all(b"x")
                await stream.send_eof()
                await proxy.wait_until(lambda counts: counts.received_up == 1)
            assert await stream.receive_some() == b""
        with pytest.raises(OSError, match="."):
            await trio.open_tcp_stream("127.0.0.1", proxy.port)


async def test_as_a_process_it_obeys_its_standard_input() -> None:
    """Toxics are switched by one JSON object a line; it ends when nobody speaks to it any more."""
    pipes = partial(trio.run_process, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    async with echoing() as echo, trio.open_nursery() as nursery:
        command = [sys.executable, "-m", "tests.faults.proxy", "--target", f"127.0.0.1:{echo.port}"]
        process: trio.Process = await nursery.start(pipes, command)
        orders, answers = process.stdin, process.stdout
        assert orders is not None
        assert answers is not None

        async def answer(
            order: bytes = b"", orders: trio.abc.SendStream = orders, answers: trio.abc.ReceiveStream = answers
        ) -> dict[str, int]:
            await orders.send_all(order)
            return dict(json.loads(await read_line(answers)))

        with trio.fail_after(30):
            port = (await answer())["port"]
            await answer(b'{"poison": {"black_hole": true}, "direction": "down"}\n')
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(b"x")
                assert await silence(stream)
                await answer(b'{"heal": true}\n')
                await stream.send_all(b"y")
                assert await stream.receive_some() == b"y"
            assert (await answer(b"{}\n"))["received_up"] == 2
            await orders.aclose()
            assert await process.wait() == 0
