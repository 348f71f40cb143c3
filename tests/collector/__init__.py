"""A collector for tests and benchmarks, written from the protocol alone: nothing here knows the engine or its adapters.

In a thread of the test: `with running_collector() as collector`. As a process: `python -m tests.collector`, or
`with collector_process() as collector`.
"""

from tests.collector.process import CollectorProcess, collector_process
from tests.collector.server import Collector, running_collector
from tests.collector.spool import Spool, Verbatim

__all__ = ["Collector", "CollectorProcess", "Spool", "Verbatim", "collector_process", "running_collector"]
