"""Thousands of Redis commands cancelled at random moments; ten times as many with `--whole`."""

import time
from collections.abc import Iterator

import pytest

from tests.faults.cancellation import run_storm
from tests.faults.report import Result, note
from tests.servers.redis import RedisServer

CANCELLATIONS = 2_000
SHORT = [1]
WHOLE = list(range(1, 11))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One seed, or ten."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", WHOLE if metafunc.config.getoption("--whole", default=False) else SHORT)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of this suite's own."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


async def test_cancelling_mixes_up_nothing_and_loses_nothing(
    seed: int, server: RedisServer, pytestconfig: pytest.Config
) -> None:
    """Answers belong to their questions, deliveries to somebody, and no connection is left over."""
    began = time.monotonic()
    storm = await run_storm(server, seed, CANCELLATIONS)
    problems = [f"{times} times: {problem}" for problem, times in storm.problems.items()]
    scenario = f"{CANCELLATIONS} Redis commands cancelled"
    note(pytestconfig, Result("cancellation", scenario, f"seed {seed}", problems, time.monotonic() - began))
    assert problems == []
    assert storm.answered > CANCELLATIONS // 3
    assert len(storm.acked) > CANCELLATIONS // 200
