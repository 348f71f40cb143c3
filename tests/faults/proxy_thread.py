"""The fault proxy in a thread of its own, for tests that are not written in Trio."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio
from attrs import frozen

from tests.faults.proxy import Counts, Direction, FaultProxy, Toxics

START_SECONDS = 10.0


@frozen
class Remote:
    """Steers a proxy that runs in another thread; every call returns once it is done there."""

    port: int
    _proxy: FaultProxy
    _token: trio.lowlevel.TrioToken

    @property
    def counts(self) -> Counts:
        """See `FaultProxy`, here and below."""
        return self._proxy.counts

    def poison(self, toxics: Toxics, direction: Direction | None = None) -> None:
        trio.from_thread.run_sync(self._proxy.poison, toxics, direction, trio_token=self._token)

    def heal(self) -> None:
        trio.from_thread.run_sync(self._proxy.heal, trio_token=self._token)

    def comes_to(self, is_so: Callable[[Counts], bool], seconds: float) -> bool:
        """Wait until the counts are as wanted; False when they are not within so many seconds."""

        async def wait() -> bool:
            with trio.move_on_after(seconds):
                await self._proxy.wait_until(is_so)
                return True
            return False

        return trio.from_thread.run(wait, trio_token=self._token)


@contextmanager
def proxy_in_thread(target_port: int, *, seed: int = 0, only: bytes = b"") -> Iterator[Remote]:
    """Run a proxy in front of a loopback port."""
    started, remotes, scopes = threading.Event(), list[Remote](), list[trio.CancelScope]()

    async def run() -> None:
        with trio.CancelScope() as scope:
            async with FaultProxy("127.0.0.1", target_port, seed=seed, only=only) as proxy:
                scopes.append(scope)
                remotes.append(Remote(proxy.port, proxy, trio.lowlevel.current_trio_token()))
                started.set()
                await trio.sleep_forever()

    thread = threading.Thread(target=trio.run, args=(run,))
    thread.start()
    try:
        assert started.wait(START_SECONDS), "the proxy does not start"
        yield remotes[0]
    finally:
        for remote, scope in zip(remotes, scopes, strict=True):
            remote._token.run_sync_soon(scope.cancel)
        thread.join()
