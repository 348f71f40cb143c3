"""A real `python -m engine` in a folder of its own, with real signals; and what it printed."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self, TextIO

WITHOUT_PAGE = {"ENGINE_STATUS__ADDRESS": "0"}
"""Engines of tests serve no status page, unless a test gives one an address: they would take each other's port."""
KEPT = {"PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "COVERAGE_PROCESS_START", "VIRTUAL_ENV", "TMPDIR"}


class EngineProcess:
    """One engine process. Its output goes to files in the folder, so that no pipe can block it.

    `module` is what runs: the engine, or an entry that arranges something and then runs it.
    """

    def __init__(
        self, folder: Path, *arguments: str, environ: dict[str, str] | None = None, module: str = "engine"
    ) -> None:
        self.folder = folder
        self.module = module
        self.arguments = arguments
        self.environ = {key: value for key, value in os.environ.items() if key in KEPT} | WITHOUT_PAGE | (environ or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._runs = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> Self:
        """Start, again after it has ended if you like; each start has output files of its own."""
        self._runs += 1
        with self._path("out").open("wb") as out, self._path("err").open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module, *self.arguments],
                cwd=self.folder,
                env=self.environ,
                stdout=out,
                stderr=err,
            )
        return self

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._running.send_signal(number)

    def wait(self, seconds: float = 60.0) -> int:
        """Wait for the end; the exit code. Fails with all it printed if it does not end in time."""
        try:
            return self._running.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {seconds} s:\n{self.errors[-3000:]}") from None

    def kill(self) -> None:
        """End it with -9, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._running.poll() is None

    @property
    def holds_hangups(self) -> bool:
        """Whether SIGHUP is held back at present."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        blocked = next(int(line.split()[1], 16) for line in lines if line.startswith("SigBlk:"))
        return bool(blocked & 1 << signal.SIGHUP - 1)

    @property
    def output(self) -> str:
        """What this start wrote to standard output so far."""
        return self._path("out").read_text()

    @property
    def errors(self) -> str:
        """What this start wrote to standard error so far."""
        return self._path("err").read_text()

    @property
    def account(self) -> dict[str, float]:
        """The JSON object in the last line of standard output."""
        answer: dict[str, float] = json.loads(self.output.splitlines()[-1])
        return answer

    def wait_for(self, pattern: str, seconds: float = 30.0, *, after: int = 0) -> re.Match[str]:
        """Wait until standard error matches; the match. Fails when the process ends before, or time does.

        What stands in the first `after` characters does not count.
        """
        reader = _Follower(self._path("err"), self._running)
        return reader.until(re.compile(pattern), seconds, after)

    def wait_for_end_or(self, pattern: str, seconds: float = 30.0) -> None:
        """Wait until standard error matches, or the process has ended."""
        try:
            self.wait_for(pattern, seconds)
        except AssertionError:
            if self.is_running:
                raise

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def _path(self, kind: str) -> Path:
        return self.folder / f"engine-{self._runs}.{kind}"


class _Follower:
    """Reads a growing file until something is in it."""

    def __init__(self, path: Path, process: "subprocess.Popen[bytes]") -> None:
        self._path = path
        self._process = process

    def until(self, pattern: re.Pattern[str], seconds: float, after: int) -> re.Match[str]:
        """The first match, looked for again each time the process has had a moment to write more."""
        waited = 0.0
        while True:
            ended = self._process.poll() is not None
            if match := pattern.search(self._path.read_text(), after):
                return match
            assert not ended, f"ended with {self._process.returncode}:\n{self._path.read_text()[-3000:]}"
            assert waited < seconds, f"no {pattern.pattern!r} in {seconds} s:\n{self._path.read_text()[-3000:]}"
            try:
                self._process.wait(0.02)
            except subprocess.TimeoutExpired:
                waited += 0.02


def write_config(folder: Path, **sections: dict[str, object] | list[dict[str, object]]) -> None:
    """Write an engine.toml: keyword `source` takes a list of tables, every other a table."""
    with (folder / "engine.toml").open("w") as stream:
        for name, content in sections.items():
            for table in content if isinstance(content, list) else [content]:
                _write_table(stream, f"[[{name}]]" if isinstance(content, list) else f"[{name}]", table)


def _write_table(stream: TextIO, head: str, table: dict[str, object]) -> None:
    stream.write(head + "\n")
    stream.writelines(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
