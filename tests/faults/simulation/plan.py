"""What one seed asks for: how large the world is, what goes wrong in it, and how often."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from attrs import evolve, frozen

T = TypeVar("T")

QUARANTINE_SECONDS = 100.0
"""How long a confirm may be under way here; an hour outside."""
CONFIRM_LATE_SECONDS = 50.0
FREEZE_SECONDS = (3.0, 38.0)
LATE_SECONDS = 20.0
"""How late any other request may take effect that nobody waits for any more."""
LEASE_SECONDS = 20.0


@frozen
class Dials:
    """How likely each mishap is, per call. What is lost may still take effect later, by `late`.

    `slow`: takes seconds; `hang`: is not answered at all; `empty`: the collector answers a pull with nothing.
    """

    crash: float
    freeze: float
    refused: float
    lost_request: float
    lost_reply: float
    late: float
    slow: float
    hang: float
    confirm_late: float
    empty: float
    flaky: float


@frozen
class Rates:
    """How many seconds lie between two mishaps of a kind, on average; 0: never."""

    crash: float
    freeze: float
    stop: float
    queue_away: float
    database_away: float
    collector_away: float
    lookup_away: float
    queue_falls_back: float
    queue_emptied: float
    clock_step: float
    reset: float


@frozen
class Plan:
    """Everything a seed decides before the run begins."""

    engines: int
    roles: Sequence[str]
    workers: int
    sources: int
    records: int
    page_limit: int
    pull_interval_seconds: float
    batch_size: int
    db_batch_size: int | None
    row_limit: int
    watermark: int
    grace_seconds: float
    calm_at: float
    oddities: float
    unstorable: bool
    waits_for_confirms: bool
    dials: Dials
    rates: Rates


def plan(rng: Random) -> Plan:
    """Draw a seed's plan, with its fresh random numbers.

    Of everything something; or, every third time, a long story of confirms that are late.
    """
    mixed = _mixed(rng)
    return _about_confirms(rng, mixed) if rng.random() < 0.35 else mixed


def _about_confirms(rng: Random, mixed: Plan) -> Plan:
    """Small pages, and so small reserves; nothing that keeps the engines from confirming all the time."""
    return evolve(
        mixed,
        sources=1,
        records=rng.randint(45, 60),
        page_limit=rng.choice((2, 3)),
        pull_interval_seconds=5.0,
        watermark=1000,
        batch_size=3,
        db_batch_size=None,
        row_limit=100,
        oddities=0.0,
        calm_at=rng.uniform(80, 130),
        dials=evolve(mixed.dials, crash=0.0, freeze=rng.choice((0.0, 0.005)), confirm_late=0.3, empty=0.0, flaky=0.0),
        rates=evolve(
            mixed.rates,
            crash=rng.choice((0.0, 50.0)),
            stop=rng.choice((0.0, 30.0)),
            database_away=rng.choice((0.0, 25.0)),
            queue_falls_back=rng.choice((0.0, 0.0, 30.0)),
            queue_away=0.0,
            collector_away=0.0,
            lookup_away=0.0,
        ),
    )


def _mixed(rng: Random) -> Plan:
    """About half of all mishaps are left out of each run, so that every mixture comes up."""
    engines = rng.choice((1, 1, 1, 2, 2, 2, 3, 4))
    resets = rng.random() < 0.08
    return Plan(
        engines=engines,
        roles=["all", *(rng.choice(("all", "all", "fetch", "work")) for _ in range(engines - 1))],
        workers=rng.choice((1, 2, 2)),
        sources=rng.choice((1, 1, 1, 1, 2)),
        records=rng.randint(20, 60),
        page_limit=rng.randint(2, 6),
        pull_interval_seconds=rng.choice((5.0, 10.0)),
        batch_size=rng.choice((2, 3)),
        db_batch_size=rng.choice((None, None, 1, 2)),
        row_limit=rng.choice((100, 100, 100, 2)),
        watermark=rng.choice((4, 8, 1000)),
        grace_seconds=rng.choice((2.0, 4.0)),
        calm_at=rng.uniform(40, 100),
        oddities=_maybe(rng, (0.05, 0.15)),
        unstorable=rng.random() < 0.05,
        waits_for_confirms=rng.random() < 0.3,
        dials=_dials(rng),
        rates=_rates(rng, resets=resets),
    )


def _maybe(rng: Random, values: Sequence[float]) -> float:
    return rng.choice(values) if rng.random() < 0.5 else 0.0


def _dials(rng: Random) -> Dials:
    return Dials(
        crash=_maybe(rng, (0.002, 0.01)),
        freeze=_maybe(rng, (0.002, 0.01)),
        refused=_maybe(rng, (0.01, 0.05)),
        lost_request=_maybe(rng, (0.01, 0.05)),
        lost_reply=_maybe(rng, (0.01, 0.05)),
        late=rng.choice((0.0, 0.3, 0.9)),
        slow=_maybe(rng, (0.02, 0.1)),
        hang=_maybe(rng, (0.005, 0.02)),
        confirm_late=_maybe(rng, (0.1, 0.4)),
        empty=_maybe(rng, (0.02, 0.02, 0.4)),
        flaky=_maybe(rng, (0.05, 0.2)),
    )


def _rates(rng: Random, *, resets: bool) -> Rates:
    return Rates(
        crash=_maybe(rng, (15, 40)),
        freeze=_maybe(rng, (30, 60)),
        stop=_maybe(rng, (15, 40)),
        queue_away=_maybe(rng, (20, 50)),
        database_away=_maybe(rng, (20, 50)),
        collector_away=_maybe(rng, (20, 50)),
        lookup_away=_maybe(rng, (20, 50)),
        queue_falls_back=_maybe(rng, (15, 40)),
        queue_emptied=_maybe(rng, (40,)),
        clock_step=_maybe(rng, (10,)),
        reset=50.0 if resets else 0.0,
    )
