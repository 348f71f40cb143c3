"""`python -m benchmarks.profiled_engine …`: the real engine, every stage of a record's way measured.

Functions of the real classes are wrapped before the engine starts: once a page or a batch, never once a record. At the
end the figures go, as JSON, to the file that PROFILE_FILE names.
"""

import json
import os
import time
from pathlib import Path
from types import ModuleType

from adapters.queues import redis
from adapters.queues.aio import RedisServer
from adapters.queues.redis import RedisQueue
from adapters.sinks import mysql_writer
from adapters.sinks.connection import Session
from adapters.sinks.mysql_rows import Formatter
from adapters.sinks.mysql_writer import TableWriter
from adapters.sinks.wire import Wire
from adapters.sources import collector
from adapters.sources.collector import CollectorSource
from adapters.sources.collector_http import Endpoint
from benchmarks.meter import Meter
from engine import fetcher
from engine.cli import main
from engine.confirmer import Confirmer
from engine.enrichment import Enrichment
from engine.worker import Worker

FILE_VARIABLE = "PROFILE_FILE"

STAGES: list[tuple[str, type | ModuleType, str]] = [
    ("fetch: HTTP", Endpoint, "pull"),
    ("fetch: decode JSON, fingerprints", collector, "read_whole"),
    ("fetch: page and cursor", CollectorSource, "fetch"),
    ("acceptance, split into batches", fetcher, "prepare"),
    ("put: encode", redis, "encode"),
    ("put: receipts", redis, "receipt_of"),
    ("put: arguments", RedisQueue, "put"),
    ("Redis client, all commands", RedisServer, "_send"),
    ("claim", RedisQueue, "claim"),
    ("claim: decode", redis, "decode"),
    ("look-up and cache", Enrichment, "facts"),
    ("write: group by address", mysql_writer, "by_address"),
    ("write: check texts", mysql_writer, "check_texts"),
    ("write: format rows", Formatter, "rows"),
    ("write: encode rows", mysql_writer, "encode"),
    ("write: everything else", TableWriter, "write"),
    ("database: connecting", Session, "_connect"),
    ("database: load rows", Wire, "load"),
    ("database: statements", Wire, "execute"),
    ("database: questions", Wire, "rows"),
    ("database: commit", Wire, "commit"),
    ("settle: ack", RedisQueue, "ack"),
    ("settle: log line", Worker, "_report"),
    ("confirm to the collector", Confirmer, "settle"),
]
"""In the order of a record's way: stage, owner, function."""


def install(meter: Meter) -> None:
    """Put the meter around every stage."""
    for stage, owner, name in STAGES:
        setattr(owner, name, meter.around(stage, getattr(owner, name)))


def write(meter: Meter, started: float, file: Path) -> None:
    """Keep what was measured, and the CPU seconds of the whole process since `started`."""
    stages = [{"stage": stage, "cpu": meter.cpu[stage], "wall": meter.wall[stage]} for stage, _, _ in STAGES]
    file.write_text(json.dumps({"stages": stages, "start": started, "cpu": time.process_time()}))


if __name__ == "__main__":
    one = Meter()
    install(one)
    imports = time.process_time()
    try:
        main()
    finally:
        write(one, imports, Path(os.environ[FILE_VARIABLE]))
