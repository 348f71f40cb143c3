"""What a collector does wrong when a test asks for it: damaged, slow or endless answers, confirms of every fate."""

import gzip
import json
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple

MEBIBYTE = 1024 * 1024


class Misbehaviour(NamedTuple):
    """One thing to do wrong, so many `times` (None: always); `value` says how, by kind.

    `on` is `confirm`, `pull`, or `page`: a pull that goes on from a number, as no question for the oldest record does.
    """

    kind: str
    on: str = "pull"
    times: int | None = 1
    value: str | float | None = None


class Mischief:
    """The misbehaviours waiting for their request."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self._waiting: list[Misbehaviour] = []
        self._lock = threading.Lock()

    def add(self, misbehaviour: Misbehaviour) -> None:
        """Do this once the ones added before it are done."""
        with self._lock:
            self._waiting.append(misbehaviour)

    @property
    def is_over(self) -> bool:
        """Whether every misbehaviour has met its request."""
        with self._lock:
            return not self._waiting

    def stop(self) -> None:
        """Behave from now on, and let go of whatever hangs or is late."""
        with self._lock:
            self._waiting.clear()
            self.released.set()
            self.released = threading.Event()

    def take(self, on: str) -> Misbehaviour | None:
        """What to do wrong with this request."""
        with self._lock:
            for place, each in enumerate(self._waiting):
                if each.on == on:
                    if each.times == 1:
                        del self._waiting[place]
                    elif each.times is not None:
                        self._waiting[place] = each._replace(times=each.times - 1)
                    return each
        return None


def head(request: BaseHTTPRequestHandler, status: int, length: int | None, **headers: str) -> None:
    """Send status and headers; without a length the answer ends with the connection."""
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    if length is None:
        request.send_header("Connection", "close")
        request.close_connection = True
    else:
        request.send_header("Content-Length", str(length))
    request.end_headers()


def whole(request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """Send an answer as it should be."""
    head(request, status, len(body), **headers)
    request.wfile.write(body)


def pull_wrongly(request: BaseHTTPRequestHandler, body: bytes, how: Misbehaviour, released: threading.Event) -> None:
    """Answer a pull, whose right answer is `body`, in the wrong way."""
    value = "" if how.value is None else str(how.value)
    simple: dict[str, Callable[[], tuple[int, bytes, dict[str, str]]]] = {
        "gzip": lambda: (200, gzip.compress(body, 1), {"Content-Encoding": "gzip"}),
        "deflate": lambda: (200, zlib.compress(body, 1), {"Content-Encoding": "deflate"}),
        "damaged_gzip": lambda: (200, b"\x1f\x8b\x08\x00" + body, {"Content-Encoding": "gzip"}),
        "cut_gzip": lambda: (200, gzip.compress(body, 1)[:-20], {"Content-Encoding": "gzip"}),
        "encoding": lambda: (200, body, {"Content-Encoding": value}),
        "cut_json": lambda: (200, body[: len(body) // 3], {}),
        "html": lambda: (200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html"}),
        "redirect": lambda: (302, b"", {"Location": value}),
        "status": lambda: (int(value), b'{"success": false, "error": "database is locked"}', {}),
        "failure": lambda: (200, b'{"success": false, "error": "database is locked"}', {}),
        "empty": lambda: (200, b'{"success": true, "count": 0, "data": [], "records": [], "max_seq_id": 0}', {}),
        "body": lambda: (200, value.encode("utf-8", "surrogateescape"), {}),
        "duplicate": lambda: (200, _doubled(body), {}),
    }
    if how.kind in simple:
        status, answer, headers = simple[how.kind]()
        whole(request, status, answer, **headers)
    elif how.kind == "truncated":
        head(request, 200, len(body))
        request.wfile.write(body[: len(body) // 2])
        request.close_connection = True
    elif how.kind == "inflate_bomb":
        head(request, 200, None, Content_Encoding="gzip")
        _write_all(request, _bomb(int(float(value))))
    elif how.kind == "endless":
        head(request, 200, None)
        _write_all(request, _endless())
    elif how.kind == "drip":
        head(request, 200, len(body))
        for byte in body:
            request.wfile.write(bytes((byte,)))
            if released.wait(float(value or 1)):
                break
    elif how.kind == "hang":
        released.wait()
        request.close_connection = True
    elif how.kind == "drop":
        request.close_connection = True
    else:
        raise ValueError(how.kind)


def confirm_wrongly(
    request: BaseHTTPRequestHandler, apply: Callable[[], None], how: Misbehaviour, released: threading.Event
) -> None:
    """Treat a confirm in the wrong way: `apply` would mark the records."""
    if how.kind == "late":  # the answer is lost, and it is applied only once the test says so
        threading.Thread(target=_apply_once_set, args=(released, apply), daemon=True).start()
        request.close_connection = True
    elif how.kind == "applied_then_dropped":
        apply()
        request.close_connection = True
    elif how.kind == "dropped":
        request.close_connection = True
    elif how.kind == "applied_then_500":
        apply()
        whole(request, 500, b'{"success": false, "error": "database is locked"}')
    elif how.kind == "status":
        whole(request, int(how.value or 500), b'{"success": false, "error": "database is locked"}')
    elif how.kind == "failure":
        whole(request, 200, b'{"success": false, "error": "database is locked"}')
    elif how.kind == "redirect":
        whole(request, 307, b"", Location=str(how.value))
    elif how.kind == "body":
        apply()
        whole(request, 200, str(how.value).encode())
    elif how.kind == "hang":
        released.wait()
        request.close_connection = True
    else:
        raise ValueError(how.kind)


def _apply_once_set(released: threading.Event, apply: Callable[[], None]) -> None:
    released.wait()
    apply()


def _doubled(body: bytes) -> bytes:
    answer = json.loads(body)
    answer["data"] = answer["records"] = [record for record in answer["data"] for _ in range(2)]
    return json.dumps(answer).encode()


def _bomb(size: int) -> Iterator[bytes]:
    """Give a gzip of `size` zeros: one compressed mebibyte, repeated."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield compressor.compress(b"") + compressor.flush(zlib.Z_FULL_FLUSH)
    piece = compressor.compress(bytes(MEBIBYTE)) + compressor.flush(zlib.Z_FULL_FLUSH)
    for _ in range(size // MEBIBYTE):
        yield piece


def _endless() -> Iterator[bytes]:
    yield b'{"success": true, "data": ['
    while True:
        yield b'{"ip": "8.8.8.8"}, ' * 4096
        time.sleep(0)


def _write_all(request: BaseHTTPRequestHandler, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        request.wfile.write(piece)
