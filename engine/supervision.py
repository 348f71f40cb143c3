"""What a service manager is told while the engine runs: the rate every few seconds, and that there is progress."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import trio

from engine.service_manager import ServiceManager
from engine.stats import Snapshot, Stats

STATUS_SECONDS = 3.0
PINGS_PER_WATCHDOG = 2

InHand = AbstractSet[tuple[str, int]]
"""Deliveries by id and attempt."""


async def supervise(
    manager: ServiceManager, stats: Stats, in_hand: Callable[[], InHand], is_ready: Callable[[], bool]
) -> None:
    """Tell for ever; return at once where nobody listens.

    That the engine is ready is told again with each rate: where it went unheard, a start or a reload would never end.

    The watchdog is pinged at half its time, and only if something moved since the last ping: an engine that has
    deliveries in hand and settles none of them is ended after that time, whatever it waits for, and started again.
    """
    if not manager.address:
        return
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_tell_rate, manager, stats, is_ready)
        if manager.watchdog_seconds is not None:
            nursery.start_soon(_ping, manager, manager.watchdog_seconds / PINGS_PER_WATCHDOG, in_hand)


async def _tell_rate(manager: ServiceManager, stats: Stats, is_ready: Callable[[], bool]) -> None:
    before, then = stats.snapshot(), trio.current_time()
    while True:
        await trio.sleep(STATUS_SECONDS)
        after, now = stats.snapshot(), trio.current_time()
        rate = status(after, (after.received - before.received) / (now - then))
        await manager.tell(*(["READY=1"] if is_ready() else []), f"STATUS={rate}")
        before, then = after, now


def status(snapshot: Snapshot, rate: float) -> str:
    """One line for whoever asks the service manager."""
    counts = f"{snapshot.received:,} received, {snapshot.written:,} written, {snapshot.rejected:,} rejected"
    return f"{rate:,.0f} records/s; {counts}, {snapshot.confirmed:,} confirmed"


async def _ping(manager: ServiceManager, seconds: float, in_hand: Callable[[], InHand]) -> None:
    while True:
        before = in_hand()
        await trio.sleep(seconds)
        if has_moved(before, in_hand()):
            await manager.tell("WATCHDOG=1")


def has_moved(before: InHand, now: InHand) -> bool:
    """Whether there was nothing to do, or something of it is done."""
    return not before or bool(before - now)
