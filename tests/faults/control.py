"""How a test decides what happens at a point inside another process: the point asks, and waits for one word.

The asking side runs in the engine's process, the answering side in the test's. While a point waits for its word the
whole engine stands still, so that what the test does meanwhile (kill a server, empty it) happens exactly there.
"""

import contextlib
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

GO: Final = "go"
"""Nothing happens here."""
KILL: Final = "kill"
STOP: Final = "stop"
TERM: Final = "term"
LOSE: Final = "lose"
"""The call was carried out, its answer never arrives."""
REFUSE: Final = "refuse"
"""The call fails for a reason that nobody knows."""

SIGNALS: Final = {KILL: signal.SIGKILL, STOP: signal.SIGSTOP, TERM: signal.SIGTERM}

POINTS_VARIABLE: Final = "CRASH_POINTS"
PORT_VARIABLE: Final = "CRASH_PORT"
LEASE_VARIABLE: Final = "CRASH_LEASE_SECONDS"
ANSWER_VARIABLE: Final = "CRASH_ANSWER_SECONDS"
DEADLY_VARIABLE: Final = "CRASH_DEADLY_IP"

Answer = Callable[[str, int], str]
"""From the name of a point and the process that has reached it to one of the words above."""


class Asking:
    """The points of this process that matter, and how often each was reached.

    CRASH_POINTS is a list `name:nth[:word],…`: the word is done when the point is reached for the nth time; without
    a word, whoever listens on the loopback port CRASH_PORT is asked for it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._port = int(environ.get(PORT_VARIABLE, "0"))
        self._plan = {}
        for text in filter(None, environ.get(POINTS_VARIABLE, "").split(",")):
            name, nth, word = (*text.split(":"), "")[:3]
            self._plan[name] = (int(nth), word)
        self._reached: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reach(self, name: str) -> str:
        """Call at a point: what is to happen there. Does not return from a kill."""
        if name not in self._plan:
            return GO
        with self._lock:
            self._reached[name] += 1
            nth, word = self._plan[name]
            if self._reached[name] != nth:
                return GO
            word = word or self._ask(name)
        if word == STOP:
            # To this thread: one to the process may be taken by another thread, and this one would leave the point.
            signal.pthread_kill(threading.get_ident(), SIGNALS[word])
        elif word in SIGNALS:
            os.kill(os.getpid(), SIGNALS[word])
        return word

    def _ask(self, name: str) -> str:
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            connection.sendall(f"{name} {os.getpid()}\n".encode())
            return connection.makefile().readline().strip()


@contextlib.contextmanager
def answering(answer: Answer) -> Iterator[int]:
    """Answer whoever asks on a loopback port, which is yielded; one at a time, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, answer), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, answer: Answer) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # shut down
            return
        with connection, contextlib.suppress(ConnectionError):
            name, pid = connection.makefile().readline().split()
            connection.sendall(f"{answer(name, int(pid))}\n".encode())
