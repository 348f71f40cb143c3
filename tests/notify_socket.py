"""A service manager's end of the notify socket: receives what is told, in the order it comes."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Told = dict[str, str]
"""The assignments of one datagram."""


class NotifySocket:
    """A real socket of the real protocol; `environ` is what a process started by its owner gets."""

    def __init__(self, folder: Path, watchdog_seconds: float | None = None) -> None:
        self.path = folder / "notify"
        self.environ = {"NOTIFY_SOCKET": str(self.path)}
        if watchdog_seconds is not None:
            self.environ["WATCHDOG_USEC"] = str(round(watchdog_seconds * 1_000_000))
        self.told: list[Told] = []
        self._more = threading.Condition()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))

    def receive(self) -> None:
        """Receive until an empty datagram comes, then close the socket."""
        with self._socket:
            while datagram := self._socket.recv(65_536):
                told = dict(line.split("=", 1) for line in datagram.decode().splitlines())
                with self._more:
                    self.told.append(told)
                    self._more.notify_all()

    def end(self) -> None:
        """Send the empty datagram."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.path))

    def wait_for(self, wanted: Callable[[Told], bool], *, after: int = 0, seconds: float = 30.0) -> int:
        """Wait for a datagram from the one numbered `after` on; its number. Fails when none has come in time."""
        with self._more:
            assert self._more.wait_for(lambda: self._first(wanted, after) is not None, seconds), self.told
            found = self._first(wanted, after)
            assert found is not None
            return found

    def _first(self, wanted: Callable[[Told], bool], after: int) -> int | None:
        return next((number for number, told in enumerate(self.told) if number >= after and wanted(told)), None)


@contextmanager
def notify_socket(folder: Path, watchdog_seconds: float | None = None) -> Iterator[NotifySocket]:
    """Listen in a folder."""
    listening = NotifySocket(folder, watchdog_seconds)
    receiver = threading.Thread(target=listening.receive)
    receiver.start()
    try:
        yield listening
    finally:
        listening.end()
        receiver.join()
