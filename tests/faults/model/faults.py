"""What can go wrong, and how often: one cell is one mixture of faults."""

from attrs import evolve, frozen


@frozen
class Faults:
    """Chances are per call or per step, `every` is a mean distance in seconds, 0 for never.

    A confirm that is late arrives after up to `late_seconds`. A reset collector forgets its connections, too, unless
    `late_outlives_reset`. Nothing is under way for longer than `quarantine_seconds`: that is the assumption of the
    protocol. Of the tuples, each run takes one.
    """

    quarantine_seconds: float = 120.0
    lag_seconds: float = 0.4
    growth_every: tuple[float, ...] = (5.0, 10.0, 25.0)
    write_seconds: tuple[float, ...] = (0.0, 5.0, 15.0)
    page_sizes: tuple[int, ...] = (2, 3, 4, 5)

    engines: int = 1
    crash_chance: float = 0.0
    lost_chance: float = 0.0
    late_chance: float = 0.0
    late_seconds: float = 0.0
    rollback_every: float = 0.0
    wipe_every: float = 0.0
    forget_owner_every: float = 0.0
    reset_every: float = 0.0
    late_outlives_reset: bool = False
    empty_answer_chance: float = 0.0
    freeze_every: float = 0.0
    freeze_seconds: float = 30.0
    stop_every: float = 0.0
    clock_step_every: float = 0.0
    page_sizes_differ: bool = False


_CRASH = Faults(crash_chance=0.02, lost_chance=0.02, stop_every=150)
_LATE = evolve(_CRASH, late_chance=0.2, late_seconds=25)
_VERY_LATE = evolve(_CRASH, crash_chance=0.005, late_chance=0.2, late_seconds=120)
_TWO = evolve(_VERY_LATE, engines=2)

CELLS = {
    "crash, lost request or reply": _CRASH,
    "confirm arrives late": _LATE,
    "queue loses its last writes": evolve(_LATE, rollback_every=40),
    "very late, queue loses writes": evolve(_VERY_LATE, rollback_every=40),
    "late to the last second": evolve(
        _VERY_LATE, quarantine_seconds=25, late_seconds=25, late_chance=0.5, lag_seconds=1
    ),
    "queue emptied": evolve(_LATE, wipe_every=60, empty_answer_chance=0.01),
    "collector reset": evolve(_LATE, rollback_every=60, reset_every=100, empty_answer_chance=0.01),
    "collector reset, late confirms survive": evolve(
        _VERY_LATE, rollback_every=60, reset_every=100, late_outlives_reset=True
    ),
    "two engines, frozen": evolve(_TWO, freeze_every=40),
    "two engines, queue forgets the owner": evolve(_TWO, forget_owner_every=30),
    "two engines, frozen, queue loses writes": evolve(_TWO, freeze_every=60, rollback_every=40, wipe_every=80),
    "everything": evolve(
        _TWO,
        freeze_every=80,
        rollback_every=60,
        wipe_every=120,
        reset_every=150,
        late_outlives_reset=True,
        empty_answer_chance=0.01,
    ),
}
"""Where nothing may be lost, except as `tests.faults.model.world.DOCUMENTED` says."""

CLOCK_STEPS = evolve(_LATE, clock_step_every=30)
"""A limit that no client can lift: the collector confirms by creation time."""

PAGE_SIZES_DIFFER = Faults(
    crash_chance=0.008,
    late_chance=0.1,
    late_seconds=115,
    growth_every=(10.0,),
    write_seconds=(15.0,),
    page_sizes_differ=True,
)
"""A limit of ours: an owner holds a reserve of its own page size for an owner that had another one."""

SHARP = {
    "does not look who came after": Faults(
        engines=2,
        late_chance=0.4,
        late_seconds=100,
        growth_every=(4.0,),
        write_seconds=(15.0,),
        page_sizes=(2,),
        forget_owner_every=30,
    ),
    "takes every movement for its own": Faults(
        quarantine_seconds=25,
        late_chance=0.8,
        late_seconds=25,
        growth_every=(6.0,),
        write_seconds=(10.0,),
        page_sizes=(4,),
        lag_seconds=0.2,
        stop_every=30,
    ),
    "judges as of the answer": Faults(
        quarantine_seconds=15,
        late_chance=0.8,
        late_seconds=15,
        growth_every=(3.0,),
        write_seconds=(5.0,),
        page_sizes=(4,),
        lag_seconds=1,
    ),
}
"""Cells made for protocols that lose only rarely."""
