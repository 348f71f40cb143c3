"""A private mariadbd: loopback port, temporary folder, killed and restarted on its data as often as a test likes."""

import atexit
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pymysql
from pymysql.constants import ER

from tests.servers.ports import free_port
from tests.servers.programs import need_program

START_SECONDS = 30.0
STOP_SECONDS = 20.0
# Small files: a test server starts in half a second and writes nothing it does not need. Without native AIO, because
# the kernel has a limited number of its slots, and many servers may run side by side.
SMALL = ("--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M", "--innodb-use-native-aio=0")


@functools.cache
def _template() -> Path:
    """An empty data folder, made once per process and copied for every server."""
    folder = Path(tempfile.mkdtemp(prefix="mariadb-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = [need_program("mariadb-install-db"), "--no-defaults", f"--datadir={folder / 'data'}", "--skip-test-db"]
    command += ["--auth-root-authentication-method=normal", "--skip-name-resolve", f"--user={_user()}", *SMALL]
    made = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert made.returncode == 0, f"mariadb-install-db fails:\n{made.stdout.decode(errors='replace')[-4000:]}"
    return folder / "data"


def _user() -> str:
    return "root" if os.geteuid() == 0 else os.environ.get("USER", "mysql")


class MariaDbServer:
    """One mariadbd on `port`, its data in `folder`. User root, no password, durable commits (`flush_log` = 1).

    `options` are server variables (`{"local_infile": 0}`); they may be changed between `stop` and `start`.
    Every public method returns once what it says is true.
    """

    def __init__(self, folder: Path, options: Mapping[str, str | int] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.socket = Path(tempfile.gettempdir()) / f"mariadb-{os.getpid()}-{self.port}.sock"
        self.options: dict[str, str | int] = {"innodb_flush_log_at_trx_commit": 1, **(options or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.socket.unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def url(self, database: str, user: str = "root", password: str = "") -> str:
        """The engine's URL for a database of this server."""
        return f"mysql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str | None = None) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """Open a plain connection as root with autocommit, for what a test wants to see or break itself."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True,
            connect_timeout=5, read_timeout=60, ssl_disabled=True,
        )  # fmt: skip

    def start(self) -> None:
        """Start, on the data and the port of last time, and wait until it answers."""
        assert self._process is None, "the server is running"
        data = self.folder / "data"
        if not data.exists():
            shutil.copytree(_template(), data)
        program = need_program("mariadbd")
        # Of its own: a server that starts deletes what others have in a common one.
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        command = [program, "--no-defaults", f"--user={_user()}", f"--datadir={data}", f"--socket={self.socket}"]
        command += [f"--tmpdir={temporary}"]
        command += [f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve", *SMALL]
        command += [f"--{name.replace('_', '-')}={value}" for name, value in self.options.items()]
        with (self.folder / "mariadbd.log").open("ab") as log:
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

    def connections(self, database: str) -> list[int]:
        """The ids of all connections to a database."""
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (database,))
            return [number for (number,) in cursor.fetchall()]

    def kill_connection(self, number: int) -> None:
        """End one connection; harmless when it has just ended."""
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            try:
                cursor.execute(f"KILL CONNECTION {number}")
            except pymysql.err.OperationalError as error:
                if error.args[0] != ER.NO_SUCH_THREAD:
                    raise

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connect().close()
            except pymysql.err.Error:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._process.kill()
                    log = (self.folder / "mariadbd.log").read_text(errors="replace")
                    raise AssertionError(f"mariadbd does not start:\n{log[-4000:]}") from None
                time.sleep(0.02)
            else:
                return
