"""A really running engine whose page is looked at: a collector, look-up data of ours, and two dead letters."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from attrs import define, field

from tests.collector.process import CollectorProcess, collector_process
from tests.engine_process import EngineProcess, write_config
from tests.mmdb import write_mmdb
from tests.servers.ports import free_port

TOKEN = "a-token-that-nobody-guesses"
HOSTILE = '<img src=x onerror="alert(1)">'
RESERVED = "10.1.2.3"
"""An address that was refused once, and is accepted by now: its dead letter can be retried."""
NETWORKS: Mapping[str, Mapping[str, object]] = {
    "45.10.0.0/16": {"country": "DE", "asn": 3320, "as_name": "Deutsche Telekom AG"},
    "45.11.0.0/16": {"country": "BR", "asn": 28573, "as_name": HOSTILE},
    "45.12.0.0/16": {"country": "SG", "asn": 3758, "as_name": "SingNet"},
}


@define
class Scene:
    """One engine and one collector; `url` is where the page is."""

    folder: Path
    collector: CollectorProcess
    engine: EngineProcess
    url: str
    _numbers: Iterator[int] = field(factory=lambda: count(1))

    def bring(self, records: int, *, of: str = "45.10", botnet_type: str = "mozi") -> None:
        """The collector has so many more sightings, each of an address of its own in the network."""
        numbers = [next(self._numbers) for _ in range(records)]
        self.collector.add(sighting(f"{of}.{number // 250}.{number % 250 + 1}", botnet_type) for number in numbers)

    @contextmanager
    def database_locked(self) -> Iterator[None]:
        """Nobody else can write to the database meanwhile."""
        with closing(sqlite3.connect(self.folder / "engine.db", isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield

    def nodes(self, botnet_type: str, ip: str) -> int:
        """How many rows the database has of an address."""
        with closing(sqlite3.connect(self.folder / "engine.db")) as connection:
            query = f"SELECT COUNT(*) FROM botnet_nodes_{botnet_type} WHERE ip = ?"
            found: int = connection.execute(query, (ip,)).fetchone()[0]
            return found


def sighting(ip: str, botnet_type: str) -> bytes:
    """One record, seen now."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return json.dumps({"ip": ip, "timestamp": now, "botnet_type": botnet_type}).encode()


@contextmanager
def shown(folder: Path) -> Iterator[Scene]:
    """An engine that has met two records it could not store, and now runs with its page."""
    port = free_port()
    mmdb = write_mmdb(folder / "networks.mmdb", NETWORKS)
    with collector_process() as collector:
        write_config(
            folder,
            worker={"worker_count": 2},
            queue={"batch_size": 20, "high_watermark": 6, "low_watermark": 3},
            enrichment={"mmdb": [str(mmdb)]},
            status={"token": TOKEN},
            source=[{"name": "sinkhole-1", "url": collector.url, "pull_interval_seconds": 0.2}],
        )
        collector.add(
            sighting(ip, kind) for ip, kind in [("45.9.0.1", "mozi"), (RESERVED, "mozi"), ("45.9.0.1", HOSTILE)]
        )
        with EngineProcess(folder, "--once") as first:
            assert first.wait() == 0
        environ = {"ENGINE_STATUS__ADDRESS": f"127.0.0.1:{port}"}
        with EngineProcess(folder, "--set", "acceptance.allow_reserved=true", environ=environ) as engine:
            engine.wait_for("status page")
            yield Scene(folder, collector, engine, f"http://127.0.0.1:{port}/")
