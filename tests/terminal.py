"""A command on a terminal of its own: what it draws there, and what is typed at it."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from tests.engine_process import KEPT


class Terminal:
    """A command on a terminal of its own, wide enough; what it drew so far."""

    def __init__(self, folder: Path, environ: dict[str, str], *arguments: str) -> None:
        self._master, slave = pty.openpty()
        kept = {key: value for key, value in os.environ.items() if key in KEPT}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "engine", *arguments],
            cwd=folder, env={**kept, "TERM": "xterm", "COLUMNS": "140", "LINES": "50", **environ},
            stdin=slave, stdout=slave, stderr=slave, close_fds=True,
        )  # fmt: skip
        os.close(slave)
        self.drawn = ""

    def until(self, text: str, seconds: float = 30.0) -> None:
        """Read until it has drawn this."""
        until = time.monotonic() + seconds
        while text not in self.drawn:
            assert time.monotonic() < until, self.drawn[-3000:]
            assert self._read(), f"ended: {self.drawn[-3000:]}"

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._read():
            pass
        return self.process.wait(10)

    def _read(self) -> bool:
        try:
            if select.select([self._master], [], [], 0.5)[0]:
                self.drawn += os.read(self._master, 65_536).decode(errors="replace")
        except OSError:  # the other end is closed
            return False
        return True

    def close(self) -> None:
        """End the command, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
