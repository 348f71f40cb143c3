"""The collector's HTTP side: the protocol, and under /test/ what a test may do and see."""

import contextlib
import hmac
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.collector import misbehaviour
from tests.collector.misbehaviour import Misbehaviour, Mischief, whole
from tests.collector.spool import Spool, encoded

FOLDER = re.compile(r"\A(?:/as/[^/]+)?(?:/api)?(?=/)")
"""Where it can be found: under `/as/NAME`, too, so that one collector passes for many sources."""


class Collector(ThreadingHTTPServer):
    """A collector on loopback. `spool` holds its records; `mischief` what it does wrong; `pulls` the queries it got.

    `on_pull` is told of every pull that was answered: its `query`, `count`, highest number, and when it came and went.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, *, port: int = 0, api_key: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Request)
        self.spool = Spool()
        self.mischief = Mischief()
        self.api_key = api_key
        self.pulls: list[str] = []
        self.on_pull: Callable[[dict[str, object]], None] = lambda _entry: None
        self.is_secure = tls is not None
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http{'s' if self.is_secure else ''}://127.0.0.1:{self.server_address[1]}"

    def add(self, records: Iterable[object]) -> None:
        """Append records: bytes are JSON already, anything else is encoded."""
        self.spool.add(record if isinstance(record, bytes) else encoded(record) for record in records)

    def misbehave(
        self, kind: str, *, on: str = "pull", times: int | None = 1, value: str | float | None = None
    ) -> None:
        """Do something wrong with the next `times` requests (None: all), see `misbehaviour`."""
        self.mischief.add(Misbehaviour(kind, on, times, value))

    def behave(self) -> None:
        """Do nothing wrong any more; whatever hangs is let go, late confirms are applied."""
        self.mischief.stop()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves in the middle is none of a test's business."""


class _Request(BaseHTTPRequestHandler):
    """One connection."""

    server: Collector
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""

    def do_GET(self) -> None:
        path = self._path()
        if path == "/health":
            self._json(200, {"status": "ok", "service": "collector"})
        elif path == "/test/state":
            self._json(200, {"stats": self.server.spool.stats(), "unpulled": self.server.spool.unpulled()})
        elif path == "/test/confirms":
            self._json(200, {"confirms": self.server.spool.confirms})
        elif not self._is_authorized():
            self._json(401, {"error": "Unauthorized"})
        elif path == "/pull":
            self._pull()
        elif path == "/stats":
            self._json(200, {"success": True, "stats": self.server.spool.stats()})
        else:
            self._json(404, {"error": "Not Found"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path = self._path()
        if path.startswith("/test/"):
            self._test(path, body)
        elif not self._is_authorized():
            self._json(401, {"error": "Unauthorized"})
        elif path == "/confirm":
            self._confirm(body)
        else:
            self._json(404, {"error": "Not Found"})

    def _pull(self) -> None:
        asked_at = time.time()
        query = urlsplit(self.path).query
        self.server.pulls.append(query)
        options = {name: values[-1] for name, values in parse_qs(query).items()}
        how = self.server.mischief.take("pull")
        if how is None and "since_seq" in options:
            how = self.server.mischief.take("page")
        try:
            since = int(options["since_seq"]) if "since_seq" in options else None
            limit, confirm = int(options.get("limit", "1000")), options.get("confirm") == "true"
        except ValueError as error:
            self._json(500, {"success": False, "error": str(error)})
            return
        spool = self.server.spool
        pulled = spool.pull(limit, since, confirm=confirm)
        listed = b", ".join(pulled.records)
        lists = b'"data": [%b], "records": [%b]' % (listed, listed)
        highest = b'"max_seq_id": %d, "global_max_seq_id": %d' % (pulled.highest, spool.global_highest)
        stats = encoded(spool.stats())
        body = b'{"success": true, "count": %d, %b, %b, "stats": %b}' % (len(pulled.records), lists, highest, stats)
        if how is None:
            whole(self, 200, body, Content_Type="application/json")
        else:
            misbehaviour.pull_wrongly(self, body, how, self.server.mischief.released)
        told = {"query": query, "count": len(pulled.records), "highest": pulled.highest}
        self.server.on_pull(told | {"asked_at": asked_at, "answered_at": time.time()})

    def _confirm(self, body: bytes) -> None:
        try:
            count = int(json.loads(body)["count"])
        except (ValueError, KeyError, TypeError) as error:
            self._json(500, {"success": False, "error": str(error)})
            return
        how = self.server.mischief.take("confirm")
        if how is None:
            self.server.spool.confirm(count)
            self._json(200, {"success": True, "confirmed": count})
        else:
            released = self.server.mischief.released
            misbehaviour.confirm_wrongly(self, lambda: self.server.spool.confirm(count), how, released)

    def _test(self, path: str, body: bytes) -> None:
        if path == "/test/records":
            self.server.spool.add(line for line in body.split(b"\n") if line)
        elif path == "/test/reset":
            self.server.spool.reset()
        elif path == "/test/delete_pulled":
            self.server.spool.delete_pulled()
        elif path == "/test/misbehave":
            self.server.mischief.add(Misbehaviour(**json.loads(body)))
        elif path == "/test/behave":
            self.server.behave()
        self._json(200, {"success": True})

    def _path(self) -> str:
        return FOLDER.sub("", urlsplit(self.path).path)

    def _is_authorized(self) -> bool:
        expected = self.server.api_key
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        given = self.headers.get("X-API-Key", bearer)
        return expected is None or hmac.compare_digest(given.encode(), expected.encode())

    def _json(self, status: int, answer: object) -> None:
        whole(self, status, encoded(answer), Content_Type="application/json")


@contextlib.contextmanager
def running_collector(
    *, port: int = 0, api_key: str | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[Collector]:
    """Run a collector in a thread of this process."""
    collector = Collector(port=port, api_key=api_key, tls=tls)
    thread = threading.Thread(target=collector.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.behave()
        collector.shutdown()
        collector.server_close()
        thread.join()
