"""An engine that is older than its queue or its database ends at once, and says why."""

import re

import pytest

from tests.collector import running_collector
from tests.integration.places import Place, configure, typed

RECORD = {"ip": "8.8.8.8", "timestamp": "2026-11-20T00:00:01", "botnet_type": "mirai", "log_type": "online"}


@pytest.mark.parametrize("command", [["run", "--once"], ["fetch", "--once"], ["worker", "--once"], ["audit"]])
def test_a_queue_of_a_newer_engine(place: Place, command: list[str]) -> None:
    """Exit code 78, one line with both formats and what to do; every record is still there for the newer one."""
    with running_collector() as collector:
        configure(place, collector.url)
        collector.add([RECORD])
        assert typed(place, "fetch", "--once").code == 0
        place.number_queue(99)
        refused = typed(place, *command)
        assert refused.code == 78
        assert re.search(r"queue\.url: .* is in format 99, .* up to \d+: upgrade this engine", refused.errors)
        place.number_queue(2)
        assert typed(place, "run", "--once").code == 0
    assert place.rows("SELECT communication_count FROM botnet_nodes_mirai") == [(1,)]


@pytest.mark.parametrize(
    "command", [["run", "--once"], ["worker", "--once"], ["check"], ["audit"], ["dead-letters", "list"]]
)
def test_a_database_of_a_newer_engine(place: Place, command: list[str]) -> None:
    """The same."""
    with running_collector() as collector:
        configure(place, collector.url)
        collector.add([RECORD])
        assert typed(place, "run", "--once").code == 0
        place.number_database(99)
        refused = typed(place, *command)
    assert refused.code == 78
    assert re.search(r"database\.url: .* is in format 99, .* up to \d+: upgrade this engine", refused.errors)
