"""What is answered, over real connections, on trio's clock: streams whose clients go, and names of no file."""

import gc
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
from trio.testing import MockClock

from adapters.status.access import Access
from adapters.status.app import EVENT_SECONDS, STREAMS, make_app
from adapters.status.serving import Serving
from engine.picture import About, Health, Limit, Picture, QueueView
from engine.status import Retried

LARGE = Picture(
    engine=About("0.1.0", "2026-11-25T00:00:00Z", 1.0, "host", 1, "redis", "mysql", "built-in"),
    health=Health(ready=False, reason="x" * 200_000),
    limit=Limit("none", "nothing-waits", ""),
    queue=QueueView(1, 10, 5),
)
REQUEST = b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Large:
    """An engine with much to say; a new picture every time."""

    def picture(self) -> Picture:
        """The large one."""
        return LARGE

    def problem(self) -> str | None:
        """It is well."""
        return None

    def records_by_type(self) -> Mapping[str, int]:
        """None yet."""
        return {}

    async def retry(self, letter: int | str) -> Retried | None:
        """There are no letters."""
        await trio.lowlevel.checkpoint()
        return None if letter else Retried(is_settled=False, result="")


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    """The application on a port of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Serving(make_app(Large(), Access("127.0.0.1", is_loopback=True, token=None))).run, listener)
        yield port
        nursery.cancel_scope.cancel()


async def test_streams_that_break_off_leave_nothing_behind(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Clients that never read and then go make no noise in the log, and room for others."""
    async with served() as port:
        for _ in range(3):
            for _ in range(STREAMS):
                stream = await trio.open_tcp_stream("127.0.0.1", port)
                async with stream:
                    await stream.send_all(REQUEST)
                    await trio.sleep(2 * EVENT_SECONDS)
            await trio.sleep(2 * EVENT_SECONDS)
        gc.collect()
        await trio.sleep(EVENT_SECONDS)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert (await client.head("/api/events")).headers["content-type"].startswith("text/event-stream")
            async with client.stream("GET", "/api/events") as answer:
                assert answer.status_code == 200
    assert caplog.records == []


@pytest.mark.parametrize("name", ["x" * 300 + ".js", "%00.js", "app.js%00.html", ".js", "..%2Fapp.py"])
async def test_a_name_that_no_file_has(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Refused, however odd; it is no error of the engine."""
    async with served() as port, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/static/{name}")).status_code == 404
    assert caplog.records == []
