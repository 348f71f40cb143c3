"""An engine whose event loop is stuck, in a call that does not return, before the first signal comes."""

import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.shutdown import LAST_RESORT_SECONDS
from tests.collector import running_collector
from tests.collector.records import seeded_records
from tests.engine_process import EngineProcess, write_config
from tests.faults.control import GO, POINTS_VARIABLE, PORT_VARIABLE, answering
from tests.faults.scene import REPOSITORY

GRACE_SECONDS = 1.0
LATER_SECONDS = 1.5


@pytest.mark.parametrize(
    ("signals", "code", "seconds"),
    [
        ((signal.SIGTERM,), 70, GRACE_SECONDS + LAST_RESORT_SECONDS),
        ((signal.SIGINT, signal.SIGTERM), 130, 0.5),
    ],
)
def test_signals_end_an_engine_that_is_stuck(
    tmp_path: Path, signals: Sequence[signal.Signals], code: int, seconds: float
) -> None:
    """One signal ends it five seconds after the grace time, two at once: a thread sees to that, not the loop."""
    stuck, over = threading.Event(), threading.Event()

    def answer(_: str, __: int) -> str:
        stuck.set()
        over.wait()
        return GO

    with running_collector() as collector, answering(answer) as port:
        collector.add(seeded_records(10))
        write_config(
            tmp_path,
            engine={"shutdown_grace_seconds": GRACE_SECONDS},
            source=[{"name": "one", "url": collector.url}],
        )
        environ = {"PYTHONPATH": str(REPOSITORY), PORT_VARIABLE: str(port), POINTS_VARIABLE: "lookup.before:1"}
        with EngineProcess(tmp_path, environ=environ, module="tests.faults.crashing") as engine:
            assert stuck.wait(20)
            began = time.monotonic()
            for number in signals:
                engine.send(number)
            try:
                assert engine.wait(20) == code
            finally:
                over.set()
    assert seconds <= time.monotonic() - began < seconds + LATER_SECONDS
