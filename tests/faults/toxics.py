"""What the fault proxy does to bytes: the toxics, the switches that all connections share, and one pump a direction."""

import random
import socket
import struct
from collections.abc import Callable
from enum import Enum
from typing import Final

import trio
from attrs import define, evolve, field, frozen

CHUNK_SIZE = 65536
CHUNKS_IN_FLIGHT = 1024
LATE_PATIENCE_SECONDS = 5.0
PIECES_PER_SECOND = 20
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


class Direction(Enum):
    """Which way bytes go: up from the client to the server, down with the answers."""

    UP = "up"
    DOWN = "down"


UP: Final = Direction.UP
DOWN: Final = Direction.DOWN


@frozen
class Toxics:
    """What happens to the bytes of one direction. Chances are per chunk read, offsets count the bytes of a connection.

    `black_hole` swallows bytes and the end of the stream; in one direction only, the connection is half-open.
    `slice_size`, and `bandwidth` in bytes a second: 0 for no limit. `reset_after` and `truncate_after`: after so many
    bytes both sides see a reset, or the end. `late_seconds`: bytes are held until their sender has gone, and delivered
    that much later; what is answered to them reaches nobody.
    """

    latency_seconds: float = 0.0
    jitter_seconds: float = 0.0
    bandwidth: int = 0
    slice_size: int = 0
    black_hole: bool = False
    reset_after: int | None = None
    truncate_after: int | None = None
    garbage_chance: float = 0.0
    duplicate_chance: float = 0.0
    slow_close_seconds: float = 0.0
    late_seconds: float | None = None

    @property
    def end_after(self) -> int | None:
        """How many bytes pass before the connection is cut."""
        return min((limit for limit in (self.reset_after, self.truncate_after) if limit is not None), default=None)


@frozen
class Counts:
    """What has come and gone: connections, those of them that toxics concern, and what these carried.

    Bytes are received from either side, and passed on to the other.
    """

    connections: int = 0
    open: int = 0
    chosen: int = 0
    received_up: int = 0
    received_down: int = 0
    passed_up: int = 0
    passed_down: int = 0


@define(eq=False)
class Switches:
    """What all connections of a proxy share; whoever waits is woken by every change.

    Toxics concern only the connections whose client begins with `only`.
    """

    random: random.Random
    only: bytes = b""
    toxics: dict[Direction, Toxics] = field(factory=lambda: {UP: Toxics(), DOWN: Toxics()})
    counts: Counts = field(factory=Counts)
    _changed: trio.Event = field(factory=trio.Event)

    def count(self, **added: int) -> None:
        """Add to the counts."""
        totals = {name: getattr(self.counts, name) + number for name, number in added.items()}
        self.counts = evolve(self.counts, **totals)
        self.change()

    def change(self) -> None:
        """Wake everybody."""
        self._changed.set()
        self._changed = trio.Event()

    async def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something holds."""
        while not is_so():
            await self._changed.wait()


@define(eq=False)
class Link:
    """One connection through the proxy: two sockets that end together."""

    switches: Switches
    client: trio.SocketStream
    server: trio.SocketStream
    is_chosen: bool = False
    _has_begun: bool = False
    _scope: trio.CancelScope = field(factory=trio.CancelScope)

    async def run(self) -> None:
        """Pump both ways until both ends have ended, or until it is cut."""
        if not self.switches.only:
            self.begin(b"")
        up = Pump(self, UP, self.client, self.server)
        down = Pump(self, DOWN, self.server, self.client)
        with self._scope:
            async with self.client, self.server, trio.open_nursery() as nursery:
                nursery.start_soon(up.run)
                nursery.start_soon(down.run)

    def begin(self, chunk: bytes) -> None:
        """The first bytes of the client decide whether toxics concern this connection; later ones change nothing."""
        if not self._has_begun:
            self._has_begun, self.is_chosen = True, chunk.startswith(self.switches.only)
            self.switches.count(chosen=int(self.is_chosen))

    def cut(self) -> None:
        """Both sides see the end."""
        self._scope.cancel()

    def reset(self) -> None:
        """Both sides see a reset."""
        abort(self.client)
        abort(self.server)
        self.cut()


@define(eq=False)
class Pump:
    """One direction of one connection: reads at once, writes when it is time."""

    link: Link
    direction: Direction
    source: trio.SocketStream
    sink: trio.SocketStream
    _passed: int = 0
    _has_ended: bool = False
    _was_reset: bool = False
    _was_late: bool = False

    @property
    def _switches(self) -> Switches:
        return self.link.switches

    @property
    def _toxics(self) -> Toxics:
        return self._switches.toxics[self.direction] if self.link.is_chosen else Toxics()

    def _count(self, what: str, size: int) -> None:
        if self.link.is_chosen:
            self._switches.count(**{f"{what}_{self.direction.value}": size})

    async def run(self) -> None:
        """Pump until the source ends, then pass its end on."""
        send, receive = trio.open_memory_channel[tuple[float, bytes]](CHUNKS_IN_FLIGHT)
        async with trio.open_nursery() as nursery, receive:
            nursery.start_soon(self._read, send)
            async for due, chunk in receive:
                await trio.sleep_until(due)
                await self._pass(chunk)
        await self._end()

    async def _read(self, channel: trio.MemorySendChannel[tuple[float, bytes]]) -> None:
        due = 0.0
        async with channel:
            while chunk := await self._receive():
                if self.direction is UP:
                    self.link.begin(chunk)
                self._count("received", len(chunk))
                jitter = self._toxics.jitter_seconds * self._switches.random.random()
                due = max(due, trio.current_time() + self._toxics.latency_seconds + jitter)
                await channel.send((due, chunk))
            self._has_ended = True
            self._switches.change()

    async def _receive(self) -> bytes:
        try:
            return bytes(await self.source.receive_some(CHUNK_SIZE))
        except _GONE:
            self._was_reset = True
            return b""

    async def _pass(self, chunk: bytes) -> None:
        await self._hold()
        toxics, dice = self._toxics, self._switches.random
        if toxics.black_hole:
            return
        if dice.random() < toxics.garbage_chance:
            chunk = dice.randbytes(len(chunk))
        if dice.random() < toxics.duplicate_chance:
            chunk += chunk
        size = toxics.slice_size or max(1, toxics.bandwidth // PIECES_PER_SECOND if toxics.bandwidth else len(chunk))
        for begin in range(0, len(chunk), size):
            await self._send(chunk[begin : begin + size])

    async def _hold(self) -> None:
        """Late delivery: wait until the sender has gone, or until it is switched off."""
        if self._toxics.late_seconds is None or self._was_late:
            return
        await self._switches.wait_until(lambda: self._has_ended or self._toxics.late_seconds is None)
        if self._toxics.late_seconds is not None:
            self._was_late = True
            await trio.sleep(self._toxics.late_seconds)

    async def _send(self, piece: bytes) -> None:
        toxics = self._toxics
        end = toxics.end_after
        try:
            whole = piece if end is None else piece[: max(0, end - self._passed)]
            await self.sink.send_all(whole)
        except _GONE:  # the other direction notices
            return
        self._passed += len(whole)
        self._count("passed", len(whole))
        if end is not None and self._passed >= end:
            if toxics.reset_after == end:
                self.link.reset()
            self.link.cut()
        await trio.sleep(len(whole) / toxics.bandwidth if toxics.bandwidth else 0)

    async def _end(self) -> None:
        await self._switches.wait_until(lambda: not self._toxics.black_hole)
        # A server may drop the work of a client that is gone: one that was late is left time to answer.
        await trio.sleep(LATE_PATIENCE_SECONDS if self._was_late else self._toxics.slow_close_seconds)
        if self._was_reset:
            self.link.reset()
            return
        try:
            await self.sink.send_eof()
        except _GONE:
            return


def abort(stream: trio.SocketStream) -> None:
    """Close with a reset."""
    if stream.socket.fileno() >= 0:
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.socket.close()
