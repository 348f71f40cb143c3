"""A TCP proxy on loopback that damages what passes, in ways that are switched on and off while it runs.

In a test: `async with FaultProxy(host, port) as proxy: proxy.poison(Toxics(latency_seconds=1), DOWN)`. As a process of
its own: `python -m tests.faults.proxy --target HOST:PORT`; it prints `{"port": N}` and obeys one JSON object a line on
standard input: `{"poison": {"latency_seconds": 1}, "direction": "down"}` (without direction: both), `{"heal": true}`,
`{"reset": true}`, `{}`; each is answered with the counts. It ends with its standard input.
"""

import argparse
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Self

import trio
from attrs import asdict

from tests.faults.toxics import DOWN, UP, Counts, Direction, Link, Switches, Toxics, abort

__all__ = ["DOWN", "UP", "Counts", "Direction", "FaultProxy", "Toxics"]


class FaultProxy:
    """A proxy in front of one server, for as long as its context is open. `seed` decides jitter and chances.

    Connections whose client begins with anything but `only` pass undamaged, and their bytes are not counted.
    """

    def __init__(self, target_host: str, target_port: int, *, port: int = 0, seed: int = 0, only: bytes = b"") -> None:
        self.port = port
        self._target = (target_host, target_port)
        self._switches = Switches(random.Random(seed), only)
        self._links: set[Link] = set()
        self._running: AbstractAsyncContextManager[None] = self._serving()

    def __repr__(self) -> str:
        return f"<FaultProxy 127.0.0.1:{self.port} -> {self._target} {self._switches.toxics} {self.counts}>"

    async def __aenter__(self) -> Self:
        await self._running.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._running.__aexit__(kind, error, traceback)

    @property
    def counts(self) -> Counts:
        """Connections and bytes so far."""
        return self._switches.counts

    def poison(self, toxics: Toxics, direction: Direction | None = None) -> None:
        """Let these toxics, and no others, work in one direction, or in both; on open connections, too."""
        for each in [direction] if direction else [UP, DOWN]:
            self._switches.toxics[each] = toxics
        self._switches.change()

    def heal(self) -> None:
        """Switch all toxics off. What was held or stalled goes on; what was swallowed is gone."""
        self.poison(Toxics())

    def reset(self) -> None:
        """Reset every connection that toxics concern now."""
        for link in [link for link in self._links if link.is_chosen]:
            link.reset()

    async def wait_until(self, is_so: Callable[[Counts], bool]) -> None:
        """Wait until the counts are as wanted."""
        await self._switches.wait_until(lambda: is_so(self.counts))

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
            self.port = listeners[0].socket.getsockname()[1]
            nursery.start_soon(trio.serve_listeners, self._serve, listeners)
            yield
            nursery.cancel_scope.cancel()

    async def _serve(self, client: trio.SocketStream) -> None:
        self._switches.count(connections=1, open=1)
        try:
            server = await trio.open_tcp_stream(*self._target)
        except OSError:
            abort(client)
        else:
            link = Link(self._switches, client, server)
            self._links.add(link)
            try:
                await link.run()
            finally:
                self._links.discard(link)
        finally:
            self._switches.count(open=-1)


def _say(what: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def _obey(proxy: FaultProxy) -> None:
    _say({"port": proxy.port})
    rest = b""
    async with trio.lowlevel.FdStream(os.dup(0)) as commands:
        async for some in commands:
            *lines, rest = (rest + bytes(some)).split(b"\n")
            for line in lines:
                command = json.loads(line)
                if command.get("heal"):
                    proxy.heal()
                if "poison" in command:
                    direction = command.get("direction")
                    proxy.poison(Toxics(**command["poison"]), Direction(direction) if direction else None)
                if command.get("reset"):
                    proxy.reset()
                _say(asdict(proxy.counts))


async def _main(target: str, port: int, seed: int) -> None:
    host, _, number = target.rpartition(":")
    async with FaultProxy(host, int(number), port=port, seed=seed) as proxy:
        await _obey(proxy)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", required=True, metavar="HOST:PORT")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    trio.run(_main, options.target, options.port, options.seed)
