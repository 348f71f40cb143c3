"""A collector on loopback that invents its sightings: what the engine runs on where nothing is configured."""

import json
from functools import partial
from urllib.parse import parse_qs, urlsplit

import h11
import trio

from adapters.sources.demo_spool import DemoSpool

LIVE_PER_SECOND = 2000
_READ_SIZE = 64 * 1024
_IDLE_SECONDS = 120.0


async def serve_demo(
    finite: int | None = None,
    per_second: int = LIVE_PER_SECOND,
    seed: int = 0,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; `await nursery.start(serve_demo, ...)` returns the URL.

    `finite` records of the last 24 hours are there at once; with None there is a live stream of `per_second`.
    """
    spool = DemoSpool(finite, per_second, seed)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    task_status.started(f"http://127.0.0.1:{port}")
    await trio.serve_listeners(partial(_serve, spool), listeners)


async def _serve(spool: DemoSpool, stream: trio.SocketStream) -> None:
    """One connection, until it is closed, idle or broken."""
    connection = h11.Connection(h11.SERVER)
    try:
        while True:
            with trio.fail_after(_IDLE_SECONDS):
                request, body = await _receive(connection, stream)
                if request is None:
                    return
                status, answer = _answer(spool, request, body)
                await _send(connection, stream, status, answer)
            connection.start_next_cycle()
    except (h11.ProtocolError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
        return


async def _receive(connection: h11.Connection, stream: trio.SocketStream) -> tuple[h11.Request | None, bytes]:
    request, body = None, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some(_READ_SIZE))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            return request, body


async def _send(connection: h11.Connection, stream: trio.SocketStream, status: int, answer: bytes) -> None:
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    events = (h11.Response(status_code=status, headers=headers), h11.Data(data=answer), h11.EndOfMessage())
    await stream.send_all(b"".join(connection.send(event) or b"" for event in events))


def _answer(spool: DemoSpool, request: h11.Request, body: bytes) -> tuple[int, bytes]:
    target = urlsplit(request.target.decode("ascii"))
    path = target.path.removeprefix("/api")
    routes = {
        (b"GET", "/pull"): partial(_pull, spool, target.query),
        (b"POST", "/confirm"): partial(_confirm, spool, body),
        (b"GET", "/stats"): partial(_stats, spool),
        (b"GET", "/health"): partial(bytes, b'{"status": "ok"}'),
    }
    route = routes.get((request.method, path))
    if route is None:
        return 404, b'{"error": "Not Found"}'
    try:
        return 200, route()
    except (ValueError, KeyError, TypeError) as error:
        return 500, json.dumps({"success": False, "error": str(error)}).encode()


def _pull(spool: DemoSpool, query: str) -> bytes:
    options = {name: values[-1] for name, values in parse_qs(query).items()}
    since = int(options["since_seq"]) if "since_seq" in options else None
    return spool.pull(int(options.get("limit", "1000")), since)


def _stats(spool: DemoSpool) -> bytes:
    return json.dumps({"success": True, "stats": spool.stats()}).encode()


def _confirm(spool: DemoSpool, body: bytes) -> bytes:
    count = int(json.loads(body)["count"])
    spool.confirm(count)
    return json.dumps({"success": True, "confirmed": count}).encode()
