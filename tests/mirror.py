"""A provider of look-up files on loopback: it serves what a test gives it, rightly or wrongly."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.collector.misbehaviour import head, whole


class Served(NamedTuple):
    """One answer. `cut` ends the connection after half of the body; `hang` waits there for the test's end,
    `is_unmeasured` does not say how long the body is.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = {}
    cut: bool = False
    hang: bool = False
    is_unmeasured: bool = False


class Asked(NamedTuple):
    """One request: path and query, and its headers in small letters."""

    path: str
    query: str
    headers: Mapping[str, str]


class Mirror(ThreadingHTTPServer):
    """The provider. `files` are its answers by path; what is not among them is a 404. `asked` are the requests."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.files: dict[str, Served] = {}
        self.asked: list[Asked] = []
        self.is_hanging = threading.Event()
        self.is_over = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves in the middle is none of a test's business."""


class _Request(BaseHTTPRequestHandler):
    server: Mirror
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(Asked(parts.path, parts.query, headers))
        served = self.server.files.get(parts.path, Served(b"not here", 404))
        if served.status == 200 and headers.get("if-modified-since", "") == served.headers.get("Last_Modified", "none"):
            served = Served(status=304)
        if not (served.cut or served.hang or served.is_unmeasured):
            whole(self, served.status, served.body, **served.headers)
            return
        head(self, served.status, None if served.is_unmeasured else len(served.body), **served.headers)
        self.wfile.write(served.body[: len(served.body) // 2])
        if served.hang:
            self.server.is_hanging.set()
            self.server.is_over.wait()
        self.close_connection = True


@contextlib.contextmanager
def running_mirror() -> Iterator[Mirror]:
    """Run a provider in a thread of this process."""
    mirror = Mirror()
    thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield mirror
    finally:
        mirror.is_over.set()
        mirror.shutdown()
        mirror.server_close()
        thread.join()
