"""What one run showed."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import frozen


@frozen
class Figures:
    """What one exact run showed; CPU seconds by the name of the process.

    `seconds` is from the moment everything is connected until the last row is committed; `whole_seconds` is what the
    engine's own account says, which begins before and ends after confirming to the collector.
    """

    records: int
    seconds: float
    cpu: Mapping[str, float]
    peak_mib: float = 0.0
    whole_seconds: float = 0.0
    batch_seconds: Sequence[float] = ()

    @property
    def records_per_second(self) -> float:
        """The speed."""
        return self.records / self.seconds

    def cpu_per_100k(self, name: str) -> float:
        """CPU seconds of one process per 100,000 records."""
        return self.cpu.get(name, 0.0) / self.records * 100_000


class Log:
    """What an engine said in JSON."""

    def __init__(self, text: str) -> None:
        self._events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    @property
    def written(self) -> Sequence[Mapping[str, Any]]:
        """The lines of the batches that were settled."""
        return [event for event in self._events if event["event"] == "batch written"]

    @property
    def batch_seconds(self) -> Sequence[float]:
        """How long each batch took, from the moment a worker had it until it was settled."""
        return [event["seconds"] for event in self.written]

    @property
    def seconds(self) -> float:
        """From the moment everything was connected until the last batch was settled; 0.0 where there was none."""
        return max([0.0, *(settled - self.began for settled in self.settled)])

    @property
    def began(self) -> float:
        """When everything was connected."""
        return next(moment(event) for event in self._events if event["event"].startswith("running"))

    @property
    def settled(self) -> Sequence[float]:
        """When each batch was."""
        return [moment(event) for event in self.written]


def moment(event: Mapping[str, Any]) -> float:
    """When it was said, in seconds since 1970."""
    return datetime.fromisoformat(event["timestamp"]).timestamp()
