"""Which stage limits throughput, and which setting would change it: one case for every stage, and for none."""

import pytest

from engine.bottleneck import Knobs, Load, limiting

WRITING = {"writing": 0.85, "enriching": 0.05, "settling": 0.02, "idle": 0.08}
ENRICHING = {"enriching": 0.8, "writing": 0.1, "idle": 0.1}
SETTLING = {"settling": 0.6, "writing": 0.3, "idle": 0.1}
IDLE = {"idle": 0.97, "writing": 0.03}
FETCHING = {"s": {"fetching": 0.9, "storing": 0.05, "waiting": 0.05}}
RESTING = {"s": {"fetching": 0.05, "waiting": 0.95}}

CASES = [
    (Load(), Knobs(), "none", "nothing-waits", None),
    (Load(workers=IDLE, sources=RESTING, cpu=0.2, settled=2_000), Knobs(), "none", "nothing-waits", None),
    (Load(workers=WRITING, sources=RESTING), Knobs(workers=2), "database", "database-busy", "worker.worker_count"),
    (Load(workers=WRITING), Knobs(has_one_writer=True), "database", "database-single", "database.url"),
    (Load(workers=WRITING), Knobs(db_batch_size=50), "database", "database-small", "worker.db_batch_size"),
    (Load(workers=WRITING), Knobs(workers=7), "database", "database-busy", "worker.worker_count"),
    (Load(workers=WRITING), Knobs(workers=8), "database", "database-full", None),
    (Load(workers=WRITING), Knobs(workers=1, most_at_once=2), "database", "database-busy", "worker.worker_count"),
    (Load(workers=WRITING), Knobs(workers=2, most_at_once=2), "database", "database-allowed", "worker.db_concurrent"),
    (Load(workers=ENRICHING), Knobs(), "look-up", "look-up-busy", "worker.enricher_concurrent"),
    (
        Load(workers=ENRICHING, is_cache_full=True, cache_hit_rate=0.3),
        Knobs(), "look-up", "look-up-cache", "worker.enricher_cache_size",
    ),
    (
        Load(workers=ENRICHING, is_cache_full=True, cache_hit_rate=0.97),
        Knobs(), "look-up", "look-up-busy", "worker.enricher_concurrent",
    ),
    (Load(workers=SETTLING), Knobs(), "queue", "queue-settling", "queue.batch_size"),
    (
        Load(workers=IDLE, backlog=40, claiming=0.9, settled=500, sources=FETCHING),
        Knobs(), "queue", "queue-claiming", "queue.batch_size",
    ),
    (Load(sources={"s": {"paused": 0.95}}), Knobs(workers=0), "queue", "queue-full", None),
    (
        Load(sources={"s": {"paused": 0.95}}),
        Knobs(workers=0, has_workers_off=True), "queue", "queue-full", "worker.enabled",
    ),
    (
        Load(workers=IDLE, sources={"s": {"fetching": 0.2, "storing": 0.7}}),
        Knobs(), "queue", "queue-storing", "queue.batch_size",
    ),
    (
        Load(workers=IDLE, sources=FETCHING),
        Knobs(pull_limits={"s": 500}), "source", "source-small", "source.pull_limit",
    ),
    (Load(workers=IDLE, sources=FETCHING), Knobs(pull_limits={"s": 5_000}), "source", "source-slow", None),
    (Load(workers=WRITING, cpu=0.97), Knobs(), "engine", "engine-computing", None),
    (
        Load(workers=WRITING, cpu=0.97),
        Knobs(db_batch_size=50), "engine", "engine-transactions", "worker.db_batch_size",
    ),
    (Load(workers=WRITING, cpu=0.97), Knobs(batch_size=1), "engine", "engine-batches", "queue.batch_size"),
    (
        Load(workers=SETTLING, cpu=0.97, sources=FETCHING),
        Knobs(pull_limits={"s": 20, "other": 1}), "engine", "engine-pulls", "source.pull_limit",
    ),
    (Load(workers=WRITING, cpu=0.97), Knobs(has_one_writer=True), "database", "database-single", "database.url"),
    (Load(workers=IDLE, cpu=0.97), Knobs(has_one_writer=True), "engine", "engine-computing", None),
    (Load(workers=WRITING, cpu=0.97, away=["database"]), Knobs(), "database", "database-away", None),
    (Load(workers=ENRICHING, away=["look-up"]), Knobs(), "look-up", "look-up-away", None),
    (Load(workers=IDLE, away=["queue", "s"], sources=FETCHING), Knobs(), "queue", "queue-away", None),
    (Load(workers=IDLE, away=["s"], sources=FETCHING), Knobs(), "source", "source-away", None),
]  # fmt: skip


@pytest.mark.parametrize(("load", "knobs", "stage", "case", "setting"), CASES, ids=[case[3] for case in CASES])
def test_the_stage_and_the_setting(load: Load, knobs: Knobs, stage: str, case: str, setting: str | None) -> None:
    """What never waits is the limit; the sentence is one, and has no place left open."""
    found = limiting(load, knobs)
    assert (found.stage, found.case, found.setting) == (stage, case, setting)
    assert found.sentence.endswith((".", ")."))
    assert "None" not in found.sentence


def test_half_busy_workers_are_the_limit_only_while_batches_wait() -> None:
    """With an empty queue they keep up; with a backlog they are what it waits for."""
    half = {"writing": 0.5, "idle": 0.5}
    assert limiting(Load(workers=half), Knobs()).stage == "none"
    assert limiting(Load(workers=half, backlog=10), Knobs()).stage == "database"


def test_the_busiest_source_is_named() -> None:
    """One of several is slow; one that is away is not called slow."""
    sources = {"a": {"fetching": 0.1}, "b": {"fetching": 0.95}, "c": {"fetching": 1.0}}
    found = limiting(Load(workers=IDLE, sources=sources, away=["c"]), Knobs())
    assert found.values == {"source": "b", "percent": 95}
    found = limiting(Load(workers=IDLE, sources={"a": sources["a"], "c": sources["c"]}, away=["c"]), Knobs())
    assert (found.stage, found.values) == ("none", {})


def test_small_pulls_are_those_of_the_busiest_source() -> None:
    """A quiet source with a smaller limit costs nothing, nor does any that rests."""
    sources = {"quiet": {"fetching": 0.05, "waiting": 0.95}, "busy": {"fetching": 0.6, "storing": 0.3}}
    load = Load(workers=SETTLING, cpu=0.97, sources=sources)
    found = limiting(load, Knobs(pull_limits={"quiet": 1, "busy": 50}))
    assert found.values == {"percent": 97, "size": 50, "source": "busy"}
    assert "pulls from busy of at most 50 records" in found.sentence
    assert limiting(load, Knobs(pull_limits={"quiet": 1})).case == "engine-computing"
    resting = Load(workers=SETTLING, cpu=0.97, sources={"quiet": sources["quiet"]})
    assert limiting(resting, Knobs(pull_limits={"quiet": 1})).case == "engine-computing"


def test_the_values_are_those_of_the_sentence() -> None:
    """Whoever words the sentence in another language needs nothing else."""
    found = limiting(Load(workers=WRITING), Knobs(workers=2))
    assert found.values == {"percent": 85, "workers": 2}
    assert "85 %" in found.sentence
    assert "More workers than 2" in found.sentence
