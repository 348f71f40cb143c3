"""A collector in a process of its own, steered over its /test/ paths."""

import contextlib
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from typing import IO, Any, cast

REQUEST_SECONDS = 30.0


class CollectorProcess:
    """`python -m tests.collector` with the given options; `url` is where it listens."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "tests.collector", "--until-eof", *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.url = cast("IO[bytes]", self.process.stdout).readline().decode().strip()
        if not self.url:
            raise RuntimeError(f"no collector: {command} ended with {self.process.wait()}")

    def add(self, records: Iterable[bytes]) -> None:
        """Append records, each one JSON without a newline."""
        self._post("records", b"\n".join(records))

    def reset(self) -> None:
        """Delete its spool: numbers start at 1 again."""
        self._post("reset")

    def misbehave(
        self, kind: str, *, on: str = "pull", times: int | None = 1, value: str | float | None = None
    ) -> None:
        """Do something wrong with the next `times` requests (None: all)."""
        self._post("misbehave", json.dumps({"kind": kind, "on": on, "times": times, "value": value}).encode())

    def behave(self) -> None:
        """Do nothing wrong any more."""
        self._post("behave")

    def confirms(self) -> list[dict[str, Any]]:
        """Return every confirm that was applied: `count`, `marked` (inclusive ranges of numbers) and `at`."""
        return cast("list[dict[str, Any]]", self._get("confirms")["confirms"])

    def stats(self) -> dict[str, int]:
        """Return the collector's own counters."""
        return cast("dict[str, int]", self._get("state")["stats"])

    def unpulled(self) -> list[list[int]]:
        """Return which numbers it still hands out, as inclusive ranges."""
        return cast("list[list[int]]", self._get("state")["unpulled"])

    def pause(self) -> None:
        """Stop it as a hung collector would be (SIGSTOP)."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused one go on."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.communicate()

    def _post(self, path: str, body: bytes = b"") -> None:
        request = urllib.request.Request(f"{self.url}/test/{path}", data=body, method="POST")
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as response:
            response.read()

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/test/{path}", timeout=REQUEST_SECONDS) as response:
            return cast("dict[str, Any]", json.load(response))


@contextlib.contextmanager
def collector_process(*options: str) -> Iterator[CollectorProcess]:
    """Run a collector in its own process; see `python -m tests.collector -h` for options."""
    collector = CollectorProcess(*options)
    try:
        yield collector
    finally:
        collector.close()
