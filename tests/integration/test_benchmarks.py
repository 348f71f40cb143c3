"""The benchmark in small: it runs, it checks, and it says what it measured."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import pytest

from adapters.sinks.indexes import INDEXES
from benchmarks import corpus, indexes, large, scale
from benchmarks.engine_run import run_engine
from benchmarks.ground import Options, ground, work_of
from benchmarks.peers.run import run_peer
from benchmarks.peers.scenario import PEERS
from benchmarks.report import Target, percentile, spread
from benchmarks.scaling import BEGIN, END, filled
from tests.servers.programs import need_program
from tests.servers.redis_cluster import RedisClusterServers

REPOSITORY = Path(__file__).parents[2]
RECORDS = 2_000
Runs = list[tuple[float, float]]


@pytest.mark.timeout(300)
def test_throughput_in_small(tmp_path: Path) -> None:
    """Two thousand records with one and two workers: exact, and the JSON has rates, ratios and targets."""
    for name in ("redis-server", "mariadbd"):
        need_program(name)
    file = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", f"--records={RECORDS}", "--workers=1,2", "--runs=1"]
    subprocess.run([*command, f"--json={file}"], cwd=REPOSITORY, check=True, env=os.environ, timeout=280)
    result = json.loads(file.read_text())["throughput"]
    assert result["data"]["workers"] == [1, 2]
    for engine, floor, ratio in zip(*(result["data"][key] for key in ("engine", "floor", "ratio")), strict=True):
        assert ratio["median"] == pytest.approx(engine["median"] / floor["median"])
    assert {target["is_met"] for target in result["targets"]} <= {True, False}
    assert result["machine"]["cores"] == os.cpu_count()


@pytest.mark.timeout(300)
def test_large_in_small(tmp_path: Path) -> None:
    """Twenty thousand sightings and a slice for each: the sums are right, and memory is told by tenths."""
    for name in ("redis-server", "mariadbd"):
        need_program(name)
    with ground(tmp_path) as where:
        report = large.run(where, Options(records=200, runs=1))
    assert [row[0] for row in report.rows] == ["engine", "floor"]
    assert len(report.notes) == 2 + 10
    assert {target.text.split(",")[0] for target in report.targets} == {
        "peak memory of the engine",
        "what the engine keeps",
    }


@pytest.mark.timeout(300)
def test_two_engines_in_small(tmp_path: Path) -> None:
    """Two engines on one queue, in one Redis and in a cluster of three: exact, and every part has its CPU time."""
    need_program("mariadbd")
    with ground(tmp_path) as where, RedisClusterServers(tmp_path / "cluster") as cluster:
        work = work_of(corpus.make(RECORDS, seed=1), tmp_path)
        stores = {
            scale.ONE: scale.Store(where.redis.url, [where.redis.pid]),
            scale.CLUSTER: scale.Store(cluster.url, [node.pid for node in cluster.nodes]),
        }
        runs = {(name, 2): [scale.run_engines(where, work, store, 2)] for name, store in stores.items()}
    for (run,) in runs.values():
        assert run.records == RECORDS
        assert run.cpu.keys() == {"engine", "redis", "busiest node", "mariadbd", "collector"}
        assert 0 <= run.cpu["busiest node"] <= run.cpu["redis"]


def test_an_inexact_run_has_no_figure(tmp_path: Path) -> None:
    """A collector that serves one record less than expected fails the run, although the engine ends in order."""
    need_program("mariadbd")
    with ground(tmp_path) as where:
        work = work_of(corpus.make(500, seed=3), tmp_path)
        lines = work.file.read_text().splitlines(keepends=True)
        work.file.write_text("".join([*lines[:-1], lines[0]]))
        with pytest.raises(AssertionError, match="communications missing"):
            run_engine(where, work, 1, Options())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_in_small(tmp_path: Path, name: str) -> None:
    """Every peer gets all rows into the tables; with the careful handler the counters are right, too."""
    peer = PEERS[name]
    if find_spec(peer.app.partition("_")[0]) is None:
        pytest.skip("not installed: pip install -e '.[peers]'")
    need_program("mariadbd")
    with ground(tmp_path) as where:
        outcome = run_peer(where, work_of(corpus.make(RECORDS, seed=1), tmp_path), peer, 2)
    assert (outcome.tally.missing, outcome.tally.extra) == (0, 0)
    assert (outcome.tally.wrong_nodes == 0) == (not outcome.differences) == bool(peer.environ)
    assert outcome.figures.seconds > 0


@pytest.mark.timeout(300)
def test_indexes_in_small(tmp_path: Path) -> None:
    """The same rows go into tables with each index and with none, exactly, and all have a price."""
    need_program("mariadbd")
    with ground(tmp_path) as where:
        report = indexes.run(where, Options(records=RECORDS, runs=1))
    assert list(report.data) == [row[0] for row in report.rows] == [indexes.NONE, *INDEXES]
    assert all(cpu > 0 and size > 0 for runs in report.data.values() for cpu, size in cast("Runs", runs))


def test_the_page_about_scaling_is_filled_in() -> None:
    """Between its markers stand what was measured and what follows from it; the rest of the page stays."""
    spent = {"engine": 2.0, "redis": 0.0, "busiest node": 0.0, "mariadbd": 4.0, "collector": 0.1}
    line = {"queue": "one Redis", "engines": 2, "rate": 20_000.0, "cpu": spent, "busy": 1.5}
    machine = {"cores": 2, "cpu": "some"}
    result = {"title": "t", "date": "d", "options": {"runs": 3}, "machine": machine, "data": {"lines": [line]}}
    page = (REPOSITORY / "benchmarks" / "SCALING.md").read_text()
    once = filled(page, result)
    assert "| one Redis | 2 | engines, all together | 2.00 | 20,000 | 50,000 | 0.40 |\n" in once
    assert (
        "| one Redis | 2 | the Redis node that has the queue | 0.00 | 20,000 | too little CPU to say | 0.00 |\n" in once
    )
    assert filled(once, result) == once
    assert once.partition(BEGIN)[0] == page.partition(BEGIN)[0]
    assert once.partition(END)[2] == page.partition(END)[2]


def test_the_corpus_is_as_described() -> None:
    """The same seed gives the same records: about 42 % distinct addresses, about 2 % exact repeats."""
    made = corpus.make(20_000, seed=1)
    assert made == corpus.make(20_000, seed=1)
    assert made != corpus.make(20_000, seed=2)
    assert 0.39 < len(made.addresses) / len(made) < 0.46
    assert 0.015 < 1 - made.expected().rows / len(made) < 0.03


@pytest.mark.parametrize(
    ("target", "is_met"),
    [
        (Target("rate", 0.81, 0.8), True),
        (Target("rate", 0.79, 0.8), False),
        (Target("cost", 1.3, 1.2, is_least=False), False),
        (Target("cost", 1.2, 1.2, is_least=False), True),
    ],
)
def test_a_target_is_met_or_not(target: Target, is_met: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """At least or at most, the limit itself included."""
    assert target.is_met is is_met
    assert str(target).startswith("met" if is_met else "NOT MET")


def test_median_spread_and_percentiles() -> None:
    """Of a hundred values: the middle, both ends, and what 99 of them do not exceed."""
    values = [float(value) for value in range(1, 101)]
    assert spread(values).show() == "50 (1..100)"
    assert percentile(values, 0.99) == 100.0
    assert percentile(values, 0.5) == 51.0
