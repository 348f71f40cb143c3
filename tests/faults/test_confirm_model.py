"""The confirm protocol against everything that can go wrong: no loss, where simpler protocols lose."""

import time
from collections import Counter
from itertools import count
from math import ceil

import pytest
from attrs import evolve

from tests.faults.model.faults import CELLS, CLOCK_STEPS, PAGE_SIZES_DIFFER, SHARP, Faults
from tests.faults.model.protocols import OURS, RIVALS, Protocol
from tests.faults.model.run import run
from tests.faults.model.world import DOCUMENTED, Cause
from tests.faults.report import Result, note

RUNS = 5000
RIVAL_RUNS = 300

WORST_CELLS = {
    "confirm, then cursor": "confirm arrives late",
    "retry until answered": "crash, lost request or reply",
    "intent counters": "queue loses its last writes",
    "no sentinel": "collector reset",
    "no reserve after a start": "two engines, queue forgets the owner",
    "no account of its own confirms": "two engines, frozen",
    "confirms what is only queued": "queue emptied",
}


OWN_FAULTS = {Cause.PROTOCOL, Cause.NEVER_CAME}


def first_breach(faults: Faults, protocol: Protocol, seeds: range) -> int | None:
    """The first seed with which a protocol hides a record before it is committed, or never brings it."""
    return next((seed for seed in seeds if OWN_FAULTS & run(faults, seed, protocol).causes.keys()), None)


def first_loss(faults: Faults, protocol: Protocol, seeds: range) -> int | None:
    """The first seed with which a record is in the database never, by the protocol's own fault."""
    return next((seed for seed in seeds if OWN_FAULTS & set(run(faults, seed, protocol).gone.values())), None)


@pytest.mark.parametrize("cell", CELLS)
def test_nothing_is_lost(cell: str, pytestconfig: pytest.Config) -> None:
    """No record is hidden before it is committed and none stays away, outside the one documented limit."""
    documented: Counter[Cause] = Counter()
    generated = confirmed = 0
    began = time.monotonic()
    seeds = range(ceil(RUNS / len(CELLS)))
    failed = []
    for seed in seeds:
        outcome = run(CELLS[cell], seed)
        if not outcome.causes.keys() <= DOCUMENTED:
            failed.append(f"python -m tests.faults.model --cell {cell!r} --seed {seed} --trace")
        documented += outcome.causes
        generated += outcome.generated
        confirmed += outcome.confirmed
    note(pytestconfig, Result("confirm model", cell, cell, failed, time.monotonic() - began, runs=len(seeds)))
    assert not failed, "\n".join(failed)
    assert confirmed > generated / 5, "a protocol that confirms nothing loses nothing"
    assert bool(CELLS[cell].reset_every) or not documented


@pytest.mark.parametrize("rival", WORST_CELLS)
def test_simpler_protocols_lose(rival: str) -> None:
    """The same world finds the flaw of each of them: records that never come."""
    assert first_loss(CELLS[WORST_CELLS[rival]], RIVALS[rival], range(RIVAL_RUNS)) is not None


@pytest.mark.parametrize("variant", SHARP)
def test_variants_of_ours_hide_what_is_not_committed(variant: str) -> None:
    """Each step that looks needless is needed, and ours stands in the cell that was made to show it."""
    assert first_breach(SHARP[variant], RIVALS[variant], range(RIVAL_RUNS)) is not None
    assert first_breach(SHARP[variant], OURS, range(RIVAL_RUNS)) is None


def test_every_rival_is_tried() -> None:
    """Each of them in one of the two ways."""
    assert WORST_CELLS.keys() | SHARP.keys() == RIVALS.keys()


def test_the_documented_limit_shows() -> None:
    """A confirm that was decided before the collector's reset and arrives after it: the model can tell."""
    faults = CELLS["collector reset, late confirms survive"]
    assert any(DOCUMENTED & run(faults, seed).causes.keys() for seed in count())


def test_a_collector_whose_clock_steps_back_confirms_the_wrong_records() -> None:
    """Nobody but the collector could prevent it; it is the only cause of loss there."""
    causes: Counter[Cause] = Counter()
    for seed in range(50):
        causes += run(CLOCK_STEPS, seed).causes
    assert causes.keys() == {Cause.CLOCK}


def test_a_reserve_of_one_page_size_is_too_small_for_confirms_of_a_larger_one() -> None:
    """All engines of a source need one pull_limit, and a smaller one an hour without unknown confirms."""
    assert first_breach(PAGE_SIZES_DIFFER, OURS, range(300, 400)) is not None
    assert first_breach(evolve(PAGE_SIZES_DIFFER, page_sizes_differ=False), OURS, range(300, 400)) is None


@pytest.mark.parametrize("cell", ["crash, lost request or reply", "two engines, frozen, queue loses writes"])
def test_what_is_owed_is_paid_in_the_end(cell: str) -> None:
    """Once all is quiet and every reserve is over, one record is left at the collector: the sentinel."""
    assert {run(CELLS[cell], seed, patience=400).waiting for seed in range(40)} == {1}


def test_a_seed_replays() -> None:
    """The same seed tells the same story, another one another."""
    first, again, other = (run(CELLS["everything"], seed, tracing=True) for seed in (7, 7, 8))
    assert first == again
    assert first.trace != other.trace
