"""A private redis-server: loopback port, temporary folder, killed and started again on the same data at will."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from redis import Redis

from tests.servers.ports import free_port
from tests.servers.programs import need_program

START_SECONDS = 10.0
STOP_SECONDS = 10.0


class RedisServer:
    """One redis-server on `port`, its data in `folder`, with an append-only file synced every second.

    `options` are lines of redis.conf (`{"appendonly": "no"}`); they may be changed between `stop` and `start`.
    With `sentinel_config` it is a sentinel instead, under that file.
    Every public method returns once what it says is true.
    """

    def __init__(self, folder: Path, options: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.options = {"appendonly": "yes", "appendfsync": "everysec", "save": "", **(options or {})}
        self.sentinel_config: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def url(self) -> str:
        """The engine's URL of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def connect(self) -> "Redis":
        """Open a plain client, for what a test wants to see or break itself."""
        return Redis(port=self.port, socket_timeout=10, protocol=2)

    def start(self) -> None:
        """Start, on the data and the port of last time, and wait until it answers."""
        assert self._process is None, "the server is running"
        program = need_program("redis-server")
        if self.sentinel_config is not None:
            command = [program, str(self.sentinel_config), "--sentinel"]
        else:
            command = [program, "--dir", str(self.folder)]
            for name, value in self.options.items():
                command += [f"--{name}", value]
        command += ["--port", str(self.port), "--bind", "127.0.0.1"]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        self._wait_until_ready()

    def stop(self) -> None:
        """Shut down in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it the hard way (kill -9), whatever it does; harmless when it is not running."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill it and start it again on the same data and port."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections stay open, connecting works (the kernel answers), nothing else moves."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)  # a frozen one does not hear SIGTERM
        try:
            process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                log = (self.folder / "redis.log").read_text(errors="replace")
                raise AssertionError(f"redis-server does not start:\n{log[-4000:]}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        """Whether it listens and has loaded its data; a server with a password answers too."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False
